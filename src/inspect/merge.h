/* SPDX-License-Identifier: Apache-2.0 */
/* merge.h -- the rows of all streams of a trace as one sequence, by time
 *
 * Caller: replay.c.
 *
 *   stream 1   [block: 10 14 31]        [block: 70 71]
 *   stream 2          [block: 12 30 33 34]                  ->  10/1 12/2 14/1 30/2 31/1 33/2 34/2 70/1 71/1
 *   heap       (time of the next row, stream): the first block of stream 3 is not even read before its first time comes
 *
 * Always true:
 *   M1  rows of one stream come by sequence, whatever their times say; streams by time, equal times by stream number
 *   M2  rows up to the model's start_ticks do not come, nor those after its until_ticks
 *   M3  a stream costs 32 bytes, and a lane and a plain block only from its first row to its last: not more at a time than
 *       the recorder held back, as rows that overlap in time were waiting there together
 *
 * A lane is where a stream stands. Replay keeps its own notes about the stream in it.
 */
#ifndef HT_MERGE_H
#define HT_MERGE_H

#include "inspect/live.h"
#include "inspect/model.h"

/* A release that was replayed before its turn. */
struct ht_early {
	uint64_t seq;
	bool known; /* the block is */
	struct ht_live_block block;
};

/* The bytes of an event block in memory of their own, and how far its rows were read. */
struct ht_unpacked {
	uint8_t *plain;
	size_t cap;
	struct ht_column_reader rows;
};

struct ht_lane {
	const struct ht_stream *stream;
	bool is_open;      /* a block is; otherwise row and seq mean nothing */
	struct ht_row row; /* the next one */
	uint64_t seq;      /* its */
	struct ht_unpacked unpacked;
	size_t next_block; /* of the stream's event blocks */

	/* replay's */
	uint64_t last_seq;
	bool any, in_realloc, old_known; /* a row was replayed; a begin waits for its end; it took a block out */
	uint64_t begin_ticks, old_address;
	struct ht_live_block old;
	HT_LIST(struct ht_early) early;
};

struct ht_turn {
	uint64_t time_ticks;
	size_t lane;
};

struct ht_merge {
	struct ht_model *model;
	const struct ht_stream **stream; /* those with rows */
	struct ht_lane **lane;           /* of each; NULL: not begun, or done */
	struct ht_turn *heap;
	size_t streams, turns;
	bool done; /* the lane at the top is */
};

#define HT_ROWS_AHEAD 12

/* The address of a row that comes some way behind the next one; 0, or any other, where that is not known. Of no more use than to
 * fetch what will be needed. */
static inline uint64_t ht_lane_address_ahead(const struct ht_lane *l)
{
	const struct ht_column_reader *rows = &l->unpacked.rows;
	uint32_t i = rows->next + HT_ROWS_AHEAD;

	return i < rows->ready ? rows->batch[i].address : 0;
}

int ht_merge_init(struct ht_merge *m, struct ht_model *t, struct ht_err *err);
void ht_merge_fini(struct ht_merge *m);

/* 1: *ret stands at the next row; 0: no more. */
int ht_merge_next(struct ht_merge *m, struct ht_lane **ret, struct ht_err *err);

/* Goes one row on in the lane that ht_merge_next() gave. 0: that was its stream's last one; the lane lives until the next
 * ht_merge_next(). */
int ht_merge_step(struct ht_merge *m, struct ht_err *err);

struct ht_release {
	struct ht_lane *lane;
	struct ht_row row;
	uint64_t seq;
};

/* Looks for the earliest release of `address`, at most at `until_ns`, that another lane than `not_in`, of the same image, still
 * has in front of it and that was not taken early. 1: found. */
int ht_merge_find_release(struct ht_merge *m, const struct ht_lane *not_in, uint64_t address, __int128 until_ns,
			  struct ht_release *ret, struct ht_err *err);

#endif
