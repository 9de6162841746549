/* SPDX-License-Identifier: Apache-2.0 */
/* gauge-order.c -- the progress line's figure is right whatever the order in which threads were drained
 *
 * A few threads hand few addresses around, a moment a call. What each did is then shown to the gauge in runs of random length, as the
 * recorder drains rings; at the end the figure must be what the history says.
 */
#include "collect/gauge.h"
#include "unit.h"

#include <stdlib.h>

#define THREADS 4
#define CALLS 4000
#define ADDRESSES 16
#define HISTORIES 200

struct call {
	uint64_t address, size, ticks; /* size 0: a release */
};
static struct call did[THREADS][CALLS];
static size_t count[THREADS];

static uint64_t make_history(void)
{
	uint64_t live[ADDRESSES] = { 0 }, bytes = 0;

	for (size_t i = 0; i < THREADS; i++)
		count[i] = 0;
	for (uint64_t now = 1; now <= CALLS; now++) {
		size_t thread = (size_t)rand() % THREADS, at = (size_t)rand() % ADDRESSES;
		uint64_t size = live[at] ? 0 : (uint64_t)(1 + rand() % 100000);

		did[thread][count[thread]++] = (struct call){ .address = 4096 + 16 * at, .size = size, .ticks = now };
		bytes += size - live[at];
		live[at] = size;
	}
	return bytes;
}

static void every_order_of_draining_ends_alike(void **state)
{
	struct ht_gauge g = { 0 };

	(void)state;
	srand(1);
	for (int i = 0; i < HISTORIES; i++) {
		uint64_t expected = make_history();
		size_t seen[THREADS] = { 0 };

		for (size_t left = CALLS; left;) {
			size_t thread = (size_t)rand() % THREADS;

			for (int run = rand() % 1000; run && seen[thread] < count[thread]; run--, left--) {
				const struct call *c = &did[thread][seen[thread]++];

				if (c->size)
					ht_gauge_alloc(&g, c->address, c->size, c->ticks);
				else
					ht_gauge_free(&g, c->address, c->ticks);
			}
		}
		assert_int_equal(g.live_bytes, expected);
		ht_gauge_fini(&g);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_order_of_draining_ends_alike),
	};

	return cmocka_run_group_tests_name("gauge", tests, NULL, NULL);
}
