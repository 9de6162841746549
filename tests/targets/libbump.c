/* SPDX-License-Identifier: Apache-2.0 */
/* libbump.c -- an allocator that a signal handler may use, or leave by a jump
 *
 * Preloaded by a test beneath the agent. A call takes the next bytes of one large mapping with an atomic add; free does
 * nothing; no address comes twice. So whatever goes wrong under a storm of signals is the recorder's doing.
 * When the mapping is used up, malloc answers NULL. A program may set `bump_inside`: it is called in the middle of malloc and free.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#define BYTES (8ull << 30)

void (*volatile bump_inside)(void);

static char *volatile base;
static uint64_t used;

static void *take(size_t size, size_t to)
{
	char *b = base;
	uint64_t at;

	if (!b) {
		char *expected = NULL;

		b = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (!__atomic_compare_exchange_n(&base, &expected, b, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			b = expected;
	}
	if (size > BYTES / 2) {
		errno = ENOMEM;
		return NULL;
	}
	at = __atomic_fetch_add(&used, ((size + 15) & ~15ull) + 16 + to, __ATOMIC_RELAXED);
	if (at + size + 16 + to > BYTES)
		return NULL;
	b += (at + 16 + to - 1) & ~(to - 1);
	((uint64_t *)b)[-1] = size;
	return b;
}

void *malloc(size_t size)
{
	void *p = take(size, 16);

	if (bump_inside)
		bump_inside();
	return p;
}

void *calloc(size_t n, size_t m)
{
	return take(n * m, 16);
}

void *realloc(void *p, size_t size)
{
	void *q = take(size, 16);
	size_t old = p ? ((uint64_t *)p)[-1] : 0;

	if (p && q)
		memcpy(q, p, old < size ? old : size);
	return q;
}

void free(void *p)
{
	(void)p;
	if (bump_inside)
		bump_inside();
}

int posix_memalign(void **p, size_t to, size_t size)
{
	*p = take(size, to < 16 ? 16 : to);
	return 0;
}

void *aligned_alloc(size_t to, size_t size)
{
	return take(size, to < 16 ? 16 : to);
}

void *memalign(size_t to, size_t size)
{
	return take(size, to < 16 ? 16 : to);
}
