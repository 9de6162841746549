/* SPDX-License-Identifier: Apache-2.0 */
/* gaps.c -- walks the rows and the losses of a stream by sequence number
 *
 * gaps.h says what counts as missing.
 */
#include "inspect/gaps.h"

uint64_t ht_gaps_add(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* Merges rows and losses by sequence, and adds up what is between them. */
uint64_t ht_gaps_missing(const struct ht_model *t, const struct ht_stream *s)
{
	size_t e = s->event_from, e_end = e + s->event_count, l = s->loss_from, l_end = l + s->loss_count;
	uint64_t missing = 0, reached = 0;

	while (e < e_end || l < l_end) {
		const struct ht_event_block *rows = e < e_end ? &t->event_blocks.at[e] : NULL;
		const struct ht_meta_loss *loss = l < l_end ? &t->losses.at[l] : NULL;
		bool rows_first = !loss || (rows && rows->first_seq < loss->first_seq);
		uint64_t first = rows_first ? rows->first_seq : loss->first_seq;
		uint64_t behind = ht_gaps_add(first, rows_first ? rows->rows : loss->count);

		if (first > reached)
			missing = ht_gaps_add(missing, first - reached);
		if (behind > reached)
			reached = behind;
		if (rows_first)
			e++;
		else
			l++;
	}
	return missing;
}
