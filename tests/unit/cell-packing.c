/* SPDX-License-Identifier: Apache-2.0 */
/* cell-packing.c -- src/channel/channel.h: the fields of a cell come back and do not touch each other
 *
 * docs/channel.md and the drawing in channel.h say where each field lies; one cell is checked bit by bit against it.
 */
#include "unit.h"

#include "channel/channel.h"

static struct ht_cell pack(unsigned kind, uint64_t delta, uint32_t context)
{
	return (struct ht_cell){ { ht_cell_word0((enum ht_cell_kind)kind, delta, context), 0 } };
}

static void first_word_comes_back(void **state)
{
	static const uint64_t delta[] = { 0, 1, 12345, HT_CELL_DELTA_MAX };
	static const uint32_t context[] = { 0, 1, 33, UINT32_MAX };

	(void)state;
	for (unsigned kind = 0; kind < 32; kind++) {
		for (size_t i = 0; i < 16; i++) {
			struct ht_cell c = pack(kind, delta[i / 4], context[i % 4]);

			assert_int_equal(ht_cell_kind(c), kind);
			assert_int_equal(ht_cell_delta(c), delta[i / 4]);
			assert_int_equal(ht_cell_context(c), context[i % 4]);
		}
	}
}

static void second_word_comes_back(void **state)
{
	static const uint64_t size[] = { 0, 1, 4096, HT_CELL_SIZE_MAX };
	static const uint64_t address[] = { 0, 8, 0x7f1234567890, ((1ull << HT_CELL_ADDRESS_BITS) - 1) << 3 };

	(void)state;
	for (unsigned place = HT_PLACE_UNKNOWN; place <= HT_PLACE_MAIN; place++) {
		for (size_t i = 0; i < 16; i++) {
			struct ht_cell c = { { 0, ht_cell_word1((enum ht_place)place, size[i / 4], address[i % 4]) } };

			assert_int_equal(ht_cell_place(c), place);
			assert_int_equal(ht_cell_size(c), size[i / 4]);
			assert_true(ht_cell_address(c) == address[i % 4]);
		}
	}
}

static void fields_lie_where_the_drawing_says(void **state)
{
	(void)state;
	assert_true(ht_cell_word0(HT_CELL_LINK, 3, 5) == (21ull << 59 | 3ull << 32 | 5));
	assert_true(ht_cell_word1(HT_PLACE_OTHER, 9, 0x10) == (1ull << 62 | 9ull << 44 | 2));
}

/* Of a header the second and the third bit count; both together no block of glibc's has. */
static void a_header_tells_the_place(void **state)
{
	static const enum ht_place place[] = { HT_PLACE_MAIN, HT_PLACE_MAPPED, HT_PLACE_OTHER, HT_PLACE_UNKNOWN };

	(void)state;
	for (uint64_t header = 0x20; header < 0x30; header++)
		assert_true(ht_cell_word1_by_header(header, 9, 0x7f1234567890) ==
			    ht_cell_word1(place[header >> 1 & 3], 9, 0x7f1234567890));
}

/* What does not fit needs an HT_CELL_ADDRESS before it: any of the three low bits, or one above bit 46. */
static void addresses_that_fit_are_those_that_come_back(void **state)
{
	struct random r = { .state = 8 };

	(void)state;
	for (int i = 0; i < 100000; i++) {
		uint64_t address = next_random_number(&r) & (i % 2 ? ~7ull : ~0ull);
		uint64_t packed = ht_cell_word1(HT_PLACE_UNKNOWN, 0, address & ~(~0ull << 47));
		struct ht_cell c = { { 0, packed } };

		assert_int_equal(!!ht_cell_address_fits(address), ht_cell_address(c) == address);
	}
}

static void a_call_fits_into_its_reservation(void **state)
{
	/* of a realloc, the longest: time put right, loss, then for each of its two rows time, address, size, itself. Another call
	 * interrupts it, the longest that can. Behind both a link. A new thread's cells are there before any other. */
	enum { CALL = 1 + 1 + 2 * 4, LONGEST = HT_THREAD_CELLS + 2 * CALL + 1 };

	(void)state;
	assert_true(LONGEST <= HT_CALL_CELLS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_word_comes_back),
		cmocka_unit_test(second_word_comes_back),
		cmocka_unit_test(fields_lie_where_the_drawing_says),
		cmocka_unit_test(a_header_tells_the_place),
		cmocka_unit_test(addresses_that_fit_are_those_that_come_back),
		cmocka_unit_test(a_call_fits_into_its_reservation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
