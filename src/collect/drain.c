/* SPDX-License-Identifier: Apache-2.0 */
/* drain.c -- takes cells out of the channel: which slots there are, what their rings hold, when they end
 *
 * Called by: recording.c: a round every few milliseconds, reaping every 100 ms, close at the end.
 *
 *   slot LIVE ──► ring: first_segment ─► seg_next ─► seg_next ... up to head      each copied, then decoded (C3)
 *                   └── thread gone ──► REAPING ──► followed to head, account closed ──► FREE
 *
 * A thread is gone when its process is; when the kernel knows no thread of that id in the process; when the id was seen
 * again in a newer slot; when its image is. A ring that breaks a rule is never looked at again but to close its account,
 * and from then on no thread waits for room: what it holds does not come back.
 */
#include "collect/drain.h"

#include <stdlib.h>
#include <string.h>

#include "collect/proc.h"

#define TID_LIMIT ((1u << 22) + 1)
#define RENAME_AT_ONCE 64u
#define AGREE_TRIES 100
#define REFILL_AFTER 256u /* segments given back: threads may be waiting */

int ht_drain_init(struct ht_drain *d, struct ht_err *err)
{
	d->of_slot = calloc(d->session->slot_count, sizeof(*d->of_slot));
	d->active = malloc(d->session->slot_count * sizeof(*d->active));
	d->by_tid = calloc(TID_LIMIT, sizeof(*d->by_tid));
	d->copy = malloc(HT_SEGMENT_BYTES);
	if (d->of_slot && d->active && d->by_tid && d->copy)
		return 0;
	ht_drain_fini(d);
	return ht_err_set(err, HT_ESYSTEM, "out of memory");
}

void ht_drain_fini(struct ht_drain *d)
{
	for (uint32_t i = 0; d->of_slot && i < d->active_count; i++)
		free(d->of_slot[d->active[i]]);
	free(d->of_slot);
	free(d->active);
	free(d->by_tid);
	free(d->copy);
	*d = (struct ht_drain){ 0 };
}

static struct ht_slot *slot_of(const struct ht_drain *d, const struct ht_ring *r)
{
	return &d->session->slots[r->slot];
}

static void damage(struct ht_drain *d, struct ht_ring *r)
{
	r->damaged = true;
	d->damaged++;
	ht_session_never_wait(d->session);
}

/* ---- following a ring -------------------------------------------------------------------------------------- */

/* Enters the ring's thread in by_tid; of two slots with one thread id the one that began later has the living
 * thread. */
static void note_tid(struct ht_drain *d, struct ht_ring *r)
{
	const struct ht_stream *mine = r->decoder.stream;
	uint32_t *entry;
	struct ht_ring *other;

	if (!mine || mine->tid == r->known_tid)
		return;
	if (!mine->tid) { /* not known */
		r->known_tid = r->replaced_tid = 0;
		return;
	}
	entry = &d->by_tid[mine->tid];
	other = *entry ? d->of_slot[*entry - 1] : NULL;
	r->known_tid = mine->tid;
	r->replaced_tid = 0;
	if (other && other != r && other->known_tid == mine->tid && other->decoder.stream) {
		if (other->decoder.stream->first_ticks > mine->first_ticks) {
			r->replaced_tid = mine->tid;
			return;
		}
		other->replaced_tid = mine->tid;
	}
	*entry = r->slot + 1;
}

static bool next_segment(struct ht_drain *d, struct ht_ring *r)
{
	/* relaxed: published with the head that was acquired */
	uint32_t next = atomic_load_explicit(&d->session->seg_next[r->segment], memory_order_relaxed) - 1;

	if (!ht_pool_take(d->pool, next, r->slot))
		return false;
	ht_pool_give(d->pool, r->segment);
	r->segment = next;
	r->at = (r->at / HT_SEGMENT_CELLS + 1) * HT_SEGMENT_CELLS;
	if (d->pool->given >= REFILL_AFTER)
		ht_pool_refill(d->pool);
	return true;
}

/* The rest of the segment that `at` is in, as far as published. */
static bool take_segment(struct ht_drain *d, struct ht_ring *r, uint64_t head)
{
	uint32_t place = (uint32_t)(r->at % HT_SEGMENT_CELLS);
	uint32_t count = head - r->at < HT_SEGMENT_CELLS - place ? (uint32_t)(head - r->at) : HT_SEGMENT_CELLS - place;

	memcpy(d->copy, d->session->segments + (size_t)r->segment * HT_SEGMENT_CELLS + place,
	       count * sizeof(struct ht_cell));
	switch (ht_decode(&r->decoder, d->copy, count)) {
	case HT_DECODED_ALL:
		r->at += count;
		return r->at % HT_SEGMENT_CELLS != 0; /* a segment ends with a link */
	case HT_DECODED_LINK:
		return next_segment(d, r) && r->at <= head;
	default:
		return false;
	}
}

/* The thread has taken segments that are not part of its ring. */
static void note_memos(struct ht_drain *d, struct ht_ring *r)
{
	const struct ht_slot *slot = slot_of(d, r);

	for (uint32_t i = 0; i < HT_MEMOS + HT_PATHS; i++) {
		/* acquire: pairs with the release in agent/thread.c:ht_thread_memo() */
		uint32_t memo = atomic_load_explicit(&slot->memo[i], memory_order_acquire);

		if (memo && !r->memo[i] && ht_pool_take(d->pool, memo - 1, r->slot))
			r->memo[i] = memo;
	}
}

static void give_memos(struct ht_drain *d, struct ht_ring *r)
{
	note_memos(d, r);
	for (uint32_t i = 0; i < HT_MEMOS + HT_PATHS; i++) {
		if (!r->memo[i])
			continue;
		ht_pool_give(d->pool, r->memo[i] - 1);
		atomic_fetch_sub_explicit(&d->session->channel->memo_count, 1,
					  memory_order_relaxed); /* a limit, not a promise */
	}
}

static uint64_t follow(struct ht_drain *d, struct ht_ring *r)
{
	struct ht_slot *slot = slot_of(d, r);
	struct ht_process *process;
	/* acquire: pairs with the publishing store in agent/agent.h:ht_emit() (C2) */
	uint64_t head = atomic_load_explicit(&slot->head, memory_order_acquire);
	uint64_t from = r->at;

	if (head == from || r->damaged)
		return 0;
	if (head < from || head - from > (uint64_t)d->session->segment_count * HT_SEGMENT_CELLS)
		damage(d, r);
	process = ht_images_process(d->images, r->decoder.image);
	d->streams->contexts->mappings = process ? &process->mappings : NULL;
	while (!r->damaged && r->at < head)
		if (!take_segment(d, r, head))
			damage(d, r);
	atomic_store_explicit(&slot->tail, r->at, memory_order_relaxed); /* for debuggers */
	note_memos(d, r);
	note_tid(d, r);
	return r->at - from;
}

/* ---- slots ------------------------------------------------------------------------------------------------- */

/* The slot is LIVE, so first_segment and first_head stand until we free it. */
static void begin(struct ht_drain *d, uint32_t number)
{
	struct ht_slot *slot = &d->session->slots[number];
	struct ht_ring *r = calloc(1, sizeof(*r));

	if (!r) {
		/* relaxed: for our own next look */
		atomic_fetch_or_explicit(&d->session->channel->claimed[number / 64], 1ull << number % 64,
					 memory_order_relaxed);
		d->claims--;
		return;
	}
	r->slot = number;
	r->decoder.streams = d->streams;
	r->decoder.image = *(volatile uint32_t *)&slot->image;
	r->at = *(volatile uint64_t *)&slot->first_head;
	r->segment = *(volatile uint32_t *)&slot->first_segment;
	d->of_slot[number] = r;
	d->active[d->active_count++] = number;
	if (!ht_images_process(d->images, r->decoder.image))
		ht_images_read(d->images);
	if (!ht_pool_take(d->pool, r->segment, number)) {
		r->segment = HT_NONE;
		damage(d, r);
	} else if (!ht_images_process(d->images, r->decoder.image) || r->at % HT_SEGMENT_CELLS) {
		damage(d, r);
	}
}

/* 64 slots: those whose bit is set changed hands. */
static void look_at_word(struct ht_drain *d, uint32_t word)
{
	_Atomic uint64_t *claimed = &d->session->channel->claimed[word];
	uint64_t bits = 0;

	if (atomic_load_explicit(claimed, memory_order_relaxed))                   /* looked at again below */
		bits = atomic_exchange_explicit(claimed, 0, memory_order_acquire); /* pairs with thread.c:settle() */
	for (; bits; bits &= bits - 1) {
		uint32_t i = word * 64 + (uint32_t)__builtin_ctzll(bits);

		if (!d->of_slot[i] && HT_SLOT_STATE(atomic_load_explicit(&d->session->slots[i].state,
									 memory_order_acquire)) == HT_SLOT_LIVE)
			begin(d, i); /* acquire: pairs with settle() */
	}
}

static void look_for_slots(struct ht_drain *d)
{
	/* acquire: pairs with the release in agent/thread.c:settle() */
	uint32_t claims = atomic_load_explicit(&d->session->channel->claims, memory_order_acquire);

	if (claims == d->claims)
		return;
	d->claims = claims;
	for (uint32_t i = 0; i < d->session->slot_count / 64; i++)
		look_at_word(d, i);
}

uint64_t ht_drain_round(struct ht_drain *d)
{
	uint64_t cells = 0;

	look_for_slots(d);
	for (uint32_t i = 0; i < d->active_count; i++)
		cells += follow(d, d->of_slot[d->active[i]]);
	return cells;
}

/* ---- the end of a ring ------------------------------------------------------------------------------------- */

static struct ht_counters read_once(const struct ht_slot *slot)
{
	uint64_t passed = atomic_load_explicit(&slot->passed, memory_order_acquire);

	return (struct ht_counters){
		.entered = atomic_load_explicit(&slot->entered, memory_order_acquire) + passed,
		.counted_only = atomic_load_explicit(&slot->counted_only, memory_order_acquire),
		.lost = atomic_load_explicit(&slot->lost, memory_order_acquire) + passed,
		.nested = atomic_load_explicit(&slot->nested, memory_order_acquire),
		.blocked_ticks = atomic_load_explicit(&slot->blocked_ticks, memory_order_acquire),
	};
}

/* Head first, then the counters, until nothing moved between two readings; a living thread may be anywhere. */
static struct ht_counters read_counters(struct ht_drain *d, struct ht_ring *r)
{
	const struct ht_slot *slot = slot_of(d, r);
	struct ht_counters now = read_once(slot), before;

	for (int i = 0; i < AGREE_TRIES; i++) {
		follow(d, r);
		before = now;
		now = read_once(slot);
		if (!memcmp(&before, &now, sizeof(now)) && (r->damaged || atomic_load(&slot->head) == r->at))
			break;
	}
	return now;
}

static void close_account(struct ht_drain *d, struct ht_ring *r)
{
	struct ht_counters end = read_counters(d, r);
	struct ht_stream *st = r->decoder.stream;

	if (!st && r->damaged) {
		struct ht_counters none = { 0 };

		/* its thread was never made out: all the slot ever counted is missing */
		st = ht_streams_open(d->streams, *(volatile uint32_t *)&slot_of(d, r)->tid, r->decoder.image, 0, &none);
	}
	if (st)
		ht_streams_close(d->streams, st, &end, r->damaged);
	r->decoder.stream = NULL;
}

static bool is_gone(struct ht_drain *d, const struct ht_ring *r, uint32_t tid)
{
	const struct ht_process *p = ht_images_process(d->images, r->decoder.image);

	if (!p || p->ended || p->image != r->decoder.image)
		return true;
	return tid && (tid == r->replaced_tid || !ht_proc_thread_exists(p->pid, (pid_t)tid));
}

/* The state is read first: if the slot changes hands after that, the compare-and-swap fails. What changed before
 * is known after following. */
static bool reap(struct ht_drain *d, struct ht_ring *r)
{
	struct ht_slot *slot = slot_of(d, r);
	uint32_t word = atomic_load_explicit(&slot->state, memory_order_acquire); /* pairs with settle() */
	uint32_t tid = *(volatile uint32_t *)&slot->tid;

	if (HT_SLOT_STATE(word) != HT_SLOT_LIVE || tid >= TID_LIMIT)
		return false;
	follow(d, r);
	if (!is_gone(d, r, tid))
		return false;
	if (!atomic_compare_exchange_strong_explicit(&slot->state, &word, HT_SLOT_NEXT(word, HT_SLOT_REAPING),
						     memory_order_acq_rel, memory_order_acquire))
		return false;
	close_account(d, r);
	if (r->segment != HT_NONE)
		ht_pool_give(d->pool, r->segment);
	give_memos(d, r);
	if (r->known_tid && d->by_tid[r->known_tid] == r->slot + 1)
		d->by_tid[r->known_tid] = 0;
	d->of_slot[r->slot] = NULL;
	word = HT_SLOT_NEXT(word, HT_SLOT_REAPING);
	/* release: pairs with the acquire in agent/thread.c:find_slot() (D2) */
	atomic_store_explicit(&slot->state, HT_SLOT_NEXT(word, HT_SLOT_FREE), memory_order_release);
	free(r);
	return true;
}

void ht_drain_reap(struct ht_drain *d)
{
	for (uint32_t i = 0; i < d->active_count;) {
		if (reap(d, d->of_slot[d->active[i]]))
			d->active[i] = d->active[--d->active_count];
		else
			i++;
	}
	for (uint32_t i = 0; i < RENAME_AT_ONCE && i < d->active_count; i++) {
		struct ht_ring *r = d->of_slot[d->active[d->renamed++ % d->active_count]];

		if (r->decoder.stream)
			ht_streams_rename(d->streams, r->decoder.stream);
	}
}

/* ---- the whole --------------------------------------------------------------------------------------------- */

bool ht_drain_settled(struct ht_drain *d)
{
	for (uint32_t i = 0; i < d->active_count; i++) {
		const struct ht_ring *r = d->of_slot[d->active[i]];
		const struct ht_stream *st = r->decoder.stream;
		struct ht_counters now = read_once(slot_of(d, r));

		if (!st || r->damaged)
			continue;
		if (now.entered - st->base.entered !=
		    st->recorded + st->calls + st->after + now.counted_only - st->base.counted_only + now.lost - st->base.lost)
			return false;
	}
	return true;
}

static void close_unassigned(struct ht_drain *d)
{
	const struct ht_channel *ch = d->session->channel;
	/* relaxed: nothing else depends on them */
	uint64_t entered = atomic_load_explicit(&ch->unassigned_entered, memory_order_relaxed);
	uint64_t lost = atomic_load_explicit(&ch->unassigned_lost, memory_order_relaxed);
	uint64_t now = ht_ticker_now(d->streams->ticker);

	if (!entered && !lost)
		return;
	ht_trace_put_loss(d->streams->trace, &(struct ht_meta_loss){ .count = lost,
								     .from_ticks = d->streams->ticker->first.ticks,
								     .to_ticks = now,
								     .reason = HT_LOSS_NO_ROOM });
	ht_trace_put_account(d->streams->trace,
			     &(struct ht_meta_account){ .ticks = now, .entered = entered, .lost = lost });
	d->streams->lost += lost;
}

void ht_drain_close(struct ht_drain *d)
{
	ht_drain_round(d);
	for (uint32_t i = 0; i < d->active_count; i++)
		close_account(d, d->of_slot[d->active[i]]);
	ht_streams_flush(d->streams);
	close_unassigned(d);
}

void ht_drain_sum(const struct ht_drain *d, uint64_t *lost, uint64_t *blocked_ticks)
{
	*lost = d->streams->lost;
	*blocked_ticks = d->streams->blocked_ticks;
	for (uint32_t i = 0; i < d->active_count; i++) {
		const struct ht_ring *r = d->of_slot[d->active[i]];
		const struct ht_stream *st = r->decoder.stream;
		struct ht_counters now = read_once(slot_of(d, r));

		if (!st)
			continue;
		*lost += now.lost - st->base.lost;
		*blocked_ticks += now.blocked_ticks - st->base.blocked_ticks;
	}
}
