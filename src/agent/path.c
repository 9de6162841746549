/* SPDX-License-Identifier: Apache-2.0 */
/* path.c -- remembered paths: how an event's place led to a remembered frame before, and which context that made
 *
 * Called by: memo.c, before it walks and after it has walked.
 *
 *   remembered  [ main ][ loop ][ step ][ column ]        as the last walk left it
 *   paths          ^        ^
 *                  |        └── sort ◄── compare ◄── malloc     state of the innermost frame, the slots of the way, the frame it leads to,
 *                  └── flush ◄── realloc                        its node, and the context found then
 *
 * A program goes round in a few places: it allocates here, then there, then here again. Each time what is remembered would be exchanged from the
 * frame on that both share. A path spares that walk: its slots are compared as those of frames are, then the frame it leads to.
 *
 * Always true: P1  a path is found only for an equal innermost state, with all its slots as they were, and if the frame it led to is remembered
 * again with the same node and state, and stands: then each step of the walk would be the same (docs/stacks.md, section 3).
 * P2  an entry is whole whenever its generation is not 0, and holds for that generation of loaded modules.
 */
#include "agent/memo.h"

#define SLOTS 20
#define FORKS_MOST 4u
#define ENTRIES (HT_SEGMENT_BYTES / sizeof(struct ht_path))

struct ht_path {
	struct ht_state at; /* of the innermost frame */
	uint64_t outer_sp, outer_rbp;
	uint32_t outer_node;
	uint32_t context;
	uint32_t generation; /* P2 */
	uint16_t outer;      /* the index of the frame it leads to */
	uint8_t function;
      uint8_t slots : 7, need_rbp : 1;
	uint16_t offset[SLOTS]; /* in words from at.sp - 8 on */
	uint64_t value[SLOTS];
};
static_assert(sizeof(struct ht_path) == 256, "four cache lines, of which a short path takes two");

#define MIX 0x9e3779b97f4a7c15ull

#define GROW_AFTER 8 /* times as many paths as there is room for */

static_assert(ENTRIES == 64 && HT_FORKS == 256,
	      "of a key 8 bits find a fork; 5 a pair of paths, those below a segment");

/* Where this path is kept: the first of two neighbours. Paths that begin alike are told apart by words further out; which ones, their forks say.
 * Only on a stack whose memory is known to stay, because a walk would perhaps not come so far. */
static inline struct ht_path *pair_of(struct ht_memo *m, const struct ht_state *at, uint64_t *key)
{
	uint64_t k = (at->pc ^ at->sp << 12) * MIX;

	for (uint32_t i = 0; i < FORKS_MOST; i++) {
		const struct ht_fork *f = &m->forks[k >> 56];
		const uint64_t *word = (const uint64_t *)(at->sp - 8) + f->offset;

		if (f->tag != (uint16_t)k || !m->region.settled || (uint64_t)word >= m->region.to)
			break;
		k = (k ^ *word) * MIX;
	}
	*key = k;
	return &m->paths[k >> 48 & (m->path_segments - 1)][k >> 59 << 1];
}

static inline bool begins_at(const struct ht_path *p, const struct ht_state *at)
{
	return p->at.pc == at->pc && p->at.sp == at->sp;
}

/* The context; HT_NONE: not by this way. */
uint32_t ht_path_find(struct ht_memo *m, const struct ht_state *at, enum ht_function function)
{
	uint64_t key;
	const struct ht_path *p = pair_of(m, at, &key);
	const uint64_t *words = (const uint64_t *)(at->sp - 8);
	const struct ht_frame *outer;

	p += !begins_at(p, at);
	if (!begins_at(p, at) || p->generation != m->generation || p->function != function ||
	    (p->need_rbp && p->at.rbp != at->rbp))
		return HT_NONE;
	for (uint32_t i = 0, n = p->slots; i < n; i++)
		if (words[p->offset[i]] != p->value[i])
			return HT_NONE;
	outer = &m->frames[p->outer];
	if (p->outer >= m->count || outer->node != p->outer_node || outer->at.sp != p->outer_sp ||
	    (outer->need_rbp && outer->at.rbp != p->outer_rbp) || ht_memo_changed(m, outer->slots) != outer->slots)
		return HT_NONE;
	return p->context;
}

/* What gives way to a path with these words. If that begins alike, a fork tells the two apart from now on. */
static struct ht_path *place_for(struct ht_memo *m, const struct ht_state *at, const struct ht_held *s, uint32_t slots)
{
	uint64_t key;
	struct ht_path *p = pair_of(m, at, &key);
	uint32_t i = 0;

	if (p->generation == m->generation && !begins_at(p, at))
		p += begins_at(p + 1, at) || (m->turn ^= 1);
	if (p->generation != m->generation || !begins_at(p, at) || !m->region.settled)
		return p;
	while (i < slots && i < p->slots && p->value[i] == s[i].value)
		i++;
	if (i == slots || i == p->slots)
		return p;
	m->forks[key >> 56] = (struct ht_fork){ (uint16_t)key, p->offset[i] };
	return pair_of(m, at, &key) + (m->turn ^= 1);
}

static struct ht_path *segment(struct ht_thread *t, uint32_t i)
{
	bool found = false;
	struct ht_path *paths = ht_thread_memo(t, HT_MEMOS + i, &found);

	for (uint32_t n = 0; paths && !found && n < ENTRIES; n++)
		paths[n].generation = 0;
	return paths;
}

/* The memo is the thread's now: it uses what paths the thread has. The first time it takes a segment for them. */
void ht_path_begin(struct ht_thread *t, struct ht_memo *m)
{
	uint32_t n = 0;

	while (n < HT_PATHS && (n == 0 || atomic_load_explicit(&t->slot->memo[HT_MEMOS + n], memory_order_relaxed)) &&
	       (m->paths[n] = segment(t, n)))
		n++;
	m->path_segments = n ? 1u << (31 - __builtin_clz(n)) : 0;
}

/* Twice as many segments, as long as they are to be had. */
static void grow(struct ht_thread *t, struct ht_memo *m)
{
	uint32_t n = m->path_segments;

	m->kept = 0;
	while (n < 2 * m->path_segments && n < HT_PATHS && (m->paths[n] = segment(t, n)))
		n++;
	if (n == 2 * m->path_segments)
		m->path_segments = n;
}

/* The walk came to frame `outer`, and all frames further in are remembered now. */
void ht_path_keep(struct ht_thread *t, struct ht_memo *m, uint32_t outer, enum ht_function function, uint32_t context)
{
	const struct ht_frame *from = &m->frames[m->count - 1], *to = &m->frames[outer];
	const struct ht_held *s = ht_memo_slots_end(m) - from->slots;
	uint32_t slots = from->slots - to->slots;
	uint64_t first = from->at.sp - 8;
	struct ht_path *p;

	if (slots > SLOTS)
		return;
	if (++m->kept > GROW_AFTER * ENTRIES * m->path_segments && m->path_segments < HT_PATHS)
		grow(t, m);
	p = place_for(m, &from->at, s, slots);
	p->generation = 0;
	ht_signal_fence();
	for (uint32_t i = 0; i < slots; i++) {
		uint64_t offset = ((uint64_t)s[i].address - first) / 8;

		if (offset > UINT16_MAX)
			return;
		p->offset[i] = (uint16_t)offset;
		p->value[i] = s[i].value;
	}
	p->at = from->at;
	p->need_rbp = from->need_rbp & 1;
	p->slots = slots & 0x7f;
	p->outer = (uint16_t)outer;
	p->outer_sp = to->at.sp;
	p->outer_rbp = to->at.rbp;
	p->outer_node = to->node;
	p->function = (uint8_t)function;
	p->context = context;
	ht_signal_fence();
	p->generation = m->generation;
}
