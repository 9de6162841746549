/* SPDX-License-Identifier: Apache-2.0 */
/* read.h -- a trace file, opened: every usable block in file order, every damage named
 *
 * Caller: inspect/trace.c (metadata) and inspect/merge.c (rows); nobody else opens traces.
 *
 *   file       [block][block][damaged....][block][blo
 *   blocks      0      1                   2               what ht_reader_block() gives
 *   damages                  x                    x        offset, length, what was wrong
 *
 * ht_reader_open() reads headers only. A payload is read, checked and decompressed when it is asked for; one that turns out
 * wrong is noted as damage then, and later answers for it are the same. The file is never mapped: it may shrink meanwhile.
 *
 * Always true:
 *   all blocks have the session of the first one and a number of their own
 *   memory is a small multiple of the number of blocks, and one payload
 *
 * docs/trace-format.md, section 3.1, is the law here. It does not use the index: every header is checked anyway.
 */
#ifndef HT_READ_H
#define HT_READ_H

#include <stddef.h>
#include <stdint.h>

#include "format/columns.h"
#include "util/buf.h"

struct ht_reader;

struct ht_block_at {
	uint64_t offset;
	uint64_t number;
	uint64_t first_seq;
	uint64_t first_time_ticks, last_time_ticks;
	uint32_t kind, stream, rows;
	uint32_t plain_bytes;
};

struct ht_damage {
	uint64_t offset;
	uint64_t bytes; /* 0: nothing lies there, blocks are missing */
	char says[160];
};

#define HT_DAMAGES_KEPT 100

/* HT_EFORMAT: no trace, or a newer one; HT_ESYSTEM: it cannot be read. Damage is no error here. */
int ht_reader_open(const char *path, struct ht_reader **ret, struct ht_err *err);
void ht_reader_close(struct ht_reader *r);

uint64_t ht_reader_file_bytes(const struct ht_reader *r);
size_t ht_reader_block_count(const struct ht_reader *r);
const struct ht_block_at *ht_reader_block(const struct ht_reader *r, size_t i);

/* The plain payload of block i, valid until the next call. HT_EDAMAGED: it was noted as damage. */
int ht_reader_payload(struct ht_reader *r, size_t i, struct ht_cursor *ret, struct ht_err *err);

/* The same for an EVENTS block, ready to be read row by row, after one look at all of its rows: reading them cannot fail. */
int ht_reader_rows(struct ht_reader *r, size_t i, struct ht_column_reader *ret, struct ht_err *err);

/* For what only the caller can see: block i parses, but its content breaks a rule. */
void ht_reader_note(struct ht_reader *r, size_t i, const char *says);

/* How many damages there are; the first HT_DAMAGES_KEPT of them are at *ret. */
uint64_t ht_reader_damages(const struct ht_reader *r, const struct ht_damage **ret);

#endif
