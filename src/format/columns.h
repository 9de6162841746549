/* SPDX-License-Identifier: Apache-2.0 */
/* columns.h -- the rows of an EVENTS block, kept column by column
 *
 * Writer: collect/drain.c puts rows one by one, then takes the payload.
 *   Readers: model.c surveys a payload, merge.c takes it apart.
 *
 *   row    kind | time | context | address | size | place          docs/trace-format.md, section 6
 *   block  [kinds........][times.....][contexts..][addresses...][sizes...][places........]
 *
 * A row without address or size has no entry in that column.
 */
#ifndef HT_COLUMNS_H
#define HT_COLUMNS_H

#include <stdint.h>

#include "format/layout.h"
#include "util/buf.h"

struct ht_row {
	uint32_t kind; /* enum ht_row_kind */
	uint32_t context;
	uint64_t time_ticks;
	uint64_t address;
	uint64_t size;
	uint8_t heap, source;
};

struct ht_columns {
	struct ht_buf column[HT_EVENT_COLUMNS];
	uint32_t rows;
	uint64_t first_time_ticks, last_time_ticks;
	uint64_t last_address;
};

void ht_columns_fini(struct ht_columns *c);
void ht_columns_clear(struct ht_columns *c);                       /* keeps the memory */
void ht_columns_put(struct ht_columns *c, const struct ht_row *r); /* a time before the last one is raised to it */
size_t ht_columns_bytes(const struct ht_columns *c);               /* plain payload so far */

/* Appends the payload to `to`; false when memory ran out on the way. */
bool ht_columns_payload(const struct ht_columns *c, struct ht_buf *to);

/* Rows are taken apart a batch at a time, column after column: each loop stays in one column. */
#define HT_COLUMN_BATCH 128u

struct ht_column_reader {
	struct ht_cursor column[HT_EVENT_COLUMNS];
	uint32_t left; /* rows behind the batch */
	uint64_t time_ticks, address;
	uint32_t next, ready; /* in the batch */
	struct ht_row batch[HT_COLUMN_BATCH];
};

/* Splits a payload. Counts and lengths are checked here; values as they are read. */
int ht_column_reader_init(struct ht_column_reader *r, struct ht_cursor payload, uint32_t rows,
			  uint64_t first_time_ticks, struct ht_err *err);

/* 1: a batch is ready; 0: no more rows, and every column was used up; negative: damage. */
int ht_column_reader_batch(struct ht_column_reader *r, struct ht_err *err);

/* 1: a row; 0: no more, and every column was used up; negative: damage, in this row or one of the same batch. */
static inline int ht_column_reader_next(struct ht_column_reader *r, struct ht_row *ret, struct ht_err *err)
{
	if (r->next == r->ready) {
		int rc = ht_column_reader_batch(r, err);

		if (rc <= 0)
			return rc;
	}
	*ret = r->batch[r->next++];
	return 1;
}

/* What a payload holds, whole. */
struct ht_column_sums {
	uint32_t rows[HT_ROW_EXISTING + 1]; /* by kind */
	uint64_t last_time_ticks;           /* of the last row; without rows, what was given as the first */
};

/* 0: every row can be read; otherwise as reading would have ended. */
int ht_columns_survey(struct ht_cursor payload, uint32_t rows, uint64_t first_time_ticks, struct ht_column_sums *ret,
		      struct ht_err *err);

#endif
