/* SPDX-License-Identifier: Apache-2.0 */
/* running.h -- the door into a process that runs, between attach/, which knows how, and collect/, which wants to record
 *
 * Used by: record.c; the words of what was left, also by detach.c.
 */
#ifndef HT_RUNNING_H
#define HT_RUNNING_H

#include "attach/join.h"
#include "collect/recording.h"

struct ht_running {
	struct ht_join join;
	struct ht_recording_door door;
	struct ht_chunk_cursor at; /* in the census */
	enum ht_left left;
	struct ht_err why_not; /* its code is 0: it was left, as `left` says */
};

/* It stays where it is: the door points to it. */
int ht_running_open(pid_t pid, bool census, struct ht_running *ret, struct ht_err *err);
void ht_running_close(struct ht_running *r);

/* What the user has to know, on stderr: how the process was left. `talkative`: also what went as it should. */
void ht_running_tell(const struct ht_running *r, bool talkative);

/* A line for what is still in the process; nothing for what is not. */
void ht_running_tell_left(pid_t pid, enum ht_left left);

#endif
