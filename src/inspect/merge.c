/* SPDX-License-Identifier: Apache-2.0 */
/* merge.c -- a heap of streams by the time of their next row
 *
 * merge.h says what comes out.
 *
 *   turn    a stream's next time: of its next row once its block is open, of the block's header before that
 *   top     opened if it is not; if its time was not the header's, it sinks and another one is at the top
 *
 * The blocks were all looked through when the trace was opened. One that cannot be decoded now was changed since, by
 * somebody else: that is no damage of the trace but the end of this reading. Of a part of a trace (extent.h) they were not.
 */
#include "inspect/merge.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static int no_memory(struct ht_err *err)
{
	return ht_err_set(err, HT_ESYSTEM, "out of memory for the rows of the trace");
}

/* ---- blocks ------------------------------------------------------------------------------------------------ */

static int changed(const struct ht_model *t, int rc, struct ht_err *err)
{
	return rc < 0 && rc != HT_ESYSTEM && !t->is_part
		       ? ht_err_set(err, HT_ESYSTEM, "the file changed while it was read")
		       : rc;
}

static int unpack(struct ht_model *t, const struct ht_event_block *e, struct ht_unpacked *u, struct ht_err *err)
{
	struct ht_cursor payload;
	size_t len;
	int rc = ht_reader_payload(t->reader, e->block, &payload, err);

	if (rc)
		return changed(t, rc, err);
	len = ht_cursor_left(&payload);
	if (u->cap < len) {
		free(u->plain);
		u->cap = 0;
		u->plain = malloc(len);
		if (!u->plain)
			return no_memory(err);
		u->cap = len;
	}
	memcpy(u->plain, payload.at, len);
	payload = ht_cursor_of(u->plain, len, payload.base);
	return changed(t, ht_column_reader_init(&u->rows, payload, e->rows, e->first_time_ticks, err), err);
}

/* Of a block that was unpacked: only then its header is known for sure. */
static uint64_t first_seq_of(const struct ht_model *t, const struct ht_event_block *e)
{
	return ht_reader_block(t->reader, e->block)->first_seq;
}

static const struct ht_event_block *event_block(const struct ht_merge *m, const struct ht_lane *l, size_t i)
{
	return i < l->stream->event_count ? &m->model->event_blocks.at[l->stream->event_from + i] : NULL;
}

/* Opens the lane's next block and takes its first row. */
static int open_block(struct ht_merge *m, struct ht_lane *l, struct ht_err *err)
{
	const struct ht_event_block *e = event_block(m, l, l->next_block);
	int rc = unpack(m->model, e, &l->unpacked, err);

	if (rc)
		return rc;
	l->next_block++;
	l->is_open = true;
	l->seq = first_seq_of(m->model, e);
	while ((rc = ht_column_reader_next(&l->unpacked.rows, &l->row, err)) > 0) {
		if (!m->model->start_ticks || l->row.time_ticks > m->model->start_ticks)
			return 0;
		l->any = true; /* replayed into the checkpoint */
		l->last_seq = l->seq++;
	}
	return changed(m->model, rc ? rc : HT_EDAMAGED, err);
}

/* ---- the heap ---------------------------------------------------------------------------------------------- */

static inline bool before(const struct ht_turn *a, const struct ht_turn *b)
{
	return a->time_ticks != b->time_ticks ? a->time_ticks < b->time_ticks : a->lane < b->lane;
}

static void sink(struct ht_merge *m, size_t i)
{
	struct ht_turn turn = m->heap[i];

	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= m->turns)
			break;
		if (child + 1 < m->turns && before(&m->heap[child + 1], &m->heap[child]))
			child++;
		if (!before(&m->heap[child], &turn))
			break;
		m->heap[i] = m->heap[child];
		i = child;
	}
	m->heap[i] = turn;
}

static void close_lane(struct ht_merge *m, size_t lane)
{
	struct ht_lane *l = m->lane[lane];

	if (!l)
		return;
	free(l->unpacked.plain);
	free(l->early.at);
	free(l);
	m->lane[lane] = NULL;
}

/* ---- the walk ---------------------------------------------------------------------------------------------- */

int ht_merge_init(struct ht_merge *m, struct ht_model *t, struct ht_err *err)
{
	size_t count = t->streams.count;

	*m = (struct ht_merge){ .model = t };
	m->stream = calloc(count + 1, sizeof(*m->stream));
	m->lane = calloc(count + 1, sizeof(struct ht_lane *));
	m->heap = calloc(count + 1, sizeof(*m->heap));
	if (!m->stream || !m->lane || !m->heap) {
		ht_merge_fini(m);
		return no_memory(err);
	}
	for (size_t i = 0; i < count; i++) {
		const struct ht_stream *s = &t->streams.at[i];

		if (!s->event_count)
			continue;
		m->heap[m->streams] =
			(struct ht_turn){ t->event_blocks.at[s->event_from].first_time_ticks, m->streams };
		m->stream[m->streams++] = s;
	}
	m->turns = m->streams;
	for (size_t i = m->turns / 2; i-- > 0;)
		sink(m, i);
	return 0;
}

void ht_merge_fini(struct ht_merge *m)
{
	for (size_t i = 0; i < m->streams; i++)
		close_lane(m, i);
	free(m->stream);
	free(m->lane);
	free(m->heap);
	*m = (struct ht_merge){ 0 };
}

/* The lane of a turn, its next row at hand. */
static int open_lane(struct ht_merge *m, size_t lane, struct ht_lane **ret, struct ht_err *err)
{
	struct ht_lane *l = m->lane[lane];
	int rc;

	if (!l) {
		l = m->lane[lane] = calloc(1, sizeof(*l));
		if (!l)
			return no_memory(err);
		l->stream = m->stream[lane];
	}
	if (!l->is_open) {
		bool is_first = !l->next_block;

		rc = open_block(m, l, err);
		if (rc)
			return rc;
		if (is_first && m->model->start_ticks && !l->any && l->seq) {
			l->any = true; /* the block before ended in time */
			l->last_seq = l->seq - 1;
		}
	}
	*ret = l;
	return 0;
}

int ht_merge_next(struct ht_merge *m, struct ht_lane **ret, struct ht_err *err)
{
	int rc;

	if (m->done) {
		close_lane(m, m->heap[0].lane);
		m->heap[0] = m->heap[--m->turns];
		if (m->turns)
			sink(m, 0);
		m->done = false;
	}
	while (m->turns && m->heap[0].time_ticks <= m->model->until_ticks) {
		struct ht_lane *l = m->lane[m->heap[0].lane];

		if (l && l->is_open && l->row.time_ticks == m->heap[0].time_ticks) {
			*ret = l;
			return 1;
		}
		rc = open_lane(m, m->heap[0].lane, ret, err);
		if (rc)
			return rc;
		if (m->heap[0].time_ticks == (*ret)->row.time_ticks)
			return 1;
		m->heap[0].time_ticks = (*ret)->row.time_ticks;
		sink(m, 0);
	}
	return 0;
}

int ht_merge_step(struct ht_merge *m, struct ht_err *err)
{
	struct ht_lane *l = m->lane[m->heap[0].lane];
	const struct ht_event_block *next;
	int rc = ht_column_reader_next(&l->unpacked.rows, &l->row, err);

	if (rc < 0)
		return changed(m->model, rc, err);
	if (rc) {
		l->seq++;
		m->heap[0].time_ticks = l->row.time_ticks;
	} else {
		l->is_open = false;
		next = event_block(m, l, l->next_block);
		m->done = !next;
		if (m->done)
			return 0;
		m->heap[0].time_ticks = next->first_time_ticks;
	}
	sink(m, 0);
	return 1;
}

/* ---- looking ahead ----------------------------------------------------------------------------------------- */

#define LOOK_AHEAD_ROWS 1000 /* of a stream; docs/trace-format.md, section 7 */

struct search {
	struct ht_merge *merge;
	const struct ht_lane *not_in;
	uint64_t address;
	__int128 until_ns;
	struct ht_release *found; /* lane NULL: none yet */
};

static bool taken_early(const struct ht_lane *l, uint64_t seq)
{
	for (size_t i = 0; i < l->early.count; i++)
		if (l->early.at[i].seq == seq)
			return true;
	return false;
}

/* 1: this is the row, or the search in this lane is over; 0: go on. */
static int judge(struct search *s, struct ht_lane *l, const struct ht_row *row, uint64_t seq)
{
	struct ht_release *found = s->found;

	if (ht_clock_ns(&s->merge->model->clock, row->time_ticks) > s->until_ns)
		return 1;
	if ((row->kind != HT_ROW_FREE && row->kind != HT_ROW_REALLOC_BEGIN) || row->address != s->address ||
	    taken_early(l, seq))
		return 0;
	if (!found->lane || row->time_ticks < found->row.time_ticks ||
	    (row->time_ticks == found->row.time_ticks && l->stream->number < found->lane->stream->number))
		*found = (struct ht_release){ l, *row, seq };
	return 1;
}

/* Reads on from where the lane stands, also through its next blocks, without moving it. */
static int search_lane(struct search *s, struct ht_lane *l, struct ht_err *err)
{
	struct ht_unpacked own = { 0 };
	struct ht_column_reader rows = l->unpacked.rows;
	const struct ht_event_block *e;
	struct ht_row row = l->row;
	uint64_t seq = l->seq;
	size_t block = l->next_block;
	unsigned looked_at = 0;
	int rc = 0;

	while (looked_at++ < LOOK_AHEAD_ROWS && !judge(s, l, &row, seq)) {
		rc = ht_column_reader_next(&rows, &row, err);
		seq++;
		if (rc > 0)
			continue;
		e = event_block(s->merge, l, block++);
		if (rc || !e)
			break;
		rc = unpack(s->merge->model, e, &own, err);
		if (rc)
			break;
		rows = own.rows;
		seq = first_seq_of(s->merge->model, e);
		rc = ht_column_reader_next(&rows, &row, err);
		if (rc < 0)
			break;
	}
	free(own.plain);
	return rc < 0 ? changed(s->merge->model, rc, err) : 0;
}

/* Only turns that may come in time: below a late turn of the heap all are later. */
static int search_turn(struct search *s, size_t turn, struct ht_err *err)
{
	struct ht_merge *m = s->merge;
	struct ht_lane *l;
	int rc = 0;

	if (turn >= m->turns || ht_clock_ns(&m->model->clock, m->heap[turn].time_ticks) > s->until_ns)
		return 0;
	if (m->stream[m->heap[turn].lane]->image == s->not_in->stream->image) {
		rc = open_lane(m, m->heap[turn].lane, &l, err);
		if (!rc && l != s->not_in)
			rc = search_lane(s, l, err);
	}
	if (!rc)
		rc = search_turn(s, 2 * turn + 1, err);
	return rc ? rc : search_turn(s, 2 * turn + 2, err);
}

int ht_merge_find_release(struct ht_merge *m, const struct ht_lane *not_in, uint64_t address, __int128 until_ns,
			  struct ht_release *ret, struct ht_err *err)
{
	struct ht_release found = { 0 };
	struct search s = { m, not_in, address, until_ns, &found };
	int rc = search_turn(&s, 0, err);

	if (rc)
		return rc;
	*ret = found;
	return found.lane != NULL;
}
