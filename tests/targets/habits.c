/* SPDX-License-Identifier: Apache-2.0 */
/* habits.c -- throws blocks away after known numbers of calls, passes them to another thread, grows them, and says so
 *
 *   HT_CONFESS=FILE habits      recorded by tests/e2e/habits.sh
 *
 * Each line of the confession is about the blocks of one function of this program:
 *
 *   within N FUNCTION BLOCKS BYTES     released by their thread at most N calls after they were made; each N names all there are
 *   elsewhere FUNCTION BLOCKS BYTES    released by another thread
 *   hand_over FROM TO BLOCKS BYTES     the threads' ids
 *   kept FUNCTION BLOCKS BYTES
 *   size FUNCTION LEAST MOST BLOCKS    a class of sizes
 *   chains FUNCTION CHAINS GROWN MOST MOVED COPIED
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define HERE __attribute__((noinline)) static

enum { BRIEF = 1000, ROUNDS = 10, BATCH = 8, KEPT = 5, GIVEN = 50, TAKEN = 30 };

static char *volatile one;
static char *kept[KEPT], *given[GIVEN], *taken[TAKEN];
static int worker;
static unsigned long chains, grown, most, moved, copied;

HERE void brief(void)
{
	for (int i = 0; i < BRIEF; i++) {
		one = malloc(24);
		free(one);
	}
}

/* Each block is released by the eighth call after the one that made it. */
HERE void batch(void)
{
	char *p[BATCH];

	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < BATCH; i++)
			p[i] = malloc(200);
		for (int i = 0; i < BATCH; i++)
			free(p[i]);
	}
}

HERE void keep(void)
{
	for (int i = 0; i < KEPT; i++)
		kept[i] = malloc(1000);
}

HERE void give(void)
{
	for (int i = 0; i < GIVEN; i++)
		given[i] = malloc(100);
}

HERE void make_there(void)
{
	for (int i = 0; i < TAKEN; i++)
		taken[i] = malloc(60);
}

static void *work(void *arg)
{
	for (int i = 0; i < GIVEN; i++)
		free(given[i]);
	make_there();
	worker = gettid();
	return arg;
}

HERE char *seed(void)
{
	return malloc(16);
}

HERE char *grow(char *p, size_t from, size_t to)
{
	uintptr_t before = (uintptr_t)p;
	char *q = realloc(p, to);

	if ((uintptr_t)q != before) {
		moved++;
		copied += from < to ? from : to;
	}
	return q;
}

/* Nine times larger, once smaller; then three times larger, with a size in between that stays. */
HERE void chain(int times, size_t last)
{
	size_t size = 16;
	char *p = seed();

	for (int i = 0; i < times; i++, size *= 2)
		p = grow(p, size, size * 2);
	p = grow(p, size, last);
	free(p);
	chains++;
	grown += (unsigned long)times;
	most = (unsigned long)times > most ? (unsigned long)times : most;
}

HERE void sizes(void)
{
	static const size_t size[] = { 0, 1, 2, 3, 4, 5, 8, 9, 1024, 1025, 2048, 1 << 20 };

	for (size_t i = 0; i < sizeof(size) / sizeof(*size); i++) {
		one = malloc(size[i]);
		free(one);
	}
}

int main(void)
{
	const char *path = getenv("HT_CONFESS");
	pthread_t thread;
	int fd;

	brief();
	batch();
	keep();
	give();
	if (pthread_create(&thread, NULL, work, NULL) || pthread_join(thread, NULL))
		return 2;
	for (int i = 0; i < TAKEN; i++)
		free(taken[i]);
	chain(9, 100);
	chain(3, 128);
	sizes();
	fd = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600) : -1;
	if (fd < 0)
		return 3;
	dprintf(fd,
		"within 1 brief %d %d\nwithin 1 sizes 12 1052705\nwithin 7 brief %d %d\nwithin 7 sizes 12 1052705\n",
		BRIEF, BRIEF * 24, BRIEF, BRIEF * 24);
	dprintf(fd, "within 8 brief %d %d\nwithin 8 batch %d %d\nwithin 8 sizes 12 1052705\n", BRIEF, BRIEF * 24,
		ROUNDS * BATCH, ROUNDS * BATCH * 200);
	/* What grows is released by the next realloc, or by the free behind it. */
	for (int within = 1; within <= 8; within += within == 1 ? 6 : 1)
		dprintf(fd, "within %d seed 2 32\nwithin %d grow 14 %d\n", within, within,
			16 * (2 + 4 + 8 + 16 + 32 + 64 + 128 + 256 + 512) + 100 + 16 * (2 + 4 + 8) + 128);
	dprintf(fd, "elsewhere give %d %d\nelsewhere make_there %d %d\n", GIVEN, GIVEN * 100, TAKEN, TAKEN * 60);
	dprintf(fd, "hand_over %d %d %d %d\nhand_over %d %d %d %d\n", getpid(), worker, GIVEN, GIVEN * 100, worker,
		getpid(), TAKEN, TAKEN * 60);
	dprintf(fd, "kept keep %d %d\n", KEPT, KEPT * 1000);
	dprintf(fd,
		"size sizes 0 0 1\nsize sizes 1 1 1\nsize sizes 2 2 1\nsize sizes 3 4 2\nsize sizes 5 8 2\nsize sizes "
		"9 16 1\n"
		"size sizes 513 1024 1\nsize sizes 1025 2048 2\nsize sizes 524289 1048576 1\nsize brief 17 32 %d\n",
		BRIEF);
	dprintf(fd, "chains grow %lu %lu %lu %lu %lu\n", chains, grown, most, moved, copied);
	return close(fd);
}
