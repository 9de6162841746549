/* SPDX-License-Identifier: Apache-2.0 */
/* json-writer.c -- src/util/json: the tokens in their places, and python3's json as the judge of strings and numbers
 *
 * The judge reads lines of [input, what we wrote for it] and says what it would have read: nothing of ours is in it.
 */
#include "unit.h"

#include <math.h>
#include <stdio.h>
#include <sys/wait.h>

#include "util/json.h"

static char *text;
static size_t length;

static FILE *begin(struct ht_json *j)
{
	FILE *to = open_memstream(&text, &length);

	assert_non_null(to);
	ht_json_init(j, to);
	return to;
}

static void expect(FILE *to, const char *expected)
{
	fclose(to);
	assert_string_equal(text, expected);
	free(text);
}

static void nested_values_have_their_commas(void **state)
{
	struct ht_json j;
	FILE *to = begin(&j);

	(void)state;
	ht_json_object(&j);
	ht_json_key(&j, "a");
	ht_json_u64(&j, 1);
	ht_json_key(&j, "b");
	ht_json_array(&j);
	ht_json_null(&j);
	ht_json_object(&j);
	ht_json_end(&j);
	ht_json_array(&j);
	ht_json_end(&j);
	ht_json_bool(&j, true);
	ht_json_end(&j);
	ht_json_key(&j, "c");
	ht_json_object(&j);
	ht_json_key(&j, "d");
	ht_json_bool(&j, false);
	ht_json_end(&j);
	ht_json_key(&j, "e");
	ht_json_text(&j, "f");
	ht_json_end(&j);
	expect(to, "{\"a\":1,\"b\":[null,{},[],true],\"c\":{\"d\":false},\"e\":\"f\"}\n");
}

static void every_value_outside_is_a_line(void **state)
{
	struct ht_json j;
	FILE *to = begin(&j);

	(void)state;
	ht_json_u64(&j, 1);
	ht_json_object(&j);
	ht_json_end(&j);
	ht_json_array(&j);
	ht_json_u64(&j, 2);
	ht_json_end(&j);
	expect(to, "1\n{}\n[2]\n");
}

static void numbers_at_their_ends(void **state)
{
	struct ht_json j;
	FILE *to = begin(&j);

	(void)state;
	ht_json_array(&j);
	ht_json_u64(&j, 0);
	ht_json_u64(&j, UINT64_MAX);
	ht_json_i64(&j, INT64_MIN);
	ht_json_i64(&j, INT64_MAX);
	ht_json_i64(&j, -1);
	ht_json_address(&j, 0);
	ht_json_address(&j, UINT64_MAX);
	ht_json_address(&j, 0x7f12);
	ht_json_end(&j);
	expect(to, "[0,18446744073709551615,-9223372036854775808,9223372036854775807,-1,"
		   "\"0x0\",\"0xffffffffffffffff\",\"0x7f12\"]\n");
}

static void what_is_no_number_is_null(void **state)
{
	struct ht_json j;
	FILE *to = begin(&j);

	(void)state;
	ht_json_array(&j);
	ht_json_double(&j, (double)NAN);
	ht_json_double(&j, (double)INFINITY);
	ht_json_double(&j, 0.1);
	ht_json_double(&j, 1e300);
	ht_json_end(&j);
	expect(to, "[null,null,0.1,1e+300]\n");
}

static void strings_cannot_break_out(void **state)
{
	static const char bytes[] = "\"\\/\b\f\n\r\t\x01\x7f\0x";
	struct ht_json j;
	FILE *to = begin(&j);

	(void)state;
	ht_json_object(&j);
	ht_json_key(&j, "k\"\n");
	ht_json_str(&j, (struct ht_str){ .at = bytes, .len = sizeof(bytes) - 1 });
	ht_json_end(&j);
	expect(to, "{\"k\\\"\\n\":\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u007f\\u0000x\"}\n");
}

static void what_a_terminal_obeys_is_escaped(void **state)
{
	struct ht_json j;
	FILE *to = begin(&j);

	(void)state;
	ht_json_text(&j, "\x1b[31m \xc2\x9b \xe2\x80\xa8 \xc3\xa9");
	expect(to, "\"\\u001b[31m \\u009b \\u2028 \xc3\xa9\"\n");
}

/* ---- with a judge ------------------------------------------------------------------------------------------ */

static FILE *judge(struct ht_json *j, const char *program)
{
	FILE *to = popen(program, "w");

	assert_non_null(to);
	ht_json_init(j, to);
	return to;
}

static void expect_approval(FILE *to)
{
	int status = pclose(to);

	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

#define STRING_JUDGE                                                                                                   \
	"python3 -c '\n"                                                                                               \
	"import codecs, json, sys\n"                                                                                   \
	"codecs.register_error(\"bytewise\", lambda e: (\"\\ufffd\", e.start + 1))\n"                                  \
	"n = 0\n"                                                                                                      \
	"for line in sys.stdin.buffer:\n"                                                                              \
	"    put, got = json.loads(line.decode(\"utf-8\"))\n"                                                          \
	"    assert got == bytes.fromhex(put).decode(\"utf-8\", \"bytewise\"), line\n"                                 \
	"    n += 1\n"                                                                                                 \
	"assert n >= 56'"

static void ask(struct ht_json *j, const uint8_t *bytes, size_t len)
{
	char hex[32] = "";

	for (size_t at = 0; at < len; at++)
		sprintf(hex + 2 * at, "%02x", bytes[at]);
	ht_json_array(j);
	ht_json_text(j, hex);
	ht_json_str(j, (struct ht_str){ .at = (const char *)bytes, .len = len });
	ht_json_end(j);
}

/* The first and last character of each length and of the surrogates, and one beyond, in all lengths, also wrong ones. */
static void characters_at_the_borders_are_what_python_reads(void **state)
{
	static const uint32_t border[] = { 0,      0x7f,   0x80,   0x7ff,  0x800,   0xd7ff,   0xd800,
					   0xdfff, 0xe000, 0xfffd, 0xffff, 0x10000, 0x10ffff, 0x110000 };
	static const uint8_t lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	struct ht_json j;
	FILE *to = judge(&j, STRING_JUDGE);

	(void)state;
	for (size_t i = 0; i < sizeof(border) / sizeof(*border); i++) {
		for (size_t len = 1; len <= 4; len++) {
			uint8_t bytes[4];
			uint32_t v = border[i];

			for (size_t at = len; at-- > 1; v >>= 6)
				bytes[at] = 0x80 | (v & 0x3f);
			bytes[0] = (uint8_t)(lead[len] | v);
			ask(&j, bytes, len);
		}
	}
	expect_approval(to);
}

/* Bytes of which UTF-8 is made, and of which it is not, in all mixtures. */
static void strings_of_any_bytes_are_what_python_reads(void **state)
{
	static const uint8_t likely[] = { 'a',  '"',  0,    0x80, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xdf, 0xe0,
					  0xe2, 0xed, 0xef, 0xf0, 0xf4, 0xf5, 0xff, 0x90, 0x8f, '\\' };
	struct random r = { .state = 5 };
	struct ht_json j;
	FILE *to = judge(&j, STRING_JUDGE);

	(void)state;
	for (int i = 0; i < 20000; i++) {
		uint8_t bytes[8];
		size_t len = next_random(&r) % (sizeof(bytes) + 1);

		for (size_t at = 0; at < len; at++) {
			uint64_t v = next_random(&r);

			bytes[at] = (uint8_t)(v % 4 ? likely[v / 4 % sizeof(likely)] : v >> 8);
		}
		ask(&j, bytes, len);
	}
	expect_approval(to);
}

static void numbers_are_what_python_reads(void **state)
{
	struct random r = { .state = 6 };
	struct ht_json j;
	FILE *to = judge(
		&j, "python3 -c '\n"
		    "import json, sys\n"
		    "n = 0\n"
		    "for line in sys.stdin:\n"
		    "    put, u, i, a, d = json.loads(line)\n"
		    "    bits = int(put, 16)\n"
		    "    assert u == bits and i % 2**64 == bits and -2**63 <= i < 2**63 and int(a, 16) == bits, line\n"
		    "    assert d == int(u) / 1024, line\n"
		    "    n += 1\n"
		    "assert n == 5000'");

	(void)state;
	for (int i = 0; i < 5000; i++) {
		uint64_t v = next_random_number(&r);
		char hex[17];

		sprintf(hex, "%016" PRIx64, v);
		ht_json_array(&j);
		ht_json_text(&j, hex);
		ht_json_u64(&j, v);
		ht_json_i64(&j, (int64_t)v);
		ht_json_address(&j, v);
		ht_json_double(&j, (double)v / 1024);
		ht_json_end(&j);
	}
	expect_approval(to);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nested_values_have_their_commas),
		cmocka_unit_test(every_value_outside_is_a_line),
		cmocka_unit_test(numbers_at_their_ends),
		cmocka_unit_test(what_is_no_number_is_null),
		cmocka_unit_test(strings_cannot_break_out),
		cmocka_unit_test(what_a_terminal_obeys_is_escaped),
		cmocka_unit_test(characters_at_the_borders_are_what_python_reads),
		cmocka_unit_test(strings_of_any_bytes_are_what_python_reads),
		cmocka_unit_test(numbers_are_what_python_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
