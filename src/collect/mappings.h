/* SPDX-License-Identifier: Apache-2.0 */
/* mappings.h -- what is mapped executable in the target, as far as contexts need it
 *
 * Used by: contexts.c (want), recording.c (look).
 */
#ifndef HT_MAPPINGS_H
#define HT_MAPPINGS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "collect/modules.h"
#include "collect/ticker.h"
#include "collect/trace.h"

struct ht_mapping {
	uint64_t start, end, offset;
	uint64_t ino;
	uint32_t dev_major, dev_minor;
	bool named; /* a file or [vdso]: told to the trace; else memory that code was made in */
	bool seen;  /* by the latest look */
	char *path;
};

struct ht_mappings {
	struct ht_trace *trace;
	const struct ht_ticker *ticker;
	struct ht_modules *modules; /* what the target told itself is not told again */
	pid_t pid;
	uint64_t image;
	struct ht_mapping *known; /* by address */
	size_t count;
	bool wanted; /* a pc lies outside all of them */
};

void ht_mappings_fini(struct ht_mappings *m);

/* Whether a new pc calls for another look. */
void ht_mappings_want(struct ht_mappings *m, uint64_t pc);

/* Reads the target's maps and tells what came and went. A new image forgets the old one's. */
void ht_mappings_look(struct ht_mappings *m, uint64_t image);

#endif
