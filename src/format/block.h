/* SPDX-License-Identifier: Apache-2.0 */
/* block.h -- one sealed unit of a trace file: header, checksums, compressed payload
 *
 * Writer: collect/ fills a header and a plain payload, ht_sealer_seal() appends the sealed block to a buffer.
 * Reader: read.c finds headers with ht_block_parse(), ht_opener_open() checks and decompresses one payload.
 *
 * docs/trace-format.md, sections 2 and 3. Nothing here knows what a payload means.
 */
#ifndef HT_BLOCK_H
#define HT_BLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "format/layout.h"
#include "util/buf.h"

struct ht_block {
	uint32_t kind;
	uint32_t flags;
	uint64_t session;
	uint64_t number;
	uint32_t stream;
	uint32_t rows;
	uint64_t first_seq;
	uint64_t first_time_ticks;
	uint64_t last_time_ticks;
	uint32_t stored_bytes; /* set by seal and parse */
	uint32_t plain_bytes;
	uint64_t payload_sum;
};

/* A kind whose payload docs/trace-format.md describes. */
static inline bool ht_block_is_known(uint32_t kind)
{
	return (kind && kind <= HT_BLOCK_CHECKPOINT) || kind == HT_BLOCK_PROCESS;
}

/* Keeps a compression context between blocks. */
struct ht_sealer;
int ht_sealer_create(int zstd_level, struct ht_sealer **ret, struct ht_err *err);
void ht_sealer_destroy(struct ht_sealer *s);

/* Appends header, payload and padding to `to`. Payloads under 256 bytes, INDEX blocks, and those that zstd does not
 * make smaller are stored as they are. `payload` is at most HT_BLOCK_PAYLOAD_MAX. Fills stored_bytes, plain_bytes,
 * flags, payload_sum of b. */
int ht_sealer_seal(struct ht_sealer *s, struct ht_block *b, const void *payload, size_t len, struct ht_buf *to,
		   struct ht_err *err);

/* Parses 88 bytes. HT_EDAMAGED: no header, or its sum is wrong; HT_EFORMAT: a newer version. */
int ht_block_parse(const uint8_t header[HT_BLOCK_HEADER_BYTES], struct ht_block *ret, struct ht_err *err);

/* Header, payload and padding together. */
uint64_t ht_block_span(const struct ht_block *b);

/* Keeps a decompression context and the plain bytes of the latest block. */
struct ht_opener;
int ht_opener_create(struct ht_opener **ret, struct ht_err *err);
void ht_opener_destroy(struct ht_opener *o);

/* Checks the sum, decompresses; `*ret` is valid until the next open. `offset` is the block's, for messages. */
int ht_opener_open(struct ht_opener *o, const struct ht_block *b, const uint8_t *stored, uint64_t offset,
		   struct ht_cursor *ret, struct ht_err *err);

#endif
