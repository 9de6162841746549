/* SPDX-License-Identifier: Apache-2.0 */
/* ends.c -- every way to end, each with an allocation as the very last thing done before (LIFE-05, LIFE-06, LIFE-07)
 *
 *   ends WAY     return exit _exit _Exit quick_exit abort segv kill term lastthread atexit dtor busy keys
 *
 * Sizes tell what must be in the trace: 1001 the last call of main; 1002 in an atexit handler; 1003 in a destructor of the
 * program, which runs after the agent's own; 1004 in a thread that outlives main; 1005 + round in a key's destructor.
 * busy: four threads allocate while main exits.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *way;
static pthread_key_t key;
static int round_of_key;

static int is(const char *name)
{
	return way && !strcmp(way, name);
}

static void at_exit(void)
{
	free(malloc(1002));
}

__attribute__((destructor)) static void destructor(void)
{
	if (is("dtor"))
		free(malloc(1003));
}

static void *outlive(void *arg)
{
	pthread_join(*(pthread_t *)arg, NULL);
	free(malloc(1004));
	return NULL;
}

static void *work(void *arg)
{
	(void)arg;
	for (;;)
		free(malloc(64));
	return NULL;
}

/* The destructor re-arms its key for every round that POSIX allows, and allocates in each. */
static void key_destructor(void *p)
{
	free(p);
	pthread_setspecific(key, malloc(1005 + (size_t)round_of_key++));
}

static void *with_key(void *arg)
{
	(void)arg;
	pthread_setspecific(key, malloc(1004));
	return NULL;
}

static void die(void)
{
	if (is("exit"))
		exit(7);
	if (is("_exit"))
		_exit(8);
	if (is("_Exit"))
		_Exit(9);
	if (is("quick_exit"))
		quick_exit(10);
	if (is("abort"))
		abort();
	if (is("segv"))
		*(volatile int *)8 = 1;
	if (is("kill"))
		kill(getpid(), SIGKILL);
	if (is("term"))
		kill(getpid(), SIGTERM);
	if (is("lastthread"))
		pthread_exit(NULL);
}

int main(int argc, char **argv)
{
	static pthread_t self;
	pthread_t thread;
	int i;

	way = argc > 1 ? argv[1] : "return";
	self = pthread_self();
	if (is("atexit"))
		atexit(at_exit);
	if (is("lastthread") && pthread_create(&thread, NULL, outlive, &self))
		return 3;
	for (i = 0; is("busy") && i < 4; i++)
		if (pthread_create(&thread, NULL, work, NULL))
			return 3;
	if (is("busy"))
		usleep(20000);
	if (is("keys")) {
		pthread_key_create(&key, key_destructor);
		if (pthread_create(&thread, NULL, with_key, NULL))
			return 3;
		pthread_join(thread, NULL);
	}
	free(malloc(1001));
	die();
	return 6;
}
