/* SPDX-License-Identifier: Apache-2.0 */
/* tree.c -- a tree of processes that confesses what each allocated, held at most and left, and what all held together
 *
 *   tree FILE    every process appends a line to FILE when it ends: pid, allocated bytes, peak bytes, blocks and bytes never freed;
 *                the last line, of pid 0, has the peak of all together
 *
 *   root ── fork: child ── fork: grandchild         which free copies of what they inherited
 *    ├───── vfork: allocates in root's memory, then executes `tree FILE exec`
 *    ├───── posix_spawn: `tree FILE spawn`
 *    ├───── fork, setsid, fork: a daemon, whose parent ends before it begins
 *    └───── executes itself: `tree FILE last`; what it held is gone, and nothing of it is leaked
 *
 * One process acts at a time, and all count in a page they share; so the sum of all is exact at each moment. Nothing but take()
 * and give() allocates.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

struct sums {
	uint64_t allocated, peak, blocks, live;
};

static struct sums mine, *all;
static char *path;

static void need(int ok)
{
	if (!ok)
		_exit(3);
}

static void map_page(void)
{
	char name[4096];
	int fd;

	snprintf(name, sizeof(name), "%s.page", path);
	fd = open(name, O_RDWR | O_CREAT, 0600);
	need(fd >= 0 && !ftruncate(fd, 4096));
	all = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	need(all != MAP_FAILED);
	close(fd);
}

static void count(struct sums *s, uint64_t bytes)
{
	s->allocated += bytes;
	s->blocks++;
	s->live += bytes;
	if (s->live > s->peak)
		s->peak = s->live;
}

static void *take(uint64_t bytes)
{
	count(&mine, bytes);
	count(all, bytes);
	return malloc(bytes);
}

static void give(void *block, uint64_t bytes)
{
	free(block);
	mine.live -= bytes;
	mine.blocks--;
	all->live -= bytes;
}

static void confess(int pid, const struct sums *s)
{
	char line[256];
	int len = snprintf(line, sizeof(line), "%d %llu %llu %llu %llu\n", pid, (unsigned long long)s->allocated,
			   (unsigned long long)s->peak, (unsigned long long)s->blocks, (unsigned long long)s->live);
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT, 0600);

	need(fd >= 0 && write(fd, line, (size_t)len) == len);
	close(fd);
}

/* What is live goes with the process. */
static void leave(void)
{
	confess(getpid(), &mine);
	all->live -= mine.live;
	_exit(0);
}

static pid_t begin_child(void)
{
	pid_t pid = fork();

	need(pid >= 0);
	if (pid == 0)
		mine = (struct sums){ 0 };
	return pid;
}

static void wait_for(pid_t pid)
{
	int status;

	need(pid > 0 && waitpid(pid, &status, 0) == pid && !status);
}

/* ---- the roles --------------------------------------------------------------------------------------------- */

static void alone(uint64_t bytes, uint64_t left)
{
	void *p = take(bytes);

	take(left);
	take(left);
	give(p, bytes);
	leave();
}

static void child(void *inherited)
{
	void *mid = take(2000003), *small = take(700);
	pid_t pid = begin_child();

	if (pid == 0) {
		free(inherited); /* copies: nobody counts them */
		free(small);
		alone(5000001, 101);
	}
	wait_for(pid);
	free(inherited);
	give(mid, 2000003);
	leave();
}

static void with_vfork(char **argv)
{
	pid_t pid = vfork();

	if (pid == 0) {
		give(take(4001), 4001);
		argv[2] = "exec";
		execve("/proc/self/exe", argv, environ);
		_exit(127);
	}
	wait_for(pid);
}

static void with_spawn(char **argv)
{
	pid_t pid;

	argv[2] = "spawn";
	need(!posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, environ));
	wait_for(pid);
}

static void with_daemon(void)
{
	int go[2], done[2];
	char c = 0;
	pid_t pid;

	need(!pipe(go) && !pipe(done));
	pid = begin_child();
	if (pid == 0) {
		setsid();
		take(11);
		if (begin_child())
			leave();
		close(done[0]);
		need(read(go[0], &c, 1) == 1);
		alone(1009, 13);
	}
	wait_for(pid);
	close(done[1]);
	need(write(go[1], &c, 1) == 1);
	need(read(done[0], &c, 1) == 0); /* its end */
}

int main(int argc, char **argv)
{
	static char allocated[32], peak[32];
	char *args[] = { argv[0], argv[1], NULL, NULL, NULL, NULL };
	void *inherited;
	pid_t pid;

	if (argc < 2)
		return 2;
	path = argv[1];
	map_page();
	if (argc > 2 && !strcmp(argv[2], "exec"))
		alone(6000007, 17);
	if (argc > 2 && !strcmp(argv[2], "spawn"))
		alone(3000001, 19);
	if (argc > 4) {
		mine.allocated = strtoull(argv[3], NULL, 10);
		mine.peak = strtoull(argv[4], NULL, 10);
		take(23);
		confess(0, all);
		leave();
	}
	inherited = take(1000003);
	pid = begin_child();
	if (pid == 0)
		child(inherited);
	wait_for(pid);
	with_vfork(args);
	with_spawn(args);
	with_daemon();
	args[2] = "last";
	snprintf(allocated, sizeof(allocated), "%llu", (unsigned long long)mine.allocated);
	snprintf(peak, sizeof(peak), "%llu", (unsigned long long)mine.peak);
	args[3] = allocated;
	args[4] = peak;
	all->live -= mine.live;
	execve("/proc/self/exe", args, environ);
	return 127;
}
