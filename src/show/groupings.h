/* SPDX-License-Identifier: Apache-2.0 */
/* groupings.h -- prints groups of a ranking: one line each for people, the fields that name it for programs
 *
 * Used by report.c, which prints the figures of JSON itself.
 *
 *      5.0 MiB   99.9 %        5  spike                        confess
 *      3.0 KiB    0.1 %        3  keep                         confess
 */
#ifndef HT_GROUPINGS_H
#define HT_GROUPINGS_H

#include "inspect/ranking.h"

struct ht_groupings {
	const struct ht_model *model;
	const struct ht_places *places;
	const struct ht_groups *groups;
	const struct ht_ranking *ranking;
	enum ht_grouping group;
	enum ht_measure by;
};

void ht_groupings_text(const struct ht_groupings *g, size_t shown);

/* Without braces: "stack" | "function","module" | "module" | "thread","name" | "from_bytes","to_bytes" | "function". */
void ht_groupings_json(const struct ht_groupings *g, uint32_t group);

#endif
