/* SPDX-License-Identifier: Apache-2.0 */
/* file-surgery.c -- cuts a trace at every byte and flips every bit of it, and asks src/format/read.h what is left
 *
 * Run by file-surgery.sh, built with sanitizers: file-surgery TRACE SCRATCH <TABLE. The table is "offset end" of each
 * block, end being that of its payload, from the second decoder; if the two readers do not find the same blocks in the
 * whole file, this fails at once.
 *
 *   cut at c       blocks with end <= c are read, none else; one damage if c lies inside a block
 *   bit flipped    in a block: that one is lost, and it is the only damage, at its offset; in the padding: nothing
 *
 * "Read" means: payload equal, byte for byte, to that in the whole file, and all rows of an EVENTS block decoded.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/columns.h"
#include "format/layout.h"
#include "format/read.h"

#define BLOCKS_MAX 64
#define FILE_MAX (64 << 10)

struct piece {
	uint64_t offset, end;
	uint8_t plain[4096];
	size_t len;
};

static struct piece piece[BLOCKS_MAX];
static size_t pieces;
static uint8_t whole[FILE_MAX];
static size_t bytes;
static const char *scratch;
static int scratch_fd;
static unsigned failures;

static void complain(const char *what, size_t at, const char *says)
{
	fprintf(stderr, "%s %zu: %s\n", what, at, says);
	if (++failures == 20)
		exit(1);
}

/* The scratch file becomes these bytes up to `to`, from `from` on; what is before stays. */
static void write_scratch(const uint8_t *data, size_t from, size_t to)
{
	if (pwrite(scratch_fd, data + from, to - from, (off_t)from) != (ssize_t)(to - from)) {
		perror(scratch);
		exit(3);
	}
}

static struct piece *piece_at(uint64_t offset)
{
	for (size_t i = 0; i < pieces; i++)
		if (piece[i].offset == offset)
			return &piece[i];
	return NULL;
}

static bool rows_read(const struct ht_block_at *block, struct ht_cursor plain)
{
	struct ht_column_reader rows;
	struct ht_err err;
	struct ht_row row;
	int rc;

	if (block->kind != HT_BLOCK_EVENTS)
		return true;
	rc = ht_column_reader_init(&rows, plain, block->rows, block->first_time_ticks, &err);
	while (rc >= 0 && (rc = ht_column_reader_next(&rows, &row, &err)) > 0)
		;
	return rc == 0;
}

/* Which pieces are read, as a bit mask; a block that is no piece of the whole file is a failure. */
static uint64_t read_pieces(struct ht_reader *r, const char *what, size_t at)
{
	uint64_t mask = 0;

	for (size_t i = 0; i < ht_reader_block_count(r); i++) {
		struct piece *p = piece_at(ht_reader_block(r, i)->offset);
		struct ht_cursor plain;
		struct ht_err err;

		if (!p)
			complain(what, at, "a block where there is none");
		if (!p || ht_reader_payload(r, i, &plain, &err))
			continue;
		if (ht_cursor_left(&plain) != p->len || memcmp(plain.at, p->plain, p->len) != 0)
			complain(what, at, "a payload that is not the original's");
		if (rows_read(ht_reader_block(r, i), plain))
			mask |= UINT64_C(1) << (p - piece);
	}
	return mask;
}

/* Reads the scratch file: exactly the expected pieces, and one damage at damage_at, or none. */
static void expect(const char *what, size_t at, uint64_t expected, bool damaged, uint64_t damage_at)
{
	const struct ht_damage *damage;
	struct ht_reader *r;
	struct ht_err err;
	uint64_t got, damages;
	int rc = ht_reader_open(scratch, &r, &err);

	if (rc) {
		if (rc != HT_EFORMAT || expected || !strcmp(what, "bit") || at >= HT_BLOCK_MAGIC_BYTES)
			complain(what, at, err.text);
		return;
	}
	got = read_pieces(r, what, at);
	damages = ht_reader_damages(r, &damage);
	if (got & ~expected)
		complain(what, at, "a block is read that cannot be whole");
	if (expected & ~got)
		complain(what, at, "a whole block is not read");
	if (damages != damaged)
		complain(what, at, damaged ? "not exactly one damage" : "a damage where nothing is lost");
	else if (damaged && damage->offset != damage_at)
		complain(what, at, "the damage has another offset");
	ht_reader_close(r);
}

static void load(const char *path)
{
	struct ht_cursor plain;
	struct ht_reader *r;
	struct ht_err err;
	FILE *f = fopen(path, "rb");

	while (pieces < BLOCKS_MAX && scanf("%" SCNu64 "%" SCNu64, &piece[pieces].offset, &piece[pieces].end) == 2)
		pieces++;
	bytes = f ? fread(whole, 1, FILE_MAX, f) : 0;
	if (!bytes || fclose(f) || !pieces || ht_reader_open(path, &r, &err)) {
		fprintf(stderr, "%s: cannot be read, or no table\n", path);
		exit(3);
	}
	if (ht_reader_block_count(r) != pieces)
		complain("block count", ht_reader_block_count(r), "the two readers disagree");
	for (size_t i = 0; i < pieces; i++) {
		struct piece *p = piece_at(ht_reader_block(r, i)->offset);

		if (!p || ht_reader_payload(r, i, &plain, &err) || ht_cursor_left(&plain) > sizeof(p->plain)) {
			complain("block", i, "of the whole file cannot be read, or the table does not have it");
			continue;
		}
		p->len = ht_cursor_left(&plain);
		memcpy(p->plain, plain.at, p->len);
	}
	ht_reader_close(r);
}

static void cut_everywhere(void)
{
	for (size_t cut = 1; cut <= bytes; cut++) {
		uint64_t expected = 0, inside = 0;
		bool damaged = false;

		for (size_t i = 0; i < pieces; i++) {
			if (piece[i].end <= cut)
				expected |= UINT64_C(1) << i;
			else if (piece[i].offset < cut) {
				damaged = true;
				inside = piece[i].offset;
			}
		}
		write_scratch(whole, cut - 1, cut);
		expect("cut", cut, expected, damaged, inside);
	}
}

static void flip_everywhere(void)
{
	uint64_t all = (UINT64_C(1) << pieces) - 1;

	for (size_t bit = 0; bit < bytes * 8; bit++) {
		uint64_t expected = all, inside = 0;
		bool damaged = false;

		for (size_t i = 0; i < pieces; i++) {
			if (piece[i].offset > bit / 8 || piece[i].end <= bit / 8)
				continue;
			expected &= ~(UINT64_C(1) << i);
			damaged = true;
			inside = piece[i].offset;
		}
		whole[bit / 8] ^= (uint8_t)(1 << bit % 8);
		write_scratch(whole, bit / 8, bit / 8 + 1);
		expect("bit", bit, expected, damaged, inside);
		whole[bit / 8] ^= (uint8_t)(1 << bit % 8);
		write_scratch(whole, bit / 8, bit / 8 + 1);
	}
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	scratch = argv[2];
	scratch_fd = open(scratch, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	load(argv[1]);
	if (failures)
		return 1;
	cut_everywhere();
	flip_everywhere();
	printf("%zu blocks, %zu cuts, %zu flips, %u failures\n", pieces, bytes, bytes * 8, failures);
	return failures != 0;
}
