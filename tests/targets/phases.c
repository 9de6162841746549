/* SPDX-License-Identifier: Apache-2.0 */
/* phases.c -- holds, drops and churns known amounts before, in and after a phase, and says so
 *
 *   HT_CONFESS=FILE phases     recorded by tests/e2e/views.sh
 *
 * Allocations of MARK bytes, failed ones of the main thread, stand at the beginning and the end of the phase; so their times, from the
 * trace itself, are the window. The lines of the confession are those of confess.cc, for the measures of a window.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define HERE __attribute__((noinline))
#define MARK (SIZE_MAX / 2 - 4711)
#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)
#define LINE(function) function ":" TEXT(__LINE__)

static char said[4096];
static size_t used;
static const char *old_at, *stale_at, *fresh_at, *brief_at, *worker_at, *late_at;
static void *volatile marked;

static void say(const char *measure, long bytes, long count, const char *where)
{
	used += (size_t)snprintf(said + used, sizeof(said) - used, "%s %ld %ld %s\n", measure, bytes, count, where);
}

HERE static void mark(void)
{
	marked = malloc(MARK);
}

HERE static void *old(void)
{
	void *p;

	p = malloc(1000), old_at = LINE("old");
	return p;
}

HERE static void *stale(void)
{
	void *p;

	p = malloc(2000), stale_at = LINE("stale");
	return p;
}

HERE static void *fresh(void)
{
	void *p;

	p = malloc(300), fresh_at = LINE("fresh");
	return p;
}

HERE static void brief(void)
{
	void *volatile p;

	p = malloc(500), brief_at = LINE("brief");
	free(p);
}

HERE static void *worker(void *arg)
{
	void **to = arg;

	for (int i = 0; i < 6; i++)
		to[i] = malloc(40), worker_at = LINE("worker");
	return NULL;
}

HERE static void late(void)
{
	marked = malloc(123), late_at = LINE("late");
}

static void confess(void)
{
	const char *path = getenv("HT_CONFESS");
	int fd = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600) : -1;

	say("aifo", 7 * 300, 7, fresh_at);
	say("aifo", 6 * 40, 6, worker_at);
	say("aifi", 4 * 500, 4, brief_at);
	say("aofi", 5 * 2000, 5, stale_at);
	say("aofo", 10 * 1000, 10, old_at);
	say("growth", 7 * 300, 7, fresh_at);
	say("growth", 6 * 40, 6, worker_at);
	say("growth", -5 * 2000, -5, stale_at);
	say("live", 7 * 300, 7, fresh_at);
	say("live", 6 * 40, 6, worker_at);
	say("live", 10 * 1000, 10, old_at);
	say("peak", 10 * 1000, 10, old_at);
	say("peak", 5 * 2000, 5, stale_at);
	say("peak", 7 * 300, 7, fresh_at);
	say("peak", 500, 1, brief_at);
	say("allocated", 7 * 300, 7, fresh_at);
	say("allocated", 6 * 40, 6, worker_at);
	say("allocated", 4 * 500, 4, brief_at);
	say("leaked", 6 * 40, 6, worker_at);
	if (fd < 0 || write(fd, said, used) != (ssize_t)used || close(fd))
		_exit(1);
}

int main(void)
{
	void *olds[10], *stales[5], *freshs[7], *theirs[6];
	pthread_t thread;

	for (int i = 0; i < 10; i++)
		olds[i] = old();
	for (int i = 0; i < 5; i++)
		stales[i] = stale();
	mark();
	for (int i = 0; i < 7; i++)
		freshs[i] = fresh();
	for (int i = 0; i < 4; i++)
		brief();
	for (int i = 0; i < 5; i++)
		free(stales[i]);
	if (pthread_create(&thread, NULL, worker, theirs) || pthread_join(thread, NULL))
		return 1;
	mark();
	for (int i = 0; i < 10; i++)
		free(olds[i]);
	for (int i = 0; i < 7; i++)
		free(freshs[i]);
	late();
	confess();
	return 0;
}
