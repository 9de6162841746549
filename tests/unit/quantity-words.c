/* SPDX-License-Identifier: Apache-2.0 */
/* quantity-words.c -- every form of an amount is read exactly, and everything else is refused
 *
 * The refused words are those that strtoull() or strtod() alone would take.
 */
#include "unit.h"

#include "util/quantity.h"

typedef int reader(const char *word, uint64_t *ret, struct ht_err *err);

struct amount {
	const char *word;
	uint64_t is;
};

static void takes(reader *read, const struct amount *a, size_t count)
{
	struct ht_err err;
	uint64_t got;

	for (size_t i = 0; i < count; i++) {
		got = ~a[i].is;
		assert_int_equal(read(a[i].word, &got, &err), 0);
		assert_int_equal(got, a[i].is);
	}
}

static void refuses(reader *read, const char *const *word, size_t count)
{
	struct ht_err err;
	uint64_t got = 77;

	for (size_t i = 0; i < count; i++) {
		assert_int_equal(read(word[i], &got, &err), HT_EUSAGE);
		assert_int_equal(got, 77);
		assert_memory_equal(err.text, word[i], strlen(word[i]));
	}
}

#define TAKES(read, ...)                                                                                               \
	takes(read, (const struct amount[]){ __VA_ARGS__ },                                                            \
	      sizeof((const struct amount[]){ __VA_ARGS__ }) / sizeof(struct amount))
#define REFUSES(read, ...)                                                                                             \
	refuses(read, (const char *const[]){ __VA_ARGS__ },                                                            \
		sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

static void sizes(void **state)
{
	(void)state;
	TAKES(ht_quantity_bytes, { "0", 0 }, { "4096", 4096 }, { "64K", 65536 }, { "3m", 3u << 20 }, { "1G", 1u << 30 },
	      { "16777215T", 16777215ull << 40 }, { "18446744073709551615", UINT64_MAX });
	REFUSES(ht_quantity_bytes, "", "K", "-1", "+1", " 1", "1 ", "1KK", "1X", "0x10", "1.5M", "16777216T",
		"18446744073709551616", "inf");
}

static void times(void **state)
{
	(void)state;
	TAKES(ht_quantity_ns, { "0ns", 0 }, { "10ns", 10 }, { "250us", 250000 }, { "5ms", 5000000 },
	      { "2s", 2000000000 }, { "1.000123456s", 1000123456 }, { "0.5ms", 500000 }, { "1.9ns", 1 },
	      { "2min", 120000000000 }, { "1.5h", 5400000000000 }, { "0.0000000019999999999999999999s", 1 });
	REFUSES(ht_quantity_ns, "", "1", "ms", "-1ms", "1.ms", ".5ms", "1..5ms", "1 ms", "1m", "99999999999s");
}

static void counts(void **state)
{
	(void)state;
	TAKES(ht_quantity_count, { "0", 0 }, { "1000", 1000 }, { "1e6", 1000000 }, { "2.5e3", 2500 },
	      { "9007199254740992", 1ull << 53 });
	REFUSES(ht_quantity_count, "", "-1", "1.5", "1e-1", "1e300", "1e999", "0x10", "inf", "nan", "1k", "5%");
}

static void shares(void **state)
{
	(void)state;
	TAKES(ht_quantity_share, { "0%", 0 }, { "10%", 100000 }, { "0.5%", 5000 }, { "0.07%", 700 },
	      { "250%", 2500000 });
	REFUSES(ht_quantity_share, "", "%", "5", "-5%", "5%%", "5 %", "inf%", "1e99%");
	assert_true(ht_quantity_is_share("5%"));
	assert_false(ht_quantity_is_share("5"));
	assert_false(ht_quantity_is_share(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes),
		cmocka_unit_test(times),
		cmocka_unit_test(counts),
		cmocka_unit_test(shares),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
