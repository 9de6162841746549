/* SPDX-License-Identifier: Apache-2.0 */
/* images.h -- the program images that the target runs, one after another
 *
 * Used by: recording.c each round, drain.c when a slot names an image not seen yet.
 *
 * Always true: I1  images 1 .. count have their IMAGE record in the trace; all but the latest are gone
 */
#ifndef HT_IMAGES_H
#define HT_IMAGES_H

#include <stdbool.h>

#include "collect/mappings.h"
#include "collect/proc.h"
#include "collect/session.h"
#include "collect/ticker.h"
#include "collect/trace.h"

#define HT_IMAGES_AGENT "libheaptap-agent.so" /* as a mapping shows it */

struct ht_images {
	struct ht_session *session;
	struct ht_trace *trace;
	const struct ht_ticker *ticker;
	pid_t pid;
	uint32_t count;
	struct ht_proc_exe exe;     /* what the latest image runs */
	uint64_t stranger_since_ns; /* the process runs something without an agent since then; 0: it does not */
	struct ht_proc_exe stranger;

	/* for the last word: images whose calls are not in the trace, and the last such program */
	uint32_t uncaptured, uncaptured_status; /* status: enum ht_image_state */
	char uncaptured_exe[256];
};

/* The program was started: until its agent speaks up it is a stranger like any other. */
void ht_images_expect(struct ht_images *im, const char *path);

/* Puts a record for each image whose agent has described itself. */
void ht_images_read(struct ht_images *im);

/* Whether the process still runs this image, so that what /proc says now is about it. */
bool ht_images_is_running(const struct ht_images *im, uint32_t image);

/* Looks for a program that brought no agent. `last`: the process has ended, there will be no better chance. */
void ht_images_watch(struct ht_images *im, bool last);

#endif
