/* SPDX-License-Identifier: Apache-2.0 */
/* recording.h -- one recording, of a command or of a process that runs, from the first look at it to the last byte of the trace
 *
 * Called by: show/record.c.     The rounds it turns, and who does what in them, are drawn in recording.c.
 */
#ifndef HT_RECORDING_H
#define HT_RECORDING_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "channel/channel.h"
#include "collect/before.h"
#include "collect/session.h"
#include "util/err.h"

#define HT_RECORDING_FILE_LEAST (128u << 10) /* what a trace needs to begin, to hold something and to end */

/* The state of a running recording, for the progress line. */
struct ht_progress {
	uint64_t elapsed_ns, calls, live_bytes, file_bytes, blocked_ns, lost;
	bool live_unknown; /* too many blocks to keep count of */
};

struct ht_recording_result;

/* Of a process that runs already: how it is entered, and left when the recording ends, or when it does not begin. attach/ does both. */
struct ht_recording_door {
	pid_t pid;
	struct ht_session_lender lender;
	int (*enter)(void *with, struct ht_channel *channel, struct ht_err *err);
	uint64_t (*unknown)(void *with, const char **why); /* docs/trace-format.md, section 5.2: before, before_why */
	ht_before_next *next;                              /* the blocks that it had when it was entered */
	void (*leave)(void *with);
	void *with;
};

struct ht_recording_options {
	const char *output; /* NULL: heaptap.<comm>.<pid>.htap */
	const char *version;
	enum ht_policy policy;
	uint32_t flags;     /* enum ht_session_flag */
	bool wait_for_tree; /* the recording ends with the last process, not with the first */
	uint64_t max_bytes; /* of the file, at least HT_RECORDING_FILE_LEAST; 0: no limit */
	char *const *argv;
	const struct ht_recording_door *door; /* instead of argv; NULL: argv is run */
	uint64_t most_ns;                     /* then the recording ends, and the program runs on; 0: no limit */
	void (*progress)(const struct ht_progress *p); /* NULL: nobody looks */
	void (*pausing)(void);                         /* the terminal is about to belong to the shell */
	/* Recording ended early, by the limit or a failed write; the program runs on. */
	void (*stopped)(const struct ht_recording_result *so_far);
};

/* What became of it. Everything that makes the trace less than whole has a field here, for show/ to say. */
struct ht_recording_result {
	char output[512];
	int status; /* of the target, as waitpid gives it; valid if `ended` */
	bool ended;
	uint64_t calls, bytes, lost, blocked_ns, damaged_streams, contexts_cut;
	uint64_t run_ns;     /* from the start to the end of the recording */
	uint64_t live_bytes; /* at the end */
	bool live_unknown;   /* nobody looked, too many blocks, or several processes */
	uint32_t forked_children, images, images_not_recorded;
	uint32_t processes, unheard, still_running, modules_left_out;
	bool kin_unknown;           /* the kernel told of more processes than could be heard */
	bool untold;                /* it told of none, and children were followed: the shortest may be missing */
	char why_not_recorded[512]; /* the last of them */
	bool limit_reached, time_reached;
	bool write_failed;
	struct ht_err write_error;
	bool never_waited; /* a seccomp filter made the policy drop */
	bool slow_clock;   /* no invariant time stamp counter */
};

/* Runs the command to its end, or records the process until somebody asks for the end. An error means that nothing was recorded. */
int ht_recording_run(const struct ht_recording_options *o, struct ht_recording_result *ret, struct ht_err *err);

#endif
