/* SPDX-License-Identifier: Apache-2.0 */
/* replay.h -- the history of a program's heap: every event in order, and the set of live blocks as it changes
 *
 * Callers: account.c, which only counts, and commands that look at every event.
 *
 *   rows --merge--> one row --live table of its process--> one event --> observers, in the order of the list
 *
 * A call is one event. A realloc is one event, at its end. Events of all processes come in one order, by time; a process's
 * heap ends with it, or when it executes another program. docs/trace-format.md, section 7, has the rules.
 *
 * Whose block is it? A forked child has a copy of each block of its parent, and may free it. But the block was made once, and
 * is counted where it was made: what happens to a copy is told as `inherited`, and who adds up passes over it.
 *
 * Always true:
 *   P1  memory grows with the live blocks of the processes and the threads that run at the same time, never with the events;
 *       what parent and child have in common is there once
 *   P2  every block that became live leaves once, by an event that is not inherited or by left(), in the process that made it
 *   P3  only events and blocks of chosen processes (choice.h) are told and counted
 */
#ifndef HT_REPLAY_H
#define HT_REPLAY_H

#include "inspect/live.h"
#include "inspect/model.h"

struct ht_spaces;
struct ht_merge;

enum ht_event_kind { HT_EVENT_ALLOC, HT_EVENT_FREE, HT_EVENT_REALLOC, HT_EVENT_EXISTING };

struct ht_event {
	enum ht_event_kind kind;
	const struct ht_stream *stream; /* process and image are its */
	uint64_t ticks;                 /* realloc: of its end */
	uint32_t context;
	uint8_t heap, source;       /* enum ht_heap, enum ht_source */
	bool failed;                /* alloc: no address; realloc: the old block lives on */
	bool has_address;           /* alloc, realloc: the new block's; free: always */
	bool has_size;              /* free: the size of the block is known */
	bool inherited;             /* `block` is the copy that a fork made of another process's */
	uint64_t address, size;     /* realloc: new */
	bool has_old, has_old_size; /* realloc: its begin was recorded; the old block was known */
	uint64_t begin_ticks, old_address, old_size;
	uint64_t seq;                      /* of the row; realloc: of its end */
	const struct ht_live_block *block; /* free, realloc: the old block, if it was known; valid during the call */
};

/* Ways in which a block leaves without an event. */
enum ht_leaving {
	HT_LEFT_AT_END,    /* the process or the recording ended: it was never freed */
	HT_LEFT_BY_EXEC,   /* the program was replaced by another */
	HT_LEFT_FORGOTTEN, /* its address was handed out again, so its end is not in the trace */
};

struct ht_left {
	const struct ht_live_block *block;
	enum ht_leaving why;
	uint64_t ticks;
};

/* The moment after all rows of one time, before the next. */
struct ht_pause {
	uint64_t ticks; /* of the rows */
	const struct ht_spaces *spaces;
	const struct ht_merge *merge;
};

/* Nothing is under way that the live sets do not show: no realloc, no release that was taken early, no fork whose child has
 * not joined. */
bool ht_pause_is_quiet(const struct ht_pause *p);

/* Who looks at the live sets between the rows. Not 0 ends the replay with that. */
struct ht_pauser {
	int (*pause)(void *state, const struct ht_pause *p, struct ht_err *err);
	void *state;
};

/* Not 0 from either function ends the replay with that. */
struct ht_observer {
	int (*event)(void *state, const struct ht_event *e, struct ht_err *err);
	void *state;
	int (*left)(void *state, const struct ht_left *l, struct ht_err *err); /* or NULL */
};

struct ht_history {
	uint64_t reordered;        /* releases taken before their turn, because two stamps were inverted */
	uint64_t violations;       /* what no heap can have done */
	uint64_t unknown_releases; /* and births of blocks that live, where a call may have been lost or come before */
	uint64_t live_blocks, live_bytes; /* when their processes ended */
};

/* The whole trace; or from the model's checkpoint on, and up to its until_ticks: then what is live is left, at the end of all
 * times. */
int ht_replay_run(struct ht_model *t, const struct ht_observer *observer, size_t observers, struct ht_history *ret,
		  struct ht_err *err);

/* Without observers, but paused after the rows of each time. */
int ht_replay_pausing(struct ht_model *t, const struct ht_pauser *pauser, struct ht_history *ret, struct ht_err *err);

#endif
