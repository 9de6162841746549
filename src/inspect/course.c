/* SPDX-License-Identifier: Apache-2.0 */
/* course.c -- sums up live bytes during a replay, and cuts them into steps
 *
 * The ends of the steps are turned into ticks, one after another, so that an event costs a comparison and no division.
 */
#include "inspect/course.h"

#include <stdlib.h>

struct walk {
	struct ht_model *model;
	struct ht_course *course;
	size_t at;          /* the step */
	uint64_t end_ticks; /* first ticks behind it */
	uint64_t bytes, blocks;
	uint64_t peak_ticks;
};

static void set_end(struct walk *w)
{
	bool last = w->at + 1 == w->course->points;

	w->end_ticks = last ? UINT64_MAX : ht_clock_ticks_at(&w->model->clock, (w->at + 1) * w->course->step_ns);
}

static void note_live(struct walk *w)
{
	struct ht_course_point *p = &w->course->point[w->at];

	p->bytes = w->bytes;
	p->blocks = w->blocks;
	if (w->bytes > p->most_bytes)
		p->most_bytes = w->bytes;
	if (w->blocks > p->most_blocks)
		p->most_blocks = w->blocks;
}

static void go_to(struct walk *w, uint64_t ticks)
{
	while (ticks >= w->end_ticks && w->at + 1 < w->course->points) {
		w->at++;
		note_live(w);
		set_end(w);
	}
}

static void note_peak(struct walk *w, uint64_t ticks)
{
	struct ht_course *c = w->course;

	if (c->has_peak && w->bytes <= c->peak_bytes)
		return;
	c->has_peak = true;
	c->peak_bytes = w->bytes;
	c->peak_blocks = w->blocks;
	c->peak_point = w->at;
	w->peak_ticks = ticks;
}

static int see_event(void *state, const struct ht_event *e, struct ht_err *err)
{
	struct walk *w = state;
	struct ht_course_point *p;

	(void)err;
	go_to(w, e->ticks);
	p = &w->course->point[w->at];
	if (e->block && !e->failed && !e->inherited) {
		w->bytes -= e->block->size;
		w->blocks--;
		p->frees++;
		p->released_bytes += e->block->size;
	}
	if (e->kind == HT_EVENT_FREE || !e->has_address) {
		note_live(w);
		return 0;
	}
	w->bytes += e->size;
	w->blocks++;
	if (e->kind != HT_EVENT_EXISTING) {
		p->allocs++;
		p->allocated_bytes += e->size;
	}
	note_live(w);
	note_peak(w, e->ticks);
	return 0;
}

static int see_left(void *state, const struct ht_left *l, struct ht_err *err)
{
	struct walk *w = state;

	(void)err;
	if (l->why == HT_LEFT_AT_END && l->ticks >= w->model->last_ticks)
		return 0;
	go_to(w, l->ticks);
	w->bytes -= l->block->size;
	w->blocks--;
	note_live(w);
	return 0;
}

int ht_course_take(struct ht_model *t, size_t points, struct ht_course *ret, struct ht_err *err)
{
	struct ht_course c = { .points = points };
	struct walk w = { .model = t, .course = &c };
	struct ht_observer observer = { see_event, &w, see_left };
	struct ht_history history;
	int rc;

	c.point = calloc(points, sizeof(*c.point));
	if (!c.point)
		return ht_err_set(err, HT_ESYSTEM, "out of memory for %zu points", points);
	c.step_ns = ht_clock_time_ns(&t->clock, t->last_ticks) / points + 1;
	set_end(&w);
	rc = ht_replay_run(t, &observer, 1, &history, err);
	if (rc) {
		ht_course_fini(&c);
		return rc;
	}
	while (w.at + 1 < points) {
		w.at++;
		note_live(&w);
	}
	c.peak_ns = ht_clock_time_ns(&t->clock, w.peak_ticks);
	*ret = c;
	return 0;
}

void ht_course_fini(struct ht_course *c)
{
	free(c->point);
	*c = (struct ht_course){ 0 };
}
