/* SPDX-License-Identifier: Apache-2.0 */
/* stackmatch.h -- which contexts have a certain function in their stack, or were called by a certain module
 *
 * Caller: filter.c.
 *
 *   --stack=REGEX     some frame's function, inlined ones too, matches           any ──► any ──► X ──► any ──► root
 *   --module=REGEX    the module that asked for the memory does: that of the innermost frame which is no allocator's
 *
 * Regular expressions are POSIX extended ones; they match anywhere in a name unless they say otherwise.
 *
 * Always true: a node of the tree of contexts is looked at once; memory grows with them
 */
#ifndef HT_STACKMATCH_H
#define HT_STACKMATCH_H

#include <regex.h>

#include "inspect/index.h"
#include "inspect/symbols.h"

#define HT_STACKMATCH_NAMES 6

struct ht_stackmatch {
	struct ht_model *model;
	struct ht_symbols *symbols;
	bool has_stack, has_module;
	regex_t stack, module;
	struct ht_index by_node, by_asker; /* (image, context) to verdict + 1 */
	/* Some of those that asked, for who wants to know what would match; they live as long as the symbols. */
	const char *function_seen[HT_STACKMATCH_NAMES], *module_seen[HT_STACKMATCH_NAMES];
};

/* HT_EUSAGE: no regular expression. */
int ht_stackmatch_want_stack(struct ht_stackmatch *m, const char *regex, struct ht_err *err);
int ht_stackmatch_want_module(struct ht_stackmatch *m, const char *regex, struct ht_err *err);
void ht_stackmatch_fini(struct ht_stackmatch *m);

/* 1, 0, or HT_ESYSTEM. What was not wanted matches. */
int ht_stackmatch_stack(struct ht_stackmatch *m, uint64_t image, uint32_t context, struct ht_err *err);
int ht_stackmatch_module(struct ht_stackmatch *m, uint64_t image, uint32_t context, struct ht_err *err);

#endif
