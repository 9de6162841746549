/* SPDX-License-Identifier: Apache-2.0 */
/* entries.h -- the functions of a process that allocate and free, and the one that its loader calls: where each of them begins
 *
 * Used by: whoever enters a process.
 *
 * Of every module that brings a malloc (allocators.h), under the names that the preloaded agent hooks. One address is one entry, whatever its names: the
 * first name of the list is what it is recorded as. HT_FN_NONE is the loader's: empty, called before and after each change of what is loaded.
 *
 * Of a static program, which exports nothing, the names in its file are taken (named.h).
 *
 * It will not find what nobody names: the functions of a stripped static program, and those of an allocator that a library hides inside.
 */
#ifndef HT_ENTRIES_H
#define HT_ENTRIES_H

#include "attach/allocators.h"
#include "channel/channel.h"

#define HT_ENTRIES_MOST 96u

struct ht_entry {
	uint64_t at, bytes; /* 0 bytes: not known */
	uint64_t from, end; /* of the allocator: its module; in a static program, where its functions lie */
	enum ht_function function;
	enum ht_allocator_kind allocator;
};

/* How many. */
size_t ht_entries_find(const struct ht_process *p, struct ht_entry ret[HT_ENTRIES_MOST]);

#endif
