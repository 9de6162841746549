/* SPDX-License-Identifier: Apache-2.0 */
/* groups.h -- what belongs together: sites by stack, function, library, thread, size or allocator function
 *
 * Callers: ranking.c and calltree.c add up by it, show/report.c names what was added up.
 *
 *   stack        the whole stack, as people read it: a node of places.h
 *   function     of the innermost frame that is no allocator's, with its library
 *   library      of that frame
 *   thread       that made the blocks           }  sites have to be split by it: ht_grouping_split()
 *   size         class of the blocks            }
 *   allocator-function    malloc, calloc, new, ...
 *
 * Always true: every site is in one group; groups stand in the order of their first sites
 */
#ifndef HT_GROUPS_H
#define HT_GROUPS_H

#include "inspect/places.h"

enum ht_grouping {
	HT_GROUP_STACK,
	HT_GROUP_FUNCTION,
	HT_GROUP_LIBRARY,
	HT_GROUP_THREAD,
	HT_GROUP_SIZE,
	HT_GROUP_ALLOCATOR,
	HT_GROUPINGS,
};

struct ht_group {
	uint32_t
		node; /* by stack, function, library: whose innermost frame tells the name, or a root: no caller is known */
	uint32_t number; /* by thread: place of the stream; by size: the class; by allocator function: its number */
};

struct ht_groups {
	HT_LIST(struct ht_group) list;
	uint32_t *site; /* of each site: its group */
};

const char *ht_grouping_name(enum ht_grouping by);
enum ht_split ht_grouping_split(enum ht_grouping by);

int ht_groups_make(const struct ht_model *t, const struct ht_sites *sites, const struct ht_places *places,
		   enum ht_grouping by, struct ht_groups *ret, struct ht_err *err);
void ht_groups_fini(struct ht_groups *g);

#endif
