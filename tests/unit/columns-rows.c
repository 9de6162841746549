/* SPDX-License-Identifier: Apache-2.0 */
/* columns-rows.c -- src/format/columns: rows come back as they were put, and a wrong payload is damage
 *
 * The expected bytes of one small block are written by hand from docs/trace-format.md, section 6; all other tests
 * put and take.
 */
#include "unit.h"

#include "format/columns.h"

static struct ht_err err;

static bool has_address(uint32_t kind)
{
	return kind == HT_ROW_ALLOC || kind == HT_ROW_FREE || kind == HT_ROW_REALLOC_BEGIN ||
	       kind == HT_ROW_REALLOC_END || kind == HT_ROW_EXISTING;
}

static bool has_size(uint32_t kind)
{
	return kind != HT_ROW_FREE && kind != HT_ROW_REALLOC_BEGIN && kind != HT_ROW_REALLOC_FREED;
}

static struct ht_buf payload_of(const struct ht_row *row, uint32_t rows)
{
	struct ht_columns c = { 0 };
	struct ht_buf payload = { 0 };

	for (uint32_t i = 0; i < rows; i++)
		ht_columns_put(&c, &row[i]);
	assert_true(ht_columns_payload(&c, &payload));
	assert_int_equal(payload.len, ht_columns_bytes(&c));
	ht_columns_fini(&c);
	return payload;
}

static void expect_row(const struct ht_row *got, const struct ht_row *put)
{
	assert_int_equal(got->kind, put->kind);
	assert_int_equal(got->context, put->context);
	assert_true(got->time_ticks == put->time_ticks);
	assert_true(got->address == (has_address(put->kind) ? put->address : 0));
	assert_true(got->size == (has_size(put->kind) ? put->size : 0));
	assert_int_equal(got->heap, put->heap);
	assert_int_equal(got->source, put->source);
}

static void expect_rows(const struct ht_row *row, uint32_t rows)
{
	struct ht_buf payload = payload_of(row, rows);
	uint8_t *exact = malloc(payload.len);
	struct ht_column_reader r;
	struct ht_row got;

	memcpy(exact, payload.at, payload.len);
	expect_ok(ht_column_reader_init(&r, ht_cursor_of(exact, payload.len, 0), rows, rows ? row[0].time_ticks : 0,
					&err),
		  &err);
	for (uint32_t i = 0; i < rows; i++) {
		int rc = ht_column_reader_next(&r, &got, &err);

		expect_ok(rc, &err);
		assert_int_equal(rc, 1);
		expect_row(&got, &row[i]);
	}
	assert_int_equal(ht_column_reader_next(&r, &got, &err), 0);
	free(exact);
	ht_buf_fini(&payload);
}

/* Numbers of every length in every column: odd and high addresses, huge sizes, huge gaps. */
static void random_rows_come_back(void **state)
{
	struct random r = { .state = 1 };
	enum { ROWS = 500 };
	struct ht_row row[ROWS];

	(void)state;
	for (int round = 0; round < 100; round++) {
		uint64_t time = next_random_number(&r) >> 10;

		for (int i = 0; i < ROWS; i++) {
			row[i] = (struct ht_row){
				.kind = HT_ROW_ALLOC + next_random(&r) % HT_ROW_EXISTING,
				.context = (uint32_t)next_random_number(&r),
				.time_ticks = time,
				.address = next_random_number(&r) & (next_random(&r) % 2 ? ~0xfull : ~0ull),
				.size = next_random_number(&r),
				.heap = next_random(&r) % 16,
				.source = next_random(&r) % 16,
			};
			time += next_random_number(&r) >> 10;
		}
		expect_rows(row, next_random(&r) % (ROWS + 1));
	}
}

/* The differences at which one way to store an address ends and the next begins. */
static void addresses_at_the_borders_of_every_form_come_back(void **state)
{
	static const uint64_t address[] = {
		0,
		1,
		16,
		UINT64_MAX,
		0,
		8,
		1ull << 62,
		(1ull << 62) + 1,
		1,
		(1ull << 62) + 2,
		0x7fffffffffffffff,
		0x8000000000000000,
		0,
		0x8000000000000000,
		0x8000000000000001,
		0,
		UINT64_MAX - 15,
		0,
		UINT64_MAX - 15,
		15,
		0xbfffffffffffffff,
		0,
	};
	enum { ROWS = sizeof(address) / sizeof(*address) };
	struct ht_row row[ROWS];

	(void)state;
	for (int i = 0; i < ROWS; i++)
		row[i] = (struct ht_row){ .kind = HT_ROW_FREE, .address = address[i] };
	expect_rows(row, ROWS);
}

static void no_rows_are_a_payload_too(void **state)
{
	(void)state;
	expect_rows(NULL, 0);
}

static void payload_is_laid_out_as_documented(void **state)
{
	static const struct ht_row row[] = {
		{ .kind = HT_ROW_ALLOC, .context = 300, .time_ticks = 1000, .address = 0x20, .size = 5, .heap = 1 },
		{ .kind = HT_ROW_FREE, .context = 5, .time_ticks = 1200, .address = 0x18, .source = 4 },
		{ .kind = HT_ROW_FREE, .context = 5, .time_ticks = 1200, .address = 0xc000000000000001 },
	};
	static const uint8_t expected[] = {
		3,    0,    0,    0,                   /* kinds */
		4,    0,    0,    0,                   /* times */
		4,    0,    0,    0,                   /* contexts */
		11,   0,    0,    0,                   /* addresses */
		1,    0,    0,    0,                   /* sizes */
		3,    0,    0,    0,                   /* places */
		1,    3,    3,                         /* alloc, free, free */
		0,    0xc8, 0x01, 0,                   /* since first_time, 200 later, at once */
		0xac, 0x02, 5,    5,                   /* contexts */
		8,                                     /* + 2 * 16: zigzag 4, first form */
		31,                                    /* - 8: zigzag 15, second form */
		1,    1,    0,    0, 0, 0, 0, 0, 0xc0, /* too far: the address itself */
		5,                                     /* size */
		0x01, 0x40, 0x00,                      /* heap 1; source 4; unknown */
	};
	struct ht_buf payload = payload_of(row, 3);

	(void)state;
	assert_int_equal(payload.len, sizeof(expected));
	assert_memory_equal(payload.at, expected, sizeof(expected));
	ht_buf_fini(&payload);
}

static void time_never_runs_back(void **state)
{
	struct ht_row row[2] = { { .kind = HT_ROW_FREE, .time_ticks = 100 },
				 { .kind = HT_ROW_FREE, .time_ticks = 90 } };
	struct ht_columns c = { 0 };

	(void)state;
	ht_columns_put(&c, &row[0]);
	ht_columns_put(&c, &row[1]);
	assert_int_equal(c.first_time_ticks, 100);
	assert_int_equal(c.last_time_ticks, 100);
	ht_columns_fini(&c);
}

static void cleared_columns_start_afresh(void **state)
{
	struct ht_row row = { .kind = HT_ROW_ALLOC, .time_ticks = 7, .address = 64, .size = 1 };
	struct ht_buf once = payload_of(&row, 1), again = { 0 };
	struct ht_columns c = { 0 };

	(void)state;
	ht_columns_put(&c, &row);
	ht_columns_put(&c, &row);
	ht_columns_clear(&c);
	assert_int_equal(c.rows, 0);
	ht_columns_put(&c, &row);
	assert_true(ht_columns_payload(&c, &again));
	assert_int_equal(again.len, once.len);
	assert_memory_equal(again.at, once.at, once.len);
	ht_columns_fini(&c);
	ht_buf_fini(&once);
	ht_buf_fini(&again);
}

/* ---- damage ------------------------------------------------------------------------------------------------ */

/* Reads a copy of exact size to its end; the last return code. A survey must end the same, and have counted the same. */
static int read_all(const uint8_t *at, size_t len, uint32_t rows, uint64_t first_time_ticks)
{
	uint8_t *exact = malloc(len);
	struct ht_column_sums sums, counted = { .last_time_ticks = first_time_ticks };
	struct ht_column_reader r;
	struct ht_row got;
	uint32_t seen = 0;
	int rc;

	memcpy(exact, at, len);
	rc = ht_column_reader_init(&r, ht_cursor_of(exact, len, 0), rows, first_time_ticks, &err);
	if (rc == 0) {
		while ((rc = ht_column_reader_next(&r, &got, &err)) == 1) {
			seen++;
			counted.rows[got.kind]++;
			counted.last_time_ticks = got.time_ticks;
		}
		assert_true(rc < 0 || seen == rows);
	}
	assert_int_equal(ht_columns_survey(ht_cursor_of(exact, len, 0), rows, first_time_ticks, &sums, &err), rc);
	if (rc == 0) {
		assert_memory_equal(sums.rows, counted.rows, sizeof(sums.rows));
		assert_true(sums.last_time_ticks == counted.last_time_ticks);
	}
	free(exact);
	return rc;
}

static const struct ht_row sample[] = {
	{ .kind = HT_ROW_ALLOC, .context = 1, .time_ticks = 10, .address = 0x1000, .size = 300 },
	{ .kind = HT_ROW_REALLOC_BEGIN, .context = 3, .time_ticks = 500, .address = 0x1000 },
	{ .kind = HT_ROW_REALLOC_END, .context = 3, .time_ticks = 90000, .address = 0x2008, .size = 70000 },
	{ .kind = HT_ROW_FREE, .context = 5, .time_ticks = 90001, .address = 0x2008 },
};

static void payload_cut_at_every_byte_is_damage(void **state)
{
	struct ht_buf payload = payload_of(sample, 4);

	(void)state;
	for (size_t len = 0; len < payload.len; len++)
		assert_int_equal(read_all(payload.at, len, 4, 10), HT_EDAMAGED);
	assert_int_equal(read_all(payload.at, payload.len, 4, 10), 0);
	ht_buf_fini(&payload);
}

/* Nothing is claimed but that it ends, inside its bytes: the sanitizers are the oracle. */
static void payload_with_every_bit_flipped_is_survived(void **state)
{
	struct ht_buf payload = payload_of(sample, 4);

	(void)state;
	for (size_t bit = 0; bit < payload.len * 8; bit++) {
		payload.at[bit / 8] ^= (uint8_t)(1u << bit % 8);
		read_all(payload.at, payload.len, 4, 10);
		payload.at[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	ht_buf_fini(&payload);
}

/* Small numbers mostly, so that most rounds are seen through, then a byte or two of them changed at random. */
static void survey_and_reading_agree(void **state)
{
	struct random r = { .state = 7 };
	enum { ROWS = 60 };
	struct ht_row row[ROWS];
	int whole = 0, damaged = 0;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		uint64_t time = round % 5 ? 1000 : UINT64_MAX - next_random(&r) % 20000;
		uint32_t rows = (uint32_t)(next_random(&r) % ROWS);
		struct ht_buf payload;

		for (uint32_t i = 0; i < rows; i++) {
			bool is_strange = next_random(&r) % 200 == 0;

			row[i] = (struct ht_row){
				.kind = HT_ROW_ALLOC + next_random(&r) % HT_ROW_EXISTING,
				.context = is_strange ? (uint32_t)next_random_number(&r) : next_random(&r) % 3000,
				.time_ticks = time,
				.address = is_strange ? next_random_number(&r) : next_random(&r) % 5000 * 16,
				.size = is_strange ? next_random_number(&r) : next_random(&r) % 300,
			};
			time += time < UINT64_MAX / 2 ? next_random(&r) % 300 : 0;
		}
		payload = payload_of(row, rows);
		for (int i = 0; round % 3 && i < round % 3; i++)
			payload.at[next_random(&r) % payload.len] = (uint8_t)(next_random(&r) >> (next_random(&r) % 8));
		if (read_all(payload.at, payload.len, rows, rows ? row[0].time_ticks : 0))
			damaged++;
		else
			whole++;
		ht_buf_fini(&payload);
	}
	assert_true(whole > 6000 && damaged > 6000);
}

static void byte_behind_the_columns_is_damage(void **state)
{
	struct ht_buf payload = payload_of(sample, 4);

	(void)state;
	ht_buf_u8(&payload, 0);
	assert_int_equal(read_all(payload.at, payload.len, 4, 10), HT_EDAMAGED);
	ht_buf_fini(&payload);
}

static void byte_too_many_in_a_column_is_damage(void **state)
{
	static const uint8_t at[] = { 1, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0,
				      0, 0, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 5, 2, 0 };

	(void)state;
	assert_int_equal(read_all(at, sizeof(at), 1, 0), HT_EDAMAGED);
	assert_non_null(strstr(err.text, "time column"));
}

static void row_count_that_differs_is_damage(void **state)
{
	struct ht_buf payload = payload_of(sample, 4);

	(void)state;
	assert_int_equal(read_all(payload.at, payload.len, 3, 10), HT_EDAMAGED);
	assert_int_equal(read_all(payload.at, payload.len, 5, 10), HT_EDAMAGED);
	assert_int_equal(read_all(payload.at, payload.len, UINT32_MAX, 10), HT_EDAMAGED);
	ht_buf_fini(&payload);
}

/* The kinds are as many as the rows; one place is in the size column. */
static void missing_place_is_damage(void **state)
{
	struct ht_buf payload = payload_of(sample, 4);

	(void)state;
	payload.at[16]++;
	payload.at[20]--;
	assert_int_equal(read_all(payload.at, payload.len, 4, 10), HT_EDAMAGED);
	assert_non_null(strstr(err.text, "3 places"));
	ht_buf_fini(&payload);
}

static void unknown_row_kind_is_damage(void **state)
{
	struct ht_buf payload = payload_of(sample, 4);
	static const uint8_t kinds[] = { 0, 9, 33, 255 };

	(void)state;
	for (size_t i = 0; i < sizeof(kinds); i++) {
		payload.at[24] = kinds[i];
		assert_int_equal(read_all(payload.at, payload.len, 4, 10), HT_EDAMAGED);
		assert_non_null(strstr(err.text, "row kind"));
	}
	ht_buf_fini(&payload);
}

static void time_beyond_64_bits_is_damage(void **state)
{
	struct ht_buf payload = payload_of(sample, 4);

	(void)state;
	assert_int_equal(read_all(payload.at, payload.len, 4, UINT64_MAX - 100), HT_EDAMAGED);
	assert_non_null(strstr(err.text, "time"));
	ht_buf_fini(&payload);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_rows_come_back),
		cmocka_unit_test(addresses_at_the_borders_of_every_form_come_back),
		cmocka_unit_test(no_rows_are_a_payload_too),
		cmocka_unit_test(payload_is_laid_out_as_documented),
		cmocka_unit_test(time_never_runs_back),
		cmocka_unit_test(cleared_columns_start_afresh),
		cmocka_unit_test(payload_cut_at_every_byte_is_damage),
		cmocka_unit_test(payload_with_every_bit_flipped_is_survived),
		cmocka_unit_test(survey_and_reading_agree),
		cmocka_unit_test(byte_behind_the_columns_is_damage),
		cmocka_unit_test(byte_too_many_in_a_column_is_damage),
		cmocka_unit_test(row_count_that_differs_is_damage),
		cmocka_unit_test(missing_place_is_damage),
		cmocka_unit_test(unknown_row_kind_is_damage),
		cmocka_unit_test(time_beyond_64_bits_is_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
