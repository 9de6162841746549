/* SPDX-License-Identifier: Apache-2.0 */
/* block.c -- seals payloads into blocks and opens them again
 *
 * Called by collect/ (seal) and by read.c (parse, open).
 *
 *   plain payload --zstd--> stored payload --XXH3--> header --XXH3--> [header 88][stored payload][0..7 zero bytes]
 *
 * Always true:
 *   K1  a sealed block is a multiple of 8 bytes long and at most header + 64 MiB + 7
 *   K2  nothing is unpacked before its sum is right, and never into more than plain_bytes, 64 MiB at most
 *
 * The sums protect against accident, not against malice: whoever changes a file can repair them, so what comes out
 * is still untrusted.
 */
#define XXH_INLINE_ALL
#include "format/block.h"

#include <inttypes.h>
#include <stdlib.h>
#include <xxhash.h>
#include <zstd.h>

#define SMALL_PAYLOAD_BYTES 256 /* below this zstd gains nothing worth having */

/* Offsets of docs/trace-format.md, section 3. */
enum {
	AT_MAGIC = 0,
	AT_VERSION = 8,
	AT_KIND = 10,
	AT_FLAGS = 12,
	AT_SESSION = 16,
	AT_NUMBER = 24,
	AT_STREAM = 32,
	AT_ROWS = 36,
	AT_FIRST_SEQ = 40,
	AT_FIRST_TIME = 48,
	AT_LAST_TIME = 56,
	AT_STORED_BYTES = 64,
	AT_PLAIN_BYTES = 68,
	AT_PAYLOAD_SUM = 72,
	AT_HEADER_SUM = 80,
};

struct ht_sealer {
	ZSTD_CCtx *zstd;
	int level;
};

struct ht_opener {
	ZSTD_DCtx *zstd;
	uint8_t *plain;
	size_t cap;
};

static int no_memory(struct ht_err *err)
{
	return ht_err_set(err, HT_ESYSTEM, "out of memory");
}

/* ---- sealing ----------------------------------------------------------------------------------------------- */

int ht_sealer_create(int zstd_level, struct ht_sealer **ret, struct ht_err *err)
{
	struct ht_sealer *s = malloc(sizeof(*s));

	if (!s)
		return no_memory(err);
	s->level = zstd_level;
	s->zstd = ZSTD_createCCtx();
	if (!s->zstd) {
		free(s);
		return no_memory(err);
	}
	*ret = s;
	return 0;
}

void ht_sealer_destroy(struct ht_sealer *s)
{
	if (!s)
		return;
	ZSTD_freeCCtx(s->zstd);
	free(s);
}

static void write_header(uint8_t *h, const struct ht_block *b)
{
	uint16_t version = HT_FORMAT_VERSION, kind = (uint16_t)b->kind;
	uint64_t sum;

	memcpy(h + AT_MAGIC, HT_BLOCK_MAGIC, HT_BLOCK_MAGIC_BYTES);
	memcpy(h + AT_VERSION, &version, 2);
	memcpy(h + AT_KIND, &kind, 2);
	memcpy(h + AT_FLAGS, &b->flags, 4);
	memcpy(h + AT_SESSION, &b->session, 8);
	memcpy(h + AT_NUMBER, &b->number, 8);
	memcpy(h + AT_STREAM, &b->stream, 4);
	memcpy(h + AT_ROWS, &b->rows, 4);
	memcpy(h + AT_FIRST_SEQ, &b->first_seq, 8);
	memcpy(h + AT_FIRST_TIME, &b->first_time_ticks, 8);
	memcpy(h + AT_LAST_TIME, &b->last_time_ticks, 8);
	memcpy(h + AT_STORED_BYTES, &b->stored_bytes, 4);
	memcpy(h + AT_PLAIN_BYTES, &b->plain_bytes, 4);
	memcpy(h + AT_PAYLOAD_SUM, &b->payload_sum, 8);
	sum = XXH3_64bits(h, AT_HEADER_SUM);
	memcpy(h + AT_HEADER_SUM, &sum, 8);
}

/* Writes the stored payload at `to`, which has room for `room` bytes, at least len. Returns its length. */
static size_t store(struct ht_sealer *s, struct ht_block *b, const void *payload, size_t len, uint8_t *to, size_t room)
{
	b->flags &= ~HT_BLOCK_ZSTD;
	if (len >= SMALL_PAYLOAD_BYTES && b->kind != HT_BLOCK_INDEX) {
		size_t n = ZSTD_compressCCtx(s->zstd, to, room, payload, len, s->level);

		if (!ZSTD_isError(n) && n < len) {
			b->flags |= HT_BLOCK_ZSTD;
			return n;
		}
	}
	if (len)
		memcpy(to, payload, len);
	return len;
}

int ht_sealer_seal(struct ht_sealer *s, struct ht_block *b, const void *payload, size_t len, struct ht_buf *to,
		   struct ht_err *err)
{
	size_t room = ZSTD_compressBound(len), span;
	uint8_t *header, *stored;

	if (len > HT_BLOCK_PAYLOAD_MAX)
		return ht_err_set(err, HT_EUSAGE,
				  "a block of kind %" PRIu32 " would hold %zu bytes, at most %u are allowed", b->kind,
				  len, HT_BLOCK_PAYLOAD_MAX);
	if (!ht_buf_reserve(to, HT_BLOCK_HEADER_BYTES + room + HT_BLOCK_ALIGN))
		return no_memory(err);
	header = to->at + to->len;
	stored = header + HT_BLOCK_HEADER_BYTES;
	b->plain_bytes = (uint32_t)len;
	b->stored_bytes = (uint32_t)store(s, b, payload, len, stored, room);
	b->payload_sum = XXH3_64bits(stored, b->stored_bytes);
	write_header(header, b);
	span = ht_block_span(b);
	memset(stored + b->stored_bytes, 0, span - HT_BLOCK_HEADER_BYTES - b->stored_bytes);
	to->len += span;
	return 0;
}

uint64_t ht_block_span(const struct ht_block *b)
{
	uint64_t bytes = (uint64_t)HT_BLOCK_HEADER_BYTES + b->stored_bytes;

	return (bytes + HT_BLOCK_ALIGN - 1) & ~(uint64_t)(HT_BLOCK_ALIGN - 1);
}

/* ---- opening ----------------------------------------------------------------------------------------------- */

int ht_block_parse(const uint8_t header[HT_BLOCK_HEADER_BYTES], struct ht_block *ret, struct ht_err *err)
{
	struct ht_block b;
	uint16_t version, kind;
	uint64_t sum;

	if (memcmp(header + AT_MAGIC, HT_BLOCK_MAGIC, HT_BLOCK_MAGIC_BYTES) != 0)
		return ht_err_set(err, HT_EDAMAGED, "no block begins here");
	memcpy(&sum, header + AT_HEADER_SUM, 8);
	if (sum != XXH3_64bits(header, AT_HEADER_SUM))
		return ht_err_set(err, HT_EDAMAGED, "the block header's checksum is wrong");
	memcpy(&version, header + AT_VERSION, 2);
	if (version > HT_FORMAT_VERSION)
		return ht_err_set(err, HT_EFORMAT, "format version %u; this heaptap reads up to version %d", version,
				  HT_FORMAT_VERSION);
	if (version == 0)
		return ht_err_set(err, HT_EDAMAGED, "format version 0 does not exist");
	memcpy(&kind, header + AT_KIND, 2);
	b.kind = kind;
	memcpy(&b.flags, header + AT_FLAGS, 4);
	memcpy(&b.session, header + AT_SESSION, 8);
	memcpy(&b.number, header + AT_NUMBER, 8);
	memcpy(&b.stream, header + AT_STREAM, 4);
	memcpy(&b.rows, header + AT_ROWS, 4);
	memcpy(&b.first_seq, header + AT_FIRST_SEQ, 8);
	memcpy(&b.first_time_ticks, header + AT_FIRST_TIME, 8);
	memcpy(&b.last_time_ticks, header + AT_LAST_TIME, 8);
	memcpy(&b.stored_bytes, header + AT_STORED_BYTES, 4);
	memcpy(&b.plain_bytes, header + AT_PLAIN_BYTES, 4);
	memcpy(&b.payload_sum, header + AT_PAYLOAD_SUM, 8);
	if (b.stored_bytes > HT_BLOCK_PAYLOAD_MAX || b.plain_bytes > HT_BLOCK_PAYLOAD_MAX)
		return ht_err_set(err, HT_EDAMAGED,
				  "the block says %" PRIu32 " bytes, %" PRIu32 " unpacked; at most %u are allowed",
				  b.stored_bytes, b.plain_bytes, HT_BLOCK_PAYLOAD_MAX);
	*ret = b;
	return 0;
}

int ht_opener_create(struct ht_opener **ret, struct ht_err *err)
{
	struct ht_opener *o = calloc(1, sizeof(*o));

	if (!o)
		return no_memory(err);
	o->zstd = ZSTD_createDCtx();
	if (!o->zstd) {
		free(o);
		return no_memory(err);
	}
	*ret = o;
	return 0;
}

void ht_opener_destroy(struct ht_opener *o)
{
	if (!o)
		return;
	ZSTD_freeDCtx(o->zstd);
	free(o->plain);
	free(o);
}

/* The plain bytes are replaced, not kept: no realloc, which would copy them. */
static int make_room(struct ht_opener *o, size_t bytes, struct ht_err *err)
{
	if (bytes <= o->cap)
		return 0;
	free(o->plain);
	o->cap = 0;
	o->plain = malloc(bytes);
	if (!o->plain)
		return no_memory(err);
	o->cap = bytes;
	return 0;
}

/* One frame, whose own header agrees with ours before a byte is allocated (K2). */
static int decompress(struct ht_opener *o, const struct ht_block *b, const uint8_t *stored, uint64_t offset,
		      struct ht_err *err)
{
	unsigned long long said = ZSTD_getFrameContentSize(stored, b->stored_bytes);
	size_t n = ZSTD_findFrameCompressedSize(stored, b->stored_bytes);
	int rc;

	if (said == ZSTD_CONTENTSIZE_ERROR || ZSTD_isError(n) || n != b->stored_bytes)
		return ht_err_set(err, HT_EDAMAGED, "block at byte %" PRIu64 ": the payload is not one zstd frame",
				  offset);
	if (said != ZSTD_CONTENTSIZE_UNKNOWN && said != b->plain_bytes)
		return ht_err_set(err, HT_EDAMAGED,
				  "block at byte %" PRIu64 " says %" PRIu32 " bytes unpacked, its zstd frame says %llu",
				  offset, b->plain_bytes, said);
	rc = make_room(o, b->plain_bytes, err);
	if (rc)
		return rc;
	n = ZSTD_decompressDCtx(o->zstd, o->plain, b->plain_bytes, stored, b->stored_bytes);
	if (ZSTD_isError(n))
		return ht_err_set(err, HT_EDAMAGED, "block at byte %" PRIu64 ": zstd: %s", offset,
				  ZSTD_getErrorName(n));
	if (n != b->plain_bytes)
		return ht_err_set(err, HT_EDAMAGED,
				  "block at byte %" PRIu64 " says %" PRIu32 " bytes unpacked, %zu came out", offset,
				  b->plain_bytes, n);
	return 0;
}

int ht_opener_open(struct ht_opener *o, const struct ht_block *b, const uint8_t *stored, uint64_t offset,
		   struct ht_cursor *ret, struct ht_err *err)
{
	uint64_t base = offset + HT_BLOCK_HEADER_BYTES;
	int rc;

	if (b->payload_sum != XXH3_64bits(stored, b->stored_bytes))
		return ht_err_set(err, HT_EDAMAGED, "block at byte %" PRIu64 ": the payload's checksum is wrong",
				  offset);
	if (b->flags & HT_BLOCK_ZSTD) {
		rc = decompress(o, b, stored, offset, err);
		if (rc)
			return rc;
		*ret = ht_cursor_of(o->plain, b->plain_bytes, base);
		return 0;
	}
	if (b->plain_bytes != b->stored_bytes)
		return ht_err_set(err, HT_EDAMAGED,
				  "block at byte %" PRIu64 " is not packed but says %" PRIu32 " bytes for %" PRIu32,
				  offset, b->plain_bytes, b->stored_bytes);
	*ret = ht_cursor_of(stored, b->stored_bytes, base);
	return 0;
}
