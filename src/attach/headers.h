/* SPDX-License-Identifier: Apache-2.0 */
/* headers.h -- the program headers of a mapped module, read from the process's own memory
 *
 * Used by: exports.c, loader.c, loaded.c.
 *
 * No file is opened: what is mapped is what runs, in whatever mount namespace, deleted or not.
 */
#ifndef HT_HEADERS_H
#define HT_HEADERS_H

#include <elf.h>

#include "attach/process.h"

#define HT_HEADERS_MOST 64u

struct ht_headers {
	uint64_t bias;    /* where it is minus where it was linked to be */
	uint64_t dynamic; /* address of its dynamic section; 0: it has none */
	unsigned count;
	Elf64_Phdr at[HT_HEADERS_MOST];
};

/* `first` is the module's first mapping. False: no module begins there. */
bool ht_headers_read(const struct ht_process *p, const struct ht_region *first, struct ht_headers *ret);

#endif
