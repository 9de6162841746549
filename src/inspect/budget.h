/* SPDX-License-Identifier: Apache-2.0 */
/* budget.h -- judges a trace by a budget, and finds who is to blame
 *
 * Callers: show/verdict.c, for `heaptap budget` and `record --budget`; api/judged.c.
 *
 *   limits ──┐
 *   trace  ──┼──► one finding for each limit (for a growth: one each for peak, leaked, allocated, allocs)
 *   baseline ┘        exceeded: the places, the worst first
 *
 * What the figures are: man/heaptap-budget.1. Within a function: of the blocks that were allocated while it was active, and
 * their own peak, not what they held at the peak of the whole.
 *
 * Always true:
 *   B1  a limit that is reached is kept; exceeded means more
 *   B2  a function matches by its whole name, or by all of it but parameters, template arguments and return type
 */
#ifndef HT_BUDGET_H
#define HT_BUDGET_H

#include "inspect/limits.h"
#include "inspect/summary.h"

struct ht_culprit {
	uint32_t place;
	struct ht_tally value, before; /* before: growth only */
};

struct ht_finding {
	struct ht_limit limit;
	enum ht_limit_kind of; /* what was measured: of a growth, what might have grown */
	uint64_t value, allowed;
	uint64_t before; /* growth: what the baseline has */
	uint64_t whole;  /* shares: `value` blocks of so many; `allowed` is as many as the share allows, rounded down */
	bool exceeded;
	HT_LIST(struct ht_culprit) culprits; /* if it is exceeded: all there are */
};

struct ht_verdict {
	HT_LIST(struct ht_finding) findings; /* in the order of the limits */
	size_t exceeded;
	bool *unseen; /* of each scope: no block was allocated within it, so a name may be wrong */
};

/* before: NULL without a baseline. */
int ht_budget_judge(const struct ht_limits *limits, struct ht_summary *now, struct ht_summary *before,
		    struct ht_verdict *ret, struct ht_err *err);
void ht_verdict_fini(struct ht_verdict *v);

/* A function on some stack whose name has this one in it, in small letters or large; or NULL. */
const char *ht_budget_resembling(const struct ht_places *p, const char *function);

/* Whether blocks or calls count, not bytes. */
bool ht_limit_counts(enum ht_limit_kind kind);

/* Of what is measured: "peak"; "bytes", "blocks" or "calls". */
const char *ht_limit_measured(enum ht_limit_kind of);
const char *ht_limit_unit(enum ht_limit_kind of);

#endif
