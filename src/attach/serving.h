/* SPDX-License-Identifier: Apache-2.0 */
/* serving.h -- the one allocator of a process that serves its program, and the functions by which that is entered
 *
 * Used by: join.c.
 *
 * Several modules may bring a malloc: an allocator that was preloaded and the C library's, say. The first in the order of the loader's list serves the program
 * and its libraries. The others serve whoever was bound to them alone, and are not entered.
 *
 * Refused: none that is found; the preloaded agent, which records by itself; one that nobody knows in a library, as sanitizers have, whose code may not be called
 * the way an allocator's is; one whose operator new has no form that does not throw (blob.h, B4).
 */
#ifndef HT_SERVING_H
#define HT_SERVING_H

#include "attach/entries.h"

struct ht_serving {
	struct ht_entry entry[HT_ENTRIES_MOST]; /* the loader's among them */
	size_t count;
	enum ht_allocator_kind kind;
	bool plain_free;            /* glibc's, and it calls no hook (2.34) */
	uint64_t own_from, own_end; /* where it calls its own free (blob.h, B7); 0: nowhere */
	unsigned others;            /* allocators that serve somebody else, and are not entered */
	char module[256];           /* the file that it lies in */
};

/* Whether the loader's function is among the entries. It is the last; after this it is not. False: it was not. */
static inline bool ht_serving_watches_loader(const struct ht_serving *s)
{
	return s->count && s->entry[s->count - 1].function == HT_FN_NONE;
}

static inline bool ht_serving_forget_loader(struct ht_serving *s)
{
	bool there = ht_serving_watches_loader(s);

	s->count -= there;
	return there;
}

int ht_serving_find(const struct ht_process *p, struct ht_serving *ret, struct ht_err *err);

#endif
