/* SPDX-License-Identifier: Apache-2.0 */
/* demangle-bounds.c -- names come out as people write them, and never longer than allowed
 *
 * The long ones are made for it: each letter of the doubling name stands for all that came before it, so the whole would
 * have more than 2^40 bytes.
 */
#include <stdio.h>

#include "unit.h"

#include "inspect/demangle.h"

static char name[HT_NAME_MAX + 1];

static void known_languages(void **state)
{
	(void)state;
	ht_demangle("_ZN1a1bEi", name);
	assert_string_equal(name, "a::b(int)");
	ht_demangle("_RNvC6_123foo3bar", name);
	assert_string_equal(name, "123foo::bar");
	ht_demangle("main", name);
	assert_string_equal(name, "main");
	ht_demangle("_Znonsense", name);
	assert_string_equal(name, "_Znonsense");
	ht_demangle("", name);
	assert_string_equal(name, "");
}

static void a_doubling_name_is_cut(void **state)
{
	static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	char mangled[1024] = "_Z1f1aIiE";

	(void)state;
	for (int i = 0; i < 35; i++)
		sprintf(mangled + strlen(mangled), "S_IS%c_S%c_E", digits[i], digits[i]);
	assert_true(ht_demangle(mangled, name) <= HT_NAME_MAX);
	assert_true(strlen(name) <= HT_NAME_MAX);
	assert_string_equal(name + HT_NAME_MAX - 3, "...");
}

/* Deep, long, and both: of pointers, of which each is a call in a call for the demangler. */
static void long_names_are_survived(void **state)
{
	static char mangled[1 << 20];

	(void)state;
	for (size_t len = 1000; len < sizeof(mangled); len *= 2) {
		memset(mangled, 'P', len);
		memcpy(mangled, "_Z1f", 4);
		strcpy(mangled + len, "i");
		assert_true(ht_demangle(mangled, name) <= HT_NAME_MAX);
		assert_true(strlen(name) <= HT_NAME_MAX);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_languages),
		cmocka_unit_test(a_doubling_name_is_cut),
		cmocka_unit_test(long_names_are_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
