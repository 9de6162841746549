/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_columns.c -- a payload of rows that can be read can be written, and then reads the same
 *
 * Property: ht_column_reader_init() and _next() end in HT_EDAMAGED or give exactly the promised rows; these rows,
 * put into columns, give a payload that reads back row for row. ht_columns_survey() ends as reading does, and counts the same.
 *
 * An input is a struct head, the lengths of the columns, and then their bytes, zeros where it is too short: so every
 * input has columns that add up, and every byte of it is part of a number. That lengths do not add up is
 * fuzz_trace.c's business. The sanitizers see any step outside, as a payload is a block of its exact size.
 */
#include <assert.h>
#include <stdlib.h>

#include "format/columns.h"

struct head {
	uint64_t first_time_ticks;
	uint8_t rows, len[HT_EVENT_COLUMNS - 2];
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct ht_err err;

/* Reads all rows of a payload; false: damage. */
static bool read_rows(const uint8_t *payload, size_t len, const struct head *head, struct ht_row ret[UINT8_MAX])
{
	struct ht_column_reader r;
	struct ht_row row;
	uint32_t rows = 0;
	int rc = ht_column_reader_init(&r, ht_cursor_of(payload, len, 0), head->rows, head->first_time_ticks, &err);

	if (rc == 0) {
		while ((rc = ht_column_reader_next(&r, &row, &err)) == 1)
			ret[rows++] = row;
		assert(rc || rows == head->rows);
	}
	assert(rc == 0 || rc == HT_EDAMAGED);
	return rc == 0;
}

/* A survey of the same payload; `row` are its rows, if it can be read. */
static void expect_survey(const uint8_t *payload, size_t len, const struct head *head, const struct ht_row *row)
{
	struct ht_column_sums sums, expected = { .last_time_ticks = head->first_time_ticks };
	int rc = ht_columns_survey(ht_cursor_of(payload, len, 0), head->rows, head->first_time_ticks, &sums, &err);

	assert(rc == (row ? 0 : HT_EDAMAGED));
	if (!row)
		return;
	for (uint32_t i = 0; i < head->rows; i++) {
		expected.rows[row[i].kind]++;
		expected.last_time_ticks = row[i].time_ticks;
	}
	assert(memcmp(sums.rows, expected.rows, sizeof(sums.rows)) == 0);
	assert(sums.last_time_ticks == expected.last_time_ticks);
}

static void expect_same(const struct ht_row *a, const struct ht_row *b)
{
	assert(a->kind == b->kind && a->time_ticks == b->time_ticks && a->context == b->context);
	assert(a->address == b->address && a->size == b->size && a->heap == b->heap && a->source == b->source);
}

static void write_and_compare(const struct ht_row *row, struct head head)
{
	struct ht_columns c = { 0 };
	struct ht_buf payload = { 0 };
	struct ht_row again[UINT8_MAX];

	for (uint32_t i = 0; i < head.rows; i++)
		ht_columns_put(&c, &row[i]);
	head.first_time_ticks = c.first_time_ticks;
	if (!ht_columns_payload(&c, &payload) || !read_rows(payload.at, payload.len, &head, again))
		abort();
	for (uint32_t i = 0; i < head.rows; i++)
		expect_same(&row[i], &again[i]);
	ht_columns_fini(&c);
	ht_buf_fini(&payload);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ht_row row[UINT8_MAX];
	struct head head;
	uint32_t len[HT_EVENT_COLUMNS];
	size_t total = sizeof(len);
	uint8_t *payload;
	bool is_read;

	if (size < sizeof(head))
		return 0;
	memcpy(&head, data, sizeof(head));
	data += sizeof(head);
	size -= sizeof(head);
	for (int i = 0; i < HT_EVENT_COLUMNS; i++) {
		len[i] = i == 0 || i == HT_EVENT_COLUMNS - 1 ? head.rows : head.len[i - 1];
		total += len[i];
	}
	payload = calloc(1, total);
	memcpy(payload, len, sizeof(len));
	memcpy(payload + sizeof(len), data, size < total - sizeof(len) ? size : total - sizeof(len));
	is_read = read_rows(payload, total, &head, row);
	expect_survey(payload, total, &head, is_read ? row : NULL);
	if (is_read)
		write_and_compare(row, head);
	free(payload);
	return 0;
}
