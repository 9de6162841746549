/* SPDX-License-Identifier: Apache-2.0 */
/* allocator.h -- the frames that tell nobody who wanted the memory: the allocator's own, and the agent's
 *
 * Callers: places.c, which leaves them out at the inner end of a stack, and stackmatch.c, which asks who is behind them.
 *
 *   malloc, calloc, ..., operator new...      by the function's name
 *   libheaptap-agent.so                       by the module's
 *   the module that serves malloc             by the image's record; but not libc, which also asks for memory itself
 */
#ifndef HT_ALLOCATOR_H
#define HT_ALLOCATOR_H

#include <stdbool.h>

#include "inspect/model.h"

/* `function` and `module` may be NULL: unknown. */
bool ht_allocator_owns(const struct ht_model *t, uint64_t image, const char *function, const char *module);

#endif
