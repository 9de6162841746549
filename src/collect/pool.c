/* SPDX-License-Identifier: Apache-2.0 */
/* pool.c -- keeps enough segments free for the target's threads, up to the cap
 *
 * Called by: drain.c while it follows rings, recording.c after each round. docs/channel.md, section 4.
 *
 *   given segments ──► a chain ──► pushed with one compare-and-swap ──► `room` bumped, waiters woken
 *   too few free?  ──► memory behind the next ones ──► the same chain
 *
 * Always true: a target that scribbles over stack or links harms its own threads only; here every loop is bounded.
 */
#include "collect/pool.h"

#include <limits.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FREE 0u
#define BARE UINT32_MAX
#define WATERMARK 1024u
#define BACK_AT_ONCE 256u /* segments: 4 MiB */
#define PUSH_TRIES 10000

int ht_pool_init(struct ht_pool *p, struct ht_session *s, struct ht_err *err)
{
	*p = (struct ht_pool){ .session = s };
	p->holder = malloc(s->segment_count * sizeof(*p->holder));
	if (!p->holder)
		return ht_err_set(err, HT_ESYSTEM, "out of memory");
	for (uint32_t i = 0; i < s->segment_count; i++)
		p->holder[i] = BARE;
	ht_pool_refill(p);
	return p->free ? 0 : ht_err_sys(err, "no memory for the channel");
}

void ht_pool_fini(struct ht_pool *p)
{
	free(p->holder);
	*p = (struct ht_pool){ 0 };
}

bool ht_pool_take(struct ht_pool *p, uint32_t segment, uint32_t slot)
{
	if (segment >= p->backed || p->holder[segment] != FREE)
		return false;
	p->holder[segment] = slot + 1;
	p->taken++;
	if (--p->free == 0)
		p->ran_out = true;
	return true;
}

static void add_to_chain(struct ht_pool *p, uint32_t segment)
{
	/* relaxed: released by the push */
	atomic_store_explicit(&p->session->seg_next[segment], p->chain_len ? p->chain_first + 1 : 0, memory_order_relaxed);
	if (!p->chain_len)
		p->chain_last = segment;
	p->chain_first = segment;
	p->chain_len++;
	p->holder[segment] = FREE;
	p->free++;
}

void ht_pool_give(struct ht_pool *p, uint32_t segment)
{
	add_to_chain(p, segment);
}

/* The pages are charged to this process, and touched before the target sees them. A refusal leaves the pool as big as it is. */
static void back_more(struct ht_pool *p, uint32_t wanted)
{
	struct ht_session *s = p->session;
	struct ht_err err;

	while (p->free < wanted && p->backed < s->segment_count) {
		uint32_t n = s->segment_count - p->backed;

		if (n > BACK_AT_ONCE)
			n = BACK_AT_ONCE;
		if (ht_session_back(s, s->segments_at + (uint64_t)p->backed * HT_SEGMENT_BYTES, (uint64_t)n * HT_SEGMENT_BYTES, &err))
			return;
		for (uint32_t i = 0; i < n; i++)
			add_to_chain(p, p->backed + n - 1 - i);
		p->backed += n;
	}
}

static void push_chain(struct ht_pool *p)
{
	struct ht_channel *ch = p->session->channel;
	/* acquire: pairs with the pops; the top's link is not needed here, only its number */
	uint64_t top = atomic_load_explicit(&ch->free_top, memory_order_acquire);

	for (int i = 0; i < PUSH_TRIES; i++) {
		uint64_t mine = ((top >> 32) + 1) << 32 | (p->chain_first + 1);

		atomic_store_explicit(&p->session->seg_next[p->chain_last], (uint32_t)top, memory_order_relaxed);
		/* release: pairs with the acquire in agent/thread.c:pop_segment() */
		if (atomic_compare_exchange_weak_explicit(&ch->free_top, &top, mine, memory_order_acq_rel, memory_order_acquire)) {
			atomic_fetch_add_explicit(&ch->free_count, p->chain_len, memory_order_relaxed); /* a hint */
			p->chain_len = 0;
			return;
		}
	}
}

void ht_pool_refill(struct ht_pool *p)
{
	struct ht_channel *ch = p->session->channel;
	uint32_t wanted = p->taken > WATERMARK / 4 ? p->taken * 4 : WATERMARK;

	back_more(p, wanted);
	p->taken = 0;
	if (!p->chain_len)
		return;
	push_chain(p);
	/* seq_cst: bumped before the look at waiters, so that a thread either sees the bump or is seen; agent/thread.c:wait_for_segment() */
	atomic_fetch_add(&ch->room, 1);
	if (atomic_load(&ch->waiters))
		syscall(SYS_futex, &ch->room, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}
