/* SPDX-License-Identifier: Apache-2.0 */
/* stuck.c -- a program with an allocator of its own, in which one thread waits for as long as it is told to
 *
 * Used by: tests/e2e/joined-stuck.sh.
 *
 * Each line on standard input: "in": a thread calls malloc, which waits; "out": it goes on; "call": a hundred calls are made. Answers with the same word when it is
 * done ("in": when the thread is about to call). At the end of its input: "nothing wrong".
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define POOL_BYTES (8u << 20)
#define WAITS 12345u

static char pool[POOL_BYTES] __attribute__((aligned(16)));
static _Atomic size_t used, freed;
static int gate[2];

void *malloc(size_t size);
void *malloc(size_t size)
{
	char byte;

	if (size == WAITS && read(gate[0], &byte, 1) != 1)
		return NULL;
	size = (size + 31) & ~(size_t)15;
	size = atomic_fetch_add(&used, size) % (POOL_BYTES / 2);
	return pool + size;
}

void free(void *p);
void free(void *p)
{
	if (p)
		atomic_fetch_add(&freed, 1);
}

void *calloc(size_t n, size_t size);
void *calloc(size_t n, size_t size)
{
	return memset(malloc(n * size), 0, n * size);
}

void *realloc(void *old, size_t size);
void *realloc(void *old, size_t size)
{
	void *p = malloc(size);

	return old ? memmove(p, old, size) : p;
}

static void *wait_inside(void *unused)
{
	free(malloc(WAITS));
	return unused;
}

int main(void)
{
	pthread_t id;
	char line[16];

	if (pipe(gate))
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("ready");
	while (fgets(line, sizeof(line), stdin)) {
		if (!strcmp(line, "in\n")) {
			pthread_create(&id, NULL, wait_inside, NULL);
		} else if (!strcmp(line, "out\n")) {
			if (write(gate[1], line, 1) != 1)
				return 2;
			pthread_join(id, NULL);
		}
		for (int i = 0; i < 100; i++)
			free(malloc(50));
		fputs(line, stdout);
	}
	puts("nothing wrong");
	return 0;
}
