/* SPDX-License-Identifier: Apache-2.0 */
/* read.c -- finds the blocks of a trace file, whatever happened to it
 *
 * Called by inspect/ only; read.h says what it gives.
 *
 *   scan()     header good?   yes: remember it, go behind its payload
 *                             no:  look at every multiple of 8 for a good one; what lies between is one damage
 *   payload    read header and payload again, compare with what was remembered, check the sum, unpack
 *
 * Always true:
 *   every offset that is read lies below the size the file had when it was opened
 *   what is read is copied first: a file that changes meanwhile gives damage, never a fault
 */
#include "format/read.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format/block.h"
#include "format/meta.h"
#include "util/numbers.h"

#define WINDOW_BYTES (32u << 10)

struct ht_reader {
	int fd;
	uint64_t bytes;
	struct ht_opener *opener;
	struct ht_block_at *block;
	size_t blocks, cap;
	uint64_t session;
	struct ht_numbers numbers; /* of all blocks so far */
	uint64_t highest;          /* of them */
	bool begins_right;
	bool hole; /* a damage explains missing numbers before the next block */
	uint64_t damages;
	struct ht_damage damage[HT_DAMAGES_KEPT];
	uint8_t *stored; /* of the latest payload, its header in front */
	size_t stored_cap;
	uint64_t window_at;
	size_t window_len;
	uint8_t window[WINDOW_BYTES];
};

static void note(struct ht_reader *r, uint64_t offset, const char *says)
{
	if (r->damages < HT_DAMAGES_KEPT) {
		struct ht_damage *d = &r->damage[r->damages];

		d->offset = offset;
		snprintf(d->says, sizeof(d->says), "%s", says);
	}
	r->damages++;
}

/* Reads up to len bytes; *got is less only at the end of the file. */
static int read_at(int fd, uint64_t offset, void *to, size_t len, size_t *got, struct ht_err *err)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(fd, (uint8_t *)to + done, len - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ht_err_sys(err, "cannot read at byte %" PRIu64, offset + done);
		if (n == 0)
			break;
		done += (size_t)n;
	}
	*got = done;
	return 0;
}

/* ---- finding blocks ---------------------------------------------------------------------------------------- */

/* Puts at least a header from offset on into the window, less only at the end of the file. */
static int look_at(struct ht_reader *r, uint64_t offset, const uint8_t **ret, size_t *len, struct ht_err *err)
{
	int rc;

	if (offset < r->window_at || offset + HT_BLOCK_HEADER_BYTES > r->window_at + r->window_len) {
		size_t want = r->bytes - offset < WINDOW_BYTES ? (size_t)(r->bytes - offset) : WINDOW_BYTES;

		rc = read_at(r->fd, offset, r->window, want, &r->window_len, err);
		if (rc)
			return rc;
		r->window_at = offset;
	}
	*ret = r->window + (offset - r->window_at);
	*len = r->window_len - (size_t)(offset - r->window_at);
	return 0;
}

/* 0: a header; 1: none here. */
static int header_at(struct ht_reader *r, uint64_t offset, struct ht_block *ret, struct ht_err *err)
{
	const uint8_t *at;
	size_t len;
	int rc = look_at(r, offset, &at, &len, err);

	if (rc)
		return rc;
	if (len < HT_BLOCK_MAGIC_BYTES || memcmp(at, HT_BLOCK_MAGIC, HT_BLOCK_MAGIC_BYTES) != 0)
		return 1;
	if (offset == 0)
		r->begins_right = true;
	if (len < HT_BLOCK_HEADER_BYTES)
		return 1;
	rc = ht_block_parse(at, ret, err);
	if (rc == HT_EFORMAT && offset == 0)
		return rc;
	return rc ? 1 : 0;
}

/* Goes to the next header behind offset, or to the end of the file. */
static int resynchronise(struct ht_reader *r, uint64_t *offset, struct ht_err *err)
{
	uint64_t from = *offset;
	struct ht_block b;
	char says[96];
	int rc = 1;

	do {
		*offset += HT_BLOCK_ALIGN;
		if (*offset >= r->bytes) {
			*offset = r->bytes;
			break;
		}
		rc = header_at(r, *offset, &b, err);
		if (rc < 0)
			return rc;
	} while (rc);
	snprintf(says, sizeof(says), "byte %" PRIu64 ": %" PRIu64 " bytes that are no block", from, *offset - from);
	note(r, from, says);
	r->hole = true;
	return 0;
}

/* Judges a block by its place among the others (D1); false: it is not to be used. */
static bool belongs(struct ht_reader *r, uint64_t offset, const struct ht_block *b)
{
	uint64_t expected = r->blocks ? r->highest + 1 : 0;
	bool used = false;
	char says[128];

	if (!r->blocks)
		r->session = b->session;
	if (b->session != r->session) {
		snprintf(says, sizeof(says), "block at byte %" PRIu64 " is of another recording", offset);
	} else if (ht_numbers_has(&r->numbers, b->number)) {
		snprintf(says, sizeof(says), "block at byte %" PRIu64 " has number %" PRIu64 ", as one before it",
			 offset, b->number);
	} else if (b->number > expected && !r->hole) {
		snprintf(says, sizeof(says), "block at byte %" PRIu64 ": %" PRIu64 " blocks are missing before it",
			 offset, b->number - expected);
		used = true;
	} else if (b->number < expected) {
		snprintf(says, sizeof(says), "block at byte %" PRIu64 " has number %" PRIu64 ", out of order", offset,
			 b->number);
		used = true;
	} else {
		return true;
	}
	note(r, offset, says);
	return used;
}

static int remember(struct ht_reader *r, uint64_t offset, const struct ht_block *b, struct ht_err *err)
{
	if (r->blocks == r->cap) {
		size_t cap = r->cap ? r->cap * 2 : 256;
		struct ht_block_at *more = reallocarray(r->block, cap, sizeof(*more));

		if (!more)
			return ht_err_sys(err, "no memory for %zu blocks", cap);
		r->block = more;
		r->cap = cap;
	}
	if (!ht_numbers_put(&r->numbers, b->number))
		return ht_err_sys(err, "no memory for the numbers of %zu blocks", r->blocks);
	if (!r->blocks || b->number > r->highest)
		r->highest = b->number;
	r->hole = false;
	r->block[r->blocks++] = (struct ht_block_at){
		.offset = offset,
		.number = b->number,
		.first_seq = b->first_seq,
		.first_time_ticks = b->first_time_ticks,
		.last_time_ticks = b->last_time_ticks,
		.kind = b->kind,
		.stream = b->stream,
		.rows = b->rows,
		.stored_bytes = b->stored_bytes,
	};
	return 0;
}

/* Blocks that were moved in the file are read in the order they were written. */
static int by_number(const void *a, const void *b)
{
	const struct ht_block_at *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

static int scan(struct ht_reader *r, struct ht_err *err)
{
	uint64_t offset = 0;
	struct ht_block b;
	int rc;

	while (offset < r->bytes) {
		rc = header_at(r, offset, &b, err);
		if (rc > 0)
			rc = resynchronise(r, &offset, err);
		else if (!rc) {
			if (belongs(r, offset, &b))
				rc = remember(r, offset, &b, err);
			offset += ht_block_span(&b);
		}
		if (rc)
			return rc;
	}
	if (r->blocks)
		qsort(r->block, r->blocks, sizeof(*r->block), by_number);
	return 0;
}

/* ---- opening ----------------------------------------------------------------------------------------------- */

static int make_room(struct ht_reader *r, size_t bytes, struct ht_err *err)
{
	uint8_t *more;

	if (r->stored_cap >= bytes)
		return 0;
	more = realloc(r->stored, bytes);
	if (!more)
		return ht_err_sys(err, "no memory for a block of %zu bytes", bytes);
	r->stored = more;
	r->stored_cap = bytes;
	return 0;
}

/* O_NONBLOCK: opening a FIFO must not wait for a writer. */
static int open_file(struct ht_reader *r, const char *path, struct ht_err *err)
{
	struct stat st;

	r->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (r->fd < 0)
		return ht_err_sys(err, "cannot be opened");
	if (fstat(r->fd, &st))
		return ht_err_sys(err, "cannot be looked at");
	if (S_ISDIR(st.st_mode))
		return ht_err_set(err, HT_EFORMAT, "is a directory, not a trace");
	if (!S_ISREG(st.st_mode))
		return ht_err_set(err, HT_EFORMAT, "is not a regular file, so it is no trace");
	if (!st.st_size)
		return ht_err_set(err, HT_EFORMAT, "is empty, not a trace");
	r->bytes = (uint64_t)st.st_size;
	return 0;
}

/* Where the index is: what the last 16 bytes say, if an INDEX block that ends with the file stands there. */
static int find_index(struct ht_reader *r, struct ht_block *ret, uint64_t *ret_offset, struct ht_err *err)
{
	uint8_t tail[sizeof(uint64_t) + HT_BLOCK_ALIGN], header[HT_BLOCK_HEADER_BYTES];
	size_t got = 0;
	int rc = r->bytes < sizeof(tail) ? 0 : read_at(r->fd, r->bytes - sizeof(tail), tail, sizeof(tail), &got, err);

	if (rc)
		return rc;
	if (got < sizeof(tail) || memcmp(tail + sizeof(uint64_t), HT_INDEX_TAIL, HT_BLOCK_ALIGN) != 0)
		return ht_err_set(err, HT_EDAMAGED, "no index at the end");
	memcpy(ret_offset, tail, sizeof(*ret_offset));
	rc = *ret_offset >= r->bytes ? 0 : read_at(r->fd, *ret_offset, header, sizeof(header), &got, err);
	if (rc)
		return rc;
	if (*ret_offset >= r->bytes || got < sizeof(header) || ht_block_parse(header, ret, err) ||
	    ret->kind != HT_BLOCK_INDEX || *ret_offset + ht_block_span(ret) != r->bytes)
		return ht_err_set(err, HT_EDAMAGED, "the end of the file is no index");
	return 0;
}

/* The index lists all blocks from the first byte to itself, so their numbers and lengths follow. */
static int trust_index(struct ht_reader *r, const struct ht_meta_index_entry *e, size_t count, uint64_t index,
		       struct ht_err *err)
{
	uint64_t end = 0;

	r->block = calloc(count + 1, sizeof(*r->block));
	if (!r->block)
		return ht_err_sys(err, "no memory for %zu blocks", count);
	for (size_t i = 0; i < count; i++) {
		uint64_t next = i + 1 < count ? e[i + 1].offset : index;

		if (e[i].offset != end || next <= e[i].offset || next > index ||
		    next - e[i].offset < HT_BLOCK_HEADER_BYTES ||
		    next - e[i].offset > HT_BLOCK_HEADER_BYTES + HT_BLOCK_PAYLOAD_MAX + HT_BLOCK_ALIGN ||
		    e[i].kind > UINT16_MAX || e[i].stream > UINT32_MAX || e[i].rows > UINT32_MAX)
			return ht_err_set(err, HT_EDAMAGED, "the index does not fit the file");
		r->block[r->blocks++] = (struct ht_block_at){
			.offset = e[i].offset,
			.number = i,
			.first_time_ticks = e[i].first_time_ticks,
			.last_time_ticks = e[i].last_time_ticks,
			.kind = (uint32_t)e[i].kind,
			.stream = (uint32_t)e[i].stream,
			.rows = (uint32_t)e[i].rows,
			.stored_bytes = (uint32_t)(next - e[i].offset - HT_BLOCK_HEADER_BYTES),
			.is_hearsay = true,
		};
		end = next;
	}
	r->begins_right = true;
	return end == index ? 0 : ht_err_set(err, HT_EDAMAGED, "the index does not fit the file");
}

static int read_index(struct ht_reader *r, struct ht_err *err)
{
	struct ht_meta_index_entry *entry = NULL;
	struct ht_block b;
	struct ht_cursor payload = { 0 };
	uint64_t offset = 0, said;
	size_t count, got;
	int rc = find_index(r, &b, &offset, err);

	if (!rc)
		rc = make_room(r, b.stored_bytes, err);
	if (!rc)
		rc = read_at(r->fd, offset + HT_BLOCK_HEADER_BYTES, r->stored, b.stored_bytes, &got, err);
	if (!rc && got < b.stored_bytes)
		rc = ht_err_set(err, HT_EDAMAGED, "the end of the file is no index");
	if (!rc)
		rc = ht_opener_open(r->opener, &b, r->stored, offset, &payload, err);
	if (!rc)
		rc = ht_meta_get_index(payload, &entry, &count, &said, err);
	r->session = rc ? 0 : b.session;
	if (!rc)
		rc = trust_index(r, entry, count, offset, err);
	free(entry);
	return rc;
}

/* `find` fills in the blocks. */
static int open_by(const char *path, int (*find)(struct ht_reader *, struct ht_err *), struct ht_reader **ret,
		   struct ht_err *err)
{
	struct ht_reader *r = calloc(1, sizeof(*r));
	int rc;

	if (!r)
		return ht_err_sys(err, "no memory");
	rc = open_file(r, path, err);
	if (!rc)
		rc = ht_opener_create(&r->opener, err);
	if (!rc)
		rc = find(r, err);
	if (rc) {
		ht_reader_close(r);
		return rc;
	}
	*ret = r;
	return 0;
}

int ht_reader_open(const char *path, struct ht_reader **ret, struct ht_err *err)
{
	return open_by(path, scan, ret, err);
}

int ht_reader_open_indexed(const char *path, struct ht_reader **ret, struct ht_err *err)
{
	return open_by(path, read_index, ret, err);
}

void ht_reader_close(struct ht_reader *r)
{
	if (!r)
		return;
	if (r->fd >= 0)
		close(r->fd);
	ht_opener_destroy(r->opener);
	ht_numbers_fini(&r->numbers);
	free(r->block);
	free(r->stored);
	free(r);
}

uint64_t ht_reader_session(const struct ht_reader *r)
{
	return r->session;
}

uint64_t ht_reader_file_bytes(const struct ht_reader *r)
{
	return r->bytes;
}

bool ht_reader_begins_right(const struct ht_reader *r)
{
	return r->begins_right;
}

size_t ht_reader_block_count(const struct ht_reader *r)
{
	return r->blocks;
}

const struct ht_block_at *ht_reader_block(const struct ht_reader *r, size_t i)
{
	return &r->block[i];
}

uint64_t ht_reader_damages(const struct ht_reader *r, const struct ht_damage **ret)
{
	*ret = r->damage;
	return r->damages;
}

/* ---- payloads ---------------------------------------------------------------------------------------------- */

void ht_reader_note(struct ht_reader *r, size_t i, const char *says)
{
	if (r->block[i].damaged)
		return;
	r->block[i].damaged = true;
	note(r, r->block[i].offset, says);
}

static bool one_record(uint32_t kind)
{
	return kind == HT_BLOCK_SESSION || kind == HT_BLOCK_END || kind == HT_BLOCK_INDEX;
}

/* What the index said of it is so. */
static int check_hearsay(struct ht_reader *r, struct ht_block_at *at, const struct ht_block *b, struct ht_err *err)
{
	uint64_t span = (HT_BLOCK_HEADER_BYTES + (uint64_t)at->stored_bytes + HT_BLOCK_ALIGN - 1) / HT_BLOCK_ALIGN;

	if (b->session != r->session || b->number != at->number || b->kind != at->kind || b->stream != at->stream ||
	    b->rows != at->rows || b->first_time_ticks != at->first_time_ticks ||
	    b->last_time_ticks != at->last_time_ticks || ht_block_span(b) != span * HT_BLOCK_ALIGN)
		return ht_err_set(err, HT_EDAMAGED, "block at byte %" PRIu64 " is not what the index says", at->offset);
	at->stored_bytes = b->stored_bytes;
	at->first_seq = b->first_seq;
	at->is_hearsay = false;
	return 0;
}

/* The header once more, and whether it is still the one that scan() saw. */
static int check_header(struct ht_reader *r, struct ht_block_at *at, struct ht_block *ret, struct ht_err *err)
{
	int rc = ht_block_parse(r->stored, ret, err);

	if (rc)
		return rc;
	if (at->is_hearsay) {
		rc = check_hearsay(r, at, ret, err);
		if (rc)
			return rc;
	}
	if (ret->number != at->number || ret->kind != at->kind || ret->stored_bytes != at->stored_bytes)
		return ht_err_set(err, HT_EDAMAGED, "block at byte %" PRIu64 " changed while it was read", at->offset);
	if (one_record(ret->kind) && ret->rows != 1)
		return ht_err_set(err, HT_EDAMAGED,
				  "block at byte %" PRIu64 " says %" PRIu32 " records, exactly 1 is allowed",
				  at->offset, ret->rows);
	if (!ht_block_is_known(ret->kind)) {
		ret->flags &= ~HT_BLOCK_ZSTD;
		ret->plain_bytes = ret->stored_bytes;
	}
	return 0;
}

int ht_reader_payload(struct ht_reader *r, size_t i, struct ht_cursor *ret, struct ht_err *err)
{
	struct ht_block_at *at = &r->block[i];
	size_t want = HT_BLOCK_HEADER_BYTES + (size_t)at->stored_bytes, got;
	struct ht_block b;
	int rc;

	rc = make_room(r, want, err);
	if (!rc)
		rc = read_at(r->fd, at->offset, r->stored, want, &got, err);
	if (rc)
		return rc;
	if (got < want)
		rc = ht_err_set(err, HT_EDAMAGED, "block at byte %" PRIu64 ": the file ends %zu bytes before its end",
				at->offset, want - got);
	else
		rc = check_header(r, at, &b, err);
	if (!rc)
		rc = ht_opener_open(r->opener, &b, r->stored + HT_BLOCK_HEADER_BYTES, at->offset, ret, err);
	if (rc == HT_EDAMAGED || rc == HT_EFORMAT) {
		ht_reader_note(r, i, err->text);
		return HT_EDAMAGED;
	}
	return rc;
}
