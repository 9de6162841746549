/* SPDX-License-Identifier: Apache-2.0 */
/* replay.c -- drives the live tables with the merged rows and tells what happened, call by call
 *
 *   alloc               becomes live
 *   free                goes; was it taken early, it was told then
 *   realloc begin       goes, and waits in the lane            ... end: the new one becomes live
 *                                                              ... failed: the old one comes back
 *   becomes live while live:  look up to a microsecond ahead for the release another thread stamped too late; take it first
 *
 * Each row acts on the table of its image (spaces.h). Between the rows come the changes of whole images: one is copied for a
 * child, one ends. An end waits for the image's last row.
 *
 * A begin whose end never comes gives its block back at the end of the image: until then nobody knows what became of it.
 * Observers are told of the blocks that are left then: every block that became live leaves by an event or by left().
 */
#include "inspect/replay.h"

#include <stdlib.h>

#include "inspect/merge.h"
#include "inspect/spaces.h"

#define LATE_STAMP_NS 1000

struct replay {
	struct ht_model *model;
	const struct ht_observer *observer;
	size_t observers;
	const struct ht_pauser *pauser; /* or NULL */
	struct ht_merge merge;
	struct ht_spaces spaces;
	size_t next_change;
	struct ht_space *space;     /* of the row or change at hand */
	struct ht_history *history; /* where it counts */
	struct ht_history of_chosen, of_others;
	uint64_t now_ticks;
	struct ht_err *err;
};

static int no_memory(struct replay *r)
{
	return ht_err_set(r->err, HT_ESYSTEM, "out of memory for the live blocks of the trace");
}

static void enter_space(struct replay *r, struct ht_space *space, uint64_t ticks)
{
	r->space = space;
	r->history = space->is_chosen ? &r->of_chosen : &r->of_others;
	r->now_ticks = ticks;
}

static int tell(struct replay *r, const struct ht_event *e)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < r->observers; i++)
		rc = r->observer[i].event(r->observer[i].state, e, r->err);
	return rc;
}

/* Whether the space at hand made it, and has no mere copy. */
static bool is_own(const struct replay *r, const struct ht_live_block *b)
{
	return r->model->streams.at[b->stream].image == r->space->image;
}

static int tell_left(struct replay *r, const struct ht_live_block *b, enum ht_leaving why)
{
	struct ht_left l = { b, why, r->now_ticks };
	int rc = 0;

	if (!r->space->is_chosen || !is_own(r, b))
		return 0;
	for (size_t i = 0; !rc && i < r->observers; i++)
		if (r->observer[i].left)
			rc = r->observer[i].left(r->observer[i].state, &l, r->err);
	return rc;
}

/* Nobody looks at what is told of the space at hand. */
static bool is_quiet(const struct replay *r)
{
	return !r->observers || !r->space->is_chosen;
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

/* What this row does to its address cannot be, unless a call in front of it is missing, or the block is from before. */
static void wonder(struct replay *r, const struct ht_row *row)
{
	if (row->time_ticks >= r->model->unknown_from_ticks) {
		r->history->unknown_releases++;
	} else if (r->space->before) {
		r->space->before--;
		r->history->unknown_releases++;
	} else {
		r->history->violations++;
	}
}

/* Takes a block out, if it is there: no error. */
static int take(struct replay *r, struct ht_live *l, uint64_t address, struct ht_live_block *ret)
{
	int rc = ht_live_take(l, address, ret);

	return rc < 0 ? no_memory(r) : rc;
}

/* Takes a block out: 1; 0, and counted, if it is not there. */
static int release(struct replay *r, const struct ht_row *row, struct ht_live_block *ret)
{
	struct ht_space *s = r->space;
	int unsure = s->unsure.count ? take(r, &s->unsure, row->address, ret) : 0;
	int rc = unsure < 0 ? unsure : take(r, &s->live, row->address, ret);

	if (rc || unsure)
		return rc < 0 ? rc : 1;
	wonder(r, row);
	return 0;
}

static int tell_free(struct replay *r, const struct ht_lane *l, const struct ht_row *row, uint64_t seq,
		     const struct ht_live_block *block)
{
	struct ht_event e;

	if (is_quiet(r))
		return 0;
	e = event_of(HT_EVENT_FREE, l, row);
	e.seq = seq;
	e.has_address = true;
	e.has_size = block;
	e.size = block ? block->size : 0;
	e.block = block;
	e.inherited = block && !is_own(r, block);
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
	rc = release(r, &late.row, &early->block);
	early->known = rc > 0;
	if (rc < 0)
		return rc;
	if (late.row.kind == HT_ROW_FREE)
		return tell_free(r, late.lane, &late.row, late.seq, early->known ? &early->block : NULL);
	return 0;
}

/* What another thread did between fork and join is known now: so it was free when the process was forked. */
static int settle(struct replay *r, uint64_t address)
{
	struct ht_live_block forgotten;
	int rc = take(r, &r->space->unsure, address, &forgotten);

	return rc > 0 ? take(r, &r->space->live, address, &forgotten) : rc;
}

static int become_live(struct replay *r, const struct ht_lane *l, const struct ht_live_block *b)
{
	struct ht_live *live = &r->space->live;
	struct ht_live_block forgotten;
	int rc = r->space->unsure.count ? settle(r, b->address) : 0;

	if (rc < 0)
		return rc;
	rc = ht_live_add(live, b);
	if (rc)
		return rc < 0 ? no_memory(r) : 0;
	rc = resolve_conflict(r, l, b->address);
	if (!rc && !is_quiet(r) && ht_live_find(live, b->address)) {
		rc = take(r, live, b->address, &forgotten);
		rc = rc < 0 ? rc : tell_left(r, &forgotten, HT_LEFT_FORGOTTEN);
	}
	if (!rc && !ht_live_put(live, b))
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
	b = HT_LIST_ADD(&r->space->left_alone);
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
	if (rc || is_quiet(r))
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
	int rc;

	if (l->early.count && take_early(l, &early))
		return 0;
	rc = release(r, &l->row, &block);
	return rc < 0 ? rc : tell_free(r, l, &l->row, l->seq, rc ? &block : NULL);
}

static int begin_realloc(struct replay *r, struct ht_lane *l)
{
	struct ht_early early;
	int rc = 0;

	l->in_realloc = true;
	l->begin_ticks = l->row.time_ticks;
	l->old_address = l->row.address;
	if (l->early.count && take_early(l, &early)) {
		l->old_known = early.known;
		l->old = early.block;
	} else {
		rc = release(r, &l->row, &l->old);
		l->old_known = rc > 0;
	}
	return rc < 0 ? rc : 0;
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
	if (rc || is_quiet(r))
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
		e.inherited = l->old_known && !is_own(r, &l->old);
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
		return begin_realloc(r, l);
	case HT_ROW_REALLOC_END:
	case HT_ROW_REALLOC_FREED:
	case HT_ROW_REALLOC_FAILED:
		return end_realloc(r, l);
	default:
		return replay_alloc(r, l);
	}
}

/* ---- changes of whole images ------------------------------------------------------------------------------- */

static int copy_for(struct replay *r, struct ht_space *parent)
{
	struct ht_space *child = &r->spaces.list.at[r->spaces.child.at[parent->child_next].space];

	parent->child_next++;
	if (ht_live_blocks(&child->live))
		return 0; /* it was active before it was made: no history, and what it has is its own */
	ht_live_fini(&child->live);
	return ht_live_copy(&parent->live, &child->live) ? 0 : no_memory(r);
}

/* A row of the parent after the fork and before the child's agent joined: replay cannot tell whether the child saw it. */
static int tell_children(struct replay *r, const struct ht_lane *l)
{
	struct ht_space *parent = r->space;
	struct ht_live_block b = block_of(r, l);
	bool has_address = l->row.kind != HT_ROW_ALLOC_FAILED && l->row.kind != HT_ROW_REALLOC_FREED &&
			   l->row.kind != HT_ROW_REALLOC_FAILED;

	for (size_t i = parent->child_open; i < parent->child_next; i++) {
		struct ht_child *c = &r->spaces.child.at[i];
		struct ht_space *s = &r->spaces.list.at[c->space];

		c->has_joined |= s->joined_ticks < l->row.time_ticks;
		if (c->has_joined && i == parent->child_open)
			parent->child_open++;
		else if (!c->has_joined && has_address && !ht_live_put(&s->unsure, &b))
			return no_memory(r);
	}
	return 0;
}

static int give_back_left_alone(struct replay *r, struct ht_space *s)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < s->left_alone.count; i++) {
		const struct ht_live_block *b = &s->left_alone.at[i];

		if (ht_live_find(&s->live, b->address))
			rc = tell_left(r, b, HT_LEFT_FORGOTTEN);
		else if (!ht_live_put(&s->live, b))
			rc = no_memory(r);
	}
	return rc;
}

/* What the image made and did not free; what it inherited is its parent's to answer for. */
static int leave_rest(struct replay *r, struct ht_space *s)
{
	const struct ht_live_block *b;
	size_t at = 0;
	int rc = 0;

	while (!rc && (b = ht_live_next(&s->live, &at))) {
		if (!is_own(r, b))
			continue;
		if (!s->is_replaced) {
			r->history->live_blocks++;
			r->history->live_bytes += b->size;
		}
		rc = tell_left(r, b, s->is_replaced ? HT_LEFT_BY_EXEC : HT_LEFT_AT_END);
	}
	return rc;
}

static int end_space(struct replay *r, struct ht_space *s, uint64_t ticks)
{
	int rc;

	enter_space(r, s, ticks);
	rc = give_back_left_alone(r, s);
	while (!rc && s->child_next < s->child_to)
		rc = copy_for(r, s);
	if (!rc)
		rc = leave_rest(r, s);
	ht_spaces_empty(s);
	s->is_over = true;
	return rc;
}

static int change(struct replay *r, const struct ht_change *c)
{
	struct ht_space *s = &r->spaces.list.at[c->space];

	if (c->kind == HT_CHANGE_FORK) {
		struct ht_space *parent = &r->spaces.list.at[s->parent];

		return parent->is_over ? 0 : copy_for(r, parent);
	}
	s->is_ending = true;
	return s->streams ? 0 : end_space(r, s, c->ticks);
}

/* All that is due before a row of this time. */
static int run_changes(struct replay *r, uint64_t before_ticks)
{
	const struct ht_spaces *s = &r->spaces;
	int rc = 0;

	while (!rc && r->next_change < s->change.count && s->change.at[r->next_change].ticks < before_ticks)
		rc = change(r, &s->change.at[r->next_change++]);
	return rc;
}

/* ---- the whole --------------------------------------------------------------------------------------------- */

static int end_stream(struct replay *r, struct ht_lane *l)
{
	struct ht_space *s = r->space;
	int rc = l->in_realloc ? leave_alone(r, l) : 0;

	s->streams--;
	return rc || s->streams || !s->is_ending ? rc : end_space(r, s, r->now_ticks);
}

static bool is_lane_quiet(const struct ht_lane *l)
{
	return !l || (!l->early.count && !l->in_realloc);
}

bool ht_pause_is_quiet(const struct ht_pause *p)
{
	for (size_t i = 0; i < p->merge->streams; i++)
		if (!is_lane_quiet(p->merge->lane[i]))
			return false;
	for (size_t i = 0; i < p->spaces->list.count; i++) {
		const struct ht_space *s = &p->spaces->list.at[i];

		if (!s->is_over && (s->unsure.count || s->left_alone.count || s->child_open < s->child_next))
			return false;
	}
	return true;
}

static int pause_here(struct replay *r)
{
	struct ht_pause p = { r->now_ticks, &r->spaces, &r->merge };

	return r->pauser->pause(r->pauser->state, &p, r->err);
}

static int replay_rows(struct replay *r)
{
	struct ht_lane *l;
	int rc;

	while ((rc = ht_merge_next(&r->merge, &l, r->err)) > 0) {
		uint64_t ticks = l->row.time_ticks;

		rc = r->pauser && ticks > r->now_ticks ? pause_here(r) : 0;
		if (!rc)
			rc = run_changes(r, ticks);
		if (rc)
			return rc;
		enter_space(r, &r->spaces.list.at[r->spaces.of_stream[l->stream - r->model->streams.at]], ticks);
		if (!rc && r->space->child_open < r->space->child_next)
			rc = tell_children(r, l);
		if (!rc)
			rc = replay_row(r, l);
		if (rc)
			return rc;
		ht_live_expect(&r->space->live, ht_lane_address_ahead(l));
		rc = ht_merge_step(&r->merge, r->err);
		rc = rc > 0 ? 0 : rc ? rc : end_stream(r, l);
		if (rc)
			return rc;
	}
	return rc;
}

/* The changes after the last row, and the ends that the trace does not tell. */
static int replay_rest(struct replay *r)
{
	int rc = 0;

	for (; !rc && r->next_change < r->spaces.change.count; r->next_change++)
		rc = change(r, &r->spaces.change.at[r->next_change]);
	for (size_t i = 0; !rc && i < r->spaces.list.count; i++)
		if (!r->spaces.list.at[i].is_over)
			rc = end_space(r, &r->spaces.list.at[i], r->now_ticks);
	return rc;
}

/* ---- a part of it ------------------------------------------------------------------------------------------ */

static uint32_t stream_of(const struct ht_model *t, uint64_t number)
{
	size_t from = 0, to = t->streams.count;

	while (to - from > 1) {
		size_t middle = from + (to - from) / 2;

		if (t->streams.at[middle].number <= number)
			from = middle;
		else
			to = middle;
	}
	return (uint32_t)from;
}

/* The changes up to the checkpoint were made when it was. */
static void skip_changes(struct replay *r)
{
	for (; r->next_change < r->spaces.change.count; r->next_change++) {
		const struct ht_change *c = &r->spaces.change.at[r->next_change];
		struct ht_space *s = &r->spaces.list.at[c->space], *parent = &r->spaces.list.at[s->parent];

		if (c->ticks >= r->model->start_ticks)
			return;
		if (c->kind == HT_CHANGE_FORK && !parent->is_over) {
			parent->child_next++;
			parent->child_open = parent->child_next;
		} else if (c->kind == HT_CHANGE_END) {
			s->is_ending = true;
			s->is_over = !s->streams;
			s->child_next = s->child_open = s->is_over ? s->child_to : s->child_next;
		}
	}
}

/* To observers it existed before. */
static int tell_start(struct replay *r, struct ht_space *space, const struct ht_live_block *b)
{
	struct ht_event e = {
		.kind = HT_EVENT_EXISTING,
		.stream = &r->model->streams.at[b->stream],
		.ticks = b->born_ticks,
		.context = b->context,
		.has_address = true,
		.has_size = true,
		.address = b->address,
		.size = b->size,
		.seq = b->born_seq,
	};

	enter_space(r, space, r->model->start_ticks);
	return is_quiet(r) || !is_own(r, b) ? 0 : tell(r, &e);
}

static int begin_at_checkpoint(struct replay *r)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < r->model->start.count; i++) {
		const struct ht_meta_live *m = &r->model->start.at[i];
		struct ht_space *s = ht_spaces_find(&r->spaces, m->image);
		struct ht_live_block b = {
			.address = m->address,
			.size = m->size,
			.born_ticks = r->model->start_ticks - m->age_ticks,
			.born_seq = m->born_seq,
			.context = (uint32_t)m->context,
			.stream = stream_of(r->model, m->stream),
		};

		if (s && !ht_live_put(&s->live, &b))
			return no_memory(r);
		if (s)
			rc = tell_start(r, s, &b);
	}
	if (r->model->start_ticks)
		skip_changes(r);
	r->now_ticks = r->model->start_ticks;
	return rc;
}

/* What is live is left, as if all ended at once; a realloc that is under way has not ended its block. */
static int stop(struct replay *r)
{
	int rc = run_changes(r, r->model->until_ticks + 1);

	for (size_t i = 0; !rc && i < r->merge.streams; i++) {
		struct ht_lane *l = r->merge.lane[i];

		if (!l || !l->in_realloc)
			continue;
		enter_space(r, &r->spaces.list.at[r->spaces.of_stream[l->stream - r->model->streams.at]], r->now_ticks);
		rc = leave_alone(r, l);
	}
	for (size_t i = 0; !rc && i < r->spaces.list.count; i++)
		if (!r->spaces.list.at[i].is_over)
			rc = end_space(r, &r->spaces.list.at[i], UINT64_MAX);
	return rc;
}

static int run(struct replay *r, struct ht_history *ret)
{
	struct ht_model *t = r->model;
	int rc = ht_spaces_init(&r->spaces, t, r->err);

	if (rc)
		return rc;
	rc = ht_merge_init(&r->merge, t, r->err);
	if (!rc) {
		rc = begin_at_checkpoint(r);
		if (!rc)
			rc = replay_rows(r);
		if (!rc)
			rc = t->until_ticks == UINT64_MAX ? replay_rest(r) : stop(r);
		ht_merge_fini(&r->merge);
	}
	ht_spaces_fini(&r->spaces);
	if (!rc)
		*ret = r->of_chosen;
	return rc;
}

int ht_replay_run(struct ht_model *t, const struct ht_observer *observer, size_t observers, struct ht_history *ret,
		  struct ht_err *err)
{
	struct replay r = { .model = t, .observer = observer, .observers = observers, .err = err };

	return run(&r, ret);
}

int ht_replay_pausing(struct ht_model *t, const struct ht_pauser *pauser, struct ht_history *ret, struct ht_err *err)
{
	struct replay r = { .model = t, .pauser = pauser, .err = err };

	return run(&r, ret);
}
