/* SPDX-License-Identifier: Apache-2.0 */
/* strings.h -- one copy of each string, for as long as the table lives
 *
 * Used by symbols.c: a file name stands in thousands of frames. Equal strings have equal addresses.
 *
 *   place = hash(bytes) -> the terminated copy, in an arena
 */
#ifndef HT_STRINGS_H
#define HT_STRINGS_H

#include "inspect/arena.h"

struct ht_strings {
	struct ht_arena arena;
	struct ht_strings_place *place;
	size_t places, count; /* places: a power of two, or 0 */
};

void ht_strings_fini(struct ht_strings *s);

/* The table's own copy; NULL: out of memory. */
const char *ht_strings_keep(struct ht_strings *s, struct ht_str bytes);

#endif
