/* SPDX-License-Identifier: Apache-2.0 */
/* execs.c -- processes that become other programs, and processes that have children (LIFE-09 in small)
 *
 *   execs thread CMD...     exec from a thread that is not the first, while others allocate
 *   execs fork N            N children, each allocates 1000 times and ends; sizes 2000 + i in the children, 3000 + i in the parent
 *   execs vfork N [CMD...]  N children by vfork, each allocates once in its parent's memory (size 4000) and execs CMD, or true
 *   execs chain N CMD...    execs itself N times, allocating 5000 + N before each, then CMD
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char **command;

static void *do_exec(void *arg)
{
	(void)arg;
	free(malloc(6000));
	execvp(command[0], command);
	_exit(127);
}

static void *work(void *arg)
{
	(void)arg;
	for (;;)
		free(malloc(64));
	return NULL;
}

static int from_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, work, NULL) || pthread_create(&thread, NULL, do_exec, NULL))
		return 3;
	pause();
	return 4;
}

static int with_forks(int n)
{
	int i, j, status;

	for (i = 0; i < n; i++) {
		pid_t child = fork();

		if (child == 0) {
			for (j = 0; j < 1000; j++)
				free(malloc(2000 + (size_t)i));
			_exit(0);
		}
		free(malloc(3000 + (size_t)i));
		if (waitpid(child, &status, 0) != child || status)
			return 5;
	}
	return 0;
}

static int one_vfork(void)
{
	int status;
	pid_t child = vfork();

	if (child == 0) {
		free(malloc(4000));
		if (command[1])
			execvp(command[1], command + 1);
		execlp("true", "true", (char *)NULL);
		_exit(127);
	}
	return waitpid(child, &status, 0) == child ? status : -1;
}

static int with_vforks(int n)
{
	int i;

	for (i = 0; i < n; i++)
		if (one_vfork())
			return 5;
	return 0;
}

static int chain(char **argv)
{
	char number[16];
	int n = atoi(argv[2]);

	free(malloc(5000 + (size_t)n));
	if (n == 0)
		execvp(argv[3], argv + 3);
	snprintf(number, sizeof(number), "%d", n - 1);
	argv[2] = number;
	execv("/proc/self/exe", argv);
	return 127;
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	command = argv + 2;
	if (!strcmp(argv[1], "thread"))
		return from_thread();
	if (!strcmp(argv[1], "fork"))
		return with_forks(atoi(argv[2]));
	if (!strcmp(argv[1], "vfork"))
		return with_vforks(atoi(argv[2]));
	return chain(argv);
}
