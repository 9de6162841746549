/* SPDX-License-Identifier: Apache-2.0 */
/* facts.h -- what a trace is known to hold without replaying it: calls by kind, losses, its end
 *
 * Callers: show/info.c, show/overview.c, question.c; api/trace.c.
 *
 * Counts are of calls, of chosen processes: a realloc is one.
 */
#ifndef HT_FACTS_H
#define HT_FACTS_H

#include "inspect/model.h"

struct ht_facts {
	uint64_t events, allocs, frees, reallocs; /* failed ones too */
	uint64_t failed, existing;
	uint64_t counted_only, lost, blocked_ns;
	uint64_t blocks; /* of the file, intact ones */
};

void ht_facts_take(const struct ht_model *t, struct ht_facts *ret);

/* When the recording ended, or as far as is known. */
uint64_t ht_facts_end_ticks(const struct ht_model *t);

/* "exit", "signal", ...; NULL: a reason that this version does not know. */
const char *ht_facts_end_name(uint64_t reason);

#endif
