/* SPDX-License-Identifier: Apache-2.0 */
/* waiting.h -- blocks that look used and are not: freed ones, kept aside by a thread or by an arena
 *
 * Used by: census.c.
 *
 *   thread's cache   64 counts, 64 lists of blocks     for each thread that has allocated; found by its place below fs
 *   fastbins         10 lists of chunks                for each arena
 *
 * Since glibc 2.32 the links of these lists are mangled by their own place ("safe-linking"). Which it is, the lists tell themselves:
 * only one of the two readings leads anywhere.
 *
 * Always true: after ht_waiting_sort(), chunks are in order of address, each once. A chunk is the address of its header, 16 before the block.
 */
#ifndef HT_WAITING_H
#define HT_WAITING_H

#include "attach/glibc.h"
#include "attach/peek.h"

struct ht_waiting {
	uint64_t *chunk;
	size_t count, cap;
	size_t own;    /* of them the caches themselves */
	size_t caches; /* found */
	int linking;   /* how lists are linked; 0: none was seen yet */
	bool broken;   /* a list leads nowhere, or into another */
};

void ht_waiting_fini(struct ht_waiting *w);

/* The caches of the threads whose thread pointers these are. */
int ht_waiting_add_caches(struct ht_waiting *w, struct ht_peek *peek, const uint64_t *fs, size_t threads,
			  struct ht_err *err);
int ht_waiting_add_fastbins(struct ht_waiting *w, struct ht_peek *peek, const struct ht_glibc_arena *a,
			    struct ht_err *err);
void ht_waiting_sort(struct ht_waiting *w);

/* The first one at or behind an address. */
size_t ht_waiting_from(const struct ht_waiting *w, uint64_t at);

#endif
