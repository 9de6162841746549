/* SPDX-License-Identifier: Apache-2.0 */
/* out-strings.c -- src/show/out: strangers' strings and all numbers on standard output, with python3 as the judge
 *
 * Standard output is led into the judge, which reads lines of [input in hex, what we wrote for it] and says what it would have
 * read: nothing of ours is in it. Bytes that are not UTF-8 are to become the text \xNN, python's backslashreplace.
 */
#include "unit.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "show/out.h"

#define JUDGE(line)                                                                                                    \
	"python3 -c '\n"                                                                                               \
	"import codecs, json, sys, unicodedata\n"                                                                      \
	"n = 0\n"                                                                                                      \
	"for line in sys.stdin.buffer:\n" line "    n += 1\n"                                                          \
	"assert n >= 56'"

struct judge {
	FILE *pipe;
	int saved;
};

static struct judge call(const char *program)
{
	struct judge j = { popen(program, "w"), dup(STDOUT_FILENO) };

	assert_non_null(j.pipe);
	fflush(stdout);
	dup2(fileno(j.pipe), STDOUT_FILENO);
	return j;
}

static void expect_approval(struct judge j)
{
	int status = ht_out_finish(0);

	dup2(j.saved, STDOUT_FILENO);
	close(j.saved);
	assert_int_equal(status, 0);
	status = pclose(j.pipe);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void put_hex(const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		ht_outf("%02x", bytes[i]);
}

static void put_json_line(const uint8_t *bytes, size_t len)
{
	ht_out_text("[\"");
	put_hex(bytes, len);
	ht_out_text("\",");
	ht_out_json((const char *)bytes, len);
	ht_out_text("]\n");
}

static void put_escaped_line(const uint8_t *bytes, size_t len)
{
	put_hex(bytes, len);
	ht_out_text(" ");
	ht_out_escaped((const char *)bytes, len);
	ht_out_text("\n");
}

/* The first and last character of each length and of the surrogates, and one beyond, in all lengths, also wrong ones. */
static void put_borders(void (*put_line)(const uint8_t *bytes, size_t len))
{
	static const uint32_t border[] = { 0,      0x7f,   0x80,   0x7ff,  0x800,   0xd7ff,   0xd800,
					   0xdfff, 0xe000, 0xfffd, 0xffff, 0x10000, 0x10ffff, 0x110000 };
	static const uint8_t lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };

	for (size_t i = 0; i < sizeof(border) / sizeof(*border); i++) {
		for (size_t len = 1; len <= 4; len++) {
			uint8_t bytes[4];
			uint32_t v = border[i];

			for (size_t at = len; at-- > 1; v >>= 6)
				bytes[at] = 0x80 | (v & 0x3f);
			bytes[0] = (uint8_t)(lead[len] | v);
			put_line(bytes, len);
		}
	}
}

/* Bytes of which UTF-8 is made, and of which it is not, in all mixtures. */
static void put_mixtures(void (*put_line)(const uint8_t *bytes, size_t len))
{
	static const uint8_t likely[] = { 'a',  '"',  0,    0x80, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xdf, 0xe0,
					  0xe2, 0xed, 0xef, 0xf0, 0xf4, 0xf5, 0xff, 0x90, 0x8f, '\\' };
	struct random r = { .state = 5 };

	for (int i = 0; i < 10000; i++) {
		uint8_t bytes[8];
		size_t len = next_random(&r) % (sizeof(bytes) + 1);

		for (size_t at = 0; at < len; at++) {
			uint64_t v = next_random(&r);

			bytes[at] = (uint8_t)(v % 4 ? likely[v / 4 % sizeof(likely)] : v >> 8);
		}
		put_line(bytes, len);
	}
}

#define JSON_JUDGE                                                                                                     \
	JUDGE("    put, got = json.loads(line.decode(\"utf-8\"))\n"                                                    \
	      "    assert got == bytes.fromhex(put).decode(\"utf-8\", \"backslashreplace\"), line\n")

static void json_strings_at_the_borders_are_what_python_reads(void **state)
{
	struct judge j = call(JSON_JUDGE);

	(void)state;
	put_borders(put_json_line);
	expect_approval(j);
}

static void json_strings_of_any_bytes_are_what_python_reads(void **state)
{
	struct judge j = call(JSON_JUDGE);

	(void)state;
	put_mixtures(put_json_line);
	expect_approval(j);
}

/* Nothing that a terminal obeys, and no byte is lost: python's own unescaping gives the input back. */
#define ESCAPED_JUDGE                                                                                                  \
	JUDGE("    put, got = line.decode(\"utf-8\")[:-1].split(\" \", 1)\n"                                           \
	      "    assert not any(unicodedata.category(c) in (\"Cc\", \"Zl\", \"Zp\") for c in got), line\n"           \
	      "    assert codecs.escape_decode(got.encode())[0] == bytes.fromhex(put), line\n")

static void escaped_strings_at_the_borders_can_be_read_back(void **state)
{
	struct judge j = call(ESCAPED_JUDGE);

	(void)state;
	put_borders(put_escaped_line);
	expect_approval(j);
}

static void escaped_strings_of_any_bytes_can_be_read_back(void **state)
{
	struct judge j = call(ESCAPED_JUDGE);

	(void)state;
	put_mixtures(put_escaped_line);
	expect_approval(j);
}

/* More than the buffer holds, in one piece and in many. */
static void long_output_comes_out_whole(void **state)
{
	struct judge j = call(JUDGE("    assert line == b\"x\" * 200000 + b\"y\" * 3000 + b\"\\n\"\n"));
	char *text = malloc(200000);

	(void)state;
	memset(text, 'x', 200000);
	for (int line = 0; line < 56; line++) {
		ht_out_bytes(text, 200000);
		for (int i = 0; i < 1000; i++)
			ht_out_text("yyy");
		ht_out_text("\n");
	}
	free(text);
	expect_approval(j);
}

static void numbers_are_what_python_reads(void **state)
{
	struct random r = { .state = 6 };
	struct judge j = call(JUDGE("    put, decimal, hexadecimal = line.split()\n"
				    "    assert int(put, 16) == int(decimal) == int(hexadecimal, 16), line\n"
				    "    assert hexadecimal.startswith(b\"0x\"), line\n"));

	(void)state;
	for (int i = 0; i < 5000; i++) {
		uint64_t v = next_random_number(&r);

		ht_outf("%016" PRIx64 " ", v);
		ht_out_number(v);
		ht_out_text(" ");
		ht_out_hex(v);
		ht_out_text("\n");
	}
	expect_approval(j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_strings_at_the_borders_are_what_python_reads),
		cmocka_unit_test(json_strings_of_any_bytes_are_what_python_reads),
		cmocka_unit_test(escaped_strings_at_the_borders_can_be_read_back),
		cmocka_unit_test(escaped_strings_of_any_bytes_can_be_read_back),
		cmocka_unit_test(long_output_comes_out_whole),
		cmocka_unit_test(numbers_are_what_python_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
