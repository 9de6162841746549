/* SPDX-License-Identifier: Apache-2.0 */
/* before.h -- blocks that a process had when recording began: rows of a stream that is no thread
 *
 * Used by: recording.c, when a process was entered, in front of its first round.
 *
 *   next, next, next ... ──► EXISTING rows, all at the moment at which the trace begins ──► an account of no calls
 *
 * Meanwhile the process runs, and its threads take segments: the pool is filled up between the rows.
 */
#ifndef HT_BEFORE_H
#define HT_BEFORE_H

#include <stdbool.h>
#include <stdint.h>

#include "format/layout.h"

struct ht_pool;
struct ht_streams;

struct ht_before_block {
	uint64_t address, bytes;
	enum ht_heap heap;
};

/* False: there are no more. */
typedef bool ht_before_next(void *with, struct ht_before_block *ret);

/* How many were put; of image 1. */
uint64_t ht_before_put(struct ht_streams *ss, struct ht_pool *pool, ht_before_next *next, void *with);

#endif
