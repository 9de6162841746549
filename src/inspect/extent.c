/* SPDX-License-Identifier: Apache-2.0 */
/* extent.c -- chooses by what the index says of kinds and times
 *
 * extent.h has the picture.
 */
#include "inspect/extent.h"

#include <inttypes.h>
#include <stdlib.h>

#define LATE_STAMP_NS 2000 /* more than replay.c looks ahead for a release that was stamped too late */

bool ht_extent_is_frame(const struct ht_block_at *b)
{
	return b->kind != HT_BLOCK_EVENTS && b->kind != HT_BLOCK_CHECKPOINT && b->kind != HT_BLOCK_INDEX;
}

void ht_extent_choose(struct ht_model *t, struct ht_extent *e)
{
	uint64_t from_ticks = ht_clock_ticks_at(&t->clock, e->from_ns);

	e->until_ticks = e->to_ns > UINT64_MAX - LATE_STAMP_NS ? UINT64_MAX
							       : ht_clock_ticks_at(&t->clock, e->to_ns + LATE_STAMP_NS);

	for (size_t i = 0; i < ht_reader_block_count(t->reader); i++) {
		const struct ht_block_at *b = ht_reader_block(t->reader, i);

		if (b->kind == HT_BLOCK_EVENTS && b->last_time_ticks > t->last_ticks)
			t->last_ticks = b->last_time_ticks;
		if (b->kind == HT_BLOCK_CHECKPOINT && b->first_time_ticks < from_ticks &&
		    b->first_time_ticks > t->start_ticks)
			t->start_ticks = b->first_time_ticks;
	}
}

bool ht_extent_needs(const struct ht_model *t, const struct ht_extent *e, const struct ht_block_at *b)
{
	if (b->kind == HT_BLOCK_CHECKPOINT)
		return t->start_ticks && b->first_time_ticks == t->start_ticks;
	return b->kind == HT_BLOCK_EVENTS && b->last_time_ticks > t->start_ticks &&
	       b->first_time_ticks <= e->until_ticks;
}

int ht_extent_take_checkpoint(struct ht_model *t, const struct ht_block_at *b, struct ht_cursor c, struct ht_err *err)
{
	bool is_start = t->is_part && b->first_time_ticks == t->start_ticks;
	uint64_t previous = 0;
	struct ht_meta_live m, *new;
	int rc = 0;

	for (uint32_t row = 0; !rc && row < b->rows; row++) {
		rc = ht_meta_get_live(&c, &m, &previous, err);
		if (rc || !is_start)
			continue;
		new = HT_LIST_ADD(&t->start);
		if (!new)
			return ht_err_set(err, HT_ESYSTEM, "out of memory for the live blocks of a checkpoint");
		*new = m;
	}
	return rc;
}

int ht_extent_note_events(struct ht_model *t, size_t i, struct ht_err *err)
{
	const struct ht_block_at *b = ht_reader_block(t->reader, i);
	struct ht_event_block *new = HT_LIST_ADD(&t->event_blocks);

	if (!new)
		return ht_err_set(err, HT_ESYSTEM, "out of memory for the blocks of the trace");
	*new = (struct ht_event_block){
		.block = i, .stream = b->stream, .first_time_ticks = b->first_time_ticks, .rows = b->rows
	};
	return 0;
}

static int by_number(const void *number, const void *stream)
{
	uint64_t a = *(const uint64_t *)number, b = ((const struct ht_stream *)stream)->number;

	return (a > b) - (a < b);
}

/* Nothing but damage makes a block that nobody made. */
static bool can_be(const struct ht_model *t, const struct ht_meta_live *m)
{
	return m->context <= UINT32_MAX && m->age_ticks <= t->start_ticks && ht_model_image(t, m->image) &&
	       t->streams.count &&
	       bsearch(&m->stream, t->streams.at, t->streams.count, sizeof(*t->streams.at), by_number);
}

static bool has_checkpoint(const struct ht_model *t)
{
	for (size_t i = ht_reader_block_count(t->reader); i-- > 0;)
		if (ht_reader_block(t->reader, i)->kind == HT_BLOCK_CHECKPOINT)
			return true;
	return false;
}

int ht_extent_check(const struct ht_model *t, struct ht_err *err)
{
	const struct ht_damage *damage;

	if (!has_checkpoint(t))
		return ht_err_set(err, HT_EDAMAGED, "there is no checkpoint");
	if (!t->has_session || !t->has_end || ht_model_damages(t, &damage))
		return ht_err_set(err, HT_EDAMAGED, "what is needed is damaged");
	for (size_t i = 0; i < t->start.count; i++)
		if (!can_be(t, &t->start.at[i]))
			return ht_err_set(err, HT_EDAMAGED, "checkpoint: a block at 0x%" PRIx64 " that nobody made",
					  t->start.at[i].address);
	return 0;
}
