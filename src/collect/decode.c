/* SPDX-License-Identifier: Apache-2.0 */
/* decode.c -- takes cells apart
 *
 * Called by: drain.c.
 *
 *   [THREAD +3] [TIME] [ALLOC] [ADDRESS] [SIZE] [ALLOC] [LOSS] [FREE] ... [LINK]
 *     stream     escapes: what the next event cell has no bits for
 *
 * The rules a target has to keep, or its stream is taken out of service:
 *   THREAD first, with a possible tid, its cells together; time never goes back; a context that is in the tree;
 *   kinds of channel.h
 */
#include "collect/decode.h"

#define TID_MAX (1u << 22) /* Linux has no higher ones */

static bool begin_thread(struct ht_decoder *d, const struct ht_cell *cell)
{
	uint64_t passed = cell[3].word[1];
	struct ht_counters at = {
		.entered = cell[1].word[0] + passed,
		.counted_only = cell[1].word[1],
		.lost = cell[2].word[0] + passed,
		.nested = cell[2].word[1],
		.blocked_ticks = cell[3].word[0],
	};
	uint32_t tid = ht_cell_context(cell[0]);

	if (d->stream)
		ht_streams_close(d->streams, d->stream, &at, false);
	d->stream = NULL;
	if (tid > TID_MAX)
		return false;
	d->ticks = cell[0].word[1];
	d->has_address = d->has_size = false;
	d->stream = ht_streams_open(d->streams, tid, d->image, d->ticks, &at);
	return d->stream != NULL;
}

static void set_place(struct ht_row *row, unsigned place)
{
	static const uint8_t heap[] = { [HT_PLACE_UNKNOWN] = HT_HEAP_UNKNOWN,
					[HT_PLACE_OTHER] = HT_HEAP_OTHER,
					[HT_PLACE_MAPPED] = HT_HEAP_UNKNOWN,
					[HT_PLACE_MAIN] = HT_HEAP_MAIN };

	row->heap = heap[place];
	row->source = place == HT_PLACE_MAPPED ? HT_SOURCE_SLOW : HT_SOURCE_UNKNOWN;
}

static bool take_event(struct ht_decoder *d, struct ht_cell cell)
{
	struct ht_row row = {
		.kind = ht_cell_kind(cell), /* cells and rows number their kinds alike */
		.context = ht_cell_context(cell),
		.address = d->has_address ? d->address : ht_cell_address(cell),
		.size = d->has_size ? d->size : ht_cell_size(cell),
	};

	if (!d->stream || __builtin_add_overflow(d->ticks, ht_cell_delta(cell), &row.time_ticks) ||
	    !ht_contexts_known(d->streams->contexts, row.context))
		return false;
	d->ticks = row.time_ticks;
	d->has_address = d->has_size = false;
	set_place(&row, ht_cell_place(cell));
	ht_streams_row(d->streams, d->stream, &row);
	return true;
}

static bool take_mark(struct ht_decoder *d, struct ht_cell cell)
{
	uint64_t value = cell.word[1];

	switch (ht_cell_kind(cell)) {
	case HT_CELL_TIME:
		if (value < d->ticks)
			return false;
		d->ticks = value;
		return true;
	case HT_CELL_ADDRESS:
		d->address = value;
		return d->has_address = true;
	case HT_CELL_SIZE:
		d->size = value;
		return d->has_size = true;
	case HT_CELL_LOSS:
		if (!d->stream || value == 0 || value > UINT32_MAX)
			return false;
		ht_streams_lose(d->streams, d->stream, value);
		return true;
	default:
		return false;
	}
}

enum ht_decoded ht_decode(struct ht_decoder *d, const struct ht_cell *cell, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		unsigned kind = ht_cell_kind(cell[i]);

		if (kind >= HT_CELL_ALLOC && kind <= HT_CELL_REALLOC_FAILED) {
			if (!take_event(d, cell[i]))
				return HT_DECODED_DAMAGE;
		} else if (kind == HT_CELL_LINK) {
			return HT_DECODED_LINK;
		} else if (kind == HT_CELL_THREAD) {
			if (count - i < HT_THREAD_CELLS || !begin_thread(d, cell + i))
				return HT_DECODED_DAMAGE;
			i += HT_THREAD_CELLS - 1;
		} else if (!take_mark(d, cell[i])) {
			return HT_DECODED_DAMAGE;
		}
	}
	return HT_DECODED_ALL;
}
