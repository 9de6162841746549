/* SPDX-License-Identifier: Apache-2.0 */
/* drain.h -- follows the rings of all threads, and ends those whose thread is gone
 *
 * Used by: recording.c.
 *
 * Always true:
 *   D1  a ring is followed only through segments that it holds by the pool's own record
 *   D2  a slot is freed only after its ring was followed to its head and its account closed
 *   D3  a ring belongs to one image, and so to one process, from its first cell to its last
 */
#ifndef HT_DRAIN_H
#define HT_DRAIN_H

#include "collect/decode.h"
#include "collect/images.h"
#include "collect/pool.h"

struct ht_ring {
	struct ht_decoder decoder;
	uint32_t slot, segment;
	uint64_t at;                        /* cells followed */
	uint32_t known_tid;                 /* its thread as entered in by_tid */
	uint32_t replaced_tid;              /* its thread's id was seen again in a newer slot */
	uint32_t memo[HT_MEMOS + HT_PATHS]; /* segments + 1 that hold its thread's remembered stacks */
	bool damaged;
};

struct ht_drain {
	struct ht_session *session;
	struct ht_pool *pool;
	struct ht_streams *streams;
	struct ht_images *images;
	struct ht_ring **of_slot; /* NULL: not followed */
	uint32_t *active;         /* slots that are followed */
	uint32_t active_count;
	uint32_t *by_tid; /* slot + 1 of the latest thread with this id */
	uint32_t claims;  /* seen */
	uint32_t renamed; /* where among the active the look for new names goes on */
	uint32_t damaged;
	struct ht_cell *copy; /* one segment */
};

int ht_drain_init(struct ht_drain *d, struct ht_err *err);
void ht_drain_fini(struct ht_drain *d);

/* Takes what all threads have published; the number of cells. */
uint64_t ht_drain_round(struct ht_drain *d);

/* Ends the rings whose threads are gone; looks for new names. */
void ht_drain_reap(struct ht_drain *d);

/* Whether every call that came in has been accounted for, so that no thread is in the middle of one. */
bool ht_drain_settled(struct ht_drain *d);

/* Closes all accounts as they stand. */
void ht_drain_close(struct ht_drain *d);

/* Of the rings that are followed now. */
void ht_drain_sum(const struct ht_drain *d, uint64_t *lost, uint64_t *blocked_ticks);

#endif
