/* SPDX-License-Identifier: Apache-2.0 */
/* drain.c -- follows each slot's ring from tail to head
 *
 *   segment a: [ THREAD .. cells .. LINK ] ──seg_next──► segment b: [ cells ..          ]
 *                              ^tail                                       ^head
 *
 * A round costs one look at each living thread's head. The table of slots is looked through only when `claims` moved. A slot
 * changes hands inside its ring by a THREAD cell (a new thread on the old one's stack), or through FREE, where first_head and first_segment start anew.
 */
#include "collect/drain.h"

#include <stdlib.h>
#include <string.h>

int ht_drain_init(struct ht_drain *d, struct ht_session *s, struct ht_pool *p, struct ht_streams *streams, struct ht_err *err)
{
	*d = (struct ht_drain){ .session = s, .pool = p, .streams = streams };
	d->ring_of = calloc(s->slot_count, sizeof(*d->ring_of));
	d->rings = calloc(s->slot_count, sizeof(*d->rings));
	return d->ring_of && d->rings ? 0 : ht_err_sys(err, "no memory for the table of threads");
}

void ht_drain_fini(struct ht_drain *d)
{
	for (uint32_t i = 0; i < d->rings_len; i++)
		free(d->rings[i]);
	free(d->ring_of);
	free(d->rings);
}

static struct ht_slot *slot_of(const struct ht_drain *d, const struct ht_ring *r)
{
	return &d->session->slots[r->slot];
}

/* After the head: an event counted there has raised `entered` before. */
static struct ht_counters read_counters(const struct ht_slot *slot)
{
	/* relaxed: they may run ahead of the head that was read, by the calls of that moment; a closing reads until they stand */
	return (struct ht_counters){
		.entered = atomic_load_explicit(&slot->entered, memory_order_relaxed),
		.counted_only = atomic_load_explicit(&slot->counted_only, memory_order_relaxed),
		.lost = atomic_load_explicit(&slot->lost, memory_order_relaxed),
		.nested = atomic_load_explicit(&slot->nested, memory_order_relaxed),
		.blocked_ticks = atomic_load_explicit(&slot->blocked_ticks, memory_order_relaxed),
	};
}

/* ---- one ring ---------------------------------------------------------------------------------------------- */

/* The ring breaks a rule. Its thread may go on writing; nothing of it is read again before the slot is free. */
static void give_up(struct ht_drain *d, struct ht_ring *r)
{
	if (r->stream)
		r->stream->damaged = true;
	d->streams->damaged++;
	if (r->segment != HT_NONE)
		ht_pool_give(d->pool, r->segment);
	r->segment = HT_NONE;
}

static void begin_thread(struct ht_drain *d, struct ht_ring *r, const struct ht_cell cells[HT_THREAD_CELLS])
{
	struct ht_counters at = {
		cells[1].word[0], cells[1].word[1], cells[2].word[0], cells[2].word[1], cells[3].word[0],
	};

	if (r->stream)
		ht_stream_close(r->stream, &at, cells[0].word[1]);
	r->stream = ht_stream_create(d->streams, ht_cell_context(cells[0]), slot_of(d, r)->image, cells[0].word[1], &at);
	if (!r->stream)
		give_up(d, r); /* no memory: this thread's events are lost to us, its account says how many */
}

static bool follow_link(struct ht_drain *d, struct ht_ring *r)
{
	/* relaxed: published with the head */
	uint32_t next = atomic_load_explicit(&d->session->seg_next[r->segment], memory_order_relaxed) - 1;

	if (!ht_pool_take(d->pool, next, r->slot))
		return false;
	ht_pool_give(d->pool, r->segment);
	r->segment = next;
	r->tail = (r->tail / HT_SEGMENT_CELLS + 1) * HT_SEGMENT_CELLS;
	return true;
}

/* Cells from tail up to `end`, all in one segment. False: a rule is broken. */
static bool take_cells(struct ht_drain *d, struct ht_ring *r, uint64_t end)
{
	const struct ht_cell *segment = d->session->segments + (size_t)r->segment * HT_SEGMENT_CELLS;
	struct ht_cell cells[HT_SEGMENT_CELLS];
	uint32_t n = (uint32_t)(end - r->tail), at = 0;

	memcpy(cells, segment + r->tail % HT_SEGMENT_CELLS, n * sizeof(cells[0])); /* D1 */
	while (at < n) {
		unsigned kind = ht_cell_kind(cells[at]);

		if (kind == HT_CELL_LINK)
			return r->tail += at, follow_link(d, r);
		if (kind == HT_CELL_THREAD) {
			if (n - at < HT_THREAD_CELLS)
				return false;
			begin_thread(d, r, cells + at);
			if (r->segment == HT_NONE)
				return true;
			at += HT_THREAD_CELLS;
			continue;
		}
		if (!r->stream)
			return false;
		ht_stream_cell(r->stream, cells[at++]);
	}
	r->tail = end;
	return end % HT_SEGMENT_CELLS != 0; /* a full segment ends with a link */
}

static uint64_t drain_ring(struct ht_drain *d, struct ht_ring *r)
{
	/* acquire: pairs with the publishing in agent/agent.h:ht_emit */
	uint64_t head = atomic_load_explicit(&slot_of(d, r)->head, memory_order_acquire), from = r->tail;

	if (r->segment == HT_NONE || head == r->tail)
		return 0;
	if (head - r->tail > (uint64_t)d->session->segment_count * HT_SEGMENT_CELLS) {
		give_up(d, r);
		return 0;
	}
	while (r->segment != HT_NONE && r->tail < head) {
		uint64_t end = (r->tail / HT_SEGMENT_CELLS + 1) * HT_SEGMENT_CELLS;

		if (!take_cells(d, r, end < head ? end : head))
			give_up(d, r);
	}
	atomic_store_explicit(&slot_of(d, r)->tail, r->tail, memory_order_relaxed); /* for debuggers */
	return r->tail - from;
}

/* ---- slots that change hands ------------------------------------------------------------------------------- */

static void open_ring(struct ht_drain *d, uint32_t slot, uint32_t word)
{
	struct ht_slot *s = &d->session->slots[slot];
	struct ht_ring *r = calloc(1, sizeof(*r));
	uint32_t segment = s->first_segment;

	if (!r)
		return; /* tried again when claims move; events wait in the ring */
	*r = (struct ht_ring){ .slot = slot, .word = word, .tail = s->first_head, .segment = HT_NONE };
	if (r->tail % HT_SEGMENT_CELLS == 0 && ht_pool_take(d->pool, segment, slot))
		r->segment = segment;
	else
		d->streams->damaged++;
	d->ring_of[slot] = r;
	d->rings[d->rings_len++] = r;
}

static void look_for_claims(struct ht_drain *d)
{
	/* acquire: pairs with the release in agent/thread.c:settle */
	uint32_t claims = atomic_load_explicit(&d->session->channel->claims, memory_order_acquire);

	if (claims == d->claims)
		return;
	d->claims = claims;
	for (uint32_t i = 0; i < d->session->slot_count; i++) {
		/* acquire: pairs with the release that made it LIVE; the identity is readable */
		uint32_t word = atomic_load_explicit(&d->session->slots[i].state, memory_order_acquire);

		if (HT_SLOT_STATE(word) == HT_SLOT_LIVE && !d->ring_of[i])
			open_ring(d, i, word);
	}
}

uint64_t ht_drain_round(struct ht_drain *d)
{
	uint64_t cells = 0;

	look_for_claims(d);
	for (uint32_t i = 0; i < d->rings_len; i++)
		cells += drain_ring(d, d->rings[i]);
	return cells;
}

void ht_drain_flush(struct ht_drain *d, uint64_t now_ns, uint64_t age_ns)
{
	for (uint32_t i = 0; i < d->rings_len; i++) {
		struct ht_ring *r = d->rings[i];

		if (now_ns - r->flushed_ns < age_ns)
			continue;
		r->flushed_ns = now_ns;
		if (r->stream)
			ht_stream_flush(r->stream);
	}
}

/* ---- the end of a thread ----------------------------------------------------------------------------------- */

/* Nobody writes to the slot any more, or what is written from now on is not listened to. */
static void close_ring(struct ht_drain *d, struct ht_ring *r)
{
	struct ht_slot *slot = slot_of(d, r);
	struct ht_counters before, now;
	int tries = 0;

	do { /* a call in flight while the recording is stopped: until head and counters agree, C4 */
		before = read_counters(slot);
		drain_ring(d, r);
		now = read_counters(slot);
	} while (memcmp(&before, &now, sizeof(now)) && ++tries < 1000);
	if (r->stream)
		ht_stream_close(r->stream, &now, ht_clock_ticks(d->streams->clock));
	if (r->segment != HT_NONE)
		ht_pool_give(d->pool, r->segment);
}

static void forget(struct ht_drain *d, uint32_t i)
{
	struct ht_ring *r = d->rings[i];

	d->ring_of[r->slot] = NULL;
	d->rings[i] = d->rings[--d->rings_len];
	free(r);
}

void ht_drain_reap(struct ht_drain *d, uint32_t image, bool (*lives)(const void *with, uint32_t tid), const void *with)
{
	for (uint32_t i = 0; i < d->rings_len;) {
		struct ht_ring *r = d->rings[i];
		struct ht_slot *slot = slot_of(d, r);
		/* acquire: as in look_for_claims */
		uint32_t word = atomic_load_explicit(&slot->state, memory_order_acquire);
		bool gone = slot->image < image || !lives(with, slot->tid);

		if (!gone || HT_SLOT_STATE(word) != HT_SLOT_LIVE ||
		    !atomic_compare_exchange_strong(&slot->state, &word, HT_SLOT_NEXT(word, HT_SLOT_REAPING))) {
			i++;
			continue;
		}
		close_ring(d, r);
		/* release: pairs with the acquire in agent/thread.c:find_slot */
		atomic_store_explicit(&slot->state, HT_SLOT_NEXT(HT_SLOT_NEXT(word, HT_SLOT_REAPING), HT_SLOT_FREE), memory_order_release);
		forget(d, i);
	}
}

void ht_drain_close(struct ht_drain *d)
{
	look_for_claims(d);
	while (d->rings_len) {
		close_ring(d, d->rings[0]);
		forget(d, 0);
	}
}

void ht_drain_sums(const struct ht_drain *d, uint64_t *lost, uint64_t *blocked_ticks)
{
	*lost = d->streams->lost;
	*blocked_ticks = d->streams->blocked_ticks;
	for (uint32_t i = 0; i < d->rings_len; i++) {
		const struct ht_stream *s = d->rings[i]->stream;
		struct ht_counters now = read_counters(slot_of(d, d->rings[i]));

		if (!s)
			continue;
		*lost += now.lost - s->base.lost;
		*blocked_ticks += now.blocked_ticks - s->base.blocked_ticks;
	}
}
