/* SPDX-License-Identifier: Apache-2.0 */
/* arena.h -- the memory of one opened trace: strings that live as long as it does, and lists that grow
 *
 * Used by inspect/ for what is kept of the metadata.
 *
 *   arena   [abc|defgh|....] -> [........]      never freed one by one, all at once
 *   list    at[0] .. at[count - 1], cap         a plain array; HT_LIST_ADD gives a new zeroed item, or NULL
 *
 * A pointer into a list is valid until the next item is added.
 */
#ifndef HT_ARENA_H
#define HT_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "util/buf.h"

struct ht_arena_chunk;

struct ht_arena {
	struct ht_arena_chunk *chunk;
};

void ht_arena_fini(struct ht_arena *a);

/* Replaces what s borrows by a copy; false when memory ran out. */
bool ht_arena_keep(struct ht_arena *a, struct ht_str *s);

/* A terminated copy; NULL when memory ran out. */
const char *ht_arena_keep_text(struct ht_arena *a, struct ht_str s);

#define HT_LIST(type)                                                                                                  \
	struct {                                                                                                       \
		type *at;                                                                                              \
		size_t count, cap;                                                                                     \
	}

#define HT_LIST_ADD(list)                                                                                              \
	(ht_arena_grow(&(list)->at, (list)->count, &(list)->cap, sizeof(*(list)->at)) ? &(list)->at[(list)->count++]   \
										      : NULL)

/* Makes room for one more item behind `count` in the array that the pointer at `array` points to, and zeroes it. */
bool ht_arena_grow(void *array, size_t count, size_t *cap, size_t item_bytes);

#endif
