/* SPDX-License-Identifier: Apache-2.0 */
/* forks.c -- a thread that forks while 16 others allocate (LIFE-01)
 *
 *   forks N [US]    N children one after another, each allocates 50 blocks of 7000 bytes and more, frees them and ends
 *
 * The others churn blocks of up to 527 bytes all the while, so each fork comes in the middle of their calls; with US, in bursts,
 * that many microseconds apart, so that a long run is no large one.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static unsigned pause_us;

static void *churn(void *arg)
{
	void *block[64] = { NULL };
	unsigned seed = (unsigned)(uintptr_t)arg;

	for (;;) {
		unsigned i;

		seed = seed * 1103515245 + 12345;
		i = seed >> 16 & 63;
		free(block[i]);
		block[i] = malloc(16 + (seed >> 8 & 511));
		if (pause_us && (seed >> 16 & 511) == 0)
			usleep(pause_us);
	}
	return NULL;
}

static void child(void)
{
	void *block[50];
	size_t i;

	for (i = 0; i < 50; i++)
		block[i] = malloc(7000 + i);
	for (i = 0; i < 50; i++)
		free(block[i]);
	_exit(0);
}

int main(int argc, char **argv)
{
	int i, status, n = argc > 1 ? atoi(argv[1]) : 0;
	pthread_t thread;

	pause_us = argc > 2 ? (unsigned)atoi(argv[2]) : 0;
	for (i = 0; i < 16; i++)
		if (pthread_create(&thread, NULL, churn, (void *)(uintptr_t)(i + 1)))
			return 3;
	for (i = 0; i < n; i++) {
		pid_t pid = fork();

		if (pid == 0)
			child();
		if (waitpid(pid, &status, 0) != pid || status)
			return 5;
	}
	return 0;
}
