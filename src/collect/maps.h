/* SPDX-License-Identifier: Apache-2.0 */
/* maps.h -- which files lie at which addresses of the target
 *
 * Used by: recording.c, when an image has joined and when callers appeared that no known module holds.
 *
 * Always true: a module is written once; a range that another file took over is written as a later record.
 */
#ifndef HT_MAPS_H
#define HT_MAPS_H

#include <sys/types.h>

#include "collect/clock.h"
#include "collect/trace.h"

struct ht_maps_range {
	uint64_t start, end, inode;
};

struct ht_maps {
	struct ht_trace *trace;
	const struct ht_ticker *clock;
	pid_t pid;
	struct ht_maps_range *known;
	size_t len, cap;
};

bool ht_maps_hold(const struct ht_maps *m, uint64_t address);

/* Reads /proc/PID/maps and writes what is new. A process that is gone has none. */
void ht_maps_read(struct ht_maps *m, uint32_t image);
void ht_maps_forget(struct ht_maps *m); /* another image */
void ht_maps_fini(struct ht_maps *m);

#endif
