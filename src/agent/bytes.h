/* SPDX-License-Identifier: Apache-2.0 */
/* bytes.h -- reading numbers out of unwind information, never past its end
 *
 * Used by: cfi.c, full.c. What lies past the end reads as 0 and sets `bad`, which the reader looks at before it believes anything.
 */
#ifndef HT_BYTES_H
#define HT_BYTES_H

#include <stdbool.h>
#include <stdint.h>

struct ht_bytes {
	uint64_t at, end;
	bool bad;
};

/* Little-endian, of 1, 2, 4 or 8 bytes. */
static inline uint64_t ht_bytes_fixed(struct ht_bytes *b, unsigned size)
{
	uint64_t v = 0;

	if (b->bad || b->at > b->end || b->end - b->at < size) {
		b->bad = true;
		return 0;
	}
	for (unsigned i = size; i--;)
		v = v << 8 | ((const uint8_t *)b->at)[i];
	b->at += size;
	return v;
}

static inline uint64_t ht_bytes_leb(struct ht_bytes *b, bool is_signed)
{
	uint64_t v = 0, byte = 0x80;
	unsigned shift = 0;

	while (byte & 0x80 && !b->bad) {
		byte = ht_bytes_fixed(b, 1);
		if (shift < 64)
			v |= (byte & 0x7f) << shift;
		shift += 7;
	}
	if (is_signed && shift < 64 && byte & 0x40)
		v |= ~0ull << shift;
	return v;
}

static inline uint64_t ht_bytes_uleb(struct ht_bytes *b)
{
	return ht_bytes_leb(b, false);
}

static inline int64_t ht_bytes_sleb(struct ht_bytes *b)
{
	return (int64_t)ht_bytes_leb(b, true);
}

#endif
