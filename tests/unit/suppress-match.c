/* SPDX-License-Identifier: Apache-2.0 */
/* suppress-match.c -- src/inspect/suppress: patterns match where LeakSanitizer's do
 */
#include "unit.h"

#include "inspect/suppress.h"

static void patterns_match_like_leaksanitizers(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool matches;
	} cases[] = {
		{ "bar", "foobarbaz", true },
		{ "^bar", "foobarbaz", false },
		{ "^foo", "foobarbaz", true },
		{ "baz$", "foobarbaz", true },
		{ "bar$", "foobarbaz", false },
		{ "^foobarbaz$", "foobarbaz", true },
		{ "f*z", "foobarbaz", true },
		{ "^f*z$", "foobarbaz", true },
		{ "^o*z$", "foobarbaz", false },
		{ "o*b*z$", "foobarbaz", true },
		{ "x*", "foobarbaz", false },
		{ "*x", "foobarbaz", false },
		{ "*", "", true },
		{ "^$", "", true },
		{ "^$", "a", false },
		{ "ba$", "ba-ba", true },
		{ "^ba$", "ba-ba", false },
		{ "a*a$", "a", false },
		{ "ab*ab", "abab", true },
		{ "ab*ab", "ab", false },
		{ "libfoo.so*", "/lib/libfoo.so.1", true },
		{ "std::vector<*>::", "std::vector<int>::push_back", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		if (ht_suppress_matches(cases[i].pattern, cases[i].text) != cases[i].matches)
			fail_msg("%s, %s", cases[i].pattern, cases[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_match_like_leaksanitizers),
	};

	return cmocka_run_group_tests_name("inspect/suppress", tests, NULL, NULL);
}
