/* SPDX-License-Identifier: Apache-2.0 */
/* kept.c -- small programs whose heap other tools can judge too
 *
 *   kept nothing|drop|keep|grow|align|threads       recorded, and run under valgrind and AddressSanitizer, by tests/e2e/peers-agree.sh
 *
 *   nothing   what a process does before and after main, that is
 *   drop      a list, and single blocks, to which nothing points any more at the end
 *   keep      blocks that globals point to: to their start, into their middle; and one that is dropped
 *   grow      blocks that are reallocated: larger, smaller
 *   align     all the functions that align
 *   threads   four threads, one after another; each frees what the one before it made
 *
 * Built with AddressSanitizer it is told of every block, and says what that adds up to. It prints without the heap.
 */
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- AddressSanitizer calls these, if it is there ---------------------------------------------------------- */

static size_t told_blocks, told_bytes, live_blocks, live_bytes, peak_bytes;

extern size_t __sanitizer_get_allocated_size(const volatile void *p) __attribute__((weak));
void __sanitizer_malloc_hook(const volatile void *p, size_t size);
void __sanitizer_free_hook(const volatile void *p);

void __sanitizer_malloc_hook(const volatile void *p, size_t size)
{
	(void)p;
	told_blocks++;
	told_bytes += size;
	live_blocks++;
	live_bytes += size;
	if (live_bytes > peak_bytes)
		peak_bytes = live_bytes;
}

void __sanitizer_free_hook(const volatile void *p)
{
	if (!p)
		return;
	live_blocks--;
	live_bytes -= __sanitizer_get_allocated_size(p);
}

static void say(void)
{
	char line[160];
	int len =
		snprintf(line, sizeof(line), "told: %zu blocks %zu bytes, live %zu blocks %zu bytes, peak %zu bytes\n",
			 told_blocks, told_bytes, live_blocks, live_bytes, peak_bytes);

	if (told_blocks && write(STDOUT_FILENO, line, (size_t)len) != len)
		abort();
}

/* ---- the programs ------------------------------------------------------------------------------------------ */

struct link {
	struct link *next;
	char body[40];
};

static void *volatile kept[8];

static struct link *make_list(int length)
{
	struct link *first = NULL;

	for (int i = 0; i < length; i++) {
		struct link *l = malloc(sizeof(*l));

		l->next = first;
		first = l;
	}
	return first;
}

static void drop(void)
{
	kept[0] = make_list(10);
	kept[1] = malloc(1000);
	kept[2] = calloc(7, 13);
	for (size_t i = 1; i <= 100; i++)
		free(malloc(i * 10));
	kept[3] = malloc(5000);
	free(kept[3]);
	memset((void *)kept, 0, sizeof(kept));
}

static void keep(void)
{
	kept[0] = make_list(5);
	kept[1] = (char *)malloc(300) + 100;
	kept[2] = calloc(3, 50);
	kept[3] = malloc(77);
	kept[3] = malloc(78);
	for (int i = 0; i < 20; i++)
		free(calloc(1, 2000));
}

static void grow(void)
{
	char *p = NULL;

	for (size_t size = 16; size <= 4096; size *= 2)
		p = realloc(p, size);
	kept[0] = realloc(p, 100);
	kept[1] = realloc(malloc(50), 60);
	kept[2] = reallocarray(NULL, 6, 7);
	free(kept[1]);
	kept[1] = NULL;
}

static void align(void)
{
	void *p = NULL;

	if (posix_memalign(&p, 256, 1000))
		abort();
	kept[0] = p;
	kept[1] = aligned_alloc(64, 640);
	kept[2] = memalign(32, 77);
	kept[3] = valloc(10);
	free(kept[3]);
	kept[3] = NULL;
}

static void *hand_over(void *from)
{
	void **to = malloc(8 * sizeof(*to));

	for (size_t i = 0; i < 8; i++) {
		to[i] = malloc(100 * (i + 1));
		if (from)
			free(((void **)from)[i]);
	}
	free(from);
	return to;
}

static void threads(void)
{
	void *blocks = NULL;

	for (int i = 0; i < 4; i++) {
		pthread_t t;

		if (pthread_create(&t, NULL, hand_over, blocks) || pthread_join(t, &blocks))
			abort();
	}
	kept[0] = blocks;
}

static void nothing(void)
{
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} modes[] = { { "nothing", nothing }, { "drop", drop },   { "keep", keep },
		      { "grow", grow },       { "align", align }, { "threads", threads } };

	for (size_t i = 0; argc == 2 && i < sizeof(modes) / sizeof(*modes); i++) {
		if (strcmp(argv[1], modes[i].name) != 0)
			continue;
		modes[i].run();
		say();
		return 0;
	}
	return 2;
}
