/* SPDX-License-Identifier: Apache-2.0 */
/* visit.c -- ptrace: seize, interrupt, wait, detach
 *
 * Called by: the doors into a process. The visitor is a forked child: a thread that was seized and not stopped cannot be let go otherwise, and
 * a signal or a failure in the recorder's own process must not come in between.
 *
 * It runs before everybody else (SCHED_FIFO, if it may): on a machine with more busy threads than processors the stop would last as long as their turns.
 */
#include "attach/visit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "util/cleanup.h"

#define TICK_US 10000 /* how late the deadline may be noticed */
#define FIRST_PRIORITY 50
#define STOP_MOST_NS 2000000000ull       /* until all stand still; the work may take longer */
#define NO_RESTART_AFTER_HANDLER (-514L) /* the kernel's ERESTARTNOHAND: again, unless a handler has run */

#ifndef PTRACE_O_SUSPEND_SECCOMP
#define PTRACE_O_SUSPEND_SECCOMP (1 << 21)
#endif

uint64_t ht_visit_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static bool is_late(const struct ht_visit *v)
{
	return ht_visit_now_ns() > v->until_ns;
}

/* ---- what a thread is doing -------------------------------------------------------------------------------- */

struct doing {
	bool asleep; /* in a system call */
	long call;
	uint64_t arg[6], sp, pc;
};

static bool read_task(const struct ht_visit *v, pid_t tid, const char *file, char *text, size_t room)
{
	char path[80];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/%s", (int)v->process->pid, (int)tid, file);
	ht_auto(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, room - 1);
	text[n > 0 ? n : 0] = 0;
	return n > 0;
}

static struct doing look_at(const struct ht_visit *v, pid_t tid)
{
	struct doing d = { .call = -1 };
	char text[256];

	if (read_task(v, tid, "syscall", text, sizeof(text)))
		d.asleep = sscanf(text,
				  "%ld 0x%" SCNx64 " 0x%" SCNx64 " 0x%" SCNx64 " 0x%" SCNx64 " 0x%" SCNx64 " 0x%" SCNx64
				  " 0x%" SCNx64 " 0x%" SCNx64,
				  &d.call, &d.arg[0], &d.arg[1], &d.arg[2], &d.arg[3], &d.arg[4], &d.arg[5], &d.sp,
				  &d.pc) == 9 &&
			   d.call >= 0;
	return d;
}

static char state_of(const struct ht_visit *v, pid_t tid)
{
	char text[512];
	const char *end = read_task(v, tid, "stat", text, sizeof(text)) ? strrchr(text, ')') : NULL;

	return end && end[1] ? end[2] : 'X';
}

/* Calls that say EINTR whatever interrupts them, if only a stop (signal(7)). */
static bool says_eintr(long call)
{
	switch (call) {
	case SYS_epoll_wait:
	case SYS_epoll_pwait:
	case SYS_epoll_pwait2:
	case SYS_rt_sigtimedwait:
	case SYS_semop:
	case SYS_semtimedop:
	case SYS_io_getevents:
	case SYS_io_pgetevents:
	case SYS_recvfrom: /* these, with a time limit on the socket */
	case SYS_recvmsg:
	case SYS_recvmmsg:
	case SYS_sendto:
	case SYS_sendmsg:
	case SYS_accept:
	case SYS_accept4:
	case SYS_connect:
	case SYS_read:
	case SYS_write:
		return true;
	default:
		return false;
	}
}

/* ... and would begin to count their time anew; or, as ppoll and select, leave out the time for which they were stopped. That of a socket cannot be seen from here. */
static bool has_limit(const struct doing *d)
{
	switch (d->call) {
	case SYS_epoll_wait:
	case SYS_epoll_pwait:
		return (int)d->arg[3] > 0;
	case SYS_epoll_pwait2:
	case SYS_semtimedop:
		return d->arg[3] != 0;
	case SYS_rt_sigtimedwait:
	case SYS_ppoll:
		return d->arg[2] != 0;
	case SYS_select:
	case SYS_pselect6:
	case SYS_io_getevents:
	case SYS_io_pgetevents:
		return d->arg[4] != 0;
	default:
		return false;
	}
}

/* Any signal ends it, so that it is not necessary to ask: most threads of most programs sleep so. */
static bool sleeps_lightly(long call)
{
	return call == SYS_futex || call == SYS_nanosleep || call == SYS_clock_nanosleep || call == SYS_poll ||
	       call == SYS_ppoll || call == SYS_select || call == SYS_pselect6 || call == SYS_epoll_wait ||
	       call == SYS_epoll_pwait || call == SYS_restart_syscall;
}

/* ---- stopping ---------------------------------------------------------------------------------------------- */

static struct ht_visited *find(struct ht_visit *v, pid_t tid)
{
	for (size_t i = 0; i < v->threads; i++)
		if (v->thread[i].tid == tid)
			return &v->thread[i];
	return NULL;
}

/* Stops it, or leaves it where it sleeps. */
static void stop(struct ht_visit *v, struct ht_visited *t)
{
	struct doing d = look_at(v, t->tid);

	t->regs = (struct user_regs_struct){ .rip = d.pc, .rsp = d.sp };
	if (d.asleep && has_limit(&d)) {
		t->state = HT_VISIT_PARKED;
		return;
	}
	t->state =
		d.asleep && !sleeps_lightly(d.call) && state_of(v, t->tid) == 'D' ? HT_VISIT_CAUGHT : HT_VISIT_STOPPING;
	ptrace(PTRACE_INTERRUPT, t->tid, NULL, NULL);
}

static int seize(struct ht_visit *v, pid_t tid, struct ht_err *err)
{
	unsigned long options = PTRACE_O_TRACESYSGOOD | (v->filtered ? PTRACE_O_SUSPEND_SECCOMP : 0);
	char state;

	if (find(v, tid))
		return 0;
	if (v->threads == v->cap) {
		size_t cap = v->cap ? v->cap * 2 : 64;
		struct ht_visited *more = reallocarray(v->thread, cap, sizeof(*more));

		if (!more)
			return ht_err_set(err, HT_ESYSTEM, "out of memory");
		v->thread = more;
		v->cap = cap;
	}
	if (ptrace(PTRACE_SEIZE, tid, NULL, options)) {
		int why = errno;

		state = state_of(v, tid);
		if (why == ESRCH || state == 'X' || state == 'Z')
			return 0;
		errno = why;
		return ht_err_sys(err, "thread %d of process %d cannot be stopped", (int)tid, (int)v->process->pid);
	}
	v->thread[v->threads] = (struct ht_visited){ .tid = tid };
	stop(v, &v->thread[v->threads++]);
	return 0;
}

/* V1 */
static void held(struct ht_visited *t)
{
	t->state = ptrace(PTRACE_GETREGS, t->tid, NULL, &t->regs) ? HT_VISIT_GONE : HT_VISIT_HELD;
	if (t->state == HT_VISIT_HELD && (long)t->regs.rax == -EINTR && says_eintr((long)t->regs.orig_rax)) {
		t->regs.rax = (unsigned long)NO_RESTART_AFTER_HANDLER;
		ptrace(PTRACE_SETREGS, t->tid, NULL, &t->regs);
	}
}

static void take_news(struct ht_visit *v, pid_t tid, int status)
{
	struct ht_visited *t = find(v, tid);

	if (!t)
		return;
	if (!WIFSTOPPED(status))
		t->state = HT_VISIT_GONE;
	else if (status >> 16 == PTRACE_EVENT_STOP)
		held(t);
	else
		ptrace(PTRACE_CONT, tid, NULL, (long)WSTOPSIG(status)); /* V3; the stop that was asked for follows */
}

static int late(const struct ht_visit *v, pid_t tid, struct ht_err *err)
{
	return ht_err_set(err, HT_ETARGET, "thread %d of process %d did not stop in time; nothing was changed",
			  (int)tid, (int)v->process->pid);
}

static int wait_for_stops(struct ht_visit *v, struct ht_err *err)
{
	for (size_t i = 0; i < v->threads;) {
		int status;
		pid_t tid;

		if (v->thread[i].state != HT_VISIT_STOPPING) {
			i++;
			continue;
		}
		if (is_late(v))
			return late(v, v->thread[i].tid, err);
		tid = waitpid(-1, &status, __WALL);
		if (tid > 0)
			take_news(v, tid, status);
		else if (errno == ECHILD)
			return ht_err_set(err, HT_ETARGET, "process %d has ended", (int)v->process->pid);
	}
	return 0;
}

int ht_visit_wait(struct ht_visit *v, struct ht_visited *t)
{
	int status;

	while (!is_late(v)) {
		if (waitpid(t->tid, &status, __WALL) != t->tid)
			continue;
		if (!WIFSTOPPED(status))
			t->state = HT_VISIT_GONE;
		return status;
	}
	return -1;
}

/* Those who came while others were being stopped, too: nobody new can come when all stand still. */
static int stop_all(struct ht_visit *v, struct ht_err *err)
{
	char path[64];
	size_t before;
	int rc = 0;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)v->process->pid);
	do {
		DIR *tasks = opendir(path);
		const struct dirent *d;

		before = v->threads;
		if (!tasks)
			return ht_err_set(err, HT_ETARGET, "process %d has ended", (int)v->process->pid);
		while (!rc && (d = readdir(tasks)))
			if (d->d_name[0] != '.')
				rc = seize(v, (pid_t)atoi(d->d_name), err);
		closedir(tasks);
		if (!rc)
			rc = wait_for_stops(v, err);
	} while (!rc && v->threads != before);
	return rc;
}

int ht_visit_settle(struct ht_visit *v, struct ht_err *err)
{
	for (size_t i = 0; i < v->threads; i++) {
		struct ht_visited *t = &v->thread[i];
		struct doing d;

		if (t->state != HT_VISIT_PARKED)
			continue;
		d = look_at(v, t->tid);
		if (d.asleep && d.pc == t->regs.rip && d.sp == t->regs.rsp)
			continue;
		v->woken++;
		stop(v, t);
	}
	return wait_for_stops(v, err);
}

bool ht_visit_rouse(struct ht_visit *v)
{
	struct ht_err err;

	for (size_t i = 0; i < v->threads; i++) {
		struct ht_visited *t = &v->thread[i];

		if (t->state != HT_VISIT_PARKED)
			continue;
		t->state = HT_VISIT_STOPPING;
		ptrace(PTRACE_INTERRUPT, t->tid, NULL, NULL);
		return !wait_for_stops(v, &err);
	}
	return false;
}

/* ---- a process of its own ---------------------------------------------------------------------------------- */

static void let_go(struct ht_visit *v)
{
	int status;

	/* V1 for those, too, who have stopped since somebody waited */
	for (size_t i = 0; i < v->threads; i++)
		if ((v->thread[i].state == HT_VISIT_STOPPING || v->thread[i].state == HT_VISIT_CAUGHT) &&
		    waitpid(v->thread[i].tid, &status, WNOHANG | __WALL) == v->thread[i].tid)
			take_news(v, v->thread[i].tid, status);
	for (size_t i = 0; i < v->threads; i++)
		if (v->thread[i].state == HT_VISIT_HELD)
			ptrace(PTRACE_DETACH, v->thread[i].tid, NULL, NULL);
	free(v->thread);
}

static void noticed(int number)
{
	(void)number;
}

/* Only a timer disturbs it from now on, so that no wait is without an end. */
static void stand_apart(void)
{
	struct sigaction on_tick = { .sa_handler = noticed };
	struct itimerval tick = { { 0, TICK_US }, { 0, TICK_US } };
	struct sched_param first = { .sched_priority = FIRST_PRIORITY };
	sigset_t others;

	setsid();
	sigfillset(&others);
	sigdelset(&others, SIGALRM);
	sigaction(SIGALRM, &on_tick, NULL);
	sigprocmask(SIG_SETMASK, &others, NULL);
	setitimer(ITIMER_REAL, &tick, NULL);
	if (sched_setscheduler(0, SCHED_FIFO, &first))
		setpriority(PRIO_PROCESS, 0, -20);
}

struct outcome {
	bool done;
	int rc;
	uint64_t stopped_ns;
	struct ht_err err;
	uint8_t with[];
};

static void visit(struct ht_process *p, const struct ht_visit_task *task, struct outcome *o)
{
	struct ht_visit v = { .process = p };
	char filters[16];
	uint64_t since_ns;

	stand_apart();
	v.filtered = ht_process_status(p->pid, 0, "Seccomp", filters, sizeof(filters)) && strcmp(filters, "0") != 0;
	since_ns = ht_visit_now_ns();
	v.until_ns = since_ns + (task->most_ns < STOP_MOST_NS ? task->most_ns : STOP_MOST_NS);
	o->rc = stop_all(&v, &o->err);
	v.until_ns = since_ns + task->most_ns;
	if (!o->rc)
		o->rc = task->work(&v, o->with, &o->err);
	let_go(&v);
	o->stopped_ns = ht_visit_now_ns() - since_ns;
	o->done = true;
}

int ht_visit_run(struct ht_process *p, const struct ht_visit_task *task, uint64_t *stopped_ns, struct ht_err *err)
{
	size_t room = sizeof(struct outcome) + task->bytes;
	struct outcome *o = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t visitor;
	int status, rc;

	if (o == MAP_FAILED)
		return ht_err_sys(err, "no memory to enter process %d", (int)p->pid);
	if (task->bytes)
		memcpy(o->with, task->with, task->bytes);
	visitor = fork();
	if (visitor == 0) {
		visit(p, task, o);
		_exit(0);
	}
	if (visitor < 0) {
		munmap(o, room);
		return ht_err_sys(err, "cannot start a process to enter process %d", (int)p->pid);
	}
	while (waitpid(visitor, &status, 0) != visitor && errno == EINTR)
		;
	rc = o->done ? o->rc
		     : ht_err_set(err, HT_ESYSTEM,
				  "what entered process %d was killed; `heaptap detach` looks after it", (int)p->pid);
	if (o->done && rc)
		*err = o->err;
	if (task->bytes)
		memcpy(task->with, o->with, task->bytes);
	if (stopped_ns)
		*stopped_ns = o->stopped_ns;
	munmap(o, room);
	return rc;
}
