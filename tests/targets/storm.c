/* SPDX-License-Identifier: Apache-2.0 */
/* storm.c -- threads that allocate without end, in the ways that break a recorder, and count every call themselves
 *
 *   storm random SEED THREADS OPS [nopvalloc] [stay]   every entry point, blocks handed from thread to thread (ACC-01, KIL-01)
 *   storm reuse  SEED THREADS OPS                      an address freed here is handed out there at once (ACC-02)
 *   storm move   SEED THREADS OPS                      realloc that moves, fails, frees, against reuse (ACC-03)
 *   storm orphan SEED THREADS OPS                      blocks freed after the thread that made them ended (ACC-04)
 *
 * The tally (tally.h) is the confession. Threads make no other call that could allocate. With `stay` the threads are still
 * there when main returns. All choices come from SEED.
 */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "channel/channel.h"
#include "tally.h"

#define SLOTS 256
#define BOXES 64
#define IMPOSSIBLE (SIZE_MAX - 4096)

static struct tally *tally;
static _Atomic(void *) box[BOXES];
static void **orphans;
static uint64_t seed, ops;
static int use_pvalloc = 1, stay;
static _Atomic int ready, finished;
static int threads;

struct worker {
	struct tally_thread *me;
	uint64_t random;
	void *slot[SLOTS];
	int number;
};

static uint64_t next_random(struct worker *w)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return w->random * 0x2545f4914f6cdd1dull >> 16;
}

static size_t pick_size(struct worker *w)
{
	uint64_t r = next_random(w);

	if (r % 200 == 0)
		return 100000 + r / 200 % 300000; /* mapped by itself in glibc, and beyond the size field of a cell */
	if (r % 50 == 0)
		return 0;
	return 1 + r / 200 % (r & 1 ? 64 : 2000);
}

static void release(struct worker *w, void *p)
{
	tally_enter(w->me, HT_FN_FREE);
	free(p);
	tally_gave(w->me, p);
}

static void *plain(struct worker *w, size_t size)
{
	void *p;

	tally_enter(w->me, HT_FN_MALLOC);
	p = malloc(size);
	tally_got(w->me, p, size);
	return p;
}

static void *aligned(struct worker *w, size_t size)
{
	size_t to = (size_t)16 << next_random(w) % 9;
	int function = (int[]){ HT_FN_POSIX_MEMALIGN, HT_FN_ALIGNED_ALLOC, HT_FN_MEMALIGN, HT_FN_VALLOC,
				HT_FN_PVALLOC }[next_random(w) % (use_pvalloc ? 5 : 4)];
	void *p = NULL;

	tally_enter(w->me, function);
	switch (function) {
	case HT_FN_POSIX_MEMALIGN:
		if (posix_memalign(&p, to, size))
			p = NULL;
		break;
	case HT_FN_ALIGNED_ALLOC:
		p = aligned_alloc(to, size);
		break;
	case HT_FN_MEMALIGN:
		p = memalign(to, size);
		break;
	case HT_FN_VALLOC:
		p = valloc(size);
		break;
	default:
		p = pvalloc(size);
	}
	tally_got(w->me, p, size);
	return p;
}

/* What is in the place of p afterwards. NULL came back for size 0: p was freed; for another size: p lives on. */
static void *resize(struct worker *w, void *p, size_t size, int as_array)
{
	void *q;

	tally_enter(w->me, as_array ? HT_FN_REALLOCARRAY : HT_FN_REALLOC);
	q = as_array ? reallocarray(p, size, 1) : realloc(p, size);
	tally_got(w->me, q, size);
	return q || !size ? q : p;
}

static void random_step(struct worker *w)
{
	void **s = &w->slot[next_random(w) % SLOTS];
	uint64_t what = next_random(w) % 32;

	if (what < 4) {
		*s = atomic_exchange(&box[next_random(w) % BOXES], *s);
	} else if (what < 8) {
		*s = resize(w, *s, pick_size(w), what == 4);
	} else if (what == 8) {
		*s = resize(w, *s, IMPOSSIBLE, 0);
	} else if (what == 9) {
		(void)plain(w, IMPOSSIBLE);
	} else if (what == 10) {
		release(w, NULL);
	} else if (*s) {
		release(w, *s);
		*s = NULL;
	} else if (what < 14) {
		size_t size = pick_size(w);

		tally_enter(w->me, HT_FN_CALLOC);
		*s = calloc(size, 1);
		tally_got(w->me, *s, size);
	} else if (what < 18) {
		*s = aligned(w, pick_size(w));
	} else {
		*s = plain(w, pick_size(w));
	}
}

/* Even threads allocate, odd ones release what those made: what is freed here is handed out there. */
static void reuse_step(struct worker *w)
{
	_Atomic(void *) *b = &box[next_random(w) % 8];
	void *p = atomic_exchange(b, w->number % 2 ? NULL : plain(w, 48));

	if (p)
		release(w, p);
	else if (w->number % 2)
		sched_yield();
}

static void move_step(struct worker *w)
{
	_Atomic(void *) *b = &box[next_random(w) % 4];
	void *p = atomic_exchange(b, NULL);
	size_t size = (size_t)16 << next_random(w) % 8;

	if (!p)
		p = plain(w, size);
	else if (next_random(w) % 50 == 0)
		p = resize(w, p, IMPOSSIBLE, 0);
	else if (next_random(w) % 50 == 0)
		p = resize(w, p, 0, 0);
	else
		p = resize(w, p, size, 0);
	p = atomic_exchange(b, p);
	if (p)
		release(w, p);
}

static void orphan_step(struct worker *w, uint64_t i)
{
	orphans[(uint64_t)w->number * ops + i] = plain(w, 1 + next_random(w) % 400);
}

static const char *mode;

static void *run(void *arg)
{
	static struct worker workers[TALLY_THREADS];
	struct worker *w = &workers[(intptr_t)arg];
	uint64_t i;

	w->number = (int)(intptr_t)arg;
	w->me = tally_join(tally);
	w->random = (seed + 1) * 0x9e3779b97f4a7c15ull ^ (uint64_t)(w->number + 1) * 0xbf58476d1ce4e5b9ull;
	atomic_fetch_add(&ready, 1);
	while (atomic_load(&ready) < threads)
		usleep(100);
	for (i = 0; i < ops; i++) {
		if (i % 4 == 0 && mode[1] != 'a')
			sched_yield(); /* the others shall find what this one left */
		switch (mode[0] == 'r' ? mode[1] : mode[0]) {
		case 'a':
			random_step(w);
			break;
		case 'e':
			reuse_step(w);
			break;
		case 'm':
			move_step(w);
			break;
		default:
			orphan_step(w, i);
		}
	}
	atomic_fetch_add(&finished, 1);
	while (stay)
		pause();
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t thread[TALLY_THREADS];
	uint64_t i;

	if (argc < 5 || atoi(argv[3]) > TALLY_THREADS)
		return 2;
	mode = argv[1];
	seed = strtoull(argv[2], NULL, 10);
	threads = atoi(argv[3]);
	ops = strtoull(argv[4], NULL, 10);
	for (i = 5; i < (uint64_t)argc; i++) {
		use_pvalloc &= strcmp(argv[i], "nopvalloc") != 0;
		stay |= strcmp(argv[i], "stay") == 0;
	}
	tally = tally_open();
	if (mode[0] == 'o')
		orphans = mmap(NULL, (size_t)threads * ops * 8, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			       0);
	for (i = 0; i < (uint64_t)threads; i++)
		if (pthread_create(&thread[i], NULL, run, (void *)(intptr_t)i))
			return 3;
	for (i = 0; !stay && i < (uint64_t)threads; i++)
		pthread_join(thread[i], NULL);
	while (atomic_load(&finished) < threads)
		usleep(1000);
	for (i = 0; orphans && i < (uint64_t)threads * ops; i++)
		free(orphans[i]);
	tally->head.done = 1;
	return 0;
}
