/* SPDX-License-Identifier: Apache-2.0 */
/* pause.c -- how long a process stands still, seen by itself: pause THREADS
 *
 * Used by: attach.sh.
 *
 * One thread allocates and looks at the clock without a pause; the others sleep for a tenth of a second at a time, allocating in between. Each line on standard input
 * is answered by the longest time, in microseconds, between two looks since the last answer.
 */
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static _Atomic uint64_t longest_ns;

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void *look(void *unused)
{
	for (uint64_t last = now_ns(), now;; last = now) {
		free(malloc(100));
		now = now_ns();
		if (now - last > longest_ns)
			longest_ns = now - last;
	}
	return unused;
}

static void *doze(void *unused)
{
	for (;;) {
		free(malloc(100));
		usleep(100000);
	}
	return unused;
}

int main(int argc, char **argv)
{
	int threads = argc > 1 ? atoi(argv[1]) : 1;
	pthread_t id;
	char line[16];

	for (int i = 0; i < threads; i++)
		if (pthread_create(&id, NULL, i ? doze : look, NULL))
			return 2;
	while (fgets(line, sizeof(line), stdin)) {
		printf("%lu\n", (unsigned long)(longest_ns / 1000));
		fflush(stdout);
		longest_ns = 0;
	}
	return 0;
}
