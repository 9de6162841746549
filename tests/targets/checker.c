/* SPDX-License-Identifier: Apache-2.0 */
/* checker.c -- threads that allocate, write into their blocks, and read them again: whatever is done to the process, nothing may be found wrong
 *
 *   checker busy N      N threads, each without a pause
 *   checker asleep N    N threads, each asleep in another call between its rounds: a time limit, a lock, a pipe, an event loop
 *
 * Says "ready" when all run, and goes on until its input ends. Then "N threads, R rounds at least, nothing wrong", or what was wrong, and status 1. Each
 * thread holds floating point values in registers across its allocations, and its signal mask is its own.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <time.h>
#include <unistd.h>

#define BLOCKS 16
#define THREADS_MOST 256

static _Atomic int running = 1, wrong;
static _Atomic uint64_t rounds[THREADS_MOST];
static int asleep;

static void say_wrong(const char *what, int number)
{
	wrong = 1;
	printf("thread %d: %s\n", number, what);
}

static uint64_t next(uint64_t *state)
{
	return *state = *state * 6364136223846793005u + 1442695040888963407u;
}

static void *resized(void *p, size_t size)
{
	void *q = realloc(p, size);

	return q ? q : abort(), q;
}

static void allocate_and_check(int number, uint64_t *state)
{
	unsigned char *block[BLOCKS];
	size_t size[BLOCKS];
	double sum = number + 0.5;

	for (int i = 0; i < BLOCKS; i++) {
		uint64_t r = next(state) >> 33;

		size[i] = 1 + r % 700;
		block[i] = r % 3 == 0 ? calloc(1, size[i]) : r % 3 == 1 ? malloc(size[i]) : aligned_alloc(64, size[i]);
		memset(block[i], number + i, size[i]);
		sum += 1.25;
	}
	for (int i = 0; i < BLOCKS; i++) {
		if (i % 4 == 1)
			block[i] = resized(block[i], size[i] + 100);
		for (size_t k = 0; k < size[i]; k++)
			if (block[i][k] != (unsigned char)(number + i))
				say_wrong("a block holds what nobody wrote", number);
		free(block[i]);
		sum -= 1.25;
	}
	if (sum != number + 0.5)
		say_wrong("a sum has changed", number);
}

/* None of these may say EINTR: no signal has a handler. */
static void sleep_somehow(int number, uint64_t *state, const int pipes[2], int loop)
{
	static const char *const calls[] = { "nanosleep", "poll",         "epoll_wait", "select",
					     "ppoll",     "sigtimedwait", "a pipe" };
	struct timespec t = { 0, (long)(next(state) >> 33) % 3000000 };
	struct timeval tv = { 0, t.tv_nsec / 1000 };
	struct epoll_event e;
	struct pollfd fd = { pipes[0], POLLIN, 0 };
	sigset_t none;
	char byte = 0;
	int rc = 0;

	sigemptyset(&none);
	switch ((number + rounds[number]) % 7) {
	case 0:
		rc = nanosleep(&t, NULL);
		break;
	case 1:
		rc = poll(&fd, 1, (int)(t.tv_nsec / 1000000) + 1);
		break;
	case 2:
		rc = epoll_wait(loop, &e, 1, (int)(t.tv_nsec / 1000000) + 1);
		break;
	case 3:
		rc = select(0, NULL, NULL, NULL, &tv);
		break;
	case 4:
		rc = ppoll(&fd, 1, &t, NULL);
		break;
	case 5:
		rc = sigtimedwait(&none, NULL, &t) < 0 && errno != EAGAIN ? -1 : 0;
		break;
	default:
		rc = write(pipes[1], &byte, 1) == 1 && read(pipes[0], &byte, 1) == 1 ? 0 : -1;
	}
	if (rc) {
		printf("%s: ", calls[(number + rounds[number]) % 7]);
		say_wrong(errno == EINTR ? "the call was interrupted" : "the call has failed", number);
	}
}

static void *work(void *arg)
{
	int number = (int)(intptr_t)arg, pipes[2] = { -1, -1 }, loop = epoll_create1(0);
	uint64_t state = (uint64_t)number;
	sigset_t mask, now;

	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	sigaddset(&mask, SIGRTMIN + number % 20);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	if (pipe(pipes) || loop < 0)
		say_wrong("no descriptors", number);
	while (running) {
		allocate_and_check(number, &state);
		if (asleep)
			sleep_somehow(number, &state, pipes, loop);
		rounds[number]++;
	}
	pthread_sigmask(SIG_SETMASK, NULL, &now);
	for (int s = 1; s < NSIG; s++)
		if (sigismember(&mask, s) != sigismember(&now, s))
			say_wrong("the signal mask has changed", number);
	return NULL;
}

int main(int argc, char **argv)
{
	int threads = argc > 2 ? atoi(argv[2]) : 0;
	uint64_t least = UINT64_MAX;
	pthread_t id[THREADS_MOST];
	char byte;

	if (threads < 1 || threads > THREADS_MOST)
		return 2;
	asleep = !strcmp(argv[1], "asleep");
	for (int i = 0; i < threads; i++)
		if (pthread_create(&id[i], NULL, work, (void *)(intptr_t)i))
			return 2;
	for (int i = 0; i < threads; i++)
		while (!rounds[i])
			usleep(1000);
	puts("ready");
	fflush(stdout);
	while (read(0, &byte, 1) > 0)
		;
	running = 0;
	for (int i = 0; i < threads; i++) {
		pthread_join(id[i], NULL);
		least = rounds[i] < least ? rounds[i] : least;
	}
	if (!wrong)
		printf("%d threads, %lu rounds at least, nothing wrong\n", threads, (unsigned long)least);
	return wrong;
}
