/* SPDX-License-Identifier: Apache-2.0 */
/* seeds.c -- writes what fuzzing starts from: seeds DIR
 *
 * Between them they hold every kind of block, every kind of row and both ways to store a payload:
 *
 *   small.htap        every kind, payloads too short to be packed, so that a mutated byte is a mutated number
 *   packed.htap       the same with thousands of rows in zstd frames
 *   unfinished.htap   small.htap as a killed recorder leaves it
 *
 *   well.play         a target that keeps the rules, for fuzz_drain.c
 *
 * The traces are legal: two threads, a block handed from one to the other, a realloc of each outcome, a loss, accounts
 * that close.
 */
#include <stdio.h>
#include <stdlib.h>

#include "format/block.h"
#include "format/columns.h"
#include "format/meta.h"
#include "play.h"

#define BLOCKS_MAX 32

static struct ht_err err;

struct trace {
	struct ht_sealer *sealer;
	struct ht_buf file;
	struct ht_buf payload; /* of the next block */
	struct ht_meta_index_entry entry[BLOCKS_MAX];
	size_t blocks;
};

static void must(int rc)
{
	if (rc) {
		fprintf(stderr, "seeds: %s\n", err.text);
		exit(1);
	}
}

static struct ht_str str(const char *text)
{
	return (struct ht_str){ .at = text, .len = strlen(text) };
}

/* Seals what stands in t->payload. */
static void add(struct trace *t, struct ht_block b)
{
	struct ht_meta_index_entry *e = &t->entry[t->blocks];

	b.session = 0x5eed;
	b.number = t->blocks++;
	*e = (struct ht_meta_index_entry){
		t->file.len, b.kind, b.stream, b.rows, b.first_time_ticks, b.last_time_ticks,
	};
	must(ht_sealer_seal(t->sealer, &b, t->payload.at, t->payload.len, &t->file, &err));
	ht_buf_clear(&t->payload);
}

static void add_meta(struct trace *t, uint32_t kind, uint32_t rows)
{
	add(t, (struct ht_block){ .kind = kind, .rows = rows });
}

static void add_beginning(struct trace *t)
{
	static const struct ht_meta_context context[] = {
		{ 1, 0, HT_CONTEXT_FUNCTION, 0, 1 },        { 3, 0, HT_CONTEXT_FUNCTION, 0, 3 },
		{ 5, 0, HT_CONTEXT_FUNCTION, 0, 5 },        { 40, 0, HT_CONTEXT_END, 0, 2 },
		{ 41, 40, HT_CONTEXT_CALLER, 1, 0x401234 }, { 42, 41, HT_CONTEXT_EXACT, 1, 0x7f0000001111 },
		{ 43, 42, HT_CONTEXT_FUNCTION, 1, 13 },
	};
	uint64_t previous = 0;

	ht_meta_put_session(
		&t->payload,
		&(struct ht_meta_session){
			1, 1000, 1700000000000000000, 1, 1, 4711, str("0.1.0"), str("host"), { "ls\0-l\0", 6 } });
	add_meta(t, HT_BLOCK_SESSION, 1);
	ht_meta_put_clock(&t->payload, &(struct ht_meta_clock){ 1000, 5000, 1700000000000000000 });
	ht_meta_put_clock(&t->payload, &(struct ht_meta_clock){ 901000, 305000, 1700000000000300000 });
	add_meta(t, HT_BLOCK_CLOCK, 2);
	ht_meta_put_image(&t->payload, &(struct ht_meta_image){
					       .image = 1,
					       .ticks = 1000,
					       .status = HT_IMAGE_STATE_RECORDED,
					       .pid = 4711,
					       .glibc = 1,
					       .process = 1,
					       .exe = str("/bin/ls"),
					       .allocator = str("/lib/libc.so.6"),
					       .command = { "ls\0-l\0", 6 },
				       });
	add_meta(t, HT_BLOCK_IMAGE, 1);
	ht_meta_put_module(&t->payload,
			   &(struct ht_meta_module){
				   1, 1000, 1, 1, 0x400000, 0x500000, 0, str("/bin/ls"), { "\x01\x02\xff\x00", 4 } });
	ht_meta_put_module(&t->payload,
			   &(struct ht_meta_module){ 2, 90000, 2, 1, 0x400000, 0x500000, 0, str("/bin/ls"), { 0 } });
	add_meta(t, HT_BLOCK_MODULE, 2);
	ht_meta_put_thread(&t->payload, &(struct ht_meta_thread){ 1, 4711, 1, 1100, str("main") });
	ht_meta_put_thread(&t->payload, &(struct ht_meta_thread){ 2, 4712, 1, 2000, str("worker\x1b") });
	add_meta(t, HT_BLOCK_THREAD, 2);
	for (size_t i = 0; i < sizeof(context) / sizeof(*context); i++)
		ht_meta_put_context(&t->payload, &context[i], &previous);
	add_meta(t, HT_BLOCK_CONTEXT, sizeof(context) / sizeof(*context));
}

static void add_events(struct trace *t, struct ht_columns *c, uint32_t stream, uint64_t first_seq)
{
	ht_columns_payload(c, &t->payload);
	add(t, (struct ht_block){
		       .kind = HT_BLOCK_EVENTS,
		       .stream = stream,
		       .rows = c->rows,
		       .first_seq = first_seq,
		       .first_time_ticks = c->first_time_ticks,
		       .last_time_ticks = c->last_time_ticks,
	       });
	ht_columns_clear(c);
}

static void put(struct ht_columns *c, uint32_t kind, uint64_t time_ticks, uint64_t address, uint64_t size)
{
	uint32_t context = kind == HT_ROW_FREE ? 5 : kind >= HT_ROW_REALLOC_BEGIN && kind < HT_ROW_EXISTING ? 3 : 43;

	ht_columns_put(c,
		       &(struct ht_row){ kind, context, time_ticks, address, size, HT_HEAP_MAIN, HT_SOURCE_LOOKASIDE });
}

/* Stream 1: `pairs` blocks come and go; one of its blocks is freed by stream 2, which also lost three calls. */
static void add_rows(struct trace *t, unsigned pairs)
{
	struct ht_columns c = { 0 };

	put(&c, HT_ROW_EXISTING, 1100, 0x1000, 1 << 20);
	put(&c, HT_ROW_ALLOC, 1200, 0x55550010, 24);
	put(&c, HT_ROW_REALLOC_BEGIN, 1300, 0x55550010, 0);
	put(&c, HT_ROW_REALLOC_END, 1310, 0x7ffffffff008, 1ull << 40);
	put(&c, HT_ROW_REALLOC_BEGIN, 1400, 0x7ffffffff008, 0);
	put(&c, HT_ROW_REALLOC_FAILED, 1410, 0, UINT64_MAX);
	put(&c, HT_ROW_REALLOC_BEGIN, 1500, 0x7ffffffff008, 0);
	put(&c, HT_ROW_REALLOC_FREED, 1510, 0, 0);
	put(&c, HT_ROW_ALLOC_FAILED, 1600, 0, 1ull << 62);
	put(&c, HT_ROW_ALLOC, 1700, 0xffff000000000001, 1);
	for (unsigned i = 0; i < pairs; i++) {
		put(&c, HT_ROW_ALLOC, 2000 + 20 * i, 0x5555 + 48 * i, i);
		put(&c, HT_ROW_FREE, 2010 + 20 * i, 0x5555 + 48 * i, 0);
	}
	put(&c, HT_ROW_REALLOC_BEGIN, 900000, 0x1000, 0);
	add_events(t, &c, 1, 0);
	put(&c, HT_ROW_FREE, 2500, 0xffff000000000001, 0);
	put(&c, HT_ROW_ALLOC, 2600, 0x7f8800000010, 100);
	add_events(t, &c, 2, 0);
	ht_meta_put_loss(&t->payload, &(struct ht_meta_loss){ 2, 2, 3, 2600, 3000, HT_LOSS_NO_ROOM });
	add_meta(t, HT_BLOCK_LOSS, 1);
	put(&c, HT_ROW_FREE, 3000, 0x7f8800000010, 0);
	add_events(t, &c, 2, 5);
	ht_columns_fini(&c);
	/* the rows of stream 1 are 10 + 2 * pairs + 1, of which three begin a realloc that ends, and one one that does
	 * not
	 * */
	ht_meta_put_account(&t->payload,
			    &(struct ht_meta_account){ 1, 900001, 8 + 2 * pairs, 6 + 2 * pairs, 1, 0, 2, 77 });
	ht_meta_put_account(&t->payload, &(struct ht_meta_account){ 2, 3001, 6, 3, 0, 3, 0, 0 });
	add_meta(t, HT_BLOCK_ACCOUNT, 2);
}

static void add_end(struct trace *t, unsigned pairs)
{
	uint64_t offset, previous = 0;

	ht_meta_put_live(&t->payload, &(struct ht_meta_live){ 1, 0x1000, 24, 100, 0, 1, 2 }, &previous);
	ht_meta_put_live(&t->payload, &(struct ht_meta_live){ 1, 0x2000, 16, 50, 1, 1, 2 }, &previous);
	add_meta(t, HT_BLOCK_CHECKPOINT, 2);
	for (uint32_t kind = HT_BLOCK_KERNEL; kind <= HT_BLOCK_MARK; kind++) {
		ht_buf_bytes(&t->payload, "reserved", 8);
		add_meta(t, kind, 1);
	}
	ht_meta_put_end(&t->payload, &(struct ht_meta_end){ 901000, HT_END_EXIT, 0, 1, 0, 0, 14 + 2 * pairs, 0, 0 });
	add_meta(t, HT_BLOCK_END, 1);
	offset = t->file.len;
	ht_meta_put_index(&t->payload, t->entry, t->blocks, offset);
	add_meta(t, HT_BLOCK_INDEX, 1);
}

static void write_file(const char *folder, const char *name, const struct ht_buf *bytes)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "w");
	if (!f || fwrite(bytes->at, 1, bytes->len, f) != bytes->len || fclose(f)) {
		perror(path);
		exit(1);
	}
}

static void write_trace(const char *folder, const char *name, unsigned pairs, bool finished)
{
	struct trace t = { 0 };

	must(ht_sealer_create(1, &t.sealer, &err));
	add_beginning(&t);
	add_rows(&t, pairs);
	if (finished)
		add_end(&t, pairs);
	write_file(folder, name, &t.file);
	ht_sealer_destroy(t.sealer);
	ht_buf_fini(&t.file);
	ht_buf_fini(&t.payload);
}

static void put_events(struct ht_buf *b, uint8_t slot)
{
	static const uint8_t kind_and_function[][2] = { { 0, 1 }, { 3, 3 }, { 4, 3 }, { 3, 3 }, { 6, 3 },
							{ 3, 3 }, { 5, 3 }, { 1, 2 }, { 2, 5 } };
	const size_t count = sizeof(kind_and_function) / sizeof(*kind_and_function);

	ht_buf_bytes(b, (uint8_t[]){ PLAY_EVENTS, slot, (uint8_t)count }, 3);
	for (size_t i = 0; i < count; i++) {
		ht_buf_bytes(b, kind_and_function[i], 2);
		ht_buf_bytes(b, "\x20\x10\x20\x30\0\0\0", 7);
	}
}

static void write_play(const char *folder)
{
	struct ht_buf b = { 0 };

	ht_buf_bytes(&b, (uint8_t[]){ PLAY_IMAGE, 1, 1, 250 }, 4);
	for (uint8_t slot = 0; slot < 2; slot++) {
		ht_buf_bytes(&b, (uint8_t[]){ PLAY_CLAIM, slot, 1, 0, 1 }, 5);
		put_events(&b, slot);
	}
	ht_buf_u8(&b, PLAY_ROUND);
	ht_buf_bytes(&b, (uint8_t[]){ PLAY_LINK, 0, 8 }, 3);
	put_events(&b, 0);
	ht_buf_bytes(&b, (uint8_t[]){ PLAY_ROUND, PLAY_FLUSH, PLAY_THREAD, 1, 7, 0, 0 }, 7);
	put_events(&b, 1);
	ht_buf_bytes(&b, (uint8_t[]){ PLAY_ROUND, PLAY_REAP }, 2);
	write_file(folder, "well.play", &b);
	ht_buf_fini(&b);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: seeds DIR\n");
		return 2;
	}
	write_trace(argv[1], "small.htap", 2, true);
	write_trace(argv[1], "packed.htap", 3000, true);
	write_trace(argv[1], "unfinished.htap", 2, false);
	write_play(argv[1]);
	return 0;
}
