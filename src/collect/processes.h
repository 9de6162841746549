/* SPDX-License-Identifier: Apache-2.0 */
/* processes.h -- the processes of the session: who they are, whose children, when and how they ended
 *
 * Used by: recording.c (root, ends), kin.c (the kernel's word), images.c (the agents' word), drain.c and streams.c (whose thread is it).
 *
 *   born (kernel) ──┐                                       ┌── exit (kernel)
 *   image (agent) ──┴─► known, PROCESS record ──► alive ──► ended, PROCESS record again ──┴── end (pidfd)
 *
 * Always true:
 *   K1  a process is known before its first image is put; numbers run from 1, the root's
 *   K2  a pid names at most one living process; that it still is the same one is known by its pidfd, or by the kernel's word
 *   K3  a process whose end is seen ends only after what the kernel told of it before was taken (kin.c:ht_kin_end)
 */
#ifndef HT_PROCESSES_H
#define HT_PROCESSES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "collect/mappings.h"
#include "collect/proc.h"
#include "collect/ticker.h"
#include "collect/trace.h"

#define HT_PROCESSES_GONE 64 /* at a time */

struct ht_process {
	uint32_t number, parent; /* parent 0: not of this session */
	uint32_t before;         /* who had this pid before; 0: nobody that we know */
	pid_t pid, ppid;
	int pidfd; /* -1: could not be had, or not needed any more */
	bool ended;
	bool told;           /* of its birth the kernel told */
	bool leader_ended;   /* the kernel told of its first thread's exit; others may run on */
	bool waits_for_code; /* ended, and may still tell its exit code */
	uint64_t start_ticks, end_ticks;
	enum ht_exit exit;
	uint32_t code;
	char comm[16];
	struct ht_buf command;

	/* its images, for images.c */
	uint32_t image;             /* the latest; 0: none yet */
	uint32_t status;            /* of that, enum ht_image_state */
	uint64_t image_ticks;       /* when that joined */
	uint64_t exec_ticks;        /* latest exec that the kernel told of; 0: none */
	struct ht_proc_exe exe;     /* what the latest image runs */
	uint64_t stranger_since_ns; /* it runs something without an agent since then; 0: it does not */
	struct ht_proc_exe stranger;
	struct ht_mappings mappings;
};

struct ht_processes {
	struct ht_trace *trace;
	const struct ht_ticker *ticker;
	struct ht_modules *modules; /* what the loaders of all processes told; NULL: nobody reads it */
	struct ht_process **at;     /* by number - 1 */
	uint32_t count, cap;
	uint32_t running; /* not ended, as far as known */
	uint32_t living;  /* in `alive`: those, and those whose exit code may still be told */
	uint32_t *by_pid; /* number of the latest process with this pid */
	uint32_t *alive;  /* numbers of those, in no order */
	int ends;         /* epoll: readable when a process may have ended */
	uint32_t refused; /* processes that could not be kept account of, for want of memory */
};

int ht_processes_init(struct ht_processes *ps, struct ht_trace *t, const struct ht_ticker *ticker, struct ht_err *err);
void ht_processes_fini(struct ht_processes *ps);

/* A new process, the child of `parent` (NULL: of none of ours). `joined_ticks`: it ran at that moment, so that a younger one with this pid is
 * another. NULL: no memory. */
struct ht_process *ht_processes_add(struct ht_processes *ps, pid_t pid, const struct ht_process *parent,
				    uint64_t start_ticks, uint64_t joined_ticks);

/* The latest process with this pid, which may have ended; the living one. Or NULL. */
struct ht_process *ht_processes_latest(const struct ht_processes *ps, pid_t pid);
struct ht_process *ht_processes_find(const struct ht_processes *ps, pid_t pid);

/* The one that had this pid at that moment, as far as is known; NULL: never heard of. */
struct ht_process *ht_processes_at(const struct ht_processes *ps, pid_t pid, uint64_t ticks);
struct ht_process *ht_processes_get(const struct ht_processes *ps, uint32_t number);

/* Reads comm and command line; false if the process is not there any more to be asked. */
bool ht_processes_describe(struct ht_processes *ps, struct ht_process *p);

/* The same after an exec: what it was called before is no answer, unless its new image has said so already. */
void ht_processes_executed(struct ht_processes *ps, struct ht_process *p, uint64_t ticks);
void ht_processes_put(struct ht_processes *ps, const struct ht_process *p);

/* It ended, `wait_status` as from waitpid; -1: how is not known. */
void ht_processes_end(struct ht_processes *ps, struct ht_process *p, uint64_t ticks, int wait_status);

/* Which have ended, but for their end to be taken; how many. `thorough`: also those that no descriptor tells of. */
size_t ht_processes_gone(const struct ht_processes *ps, bool thorough, struct ht_process *ret[HT_PROCESSES_GONE]);

/* Leaves those in peace that have nothing more to tell. `thorough`: asks the others once more. */
void ht_processes_tidy(struct ht_processes *ps, bool thorough);

#endif
