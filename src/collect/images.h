/* SPDX-License-Identifier: Apache-2.0 */
/* images.h -- the program images that the processes of the session run: each start, exec and fork makes one
 *
 * Used by: recording.c each round, kin.c at an exec or exit, drain.c when a slot names an image not seen yet.
 *
 *   process 1   image 1 ──exec──► image 2 ──────────────────────►
 *                                   └─fork─► image 3 ──exec──► image 4        process 2
 *
 * Always true:
 *   I1  images 1 .. count are settled: they have their IMAGE record in the trace, or never will; later ones may be
 *   I2  of the images of one process all but the latest are gone
 */
#ifndef HT_IMAGES_H
#define HT_IMAGES_H

#include <stdbool.h>

#include "collect/processes.h"
#include "collect/session.h"

#define HT_IMAGES_AGENT "libheaptap-agent.so" /* as a mapping shows it */

struct ht_images {
	struct ht_session *session;
	struct ht_trace *trace;
	const struct ht_ticker *ticker;
	struct ht_processes *processes;
	bool execs_told; /* the kernel tells of each exec, through kin.c, when the program's loader is mapped */
	uint32_t count;
	uint32_t *process_of; /* of each image: process, or one of images.c's words */
	uint32_t cap;
	uint64_t stuck_since_ns; /* image count + 1 is not described since then; 0: it is not waited for */

	/* for the last word: images whose calls are not in the trace, and the last such program */
	uint32_t uncaptured, uncaptured_status; /* status: enum ht_image_state */
	char uncaptured_exe[256];
	/* what may not be known of the blocks that image 1 had before it was recorded: docs/trace-format.md, section 5.2 */
	uint64_t before;
	const char *before_why;
	uint32_t unheard; /* images that took a number and never described themselves */
};

void ht_images_fini(struct ht_images *im);

/* The root was started: until its agent speaks up it is a stranger like any other. */
void ht_images_expect(struct ht_images *im, struct ht_process *root, const char *path);

/* Puts a record for each image whose agent has described itself. */
void ht_images_read(struct ht_images *im);

/* Whose image it is; NULL: there is no such image. */
struct ht_process *ht_images_process(const struct ht_images *im, uint32_t image);

/* Whether the process still runs this image, so that what /proc says now is about it. */
bool ht_images_is_running(const struct ht_images *im, uint32_t image);

/* Looks whether the process runs a program that brought no agent. */
void ht_images_watch(struct ht_images *im, struct ht_process *p);

/* The kernel says that the process executed something; that it is about to end. There will be no better chance to look. */
void ht_images_executed(struct ht_images *im, struct ht_process *p, uint64_t ticks);
void ht_images_ending(struct ht_images *im, struct ht_process *p);

#endif
