/* SPDX-License-Identifier: Apache-2.0 */
/* spaces.h -- the address spaces of a trace, one for each image, and what happens to them as wholes
 *
 * Owner: replay.c, which asks for the space of every row, and for the changes that are due before it.
 *
 *   image 1, process 1   |=====exec|
 *   image 2, process 1             |======fork=========exit|
 *   image 3, process 2                    |copy====exit|
 *
 *   changes, by time:      end 1 (replaced), begin 3 as a copy of 2, end 3, end 2
 *
 * An image ends when the next one of its process begins, or with the process. A process whose end is not known has none here:
 * replay ends it with the trace.
 *
 * Always true:
 *   S1  changes are sorted by ticks; at equal ticks children are copied before anything ends
 *   S2  the children of a space stand together in `child`, by the moment of their fork
 */
#ifndef HT_SPACES_H
#define HT_SPACES_H

#include "inspect/live.h"
#include "inspect/model.h"

struct ht_space {
	uint64_t image, process;
	uint64_t before;       /* so many blocks from before may still turn out to be unknown */
	uint64_t joined_ticks; /* its agent did: from then on its own rows tell what it did */
	bool is_chosen;        /* its process is */
	bool is_replaced;      /* its process goes on with another image */
	bool is_ending;        /* its end has come, rows have not */
	bool is_over;
	uint32_t parent;                          /* place in the list of the one it was forked from, if it was */
	size_t streams;                           /* whose last row has not been replayed */
	size_t child_from, child_to;              /* in ht_spaces.child */
	size_t child_next, child_open;            /* the first that was not copied; all before child_open have joined */
	struct ht_live live, unsure;              /* unsure: docs/trace-format.md, section 7 */
	HT_LIST(struct ht_live_block) left_alone; /* blocks of begins without end */
};

enum ht_change_kind { HT_CHANGE_FORK, HT_CHANGE_END };

struct ht_change {
	uint64_t ticks;
	enum ht_change_kind kind;
	uint32_t space; /* FORK: the child */
};

struct ht_child {
	uint32_t parent, space;
	uint64_t fork_ticks;
	bool has_joined; /* the parent's rows are past that moment */
};

struct ht_spaces {
	HT_LIST(struct ht_space) list; /* by image */
	uint32_t *of_stream;           /* place in the list, for each of the model's streams that has rows */
	HT_LIST(struct ht_child) child;
	HT_LIST(struct ht_change) change;
};

int ht_spaces_init(struct ht_spaces *s, const struct ht_model *t, struct ht_err *err);
void ht_spaces_fini(struct ht_spaces *s);

/* What a trace says of blocks from before that an image's rows do not know: how many there may be. */
uint64_t ht_spaces_before(const struct ht_model *t, uint64_t image);
/* NULL: there is no such image. */
struct ht_space *ht_spaces_find(struct ht_spaces *s, uint64_t image);

/* Its tables, and nothing else. */
void ht_spaces_empty(struct ht_space *space);

#endif
