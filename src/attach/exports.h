/* SPDX-License-Identifier: Apache-2.0 */
/* exports.h -- what a mapped module exports, read from the process's own memory
 *
 * Used by: glibc.c, allocators.c.
 *
 * No file is opened: what is mapped is what runs, in whatever mount namespace, deleted or not. A static program exports nothing.
 */
#ifndef HT_EXPORTS_H
#define HT_EXPORTS_H

#include "attach/process.h"

struct ht_exports {
	const struct ht_process *process;
	uint64_t bias, end; /* of the module */
	uint64_t symbols, strings, strings_bytes, gnu_hash, hash;
};

/* `first` is the module's first mapping. False: no module begins there, or it has no symbols to look names up in. */
bool ht_exports_open(const struct ht_process *p, const struct ht_region *first, struct ht_exports *ret);

/* Where a name is defined; false: it is not. */
bool ht_exports_find(const struct ht_exports *e, const char *name, uint64_t *at, uint64_t *bytes);

#endif
