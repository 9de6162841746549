/* SPDX-License-Identifier: Apache-2.0 */
/* object-shrinks.c -- a file that is shortened while its names are asked for costs names, never more
 *
 * The file is a copy of this program, which has debug information. It is opened, cut at several places, and asked; a mapping
 * would end the program (SIGBUS) there.
 */
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "inspect/object.h"

extern const char __executable_start[];

static char path[] = "/tmp/heaptap-shrinks.XXXXXX";
static off_t whole;

static int copy_self(void **state)
{
	static char bytes[1 << 16];
	int from = open("/proc/self/exe", O_RDONLY), to = mkstemp(path);
	ssize_t len;

	(void)state;
	while ((len = read(from, bytes, sizeof(bytes))) > 0)
		if (write(to, bytes, (size_t)len) != len)
			return 1;
	whole = lseek(to, 0, SEEK_CUR);
	return close(from) || close(to) || !whole;
}

static int remove_copy(void **state)
{
	(void)state;
	return unlink(path);
}

/* Opens the copy, cuts it, asks for the name of copy_self(). */
static bool is_named_when_cut_at(off_t bytes)
{
	struct ht_elf_places places = { 0 };
	struct ht_object object;
	struct ht_buf frames = { 0 };
	struct ht_err err;
	bool named;

	ht_object_open(&object, &places, path, (struct ht_str){ 0 }, &err);
	assert_int_equal(object.state, HT_OBJECT_GOOD);
	assert_int_equal(truncate(path, bytes), 0);
	ht_object_put_frames(&object, (uint64_t)((const char *)copy_self - __executable_start), true, &frames);
	assert_true(ht_buf_ok(&frames));
	named = memmem(frames.at, frames.len, "copy_self", strlen("copy_self"));
	ht_buf_fini(&frames);
	ht_object_close(&object);
	return named;
}

static void a_whole_file_names(void **state)
{
	(void)state;
	assert_true(is_named_when_cut_at(whole));
}

static void a_file_cut_later_harms_nobody(void **state)
{
	(void)state;
	is_named_when_cut_at(0);
}

static void a_file_cut_before_is_damaged(void **state)
{
	struct ht_elf_places places = { 0 };
	struct ht_object object;
	struct ht_err err;

	(void)state;
	for (off_t bytes = 64; bytes < 1 << 14; bytes *= 2) {
		assert_int_equal(truncate(path, bytes), 0);
		ht_object_open(&object, &places, path, (struct ht_str){ 0 }, &err);
		assert_int_not_equal(object.state, HT_OBJECT_GOOD);
		ht_object_close(&object);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_file_names),
		cmocka_unit_test(a_file_cut_later_harms_nobody),
		cmocka_unit_test(a_file_cut_before_is_damaged),
	};

	return cmocka_run_group_tests(tests, copy_self, remove_copy);
}
