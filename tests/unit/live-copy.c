/* SPDX-License-Identifier: Apache-2.0 */
/* live-copy.c -- src/inspect/live: a table and its copies hold what a plain array says, whatever was shared and written since
 */
#include "unit.h"

#include "inspect/live.h"

#define TABLES 8
#define ADDRESSES 3000

static struct ht_live table[TABLES];
static uint64_t size_of[TABLES][ADDRESSES]; /* 0: not live */

static struct ht_live_block block_at(size_t address, uint64_t size)
{
	return (struct ht_live_block){ .address = address * 16, .size = size };
}

static void copy(size_t from, size_t to)
{
	if (from == to)
		return;
	ht_live_fini(&table[to]);
	assert_true(ht_live_copy(&table[from], &table[to]));
	memcpy(size_of[to], size_of[from], sizeof(*size_of));
}

static void act(struct random *r)
{
	size_t t = next_random(r) % TABLES, address = next_random(r) % ADDRESSES;
	uint64_t what = next_random(r) % 1000;
	struct ht_live_block b = block_at(address, next_random(r) % 1000 + 1);

	if (what < 2) {
		copy(t, next_random(r) % TABLES);
	} else if (what < 300) {
		assert_int_equal(ht_live_add(&table[t], &b), size_of[t][address] == 0);
		if (!size_of[t][address])
			size_of[t][address] = b.size;
	} else if (what < 600) {
		assert_true(ht_live_put(&table[t], &b));
		size_of[t][address] = b.size;
	} else {
		assert_int_equal(ht_live_take(&table[t], address * 16, &b), size_of[t][address] != 0);
		if (size_of[t][address])
			assert_int_equal(b.size, size_of[t][address]);
		size_of[t][address] = 0;
	}
}

static void expect_all(size_t t)
{
	uint64_t blocks = 0, bytes = 0;
	size_t at = 0;

	for (size_t i = 0; i < ADDRESSES; i++) {
		const struct ht_live_block *b = ht_live_find(&table[t], i * 16);

		assert_int_equal(b ? b->size : 0, size_of[t][i]);
		blocks += size_of[t][i] != 0;
		bytes += size_of[t][i];
	}
	assert_int_equal(ht_live_blocks(&table[t]), blocks);
	assert_int_equal(table[t].bytes, bytes);
	while (ht_live_next(&table[t], &at))
		blocks--;
	assert_int_equal(blocks, 0);
}

static void copies_go_their_own_ways(void **state)
{
	struct random r = { 42 };

	(void)state;
	for (size_t round = 0; round < 20; round++) {
		for (size_t i = 0; i < 20000; i++)
			act(&r);
		for (size_t t = 0; t < TABLES; t++)
			expect_all(t);
	}
	for (size_t t = 0; t < TABLES; t++)
		ht_live_fini(&table[t]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies_go_their_own_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
