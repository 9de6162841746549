/* SPDX-License-Identifier: Apache-2.0 */
/* heaps.c -- fills every kind of place that glibc keeps blocks in, and confesses which of them are live: heaps FILE [THREADS [MIB]]
 *
 * First all threads allocate a little and wait; it prints "begun". Told to go on (a line on standard input), each thread allocates and frees
 *
 *   small blocks of every size, some freed again: caches of threads; more than a cache holds: fastbins, small bins, top
 *   MIB (8) of blocks below the size that gets a mapping of its own: beyond 64, more than one heap for each arena
 *   blocks with mappings of their own: plain, aligned, grown and moved by realloc
 *
 * and if HEAPS_BREAK is set, it disturbs the main heap meanwhile: "moved", by memory that it takes from the break itself, filled with what looks like
 * chunks; "blocked", by a mapping in the way, after which malloc goes on elsewhere.
 *
 * then FILE holds a line "ADDRESS SIZE" for each live block, and it prints "ready". The next line ends it. All bookkeeping is in mappings of its own.
 * With HEAPS_ASLEEP, all but the first thread sleep at the end in a call with a time limit.
 */
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "tally.h"

#define THREADS_MOST 64
#define BLOCKS_MOST 4000000

struct block {
	void *at;
	size_t size;
};

static struct block *block;
static size_t blocks, mib = 8;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t begun, ready, end;
static int woken = -1; /* eventfd */

static void keep(void *at, size_t size)
{
	if (!at)
		_exit(97);
	memset(at, 0xa5, size < 64 ? size : 64);
	pthread_mutex_lock(&lock);
	if (blocks == BLOCKS_MOST)
		_exit(96);
	block[blocks++] = (struct block){ at, size };
	pthread_mutex_unlock(&lock);
}

/* Every size up to 1200 a dozen times; of each third size some go back, by turns to the cache and beyond it. */
static void fill_small(void)
{
	void *at[12];

	for (size_t size = 0; size <= 1200; size += 8) {
		for (int i = 0; i < 12; i++)
			at[i] = malloc(size);
		for (int i = 0; i < 12; i++)
			if (size % 3 == 0 && i < (int)(size / 24 % 13))
				free(at[i]);
			else
				keep(at[i], size);
	}
}

static void fill_heaps(unsigned seed)
{
	size_t left = mib << 20;

	while (left >= 70000) {
		size_t size = 1000 + (size_t)rand_r(&seed) % 60000;
		void *at = calloc(1, size);

		if (rand_r(&seed) % 4 == 0)
			free(at);
		else
			keep(at, size);
		left -= size;
	}
}

static void fill_mapped(void)
{
	void *at;

	keep(malloc(40 << 20), 40 << 20);
	keep(realloc(malloc(34 << 20), 50 << 20), 50 << 20);
	free(malloc(33 << 20));
	for (size_t alignment = 32; alignment <= 4 << 20; alignment *= 4) {
		if (posix_memalign(&at, alignment, 33 << 20))
			_exit(95);
		keep(at, 33 << 20);
	}
	if (posix_memalign(&at, 8192, 33 << 20))
		_exit(95);
	keep(realloc(at, 41 << 20), 41 << 20);
}

/* More than a cache holds: what is freed at last stays in fastbins, since nothing large comes after it. */
static void fill_fast(void)
{
	void *at[20];

	for (size_t size = 24; size <= 104; size += 16) {
		for (int i = 0; i < 20; i++)
			at[i] = malloc(size);
		for (int i = 0; i < 20; i++)
			free(at[i]);
	}
}

/* malloc's next growth cannot join what it has. */
static void disturb(const char *how)
{
	size_t bytes = 3 * 4096 + 100;
	char *at = how ? sbrk(0) : NULL;

	if (how && !strcmp(how, "moved")) {
		at = sbrk((intptr_t)bytes);
		for (size_t i = 0; i + 8 <= bytes; i += 8)
			memcpy(at + i, &(uint64_t){ i % 16 ? 0x31 : 0 }, 8);
	} else if (how && mmap(at, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != at) {
		_exit(92);
	}
}

/* Until `woken` can be read. */
static void sleep_with_limit(void)
{
	struct epoll_event e = { .events = EPOLLIN };
	int poll = woken < 0 ? -1 : epoll_create1(EPOLL_CLOEXEC);

	if (poll < 0)
		return;
	epoll_ctl(poll, EPOLL_CTL_ADD, woken, &e);
	while (epoll_wait(poll, &e, 1, 1000000) != 1)
		;
}

static void *work(void *n)
{
	unsigned seed = (unsigned)(size_t)n;

	free(malloc(24));
	pthread_barrier_wait(&begun);
	pthread_barrier_wait(&ready);
	fill_small();
	fill_heaps(seed);
	if (seed < 2)
		fill_mapped();
	fill_fast();
	pthread_barrier_wait(&ready);
	sleep_with_limit();
	pthread_barrier_wait(&end);
	return NULL;
}

static void confess(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	char line[64];

	for (size_t i = 0; i < blocks; i++) {
		int n = snprintf(line, sizeof(line), "%p %zu\n", block[i].at, block[i].size);

		if (write(fd, line, (size_t)n) != n)
			_exit(94);
	}
	close(fd);
}

static void tell_and_wait(const char *word)
{
	char c;

	if (write(1, word, strlen(word)) < 0)
		_exit(93);
	while (read(0, &c, 1) == 1 && c != '\n')
		;
}

int main(int argc, char **argv)
{
	pthread_t thread[THREADS_MOST];
	unsigned threads = argc > 2 ? (unsigned)atoi(argv[2]) : 1;

	if (argc < 2 || threads > THREADS_MOST)
		return 2;
	mib = argc > 3 ? (size_t)atoi(argv[3]) : mib;
	block = mmap(NULL, sizeof(*block) * BLOCKS_MOST, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (getenv("HEAPS_ASLEEP"))
		woken = eventfd(0, EFD_CLOEXEC);
	pthread_barrier_init(&begun, NULL, threads);
	pthread_barrier_init(&ready, NULL, threads);
	pthread_barrier_init(&end, NULL, threads);
	for (size_t i = 1; i < threads; i++)
		pthread_create(&thread[i], NULL, work, (void *)i);
	free(malloc(24));
	pthread_barrier_wait(&begun);
	tell_and_wait("begun\n");
	pthread_barrier_wait(&ready);
	fill_small();
	disturb(getenv("HEAPS_BREAK"));
	fill_heaps(0);
	fill_mapped();
	fill_fast();
	pthread_barrier_wait(&ready);
	confess(argv[1]);
	tell_and_wait("ready\n");
	eventfd_write(woken, 1);
	pthread_barrier_wait(&end);
	for (size_t i = 1; i < threads; i++)
		pthread_join(thread[i], NULL);
	return 0;
}
