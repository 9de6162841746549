/* SPDX-License-Identifier: Apache-2.0 */
/* pool.c -- keeps enough segments free for the target's threads, up to the cap
 *
 * Called by: drain.c while it follows rings, recording.c after each round. docs/channel.md, section 4.
 *
 *   too few free? ──► spare ones, and memory behind new ones ──► a chain ──► pushed with one compare-and-swap
 *                                                                 └──► `room` bumped, waiters woken
 *
 * Always true: a target that scribbles over stack or links harms its own threads only; here every loop is bounded.
 */
#include "collect/pool.h"

#include <limits.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BARE 0u
#define SPARE 1u
#define FREE 2u
#define HELD 3u /* + slot */
#define WATERMARK 1024u
#define BACK_AT_ONCE 256u /* segments: 4 MiB */
#define PUSH_TRIES 10000

int ht_pool_init(struct ht_pool *p, struct ht_session *s, uint32_t most_free, struct ht_err *err)
{
	*p = (struct ht_pool){ .session = s, .most_free = most_free };
	p->holder = calloc(s->segment_count, sizeof(*p->holder));
	p->spare = malloc(s->segment_count * sizeof(*p->spare));
	if (!p->holder || !p->spare)
		return ht_err_set(err, HT_ESYSTEM, "out of memory");
	ht_pool_refill(p);
	return p->free ? 0 : ht_err_sys(err, "no memory for the channel");
}

void ht_pool_fini(struct ht_pool *p)
{
	free(p->holder);
	free(p->spare);
	*p = (struct ht_pool){ 0 };
}

bool ht_pool_take(struct ht_pool *p, uint32_t segment, uint32_t slot)
{
	if (segment >= p->backed || p->holder[segment] != FREE)
		return false;
	p->holder[segment] = HELD + slot;
	p->taken++;
	if (--p->free == 0)
		p->ran_out = true;
	return true;
}

void ht_pool_give(struct ht_pool *p, uint32_t segment)
{
	p->holder[segment] = SPARE;
	p->spare[p->spare_count++] = segment;
	p->given++;
}

/* The pages are charged to this process, and touched before the target sees them. A refusal leaves the pool as
 * big as it is. */
static void back_more(struct ht_pool *p)
{
	struct ht_session *s = p->session;
	uint32_t n = s->segment_count - p->backed;
	struct ht_err err;

	if (n > BACK_AT_ONCE)
		n = BACK_AT_ONCE;
	if (!n || ht_session_back(s, s->segments_at + (uint64_t)p->backed * HT_SEGMENT_BYTES,
				  (uint64_t)n * HT_SEGMENT_BYTES, &err))
		return;
	for (uint32_t i = n; i--;) {
		p->holder[p->backed + i] = SPARE;
		p->spare[p->spare_count++] = p->backed + i;
	}
	p->backed += n;
}

struct chain {
	uint32_t first, last, len;
};

/* Spare segments linked through seg_next, until `wanted` would be free. */
static struct chain make_chain(struct ht_pool *p, uint32_t wanted)
{
	struct chain c = { .len = 0 };

	while (p->free + c.len < wanted) {
		uint32_t segment;

		if (!p->spare_count)
			back_more(p);
		if (!p->spare_count)
			break;
		segment = p->spare[--p->spare_count];
		/* relaxed: released by the push */
		atomic_store_explicit(&p->session->seg_next[segment], c.len ? c.first + 1 : 0, memory_order_relaxed);
		if (!c.len++)
			c.last = segment;
		c.first = segment;
		p->holder[segment] = FREE;
	}
	p->free += c.len;
	return c;
}

/* Bounded: only a target that plays with the stack can make it fail, and it is the one that goes without. */
static void push_chain(struct ht_pool *p, struct chain c)
{
	struct ht_channel *ch = p->session->channel;
	/* acquire: pairs with the pops; the top's link is not needed here, only its number */
	uint64_t top = atomic_load_explicit(&ch->free_top, memory_order_acquire);

	for (int i = 0; i < PUSH_TRIES; i++) {
		uint64_t mine = ((top >> 32) + 1) << 32 | (c.first + 1);

		atomic_store_explicit(&p->session->seg_next[c.last], (uint32_t)top, memory_order_relaxed);
		/* release: pairs with the acquire in agent/thread.c:pop_segment() */
		if (!atomic_compare_exchange_weak_explicit(&ch->free_top, &top, mine, memory_order_acq_rel,
							   memory_order_acquire))
			continue;
		atomic_fetch_add_explicit(&ch->free_count, c.len, memory_order_relaxed); /* a hint */
		return;
	}
}

void ht_pool_refill(struct ht_pool *p)
{
	struct ht_channel *ch = p->session->channel;
	uint32_t wanted = p->taken > WATERMARK / 4 ? p->taken * 4 : WATERMARK;
	struct chain c = make_chain(p, wanted < p->most_free ? wanted : p->most_free);

	p->taken = p->given = 0;
	if (!c.len)
		return;
	push_chain(p, c);
	/* seq_cst: bumped before the look at waiters, so that a thread either sees the bump or is seen;
	 * agent/thread.c:wait_for_segment() */
	atomic_fetch_add(&ch->room, 1);
	if (atomic_load(&ch->waiters))
		syscall(SYS_futex, &ch->room, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}
