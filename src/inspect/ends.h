/* SPDX-License-Identifier: Apache-2.0 */
/* ends.h -- every block once, when its life is over and all of it is known
 *
 * Callers: lifetimes.c and sizes.c.
 *
 *   alloc ────────── free            freed          the event says by whom
 *   alloc ──── realloc ──── free     reallocated, and then the new block freed
 *   alloc ──────────────────┤        kept           until the process or the recording ended
 *   alloc ────── exec                replaced       the program was, by another
 *   alloc ────── alloc               forgotten      its address was handed out again: its end is not in the trace
 *
 * What a forked child does to its copy of a block is no end of it (replay.h).
 * A block passes if it was made in the filter's window and meets its restrictions; those that do not are told too.
 */
#ifndef HT_ENDS_H
#define HT_ENDS_H

#include "inspect/filter.h"

enum ht_ended_how { HT_ENDED_FREED, HT_ENDED_REALLOCATED, HT_ENDED_KEPT, HT_ENDED_REPLACED, HT_ENDED_FORGOTTEN };

struct ht_ended {
	enum ht_ended_how how;
	const struct ht_live_block *block;
	const struct ht_stream *maker; /* the thread that made it */
	const struct ht_event *event;  /* freed, reallocated; else NULL */
	uint64_t lifetime_ns;          /* kept: until now */
	bool existed;                  /* before the recording began: when it was made is not known */
	bool passes;
};

typedef int ht_ends_visit(void *state, const struct ht_ended *e, struct ht_err *err);

/* Replays the trace. The filter is bound. */
int ht_ends_run(struct ht_model *t, struct ht_filter *f, ht_ends_visit *visit, void *state, struct ht_err *err);

#endif
