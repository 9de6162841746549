/* SPDX-License-Identifier: Apache-2.0 */
/* memo.h -- what a thread remembers of a stack: frames, the words they stand on, and paths from an event's place to one of them
 *
 * Used by: memo.c, path.c, and nobody else.
 *
 *   a memo      [ header | pending frames | frames, outermost first ──►   ◄── slots ]      one for each stack
 *   paths       [ path | path | path | ... ]                                            up to HT_PATHS such segments, for all stacks; or none
 *
 * Always true:
 *   N1  frames [0, count) are whole at every instruction, so that a signal handler may leave by a jump; they hold for one image and generation
 *   N2  a frame stands only on slots that were read, in the order of the walk; they are compared innermost first
 *   N3  what was cut is not remembered; nor what is inside a frame that takes all registers
 */
#ifndef HT_MEMO_H
#define HT_MEMO_H

#include "agent/stack.h"

#define HT_MEMO_CHUNK 64u
#define HT_MEMO_CHUNKS (HT_DEPTH_MAX / HT_MEMO_CHUNK)

struct ht_frame {
	struct ht_state at;
	uint32_t node;
	uint16_t slots;    /* it stands on slots [0, slots) */
	uint16_t need_rbp; /* at.rbp matters: it is the frame's base, or a frame's further out */
};

struct ht_held { /* a slot: a word that was read */
	const uint64_t *address;
	uint64_t value;
};

struct ht_pending {
	struct ht_state at;
	struct ht_row row;
};

struct ht_path; /* path.c */

struct ht_fork { /* at this key, the word at `offset` leads on; path.c */
	uint16_t tag, offset;
};
#define HT_FORKS 256

struct ht_memo {
	uint32_t image, generation;
	uint32_t count;
	uint32_t chosen; /* when; less is longer ago, 0 never */
	uint32_t turn;   /* which of two paths gives way next */
	uint32_t kept;   /* paths, since there were as many segments for them as now */
	uint32_t path_segments;
	struct ht_path *paths[HT_PATHS];
	struct ht_region region;
	struct ht_fork forks[HT_FORKS]; /* hints: whatever they say, a path is compared with all its words */
	struct ht_pending pending[HT_MEMO_CHUNK];
	struct ht_state checkpoint[HT_MEMO_CHUNKS]; /* of each HT_MEMO_CHUNK pending frames, the first */
	struct ht_frame frames[];                   /* slots grow from the end of the segment towards them */
};

static inline struct ht_held *ht_memo_slots_end(struct ht_memo *m)
{
	return (struct ht_held *)((char *)m + HT_SEGMENT_BYTES); /* slot i is [-1 - i] */
}

/* The index of a slot that changed, innermost first; `slots` if none did. */
static inline uint32_t ht_memo_changed(struct ht_memo *m, uint32_t slots)
{
	const struct ht_held *end = ht_memo_slots_end(m), *s = end - slots;

	for (; s + 4 <= end; s += 4) {
		if (*s[0].address != s[0].value)
			return (uint32_t)(end - s) - 1;
		if (*s[1].address != s[1].value)
			return (uint32_t)(end - s) - 2;
		if (*s[2].address != s[2].value)
			return (uint32_t)(end - s) - 3;
		if (*s[3].address != s[3].value)
			return (uint32_t)(end - s) - 4;
	}
	for (; s < end; s++)
		if (*s->address != s->value)
			return (uint32_t)(end - s) - 1;
	return slots;
}

void ht_path_begin(struct ht_thread *t, struct ht_memo *m);
uint32_t ht_path_find(struct ht_memo *m, const struct ht_state *at, enum ht_function function);
void ht_path_keep(struct ht_thread *t, struct ht_memo *m, uint32_t outer, enum ht_function function, uint32_t context);

#endif
