/* SPDX-License-Identifier: Apache-2.0 */
/* buf-cursor.c -- src/util/buf: what is put can be got, and nothing is got that was not put
 *
 * Boundaries of the varint are tested at both ways through the code: with bytes behind it (the fast one) and at the
 * very end (the slow one). Blocks of exact size come from malloc, so that the sanitizers see a read beyond them.
 */
#include "unit.h"

#include "util/buf.h"

static struct ht_err err;

/* A cursor over a copy of exact size, which stays until the program ends. */
static struct ht_cursor exactly(const void *at, size_t len)
{
	void *copy = malloc(len);

	memcpy(copy, at, len);
	return ht_cursor_of(copy, len, 1000);
}

static void drop(struct ht_cursor c)
{
	free((void *)c.start);
}

/* Every number with its highest bit at every place, and its neighbours. */
static void varints_of_every_length_come_back(void **state)
{
	(void)state;
	for (unsigned padding = 0; padding <= 16; padding += 16) {
		for (unsigned bit = 0; bit < 64; bit++) {
			for (int around = -1; around <= 1; around++) {
				uint64_t v = (1ull << bit) + (uint64_t)around, got = ~v;
				struct ht_buf b = { 0 };
				struct ht_cursor c;
				size_t len;

				ht_buf_varint(&b, v);
				len = b.len;
				for (unsigned i = 0; i < padding; i++)
					ht_buf_u8(&b, 0xff);
				c = exactly(b.at, b.len);
				expect_ok(ht_cursor_varint(&c, &got, &err), &err);
				assert_true(got == v);
				assert_int_equal(ht_cursor_at(&c), 1000 + len);
				drop(c);
				ht_buf_fini(&b);
			}
		}
	}
}

static void varint_is_base_128_least_group_first(void **state)
{
	static const uint8_t expected[] = { 0xac, 0x02, 0x7f, 0x80, 0x01 };
	struct ht_buf b = { 0 };

	(void)state;
	ht_buf_varint(&b, 300);
	ht_buf_varint(&b, 127);
	ht_buf_varint(&b, 128);
	assert_int_equal(b.len, sizeof(expected));
	assert_memory_equal(b.at, expected, sizeof(expected));
	ht_buf_fini(&b);
}

static void expect_no_varint(const uint8_t *at, size_t len)
{
	struct ht_cursor c = exactly(at, len);
	uint64_t got = 42;

	assert_int_equal(ht_cursor_varint(&c, &got, &err), HT_EDAMAGED);
	assert_int_equal(got, 42);
	assert_ptr_equal(c.at, c.start);
	assert_non_null(strstr(err.text, "1000"));
	drop(c);
}

static void varint_cut_at_every_byte_is_damage(void **state)
{
	struct ht_buf b = { 0 };

	(void)state;
	ht_buf_varint(&b, UINT64_MAX);
	assert_int_equal(b.len, 10);
	for (size_t len = 0; len < b.len; len++)
		expect_no_varint(b.at, len);
	ht_buf_fini(&b);
}

static void varint_of_eleven_bytes_is_damage(void **state)
{
	static const uint8_t at[16] = { 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00 };

	(void)state;
	expect_no_varint(at, 11);
	expect_no_varint(at, sizeof(at));
}

static void varint_of_65_bits_is_damage(void **state)
{
	static const uint8_t at[16] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02 };

	(void)state;
	expect_no_varint(at, 10);
	expect_no_varint(at, sizeof(at));
}

static void varint_with_leading_zero_groups_is_taken(void **state)
{
	static const uint8_t at[] = { 0x85, 0x80, 0x80, 0x00 };
	struct ht_cursor c = exactly(at, sizeof(at));
	uint64_t got;

	(void)state;
	expect_ok(ht_cursor_varint(&c, &got, &err), &err);
	assert_int_equal(got, 5);
	assert_int_equal(ht_cursor_left(&c), 0);
	drop(c);
}

static void zigzag_keeps_small_numbers_small(void **state)
{
	(void)state;
	assert_int_equal(ht_zigzag(0), 0);
	assert_int_equal(ht_zigzag(-1), 1);
	assert_int_equal(ht_zigzag(1), 2);
	assert_true(ht_zigzag(INT64_MIN) == UINT64_MAX);
	assert_true(ht_unzigzag(UINT64_MAX) == INT64_MIN);
	assert_true(ht_unzigzag(ht_zigzag(INT64_MAX)) == INT64_MAX);
}

static void fixed_numbers_are_little_endian(void **state)
{
	static const uint8_t expected[] = { 4, 3, 2, 1, 8, 7, 6, 5, 4, 3, 2, 1 };
	struct ht_buf b = { 0 };
	struct ht_cursor c;
	uint32_t low;
	uint64_t high;

	(void)state;
	ht_buf_u32(&b, 0x01020304);
	ht_buf_u64(&b, 0x0102030405060708);
	assert_int_equal(b.len, sizeof(expected));
	assert_memory_equal(b.at, expected, sizeof(expected));
	c = exactly(b.at, b.len);
	expect_ok(ht_cursor_u32(&c, &low, &err), &err);
	expect_ok(ht_cursor_u64(&c, &high, &err), &err);
	assert_int_equal(low, 0x01020304);
	assert_true(high == 0x0102030405060708);
	drop(c);
	ht_buf_fini(&b);
}

static void fixed_numbers_cut_short_are_damage(void **state)
{
	static const uint8_t at[7] = { 0 };
	struct ht_cursor c = exactly(at, 7), shorter = exactly(at, 3);
	uint64_t v64 = 1;
	uint32_t v32 = 1;

	(void)state;
	assert_int_equal(ht_cursor_u64(&c, &v64, &err), HT_EDAMAGED);
	assert_int_equal(ht_cursor_u32(&shorter, &v32, &err), HT_EDAMAGED);
	assert_int_equal(v64 + v32, 2);
	assert_int_equal(ht_cursor_left(&c) + ht_cursor_left(&shorter), 10);
	drop(c);
	drop(shorter);
}

static void strings_come_back_and_may_hold_anything(void **state)
{
	struct ht_buf b = { 0 };
	struct ht_cursor c;
	struct ht_str s;

	(void)state;
	ht_buf_str(&b, (struct ht_str){ .at = "a\0\xff", .len = 3 });
	ht_buf_str(&b, (struct ht_str){ 0 });
	c = exactly(b.at, b.len);
	expect_ok(ht_cursor_str(&c, &s, &err), &err);
	assert_int_equal(s.len, 3);
	assert_memory_equal(s.at, "a\0\xff", 3);
	expect_ok(ht_cursor_str(&c, &s, &err), &err);
	assert_int_equal(s.len, 0);
	assert_int_equal(ht_cursor_left(&c), 0);
	drop(c);
	ht_buf_fini(&b);
}

/* Lengths that a sum of pointer and length would carry around the end of memory, too. */
static void string_longer_than_its_payload_is_damage(void **state)
{
	static const uint64_t lengths[] = { 4, 1u << 31, UINT64_MAX - 2, UINT64_MAX };

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		struct ht_buf b = { 0 };
		struct ht_cursor c;
		struct ht_str s = { .len = 42 };

		ht_buf_varint(&b, lengths[i]);
		ht_buf_bytes(&b, "abc", 3);
		c = exactly(b.at, b.len);
		assert_int_equal(ht_cursor_str(&c, &s, &err), HT_EDAMAGED);
		assert_int_equal(s.len, 42);
		assert_ptr_equal(c.at, c.start);
		drop(c);
		ht_buf_fini(&b);
	}
}

static void buffer_grows_and_keeps_its_bytes(void **state)
{
	struct ht_buf b = { 0 };

	(void)state;
	for (uint32_t i = 0; i < 100000; i++)
		ht_buf_u32(&b, i);
	assert_int_equal(b.len, 400000);
	for (uint32_t i = 0; i < 100000; i++)
		assert_memory_equal(b.at + 4 * i, &i, 4);
	ht_buf_fini(&b);
}

static void buffer_that_failed_swallows_the_rest(void **state)
{
	struct ht_buf b = { 0 };

	(void)state;
	ht_buf_u8(&b, 1);
	assert_false(ht_buf_reserve(&b, SIZE_MAX - 8));
	assert_false(ht_buf_ok(&b));
	ht_buf_u8(&b, 1);
	ht_buf_varint(&b, 1);
	ht_buf_u64(&b, 1);
	ht_buf_bytes(&b, "abc", 3);
	assert_false(ht_buf_ok(&b));
	assert_int_equal(b.len, 0);
	ht_buf_clear(&b);
	ht_buf_u8(&b, 7);
	assert_true(ht_buf_ok(&b));
	assert_int_equal(b.at[0], 7);
	ht_buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(varints_of_every_length_come_back),
		cmocka_unit_test(varint_is_base_128_least_group_first),
		cmocka_unit_test(varint_cut_at_every_byte_is_damage),
		cmocka_unit_test(varint_of_eleven_bytes_is_damage),
		cmocka_unit_test(varint_of_65_bits_is_damage),
		cmocka_unit_test(varint_with_leading_zero_groups_is_taken),
		cmocka_unit_test(zigzag_keeps_small_numbers_small),
		cmocka_unit_test(fixed_numbers_are_little_endian),
		cmocka_unit_test(fixed_numbers_cut_short_are_damage),
		cmocka_unit_test(strings_come_back_and_may_hold_anything),
		cmocka_unit_test(string_longer_than_its_payload_is_damage),
		cmocka_unit_test(buffer_grows_and_keeps_its_bytes),
		cmocka_unit_test(buffer_that_failed_swallows_the_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
