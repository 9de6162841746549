/* SPDX-License-Identifier: Apache-2.0 */
/* micro.c -- malloc and free at a known stack depth, timed in batches; the workload of bench/ and of tests/e2e/budget.sh
 *
 *   micro loop DEPTH PAIRS      pairs at one place, under DEPTH frames; neither frame of it changes
 *   micro walk DEPTH PAIRS      a random walk up and down a tree of calls, DEPTH frames on average; the walk repeats itself every 40 000 pairs
 *   micro threads N PAIRS       N threads at depth 20, which free each other's blocks
 *
 * A pair is a free and a malloc of 16 to 271 bytes, with 64 (threads: 4096) blocks live. DEPTH counts every frame out to the thread's first one,
 * the caller of malloc included; the work is done in a thread because a thread has only two frames beneath its function.
 *
 * The time stamp counter is read around batches of 1000 pairs; the 10th percentile of the batches is the figure, because interruptions only
 * ever add. Prints: nanoseconds per event (of the first thread), events, CPU nanoseconds of the whole process.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LIVE = 64, SHARED = 4096, BATCH = 1000, REPEAT = 40000, BENEATH = 4, LEVELS = 16, MAX_THREADS = 64 };
#define NOINLINE __attribute__((noinline))
#define KEEP_FRAME() __asm__ volatile("" : : : "memory")

struct work { /* a thread's own: no two in one cache line, nor in two that are fetched together */
	_Alignas(128) uint32_t random;
	int depth;
	void *live[LIVE];
	uint64_t pairs, done, batches;
	uint64_t began;
	uint64_t *took; /* ticks of each batch */
	void (*at_the_bottom)(struct work *);
};

static _Atomic(void *) shared[SHARED];

static uint64_t ticks(void)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (uint64_t)hi << 32 | lo;
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline uint32_t roll(struct work *w)
{
	w->random = w->random * 1664525u + 1013904223u;
	return w->random >> 8;
}

static inline void count(struct work *w)
{
	uint64_t now;

	if (++w->done % BATCH)
		return;
	now = ticks();
	w->took[w->batches++] = now - w->began;
	w->began = now;
}

static inline __attribute__((always_inline)) void pair(struct work *w)
{
	uint32_t r = roll(w), at = r % LIVE;

	free(w->live[at]);
	w->live[at] = malloc(16 + (r >> 8) % 256);
	*(volatile char *)w->live[at] = 1;
	count(w);
}

static NOINLINE void loop(struct work *w)
{
	w->began = ticks();
	while (w->done < w->pairs)
		pair(w);
}

static NOINLINE void hand_over(struct work *w)
{
	w->began = ticks();
	while (w->done < w->pairs) {
		uint32_t r = roll(w);
		char *p = malloc(16 + (r >> 8) % 256);

		*p = 1;
		free(atomic_exchange_explicit(&shared[r % SHARED], p,
					      memory_order_acq_rel)); /* pairs with itself in another thread */
		count(w);
	}
}

/* Up and down with the same probability, between level 0 and LEVELS: LEVELS / 2 on average. */
static NOINLINE void node(struct work *w, int level)
{
	pair(w);
	while (w->done < w->pairs) {
		uint32_t r = roll(w) % 8;

		if (w->done % REPEAT == 0)
			w->random = 1;
		if (r < 3 && level < LEVELS) {
			if (r == 0)
				node(w, level + 1);
			else if (r == 1)
				node(w, level + 1);
			else
				node(w, level + 1);
		} else if (r < 5) {
			pair(w);
		} else if (level) {
			break;
		}
		KEEP_FRAME();
	}
	KEEP_FRAME();
}

static NOINLINE void walk(struct work *w)
{
	w->began = ticks();
	node(w, 0);
	KEEP_FRAME();
}

static NOINLINE void descend(struct work *w, int frames)
{
	if (frames > 0)
		descend(w, frames - 1);
	else
		w->at_the_bottom(w);
	KEEP_FRAME();
}

static void *run(void *arg)
{
	struct work *w = arg;

	descend(w, w->depth - BENEATH - 1 - (w->at_the_bottom == walk ? LEVELS / 2 + 1 : 0));
	KEEP_FRAME();
	return NULL;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	static struct work work[MAX_THREADS];
	pthread_t thread[MAX_THREADS];
	int threads = 1, depth = argc > 2 ? atoi(argv[2]) : 0;
	uint64_t pairs = argc > 3 ? strtoull(argv[3], NULL, 10) : 0, began = ticks(),
		 began_ns = clock_ns(CLOCK_MONOTONIC);
	void (*what)(struct work *) = loop;
	double ns_per_tick;

	if (argc == 4 && !strcmp(argv[1], "threads")) {
		threads = depth;
		depth = 20;
		what = hand_over;
	} else if (argc == 4 && !strcmp(argv[1], "walk")) {
		what = walk;
	}
	if (argc != 4 || depth < BENEATH + 1 || threads < 1 || threads > MAX_THREADS || pairs < BATCH)
		return 2;
	for (int i = 0; i < threads; i++) {
		work[i] = (struct work){ .random = (uint32_t)i + 1,
					 .depth = depth,
					 .pairs = pairs / (uint64_t)threads,
					 .at_the_bottom = what };
		work[i].took = calloc(work[i].pairs / BATCH + 1, sizeof(uint64_t));
		if (pthread_create(&thread[i], NULL, run, &work[i]))
			return 3;
	}
	for (int i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	ns_per_tick = (double)(clock_ns(CLOCK_MONOTONIC) - began_ns) / (double)(ticks() - began);
	qsort(work[0].took, work[0].batches, sizeof(uint64_t), compare);
	printf("%.3f %llu %llu\n", (double)work[0].took[work[0].batches / 10] * ns_per_tick / (2 * BATCH),
	       (unsigned long long)(2 * (pairs / (uint64_t)threads) * (uint64_t)threads),
	       (unsigned long long)clock_ns(CLOCK_PROCESS_CPUTIME_ID));
	return 0;
}
