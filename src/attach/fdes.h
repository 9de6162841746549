/* SPDX-License-Identifier: Apache-2.0 */
/* fdes.h -- the table of unwind information that the linker left out: made from outside
 *
 * Used by: loaded.c, for a program that has .eh_frame and no .eh_frame_hdr, as gcc links static ones.
 *
 *   .eh_frame, in the order of the link ──► (address of the function, address of its FDE), by address ──► the channel's table
 *
 * Always true: where .eh_frame lies is taken from the file that the process runs, what is in it from the process's memory; an entry that does
 * not make sense, or leads out of the program's code, is left out.
 */
#ifndef HT_FDES_H
#define HT_FDES_H

#include "attach/headers.h"

struct ht_fde {
	uint64_t function, fde;
};

struct ht_fdes {
	uint64_t from, to; /* .eh_frame, in the process's memory; 0: it has none */
	struct ht_fde *entry;
	size_t count, cap;
};

/* Of the program. Without .eh_frame, or a file that tells where it is, it is empty. */
int ht_fdes_find(const struct ht_process *p, const struct ht_headers *h, struct ht_fdes *ret, struct ht_err *err);
void ht_fdes_fini(struct ht_fdes *f);

/* Writes the table, as agent/cfi.c reads it; false: it is empty, or there is not so much room. */
bool ht_fdes_write(const struct ht_fdes *f, void *to, size_t room);

#endif
