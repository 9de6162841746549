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
static bool release(struct replay *r, const struct ht_row *row, uint64_t *size)
{
	if (ht_live_take(&r->live, row->address, size))
		return true;
	wonder(r, row);
	return false;
}

static int tell_free(struct replay *r, const struct ht_lane *l, const struct ht_row *row, bool known, uint64_t size)
{
	struct ht_event e;

	if (!r->observers)
		return 0;
	e = event_of(HT_EVENT_FREE, l, row);
	e.has_address = true;
	e.has_size = known;
	e.size = size;
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
	early->known = release(r, &late.row, &early->size);
	if (late.row.kind == HT_ROW_FREE)
		return tell_free(r, late.lane, &late.row, early->known, early->size);
	return 0;
}

static int become_live(struct replay *r, const struct ht_lane *l, uint64_t address, uint64_t size)
{
	int rc = ht_live_find(&r->live, address) ? resolve_conflict(r, l, address) : 0;

	if (!rc && !ht_live_put(&r->live, address, size))
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
	*b = (struct ht_live_block){ l->old_address, l->old_size };
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

	if (row->kind != HT_ROW_ALLOC_FAILED)
		rc = become_live(r, l, row->address, row->size);
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
	uint64_t size = 0;
	bool known;

	if (l->early.count && take_early(l, &early))
		return 0;
	known = release(r, &l->row, &size);
	return tell_free(r, l, &l->row, known, size);
}

static void begin_realloc(struct replay *r, struct ht_lane *l)
{
	struct ht_early early;

	l->in_realloc = true;
	l->begin_ticks = l->row.time_ticks;
	l->old_address = l->row.address;
	l->old_size = 0;
	if (l->early.count && take_early(l, &early)) {
		l->old_known = early.known;
		l->old_size = early.size;
	} else {
		l->old_known = release(r, &l->row, &l->old_size);
	}
}

static int end_realloc(struct replay *r, struct ht_lane *l)
{
	const struct ht_row *row = &l->row;
	bool joined = l->in_realloc;
	struct ht_event e;
	int rc = 0;

	l->in_realloc = false;
	if (row->kind == HT_ROW_REALLOC_END)
		rc = become_live(r, l, row->address, row->size);
	else if (row->kind == HT_ROW_REALLOC_FAILED && joined && l->old_known)
		rc = become_live(r, l, l->old_address, l->old_size);
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
		e.old_size = l->old_size;
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

		if (!ht_live_find(&r->live, b->address) && !ht_live_put(&r->live, b->address, b->size))
			rc = no_memory(r);
	}
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
	bool any = false;
	int rc = 0;

	while (!rc && next_image(t, any, image, &image)) {
		any = true;
		rc = replay_image(&r, image);
	}
	history.live_blocks = ht_live_blocks(&r.live);
	history.live_bytes = r.live.bytes;
	ht_live_fini(&r.live);
	free(r.left_alone.at);
	if (!rc)
		*ret = history;
	return rc;
}
