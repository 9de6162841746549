/* SPDX-License-Identifier: Apache-2.0 */
/* ticker.c -- reads the clocks side by side
 *
 * Called by: recording.c, streams.c.
 *
 *   monotonic  ticks  monotonic      three tries; the one with the least between its two ends is the pair
 *
 * The time stamp counter is used only if the processor says that it neither stops nor changes its pace (CPUID
 * 80000007h, EDX bit 8).
 */
#include "collect/ticker.h"

#include <cpuid.h>
#include <time.h>
#include <x86intrin.h>

#define TRIES 3
#define NS 1000000000ull

static uint64_t read_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * NS + (uint64_t)t.tv_nsec;
}

uint64_t ht_ticker_monotonic_ns(void)
{
	return read_ns(CLOCK_MONOTONIC);
}

uint64_t ht_ticker_boottime_ns(void)
{
	return read_ns(CLOCK_BOOTTIME);
}

uint64_t ht_ticker_now(const struct ht_ticker *t)
{
	return t->clock == HT_CLOCK_TSC ? __rdtsc() : ht_ticker_monotonic_ns();
}

static struct ht_meta_clock read_pair(const struct ht_ticker *t)
{
	struct ht_meta_clock best = { 0 };
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < TRIES; i++) {
		uint64_t before = ht_ticker_monotonic_ns();
		uint64_t ticks = ht_ticker_now(t);
		uint64_t between = ht_ticker_monotonic_ns() - before;

		if (between >= least)
			continue;
		least = between;
		best.ticks = ticks;
		best.monotonic_ns = t->clock == HT_CLOCK_TSC ? before + between / 2 : ticks;
	}
	best.realtime_ns = read_ns(CLOCK_REALTIME);
	return best;
}

void ht_ticker_init(struct ht_ticker *t)
{
	unsigned a, b, c, d = 0;

	t->clock = __get_cpuid(0x80000007, &a, &b, &c, &d) && d & 1u << 8 ? HT_CLOCK_TSC : HT_CLOCK_MONOTONIC;
	t->born = t->first = t->last = read_pair(t);
}

void ht_ticker_mark(struct ht_ticker *t)
{
	t->last = read_pair(t);
}

uint64_t ht_ticker_ns(const struct ht_ticker *t, uint64_t ticks)
{
	uint64_t span = t->last.ticks - t->born.ticks;

	if (t->clock == HT_CLOCK_MONOTONIC || !span)
		return ticks;
	return (uint64_t)((unsigned __int128)ticks * (t->last.monotonic_ns - t->born.monotonic_ns) / span);
}

uint64_t ht_ticker_at(const struct ht_ticker *t, uint64_t monotonic_ns)
{
	__int128 span = t->last.ticks - t->born.ticks, span_ns = t->last.monotonic_ns - t->born.monotonic_ns;
	__int128 since_ns = (__int128)monotonic_ns - t->last.monotonic_ns;

	if (t->clock == HT_CLOCK_MONOTONIC || !span_ns)
		return monotonic_ns;
	return t->last.ticks + (uint64_t)(since_ns * span / span_ns);
}
