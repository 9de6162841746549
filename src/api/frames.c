/* SPDX-License-Identifier: Apache-2.0 */
/* frames.c -- walks from a node to its root
 *
 * frames.h has a picture.
 */
#include "api/frames.h"

#include <stdlib.h>

/* The pointers are set when all frames are there: the array may move. */
static bool make_room(struct ht_frames *f, size_t count)
{
	size_t cap = count < 16 ? 16 : count * 2;
	struct heaptap_frame *frame;
	const struct heaptap_frame **at;

	if (count <= f->cap)
		return true;
	frame = realloc(f->frame, cap * sizeof(*frame));
	if (frame)
		f->frame = frame;
	at = realloc(f->at, cap * sizeof(*at));
	if (at)
		f->at = at;
	if (!frame || !at)
		return false;
	f->cap = cap;
	return true;
}

int ht_frames_take(struct ht_frames *f, const struct ht_places *p, uint32_t node, size_t most, struct ht_err *err)
{
	f->count = 0;
	for (; !ht_place_is_root(node) && f->count < most; node = p->nodes.at[node].parent) {
		const struct ht_place_frame *from = &p->frames.at[p->nodes.at[node].frame];

		if (!make_room(f, f->count + 1))
			return ht_err_set(err, HT_ESYSTEM, "out of memory for a stack");
		f->frame[f->count++] = (struct heaptap_frame){
			.function = from->function,
			.file = from->file,
			.module = from->module,
			.offset = from->offset,
			.line = from->line,
			.inlined = from->inlined,
		};
	}
	f->cut = ht_place_is_root(node) ? ht_stack_cut_name((enum ht_stack_cut)node) : NULL;
	for (size_t i = 0; i < f->count; i++)
		f->at[i] = &f->frame[i];
	return 0;
}

int ht_frames_of_moment(struct ht_frames *f, struct ht_model *t, struct ht_symbols *s, const struct ht_moment *m,
			struct ht_err *err)
{
	struct ht_places places;
	int rc;

	f->count = 0;
	f->cut = NULL;
	if (!m->known)
		return 0;
	rc = ht_moment_place(t, s, m, &places, err);
	if (rc)
		return rc;
	rc = ht_frames_take(f, &places, places.site[0], SIZE_MAX, err);
	ht_places_fini(&places);
	return rc;
}

void ht_frames_fini(struct ht_frames *f)
{
	free(f->frame);
	free(f->at);
	*f = (struct ht_frames){ 0 };
}

int ht_called_take(struct ht_called *c, struct ht_model *t, struct ht_symbols *s, const struct ht_moment *m,
		   const struct heaptap_call **ret, struct ht_err *err)
{
	int rc = ht_frames_of_moment(&c->frames, t, s, m, err);

	*ret = NULL;
	if (rc || !m->known)
		return rc;
	c->call = (struct heaptap_call){
		.time_ns = ht_clock_time_ns(&t->clock, m->ticks),
		.thread = m->stream->number,
		.function = ht_model_function(t, m->context),
		.frame = c->frames.at,
		.frames = c->frames.count,
	};
	c->call.has_caller = ht_model_caller(t, m->context, &c->call.caller);
	*ret = &c->call;
	return 0;
}
