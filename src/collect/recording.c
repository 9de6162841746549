/* SPDX-License-Identifier: Apache-2.0 */
/* recording.c -- the recorder's rounds
 *
 *   find the program ──► fork, held ──► session, trace file ──► go ──► rounds until the target has ended ──► close, END
 *
 *   a round:  drain rings ──► refill the pool, wake who waits ──► flush rows a second old
 *   a tick (100 ms):  images, modules, names, threads that are gone, seccomp, progress
 *
 * Rounds follow each other at once while there is much to do, else after 1 to 8 ms, or when a signal or the target's end comes.
 *
 * Always true: the target is never waited for by anything it does not already wait for; after a failed write or at the size limit it runs on, dormant.
 */
#include "collect/recording.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collect/drain.h"
#include "collect/images.h"
#include "collect/launch.h"
#include "collect/maps.h"
#include "collect/target.h"
#include "util/cleanup.h"

#define MS 1000000ull
#define TICK_NS (100 * MS)
#define SECOND_NS (1000 * MS)
#define BUSY_CELLS 20000u /* in one round: the next follows at once */
#define END_RESERVE 65536u
#define HEAPTAP_SESSION_MAX 64

struct recording {
	const struct ht_recording_options *o;
	struct ht_recording_result *result;
	struct ht_launch launch;
	struct ht_session session;
	struct ht_pool pool;
	struct ht_ticker clock;
	struct ht_trace trace;
	struct ht_contexts contexts;
	struct ht_streams streams;
	struct ht_drain drain;
	struct ht_images images;
	struct ht_maps maps;
	int signals, target; /* signalfd, pidfd */
	bool stopped;        /* recording = 0: limit or write error */
	enum ht_end_reason stop_reason;
	uint64_t begun_ns, tick_ns, second_ns, modules_ns, round_cells;
};

/* ---- signals ----------------------------------------------------------------------------------------------- */

static const int watched[] = { SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGCHLD, SIGUSR1, SIGUSR2 };

/* From here on signals are read, not delivered. The child was forked before and is not concerned. */
static int take_signals(struct recording *r, struct ht_err *err)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(watched) / sizeof(watched[0]); i++) {
		struct sigaction was;

		/* What was ignored at the start stays so, for both: nohup. */
		if (sigaction(watched[i], NULL, &was) == 0 && was.sa_handler == SIG_IGN && watched[i] != SIGCHLD)
			continue;
		sigaddset(&set, watched[i]);
	}
	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGTSTP, SIG_IGN); /* the target stops by itself, and then so do we */
	signal(SIGTTOU, SIG_IGN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	r->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return r->signals < 0 ? ht_err_sys(err, "cannot watch signals") : 0;
}

/* The kernel sends a terminal's signals to the whole foreground group, so the target has had them; what a process sent to us alone is meant for it. */
static void forward_signals(struct recording *r)
{
	struct signalfd_siginfo info;

	while (read(r->signals, &info, sizeof(info)) == sizeof(info))
		if (info.ssi_signo != SIGCHLD && info.ssi_code <= 0)
			kill(r->launch.pid, (int)info.ssi_signo);
}

/* ---- what the target is doing ------------------------------------------------------------------------------ */

static void flush_all(struct recording *r)
{
	ht_drain_round(&r->drain);
	ht_drain_flush(&r->drain, ht_clock_monotonic_ns(), 0);
	ht_trace_flush(&r->trace);
}

/* The target was stopped from the terminal: we stop likewise, so that the shell sees its job stopped; SIGCONT reaches both. */
static void stop_too(struct recording *r, int signal_number)
{
	flush_all(r);
	if (r->o->pausing)
		r->o->pausing();
	(void)signal_number;
	raise(SIGSTOP);
	kill(r->launch.pid, SIGCONT); /* whoever woke us meant the job */
}

static void watch_target(struct recording *r)
{
	int status;

	while (waitpid(r->launch.pid, &status, WNOHANG | WUNTRACED) == r->launch.pid) {
		if (!WIFSTOPPED(status)) {
			r->result->status = status;
			r->result->ended = true;
			return;
		}
		if (WSTOPSIG(status) == SIGTSTP || WSTOPSIG(status) == SIGTTIN || WSTOPSIG(status) == SIGTTOU)
			stop_too(r, WSTOPSIG(status));
	}
}

/* ---- ticks ------------------------------------------------------------------------------------------------- */

static size_t read_proc(const struct recording *r, const char *what, uint32_t tid, char *to, size_t room)
{
	char path[96];
	size_t n = 0;

	if (tid)
		snprintf(path, sizeof(path), "/proc/%d/task/%u/%s", r->launch.pid, tid, what);
	else
		snprintf(path, sizeof(path), "/proc/%d/%s", r->launch.pid, what);
	ht_auto(file) FILE *f = fopen(path, "re");

	if (f)
		n = fread(to, 1, room - 1, f);
	to[n] = 0;
	return n;
}

static void name_threads(struct recording *r)
{
	char name[32];

	for (uint32_t i = 0; i < r->drain.rings_len; i++) {
		struct ht_stream *s = r->drain.rings[i]->stream;

		if (s && read_proc(r, "comm", s->tid, name, sizeof(name)))
			ht_stream_rename(s, name);
	}
}

struct tids {
	uint32_t *tid;
	size_t len, cap;
};

static int compare_tids(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static bool is_listed(const void *with, uint32_t tid)
{
	const struct tids *t = with;

	return bsearch(&tid, t->tid, t->len, sizeof(*t->tid), compare_tids) != NULL;
}

/* False: there is no listing, so nobody may be called gone. */
static bool list_threads(const struct recording *r, struct tids *t)
{
	char path[64];
	const struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", r->launch.pid);
	dir = opendir(path);
	if (!dir)
		return false;
	errno = 0;
	while ((entry = readdir(dir))) {
		if (t->len == t->cap) {
			size_t cap = t->cap ? 2 * t->cap : 256;
			uint32_t *grown = realloc(t->tid, cap * sizeof(*grown));

			if (!grown) {
				closedir(dir);
				return false;
			}
			t->tid = grown;
			t->cap = cap;
		}
		if (entry->d_name[0] != '.')
			t->tid[t->len++] = (uint32_t)strtoul(entry->d_name, NULL, 10);
	}
	closedir(dir);
	qsort(t->tid, t->len, sizeof(*t->tid), compare_tids);
	return errno == 0 && t->len;
}

static void reap_threads(struct recording *r)
{
	struct tids t = { .tid = NULL };

	ht_drain_round(&r->drain); /* slots that are looked at were LIVE before the listing */
	if (list_threads(r, &t))
		ht_drain_reap(&r->drain, r->images.described, is_listed, &t);
	free(t.tid);
}

/* A filter may forbid the futex that a full ring waits on, and kill for it. */
static void look_for_seccomp(struct recording *r)
{
	char status[4096];
	const char *line;

	if (r->result->never_waited || r->o->policy == HT_POLICY_DROP)
		return;
	read_proc(r, "status", 0, status, sizeof(status));
	line = strstr(status, "\nSeccomp:");
	if (line && strtoul(line + 9, NULL, 10) != 0) {
		ht_session_never_wait(&r->session);
		r->result->never_waited = true;
	}
}

static void look_at_modules(struct recording *r, uint64_t now)
{
	if (!r->contexts.new_callers || now - r->modules_ns < TICK_NS)
		return;
	r->contexts.new_callers = false;
	r->modules_ns = now;
	if (!ht_maps_hold(&r->maps, r->contexts.last_pc))
		ht_maps_read(&r->maps, r->images.described);
}

static void show_progress(const struct recording *r, uint64_t now)
{
	struct ht_progress p = {
		.elapsed_ns = now - r->begun_ns,
		.calls = r->streams.calls,
		.file_bytes = r->trace.bytes,
	};
	uint64_t blocked_ticks;

	if (!r->o->progress)
		return;
	ht_drain_sums(&r->drain, &p.lost, &blocked_ticks);
	p.lost += atomic_load_explicit(&r->session.channel->unassigned_lost, memory_order_relaxed); /* a figure to look at */
	p.blocked_ns = ht_clock_ns(&r->clock, blocked_ticks);
	p.live_bytes = r->streams.live ? r->streams.live->bytes : 0;
	r->o->progress(&p);
}

static void look_for_images(struct recording *r)
{
	if (!ht_images_collect(&r->images))
		return;
	ht_maps_forget(&r->maps);
	ht_maps_read(&r->maps, r->images.described);
	name_threads(r);
}

static void tick(struct recording *r, uint64_t now)
{
	ht_images_watch(&r->images);
	look_at_modules(r, now);
	reap_threads(r);
	look_for_seccomp(r);
	show_progress(r, now);
	if (now - r->second_ns >= SECOND_NS) {
		r->second_ns = now;
		ht_clock_mark(&r->clock);
		ht_trace_put_clock(&r->trace, &r->clock.last);
		name_threads(r);
		ht_drain_flush(&r->drain, now, SECOND_NS);
		ht_trace_flush(&r->trace);
	}
}

/* ---- rounds ------------------------------------------------------------------------------------------------ */

static void stop(struct recording *r, enum ht_end_reason why)
{
	ht_session_stop(&r->session);
	ht_drain_close(&r->drain);
	r->stopped = true;
	r->stop_reason = why;
}

static void look_at_limits(struct recording *r)
{
	/* Rows that wait are counted as they are, compression comes on top; as much again may be in the rings. */
	uint64_t coming = r->streams.pending_bytes + r->round_cells * 8 + r->trace.indexed * 16 + END_RESERVE;

	if (r->stopped)
		return;
	if (ht_trace_failed(&r->trace))
		stop(r, HT_END_WRITE);
	else if (r->o->max_bytes && r->trace.bytes + coming >= r->o->max_bytes)
		stop(r, HT_END_LIMIT);
}

static void round_once(struct recording *r)
{
	uint64_t now = ht_clock_monotonic_ns();

	look_for_images(r);
	if (!r->stopped)
		r->round_cells = ht_drain_round(&r->drain);
	ht_contexts_grow(&r->contexts);
	ht_pool_refill(&r->pool);
	look_at_limits(r);
	if (!r->stopped && now - r->tick_ns >= TICK_NS) {
		r->tick_ns = now;
		tick(r, now);
	}
}

static void rounds(struct recording *r)
{
	int pause_ms = 1;

	while (!r->result->ended) {
		struct pollfd fds[] = { { r->signals, POLLIN, 0 }, { r->target, POLLIN, 0 } };

		round_once(r);
		if (r->round_cells > BUSY_CELLS && !r->stopped)
			pause_ms = 0;
		else
			pause_ms = r->stopped ? 1000 : r->round_cells ? 1 : pause_ms < 4 ? pause_ms + 1 : 8;
		poll(fds, 2, pause_ms);
		if (fds[0].revents)
			forward_signals(r);
		if (fds[0].revents || fds[1].revents)
			watch_target(r);
	}
	round_once(r);
}

/* ---- the beginning ----------------------------------------------------------------------------------------- */

static struct ht_str join(char *const *argv, struct ht_buf *to)
{
	for (; *argv; argv++)
		ht_buf_bytes(to, *argv, strlen(*argv) + 1);
	return (struct ht_str){ (const char *)to->at, to->len };
}

static void put_session(struct recording *r)
{
	ht_auto(buf) struct ht_buf command = { .at = NULL };
	struct utsname host;
	struct ht_meta_session m = {
		.clock = r->clock.clock,
		.start_ticks = r->clock.first.ticks,
		.start_realtime_ns = r->clock.first.realtime_ns,
		.policy = r->o->policy,
		.flags = r->o->flags,
		.pid = (uint64_t)r->launch.pid,
		.heaptap = { r->o->version, strlen(r->o->version) },
		.command = join(r->o->argv, &command),
	};

	uname(&host);
	m.host = (struct ht_str){ host.nodename, strlen(host.nodename) };
	ht_trace_put_session(&r->trace, &m);
	ht_trace_flush(&r->trace); /* the first block of the file */
	ht_trace_put_clock(&r->trace, &r->clock.first);
}

static int open_output(struct recording *r, struct ht_err *err)
{
	const char *command = strrchr(r->o->argv[0], '/');
	char *out = r->result->output;

	command = command ? command + 1 : r->o->argv[0];
	if (r->o->output)
		snprintf(out, sizeof(r->result->output), "%s", r->o->output);
	else
		snprintf(out, sizeof(r->result->output), "heaptap.%.15s.%d.htap", command, r->launch.pid);
	return ht_trace_create(out, r->session.id, &r->trace, err);
}

static int prepare(struct recording *r, struct ht_err *err)
{
	int rc;

	ht_clock_init(&r->clock);
	r->result->slow_clock = r->clock.clock != HT_CLOCK_TSC;
	rc = ht_session_create(r->o->policy, r->clock.clock, r->o->flags, &r->session, err);
	if (!rc)
		rc = ht_pool_init(&r->pool, &r->session, err);
	if (!rc)
		rc = open_output(r, err);
	if (rc)
		return rc;
	rc = ht_contexts_init(&r->contexts, &r->session, &r->trace, err);
	r->streams = (struct ht_streams){ .trace = &r->trace, .contexts = &r->contexts, .clock = &r->clock };
	if (r->o->progress)
		r->streams.live = ht_gauge_create();
	if (!rc)
		rc = ht_drain_init(&r->drain, &r->session, &r->pool, &r->streams, err);
	if (!rc)
		rc = take_signals(r, err);
	r->images = (struct ht_images){ .session = &r->session, .trace = &r->trace, .clock = &r->clock, .pid = r->launch.pid };
	r->maps = (struct ht_maps){ .trace = &r->trace, .clock = &r->clock, .pid = r->launch.pid };
	r->target = (int)syscall(SYS_pidfd_open, r->launch.pid, 0);
	if (!rc && r->target < 0)
		rc = ht_err_sys(err, "cannot watch the program (pidfd_open, Linux 5.3)");
	if (!rc)
		ht_pool_refill(&r->pool);
	return rc;
}

static int go(struct recording *r, struct ht_err *err)
{
	char address[HEAPTAP_SESSION_MAX];

	put_session(r);
	snprintf(address, sizeof(address), "%d:%d:%016llx", getpid(), r->session.fd, (unsigned long long)r->session.id);
	ht_session_start(&r->session, (uint32_t)r->launch.pid);
	r->begun_ns = r->tick_ns = r->second_ns = ht_clock_monotonic_ns();
	return ht_launch_go(&r->launch, address, err);
}

/* ---- the end ----------------------------------------------------------------------------------------------- */

static void finish(struct recording *r)
{
	const struct ht_channel *ch = r->session.channel;
	struct ht_recording_result *result = r->result;
	struct ht_meta_end end = { .reason = r->stop_reason };

	ht_clock_mark(&r->clock);
	end.ticks = r->clock.last.ticks;
	ht_trace_begin_end(&r->trace);
	if (!r->stopped)
		ht_drain_close(&r->drain);
	ht_contexts_collect(&r->contexts);
	/* relaxed: the target is gone, or not listened to */
	ht_streams_unassigned(&r->streams, atomic_load_explicit(&ch->unassigned_entered, memory_order_relaxed),
			      atomic_load_explicit(&ch->unassigned_lost, memory_order_relaxed), r->clock.first.ticks, end.ticks);
	ht_trace_put_clock(&r->trace, &r->clock.last);
	if (!r->stopped && result->ended) {
		end.reason = WIFSIGNALED(result->status) ? HT_END_SIGNAL : HT_END_EXIT;
		end.status = (uint64_t)(WIFSIGNALED(result->status) ? WTERMSIG(result->status) : WEXITSTATUS(result->status));
	}
	if (ht_trace_failed(&r->trace))
		end.reason = HT_END_WRITE;
	result->forked_children = atomic_load_explicit(&ch->forked_children, memory_order_relaxed);
	result->contexts_cut = atomic_load_explicit(&ch->contexts_cut, memory_order_relaxed);
	end.forked_children = result->forked_children;
	end.contexts_cut = result->contexts_cut;
	end.damaged_streams = r->streams.damaged;
	end.events = r->trace.events;
	result->write_failed = ht_trace_failed(&r->trace);
	result->write_error = r->trace.err;
	ht_trace_end(&r->trace, &end);
	result->calls = r->streams.calls;
	result->bytes = r->trace.bytes;
	result->lost = r->streams.lost;
	result->blocked_ns = ht_clock_ns(&r->clock, r->streams.blocked_ticks);
	result->damaged_streams = r->streams.damaged;
	result->images = r->images.described;
	result->images_not_recorded = r->images.not_recorded;
	snprintf(result->why_not_recorded, sizeof(result->why_not_recorded), "%s", r->images.why);
	result->limit_reached = r->stopped && r->stop_reason == HT_END_LIMIT;
}

static void give_back(struct recording *r)
{
	ht_launch_drop(&r->launch);
	ht_drain_fini(&r->drain);
	ht_gauge_destroy(r->streams.live);
	ht_contexts_fini(&r->contexts);
	ht_maps_fini(&r->maps);
	ht_trace_close(&r->trace);
	ht_pool_fini(&r->pool);
	ht_session_fini(&r->session);
	if (r->signals >= 0)
		close(r->signals);
	if (r->target >= 0)
		close(r->target);
}

int ht_recording_run(const struct ht_recording_options *o, struct ht_recording_result *ret, struct ht_err *err)
{
	struct recording r = {
		.o = o, .result = ret, .launch = { .hold = -1 }, .session = { .fd = -1 }, .trace = { .fd = -1 }, .signals = -1, .target = -1,
	};
	struct ht_target program;
	char agent[4096];
	int rc = ht_target_find(o->argv[0], &program, err);

	*ret = (struct ht_recording_result){ .status = 0 };
	if (!rc)
		rc = ht_launch_find_agent(agent, sizeof(agent), err);
	if (!rc)
		rc = ht_launch_hold(program.path, o->argv, agent, &r.launch, err);
	if (rc)
		return rc;
	rc = prepare(&r, err);
	if (!rc)
		rc = go(&r, err);
	if (!rc) {
		rounds(&r);
		finish(&r);
	} else if (r.trace.fd >= 0) {
		unlink(ret->output); /* nothing was recorded: no file */
	}
	give_back(&r);
	return rc;
}
