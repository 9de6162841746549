/* SPDX-License-Identifier: Apache-2.0 */
/* visit.h -- all threads of a process stand still for a moment, and whatever happens to us, they go on
 *
 * Used by: borrow.c, patch.c, and whoever enters a process.
 *
 *   ht_visit_run ──► a process of its own ──► seize every thread, stop it ──► the work ──► let go ──► it ends
 *                    (the kernel lets go of all that is left, however it ends)
 *
 *   a thread is    HELD     stopped; its registers are known
 *                  CAUGHT   in a sleep that nothing ends but what it waits for (a vfork, a disk): it stops before it runs on
 *                  PARKED   asleep in a call that says EINTR when it is stopped, with a time limit that would begin anew: it is left asleep, and
 *                           stopped only if it wakes up
 *                  GONE     it has ended
 *
 * Always true:
 *   V1  a thread whose call returned EINTR because it was stopped here makes that call again
 *   V2  no wait without an end: at the deadline all are let go, and the visit has failed
 *   V3  a signal that comes for a thread is passed on at once
 */
#ifndef HT_VISIT_H
#define HT_VISIT_H

#include <sys/user.h>

#include "attach/process.h"

enum ht_visit_state { HT_VISIT_STOPPING, HT_VISIT_HELD, HT_VISIT_CAUGHT, HT_VISIT_PARKED, HT_VISIT_GONE };

struct ht_visited {
	pid_t tid;
	enum ht_visit_state state;
	struct user_regs_struct regs; /* HELD; else only rip and rsp */
};

struct ht_visit {
	struct ht_process *process;
	uint64_t until_ns; /* CLOCK_MONOTONIC */
	bool filtered;     /* it has a seccomp filter, which must sleep meanwhile */
	struct ht_visited *thread;
	size_t threads, cap;
	size_t woken; /* that were left asleep, and stopped when they had woken up */
};

typedef int ht_visit_work(struct ht_visit *v, void *with, struct ht_err *err);

/* What is done, in at most so long, with `bytes` bytes at `with` that come back as the work left them. */
struct ht_visit_task {
	ht_visit_work *work;
	void *with;
	size_t bytes;
	uint64_t most_ns;
};

/* Does it while all threads stand still: from the first that was stopped to the last that was let go took `stopped_ns` (NULL: nobody asks). */
int ht_visit_run(struct ht_process *p, const struct ht_visit_task *task, uint64_t *stopped_ns, struct ht_err *err);

/* In the work: whoever was parked and has woken up is stopped now. */
int ht_visit_settle(struct ht_visit *v, struct ht_err *err);

/* In the work: one that was parked is stopped all the same, and its time limit will begin anew. False: there is none, or it does not stop. */
bool ht_visit_rouse(struct ht_visit *v);

/* The next stop of a held thread that was made to run: its status; negative: none before the deadline. */
int ht_visit_wait(struct ht_visit *v, struct ht_visited *t);

uint64_t ht_visit_now_ns(void);

#endif
