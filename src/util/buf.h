/* SPDX-License-Identifier: Apache-2.0 */
/* buf.h -- bytes that grow, and a cursor that reads untrusted ones
 *
 * A buffer owns its bytes. When memory runs out it sets `failed`, lets its bytes go and swallows everything from
 * then on, so that only the end of a chain of puts needs a check (ht_buf_ok). A cursor borrows; a get that fails
 * does not move it and names its offset.
 *
 *   buffer   [############............]       cursor   [......########################]
 *            at          len          cap              start  at                     end
 *
 * varint and zigzag are those of docs/trace-format.md, section 1. They are most of what a trace file consists of, so
 * the usual case of both directions is inline.
 */
#ifndef HT_BUF_H
#define HT_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "util/err.h"

struct ht_buf {
	uint8_t *at;
	size_t len, cap;
	bool failed;
};

struct ht_str {
	const char *at; /* not terminated; belongs to whoever the bytes belong to */
	size_t len;
};

void ht_buf_fini(struct ht_buf *b);
bool ht_buf_reserve_slow(struct ht_buf *b, size_t more);

/* Makes room for `more` bytes behind len. */
static inline bool ht_buf_reserve(struct ht_buf *b, size_t more)
{
	return b->cap - b->len >= more || ht_buf_reserve_slow(b, more);
}

/* Forgets the content and a failure, keeps the memory. */
static inline void ht_buf_clear(struct ht_buf *b)
{
	b->len = 0;
	b->failed = false;
}

static inline bool ht_buf_ok(const struct ht_buf *b)
{
	return !b->failed;
}

static inline void ht_buf_u8(struct ht_buf *b, uint8_t v)
{
	if (ht_buf_reserve(b, 1))
		b->at[b->len++] = v;
}

static inline void ht_buf_varint(struct ht_buf *b, uint64_t v)
{
	if (!ht_buf_reserve(b, 10))
		return;
	while (v >= 0x80) {
		b->at[b->len++] = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	b->at[b->len++] = (uint8_t)v;
}

static inline uint64_t ht_zigzag(int64_t v)
{
	return ((uint64_t)v << 1) ^ -((uint64_t)v >> 63);
}

static inline int64_t ht_unzigzag(uint64_t v)
{
	return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

void ht_buf_bytes(struct ht_buf *b, const void *at, size_t len);
void ht_buf_u32(struct ht_buf *b, uint32_t v);
void ht_buf_u64(struct ht_buf *b, uint64_t v);
void ht_buf_str(struct ht_buf *b, struct ht_str s); /* length, then the bytes */

struct ht_cursor {
	const uint8_t *start, *at, *end;
	uint64_t base; /* file offset of start, for messages */
};

struct ht_cursor ht_cursor_of(const void *at, size_t len, uint64_t base);

static inline size_t ht_cursor_left(const struct ht_cursor *c)
{
	return (size_t)(c->end - c->at);
}

static inline uint64_t ht_cursor_at(const struct ht_cursor *c)
{
	return c->base + (uint64_t)(c->at - c->start);
}

int ht_cursor_u32(struct ht_cursor *c, uint32_t *ret, struct ht_err *err);
int ht_cursor_u64(struct ht_cursor *c, uint64_t *ret, struct ht_err *err);
int ht_cursor_varint_slow(struct ht_cursor *c, uint64_t *ret, struct ht_err *err);
int ht_cursor_str(struct ht_cursor *c, struct ht_str *ret, struct ht_err *err);

/* Takes a varint of at most 8 bytes out of one load. Most have one or two; the others' groups of 7 bits are pushed together pairwise,
 * without a branch per byte. Longer ones, and those near the end, go the slow way. */
static inline int ht_cursor_varint(struct ht_cursor *c, uint64_t *ret, struct ht_err *err)
{
	uint64_t w, last;

	if (ht_cursor_left(c) < sizeof(w))
		return ht_cursor_varint_slow(c, ret, err);
	memcpy(&w, c->at, sizeof(w));
	if (!(w & 0x80)) {
		c->at++;
		*ret = w & 0x7f;
		return 0;
	}
	if (!(w & 0x8000)) {
		c->at += 2;
		*ret = (w & 0x7f) | (w >> 1 & 0x3f80);
		return 0;
	}
	last = ~w & 0x8080808080808080; /* the lowest bit set is the top bit of the last byte */
	if (!last)
		return ht_cursor_varint_slow(c, ret, err);
	c->at += (__builtin_ctzll(last) >> 3) + 1;
	w &= last ^ (last - 1);
	w = (w & 0x7f007f007f007f00) >> 1 | (w & 0x007f007f007f007f);
	w = (w & 0x3fff00003fff0000) >> 2 | (w & 0x00003fff00003fff);
	*ret = (w & 0x0fffffff00000000) >> 4 | (w & 0x000000000fffffff);
	return 0;
}

#endif
