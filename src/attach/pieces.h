/* SPDX-License-Identifier: Apache-2.0 */
/* pieces.h -- a main heap that could not grow where it was, and went on in mappings elsewhere
 *
 * Used by: census.c.
 *
 *   base ... chunks ... fence │        │ chunks ... fence │      │ chunks ... top │       the pieces' bytes are those that malloc has counted
 *
 * Where the others are is told nowhere: at some page of anonymous memory a first chunk stands, from which chunks lead to a fence or to the top.
 */
#ifndef HT_PIECES_H
#define HT_PIECES_H

#include "attach/chunks.h"
#include "attach/pages.h"

/* Adds the chunks of all pieces; true: they are all of the arena's bytes. */
bool ht_pieces_walk(struct ht_chunks *c, const struct ht_pages *pages, const struct ht_waiting *w,
		    const struct ht_glibc_arena *a, uint64_t base);

#endif
