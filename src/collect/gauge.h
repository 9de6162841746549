/* SPDX-License-Identifier: Apache-2.0 */
/* gauge.h -- how many bytes are live just now, for the progress line
 *
 * Used by: streams.c, only while somebody watches. The file does not depend on it.
 *
 * Threads are drained one after another, so a block may seem to be released before it was allocated, or allocated twice. Each address keeps
 * a balance, and of what the block was, what was latest in the program's own order: when all that happened has been seen, the figure is right,
 * in whatever order it was seen.
 */
#ifndef HT_GAUGE_H
#define HT_GAUGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ht_gauge_entry {
	uint64_t address;                         /* 0: empty */
	uint64_t size;                            /* of the latest allocation seen */
	uint64_t allocated_ticks, released_ticks; /* the latest ones seen; 0: none */
	int64_t balance;                          /* allocations - releases seen */
};

struct ht_gauge {
	struct ht_gauge_entry *entry;
	size_t mask, used;
	uint64_t live_bytes;
	bool lost_track; /* no memory, or too many blocks: the figure is unknown from now on */
};

void ht_gauge_fini(struct ht_gauge *g);
void ht_gauge_alloc(struct ht_gauge *g, uint64_t address, uint64_t size, uint64_t ticks);
void ht_gauge_free(struct ht_gauge *g, uint64_t address, uint64_t ticks);
void ht_gauge_clear(struct ht_gauge *g);

#endif
