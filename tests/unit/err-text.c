/* SPDX-License-Identifier: Apache-2.0 */
/* err-text.c -- src/util/err and cleanup: errors keep code, errno and one line; guarded values are given back once
 *
 * Descriptors are asked for with fcntl, so that a second close would be seen as a missing descriptor.
 */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>

#include "util/cleanup.h"

static struct ht_err err;

static void code_and_text_are_kept(void **state)
{
	(void)state;
	err.sys = 7;
	assert_int_equal(ht_err_set(&err, HT_EDAMAGED, "block %d", 5), HT_EDAMAGED);
	assert_int_equal(err.code, HT_EDAMAGED);
	assert_int_equal(err.sys, 0);
	assert_string_equal(err.text, "block 5");
}

static void system_error_names_its_errno(void **state)
{
	(void)state;
	errno = ENOENT;
	assert_int_equal(ht_err_sys(&err, "open %s", "x"), HT_ESYSTEM);
	assert_int_equal(err.sys, ENOENT);
	assert_string_equal(err.text, "open x: No such file or directory");
}

static void error_can_be_put_into_words_around_itself(void **state)
{
	(void)state;
	ht_err_set(&err, HT_EDAMAGED, "no block begins here");
	ht_err_set(&err, err.code, "%s: %s", "a.htap", err.text);
	assert_string_equal(err.text, "a.htap: no block begins here");
}

static void long_text_is_cut_and_terminated(void **state)
{
	char text[2000];

	(void)state;
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = 0;
	errno = EIO;
	ht_err_sys(&err, "%s", text);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static int open_guarded(bool take)
{
	ht_auto(fd) int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_true(is_open(fd));
	if (take)
		return ht_take(fd);
	return fd; /* as a number only: it is closed */
}

static void guarded_descriptor_is_closed_unless_taken(void **state)
{
	int fd = open_guarded(false);

	(void)state;
	assert_false(is_open(fd));
	fd = open_guarded(true);
	assert_true(is_open(fd));
	close(fd);
}

/* LeakSanitizer is the oracle of what is given back, malloc's own checks of what is given back twice. */
static void guarded_memory_leaves_only_when_taken(void **state)
{
	char *taken;

	(void)state;
	{
		ht_auto(memory) char *kept = strdup("kept"), *gone = strdup("gone");
		ht_auto(file) FILE *file = fopen("/dev/null", "r");

		assert_non_null(gone);
		assert_non_null(file);
		taken = ht_take(kept);
		assert_null(kept);
	}
	assert_string_equal(taken, "kept");
	free(taken);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(code_and_text_are_kept),
		cmocka_unit_test(system_error_names_its_errno),
		cmocka_unit_test(error_can_be_put_into_words_around_itself),
		cmocka_unit_test(long_text_is_cut_and_terminated),
		cmocka_unit_test(guarded_descriptor_is_closed_unless_taken),
		cmocka_unit_test(guarded_memory_leaves_only_when_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
