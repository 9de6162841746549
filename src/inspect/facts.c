/* SPDX-License-Identifier: Apache-2.0 */
/* facts.c -- adds up what the model has counted
 *
 * facts.h says for whom.
 */
#include "inspect/facts.h"

void ht_facts_take(const struct ht_model *t, struct ht_facts *ret)
{
	const uint64_t *rows = t->row_counts;
	struct ht_facts f = {
		.allocs = rows[HT_ROW_ALLOC] + rows[HT_ROW_ALLOC_FAILED],
		.frees = rows[HT_ROW_FREE],
		.reallocs = rows[HT_ROW_REALLOC_END] + rows[HT_ROW_REALLOC_FREED] + rows[HT_ROW_REALLOC_FAILED],
		.failed = rows[HT_ROW_ALLOC_FAILED] + rows[HT_ROW_REALLOC_FAILED],
		.existing = rows[HT_ROW_EXISTING],
	};

	f.events = f.allocs + f.frees + f.reallocs;
	for (size_t i = 0; i < t->streams.count; i++) {
		const struct ht_stream *s = &t->streams.at[i];

		if (!s->is_chosen)
			continue;
		f.lost += s->has_account ? s->account.lost : s->lost;
		f.counted_only += s->account.counted_only;
		f.blocked_ns += s->account.blocked_ns;
	}
	for (int kind = 0; kind <= HT_BLOCK_PROCESS; kind++)
		f.blocks += t->block_counts[kind];
	*ret = f;
}

uint64_t ht_facts_end_ticks(const struct ht_model *t)
{
	return t->has_end && t->end.ticks > t->last_ticks ? t->end.ticks : t->last_ticks;
}

const char *ht_facts_end_name(uint64_t reason)
{
	static const char *const names[] = {
		[HT_END_EXIT] = "exit",         [HT_END_SIGNAL] = "signal", [HT_END_LIMIT] = "limit",
		[HT_END_WRITE] = "write_error", [HT_END_ASKED] = "asked",   [HT_END_GONE] = "gone",
	};

	return reason < sizeof(names) / sizeof(*names) ? names[reason] : NULL;
}
