/* SPDX-License-Identifier: Apache-2.0 */
/* loader.h -- the dynamic linker of a process: the list that it keeps for debuggers, and the function by which it tells them of a change
 *
 * Used by: loaded.c, entries.c.
 *
 *   the program's DT_DEBUG ──► r_debug: state, function, list of modules (one such for each namespace of dlmopen)
 *
 * Always true: nothing read is believed: lists are cut, the function is one only if its code is nothing but a return.
 * A static program has no such list. The layout is the same in glibc and musl.
 */
#ifndef HT_LOADER_H
#define HT_LOADER_H

#include "attach/process.h"

struct ht_loader {
	uint64_t debug;   /* r_debug; 0: there is none */
	uint64_t changed; /* the function, empty and padded; 0: none that can be entered */
};

/* While it runs or stands still. */
struct ht_loader ht_loader_find(const struct ht_process *p);

/* The place in the list, from 0, of the module that lies so far from where it was linked to be; UINT32_MAX: it is not in it. */
unsigned ht_loader_order(const struct ht_process *p, const struct ht_loader *l, uint64_t bias);

/* A digest of the list; 0: it is being changed. */
uint64_t ht_loader_list(const struct ht_process *p, const struct ht_loader *l);

#endif
