/* SPDX-License-Identifier: Apache-2.0 */
/* escape.c -- tells letters from what a terminal would obey
 *
 * escape.h says who asks. UTF-8 is decoded as RFC 3629 has it: shortest form, no surrogates, at most U+10FFFF.
 */
#include "show/escape.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* The code point of the sequence at `at`, or UINT32_MAX. */
static uint32_t decode(const unsigned char *at, size_t len, size_t *bytes)
{
	static const uint32_t lowest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t want = at[0] < 0x80 ? 1 : at[0] >> 5 == 6 ? 2 : at[0] >> 4 == 14 ? 3 : at[0] >> 3 == 30 ? 4 : 0;
	uint32_t code;

	*bytes = 1;
	if (!want || want > len)
		return UINT32_MAX;
	code = want == 1 ? at[0] : at[0] & (0x7fu >> want);
	for (size_t i = 1; i < want; i++) {
		if (at[i] >> 6 != 2)
			return UINT32_MAX;
		code = code << 6 | (at[i] & 0x3f);
	}
	if (code < lowest[want] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return UINT32_MAX;
	*bytes = want;
	return code;
}

static bool is_control(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x61c || (code >= 0x200b && code <= 0x200f) ||
	       (code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x2069) || code == 0xfeff;
}

enum ht_character ht_escape_look(const char *at, size_t len, size_t *bytes)
{
	uint32_t code = decode((const unsigned char *)at, len, bytes);

	if (code == UINT32_MAX)
		return HT_CHARACTER_BROKEN;
	return is_control(code) ? HT_CHARACTER_CONTROL : HT_CHARACTER_PLAIN;
}

/* One character's escaped form; its length. */
static size_t escape_one(char form[20], const char *at, size_t bytes, enum ht_character what)
{
	size_t used = 0;

	if (what == HT_CHARACTER_PLAIN && *at != '\\') {
		memcpy(form, at, bytes);
		return bytes;
	}
	if (*at == '\\') {
		memcpy(form, "\\\\", 2);
		return 2;
	}
	for (size_t i = 0; i < bytes; i++)
		used += (size_t)snprintf(form + used, 20 - used, "\\x%02x", (unsigned char)at[i]);
	return used;
}

char *ht_escape(char *to, size_t cap, const char *at, size_t len)
{
	size_t used = 0, bytes, form_bytes;
	char form[20];

	for (size_t i = 0; i < len; i += bytes) {
		enum ht_character what = ht_escape_look(at + i, len - i, &bytes);

		form_bytes = escape_one(form, at + i, bytes, what);
		if (used + form_bytes >= cap)
			break;
		memcpy(to + used, form, form_bytes);
		used += form_bytes;
	}
	to[used] = 0;
	return to;
}
