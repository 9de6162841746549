/* SPDX-License-Identifier: Apache-2.0 */
/* join.h -- into a process that runs, as one that records it, and out of it again
 *
 * Used by: show/running.c, for `heaptap record -p` and `heaptap detach`.
 *
 *   ht_join_look     may it be entered, and can it be recorded? Nothing is done to it, but that what a dead recorder left is taken away
 *   ht_join_lend     1st visit: the foothold is mapped, and memory that becomes the channel
 *   ht_join_enter    the blob is written; 2nd visit: the census of its blocks, the entries, and the door opens
 *   ht_join_leave    3rd visit, and more if threads are in the blob: what patch.h takes out
 *
 * Always true:
 *   J1  after ht_join_leave, whatever came before, the process is as it was, or what is left in it does nothing and is told
 *   J2  between the visits nothing of ours is in the way of the process: no tracer, no thread, no descriptor, no library
 */
#ifndef HT_JOIN_H
#define HT_JOIN_H

#include "attach/census.h"
#include "attach/loaded.h"
#include "attach/patch.h"
#include "attach/serving.h"

/* The blocks that it had when it was entered. */
struct ht_join_census {
	bool wanted; /* the caller's word, before ht_join_enter */
	bool taken;
	struct ht_census census;
	uint64_t ns;   /* for so long it stood still for that */
	char why[512]; /* not taken, or not whole */
};

struct ht_join {
	struct ht_process process;
	struct ht_serving serving;
	struct ht_loaded loaded;
	struct ht_patch_plan plan;
	uint64_t shared_at;
	struct ht_join_census before;
	uint64_t stopped_ns; /* in the visit in which it was entered */
};

int ht_join_look(pid_t pid, struct ht_join *ret, struct ht_err *err);
void ht_join_fini(struct ht_join *j);

/* How much memory the process's own limits let it share. */
uint64_t ht_join_most_bytes(const struct ht_join *j);

/* `fd`: of memory without bytes, which the process has mapped as `bytes`. */
int ht_join_lend(struct ht_join *j, uint64_t bytes, int *fd, struct ht_err *err);

/* `channel` is laid out in that memory, and its recording has started. */
int ht_join_enter(struct ht_join *j, struct ht_channel *channel, struct ht_err *err);

/* How many blocks of before may be unknown, or known and gone, at most; UINT64_MAX: any number. `why`: docs/trace-format.md, section 5.2. */
uint64_t ht_join_unknown_blocks(const struct ht_join *j, const char **why);

enum ht_left {
	HT_LEFT_NOTHING, /* nothing was there */
	HT_LEFT_CLEAN,
	HT_LEFT_BUSY,    /* a thread may come back to the code: it stays, and does nothing */
	HT_LEFT_FOREIGN, /* somebody else wrote over our jumps: likewise */
};

/* HT_ETARGET: it could not be tried. */
int ht_join_leave(struct ht_join *j, enum ht_left *ret, struct ht_err *err);

/* What a recorder that is dead left in the process, is taken away. HT_ETARGET: the recorder lives, and who it is. */
int ht_join_clean(pid_t pid, enum ht_left *ret, struct ht_err *err);

#endif
