/* SPDX-License-Identifier: Apache-2.0 */
/* shrunk-zeros.c -- a mapping of a file that was shortened reads as zeros; a SIGBUS that somebody sent still ends the program */
#include "unit.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "show/shrunk.h"

#define PAGES 4
#define PAGE 4096

static void what_is_gone_is_zero(void **state)
{
	char path[] = "/tmp/heaptap-shrunk.XXXXXX";
	static char bytes[PAGES * PAGE];
	int fd = mkstemp(path);
	const volatile char *at;

	(void)state;
	memset(bytes, 'x', sizeof(bytes));
	assert_true(fd >= 0 && !unlink(path));
	assert_int_equal(write(fd, bytes, sizeof(bytes)), sizeof(bytes));
	at = mmap(NULL, sizeof(bytes), PROT_READ, MAP_PRIVATE, fd, 0);
	assert_ptr_not_equal(at, MAP_FAILED);
	ht_shrunk_survive();
	assert_int_equal(ftruncate(fd, PAGE), 0);
	assert_int_equal(at[PAGE - 1], 'x');
	for (size_t i = PAGE; i < sizeof(bytes); i++)
		assert_int_equal(at[i], 0);
	munmap((void *)at, sizeof(bytes));
	close(fd);
}

static void another_one_ends_it(void **state)
{
	pid_t child = fork();
	int status;

	(void)state;
	if (!child) {
		ht_shrunk_survive();
		raise(SIGBUS);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_gone_is_zero),
		cmocka_unit_test(another_one_ends_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
