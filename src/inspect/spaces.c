/* SPDX-License-Identifier: Apache-2.0 */
/* spaces.c -- works out which address spaces there are, whose child each is, and when it ends
 *
 *   images and streams ──► the list ──► next image of the same process ──► ends
 *                                  └──► forked_from ──► children ──► forks
 *
 * spaces.h says what comes out. An image that only its streams name belongs to the first process and has no moments.
 */
#include "inspect/spaces.h"

#include <stdlib.h>

#include "inspect/choice.h"

#define NONE UINT32_MAX

static int compare(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int no_memory(struct ht_err *err)
{
	return ht_err_set(err, HT_ESYSTEM, "out of memory for the processes of the trace");
}

/* ---- the list ---------------------------------------------------------------------------------------------- */

static int by_image(const void *a, const void *b)
{
	const struct ht_space *x = a, *y = b;

	return compare(x->image, y->image);
}

static uint32_t find(const struct ht_spaces *s, uint64_t image)
{
	struct ht_space key = { .image = image };
	struct ht_space *found = s->list.count ? bsearch(&key, s->list.at, s->list.count, sizeof(key), by_image) : NULL;

	return found ? (uint32_t)(found - s->list.at) : NONE;
}

uint64_t ht_spaces_before(const struct ht_model *t, uint64_t image)
{
	const struct ht_meta_image *m = ht_model_image(t, image), *from = m;

	while (from && from->forked_from && from->forked_from < from->image) {
		m = from;
		from = ht_model_image(t, from->forked_from);
	}
	return from ? from->before : m ? m->before : 0;
}

static bool add_image(struct ht_spaces *s, const struct ht_model *t, uint64_t image)
{
	const struct ht_meta_image *m = ht_model_image(t, image);
	struct ht_space *new = HT_LIST_ADD(&s->list);

	if (!new)
		return false;
	new->image = image;
	new->process = ht_model_process_of(t, image);
	new->before = ht_spaces_before(t, image);
	new->joined_ticks = m ? m->ticks : 0;
	new->is_chosen = ht_choice_has(t, new->process);
	return true;
}

static bool list_spaces(struct ht_spaces *s, const struct ht_model *t)
{
	size_t kept = 0;

	for (size_t i = 0; i < t->images.count; i++)
		if (!add_image(s, t, t->images.at[i].image))
			return false;
	for (size_t i = 0; i < t->streams.count; i++)
		if (t->streams.at[i].event_count && !ht_model_image(t, t->streams.at[i].image) &&
		    !add_image(s, t, t->streams.at[i].image))
			return false;
	if (!s->list.count)
		return true;
	qsort(s->list.at, s->list.count, sizeof(*s->list.at), by_image);
	for (size_t i = 0; i < s->list.count; i++)
		if (!kept || s->list.at[kept - 1].image != s->list.at[i].image)
			s->list.at[kept++] = s->list.at[i];
	s->list.count = kept;
	return true;
}

static bool place_streams(struct ht_spaces *s, const struct ht_model *t)
{
	s->of_stream = calloc(t->streams.count + 1, sizeof(*s->of_stream));
	if (!s->of_stream)
		return false;
	for (size_t i = 0; i < t->streams.count; i++) {
		if (!t->streams.at[i].event_count)
			continue;
		s->of_stream[i] = find(s, t->streams.at[i].image);
		s->list.at[s->of_stream[i]].streams++;
	}
	return true;
}

/* ---- forks ------------------------------------------------------------------------------------------------- */

static int by_fork(const void *a, const void *b)
{
	const struct ht_child *x = a, *y = b;

	if (x->parent != y->parent)
		return compare(x->parent, y->parent);
	return x->fork_ticks != y->fork_ticks ? compare(x->fork_ticks, y->fork_ticks) : compare(x->space, y->space);
}

static bool add_change(struct ht_spaces *s, uint64_t ticks, enum ht_change_kind kind, uint32_t space)
{
	struct ht_change *new = HT_LIST_ADD(&s->change);

	if (new)
		*new = (struct ht_change){ ticks, kind, space };
	return new;
}

static bool list_children(struct ht_spaces *s, const struct ht_model *t)
{
	for (size_t i = 0; i < t->images.count; i++) {
		const struct ht_meta_image *m = &t->images.at[i];
		uint32_t parent = m->forked_from && m->forked_from < m->image ? find(s, m->forked_from) : NONE;
		struct ht_child *new = parent != NONE ? HT_LIST_ADD(&s->child) : NULL;

		if (parent == NONE)
			continue;
		if (!new || !add_change(s, m->fork_ticks, HT_CHANGE_FORK, find(s, m->image)))
			return false;
		*new = (struct ht_child){ parent, find(s, m->image), m->fork_ticks, false };
		s->list.at[new->space].parent = parent;
	}
	if (s->child.count)
		qsort(s->child.at, s->child.count, sizeof(*s->child.at), by_fork);
	for (size_t i = s->child.count; i-- > 0;) {
		struct ht_space *parent = &s->list.at[s->child.at[i].parent];

		if (!parent->child_to)
			parent->child_to = i + 1;
		parent->child_from = parent->child_next = parent->child_open = i;
	}
	return true;
}

/* ---- ends -------------------------------------------------------------------------------------------------- */

struct turn {
	uint64_t process;
	uint32_t space;
};

static int by_turn(const void *a, const void *b)
{
	const struct turn *x = a, *y = b;

	return x->process != y->process ? compare(x->process, y->process) : compare(x->space, y->space);
}

/* 0: not known. */
static uint64_t end_of_process(const struct ht_model *t, uint64_t process)
{
	const struct ht_meta_process *p = ht_model_process(t, process);

	return p ? p->end_ticks : 0;
}

static bool list_ends(struct ht_spaces *s, const struct ht_model *t)
{
	size_t count = s->list.count;
	struct turn *turn = calloc(count + 1, sizeof(*turn));
	bool room = turn;

	for (size_t i = 0; room && i < count; i++)
		turn[i] = (struct turn){ s->list.at[i].process, (uint32_t)i };
	if (room)
		qsort(turn, count, sizeof(*turn), by_turn);
	for (size_t i = 0; room && i < count; i++) {
		struct ht_space *space = &s->list.at[turn[i].space];
		uint64_t ticks;

		space->is_replaced = i + 1 < count && turn[i + 1].process == turn[i].process;
		ticks = space->is_replaced ? s->list.at[turn[i + 1].space].joined_ticks
					   : end_of_process(t, space->process);
		if (space->is_replaced || ticks)
			room = add_change(s, ticks, HT_CHANGE_END, turn[i].space);
	}
	free(turn);
	return room;
}

static int by_time(const void *a, const void *b)
{
	const struct ht_change *x = a, *y = b;

	if (x->ticks != y->ticks)
		return compare(x->ticks, y->ticks);
	return x->kind != y->kind ? compare(x->kind, y->kind) : compare(x->space, y->space);
}

int ht_spaces_init(struct ht_spaces *s, const struct ht_model *t, struct ht_err *err)
{
	*s = (struct ht_spaces){ 0 };
	if (!list_spaces(s, t) || !place_streams(s, t) || !list_children(s, t) || !list_ends(s, t)) {
		ht_spaces_fini(s);
		return no_memory(err);
	}
	if (s->change.count)
		qsort(s->change.at, s->change.count, sizeof(*s->change.at), by_time);
	return 0;
}

struct ht_space *ht_spaces_find(struct ht_spaces *s, uint64_t image)
{
	uint32_t at = find(s, image);

	return at == NONE ? NULL : &s->list.at[at];
}

void ht_spaces_empty(struct ht_space *space)
{
	ht_live_fini(&space->live);
	ht_live_fini(&space->unsure);
	free(space->left_alone.at);
	space->left_alone.at = NULL;
	space->left_alone.count = space->left_alone.cap = 0;
}

void ht_spaces_fini(struct ht_spaces *s)
{
	for (size_t i = 0; i < s->list.count; i++)
		ht_spaces_empty(&s->list.at[i]);
	free(s->list.at);
	free(s->of_stream);
	free(s->child.at);
	free(s->change.at);
	*s = (struct ht_spaces){ 0 };
}
