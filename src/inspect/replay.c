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

/* What a forked image begins with: the live set of the one it was forked from, at fork_ticks. */
struct start {
	uint64_t image, forked_from, fork_ticks, until_ticks; /* until its agent joined */
	struct ht_live live;
	struct ht_live
		unsure; /* what other threads did until then to these addresses may have come before the fork or after */
};

struct replay {
	struct ht_model *model;
	HT_LIST(struct start) starts; /* by forked_from, fork_ticks, image */
	size_t next_start;            /* in the image that is replayed: those before it were copied */
	size_t first_open;            /* the first copied one whose agent had not joined yet */
	struct ht_live unsure;
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
	bool unsure = r->unsure.count && ht_live_take(&r->unsure, row->address, ret);

	if (ht_live_take(&r->live, row->address, ret) || unsure)
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
	int rc;

	if (r->unsure.count && ht_live_take(&r->unsure, b->address, &forgotten))
		ht_live_take(&r->live, b->address, &forgotten); /* so it was free when the process was forked */
	rc = ht_live_find(&r->live, b->address) ? resolve_conflict(r, l, b->address) : 0;

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

static int by_fork(const void *a, const void *b)
{
	const struct start *x = a, *y = b;

	if (x->forked_from != y->forked_from)
		return x->forked_from < y->forked_from ? -1 : 1;
	if (x->fork_ticks != y->fork_ticks)
		return x->fork_ticks < y->fork_ticks ? -1 : 1;
	return (x->image > y->image) - (x->image < y->image);
}

static int list_starts(struct replay *r)
{
	for (size_t i = 0; i < r->model->images.count; i++) {
		const struct ht_meta_image *m = &r->model->images.at[i];
		struct start *s;

		if (!m->forked_from || m->forked_from >= m->image)
			continue;
		s = HT_LIST_ADD(&r->starts);
		if (!s)
			return no_memory(r);
		*s = (struct start){ m->image, m->forked_from, m->fork_ticks, m->ticks, { 0 }, { 0 } };
	}
	if (r->starts.count)
		qsort(r->starts.at, r->starts.count, sizeof(*r->starts.at), by_fork);
	return 0;
}

/* The children that were forked from `image` before `ticks` get their copies. */
static int copy_for_children(struct replay *r, uint64_t image, bool all, uint64_t ticks)
{
	for (; r->next_start < r->starts.count; r->next_start++) {
		struct start *s = &r->starts.at[r->next_start];

		if (s->forked_from != image || (!all && s->fork_ticks >= ticks))
			return 0;
		if (!ht_live_copy(&r->live, &s->live))
			return no_memory(r);
	}
	return 0;
}

/* A row of the parent after the fork and before the child's agent joined: replay cannot tell whether the child saw it. */
static int tell_children(struct replay *r, const struct ht_lane *l)
{
	struct ht_live_block b = block_of(r, l);

	while (r->first_open < r->next_start && r->starts.at[r->first_open].until_ticks < l->row.time_ticks)
		r->first_open++;
	if (l->row.kind == HT_ROW_ALLOC_FAILED || l->row.kind == HT_ROW_REALLOC_FREED ||
	    l->row.kind == HT_ROW_REALLOC_FAILED)
		return 0;
	for (size_t i = r->first_open; i < r->next_start; i++)
		if (r->starts.at[i].until_ticks >= l->row.time_ticks && !ht_live_put(&r->starts.at[i].unsure, &b))
			return no_memory(r);
	return 0;
}

static int replay_rows(struct replay *r, uint64_t image)
{
	struct ht_lane *l;
	int rc;

	while ((rc = ht_merge_next(&r->merge, &l, r->err)) > 0) {
		rc = copy_for_children(r, image, false, l->row.time_ticks);
		if (!rc && r->first_open < r->next_start)
			rc = tell_children(r, l);
		if (!rc)
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

/* With nothing, or with what its parent had. */
static void begin_image(struct replay *r, uint64_t image)
{
	ht_live_fini(&r->live);
	ht_live_fini(&r->unsure);
	r->left_alone.count = 0;
	for (size_t i = 0; i < r->starts.count; i++)
		if (r->starts.at[i].image == image) {
			r->live = r->starts.at[i].live;
			r->unsure = r->starts.at[i].unsure;
			r->starts.at[i].live = r->starts.at[i].unsure = (struct ht_live){ 0 };
		}
	r->next_start = 0;
	while (r->next_start < r->starts.count && r->starts.at[r->next_start].forked_from < image)
		r->next_start++;
	r->first_open = r->next_start;
}

static bool is_own(const struct replay *r, const struct ht_live_block *b, uint64_t image)
{
	return r->model->streams.at[b->stream].image == image;
}

/* What the image made and did not free; what it inherited is its parent's to answer for. */
static void count_left(struct replay *r, uint64_t image)
{
	const struct ht_live_block *b;
	size_t at = 0;

	while ((b = ht_live_next(&r->live, &at)))
		if (is_own(r, b, image)) {
			r->history->live_blocks++;
			r->history->live_bytes += b->size;
		}
}

static int replay_image(struct replay *r, uint64_t image)
{
	int rc = ht_merge_init(&r->merge, r->model, image, r->err);

	if (rc)
		return rc;
	begin_image(r, image);
	rc = replay_rows(r, image);
	ht_merge_fini(&r->merge);
	if (!rc)
		rc = copy_for_children(r, image, true, 0);
	for (size_t i = 0; !rc && i < r->left_alone.count; i++) {
		const struct ht_live_block *b = &r->left_alone.at[i];

		if (ht_live_find(&r->live, b->address))
			rc = tell_left(r, b, HT_LEFT_FORGOTTEN);
		else if (!ht_live_put(&r->live, b))
			rc = no_memory(r);
	}
	return rc;
}

static int tell_remaining(struct replay *r, uint64_t image, enum ht_leaving why)
{
	const struct ht_live_block *b;
	size_t at = 0;
	int rc = 0;

	while (!rc && (b = ht_live_next(&r->live, &at)))
		if (is_own(r, b, image))
			rc = tell_left(r, b, why);
	return rc;
}

/* Whether a later image of the same process has streams. */
static bool goes_on(const struct ht_model *t, uint64_t image)
{
	const struct ht_meta_image *m = ht_model_image(t, image), *other;

	for (size_t i = 0; i < t->streams.count; i++) {
		const struct ht_stream *s = &t->streams.at[i];

		if (!s->event_count || s->image <= image)
			continue;
		other = ht_model_image(t, s->image);
		if ((other ? other->process : 1) == (m ? m->process : 1))
			return true;
	}
	return false;
}

/* The lowest image above `after` that has streams, or was forked. */
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
	for (size_t i = 0; i < t->images.count;
	     i++) { /* one that made no call may have been forked from all the same */
		const struct ht_meta_image *m = &t->images.at[i];

		if (!m->forked_from || (any && m->image <= after) || (found && m->image >= *ret))
			continue;
		*ret = m->image;
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
	int rc = list_starts(&r);

	while (!rc && more) {
		bool replaced = goes_on(t, image);

		rc = replay_image(&r, image);
		if (!rc && !replaced)
			count_left(&r, image);
		if (!rc && observers)
			rc = tell_remaining(&r, image, replaced ? HT_LEFT_BY_EXEC : HT_LEFT_AT_END);
		more = next_image(t, true, image, &image);
	}
	ht_live_fini(&r.live);
	ht_live_fini(&r.unsure);
	for (size_t i = 0; i < r.starts.count; i++) {
		ht_live_fini(&r.starts.at[i].live);
		ht_live_fini(&r.starts.at[i].unsure);
	}
	free(r.starts.at);
	free(r.left_alone.at);
	if (!rc)
		*ret = history;
	return rc;
}
