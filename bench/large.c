/* SPDX-License-Identifier: Apache-2.0 */
/* large.c -- writes a trace as long as is asked for, of a program that never was: large FILE EVENTS
 *
 * Run by large.sh. Nobody waits for a program to make a billion calls; so the calls are made up, and everything behind them is
 * the recorder's own: rows go into columns, blocks and the file through collect/trace.h, at the recorder's level of compression.
 *
 *   four threads, each with SLOTS places of its own; a call picks a place at random: what lives there dies, else one is born
 *   sizes       skewed: most small, one in a hundred up to 64 KiB
 *   addresses   as a thread's cache hands them out: the block of that size that was freed last, or new room
 *   stacks      a tree of STACKS leaves, 4 to 20 deep; some are met much more often than others; a free has only its function
 *   times       4 us between two calls of a thread on the mean, never even: a million events take about a second
 *
 * Nothing repeats but what repeats in a program, so the trace can be packed as far as a real one and no further. What it did is printed as
 * JSON, for the answers to be compared with.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collect/trace.h"

#define THREADS 4
#define SLOTS 60000u /* half of them live, on the mean */
#define CLASSES 64
#define STACKS 3000u
#define BLOCK_ROWS 32768u
#define MEAN_GAP_NS 4000u

struct block {
	uint64_t address, size; /* size 0: the place is empty */
};

struct thread {
	uint64_t now_ns, seq, room;
	struct block slot[SLOTS];
	uint64_t *freed[CLASSES]; /* addresses, the latest last */
	size_t freed_count[CLASSES];
	struct ht_columns rows;
};

static struct thread thread[THREADS];
static struct ht_trace trace;
static struct ht_err err;
static uint64_t state = 88172645463325252;
static uint64_t allocated_bytes, allocated_count, leaked_bytes, leaked_count;
static uint32_t leaf[STACKS], free_leaf;

static uint64_t next_random(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static void must(bool ok)
{
	if (ok)
		return;
	fprintf(stderr, "large: %s\n", trace.failed ? trace.err.text : err.text);
	exit(1);
}

static struct ht_str str(const char *text)
{
	return (struct ht_str){ .at = text, .len = strlen(text) };
}

/* ---- what the calls are ------------------------------------------------------------------------------------ */

static uint64_t random_size(void)
{
	uint64_t r = next_random();

	if (r % 100 == 0)
		return 1 + (r >> 16) % 65536;
	return 1 + ((r >> 16) % 1024 * ((r >> 32) % 1024) >> 10);
}

static int class_of(uint64_t size)
{
	return size <= 512 ? (int)((size + 15) / 16) : 64 - __builtin_clzll(size) + 23;
}

static uint64_t room_of(int class)
{
	return class <= 32 ? (uint64_t) class * 16 + 16 : ((uint64_t)1 << (class - 23)) + 16;
}

static uint32_t random_leaf(void)
{
	uint64_t a = next_random();

	return leaf[a % STACKS * ((a >> 32) % STACKS) / STACKS];
}

static void put(struct thread *t, uint32_t kind, uint32_t context, const struct block *b)
{
	ht_columns_put(&t->rows, &(struct ht_row){ .kind = kind,
						   .context = context,
						   .time_ticks = t->now_ns,
						   .address = b->address,
						   .size = b->size,
						   .heap = HT_HEAP_MAIN,
						   .source = HT_SOURCE_LOOKASIDE });
}

static void call(struct thread *t)
{
	struct block *b = &t->slot[next_random() % SLOTS];
	int class;

	t->now_ns += 1 + next_random() % (2 * MEAN_GAP_NS);
	if (b->size) {
		class = class_of(b->size);
		t->freed[class][t->freed_count[class]++] = b->address;
		leaked_bytes -= b->size;
		leaked_count--;
		put(t, HT_ROW_FREE, free_leaf, b);
		b->size = 0;
		return;
	}
	b->size = random_size();
	class = class_of(b->size);
	if (t->freed_count[class]) {
		b->address = t->freed[class][--t->freed_count[class]];
	} else {
		b->address = t->room;
		t->room += room_of(class);
	}
	allocated_bytes += b->size;
	allocated_count++;
	leaked_bytes += b->size;
	leaked_count++;
	put(t, HT_ROW_ALLOC, random_leaf(), b);
}

/* ---- the trace --------------------------------------------------------------------------------------------- */

/* Node n hangs under a random one of those before it that is at most 20 deep; each leaf is a call of malloc under one of them. */
static void make_stacks(void)
{
	static unsigned depth[STACKS + 1];
	uint32_t number = 1;

	for (; number <= STACKS; number++) {
		uint32_t parent = number < 5 ? number - 1 : 4 + (uint32_t)(next_random() % (number - 4));

		while (depth[parent] >= 20)
			parent /= 2;
		depth[number] = depth[parent] + 1;
		ht_trace_put_context(&trace, &(struct ht_meta_context){ number, parent, HT_CONTEXT_CALLER, 1,
									0x400000 + next_random() % 0x100000 });
	}
	for (uint32_t i = 0; i < STACKS; i++, number++) {
		ht_trace_put_context(&trace, &(struct ht_meta_context){ number, 4 + next_random() % (STACKS - 4),
									HT_CONTEXT_FUNCTION, 0, 1 });
		leaf[i] = number;
	}
	ht_trace_put_context(&trace, &(struct ht_meta_context){ number, 0, HT_CONTEXT_FUNCTION, 0, 5 });
	free_leaf = number;
}

static void begin(void)
{
	ht_trace_put_session(&trace, &(struct ht_meta_session){ .clock = 2,
								.policy = 1,
								.flags = 1,
								.pid = 1000,
								.heaptap = str("bench"),
								.host = str("nowhere"),
								.command = { "churn", 6 } });
	ht_trace_put_clock(&trace, &(struct ht_meta_clock){ 0, 0, 0 });
	ht_trace_put_image(&trace, &(struct ht_meta_image){ .image = 1,
							    .status = HT_IMAGE_STATE_RECORDED,
							    .pid = 1000,
							    .glibc = 1,
							    .process = 1,
							    .exe = str("/nowhere/churn"),
							    .allocator = str("/nowhere/libc.so.6"),
							    .command = { "churn", 6 } });
	ht_trace_put_module(&trace, &(struct ht_meta_module){ .change = HT_MODULE_MAPPED,
							      .generation = 1,
							      .image = 1,
							      .start = 0x400000,
							      .end = 0x500000,
							      .path = str("/nowhere/churn") });
	for (uint64_t i = 0; i < THREADS; i++) {
		ht_trace_put_thread(&trace, &(struct ht_meta_thread){ i + 1, 1000 + i, 1, 0, str("churn") });
		thread[i].room = 0x7f0000000000 + (i << 36);
		for (int c = 0; c < CLASSES; c++) {
			thread[i].freed[c] = calloc(SLOTS, sizeof(uint64_t));
			must(thread[i].freed[c]);
		}
	}
	make_stacks();
}

static void end(uint64_t events)
{
	uint64_t last_ns = 0;

	ht_trace_begin_end(&trace);
	for (uint64_t i = 0; i < THREADS; i++) {
		struct thread *t = &thread[i];

		last_ns = t->now_ns > last_ns ? t->now_ns : last_ns;
		ht_trace_put_account(
			&trace, &(struct ht_meta_account){
					.stream = i + 1, .ticks = t->now_ns, .entered = t->seq, .recorded = t->seq });
	}
	ht_trace_put_clock(&trace, &(struct ht_meta_clock){ last_ns, last_ns, last_ns });
	ht_trace_end(&trace, &(struct ht_meta_end){ .ticks = last_ns, .reason = HT_END_EXIT, .events = events });
	must(!ht_trace_failed(&trace));
	printf("{\"events\":%" PRIu64 ",\"allocated_bytes\":%" PRIu64 ",\"allocated_count\":%" PRIu64
	       ",\"leaked_bytes\":%" PRIu64 ",\"leaked_count\":%" PRIu64 ",\"duration_ns\":%" PRIu64 "}\n",
	       events, allocated_bytes, allocated_count, leaked_bytes, leaked_count, last_ns);
}

int main(int argc, char **argv)
{
	uint64_t events = argc == 3 ? (uint64_t)strtod(argv[2], NULL) : 0, done = 0;

	if (!events) {
		fputs("usage: large FILE EVENTS\n", stderr);
		return 2;
	}
	must(!ht_trace_create(argv[1], 0x1a46e, &trace, &err));
	begin();
	for (unsigned turn = 0; done < events; turn = (turn + 1) % THREADS) {
		struct thread *t = &thread[turn];
		uint64_t first_seq = t->seq;

		for (; done < events && t->rows.rows < BLOCK_ROWS; done++, t->seq++)
			call(t);
		must(ht_trace_events(&trace, turn + 1, first_seq, &t->rows));
		ht_columns_clear(&t->rows);
	}
	end(events);
	ht_trace_close(&trace);
	return 0;
}
