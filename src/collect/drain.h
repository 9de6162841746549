/* SPDX-License-Identifier: Apache-2.0 */
/* drain.h -- takes what the threads published out of their rings
 *
 * Used by: recording.c, once a round.     docs/channel.md, sections 2, 3 and 7.
 *
 *   slots ──claims moved──► rings (what the collector knows of a slot) ──tail .. head──► cells ──► streams
 *                                └── segments done with go back to the pool
 *
 * Always true:
 *   D1  of the channel only the head, the counters, the links and the cells are believed, each copied once and checked before use
 *   D2  a ring reads at most what its own segments hold; one that breaks a rule is given up, its segments go back
 */
#ifndef HT_DRAIN_H
#define HT_DRAIN_H

#include "collect/pool.h"
#include "collect/streams.h"

/* What the collector knows of a slot that is in use. */
struct ht_ring {
	uint32_t slot;
	uint32_t word;    /* the slot's state when its ring began */
	uint32_t segment; /* of tail; HT_NONE: given up */
	uint64_t tail;
	uint64_t flushed_ns;
	struct ht_stream *stream; /* NULL before the first THREAD cell */
};

struct ht_drain {
	struct ht_session *session;
	struct ht_pool *pool;
	struct ht_streams *streams;
	struct ht_ring **ring_of; /* by slot */
	struct ht_ring **rings;   /* those in use, rings_len of them */
	uint32_t rings_len;
	uint32_t claims;          /* when the table was last looked through */
};

int ht_drain_init(struct ht_drain *d, struct ht_session *s, struct ht_pool *p, struct ht_streams *streams, struct ht_err *err);
void ht_drain_fini(struct ht_drain *d);

/* One round over all rings; the number of cells taken. */
uint64_t ht_drain_round(struct ht_drain *d);

/* Writes rows that have waited longer than `age_ns`. */
void ht_drain_flush(struct ht_drain *d, uint64_t now_ns, uint64_t age_ns);

/* Closes the streams of threads that are gone: those of images before `image`, and those whose tid `lives` does not know. Slots whose
 * threads appeared after the listing behind `lives` was begun must not be asked: call ht_drain_round before making it. */
void ht_drain_reap(struct ht_drain *d, uint32_t image, bool (*lives)(const void *with, uint32_t tid), const void *with);

/* Takes what is left and closes everything: nobody writes any more, or nobody is listened to. */
void ht_drain_close(struct ht_drain *d);

/* Counters of the threads now recorded, for the progress line. */
void ht_drain_sums(const struct ht_drain *d, uint64_t *lost, uint64_t *blocked_ticks);

#endif
