/* SPDX-License-Identifier: Apache-2.0 */
/* loop.c -- times malloc and free in batches, so that what a tracer adds to each can be told from noise
 *
 * Run by: bench/figures.py, bare and under heaptap in turn.     loop PAIRS
 *
 * Pairs of malloc and free of 16 to 271 bytes with 64 blocks live. The time stamp counter is read around batches of 1000 pairs (2000 events); the
 * 10th percentile of the batches is the figure, because interruptions only ever add. Prints: nanoseconds per event, events,
 * CPU nanoseconds of the whole process.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { LIVE = 64, BATCH = 1000 };

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

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void batch(void **live, uint32_t *seed)
{
	for (int i = 0; i < BATCH; i++) {
		uint32_t at;

		*seed = *seed * 1664525u + 1013904223u;
		at = *seed >> 26;
		free(live[at]);
		live[at] = malloc(16 + (*seed >> 8) % 256);
		*(volatile char *)live[at] = 1;
	}
}

int main(int argc, char **argv)
{
	uint64_t pairs = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
	uint64_t batches = pairs / BATCH, began_ns = clock_ns(CLOCK_MONOTONIC), began = ticks();
	uint64_t *took = calloc(batches + 1, sizeof(*took));
	void *live[LIVE] = { NULL };
	uint32_t seed = 1;
	double ns_per_tick;

	for (uint64_t b = 0; b < batches; b++) {
		uint64_t at = ticks();

		batch(live, &seed);
		took[b] = ticks() - at;
	}
	ns_per_tick = (double)(clock_ns(CLOCK_MONOTONIC) - began_ns) / (double)(ticks() - began);
	qsort(took, batches, sizeof(*took), compare);
	printf("%.3f %llu %llu\n", (double)took[batches / 10] * ns_per_tick / (2 * BATCH), (unsigned long long)(2 * batches * BATCH),
	       (unsigned long long)clock_ns(CLOCK_PROCESS_CPUTIME_ID));
	return 0;
}
