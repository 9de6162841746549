/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_trace.c -- whatever a trace file holds, opening and replaying it ends, in its own memory, and counts each
 * call once
 *
 * Property: judge_any(), judge.h.
 *
 * An input is a whole file. Checksums would keep the fuzzer out, so the mutator knows blocks and repairs what it did:
 *
 *   any bytes | one header's fields | one plain payload, sealed again | blocks left out, doubled, exchanged
 *                                  --> most times: sums made right again
 *
 * Seeds: seeds.c and tests/golden. run.sh builds and runs it; a finding is a trace file that heaptap itself can be
 * given.
 */
#define XXH_INLINE_ALL
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xxhash.h>

#include "format/block.h"
#include "judge.h"

#define PLAIN_MAX (256u << 10) /* as far as a payload may grow by mutation */
#define BLOCKS_MAX 256

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);

static struct ht_err err;
static struct ht_sealer *sealer;
static struct ht_opener *opener;
static int file;
static char path[64];

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	file = memfd_create("fuzz", MFD_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	if (file < 0 || ht_sealer_create(1, &sealer, &err) || ht_opener_create(&opener, &err))
		abort();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (ftruncate(file, 0) || pwrite(file, data, size, 0) != (ssize_t)size)
		abort();
	judge_any(path);
	return 0;
}

/* ---- mutation ---------------------------------------------------------------------------------------------- */

/* Where the blocks of a file begin, by their magic alone. */
struct map {
	size_t at[BLOCKS_MAX + 1]; /* the last one is the end of the file */
	size_t count;
};

static uint32_t stored_bytes(const uint8_t *header)
{
	uint32_t v;

	memcpy(&v, header + 64, sizeof(v));
	return v;
}

static void map_blocks(const uint8_t *data, size_t size, struct map *m)
{
	m->count = 0;
	for (size_t at = 0; at + HT_BLOCK_HEADER_BYTES <= size && m->count < BLOCKS_MAX; at += HT_BLOCK_ALIGN)
		if (memcmp(data + at, HT_BLOCK_MAGIC, HT_BLOCK_MAGIC_BYTES) == 0)
			m->at[m->count++] = at;
	m->at[m->count] = size;
}

/* Makes both sums of every block right. */
static void repair(uint8_t *data, size_t size)
{
	struct map m;

	map_blocks(data, size, &m);
	for (size_t i = 0; i < m.count; i++) {
		uint8_t *header = data + m.at[i];
		size_t stored = stored_bytes(header);
		uint64_t sum;

		if (stored <= size - m.at[i] - HT_BLOCK_HEADER_BYTES) {
			sum = XXH3_64bits(header + HT_BLOCK_HEADER_BYTES, stored);
			memcpy(header + 72, &sum, sizeof(sum));
		}
		sum = XXH3_64bits(header, 80);
		memcpy(header + 80, &sum, sizeof(sum));
	}
}

/* Puts `with` in the place of data[from, to), if it fits. */
static size_t replace(uint8_t *data, size_t size, size_t max, size_t from, size_t to, const struct ht_buf *with)
{
	if (size - (to - from) + with->len > max)
		return size;
	memmove(data + from + with->len, data + to, size - to);
	if (with->len)
		memcpy(data + from, with->at, with->len);
	return size - (to - from) + with->len;
}

static size_t mutate_payload(uint8_t *data, size_t size, size_t max, const struct map *m, size_t i)
{
	static uint8_t plain[PLAIN_MAX];
	uint8_t *header = data + m->at[i];
	struct ht_buf sealed = { 0 };
	struct ht_cursor c;
	struct ht_block b;
	size_t len;

	if (ht_block_parse(header, &b, &err) || b.stored_bytes > size - m->at[i] - HT_BLOCK_HEADER_BYTES ||
	    ht_opener_open(opener, &b, header + HT_BLOCK_HEADER_BYTES, 0, &c, &err) ||
	    ht_cursor_left(&c) > sizeof(plain))
		return size;
	len = ht_cursor_left(&c);
	memcpy(plain, c.at, len);
	len = LLVMFuzzerMutate(plain, len, sizeof(plain));
	if (ht_sealer_seal(sealer, &b, plain, len, &sealed, &err))
		abort();
	size = replace(data, size, max, m->at[i], m->at[i + 1], &sealed);
	ht_buf_fini(&sealed);
	return size;
}

/* Leaves block i out, doubles it, or puts another one's bytes in its place. */
static size_t mutate_order(uint8_t *data, size_t size, size_t max, const struct map *m, size_t i, unsigned seed)
{
	size_t other = seed / 4 % m->count, from = m->at[i], to = m->at[i + 1];
	struct ht_buf bytes = { 0 };

	if (seed % 4)
		ht_buf_bytes(&bytes, data + m->at[other], m->at[other + 1] - m->at[other]);
	size = replace(data, size, max, from, seed % 4 == 1 ? from : to, &bytes);
	ht_buf_fini(&bytes);
	return size;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	unsigned how = seed % 16, block = seed / 16 % 4096, rest = seed / 65536;
	struct map m;

	map_blocks(data, size, &m);
	if (how < 2 || m.count == 0)
		size = LLVMFuzzerMutate(data, size, max);
	else if (how < 5)
		LLVMFuzzerMutate(data + m.at[block % m.count] + 10, 62, 62);
	else if (how < 14)
		size = mutate_payload(data, size, max, &m, block % m.count);
	else
		size = mutate_order(data, size, max, &m, block % m.count, rest);
	if (rest % 8)
		repair(data, size);
	return size;
}
