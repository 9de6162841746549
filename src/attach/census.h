/* SPDX-License-Identifier: Apache-2.0 */
/* census.h -- every block that lives in a process that stands still: what was allocated before anybody looked
 *
 * Used by: the commands that enter a running process.
 *
 *   ht_census_find    while it runs: where its malloc keeps its heaps
 *   ht_census_take    while it stands still: reads them, from outside
 *   ht_census_next    whenever: block by block
 *
 * The verdict is about completeness, and the reason is for people. Whatever it is, the blocks that were found are such that their heap is sound up to them.
 *
 * Always true:
 *   N1  WHOLE is said only if the figures that malloc itself keeps agree with what was found: bytes of every heap, number and bytes
 *       of mapped blocks, every waiting block met in a heap
 *   N2  the target's memory is read, not written; nothing in it is believed; time ends at the deadline, memory is bounded by that of the heap
 *
 * It will not see blocks of another allocator than glibc's, nor know how many bytes were asked for.
 */
#ifndef HT_CENSUS_H
#define HT_CENSUS_H

#include "attach/chunks.h"
#include "attach/glibc.h"

enum ht_census_verdict {
	HT_CENSUS_WHOLE,
	HT_CENSUS_BUSY,    /* a thread was changing a heap: at another moment it may be whole */
	HT_CENSUS_PARTIAL, /* there may be more blocks, and the reason */
};

struct ht_census_thread {
	uint64_t pc, sp;
	uint64_t fs;  /* 0: not known */
	int64_t call; /* the system call it is in; negative: none */
};

struct ht_census {
	struct ht_process *process;
	struct ht_glibc glibc;
	struct ht_chunks chunks;
	enum ht_census_verdict verdict;
	char others[352];    /* other allocators, as a clause; empty: none */
	char why[352];       /* not WHOLE: one clause */
	uint32_t arenas;     /* in use */
	uint32_t inside;     /* threads that may be in the middle of a call of malloc or its kin */
	uint64_t own_blocks; /* left out: the allocator's own */
	uint64_t waiting;    /* left out: freed, and kept aside */
};

/* HT_ETARGET: this process has no heap that can be read, and why. */
int ht_census_find(struct ht_process *p, struct ht_census *ret, struct ht_err *err);
void ht_census_fini(struct ht_census *c);

/* Whether no thread seems to be changing a heap: a quick look, by which a better moment can be chosen. */
bool ht_census_is_quiet(struct ht_census *c, const struct ht_census_thread *thread, size_t threads);

/* May be called again. until_ns: of CLOCK_MONOTONIC. */
int ht_census_take(struct ht_census *c, const struct ht_census_thread *thread, size_t threads, uint64_t until_ns,
		   struct ht_err *err);

/* Through a file (of memory) from the process that took it to the one that wants it. Once: into a census without blocks. */
int ht_census_store(const struct ht_census *c, int fd, struct ht_err *err);
int ht_census_load(struct ht_census *c, int fd, struct ht_err *err);

static inline bool ht_census_next(const struct ht_census *c, struct ht_chunk_cursor *from, struct ht_live_block *ret)
{
	return ht_chunks_next(&c->chunks, from, ret);
}

#endif
