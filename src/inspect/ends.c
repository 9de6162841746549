/* SPDX-License-Identifier: Apache-2.0 */
/* ends.c -- turns the events of a replay into ends of blocks
 *
 * An event that releases a block has it with it; a block that leaves without an event is told by the replay.
 */
#include "inspect/ends.h"

struct pass {
	struct ht_model *model;
	struct ht_filter *filter;
	bool restricts;
	ht_ends_visit *visit;
	void *state;
};

/* 1, 0, or HT_ESYSTEM. */
static int passes(struct pass *p, const struct ht_ended *e, struct ht_err *err)
{
	struct ht_filter_block b = { e->block->stream, e->block->context, e->block->size };
	int rc;

	if (ht_filter_side(p->filter, e->block->born_ticks))
		return 0;
	if (!p->restricts)
		return 1;
	rc = ht_filter_birth(p->filter, &b, err);
	if (rc > 0 && ht_filter_restricts_life(p->filter))
		rc = ht_filter_life(p->filter, e->lifetime_ns, e->how != HT_ENDED_KEPT);
	return rc;
}

static int end(struct pass *p, const struct ht_live_block *b, enum ht_ended_how how, uint64_t ticks,
	       const struct ht_event *event, struct ht_err *err)
{
	__int128 ns = ht_clock_ns(&p->model->clock, ticks) - ht_clock_ns(&p->model->clock, b->born_ticks);
	struct ht_ended e = {
		.how = how,
		.block = b,
		.maker = &p->model->streams.at[b->stream],
		.event = event,
		.lifetime_ns = ns > 0 ? (uint64_t)ns : 0,
		.existed = !b->context,
	};
	int rc = passes(p, &e, err);

	if (rc < 0)
		return rc;
	e.passes = rc;
	return p->visit(p->state, &e, err);
}

static int see_event(void *state, const struct ht_event *e, struct ht_err *err)
{
	bool moved = e->kind == HT_EVENT_REALLOC && e->has_address;

	if (!e->block || e->failed || e->inherited)
		return 0;
	return end(state, e->block, moved ? HT_ENDED_REALLOCATED : HT_ENDED_FREED,
		   e->kind == HT_EVENT_REALLOC ? e->begin_ticks : e->ticks, e, err);
}

static int see_left(void *state, const struct ht_left *l, struct ht_err *err)
{
	static const enum ht_ended_how how[] = {
		[HT_LEFT_AT_END] = HT_ENDED_KEPT,
		[HT_LEFT_BY_EXEC] = HT_ENDED_REPLACED,
		[HT_LEFT_FORGOTTEN] = HT_ENDED_FORGOTTEN,
	};

	return end(state, l->block, how[l->why], l->ticks, NULL, err);
}

int ht_ends_run(struct ht_model *t, struct ht_filter *f, ht_ends_visit *visit, void *state, struct ht_err *err)
{
	struct pass p = {
		.model = t, .filter = f, .restricts = ht_filter_restricts(f), .visit = visit, .state = state
	};
	struct ht_observer observer = { see_event, &p, see_left };
	struct ht_history history;

	return ht_replay_run(t, &observer, 1, &history, err);
}
