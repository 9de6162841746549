/* SPDX-License-Identifier: Apache-2.0 */
/* pool.h -- the segments: which are free, which belong to a ring, which have memory behind them
 *
 * Used by: drain.c (take, give) and recording.c (refill, once a round).
 *
 *         back            refill             thread pops, drain.c follows its link          drain.c is done with it
 *   bare ──────► spare ◄────────► free ─────────────────────────────────────────► held by a ring ────────► spare
 *
 * Always true:
 *   P1  the record of who holds what is the collector's own; the links in the channel only suggest
 *   P2  only spare segments are pushed, so none is pushed twice
 *   P3  at most most_free segments are free: what threads can write before the next round is bounded
 *
 * Between pop and link a segment counts as free here: the count is right to one segment a thread.
 */
#ifndef HT_POOL_H
#define HT_POOL_H

#include <stdbool.h>

#include "collect/session.h"

struct ht_pool {
	struct ht_session *session;
	uint32_t *holder; /* of each segment: bare, spare, free, or slot + its base */
	uint32_t *spare;  /* a stack: with memory behind them, not handed out */
	uint32_t spare_count;
	uint32_t backed; /* segments below have memory behind them */
	uint32_t free, most_free;
	uint32_t taken; /* since the last refill */
	uint32_t given; /* likewise */
	bool ran_out;   /* there was no free segment at some moment */
};

int ht_pool_init(struct ht_pool *p, struct ht_session *s, uint32_t most_free, struct ht_err *err);
void ht_pool_fini(struct ht_pool *p);

/* A ring begins or goes on in `segment`. False: it is not free, or does not exist. */
bool ht_pool_take(struct ht_pool *p, uint32_t segment, uint32_t slot);
void ht_pool_give(struct ht_pool *p, uint32_t segment);

/* Brings the free segments to the watermark and wakes who waits. */
void ht_pool_refill(struct ht_pool *p);

#endif
