/* SPDX-License-Identifier: Apache-2.0 */
/* scopes.h -- the functions of one compilation unit, inlined ones too, as intervals of addresses
 *
 * Used by object.c; built when an address of the unit is first asked for.
 *
 *   outer()            [..............................]      scope 1, function
 *     inner()               [.......]     [....]             scope 2, inlined into 1: called at file, line
 *       least()               [..]                           scope 3, inlined into 2
 *                              ^ address  ->  3, 2, 1: innermost first
 *
 * Always true:
 *   S1  the spans are sorted by start, outer before inner; each knows the one around it, so a search is one bisection
 *       and a few steps outward
 *   S2  a scope's parent has a lower number; a function has none (a function inside a function was not inlined)
 *   S3  work and memory are bounded by the size of the unit
 */
#ifndef HT_SCOPES_H
#define HT_SCOPES_H

#include <elfutils/libdw.h>
#include <stdint.h>

#include "inspect/arena.h"

#define HT_SCOPE_NONE UINT32_MAX

struct ht_scope {
	Dwarf_Off die;
	uint32_t parent; /* it is inlined into; HT_SCOPE_NONE: it is a function */
};

struct ht_span {
	uint64_t lo, hi;
	uint32_t scope, around; /* around: a span; HT_SCOPE_NONE: no other */
};

struct ht_scopes {
	HT_LIST(struct ht_scope) list;
	HT_LIST(struct ht_span) spans;
};

/* False: damaged, more than a unit of so many bytes can hold, or no memory. */
bool ht_scopes_build(struct ht_scopes *s, Dwarf_Die *unit, uint64_t unit_bytes);
void ht_scopes_fini(struct ht_scopes *s);

/* The innermost scope that holds the address, or HT_SCOPE_NONE. */
uint32_t ht_scopes_find(const struct ht_scopes *s, uint64_t address);

#endif
