/* SPDX-License-Identifier: Apache-2.0 */
/* buf.c -- the parts of buffer and cursor that are not worth inlining
 *
 * Called by format/, which makes and takes apart the payloads of a trace, and by whoever builds bytes of unknown
 * length.
 *
 * Always true:
 *   B1  len <= cap, and a failed buffer has no bytes: at is null, len and cap are 0
 *   B2  start <= at <= end; a get either returns 0 and moves, or returns HT_EDAMAGED and does not
 *
 * A failed get names the file offset it looked at; it never reads past the end to find out more.
 */
#include "util/buf.h"

#include <inttypes.h>
#include <stdlib.h>

#define VARINT_BYTES_MAX 10

void ht_buf_fini(struct ht_buf *b)
{
	free(b->at);
	*b = (struct ht_buf){ 0 };
}

static bool fail(struct ht_buf *b)
{
	ht_buf_fini(b);
	b->failed = true;
	return false;
}

/* At least doubles, so that a chain of puts costs a constant amount each. */
bool ht_buf_reserve_slow(struct ht_buf *b, size_t more)
{
	size_t cap = b->cap < 64 ? 64 : b->cap;
	uint8_t *at;

	if (b->failed || more > SIZE_MAX / 2 - b->len)
		return fail(b);
	while (cap - b->len < more)
		cap *= 2;
	at = realloc(b->at, cap);
	if (!at)
		return fail(b);
	b->at = at;
	b->cap = cap;
	return true;
}

void ht_buf_bytes(struct ht_buf *b, const void *at, size_t len)
{
	if (len == 0 || !ht_buf_reserve(b, len))
		return;
	memcpy(b->at + b->len, at, len);
	b->len += len;
}

void ht_buf_u32(struct ht_buf *b, uint32_t v)
{
	ht_buf_bytes(b, &v, sizeof(v));
}

void ht_buf_u64(struct ht_buf *b, uint64_t v)
{
	ht_buf_bytes(b, &v, sizeof(v));
}

void ht_buf_str(struct ht_buf *b, struct ht_str s)
{
	ht_buf_varint(b, s.len);
	ht_buf_bytes(b, s.at, s.len);
}

struct ht_cursor ht_cursor_of(const void *at, size_t len, uint64_t base)
{
	return (struct ht_cursor){ .start = at, .at = at, .end = len ? (const uint8_t *)at + len : at, .base = base };
}

static int need(const struct ht_cursor *c, uint64_t len, struct ht_err *err)
{
	if (len > ht_cursor_left(c))
		return ht_err_set(err, HT_EDAMAGED, "byte %" PRIu64 ": %" PRIu64 " bytes should follow, %zu remain",
				  ht_cursor_at(c), len, ht_cursor_left(c));
	return 0;
}

static int get_fixed(struct ht_cursor *c, void *ret, size_t len, struct ht_err *err)
{
	int rc = need(c, len, err);

	if (rc)
		return rc;
	memcpy(ret, c->at, len);
	c->at += len;
	return 0;
}

int ht_cursor_u32(struct ht_cursor *c, uint32_t *ret, struct ht_err *err)
{
	return get_fixed(c, ret, sizeof(*ret), err);
}

int ht_cursor_u64(struct ht_cursor *c, uint64_t *ret, struct ht_err *err)
{
	return get_fixed(c, ret, sizeof(*ret), err);
}

int ht_cursor_varint_slow(struct ht_cursor *c, uint64_t *ret, struct ht_err *err)
{
	size_t left = ht_cursor_left(c);
	uint64_t v = 0;

	for (size_t i = 0; i < VARINT_BYTES_MAX; i++) {
		if (i == left)
			return ht_err_set(err, HT_EDAMAGED, "byte %" PRIu64 ": a number is cut off", ht_cursor_at(c));
		if (i == VARINT_BYTES_MAX - 1 && c->at[i] > 1)
			break;
		v |= (uint64_t)(c->at[i] & 0x7f) << (7 * i);
		if (c->at[i] < 0x80) {
			c->at += i + 1;
			*ret = v;
			return 0;
		}
	}
	return ht_err_set(err, HT_EDAMAGED, "byte %" PRIu64 ": a number has more than 64 bits", ht_cursor_at(c));
}

int ht_cursor_str(struct ht_cursor *c, struct ht_str *ret, struct ht_err *err)
{
	struct ht_cursor ahead = *c;
	uint64_t len;
	int rc = ht_cursor_varint(&ahead, &len, err);

	if (rc)
		return rc;
	rc = need(&ahead, len, err);
	if (rc)
		return rc;
	*ret = (struct ht_str){ .at = (const char *)ahead.at, .len = len };
	ahead.at += len;
	*c = ahead;
	return 0;
}
