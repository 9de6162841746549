/* SPDX-License-Identifier: Apache-2.0 */
/* pool.h -- the segments: which are free, which belong to a ring, which have memory behind them
 *
 * Used by: drain.c (take, give) and recording.c (refill, once a round).
 *
 *        back            thread pops            drain.c follows a link         drain.c is done with it
 *   bare ────► FREE ──────────────────────────► held by a ring ──────────────────────► FREE
 *
 * Always true:
 *   P1  the record of who holds what is the collector's own; the links in the channel only suggest
 *   P2  a segment is pushed only when a ring that held it gave it up, or when it got its memory: never twice
 *
 * Between pop and link a segment counts as FREE here: the count is right to one segment a thread.
 */
#ifndef HT_POOL_H
#define HT_POOL_H

#include <stdbool.h>

#include "collect/session.h"

struct ht_pool {
	struct ht_session *session;
	uint32_t *holder; /* of each segment: free, bare, or slot + 1 */
	uint32_t backed;  /* segments below have memory behind them */
	uint32_t free;
	uint32_t taken;   /* since the last refill */
	uint32_t chain_first, chain_last, chain_len; /* free, not pushed yet; linked through seg_next */
	bool ran_out;     /* there was no free segment at some moment */
};

int ht_pool_init(struct ht_pool *p, struct ht_session *s, struct ht_err *err);
void ht_pool_fini(struct ht_pool *p);

/* A ring begins or goes on in `segment`. False: it is not free, or does not exist. */
bool ht_pool_take(struct ht_pool *p, uint32_t segment, uint32_t slot);
void ht_pool_give(struct ht_pool *p, uint32_t segment);

/* Pushes what was given, brings the free segments to the watermark, wakes who waits. */
void ht_pool_refill(struct ht_pool *p);

#endif
