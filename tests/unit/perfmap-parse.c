/* SPDX-License-Identifier: Apache-2.0 */
/* perfmap-parse.c -- a map of made code gives each address its one name, whatever else stands in the file
 *
 * Lines that are none are skipped and counted; files that are not ours to read are refused.
 */
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inspect/perfmap.h"

static struct ht_perfmap map;

static void parse(const char *text, size_t len)
{
	char *copy = malloc(len + 1);
	struct ht_err err;

	memcpy(copy, text, len);
	ht_perfmap_close(&map);
	expect_ok(ht_perfmap_parse(&map, copy, len, &err), &err);
}

#define PARSE(text) parse(text, sizeof(text) - 1)

static void expect(uint64_t pc, const char *name)
{
	const struct ht_perfmap_entry *e = ht_perfmap_find(&map, pc);

	if (!name) {
		assert_null(e);
		return;
	}
	assert_non_null(e);
	assert_int_equal(e->name.len, strlen(name));
	assert_memory_equal(e->name.at, name, e->name.len);
}

static int end(void **state)
{
	(void)state;
	ht_perfmap_close(&map);
	return 0;
}

static void an_address_has_the_name_of_its_code(void **state)
{
	(void)state;
	PARSE("2000 10 later code\n1000 20 JS:~first /a b.js:1:1\n0xFFFFFFFFFFFFFFF0 0xf top\r\n");
	assert_int_equal(map.malformed, 0);
	expect(0xfff, NULL);
	expect(0x1000, "JS:~first /a b.js:1:1");
	expect(0x101f, "JS:~first /a b.js:1:1");
	expect(0x1020, NULL);
	expect(0x200f, "later code");
	expect(0xfffffffffffffffe, "top");
	expect(UINT64_MAX, NULL);
	PARSE("");
	expect(0x1000, NULL);
}

static void code_of_several_names_has_none(void **state)
{
	(void)state;
	PARSE("1000 100 wide\n1010 10 narrow\n3000 10 same\n3000 20 same\n4000 10 old\n4000 10 new\n");
	expect(0x1000, "wide");
	expect(0x1010, NULL);
	expect(0x101f, NULL);
	expect(0x1020, "wide");
	expect(0x3008, "same");
	expect(0x3018, "same");
	expect(0x4000, NULL);
}

static void malformed_lines_are_skipped(void **state)
{
	static const char *const wrong[] = {
		"\n",
		" 1000 10 a\n",
		"1000\n",
		"1000 10\n",
		"1000 10 \n",
		"1000 0 a\n",
		"1000 -1 a\n",
		"1000 1g a\n",
		"0x 10 a\n",
		"1000\t10 a\n",
		"g 10 a\n",
		"10000000000000000 10 a\n",
		"ffffffffffffffff 2 a\n",
		"1000 10 half",
		"1000 10 a\0b\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		char text[128];
		size_t len = strlen(wrong[i]);

		if (i + 1 == sizeof(wrong) / sizeof(*wrong))
			len = sizeof("1000 10 a\0b\n") - 1;
		memcpy(text, "500 10 before\n", 14);
		memcpy(text + 14, wrong[i], len);
		parse(text, 14 + len);
		if (map.malformed != 1)
			fail_msg("line %zu: %" PRIu64 " malformed", i, map.malformed);
		assert_int_equal(map.entries.count, 1);
		expect(0x500, "before");
		expect(0x1000, NULL);
	}
}

static void any_bytes_end(void **state)
{
	static const char some[] = "0123456789abcdefx  \n\n-\r";
	struct random r = { 1 };
	char text[512];

	(void)state;
	for (int round = 0; round < 3000; round++) {
		size_t len = next_random(&r) % sizeof(text);

		for (size_t i = 0; i < len; i++)
			text[i] = some[next_random(&r) % (sizeof(some) - 1)];
		parse(text, len);
		for (size_t i = 0; i < map.entries.count; i++)
			ht_perfmap_find(&map, map.entries.at[i].start);
	}
}

static void only_files_of_ours_and_now_are_read(void **state)
{
	static const char line[] = "1000 10 a\n";
	char dir[] = "/tmp/heaptap-perfmap.XXXXXX", path[64], other[64];
	struct timespec at[2] = { { 100, 0 }, { 100, 5 } };
	struct ht_err err;
	FILE *file;

	(void)state;
	ht_perfmap_close(&map);
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/map", dir);
	snprintf(other, sizeof(other), "%s/other", dir);
	expect_ok(ht_perfmap_open(&map, path, 0, &err), &err);
	assert_int_equal(map.entries.count, 0);
	file = fopen(path, "w");
	assert_int_equal(fwrite(line, 1, sizeof(line) - 1, file), sizeof(line) - 1);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(utimensat(AT_FDCWD, path, at, 0), 0);
	assert_int_equal(ht_perfmap_open(&map, path, 100000000006, &err), HT_ESYSTEM);
	assert_non_null(strstr(err.text, "before the recording"));
	expect_ok(ht_perfmap_open(&map, path, 100000000005, &err), &err);
	expect(0x1000, "a");
	ht_perfmap_close(&map);
	assert_int_equal(symlink(path, other), 0);
	assert_int_equal(ht_perfmap_open(&map, other, 0, &err), HT_ESYSTEM);
	unlink(other);
	assert_int_equal(mkfifo(other, 0600), 0);
	assert_int_equal(ht_perfmap_open(&map, other, 0, &err), HT_ESYSTEM);
	assert_non_null(strstr(err.text, "regular"));
	if (!geteuid()) {
		assert_int_equal(chown(path, 65534, 65534), 0);
		assert_int_equal(ht_perfmap_open(&map, path, 0, &err), HT_ESYSTEM);
		assert_non_null(strstr(err.text, "another user"));
	}
	unlink(other);
	unlink(path);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(an_address_has_the_name_of_its_code, end),
		cmocka_unit_test_teardown(code_of_several_names_has_none, end),
		cmocka_unit_test_teardown(malformed_lines_are_skipped, end),
		cmocka_unit_test_teardown(any_bytes_end, end),
		cmocka_unit_test_teardown(only_files_of_ours_and_now_are_read, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
