/* SPDX-License-Identifier: Apache-2.0 */
/* threads.c -- asks the kernel about threads that are not held
 *
 * Called by: tid.c, and whoever takes the census in a visit.
 */
#include "attach/threads.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "util/cleanup.h"

#define SLEEPERS_NS 20000000ull /* that long it is waited for those who sleep for a moment */
#define NAP_NS 1000000
#define WORDS 512u /* 4 KiB in front of the list: as large as glibc's structure of a thread may be */

static uint64_t search(const struct ht_process *p, uint64_t list)
{
	const struct ht_region *r = ht_process_at(p, list);
	uint64_t word[WORDS], from = list - sizeof(word), found = 0;

	if (!r || list & 7)
		return 0;
	if (from < r->start)
		from = r->start;
	if (!ht_process_read(p, from, word, list - from))
		return 0;
	for (size_t i = 0; i < (list - from) / 8; i++) {
		if (word[i] != from + 8 * i)
			continue;
		if (found)
			return 0;
		found = word[i];
	}
	return found;
}

uint64_t ht_threads_pointer(const struct ht_visit *v, const struct ht_visited *t)
{
	uint64_t list = 0;
	size_t bytes;

	if (t->state == HT_VISIT_HELD)
		return t->regs.fs_base;
	if (syscall(SYS_get_robust_list, t->tid, &list, &bytes))
		return 0;
	return list ? search(v->process, list) : 0;
}

/* The number of the call that the thread sleeps in; negative: none. */
static int64_t call_of(const struct ht_visit *v, const struct ht_visited *t)
{
	char path[64], text[256];
	ssize_t n;

	if (t->state == HT_VISIT_HELD)
		return (int64_t)t->regs.orig_rax;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", (int)v->process->pid, (int)t->tid);
	ht_auto(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0 || text[0] < '0' || text[0] > '9')
		return -1;
	text[n] = 0;
	return strtoll(text, NULL, 10);
}

/* Those that have ended are left out. NULL: no memory. */
static struct ht_census_thread *threads_of(const struct ht_visit *v, size_t *count)
{
	struct ht_census_thread *all = calloc(v->threads + 1, sizeof(*all));

	*count = 0;
	for (size_t i = 0; all && i < v->threads; i++) {
		const struct ht_visited *t = &v->thread[i];

		if (t->state != HT_VISIT_GONE)
			all[(*count)++] = (struct ht_census_thread){ .pc = t->regs.rip,
								     .sp = t->regs.rsp,
								     .fs = ht_threads_pointer(v, t),
								     .call = call_of(v, t) };
	}
	return all;
}

bool ht_threads_are_quiet(const struct ht_visit *v, struct ht_census *c)
{
	size_t count;
	ht_auto(memory) struct ht_census_thread *thread = threads_of(v, &count);

	return thread && ht_census_is_quiet(c, thread, count);
}

/* Nobody runs, as far as could be: those who sleep for a moment only are stopped when they wake up. */
static int wait_for_sleepers(struct ht_visit *v, struct ht_err *err)
{
	uint64_t until_ns = ht_visit_now_ns() + SLEEPERS_NS;
	size_t woken;
	int rc;

	do {
		woken = v->woken;
		nanosleep(&(struct timespec){ .tv_nsec = NAP_NS }, NULL);
		rc = ht_visit_settle(v, err);
	} while (!rc && v->woken != woken && ht_visit_now_ns() < until_ns);
	return rc;
}

static bool somebody_sleeps(const struct ht_visit *v)
{
	for (size_t i = 0; i < v->threads; i++)
		if (v->thread[i].state == HT_VISIT_PARKED)
			return true;
	return false;
}

static int take(const struct ht_visit *v, struct ht_census *c, uint64_t most_ns, struct ht_err *err)
{
	size_t count;
	ht_auto(memory) struct ht_census_thread *thread = threads_of(v, &count);

	return thread ? ht_census_take(c, thread, count, ht_visit_now_ns() + most_ns, err)
		      : ht_err_set(err, HT_ESYSTEM, "out of memory");
}

int ht_threads_take_census(struct ht_visit *v, struct ht_census *c, uint64_t most_ns, int fd, struct ht_err *err)
{
	size_t woken;
	int rc = somebody_sleeps(v) ? wait_for_sleepers(v, err) : 0;

	woken = v->woken;
	if (!rc)
		rc = take(v, c, most_ns, err);
	if (!rc)
		rc = ht_visit_settle(v, err);
	if (!rc && v->woken != woken && c->verdict == HT_CENSUS_WHOLE) {
		c->verdict = HT_CENSUS_BUSY;
		snprintf(c->why, sizeof(c->why), "a thread woke up meanwhile");
	}
	return rc ? rc : ht_census_store(c, fd, err);
}
