/* SPDX-License-Identifier: Apache-2.0 */
/* filter.h -- which blocks, and which time, an answer is about
 *
 * Callers: sites.c and every observer that can be asked about a part; show/filters.h has the options.
 *
 *   words of the command line ──set──► filter ──bind (trace, symbols)──► asked at each birth, and at each end
 *
 *   of a block   thread that made it, size, stack, module that asked          known when it is born
 *                lifetime                                                     known when it ends
 *   of time      [from, to], both ends included; at: [at, at]
 *                                            before ──┤ inside ├── after
 *
 * A restricted answer is that of a program that made only the blocks that pass.
 *
 * Always true:
 *   J1  what passes depends on the block alone, so it is the same when the block is born and when it ends
 *   J2  of each restriction is known how many blocks it alone let pass, and what there was: ht_filter_why_nothing()
 */
#ifndef HT_FILTER_H
#define HT_FILTER_H

#include "inspect/replay.h"
#include "inspect/stackmatch.h"

enum ht_filter_word {
	HT_FILTER_THREAD,
	HT_FILTER_MIN_SIZE,
	HT_FILTER_MAX_SIZE,
	HT_FILTER_STACK,
	HT_FILTER_MODULE,
	HT_FILTER_MIN_LIFETIME,
	HT_FILTER_MAX_LIFETIME,
	HT_FILTER_FROM,
	HT_FILTER_TO,
	HT_FILTER_AT,
	HT_FILTER_WORDS,
};

#define HT_FILTER_BIRTH_WORDS HT_FILTER_MIN_LIFETIME /* those before can be judged at a birth */

struct ht_filter {
	const char *word[HT_FILTER_WORDS]; /* as given; NULL: not */
	uint64_t least_bytes, most_bytes, least_ns, most_ns;
	struct ht_stackmatch stacks;
	struct ht_model *model;
	uint8_t *thread_passes; /* of each of the model's streams; NULL: all do */
	uint64_t from_ns, to_ns;
	uint64_t from_ticks, to_ticks;
	/* What was there. */
	uint64_t alone[HT_FILTER_WORDS]; /* blocks that this restriction let pass */
	uint64_t born, fit, passed;      /* blocks; those that passed at their birth; and by their life too */
	uint64_t smallest, largest, longest_ns;
};

const char *ht_filter_name(enum ht_filter_word w); /* "min-size" */

void ht_filter_init(struct ht_filter *f);
void ht_filter_fini(struct ht_filter *f);

/* HT_EUSAGE: not a value for this. The word must stay. */
int ht_filter_set(struct ht_filter *f, enum ht_filter_word w, const char *word, struct ht_err *err);

/* To be called once, before the questions below. HT_EUSAGE: no such thread, an empty window. */
int ht_filter_bind(struct ht_filter *f, struct ht_model *t, struct ht_symbols *s, struct ht_err *err);

bool ht_filter_restricts(const struct ht_filter *f); /* some blocks may not pass */
bool ht_filter_is_window(const struct ht_filter *f); /* a part of the time was asked for */

static inline bool ht_filter_restricts_life(const struct ht_filter *f)
{
	return f->word[HT_FILTER_MIN_LIFETIME] || f->word[HT_FILTER_MAX_LIFETIME];
}

/* What a restriction looks at. */
struct ht_filter_block {
	uint32_t stream; /* its place in the model's list */
	uint32_t context;
	uint64_t size;
};

/* Whether a block passes as far as is known at its birth: 1, 0, or HT_ESYSTEM. It is counted as born the first way. */
int ht_filter_birth(struct ht_filter *f, const struct ht_filter_block *b, struct ht_err *err);
int ht_filter_again(struct ht_filter *f, const struct ht_filter_block *b, struct ht_err *err);

/* Whether one that passed at its birth also passes by its life; one that did not end lived until the recording did. */
bool ht_filter_life(struct ht_filter *f, uint64_t lifetime_ns, bool ended);

/* Where a moment lies: -1 before the window, 0 inside, 1 after. */
static inline int ht_filter_side(const struct ht_filter *f, uint64_t ticks)
{
	return (ticks > f->to_ticks) - (ticks < f->from_ticks);
}

/* After the replay, if nothing passed: one line that says why, and what would. False: something passed. */
bool ht_filter_why_nothing(const struct ht_filter *f, char *to, size_t cap);

#endif
