/* SPDX-License-Identifier: Apache-2.0 */
/* story.c -- follows the blocks of an address, or one block, through a replay
 *
 *   open     lifetimes that have begun and not ended; usually none or one
 *   origin   of each live block that a realloc made: the row that made the first block of the chain
 *
 * An event is found again in the second replay by its stream and sequence number, which do not depend on the order.
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
	bool has_block; /* the event has one */
	struct ht_live origin;
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
	return e->block && !e->failed;
}

static uint64_t stream_of(const struct teller *t, const struct ht_event *e)
{
	return (uint64_t)(e->stream - t->model->streams.at);
}

/* ---- the first replay of an event: where its chain begins ---------------------------------------------------- */

/* Takes the origin of a block out of the notes; a block that is not there begins its own chain. */
static struct ht_live_block take_origin(struct teller *t, const struct ht_live_block *b)
{
	struct ht_live_block origin;

	return ht_live_take(&t->origin, b->address, &origin) ? origin : *b;
}

static int find_origin(void *state, const struct ht_event *e, struct ht_err *err)
{
	struct teller *t = state;
	struct ht_live_block origin = { .born_seq = e->seq, .stream = (uint32_t)stream_of(t, e) };
	bool has = gives_block(e);

	t->story->events++;
	if (releases_block(e)) {
		origin = take_origin(t, e->block);
		has = true;
	}
	if (t->story->events == t->target) {
		t->seq = origin.born_seq;
		t->stream = origin.stream;
		t->has_block = has;
		return FOUND;
	}
	if (!gives_block(e))
		return 0;
	if (!releases_block(e)) {
		ht_live_take(&t->origin, e->address, &origin); /* a block that was forgotten there */
		return 0;
	}
	origin.address = e->address;
	return ht_live_put(&t->origin, &origin) ? 0 : no_memory(err);
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

	while (i < t->open.count && (t->open.at[i].address != b->address || t->open.at[i].born.ticks != b->born_ticks))
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

static int leave(void *state, const struct ht_live_block *b, enum ht_leaving why, struct ht_err *err)
{
	static const enum ht_life_end end_of[] = {
		[HT_LEFT_AT_END] = HT_LIFE_KEPT,
		[HT_LEFT_BY_EXEC] = HT_LIFE_EXEC,
		[HT_LEFT_FORGOTTEN] = HT_LIFE_FORGOTTEN,
	};
	struct teller *t = state;
	size_t i = place_of(t, b);

	if (i == t->open.count)
		return 0;
	t->open.at[i].end = end_of[why];
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
	struct ht_observer observer = { find_origin, &teller, NULL };
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
