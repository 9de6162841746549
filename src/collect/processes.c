/* SPDX-License-Identifier: Apache-2.0 */
/* processes.c -- keeps account of the processes of a session
 *
 * A process is heard of from the kernel (kin.c), from its agent, or by a look at the children of those that are known. What can be asked
 * about it only while it lives is asked at once: a descriptor that tells its end, its name, its command line. What it is too late for stays
 * unknown, and the trace says so.
 *
 * Pids are reused. A process without a descriptor whose end nobody told is asked by kill(2), and if the pid lives, by its start time: one that
 * started after we knew ours is another.
 */
#include "collect/processes.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PIDS ((1u << 22) + 1)
#define COMMAND_MAX 4096u
#define START_GRAIN_NS 10000000ull /* of the start time in /proc */

/* Linux 6.15, linux/pidfd.h: what PIDFD_GET_INFO tells of a process that is gone. */
struct exit_info {
	uint64_t mask;
	uint32_t unused[13];
	int32_t exit_code;
};
#define GET_INFO _IOWR(0xFF, 11, struct exit_info)
#define INFO_EXIT (1ull << 3)

int ht_processes_init(struct ht_processes *ps, struct ht_trace *t, const struct ht_ticker *ticker, struct ht_err *err)
{
	*ps = (struct ht_processes){ .trace = t, .ticker = ticker };
	ps->ends = epoll_create1(EPOLL_CLOEXEC);
	ps->by_pid = calloc(PIDS, sizeof(*ps->by_pid));
	if (ps->ends >= 0 && ps->by_pid)
		return 0;
	return ht_err_sys(err, "cannot keep account of processes");
}

void ht_processes_fini(struct ht_processes *ps)
{
	for (uint32_t i = 0; i < ps->count; i++) {
		struct ht_process *p = ps->at[i];

		if (p->pidfd >= 0)
			close(p->pidfd);
		ht_buf_fini(&p->command);
		ht_mappings_fini(&p->mappings);
		free(p);
	}
	free(ps->at);
	free(ps->alive);
	free(ps->by_pid);
	if (ps->ends >= 0)
		close(ps->ends);
	*ps = (struct ht_processes){ .ends = -1 };
}

struct ht_process *ht_processes_get(const struct ht_processes *ps, uint32_t number)
{
	return number && number <= ps->count ? ps->at[number - 1] : NULL;
}

struct ht_process *ht_processes_latest(const struct ht_processes *ps, pid_t pid)
{
	return pid > 0 && (uint32_t)pid < PIDS ? ht_processes_get(ps, ps->by_pid[pid]) : NULL;
}

struct ht_process *ht_processes_find(const struct ht_processes *ps, pid_t pid)
{
	struct ht_process *p = ht_processes_latest(ps, pid);

	return p && !p->ended ? p : NULL;
}

struct ht_process *ht_processes_at(const struct ht_processes *ps, pid_t pid, uint64_t ticks)
{
	struct ht_process *p = ht_processes_latest(ps, pid);

	while (p && p->start_ticks > ticks && p->before)
		p = ht_processes_get(ps, p->before);
	return p;
}

void ht_processes_put(struct ht_processes *ps, const struct ht_process *p)
{
	struct ht_meta_process m = {
		.process = p->number,
		.parent = p->parent,
		.pid = (uint64_t)p->pid,
		.ppid = (uint64_t)p->ppid,
		.start_ticks = p->start_ticks,
		.end_ticks = p->ended ? p->end_ticks : 0,
		.exit = p->exit,
		.code = p->code,
		.comm = { p->comm, strnlen(p->comm, sizeof(p->comm)) },
		.command = { (const char *)p->command.at, p->command.len },
	};

	ht_trace_put_process(ps->trace, &m);
}

/* ---- beginning --------------------------------------------------------------------------------------------- */

static bool grow(struct ht_processes *ps)
{
	uint32_t cap = ps->cap ? ps->cap * 2 : 64;
	void *at, *alive;

	if (ps->count < ps->cap)
		return true;
	at = realloc(ps->at, cap * sizeof(*ps->at));
	if (at)
		ps->at = at;
	alive = at ? realloc(ps->alive, cap * sizeof(*ps->alive)) : NULL;
	if (!alive)
		return false;
	ps->alive = alive;
	ps->cap = cap;
	return true;
}

/* Whether the process that has this pid now is no younger than `ticks`. */
static bool is_that_old(const struct ht_processes *ps, pid_t pid, uint64_t ticks)
{
	uint64_t start_ns, now_ns = ht_ticker_boottime_ns();
	uint64_t age_ns = ht_ticker_ns(ps->ticker, ht_ticker_now(ps->ticker) - ticks);

	return ht_proc_start(pid, &start_ns) && start_ns <= now_ns - age_ns + START_GRAIN_NS;
}

static void watch(struct ht_processes *ps, struct ht_process *p, uint64_t joined_ticks)
{
	struct epoll_event e = { .events = EPOLLIN, .data.u32 = p->number };

	p->pidfd = (int)syscall(SYS_pidfd_open, p->pid, 0);
	if (p->pidfd >= 0 && !is_that_old(ps, p->pid, joined_ticks)) {
		close(p->pidfd);
		p->pidfd = -1;
		p->leader_ended = true; /* and its pid is another's */
	}
	if (p->pidfd >= 0)
		epoll_ctl(ps->ends, EPOLL_CTL_ADD, p->pidfd, &e);
}

bool ht_processes_describe(struct ht_processes *ps, struct ht_process *p)
{
	char text[COMMAND_MAX];
	size_t n;

	(void)ps;
	if (p->leader_ended || p->ended)
		return false;
	n = ht_proc_read(p->pid, "comm", text, sizeof(text));
	if (n) {
		text[n - 1] = 0; /* its newline */
		snprintf(p->comm, sizeof(p->comm), "%.15s", text);
	}
	n = ht_proc_read(p->pid, "cmdline", text, sizeof(text));
	if (!n) /* gone, or a zombie */
		return false;
	text[n - 1] = 0;
	p->command.len = 0;
	ht_buf_bytes(&p->command, text, n);
	return true;
}

void ht_processes_executed(struct ht_processes *ps, struct ht_process *p, uint64_t ticks)
{
	if (p->image_ticks < ticks) {
		p->comm[0] = 0;
		p->command.len = 0;
	}
	ht_processes_describe(ps, p);
}

struct ht_process *ht_processes_add(struct ht_processes *ps, pid_t pid, const struct ht_process *parent,
				    uint64_t start_ticks, uint64_t joined_ticks)
{
	struct ht_process *p = pid > 0 && (uint32_t)pid < PIDS && grow(ps) ? calloc(1, sizeof(*p)) : NULL;

	if (!p) {
		ps->refused++;
		return NULL;
	}
	p->number = ps->count + 1;
	p->parent = parent ? parent->number : 0;
	p->pid = pid;
	p->ppid = parent ? parent->pid : ht_proc_parent(pid);
	p->start_ticks = start_ticks;
	p->mappings =
		(struct ht_mappings){ .trace = ps->trace, .ticker = ps->ticker, .modules = ps->modules, .pid = pid };
	watch(ps, p, joined_ticks);
	ps->at[ps->count++] = p;
	ps->alive[ps->living++] = p->number;
	ps->running++;
	p->before = ps->by_pid[pid];
	ps->by_pid[pid] = p->number;
	if (parent) { /* until it execs, if it does */
		memcpy(p->comm, parent->comm, sizeof(p->comm));
		ht_buf_bytes(&p->command, parent->command.at, parent->command.len);
		p->exe = parent->exe;
	}
	ht_processes_put(ps, p);
	return p;
}

/* ---- ending ------------------------------------------------------------------------------------------------ */

static void set_exit(struct ht_process *p, int wait_status)
{
	if (wait_status < 0)
		return;
	p->exit = WIFSIGNALED(wait_status) ? HT_EXIT_SIGNAL : HT_EXIT_CODE;
	p->code = (uint32_t)(WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : WEXITSTATUS(wait_status));
}

/* How it ended: the kernel says so once its parent has waited for it. */
static bool read_code(struct ht_process *p)
{
	struct exit_info info = { .mask = INFO_EXIT };

	if (p->pidfd < 0 || ioctl(p->pidfd, GET_INFO, &info))
		return errno != ESRCH; /* too old a kernel: there is nothing to wait for */
	if (!(info.mask & INFO_EXIT))
		return false;
	set_exit(p, info.exit_code);
	return true;
}

static void close_pidfd(struct ht_process *p)
{
	if (p->pidfd >= 0)
		close(p->pidfd);
	p->pidfd = -1;
	p->waits_for_code = false;
}

void ht_processes_end(struct ht_processes *ps, struct ht_process *p, uint64_t ticks, int wait_status)
{
	if (!p->ended) {
		p->end_ticks = ticks;
		p->ended = true;
		if (ps->modules)
			ht_modules_forget(ps->modules, p->image);
		ps->running--;
	}
	set_exit(p, wait_status);
	if (p->exit == HT_EXIT_UNKNOWN && !p->waits_for_code && !read_code(p)) {
		p->waits_for_code = true;
		epoll_ctl(ps->ends, EPOLL_CTL_DEL, p->pidfd, NULL);
	}
	if (p->exit != HT_EXIT_UNKNOWN || !p->waits_for_code)
		close_pidfd(p);
	ht_processes_put(ps, p);
}

static bool is_there(const struct ht_processes *ps, const struct ht_process *p)
{
	return !p->leader_ended && !kill(p->pid, 0) && is_that_old(ps, p->pid, p->start_ticks) &&
	       ht_proc_state(p->pid) != 'Z';
}

size_t ht_processes_gone(const struct ht_processes *ps, bool thorough, struct ht_process *ret[HT_PROCESSES_GONE])
{
	struct epoll_event e[HT_PROCESSES_GONE];
	int n = epoll_wait(ps->ends, e, HT_PROCESSES_GONE, 0);
	size_t gone = 0;

	for (int i = 0; i < n; i++) {
		struct ht_process *p = ht_processes_get(ps, e[i].data.u32);

		if (p && !p->ended)
			ret[gone++] = p;
	}
	for (uint32_t i = 0; thorough && i < ps->living && gone < HT_PROCESSES_GONE; i++) {
		struct ht_process *p = ps->at[ps->alive[i] - 1];

		if (!p->ended && p->pidfd < 0 && !is_there(ps, p))
			ret[gone++] = p;
	}
	return gone;
}

void ht_processes_tidy(struct ht_processes *ps, bool thorough)
{
	for (uint32_t i = 0; i < ps->living;) {
		struct ht_process *p = ps->at[ps->alive[i] - 1];

		if (thorough && p->waits_for_code && read_code(p)) {
			close_pidfd(p);
			ht_processes_put(ps, p);
		}
		if (p->ended && !p->waits_for_code)
			ps->alive[i] = ps->alive[--ps->living];
		else
			i++;
	}
}
