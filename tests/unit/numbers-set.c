/* SPDX-License-Identifier: Apache-2.0 */
/* numbers-set.c -- src/util/numbers: what was put is there, what was not is not, whatever the numbers
 */
#include "unit.h"

#include "util/numbers.h"

static void what_was_put_is_there_and_nothing_else(void **state)
{
	struct ht_numbers set = { 0 };
	struct random r = { 4711 };
	uint64_t number[5000];

	(void)state;
	for (size_t i = 0; i < 5000; i++) {
		number[i] = next_random(&r) | 1;
		assert_false(ht_numbers_has(&set, number[i]));
		assert_true(ht_numbers_put(&set, number[i]));
	}
	for (size_t i = 0; i < 5000; i++) {
		assert_true(ht_numbers_has(&set, number[i]));
		assert_false(ht_numbers_has(&set, number[i] + 1)); /* even ones were never put */
	}
	ht_numbers_fini(&set);
}

static void zero_is_a_number_too(void **state)
{
	struct ht_numbers set = { 0 };

	(void)state;
	assert_false(ht_numbers_has(&set, 0));
	assert_true(ht_numbers_put(&set, 0));
	assert_true(ht_numbers_has(&set, 0));
	assert_false(ht_numbers_has(&set, 1));
	ht_numbers_fini(&set);
}

static void number_put_twice_counts_once(void **state)
{
	struct ht_numbers set = { 0 };

	(void)state;
	for (int i = 0; i < 3000; i++)
		assert_true(ht_numbers_put(&set, 7));
	assert_int_equal(set.count, 1);
	ht_numbers_fini(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_put_is_there_and_nothing_else),
		cmocka_unit_test(zero_is_a_number_too),
		cmocka_unit_test(number_put_twice_counts_once),
	};

	return cmocka_run_group_tests_name("util/numbers", tests, NULL, NULL);
}
