/* SPDX-License-Identifier: Apache-2.0 */
/* chunks-walk.c -- heaps that no program makes in a test: chunks beyond 32 GiB, and headers that lie, in memory of this very process
 */
#include <sys/mman.h>
#include <unistd.h>

#include "attach/chunks.h"
#include "unit.h"

#define GIB (1ull << 30)
#define SPACE (160 * GIB)

static struct ht_process self;
static uint64_t base;

static void put(uint64_t at, uint64_t word)
{
	memcpy((void *)(base + at), &word, sizeof(word));
}

static enum ht_heap_end walk(struct ht_chunks *c, uint64_t end, uint64_t top, uint32_t arena)
{
	const struct ht_stretch h = { .from = base, .end = base + end, .top = base + top, .arena = arena };
	const struct ht_waiting none = { .count = 0 };
	struct ht_peek peek;
	struct ht_err err;
	uint64_t at;
	enum ht_heap_end ret;

	assert_int_equal(ht_peek_init(&peek, &self, UINT64_MAX, &err), 0);
	ret = ht_chunks_walk(c, &peek, &h, &none, &at);
	ht_peek_fini(&peek);
	return ret;
}

/* live 70 GiB, free 66 GiB, live 32, top */
static void huge_chunks_keep_their_size(void **state)
{
	struct ht_chunks c = { 0 };
	struct ht_chunk_cursor at = { 0 };
	struct ht_live_block b;

	(void)state;
	put(8, 70 * GIB | 1);
	put(70 * GIB + 8, 66 * GIB | 1);
	put(136 * GIB, 66 * GIB);
	put(136 * GIB + 8, 32);
	put(136 * GIB + 40, 4096 | 1);
	assert_int_equal(walk(&c, 136 * GIB + 32 + 4096, 136 * GIB + 32, 1), HT_HEAP_TOP);
	assert_true(ht_chunks_next(&c, &at, &b));
	assert_int_equal(b.address, base + 16);
	assert_int_equal(b.bytes, 70 * GIB - 8);
	assert_true(ht_chunks_next(&c, &at, &b));
	assert_int_equal(b.address, base + 136 * GIB + 16);
	assert_int_equal(b.bytes, 24);
	assert_false(ht_chunks_next(&c, &at, &b));
	ht_chunks_fini(&c);
}

static void a_lie_is_broken(void **state)
{
	static const uint64_t lies[] = {
		0, 1, 24 | 1, 40 | 1, 64 | 2 | 1, 64 | 4 | 1, 1ull << 60 | 1, 4096 | 1, ~0ull
	};
	struct ht_chunks c = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(lies) / sizeof(*lies); i++) {
		put(8, lies[i]);
		put(64 + 8, 4096 | 1);
		assert_int_equal(walk(&c, 64 + 4096, 64, 1), HT_HEAP_BROKEN);
	}
	put(8, 64 | 1);
	assert_int_equal(walk(&c, 64 + 4096, 64, 1), HT_HEAP_TOP);
	put(64 + 8, 4096); /* the first chunk is free now, but does not say its size at its end */
	put(64, 48);
	assert_int_equal(walk(&c, 64 + 4096, 64, 1), HT_HEAP_BROKEN);
	put(64, 64);
	assert_int_equal(walk(&c, 64 + 4096, 64, 1), HT_HEAP_TOP);
	ht_chunks_fini(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(huge_chunks_keep_their_size),
		cmocka_unit_test(a_lie_is_broken),
	};
	struct ht_err err;
	void *space = mmap(NULL, SPACE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (space == MAP_FAILED || ht_process_open(getpid(), &self, &err))
		return 1;
	base = (uint64_t)space;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
