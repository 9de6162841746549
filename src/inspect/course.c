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
	const struct ht_course_parts *parts;
	uint64_t *part_bytes; /* live now, of each place that is followed */
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

static void note_share(struct walk *w, uint32_t part)
{
	struct ht_course_share *s = &w->course->share[part * w->course->points + w->at];

	s->bytes = w->part_bytes[part];
	if (s->bytes > s->most_bytes)
		s->most_bytes = s->bytes;
}

static void begin_step(struct walk *w)
{
	w->at++;
	note_live(w);
	for (uint32_t part = 0; part < w->parts->count; part++)
		note_share(w, part);
}

static void go_to(struct walk *w, uint64_t ticks)
{
	while (ticks >= w->end_ticks && w->at + 1 < w->course->points) {
		begin_step(w);
		set_end(w);
	}
}

/* bytes: modulo 2^64, what the place of this site has more. */
static int change_share(struct walk *w, uint64_t image, uint32_t context, uint64_t bytes, struct ht_err *err)
{
	uint32_t *number, part;

	if (!w->parts->count)
		return 0;
	number = ht_index_at(&w->parts->sites->by_context, image << 32, context);
	if (!number || !*number)
		return ht_err_set(err, HT_ESYSTEM, "the trace changed while it was read");
	part = w->parts->part[*number - 1];
	if (part == w->parts->count)
		return 0;
	w->part_bytes[part] += bytes;
	note_share(w, part);
	return 0;
}

static int release(struct walk *w, const struct ht_live_block *b, struct ht_err *err)
{
	w->bytes -= b->size;
	w->blocks--;
	return change_share(w, w->model->streams.at[b->stream].image, b->context, -b->size, err);
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

	go_to(w, e->ticks);
	p = &w->course->point[w->at];
	if (e->block && !e->failed && !e->inherited) {
		if (release(w, e->block, err))
			return HT_ESYSTEM;
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
	return change_share(w, e->stream->image, e->context, e->size, err);
}

static int see_left(void *state, const struct ht_left *l, struct ht_err *err)
{
	struct walk *w = state;
	int rc;

	if (l->why == HT_LEFT_AT_END && l->ticks >= w->model->last_ticks)
		return 0;
	go_to(w, l->ticks);
	rc = release(w, l->block, err);
	note_live(w);
	return rc;
}

int ht_course_take(struct ht_model *t, size_t points, const struct ht_course_parts *parts, struct ht_course *ret,
		   struct ht_err *err)
{
	struct ht_course c = { .points = points };
	struct walk w = { .model = t, .course = &c, .parts = parts };
	struct ht_observer observer = { see_event, &w, see_left };
	struct ht_history history;
	int rc;

	c.point = calloc(points, sizeof(*c.point));
	c.share = calloc(points * parts->count + 1, sizeof(*c.share));
	w.part_bytes = calloc(parts->count + 1, sizeof(*w.part_bytes));
	c.step_ns = ht_clock_time_ns(&t->clock, t->last_ticks) / points + 1;
	if (!c.point || !c.share || !w.part_bytes) {
		rc = ht_err_set(err, HT_ESYSTEM, "out of memory for %zu points", points);
	} else {
		set_end(&w);
		rc = ht_replay_run(t, &observer, 1, &history, err);
	}
	while (!rc && w.at + 1 < points)
		begin_step(&w);
	free(w.part_bytes);
	if (rc) {
		ht_course_fini(&c);
		return rc;
	}
	c.peak_ns = ht_clock_time_ns(&t->clock, w.peak_ticks);
	*ret = c;
	return 0;
}

void ht_course_fini(struct ht_course *c)
{
	free(c->point);
	free(c->share);
	*c = (struct ht_course){ 0 };
}
