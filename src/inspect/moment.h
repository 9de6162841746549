/* SPDX-License-Identifier: Apache-2.0 */
/* moment.h -- one call, as the answers about single blocks remember it: when, which thread, from where
 *
 * Used by misuse.c and story.c, shown by show/call.c, given away by api/. A moment that is not `known` was not seen: nothing else in it counts.
 */
#ifndef HT_MOMENT_H
#define HT_MOMENT_H

#include "inspect/places.h"

struct ht_moment {
	bool known;
	uint64_t ticks;
	const struct ht_stream *stream;
	uint32_t context;
};

static inline struct ht_moment ht_moment_of_event(const struct ht_event *e)
{
	return (struct ht_moment){ true, e->ticks, e->stream, e->context };
}

/* When the block was handed out. */
static inline struct ht_moment ht_moment_of_birth(const struct ht_model *t, const struct ht_live_block *b)
{
	return (struct ht_moment){ true, b->born_ticks, &t->streams.at[b->stream], b->context };
}

/* Its stack as a place of its own, site 0, so that it reads as in every other answer. */
int ht_moment_place(struct ht_model *t, struct ht_symbols *s, const struct ht_moment *m, struct ht_places *ret,
		    struct ht_err *err);

#endif
