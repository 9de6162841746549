/* SPDX-License-Identifier: Apache-2.0 */
/* read.h -- a trace file, opened: every block in the order of its number, every damage named
 *
 * Caller: inspect/model.c, which looks at every payload once, and inspect/merge.c, which takes the rows again in order.
 *
 *   file       [block][block][damaged....][block][blo
 *   blocks      0      1                   2             what ht_reader_block() gives
 *   damages                  x                    x      offset, length, what was wrong
 *
 * ht_reader_open() reads headers only, ht_reader_open_indexed() not even them. A payload is read, checked and unpacked when it is asked for; one that turns out
 * wrong is noted as damage then, and its block is not asked for again. The file is never mapped: it may shrink meanwhile.
 *
 * Always true:
 *   D1  all blocks have the session of the first one, and a number of their own
 *   D2  memory is 64 bytes a block, one stored payload and one plain one
 *
 * docs/trace-format.md, section 3.1, is the law here. Opened by its index, a file is known as far as its payloads were asked for:
 * each must be what the index says, and damage in the others is not seen. So this is for questions that need no others.
 */
#ifndef HT_READ_H
#define HT_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/layout.h"
#include "util/buf.h"

struct ht_reader;

struct ht_block_at {
	uint64_t offset;
	uint64_t number;
	uint64_t first_seq;
	uint64_t first_time_ticks, last_time_ticks;
	uint32_t kind, stream, rows;
	uint32_t stored_bytes;
	bool damaged;    /* known once the payload was asked for */
	bool is_hearsay; /* the index says so; first_seq, and whether it is true, once the payload was asked for */
};

struct ht_damage {
	uint64_t offset;
	char says[152];
};

#define HT_DAMAGES_KEPT 100

/* HT_EFORMAT: no regular file, or a newer version; HT_ESYSTEM: it cannot be read. Damage is no error here. */
int ht_reader_open(const char *path, struct ht_reader **ret, struct ht_err *err);

/* HT_EDAMAGED: the file does not end with an index that fits it; to be opened as above. */
int ht_reader_open_indexed(const char *path, struct ht_reader **ret, struct ht_err *err);
void ht_reader_close(struct ht_reader *r);

uint64_t ht_reader_session(const struct ht_reader *r); /* number of the recording */
uint64_t ht_reader_file_bytes(const struct ht_reader *r);

/* The file's first bytes are those of a trace. If not, and no block is intact either, it is none. */
bool ht_reader_begins_right(const struct ht_reader *r);

size_t ht_reader_block_count(const struct ht_reader *r);
const struct ht_block_at *ht_reader_block(const struct ht_reader *r, size_t i);

/* The plain payload of block i, valid until the next call. HT_EDAMAGED: it is wrong, and was noted. Of a kind that this
 * version does not know, only the sum is looked at, and the payload comes as it is stored. */
int ht_reader_payload(struct ht_reader *r, size_t i, struct ht_cursor *ret, struct ht_err *err);

/* For what only the caller can see: the payload of block i is whole, but its content breaks a rule. */
void ht_reader_note(struct ht_reader *r, size_t i, const char *says);

/* How many damages there are; the first HT_DAMAGES_KEPT of them are at *ret, in the order they were found. */
uint64_t ht_reader_damages(const struct ht_reader *r, const struct ht_damage **ret);

#endif
