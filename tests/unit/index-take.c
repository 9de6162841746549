/* SPDX-License-Identifier: Apache-2.0 */
/* index-take.c -- what is taken out of an index is gone, and everything else is still found
 *
 * Compared with a plain array, over many random steps with few keys, so that runs of places are long and gaps close in all ways.
 */
#include "unit.h"

#include "inspect/index.h"

#define KEYS 400
#define STEPS 200000

static void steps(void **unused)
{
	static uint32_t expected[KEYS];
	struct ht_index x = { 0 };
	struct random r = { 1 };
	size_t count = 0;

	(void)unused;
	assert_int_equal(ht_index_take(&x, 1, 1), 0);
	for (uint32_t i = 1; i <= STEPS; i++) {
		uint32_t key = (uint32_t)(next_random(&r) % KEYS);
		uint32_t *value;

		if (next_random(&r) % 2) {
			assert_int_equal(ht_index_take(&x, key % 7, key), expected[key]);
			count -= expected[key] != 0;
			expected[key] = 0;
		} else {
			value = ht_index_at(&x, key % 7, key);
			assert_non_null(value);
			assert_int_equal(*value, expected[key]);
			count += !*value;
			*value = expected[key] = i;
		}
		assert_int_equal(x.count, count);
	}
	for (uint32_t key = 0; key < KEYS; key++)
		assert_int_equal(ht_index_take(&x, key % 7, key), expected[key]);
	assert_int_equal(x.count, 0);
	for (size_t i = 0; i < x.places; i++)
		assert_int_equal(x.place[i].value, 0);
	ht_index_fini(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(steps) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
