/* SPDX-License-Identifier: Apache-2.0 */
/* glibc.h -- where glibc keeps its heaps: the state of malloc, found without symbols and proven by what must hold in it
 *
 * Used by: census.c, waiting.c.
 *
 *   main arena ──next──► arena ──next──► ... back to the main arena       each in front of a heap of its own, but the main one
 *   parameters           where the main heap begins; how many blocks have a mapping of their own, and their bytes
 *
 * The structures are those of glibc 2.31 to 2.41; the parameters have two forms, told apart by their values.
 *
 * Always true: nothing is taken for an arena unless all its 127 lists begin and end where they must and the ring of arenas is closed.
 */
#ifndef HT_GLIBC_H
#define HT_GLIBC_H

#include <assert.h>

#include "attach/process.h"

#define HT_GLIBC_FASTBINS 10
#define HT_GLIBC_BINS 127

struct ht_glibc_arena {
	int32_t mutex, flags, have_fast_chunks, pad;
	uint64_t fastbin[HT_GLIBC_FASTBINS];
	uint64_t top, last_remainder;
	uint64_t bin[HT_GLIBC_BINS][2];
	uint32_t binmap[4];
	uint64_t next, next_free, attached_threads, system_bytes, most_system_bytes;
};
static_assert(sizeof(struct ht_glibc_arena) == 2200, "glibc's struct malloc_state");

#define HT_GLIBC_NOT_CONTIGUOUS 2 /* of flags: the main heap is not one stretch */

struct ht_glibc {
	const struct ht_process *process;
	uint64_t main_arena;         /* 0: not found */
	uint64_t parameters;         /* 0: not found */
	bool newer;                  /* the form of 2.35 and later */
	uint64_t module, module_end; /* libc; 0: a static program */
	uint64_t code, code_end;     /* of malloc and its kin in there */
};

struct ht_glibc_parameters {
	uint64_t base; /* of the main heap; 0: there is none yet */
	uint64_t mapped_blocks, mapped_bytes;
};

/* While the process runs. HT_ETARGET: there is no glibc in it, or none that is understood. */
int ht_glibc_find(const struct ht_process *p, struct ht_glibc *ret, struct ht_err *err);

/* False: it is no arena (any more). `main`: it has no heap in front of it. */
bool ht_glibc_arena(const struct ht_glibc *g, uint64_t at, struct ht_glibc_arena *ret);
bool ht_glibc_parameters(const struct ht_glibc *g, struct ht_glibc_parameters *ret);

/* An arena that no block was ever taken from. */
bool ht_glibc_is_unused(const struct ht_glibc_arena *a, uint64_t at);

#endif
