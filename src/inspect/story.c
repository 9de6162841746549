/* SPDX-License-Identifier: Apache-2.0 */
/* story.c -- follows the blocks of an address, or one block, through a replay
 *
 *   open     lifetimes that have begun and not ended; usually none or one
 *   origin   of each live block that a realloc made: the row that made the first block of the chain
 *
 * A row is named by its stream and sequence number, which do not depend on the order, and so is the block it made. Copies that
 * forks made have no story of their own: a release of one leads to the block in the process that made it.
 */
#include "inspect/story.h"

#include <inttypes.h>
#include <stdlib.h>

#define FOUND 1 /* ends the first replay */

struct teller {
	struct ht_model *model;
	const struct ht_listener *to;
	struct ht_story *story;
	HT_LIST(struct ht_lifetime) open;
	bool by_event;
	uint64_t address; /* of an address */
	uint64_t target;  /* of an event: its number; then the row where the chain begins */
	uint64_t seq, stream;
	bool has_block;        /* the event has one */
	struct ht_live origin; /* by key_of() in place of an address */
};

static int no_memory(struct ht_err *err)
{
	return ht_err_set(err, HT_ESYSTEM, "out of memory for the story of a block");
}

static bool gives_block(const struct ht_event *e)
{
	return e->has_address && e->kind != HT_EVENT_FREE;
}

static bool releases_block(const struct ht_event *e)
{
	return e->block && !e->failed && !e->inherited;
}

static uint64_t stream_of(const struct teller *t, const struct ht_event *e)
{
	return (uint64_t)(e->stream - t->model->streams.at);
}

/* ---- the first replay of an event: where its chain begins ---------------------------------------------------- */

/* Of a block by the row that made it; different for all rows of one trace of less than a million million rows a thread. */
static uint64_t key_of(uint64_t stream, uint64_t seq)
{
	return stream << 40 | (seq & (((uint64_t)1 << 40) - 1));
}

/* A block that is not in the notes begins its own chain. */
static struct ht_live_block origin_of(struct teller *t, const struct ht_live_block *b)
{
	const struct ht_live_block *origin = ht_live_find(&t->origin, key_of(b->stream, b->born_seq));

	return origin ? *origin : *b;
}

static int find_origin(void *state, const struct ht_event *e, struct ht_err *err)
{
	struct teller *t = state;
	struct ht_live_block origin = { .born_seq = e->seq, .stream = (uint32_t)stream_of(t, e) }, gone;
	bool releases = e->block && !e->failed;

	t->story->events++;
	if (releases)
		origin = origin_of(t, e->block);
	if (t->story->events == t->target) {
		t->seq = origin.born_seq;
		t->stream = origin.stream;
		t->has_block = releases || gives_block(e);
		return FOUND;
	}
	if (releases_block(e))
		ht_live_take(&t->origin, key_of(e->block->stream, e->block->born_seq), &gone);
	if (!gives_block(e) || !releases)
		return 0;
	origin.address = key_of(stream_of(t, e), e->seq);
	return ht_live_put(&t->origin, &origin) ? 0 : no_memory(err);
}

/* Blocks that leave without an event take their notes with them. */
static int forget_origin(void *state, const struct ht_left *l, struct ht_err *err)
{
	struct teller *t = state;
	struct ht_live_block gone;

	(void)err;
	ht_live_take(&t->origin, key_of(l->block->stream, l->block->born_seq), &gone);
	return 0;
}

/* ---- telling ------------------------------------------------------------------------------------------------ */

static int end_lifetime(struct teller *t, size_t i, struct ht_err *err)
{
	struct ht_lifetime l = t->open.at[i];

	for (t->open.count--; i < t->open.count; i++)
		t->open.at[i] = t->open.at[i + 1];
	t->story->lifetimes++;
	return t->to->lifetime(t->to->state, &l, err);
}

static int begin_lifetime(struct teller *t, const struct ht_event *e, struct ht_err *err)
{
	struct ht_lifetime *l = HT_LIST_ADD(&t->open);

	if (!l)
		return no_memory(err);
	*l = (struct ht_lifetime){
		.event = t->story->events,
		.address = e->address,
		.size = e->size,
		.made_by = e->kind,
		.born = ht_moment_of_event(e),
		.has_from = e->kind == HT_EVENT_REALLOC && e->has_old,
		.from_address = e->old_address,
	};
	return 0;
}

/* The place in `open` of a block; open.count if it is none of ours. */
static size_t place_of(const struct teller *t, const struct ht_live_block *b)
{
	size_t i = 0;

	while (i < t->open.count && (t->open.at[i].address != b->address || t->open.at[i].born.ticks != b->born_ticks ||
				     t->open.at[i].born.stream != &t->model->streams.at[b->stream]))
		i++;
	return i;
}

/* For those who asked for an address that was never handed out. */
static void note_neighbour(struct teller *t, const struct ht_event *e)
{
	struct ht_story *s = t->story;

	if (e->address <= t->address && (!s->has_below || e->address >= s->below)) {
		s->has_below = true;
		s->below = e->address;
		s->below_size = e->size;
	} else if (e->address > t->address && (!s->has_above || e->address < s->above)) {
		s->has_above = true;
		s->above = e->address;
	}
}

static bool is_ours(const struct teller *t, const struct ht_event *e)
{
	uint64_t size = e->size ? e->size : 1;

	if (t->by_event)
		return t->has_block && e->seq == t->seq && stream_of(t, e) == t->stream;
	return t->address >= e->address && t->address - e->address < size;
}

static int follow(void *state, const struct ht_event *e, struct ht_err *err)
{
	struct teller *t = state;
	size_t i = releases_block(e) ? place_of(t, e->block) : t->open.count;
	bool moves_on = i < t->open.count && e->kind == HT_EVENT_REALLOC && e->has_address;
	int rc = 0;

	t->story->events++;
	if (i < t->open.count) {
		struct ht_lifetime *l = &t->open.at[i];

		l->ended = ht_moment_of_event(e);
		if (e->kind == HT_EVENT_REALLOC)
			l->ended.ticks = e->begin_ticks;
		l->end = moves_on ? HT_LIFE_MOVED : HT_LIFE_FREED;
		l->to_address = e->address;
		rc = end_lifetime(t, i, err);
	}
	if (rc || !gives_block(e))
		return rc;
	if (!t->by_event)
		note_neighbour(t, e);
	return is_ours(t, e) || (t->by_event && moves_on) ? begin_lifetime(t, e, err) : 0;
}

static int leave(void *state, const struct ht_left *l, struct ht_err *err)
{
	static const enum ht_life_end end_of[] = {
		[HT_LEFT_AT_END] = HT_LIFE_KEPT,
		[HT_LEFT_BY_EXEC] = HT_LIFE_EXEC,
		[HT_LEFT_FORGOTTEN] = HT_LIFE_FORGOTTEN,
	};
	struct teller *t = state;
	size_t i = place_of(t, l->block);

	if (i == t->open.count)
		return 0;
	t->open.at[i].end = end_of[l->why];
	return end_lifetime(t, i, err);
}

static int tell(struct teller *t, struct ht_err *err)
{
	struct ht_observer observer = { follow, t, leave };
	struct ht_history history;
	int rc;

	t->story->events = 0;
	rc = ht_replay_run(t->model, &observer, 1, &history, err);
	free(t->open.at);
	return rc;
}

int ht_story_of_address(struct ht_model *t, uint64_t address, const struct ht_listener *to, struct ht_story *ret,
			struct ht_err *err)
{
	struct teller teller = { .model = t, .to = to, .story = ret, .address = address };

	*ret = (struct ht_story){ 0 };
	return tell(&teller, err);
}

int ht_story_of_event(struct ht_model *t, uint64_t number, const struct ht_listener *to, struct ht_story *ret,
		      struct ht_err *err)
{
	struct teller teller = { .model = t, .to = to, .story = ret, .by_event = true, .target = number };
	struct ht_observer observer = { find_origin, &teller, forget_origin };
	struct ht_history history;
	int rc;

	*ret = (struct ht_story){ 0 };
	rc = ht_replay_run(t, &observer, 1, &history, err);
	ht_live_fini(&teller.origin);
	if (!rc)
		return ht_err_set(err, HT_EUSAGE, "there is no event %" PRIu64 "; the last is %" PRIu64, number,
				  ret->events);
	return rc == FOUND ? tell(&teller, err) : rc;
}
