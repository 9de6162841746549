/* SPDX-License-Identifier: Apache-2.0 */
/* streams.c -- gathers the rows of each thread into blocks and closes its account
 *
 * Called by: decode.c as it meets threads, losses and rows; drain.c once a second.
 *
 *   account:   entered  =  recorded  +  counted_only  +  lost  (+ 1 in flight)
 *              slot        counted      slot             slot, plus what could not be written or was damaged
 *              counters    here         counters         counters
 *
 * Always true: every lost call stands in a LOSS record: what cells told, what only the counter told (at the
 * thread's end), what the disk refused, and what damage in the channel swallowed.
 */
#include "collect/streams.h"

#include <stdlib.h>
#include <string.h>

#include "collect/proc.h"

#define MANY_STREAMS 64 /* above it no stream keeps the memory of its columns between blocks */
#define CLOSED_MAX 2048 /* that wait to be flushed */

static void put_thread(struct ht_streams *ss, const struct ht_stream *st)
{
	ht_trace_put_thread(ss->trace, &(struct ht_meta_thread){
					       .stream = st->number,
					       .tid = st->tid,
					       .image = st->image,
					       .ticks = st->first_ticks,
					       .name = { st->name, strlen(st->name) },
				       });
}

/* An exec keeps the thread id and changes the name, so the name is believed only if the image is still the
 * stream's afterwards. */
static bool read_name(const struct ht_streams *ss, const struct ht_stream *st, char name[HT_STREAMS_NAME])
{
	const struct ht_process *p = ht_images_process(ss->images, st->image);

	return p && ht_proc_thread_name(p->pid, (pid_t)st->tid, name, HT_STREAMS_NAME) &&
	       ht_images_is_running(ss->images, st->image);
}

struct ht_stream *ht_streams_open(struct ht_streams *ss, uint32_t tid, uint32_t image, uint64_t ticks,
				  const struct ht_counters *base)
{
	struct ht_stream *st = calloc(1, sizeof(*st));

	if (!st)
		return NULL;
	st->number = ++ss->count;
	st->tid = tid;
	st->image = image;
	st->first_ticks = st->last_ticks = st->call_ticks = ticks;
	st->base = *base;
	st->next = ss->list;
	if (st->next)
		st->next->previous = st;
	ss->list = st;
	ss->alive++;
	if (!read_name(ss, st, st->name))
		st->name[0] = 0;
	put_thread(ss, st);
	return st;
}

void ht_streams_rename(struct ht_streams *ss, struct ht_stream *st)
{
	char name[HT_STREAMS_NAME];

	if (!read_name(ss, st, name) || !strcmp(name, st->name))
		return;
	memcpy(st->name, name, sizeof(name));
	put_thread(ss, st);
}

/* ---- rows -------------------------------------------------------------------------------------------------- */

static void put_loss(struct ht_streams *ss, struct ht_stream *st, uint64_t calls, uint64_t from_ticks,
		     enum ht_loss_reason reason)
{
	ht_trace_put_loss(ss->trace, &(struct ht_meta_loss){
					     .stream = st->number,
					     .first_seq = st->seq,
					     .count = calls,
					     .from_ticks = from_ticks,
					     .to_ticks = st->last_ticks,
					     .reason = reason,
				     });
	st->seq += calls;
}

/* M2: what the disk refused is lost, and the rows' place in the sequence with it. */
static void give_up_rows(struct ht_streams *ss, struct ht_stream *st)
{
	st->seq -= st->rows.rows;
	st->unwritten += st->calls;
	if (st->calls)
		put_loss(ss, st, st->calls, st->rows.first_time_ticks, HT_LOSS_UNKNOWN);
}

void ht_streams_flush_one(struct ht_streams *ss, struct ht_stream *st)
{
	if (!st->rows.rows)
		return;
	if (ht_trace_events(ss->trace, st->number, st->seq - st->rows.rows, &st->rows))
		st->recorded += st->calls;
	else
		give_up_rows(ss, st);
	ss->pending_rows -= st->rows.rows;
	st->calls = 0;
	if (ss->alive > MANY_STREAMS)
		ht_columns_fini(&st->rows);
	else
		ht_columns_clear(&st->rows);
}

void ht_streams_gauge(struct ht_streams *ss, struct ht_stream *st, const struct ht_row *row)
{
	const struct ht_process *p = ht_images_process(ss->images, st->image);

	if (!p || p->number != 1 || p->image != st->image)
		return; /* addresses mean nothing across processes: the figure is the first one's */
	switch (row->kind) {
	case HT_ROW_REALLOC_BEGIN: /* it fails, and nothing has happened, or its end comes */
		st->old_address = row->address;
		st->old_ticks = row->time_ticks;
		break;
	case HT_ROW_REALLOC_END:
	case HT_ROW_REALLOC_FREED:
		ht_gauge_free(ss->gauge, st->old_address, st->old_ticks);
		st->old_address = 0;
		if (row->kind == HT_ROW_REALLOC_END)
			ht_gauge_alloc(ss->gauge, row->address, row->size, row->time_ticks);
		break;
	case HT_ROW_ALLOC:
	case HT_ROW_EXISTING:
		ht_gauge_alloc(ss->gauge, row->address, row->size, row->time_ticks);
		break;
	case HT_ROW_FREE:
		ht_gauge_free(ss->gauge, row->address, row->time_ticks);
		break;
	default:
		break;
	}
}

/* ---- losses ------------------------------------------------------------------------------------------------ */

/* The channel does not say why a call was lost. Where the pool never ran out, it was inside the agent's own code. */
void ht_streams_lose(struct ht_streams *ss, struct ht_stream *st, uint64_t calls)
{
	st->told_lost += calls;
	if (!st->loss.count) {
		ht_streams_flush_one(ss, st);
		st->loss = (struct ht_meta_loss){
			.stream = st->number,
			.first_seq = st->seq,
			.from_ticks = st->call_ticks,
			.reason = ss->pool->ran_out ? HT_LOSS_NO_ROOM : HT_LOSS_REENTERED,
		};
	}
	st->loss.count += calls;
	st->seq += calls;
}

void ht_streams_settle_loss(struct ht_streams *ss, struct ht_stream *st, uint64_t to_ticks)
{
	st->loss.to_ticks = to_ticks;
	ht_trace_put_loss(ss->trace, &st->loss);
	st->loss.count = 0;
}

/* ---- the account ------------------------------------------------------------------------------------------- */

static uint64_t beyond(uint64_t all, uint64_t part)
{
	return all > part ? all - part : 0;
}

static void forget(struct ht_streams *ss, struct ht_stream *st)
{
	if (st->previous)
		st->previous->next = st->next;
	else
		ss->list = st->next;
	if (st->next)
		st->next->previous = st->previous;
	ss->alive--;
	ss->closed--;
	ht_columns_fini(&st->rows);
	free(st);
}

/* The rows are written. */
static void put_account(struct ht_streams *ss, struct ht_stream *st)
{
	const struct ht_counters *base = &st->base, *end = &st->end;
	struct ht_meta_account a = {
		.stream = st->number,
		.ticks = st->end_ticks,
		.entered = end->entered - base->entered - st->after,
		.recorded = st->recorded,
		.counted_only = end->counted_only - base->counted_only,
		.lost = end->lost - base->lost,
		.nested = end->nested - base->nested,
		.blocked_ns = ht_ticker_ns(ss->ticker, end->blocked_ticks - base->blocked_ticks),
	};
	uint64_t untold = beyond(a.lost, st->told_lost), missing;

	if (untold)
		ht_streams_lose(ss, st, untold);
	if (st->loss.count)
		ht_streams_settle_loss(ss, st, st->last_ticks);
	a.lost += st->unwritten;
	missing = st->damaged ? beyond(a.entered, a.recorded + a.counted_only + a.lost) : 0;
	if (missing)
		put_loss(ss, st, missing, st->last_ticks, HT_LOSS_DAMAGED);
	a.lost += missing;
	ht_trace_put_account(ss->trace, &a);
	ss->recorded += a.recorded;
	ss->lost += a.lost;
	ss->blocked_ticks += end->blocked_ticks - base->blocked_ticks;
}

void ht_streams_flush(struct ht_streams *ss)
{
	struct ht_stream *next;

	for (struct ht_stream *st = ss->list; st; st = next) {
		next = st->next;
		ht_streams_flush_one(ss, st);
		if (!st->closed)
			continue;
		put_account(ss, st);
		forget(ss, st);
	}
}

void ht_streams_close(struct ht_streams *ss, struct ht_stream *st, const struct ht_counters *end, bool damaged)
{
	st->end = *end;
	st->end_ticks = ht_ticker_now(ss->ticker);
	st->damaged = damaged;
	st->closed = true;
	if (++ss->closed >= CLOSED_MAX)
		ht_streams_flush(ss);
}
