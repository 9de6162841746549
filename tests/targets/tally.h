/* SPDX-License-Identifier: Apache-2.0 */
/* tally.h -- what a target did, counted by itself in a file that survives any death
 *
 * Used by: the targets that confess (storm.c, cplus.cc, ...) and libcount.c.   Read by: tests/e2e/oracle.py (class Tally).
 * The file named by HT_CONFESS is mapped shared; whatever was stored before a SIGKILL is in it. No call here allocates.
 *
 *   +--------+----------+----------+-----
 *   | head   | thread 0 | thread 1 | ...        every part 512 bytes; all numbers u64, little-endian
 *   +--------+----------+----------+-----
 *
 * Always true:
 *   T1  entered is bumped before a call and returned after it, so entered - returned is 0 or 1
 *   T2  functions are numbered as in docs/trace-format.md, section 6.3
 *   T3  address_sum and size_sum add up (mod 2^64) what the allocator returned and what it was asked for
 */
#ifndef HT_TEST_TALLY_H
#define HT_TEST_TALLY_H

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define TALLY_MAGIC 0x594c4c41545448ull
#define TALLY_THREADS 1024

struct tally_head {
	volatile uint64_t magic, pid, threads, done;
	volatile uint64_t
		since_ns; /* written by a test: gaps count from this moment of CLOCK_MONOTONIC on; 0: not yet */
	uint64_t spare[59];
};

struct tally_thread {
	volatile uint64_t tid, entered, returned;
	volatile uint64_t null_releases, failures;
	volatile uint64_t address_sum, size_sum;
	volatile uint64_t longest_gap_ns, last_ns;
	volatile uint64_t by_function[40];
	uint64_t schedstat, delay_ns;
	uint64_t spare[13];
};

struct tally {
	struct tally_head head;
	struct tally_thread thread[TALLY_THREADS];
};

static struct tally_head *tally_head;

/* The mapping; memory nobody reads if HT_CONFESS is not set, so that a target also runs by hand. */
static inline struct tally *tally_open(void)
{
	const char *path = getenv("HT_CONFESS");
	int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
	struct tally *t;

	if (fd >= 0 && ftruncate(fd, sizeof(*t)))
		_exit(99);
	t = (struct tally *)mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE,
				 fd >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS, fd, 0);
	if (t == MAP_FAILED)
		_exit(99);
	if (fd >= 0)
		close(fd);
	tally_head = &t->head;
	t->head.pid = (uint64_t)getpid();
	t->head.magic = TALLY_MAGIC;
	return t;
}

static inline struct tally_thread *tally_join(struct tally *t)
{
	struct tally_thread *me = &t->thread[__atomic_fetch_add(&t->head.threads, 1, __ATOMIC_RELAXED)];

	me->tid = (uint64_t)syscall(SYS_gettid);
	me->schedstat = (uint64_t)open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
	return me;
}

/* Time this thread has spent ready to run while others ran: not a pause that a recorder made. */
static inline uint64_t tally_delay_ns(const struct tally_thread *me)
{
	char text[64];
	ssize_t n = pread((int)me->schedstat, text, sizeof(text) - 1, 0);
	char *second;

	if (n <= 0)
		return 0;
	text[n] = 0;
	second = strchr(text, ' ');
	return second ? strtoull(second, NULL, 10) : 0;
}

/* How long this thread stood still since its previous call, or since the moment that the test named, without waiting for a processor. */
static inline void tally_gap(struct tally_thread *me)
{
	uint64_t ns, gap, since = tally_head->since_ns, delay_ns = me->delay_ns;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	if (since < me->last_ns)
		gap = ns - me->last_ns;
	else
		gap = ns > since ? ns - since : 0;
	if (gap > 1000000 || me->entered % 64 == 0)
		me->delay_ns = tally_delay_ns(me);
	if (since && gap > me->delay_ns - delay_ns && gap - (me->delay_ns - delay_ns) > me->longest_gap_ns)
		me->longest_gap_ns = gap - (me->delay_ns - delay_ns);
	me->last_ns = ns;
}

/* Called before each call. */
static inline void tally_enter(struct tally_thread *me, int function)
{
	tally_gap(me);
	me->by_function[function]++;
	me->entered++;
}

/* After a call that asked for a block. */
static inline void tally_got(struct tally_thread *me, void *p, uint64_t size)
{
	me->returned++;
	me->size_sum += size;
	me->address_sum += (uint64_t)p;
	if (!p)
		me->failures++;
}

/* After a call that released p. */
static inline void tally_gave(struct tally_thread *me, const void *p)
{
	me->returned++;
	if (!p)
		me->null_releases++;
}

#endif
