/* SPDX-License-Identifier: Apache-2.0 */
/* replay.c -- drives the live table with the merged rows and tells what happened, call by call
 *
 *   alloc               becomes live
 *   free                goes; was it taken early, it was told then
 *   realloc begin       goes, and waits in the lane            ... end: the new one becomes live
 *                                                              ... failed: the old one comes back
 *   becomes live while live:  look up to a microsecond ahead for the release another thread stamped too late; take it first
 *
 * A begin whose end never comes gives its block back at the end of the image: until then nobody knows what became of it.
 * Observers are told of the blocks that are left then: every block that became live leaves by an event or by left().
 */
#include "inspect/replay.h"

#include <stdlib.h>

#include "inspect/merge.h"

#define LATE_STAMP_NS 1000

struct replay {
	struct ht_model *model;
	const struct ht_observer *observer;
	size_t observers;
	struct ht_history *history;
	struct ht_merge merge;
	struct ht_live live;
	HT_LIST(struct ht_live_block) left_alone; /* blocks of begins without end */
	struct ht_err *err;
};

static int no_memory(struct replay *r)
{
	return ht_err_set(r->err, HT_ESYSTEM, "out of memory for %llu live blocks",
			  (unsigned long long)ht_live_blocks(&r->live));
}

static int tell(struct replay *r, const struct ht_event *e)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < r->observers; i++)
		rc = r->observer[i].event(r->observer[i].state, e, r->err);
	return rc;
}

static int tell_left(struct replay *r, const struct ht_live_block *b, enum ht_leaving why)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < r->observers; i++)
		if (r->observer[i].left)
			rc = r->observer[i].left(r->observer[i].state, b, why, r->err);
	return rc;
}

static struct ht_event event_of(enum ht_event_kind kind, const struct ht_lane *l, const struct ht_row *row)
{
	return (struct ht_event){
		.kind = kind,
		.stream = l->stream,
		.ticks = row->time_ticks,
		.context = row->context,
		.heap = row->heap,
		.source = row->source,
		.address = row->address,
		.size = row->size,
		.seq = l->seq,
	};
}

/* The block this row makes. */
static struct ht_live_block block_of(const struct replay *r, const struct ht_lane *l)
{
	return (struct ht_live_block){
		.address = l->row.address,
		.size = l->row.size,
		.born_ticks = l->row.time_ticks,
		.born_seq = l->seq,
		.context = l->row.context,
		.stream = (uint32_t)(l->stream - r->model->streams.at),
	};
}

/* ---- the live set ------------------------------------------------------------------------------------------ */

/* What this row does to its address cannot be, unless a call in front of it is missing. */
static void wonder(struct replay *r, const struct ht_row *row)
{
	if (row->time_ticks >= r->model->unknown_from_ticks)
		r->history->unknown_releases++;
	else
		r->history->violations++;
}

/* Takes a block out; false, and counted, if it is not there. */
static bool release(struct replay *r, const struct ht_row *row, struct ht_live_block *ret)
{
	if (ht_live_take(&r->live, row->address, ret))
		return true;
	wonder(r, row);
	return false;
}

static int tell_free(struct replay *r, const struct ht_lane *l, const struct ht_row *row, uint64_t seq,
		     const struct ht_live_block *block)
{
	struct ht_event e;

	if (!r->observers)
		return 0;
	e = event_of(HT_EVENT_FREE, l, row);
	e.seq = seq;
	e.has_address = true;
	e.has_size = block;
	e.size = block ? block->size : 0;
	e.block = block;
	return tell(r, &e);
}

/* The row would give life to a block that lives: was its release only stamped too late? */
static int resolve_conflict(struct replay *r, const struct ht_lane *l, uint64_t address)
{
	__int128 until_ns = ht_clock_ns(&r->model->clock, l->row.time_ticks) + LATE_STAMP_NS;
	struct ht_release late;
	struct ht_early *early;
	int rc = ht_merge_find_release(&r->merge, l, address, until_ns, &late, r->err);

	if (rc < 0)
		return rc;
	if (rc == 0) {
		wonder(r, &l->row);
		return 0;
	}
	r->history->reordered++;
	early = HT_LIST_ADD(&late.lane->early);
	if (!early)
		return no_memory(r);
	early->seq = late.seq;
	early->known = release(r, &late.row, &early->block);
	if (late.row.kind == HT_ROW_FREE)
		return tell_free(r, late.lane, &late.row, late.seq, early->known ? &early->block : NULL);
	return 0;
}

static int become_live(struct replay *r, const struct ht_lane *l, const struct ht_live_block *b)
{
	struct ht_live_block forgotten;
	int rc = ht_live_find(&r->live, b->address) ? resolve_conflict(r, l, b->address) : 0;

	if (!rc && r->observers && ht_live_find(&r->live, b->address)) {
		ht_live_take(&r->live, b->address, &forgotten);
		rc = tell_left(r, &forgotten, HT_LEFT_FORGOTTEN);
	}
	if (!rc && !ht_live_put(&r->live, b))
		rc = no_memory(r);
	return rc;
}

/* ---- pairs ------------------------------------------------------------------------------------------------- */

static bool ends_realloc(uint32_t kind)
{
	return kind == HT_ROW_REALLOC_END || kind == HT_ROW_REALLOC_FREED || kind == HT_ROW_REALLOC_FAILED;
}

static int leave_alone(struct replay *r, struct ht_lane *l)
{
	struct ht_live_block *b;

	l->in_realloc = false;
	if (!l->old_known)
		return 0;
	b = HT_LIST_ADD(&r->left_alone);
	if (!b)
		return no_memory(r);
	*b = l->old;
	return 0;
}

/* A begin and its end stand next to each other; where rows are missing between them, neither is a surprise. Afterwards
 * in_realloc tells whether the row at hand is the end of a begin. */
static int check_pair(struct replay *r, struct ht_lane *l)
{
	bool is_end = ends_realloc(l->row.kind);
	bool adjacent = l->seq == (l->any ? l->last_seq + 1 : 0);

	if (adjacent && is_end != l->in_realloc)
		r->history->violations++;
	l->any = true;
	l->last_seq = l->seq;
	if (l->in_realloc && !(adjacent && is_end))
		return leave_alone(r, l);
	return 0;
}

static bool take_early(struct ht_lane *l, struct ht_early *ret)
{
	for (size_t i = 0; i < l->early.count; i++) {
		if (l->early.at[i].seq != l->seq)
			continue;
		*ret = l->early.at[i];
		l->early.at[i] = l->early.at[--l->early.count];
		return true;
	}
	return false;
}

/* ---- rows -------------------------------------------------------------------------------------------------- */

static int replay_alloc(struct replay *r, struct ht_lane *l)
{
	const struct ht_row *row = &l->row;
	struct ht_event e;
	int rc = 0;

	if (row->kind != HT_ROW_ALLOC_FAILED) {
		struct ht_live_block b = block_of(r, l);

		rc = become_live(r, l, &b);
	}
	if (rc || !r->observers)
		return rc;
	e = event_of(row->kind == HT_ROW_EXISTING ? HT_EVENT_EXISTING : HT_EVENT_ALLOC, l, row);
	e.has_size = true;
	e.has_address = row->kind != HT_ROW_ALLOC_FAILED;
	e.failed = !e.has_address;
	return tell(r, &e);
}

static int replay_free(struct replay *r, struct ht_lane *l)
{
	struct ht_early early;
	struct ht_live_block block;

	if (l->early.count && take_early(l, &early))
		return 0;
	return tell_free(r, l, &l->row, l->seq, release(r, &l->row, &block) ? &block : NULL);
}

static void begin_realloc(struct replay *r, struct ht_lane *l)
{
	struct ht_early early;

	l->in_realloc = true;
	l->begin_ticks = l->row.time_ticks;
	l->old_address = l->row.address;
	if (l->early.count && take_early(l, &early)) {
		l->old_known = early.known;
		l->old = early.block;
	} else {
		l->old_known = release(r, &l->row, &l->old);
	}
}

static int end_realloc(struct replay *r, struct ht_lane *l)
{
	const struct ht_row *row = &l->row;
	struct ht_live_block new = block_of(r, l);
	bool joined = l->in_realloc;
	struct ht_event e;
	int rc = 0;

	l->in_realloc = false;
	if (row->kind == HT_ROW_REALLOC_END)
		rc = become_live(r, l, &new);
	else if (row->kind == HT_ROW_REALLOC_FAILED && joined && l->old_known)
		rc = become_live(r, l, &l->old);
	if (rc || !r->observers)
		return rc;
	e = event_of(HT_EVENT_REALLOC, l, row);
	e.failed = row->kind == HT_ROW_REALLOC_FAILED;
	e.has_address = row->kind == HT_ROW_REALLOC_END;
	e.has_size = true;
	e.has_old = joined;
	if (joined) {
		e.begin_ticks = l->begin_ticks;
		e.old_address = l->old_address;
		e.has_old_size = l->old_known;
		e.old_size = l->old_known ? l->old.size : 0;
		e.block = l->old_known ? &l->old : NULL;
	}
	return tell(r, &e);
}

static int replay_row(struct replay *r, struct ht_lane *l)
{
	int rc = check_pair(r, l);

	if (rc)
		return rc;
	switch (l->row.kind) {
	case HT_ROW_FREE:
		return replay_free(r, l);
	case HT_ROW_REALLOC_BEGIN:
		begin_realloc(r, l);
		return 0;
	case HT_ROW_REALLOC_END:
	case HT_ROW_REALLOC_FREED:
	case HT_ROW_REALLOC_FAILED:
		return end_realloc(r, l);
	default:
		return replay_alloc(r, l);
	}
}

/* ---- images ------------------------------------------------------------------------------------------------ */

static int replay_rows(struct replay *r)
{
	struct ht_lane *l;
	int rc;

	while ((rc = ht_merge_next(&r->merge, &l, r->err)) > 0) {
		rc = replay_row(r, l);
		if (rc)
			return rc;
		rc = ht_merge_step(&r->merge, r->err);
		if (!rc && l->in_realloc)
			rc = leave_alone(r, l);
		if (rc < 0)
			return rc;
	}
	return rc;
}

static int replay_image(struct replay *r, uint64_t image)
{
	int rc = ht_merge_init(&r->merge, r->model, image, r->err);

	if (rc)
		return rc;
	ht_live_fini(&r->live);
	r->left_alone.count = 0;
	rc = replay_rows(r);
	ht_merge_fini(&r->merge);
	for (size_t i = 0; !rc && i < r->left_alone.count; i++) {
		const struct ht_live_block *b = &r->left_alone.at[i];

		if (ht_live_find(&r->live, b->address))
			rc = tell_left(r, b, HT_LEFT_FORGOTTEN);
		else if (!ht_live_put(&r->live, b))
			rc = no_memory(r);
	}
	return rc;
}

static int tell_remaining(struct replay *r, enum ht_leaving why)
{
	const struct ht_live_block *b;
	size_t at = 0;
	int rc = 0;

	while (!rc && (b = ht_live_next(&r->live, &at)))
		rc = tell_left(r, b, why);
	return rc;
}

/* The lowest image above `after` that has streams. */
static bool next_image(const struct ht_model *t, bool any, uint64_t after, uint64_t *ret)
{
	bool found = false;

	for (size_t i = 0; i < t->streams.count; i++) {
		uint64_t image = t->streams.at[i].image;

		if (!t->streams.at[i].event_count || (any && image <= after) || (found && image >= *ret))
			continue;
		*ret = image;
		found = true;
	}
	return found;
}

int ht_replay_run(struct ht_model *t, const struct ht_observer *observer, size_t observers, struct ht_history *ret,
		  struct ht_err *err)
{
	struct ht_history history = { 0 };
	struct replay r = { .model = t, .observer = observer, .observers = observers, .history = &history, .err = err };
	uint64_t image = 0;
	bool more = next_image(t, false, 0, &image);
	int rc = 0;

	while (!rc && more) {
		rc = replay_image(&r, image);
		more = next_image(t, true, image, &image);
		if (!rc && observers)
			rc = tell_remaining(&r, more ? HT_LEFT_BY_EXEC : HT_LEFT_AT_END);
	}
	history.live_blocks = ht_live_blocks(&r.live);
	history.live_bytes = r.live.bytes;
	ht_live_fini(&r.live);
	free(r.left_alone.at);
	if (!rc)
		*ret = history;
	return rc;
}
