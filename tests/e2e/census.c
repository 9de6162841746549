/* SPDX-License-Identifier: Apache-2.0 */
/* census.c -- stops a process, takes the census of its heap, and lets it go: census PID [TIMES|visit]
 *
 * With `visit`, all stand still as they do when the process is entered: threads that sleep with a time limit are left asleep, and the census is taken by
 * the visitor, kept in memory, and loaded here.
 *
 * Used by: census.sh and its kin. Linked with everything but main, so that the real census is what is asked.
 *
 * Prints for the last of TIMES:   verdict whole|busy|partial WHY      arenas N   inside N   own N   waiting N   ns N (of processor time)
 *                                 block ADDRESS BYTES ARENA           for each; and how many times it was whole: "whole N of TIMES"
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>

#include "attach/census.h"
#include "attach/threads.h"

#define THREADS_MOST 1024
#define LIMIT_NS 20000000000u

static pid_t tid[THREADS_MOST];
static struct ht_census_thread thread[THREADS_MOST];
static size_t threads;

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void die(const char *what)
{
	fprintf(stderr, "census: %s: errno %d\n", what, errno);
	exit(2);
}

static bool is_held(pid_t t)
{
	for (size_t i = 0; i < threads; i++)
		if (tid[i] == t)
			return true;
	return false;
}

static void hold(pid_t t)
{
	struct user_regs_struct r;
	int status;

	if (is_held(t) || ptrace(PTRACE_SEIZE, t, NULL, NULL))
		return;
	if (ptrace(PTRACE_INTERRUPT, t, NULL, NULL) || waitpid(t, &status, __WALL) != t || !WIFSTOPPED(status))
		die("a thread does not stop");
	if (ptrace(PTRACE_GETREGS, t, NULL, &r))
		die("registers");
	thread[threads] =
		(struct ht_census_thread){ .pc = r.rip, .sp = r.rsp, .fs = r.fs_base, .call = (int64_t)r.orig_rax };
	tid[threads++] = t;
}

static void stop(pid_t pid)
{
	char path[64];
	size_t before;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	do {
		DIR *tasks = opendir(path);
		const struct dirent *d;

		before = threads;
		while (tasks && threads < THREADS_MOST && (d = readdir(tasks)))
			if (d->d_name[0] != '.')
				hold((pid_t)atoi(d->d_name));
		if (tasks)
			closedir(tasks);
	} while (threads != before);
	if (!threads)
		die("no thread can be stopped");
}

static void let_go(void)
{
	for (size_t i = 0; i < threads; i++)
		ptrace(PTRACE_DETACH, tid[i], NULL, NULL);
	threads = 0;
}

static void print(const struct ht_census *c, uint64_t ns)
{
	static const char *const verdict[] = { "whole", "busy", "partial" };
	struct ht_chunk_cursor at = { 0 };
	struct ht_live_block b;

	printf("verdict %s %s\narenas %u\ninside %u\nown %" PRIu64 "\nwaiting %" PRIu64 "\nns %" PRIu64 "\n",
	       verdict[c->verdict], c->verdict ? c->why : "", c->arenas, c->inside, c->own_blocks, c->waiting, ns);
	while (ht_census_next(c, &at, &b))
		printf("block %#" PRIx64 " %" PRIu64 " %u\n", b.address, b.bytes, b.arena);
}

struct taking {
	struct ht_census *census;
	int fd, asleep;
	uint64_t ns;
};

static int take_in_visit(struct ht_visit *v, void *with, struct ht_err *err)
{
	struct taking *t = with;
	uint64_t since_ns = now_ns();
	int rc = ht_threads_take_census(v, t->census, LIMIT_NS, t->fd, err);

	t->ns = now_ns() - since_ns;
	for (size_t i = 0; i < v->threads; i++)
		t->asleep += v->thread[i].state == HT_VISIT_PARKED;
	return rc;
}

static int visit(struct ht_process *p, struct ht_census *c, struct ht_err *err)
{
	struct taking t = { .census = c, .fd = memfd_create("census", MFD_CLOEXEC) };
	int rc = ht_visit_run(p, &(struct ht_visit_task){ take_in_visit, &t, sizeof(t), LIMIT_NS }, NULL, err);

	if (!rc)
		rc = ht_census_load(c, t.fd, err);
	if (rc) {
		printf("refused %s\n", err->text);
		return 1;
	}
	print(c, t.ns);
	printf("asleep %d\n", t.asleep);
	ht_census_fini(c);
	ht_process_close(p);
	return 0;
}

int main(int argc, char **argv)
{
	struct ht_process p;
	struct ht_census c;
	struct ht_err err;
	int times = argc > 2 ? atoi(argv[2]) : 1, whole = 0;
	uint64_t ns = 0;

	if (argc < 2 || ht_process_open((pid_t)atoi(argv[1]), &p, &err) || ht_census_find(&p, &c, &err)) {
		printf("refused %s\n", argc < 2 ? "PID?" : err.text);
		return 1;
	}
	if (argc > 2 && !strcmp(argv[2], "visit"))
		return visit(&p, &c, &err);
	for (int i = 0; i < times; i++) {
		stop(p.pid);
		ns = cpu_ns();
		if (ht_census_take(&c, thread, threads, now_ns() + LIMIT_NS, &err)) {
			printf("refused %s\n", err.text);
			return 1;
		}
		ns = cpu_ns() - ns;
		let_go();
		whole += c.verdict == HT_CENSUS_WHOLE;
	}
	print(&c, ns);
	printf("whole %d of %d\n", whole, times);
	ht_census_fini(&c);
	ht_process_close(&p);
	return 0;
}
