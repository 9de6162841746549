/* SPDX-License-Identifier: Apache-2.0 */
/* json.c -- the tokens of JSON, and strings that cannot break out of theirs
 *
 * Called by show/, for some answers once for each event of a trace: so numbers are made here, without printf.
 *
 *   element   [,] value        in an array
 *             [,] "key": value in an object
 *
 * Strings come from command lines, paths and thread names, that is, from anybody. Control characters and DEL are
 * escaped, so that the output is safe on a terminal too; so are the C1 controls and the line separators of Unicode.
 * A byte that begins no valid UTF-8 sequence becomes U+FFFD.
 *
 * It flushes nothing and never fails itself (J3).
 */
#include "util/json.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_CHARS 32

static void put(struct ht_json *j, const char *at, size_t len)
{
	fwrite_unlocked(at, 1, len, j->to);
}

static void put_char(struct ht_json *j, char c)
{
	putc_unlocked(c, j->to);
}

/* Before every value. */
static void begin_value(struct ht_json *j)
{
	bool in_object = j->depth && j->is_object >> (j->depth - 1) & 1;

	assert(j->keyed == in_object);
	if (j->comma && !j->keyed)
		put_char(j, ',');
	j->keyed = false;
}

/* After every value. */
static void end_value(struct ht_json *j)
{
	j->comma = j->depth > 0;
	if (j->depth == 0)
		put_char(j, '\n');
}

static void put_value(struct ht_json *j, const char *at, size_t len)
{
	begin_value(j);
	put(j, at, len);
	end_value(j);
}

void ht_json_init(struct ht_json *j, FILE *to)
{
	*j = (struct ht_json){ .to = to };
}

static void open_level(struct ht_json *j, bool object)
{
	begin_value(j);
	assert(j->depth < HT_JSON_DEPTH_MAX);
	put_char(j, object ? '{' : '[');
	j->is_object &= ~(1u << j->depth);
	j->is_object |= (uint32_t)object << j->depth;
	j->depth++;
	j->comma = false;
}

void ht_json_object(struct ht_json *j)
{
	open_level(j, true);
}

void ht_json_array(struct ht_json *j)
{
	open_level(j, false);
}

void ht_json_end(struct ht_json *j)
{
	assert(j->depth && !j->keyed);
	j->depth--;
	put_char(j, j->is_object >> j->depth & 1 ? '}' : ']');
	end_value(j);
}

/* ---- strings ----------------------------------------------------------------------------------------------- */

/* The length of the UTF-8 sequence at `at`, and the character; 0: there is none. */
static size_t decode_utf8(const uint8_t *at, size_t left, uint32_t *ret)
{
	static const uint32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len = at[0] < 0x80 ? 1 : at[0] < 0xc2 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : at[0] < 0xf5 ? 4 : 0;
	uint32_t v = len == 1 ? at[0] : at[0] & (0x7fu >> len);

	if (len == 0 || len > left)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		v = v << 6 | (at[i] & 0x3f);
	}
	if (v < least[len] || v > 0x10ffff || (v >= 0xd800 && v < 0xe000))
		return 0;
	*ret = v;
	return len;
}

static bool needs_escape(uint32_t v)
{
	return v < 0x20 || v == '"' || v == '\\' || (v >= 0x7f && v < 0xa0) || v == 0x2028 || v == 0x2029;
}

static void put_escape(struct ht_json *j, uint32_t v)
{
	static const char hex[] = "0123456789abcdef", plain[] = "\"\\\b\f\n\r\t", letter[] = "\"\\bfnrt";
	const char *p = v && v < 0x80 ? strchr(plain, (int)v) : NULL;
	char u[6] = { '\\', 'u', hex[v >> 12 & 15], hex[v >> 8 & 15], hex[v >> 4 & 15], hex[v & 15] };

	if (p) {
		put_char(j, '\\');
		put_char(j, letter[p - plain]);
		return;
	}
	put(j, u, sizeof(u));
}

/* Plain stretches go out in one piece. */
static void put_quoted(struct ht_json *j, const uint8_t *at, size_t len)
{
	size_t done = 0, i = 0;

	put_char(j, '"');
	while (i < len) {
		uint32_t v = 0xfffd;
		size_t n = decode_utf8(at + i, len - i, &v);

		if (n == 0 || needs_escape(v)) {
			put(j, (const char *)at + done, i - done);
			put_escape(j, v);
			i += n ? n : 1;
			done = i;
		} else {
			i += n;
		}
	}
	if (done < len)
		put(j, (const char *)at + done, len - done);
	put_char(j, '"');
}

void ht_json_key(struct ht_json *j, const char *key)
{
	assert(j->depth && j->is_object >> (j->depth - 1) & 1 && !j->keyed);
	if (j->comma)
		put_char(j, ',');
	put_quoted(j, (const uint8_t *)key, strlen(key));
	put_char(j, ':');
	j->keyed = true;
}

void ht_json_str(struct ht_json *j, struct ht_str s)
{
	begin_value(j);
	put_quoted(j, (const uint8_t *)s.at, s.len);
	end_value(j);
}

void ht_json_text(struct ht_json *j, const char *text)
{
	ht_json_str(j, (struct ht_str){ .at = text, .len = strlen(text) });
}

/* ---- numbers and the rest ---------------------------------------------------------------------------------- */

/* Writes v backwards in front of `end`; returns where it begins. */
static char *digits(char *end, uint64_t v, unsigned base)
{
	do {
		*--end = "0123456789abcdef"[v % base];
		v /= base;
	} while (v);
	return end;
}

void ht_json_u64(struct ht_json *j, uint64_t v)
{
	char text[NUMBER_CHARS], *end = text + sizeof(text), *at = digits(end, v, 10);

	put_value(j, at, (size_t)(end - at));
}

void ht_json_i64(struct ht_json *j, int64_t v)
{
	char text[NUMBER_CHARS], *end = text + sizeof(text);
	char *at = digits(end, v < 0 ? -(uint64_t)v : (uint64_t)v, 10);

	if (v < 0)
		*--at = '-';
	put_value(j, at, (size_t)(end - at));
}

void ht_json_address(struct ht_json *j, uint64_t v)
{
	char text[NUMBER_CHARS], *end = text + sizeof(text), *at;

	*--end = '"';
	at = digits(end, v, 16);
	*--at = 'x';
	*--at = '0';
	*--at = '"';
	put_value(j, at, (size_t)(end + 1 - at));
}

/* The shortest of the forms that read back as v. */
void ht_json_double(struct ht_json *j, double v)
{
	char text[NUMBER_CHARS];
	int precision = 15;

	if (!isfinite(v)) {
		ht_json_null(j);
		return;
	}
	do {
		snprintf(text, sizeof(text), "%.*g", precision, v);
	} while (strtod(text, NULL) != v && ++precision <= 17);
	put_value(j, text, strlen(text));
}

void ht_json_bool(struct ht_json *j, bool v)
{
	put_value(j, v ? "true" : "false", v ? 4 : 5);
}

void ht_json_null(struct ht_json *j)
{
	put_value(j, "null", 4);
}
