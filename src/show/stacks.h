/* SPDX-License-Identifier: Apache-2.0 */
/* stacks.h -- prints a place: its frames, innermost first, for people and for programs
 *
 * Used by report.c and every command that shows where.
 *
 *         fill                                       confess.cc:31
 *         std::vector<int>::push_back(int const&)    stl_vector.h:1281, inlined
 *         main                                       confess.cc:77
 *
 * A line has at most 80 columns: a name that is too long is cut. What lies outside of main is left out.
 */
#ifndef HT_STACKS_H
#define HT_STACKS_H

#include "inspect/places.h"

/* At most `most` frames. */
void ht_stacks_text(const struct ht_places *p, uint32_t node, size_t most);

/* [{"function","file","line","module","inlined"},...]: all of them. */
void ht_stacks_json(const struct ht_places *p, uint32_t node);

/* One frame and the end of the line; the line is filled up to `column` (at most 58) already. The object of one frame. */
void ht_stacks_frame(const struct ht_place_frame *f, size_t column);
void ht_stacks_frame_json(const struct ht_place_frame *f);

/* Why a stack ends early, for people ("no unwind information"); NULL if it does not. */
const char *ht_stacks_cut_word(enum ht_stack_cut cut);

#endif
