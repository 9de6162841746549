/* SPDX-License-Identifier: Apache-2.0 */
/* allocators.h -- which modules of a process bring a malloc, and whose it is
 *
 * Used by: census.c, and by the command that tells what can be recorded.
 *
 * The first one in the order of the program's lookup serves the program; others may serve a library that was bound to them.
 * Static programs and allocators hidden inside a library export nothing and are not found.
 */
#ifndef HT_ALLOCATORS_H
#define HT_ALLOCATORS_H

#include "attach/process.h"

#define HT_ALLOCATORS_MOST 16

enum ht_allocator_kind {
	HT_ALLOCATOR_GLIBC,
	HT_ALLOCATOR_MUSL,
	HT_ALLOCATOR_JEMALLOC,
	HT_ALLOCATOR_TCMALLOC,
	HT_ALLOCATOR_MIMALLOC,
	HT_ALLOCATOR_HEAPTAP,
	HT_ALLOCATOR_UNKNOWN
};

struct ht_allocator {
	enum ht_allocator_kind kind;
	const struct ht_region *module; /* its first mapping; until the process is looked at again */
};

/* In order of address; how many. */
size_t ht_allocators_find(const struct ht_process *p, struct ht_allocator ret[HT_ALLOCATORS_MOST]);

const char *ht_allocators_name(enum ht_allocator_kind kind);

#endif
