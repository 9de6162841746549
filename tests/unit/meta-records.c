/* SPDX-License-Identifier: Apache-2.0 */
/* meta-records.c -- src/format/meta: every record comes back, cut records are damage, the function names are the
 * document's
 *
 * All numbers of a record differ, so that two fields that change places are seen. A record cut at any byte must fail
 * and leave cursor and result alone.
 */
#include "unit.h"

#include <stdio.h>

#include "channel/channel.h"
#include "format/meta.h"

static struct ht_err err;

static struct ht_str str(const char *text)
{
	return (struct ht_str){ .at = text, .len = strlen(text) };
}

static void expect_str(struct ht_str got, const char *put)
{
	assert_int_equal(got.len, strlen(put));
	assert_memory_equal(got.at, put, got.len);
}

/* put, then get of each shorter copy, then get of the whole: `got` is the record, checked by the caller. */
#define ROUND_TRIP(kind, record, got, b)                                                                               \
	do {                                                                                                           \
		struct ht_cursor c_;                                                                                   \
		ht_meta_put_##kind(&(b), &(record));                                                                   \
		for (size_t len_ = 0; len_ < (b).len; len_++) {                                                        \
			struct ht_meta_##kind cut_, before_;                                                           \
			memset(&cut_, 0x5a, sizeof(cut_));                                                             \
			before_ = cut_;                                                                                \
			c_ = ht_cursor_of((b).at, len_, 0);                                                            \
			assert_int_equal(ht_meta_get_##kind(&c_, &cut_, &err), HT_EDAMAGED);                           \
			assert_memory_equal(&cut_, &before_, sizeof(cut_));                                            \
			assert_ptr_equal(c_.at, c_.start);                                                             \
		}                                                                                                      \
		c_ = ht_cursor_of((b).at, (b).len, 0);                                                                 \
		expect_ok(ht_meta_get_##kind(&c_, &(got), &err), &err);                                                \
		assert_int_equal(ht_cursor_left(&c_), 0);                                                              \
	} while (0)

static void session_comes_back(void **state)
{
	struct ht_meta_session m = { 1, UINT64_MAX, 3, 4, 5, 6, str("0.1"), str("host"), str("ls") }, got;
	struct ht_buf b = { 0 };

	(void)state;
	ROUND_TRIP(session, m, got, b);
	assert_memory_equal(&got, &m, offsetof(struct ht_meta_session, heaptap));
	expect_str(got.heaptap, "0.1");
	expect_str(got.host, "host");
	expect_str(got.command, "ls");
	ht_buf_fini(&b);
}

static void image_comes_back(void **state)
{
	struct ht_meta_image m = { 1,          1ull << 63,     3,       4,         5,         6, 7, 8,
				   UINT64_MAX, str("/bin/ls"), str(""), str("ls"), str("why") },
			     got;
	struct ht_buf b = { 0 };

	(void)state;
	ROUND_TRIP(image, m, got, b);
	assert_memory_equal(&got, &m, offsetof(struct ht_meta_image, exe));
	expect_str(got.exe, "/bin/ls");
	expect_str(got.allocator, "");
	expect_str(got.command, "ls");
	ht_buf_fini(&b);
}

static void module_comes_back(void **state)
{
	struct ht_meta_module m = { 1, 2, 3, 4, 0x7f0000000000, 0x7f0000001000, 7, str("/lib/x.so"), str("\xff\x01") };
	struct ht_meta_module got;
	struct ht_buf b = { 0 };

	(void)state;
	ROUND_TRIP(module, m, got, b);
	assert_memory_equal(&got, &m, offsetof(struct ht_meta_module, path));
	expect_str(got.path, "/lib/x.so");
	expect_str(got.build_id, "\xff\x01");
	ht_buf_fini(&b);
}

static void thread_comes_back(void **state)
{
	struct ht_meta_thread m = { 1, 2000, 3, 400000, str("worker") }, got;
	struct ht_buf b = { 0 };

	(void)state;
	ROUND_TRIP(thread, m, got, b);
	assert_memory_equal(&got, &m, offsetof(struct ht_meta_thread, name));
	expect_str(got.name, "worker");
	ht_buf_fini(&b);
}

static void records_of_numbers_come_back(void **state)
{
	struct ht_meta_clock clock = { 1, 2000, UINT64_MAX }, got_clock;
	struct ht_meta_loss loss = { 1, 2, 3, 4, 5, 6 }, got_loss;
	struct ht_meta_account account = { 1, 2, 3, 4, 5, 6, 7, 8 }, got_account;
	struct ht_meta_end end = { 1, 2, 3, 4, 5, 6, 7, 8, 9 }, got_end;
	struct ht_buf b = { 0 };

	(void)state;
	ROUND_TRIP(clock, clock, got_clock, b);
	assert_memory_equal(&got_clock, &clock, sizeof(clock));
	ht_buf_clear(&b);
	ROUND_TRIP(loss, loss, got_loss, b);
	assert_memory_equal(&got_loss, &loss, sizeof(loss));
	ht_buf_clear(&b);
	ROUND_TRIP(account, account, got_account, b);
	assert_memory_equal(&got_account, &account, sizeof(account));
	ht_buf_clear(&b);
	ROUND_TRIP(end, end, got_end, b);
	assert_memory_equal(&got_end, &end, sizeof(end));
	ht_buf_fini(&b);
}

static void contexts_come_back_in_any_order(void **state)
{
	static const struct ht_meta_context put[] = {
		{ 33, 0, HT_CONTEXT_CALLER, 0, 0x401000 },
		{ 34, 33, HT_CONTEXT_FUNCTION, 1, 1 },
		{ 7, 0, HT_CONTEXT_END, 2, 3 },
		{ UINT32_MAX, 7, HT_CONTEXT_EXACT, 65535, UINT64_MAX },
	};
	uint64_t previous = 0;
	struct ht_buf b = { 0 };
	struct ht_cursor c;
	struct ht_meta_context got;

	(void)state;
	for (size_t i = 0; i < 4; i++)
		ht_meta_put_context(&b, &put[i], &previous);
	previous = 0;
	c = ht_cursor_of(b.at, b.len, 0);
	for (size_t i = 0; i < 4; i++) {
		expect_ok(ht_meta_get_context(&c, &got, &previous, &err), &err);
		assert_memory_equal(&got, &put[i], sizeof(got));
	}
	assert_int_equal(ht_cursor_left(&c), 0);
	ht_buf_fini(&b);
}

static void context_number_is_a_difference(void **state)
{
	static const uint8_t expected[] = { 4, 0, 0, 0, 5, 1, 2, 1, 0, 5 };
	uint64_t previous = 0;
	struct ht_buf b = { 0 };

	(void)state;
	ht_meta_put_context(&b, &(struct ht_meta_context){ .context = 2, .pc = 5 }, &previous);
	ht_meta_put_context(&b, &(struct ht_meta_context){ .context = 1, .parent = 2, .kind = 1, .pc = 5 }, &previous);
	assert_int_equal(b.len, sizeof(expected));
	assert_memory_equal(b.at, expected, sizeof(expected));
	ht_buf_fini(&b);
}

static void cut_context_changes_nothing(void **state)
{
	static const uint8_t at[] = { 4, 0, 0, 0 };
	struct ht_cursor c = ht_cursor_of(at, sizeof(at), 0);
	struct ht_meta_context got = { .context = 42 };
	uint64_t previous = 41;

	(void)state;
	assert_int_equal(ht_meta_get_context(&c, &got, &previous, &err), HT_EDAMAGED);
	assert_int_equal(got.context, 42);
	assert_int_equal(previous, 41);
	assert_ptr_equal(c.at, at);
}

static void index_ends_with_its_offset_and_the_tail(void **state)
{
	static const struct ht_meta_index_entry entry[] = { { 0, 1, 0, 1, 5, 5 }, { 800, 7, 2, 300, 6, 9 } };
	static const uint8_t expected[] = {
		2,    0,    1,    0,    1,   5,   5,   100, /* offset 800 / 8 */
		7,    2,    0xac, 0x02, 6,   9,   0,   0,   /* then padding */
		0x00, 0x20, 0,    0,    0,   0,   0,   0,   /* this block's offset */
		'H',  'T',  'A',  'P',  'E', 'N', 'D', '1',
	};
	struct ht_buf b = { 0 };

	(void)state;
	ht_meta_put_index(&b, entry, 2, 0x2000);
	assert_int_equal(b.len, sizeof(expected));
	assert_memory_equal(b.at, expected, sizeof(expected));
	ht_buf_fini(&b);
}

/* Takes Markdown's backslashes out, and the blanks at the end. */
static void strip(char *text)
{
	char *to = text;

	for (char *from = text; *from; from++)
		if (*from != '\\')
			*to++ = *from;
	while (to > text && to[-1] == ' ')
		to--;
	*to = 0;
}

/* docs/trace-format.md, section 6.3, is the oracle: a row is `| n | name | n | name |`. */
static void function_names_are_the_documents(void **state)
{
	FILE *document = fopen("docs/trace-format.md", "r");
	char line[512], left[64], right[64];
	unsigned l, r, seen = 0;

	(void)state;
	assert_non_null(document);
	while (fgets(line, sizeof(line), document) && strncmp(line, "### 6.3", 7) != 0)
		continue;
	while (fgets(line, sizeof(line), document)) {
		if (sscanf(line, "| %u | %63[^|] | %u | %63[^|] |", &l, left, &r, right) != 4)
			continue;
		strip(left);
		strip(right);
		assert_string_equal(ht_function_name(l), left);
		assert_string_equal(ht_function_name(r), right);
		seen += 2;
	}
	fclose(document);
	assert_int_equal(seen, HT_FUNCTION_COUNT - 1);
}

static void function_out_of_range_has_no_name(void **state)
{
	(void)state;
	assert_string_equal(ht_function_name(0), "?");
	assert_string_equal(ht_function_name(HT_FUNCTION_COUNT), "?");
	assert_string_equal(ht_function_name(UINT64_MAX), "?");
}

/* The agent's numbers go into the file as they are. */
static void channel_and_format_number_alike(void **state)
{
	(void)state;
	assert_int_equal(HT_FUNCTION_COUNT, HT_FN_COUNT);
	assert_string_equal(ht_function_name(HT_FN_FREE_ALIGNED_SIZED), "free_aligned_sized");
	assert_string_equal(ht_function_name(HT_FN_DELETE), "delete");
	assert_int_equal((int)HT_CELL_REALLOC_FAILED, (int)HT_ROW_REALLOC_FAILED);
	assert_int_equal((int)HT_NODE_END, (int)HT_CONTEXT_END);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(session_comes_back),
		cmocka_unit_test(image_comes_back),
		cmocka_unit_test(module_comes_back),
		cmocka_unit_test(thread_comes_back),
		cmocka_unit_test(records_of_numbers_come_back),
		cmocka_unit_test(contexts_come_back_in_any_order),
		cmocka_unit_test(context_number_is_a_difference),
		cmocka_unit_test(cut_context_changes_nothing),
		cmocka_unit_test(index_ends_with_its_offset_and_the_tail),
		cmocka_unit_test(function_names_are_the_documents),
		cmocka_unit_test(function_out_of_range_has_no_name),
		cmocka_unit_test(channel_and_format_number_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
