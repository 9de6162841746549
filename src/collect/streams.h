/* SPDX-License-Identifier: Apache-2.0 */
/* streams.h -- a stream is one thread's part of the trace: its rows, its losses, its account
 *
 * Used by: decode.c (open, row, lose, close), drain.c (flush, names).
 *
 *   open ──► row, row, row ... ──► lose ──► row ... ──► close ──► (flush) account put, forgotten
 *              └── full, or a second old, or a loss: written as one EVENTS block
 *
 * A closed stream waits for the next flush: of many short threads the metadata then stand together in a few blocks.
 *
 * Always true:
 *   M1  sequence numbers run without a gap over rows and lost calls
 *   M2  `recorded` counts calls whose rows are in the file; a block that could not be written is a loss
 */
#ifndef HT_STREAMS_H
#define HT_STREAMS_H

#include <assert.h>
#include <stdbool.h>

#include "collect/contexts.h"
#include "collect/gauge.h"
#include "collect/images.h"
#include "collect/pool.h"
#include "collect/ticker.h"
#include "collect/trace.h"

#define HT_STREAMS_NAME 16 /* Linux names threads with up to 15 bytes */

struct ht_counters {
	uint64_t entered, counted_only, lost, nested, blocked_ticks;
};

struct ht_stream {
	uint32_t number, tid, image;
	char name[HT_STREAMS_NAME];
	uint64_t first_ticks, last_ticks;
	uint64_t call_ticks; /* before the latest call's first row: what a handler lost inside it came after */
	uint64_t seq;        /* of the next row */
	uint64_t recorded, unwritten;
	uint32_t calls; /* in `rows` */
	uint64_t
		after; /* calls that were stamped when the recording had ended: none of its, as others that nobody saw came before them */
	struct ht_columns rows;
	struct ht_counters base;  /* of the slot, before this thread */
	uint64_t told_lost;       /* by LOSS cells */
	struct ht_meta_loss loss; /* the latest, until the next row tells its end */
	bool closed, damaged;
	struct ht_counters end; /* of the slot, after this thread */
	uint64_t end_ticks;
	uint64_t old_address, old_ticks; /* of a realloc under way, for the gauge */
	struct ht_stream *previous, *next;
};

struct ht_streams {
	struct ht_trace *trace;
	struct ht_contexts *contexts;
	const struct ht_ticker *ticker;
	const struct ht_pool *pool;
	const struct ht_images *images;
	struct ht_gauge *gauge;       /* NULL: nobody watches */
	uint32_t count;               /* streams so far, and the number of the latest */
	uint32_t alive, closed;       /* in the list */
	uint64_t calls, pending_rows; /* so far; not written yet */
	uint64_t until_ticks;         /* when recording ended; 0: it goes on */
	struct ht_stream *list;

	/* of the streams that are forgotten */
	uint64_t recorded, lost, blocked_ticks;
};

/* NULL: no memory. */
struct ht_stream *ht_streams_open(struct ht_streams *ss, uint32_t tid, uint32_t image, uint64_t ticks,
				  const struct ht_counters *base);
void ht_streams_lose(struct ht_streams *ss, struct ht_stream *st, uint64_t calls);

/* `end`: the slot's counters when the thread ended. `damaged`: calls may be missing that no counter tells; they
 * count as lost. */
void ht_streams_close(struct ht_streams *ss, struct ht_stream *st, const struct ht_counters *end, bool damaged);

void ht_streams_flush(struct ht_streams *ss);
void ht_streams_rename(struct ht_streams *ss, struct ht_stream *st);

/* For ht_streams_row(). */
void ht_streams_flush_one(struct ht_streams *ss, struct ht_stream *st);
void ht_streams_settle_loss(struct ht_streams *ss, struct ht_stream *st, uint64_t to_ticks);
void ht_streams_gauge(struct ht_streams *ss, struct ht_stream *st, const struct ht_row *row);

#define HT_STREAMS_BLOCK_ROWS 65536u

/* A call has one of these bits in its kind: realloc_begin has another row, and an existing block was not asked for. */
#define HT_STREAMS_CALLS 3u
static_assert(!(HT_ROW_REALLOC_BEGIN & HT_STREAMS_CALLS) && !(HT_ROW_EXISTING & HT_STREAMS_CALLS),
	      "these two are no calls");

static inline void ht_streams_row(struct ht_streams *ss, struct ht_stream *st, const struct ht_row *row)
{
	if (__builtin_expect(ss->until_ticks && row->time_ticks > ss->until_ticks, 0)) {
		st->after += (row->kind & HT_STREAMS_CALLS) != 0;
		return;
	}
	if (__builtin_expect(st->loss.count != 0, 0))
		ht_streams_settle_loss(ss, st, row->time_ticks);
	ht_columns_put(&st->rows, row);
	st->seq++;
	st->calls += (row->kind & HT_STREAMS_CALLS) != 0;
	ss->calls += (row->kind & HT_STREAMS_CALLS) != 0;
	if (row->kind <= HT_ROW_REALLOC_BEGIN)
		st->call_ticks = st->last_ticks;
	st->last_ticks = row->time_ticks;
	ss->pending_rows++;
	if (ss->gauge)
		ht_streams_gauge(ss, st, row);
	if (__builtin_expect(st->rows.rows >= HT_STREAMS_BLOCK_ROWS, 0))
		ht_streams_flush_one(ss, st);
}

#endif
