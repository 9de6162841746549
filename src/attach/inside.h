/* SPDX-License-Identifier: Apache-2.0 */
/* inside.h -- will a thread that stands still come back to some code? Its stacks are asked
 *
 * Used by: patch.c, before code is written or taken away.
 *
 *   rsp ──► all words up to the end of the stack ── a signal's frame ──► the stack that it interrupted, if that is another ──► ...
 *
 * Always true: in doubt the answer is yes: for a stack that cannot be read, is larger than is searched, or was mapped since the process was looked at; and for
 * a word that nobody uses any more, which cannot be told from one that somebody does.
 *
 * It will not see stacks that no thread is on: those of coroutines that were left in the middle of a call.
 */
#ifndef HT_INSIDE_H
#define HT_INSIDE_H

#include "attach/visit.h"

typedef bool ht_inside_is(const void *what, uint64_t word);

bool ht_inside(const struct ht_visit *v, const struct ht_visited *t, ht_inside_is *is, const void *what);

#endif
