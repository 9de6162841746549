/* SPDX-License-Identifier: Apache-2.0 */
/* demangle.h -- the name of a function as people write it, out of the name that a linker sees
 *
 * Used by object.c. C++ and Rust are known; any other name is its own answer.
 *
 * Always true:
 *   the answer has at most HT_NAME_MAX bytes; what was longer ends in "..."
 *   a name longer than HT_MANGLED_MAX is not tried: the work and the stack that a name takes are bounded by its length
 *   and by that of the answer
 */
#ifndef HT_DEMANGLE_H
#define HT_DEMANGLE_H

#include <stddef.h>

#define HT_NAME_MAX 4096u
#define HT_MANGLED_MAX 4096u

/* Writes the terminated answer to `to`, which has room for HT_NAME_MAX + 1 bytes, and returns its length. */
size_t ht_demangle(const char *mangled, char *to);

#endif
