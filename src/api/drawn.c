/* SPDX-License-Identifier: Apache-2.0 */
/* drawn.c -- live memory in the course of time
 *
 * inspect/course.h has the rules; heaptap.h gives one step after another.
 */
#include <stdlib.h>

#include "api/handle.h"
#include "inspect/course.h"

#define POINTS_MOST 1000000

struct heaptap_timeline {
	struct ht_course course;
	struct heaptap_peak peak;
	struct heaptap_point point; /* the one that was asked for last */
};

int heaptap_timeline(struct heaptap_trace *trace, size_t points, struct heaptap_timeline **ret,
		     struct heaptap_error *error)
{
	const struct ht_course_parts whole = { 0 };
	int rc = ht_handle_begin_whole(trace, error);
	struct heaptap_timeline *t = NULL;
	struct ht_err err;

	if (rc)
		return rc;
	if (!points || points > POINTS_MOST)
		rc = ht_err_set(&err, HT_EUSAGE, "%zu steps: not a number from 1 to %d", points, POINTS_MOST);
	else if (!(t = calloc(1, sizeof(*t))))
		rc = ht_err_set(&err, HT_ESYSTEM, "out of memory for an answer");
	else
		rc = ht_course_take(trace->model, points, &whole, &t->course, &err);
	if (rc) {
		free(t);
		return ht_handle_fail(error, &err);
	}
	t->peak = (struct heaptap_peak){
		.known = t->course.has_peak,
		.bytes = t->course.peak_bytes,
		.blocks = t->course.peak_blocks,
		.time_ns = t->course.has_peak ? t->course.peak_ns : 0,
		.step_ns = t->course.step_ns,
	};
	*ret = t;
	return 0;
}

void heaptap_timeline_release(struct heaptap_timeline **timeline)
{
	if (!timeline || !*timeline)
		return;
	ht_course_fini(&(*timeline)->course);
	free(*timeline);
	*timeline = NULL;
}

const struct heaptap_peak *heaptap_timeline_peak(const struct heaptap_timeline *timeline)
{
	return timeline ? &timeline->peak : NULL;
}

const struct heaptap_point *heaptap_timeline_get(struct heaptap_timeline *timeline, size_t i)
{
	const struct ht_course_point *p;

	if (!timeline || i >= timeline->course.points)
		return NULL;
	p = &timeline->course.point[i];
	timeline->point = (struct heaptap_point){
		.start_ns = i * timeline->course.step_ns,
		.bytes = p->bytes,
		.blocks = p->blocks,
		.most_bytes = p->most_bytes,
		.most_blocks = p->most_blocks,
		.allocs = p->allocs,
		.frees = p->frees,
		.allocated_bytes = p->allocated_bytes,
		.released_bytes = p->released_bytes,
	};
	return &timeline->point;
}
