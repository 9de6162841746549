/* SPDX-License-Identifier: Apache-2.0 */
/* frames.h -- a stack of a tree of places, as heaptap.h gives it away
 *
 * Callers: every file of api/ that names where.
 *
 *   places   node ──► parent ──► ... ──► root          at[0] .. at[count - 1]   innermost first, each points into frame[]
 *
 * Pointers, so that struct heaptap_frame may grow in a later version.
 */
#ifndef HT_FRAMES_H
#define HT_FRAMES_H

#include <heaptap/heaptap.h>

#include "inspect/moment.h"

struct ht_frames {
	struct heaptap_frame *frame;
	const struct heaptap_frame **at;
	size_t count, cap;
	const char *cut; /* why the stack goes no further, or NULL */
};

/* Replaces what it holds by the frames of a node, at most so many. */
int ht_frames_take(struct ht_frames *f, const struct ht_places *p, uint32_t node, size_t most, struct ht_err *err);

/* The same for the stack of a call; none if that was not recorded. */
int ht_frames_of_moment(struct ht_frames *f, struct ht_model *t, struct ht_symbols *s, const struct ht_moment *m,
			struct ht_err *err);
void ht_frames_fini(struct ht_frames *f);

/* A call with its stack. */
struct ht_called {
	struct heaptap_call call;
	struct ht_frames frames;
};

/* *ret: the call, or NULL if it was not seen. */
int ht_called_take(struct ht_called *c, struct ht_model *t, struct ht_symbols *s, const struct ht_moment *m,
		   const struct heaptap_call **ret, struct ht_err *err);

#endif
