/* SPDX-License-Identifier: Apache-2.0 */
/* recording.c -- the recorder's rounds, from the command line, or from a running process, to the last block
 *
 * Called by: show/record.c.
 *
 *   find the program ──► fork, held ──► session, trace file ──► go ──────► rounds until the target has ended ──► close, END
 *   a process ──► memory that it lends ─► session, trace file ──► enter it ─► rounds until that, or we are asked ──► leave it, close, END
 *
 *   a round            kin, images ──► drain rings ──► refill the pool, wake who waits ──► memory behind the tree
 *   a tick (100 ms)    processes and threads that are gone, programs without an agent, mappings, names, seccomp, progress
 *   a second           flush rows, a clock pair
 *
 * Rounds follow each other at once while there is much to do, else after 1 to 8 ms, or when a signal or the
 * target's end comes; sooner while an image is young, to have seen a program that runs for a millisecond: what
 * is mapped, and whether it has an agent.
 *
 * Always true: the target is never made to wait by anything but a full pool; after a failed write or at the size
 * limit the trace is ended at once, and the target runs on, dormant.
 */
#include "collect/recording.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collect/drain.h"
#include "collect/kin.h"
#include "collect/launch.h"
#include "collect/signals.h"
#include "collect/target.h"

#define MS 1000000ull
#define TICK_NS (100 * MS)
#define SECOND_NS (1000 * MS)
#define QUICK_NS (MS / 10) /* between rounds, while an image is young: */
#define YOUNG_NS (30 * MS)
#define SETTLE_NS (50 * MS)
#define BUSY_CELLS 20000u         /* in one round: the next follows at once */
#define PENDING_ROWS_MAX 4000000u /* over all streams: about 40 MiB */
#define END_BYTES 16384u          /* the last words of a small trace; what each stream and block adds to them: */
#define ACCOUNT_BYTES 48u
#define ENTRY_BYTES 12u
#define SEGMENTS_LEAST 2u
#define ROW_BYTES 8u /* packed; more than any program took so far */

struct recording {
	const struct ht_recording_options *o;
	struct ht_recording_result *result;
	struct ht_target program;
	struct ht_launch launch;
	struct ht_session session;
	struct ht_pool pool;
	struct ht_ticker ticker;
	struct ht_trace trace;
	struct ht_contexts contexts;
	struct ht_modules modules;
	struct ht_streams streams;
	struct ht_gauge gauge;
	struct ht_drain drain;
	struct ht_images images;
	struct ht_processes processes;
	struct ht_kin kin;
	struct ht_process *root;
	pid_t pid;           /* of the target */
	int signals, target; /* signalfd, pidfd */
	bool closed;         /* END is written */
	uint64_t begun_ns, tick_ns, second_ns, pause_ns, quick_until_ns;
	uint32_t images_seen, root_image_seen;
};

/* ---- ticks ------------------------------------------------------------------------------------------------- */

static void look_at_images(struct recording *r, uint64_t now_ns)
{
	ht_kin_read(&r->kin);
	ht_images_read(&r->images);
	ht_images_watch(&r->images, r->root);
	if (r->images.count != r->images_seen)
		r->quick_until_ns = now_ns + YOUNG_NS;
	if (r->root->image != r->root_image_seen && r->streams.gauge)
		ht_gauge_clear(r->streams.gauge); /* the blocks of the earlier image are gone */
	r->images_seen = r->images.count;
	r->root_image_seen = r->root->image;
}

/* A filter of its own may forbid the futex that a thread without room waits on, and kill for it. */
static void look_for_filters(struct recording *r, const struct ht_process *p)
{
	if (r->o->policy != HT_POLICY_BLOCK || r->result->never_waited ||
	    ht_proc_filters(p->pid) <= ht_proc_filters(getpid()))
		return;
	ht_session_never_wait(&r->session);
	r->result->never_waited = true;
}

static void show_progress(const struct recording *r, uint64_t now_ns)
{
	struct ht_progress p = {
		.elapsed_ns = now_ns - r->begun_ns,
		.calls = r->streams.calls,
		.file_bytes = r->trace.bytes,
		.live_bytes = r->gauge.live_bytes,
		.live_unknown = r->gauge.lost_track,
	};
	uint64_t blocked_ticks;

	if (!r->o->progress)
		return;
	ht_drain_sum(&r->drain, &p.lost, &blocked_ticks);
	p.blocked_ns = ht_ticker_ns(&r->ticker, blocked_ticks);
	r->o->progress(&p);
}

static void flush(struct recording *r)
{
	ht_streams_flush(&r->streams);
	ht_trace_flush(&r->trace);
}

static bool follows_children(const struct recording *r)
{
	static_assert(HT_SESSION_FOLLOWS == (HT_SESSION_FOLLOW_FORK | HT_SESSION_FOLLOW_EXEC),
		      "the trace has the same bits");
	return r->o->flags & HT_SESSION_FOLLOWS;
}

static void look_at_processes(struct recording *r)
{
	ht_kin_read(&r->kin);
	if (follows_children(r) && (r->kin.fd < 0 || r->kin.overran))
		ht_kin_look(&r->kin);
	ht_kin_look_at_ends(&r->kin, true);
	for (uint32_t i = 0; i < r->processes.living; i++) {
		struct ht_process *p = ht_processes_get(&r->processes, r->processes.alive[i]);

		if (p->ended)
			continue;
		ht_images_watch(&r->images, p);
		look_for_filters(r, p);
		if (p->mappings.wanted)
			ht_mappings_look(&p->mappings, p->image);
	}
}

static void tick(struct recording *r, uint64_t now_ns)
{
	r->tick_ns = now_ns;
	look_at_processes(r);
	ht_drain_reap(&r->drain);
	if (now_ns - r->second_ns < SECOND_NS)
		return;
	r->second_ns = now_ns;
	ht_ticker_mark(&r->ticker);
	ht_trace_put_clock(&r->trace, &r->ticker.last);
	flush(r);
}

/* ---- the end ----------------------------------------------------------------------------------------------- */

static void fill_result(struct recording *r)
{
	const struct ht_channel *ch = r->session.channel;
	struct ht_recording_result *result = r->result;
	static const char *const why[] = {
		[HT_IMAGE_STATE_OWN_ALLOCATOR] = "it brings its own allocator",
		[HT_IMAGE_STATE_NO_WIPE] =
			"this kernel cannot tell its forked children apart (MADV_WIPEONFORK, Linux 4.14)",
		[HT_IMAGE_STATE_NO_LIBC] = "no allocator was found in it",
		[HT_IMAGE_STATE_UNSEEN] =
			"no agent was loaded into it (static, privileged, or started without LD_PRELOAD)",
	};

	/* relaxed: the target is gone, or not listened to */
	result->forked_children = atomic_load_explicit(&ch->forked_children, memory_order_relaxed);
	result->contexts_cut = atomic_load_explicit(&ch->contexts_cut, memory_order_relaxed);
	result->modules_left_out = atomic_load_explicit(&ch->modules_left_out, memory_order_relaxed);
	result->write_failed = ht_trace_failed(&r->trace);
	result->write_error = r->trace.err;
	result->calls = r->streams.recorded;
	result->lost = r->streams.lost;
	result->blocked_ns = ht_ticker_ns(&r->ticker, r->streams.blocked_ticks);
	result->run_ns = ht_ticker_ns(&r->ticker, r->ticker.last.ticks - r->ticker.first.ticks);
	result->live_bytes = r->gauge.live_bytes;
	result->live_unknown = !r->streams.gauge || r->gauge.lost_track || r->processes.count > 1;
	result->damaged_streams = r->drain.damaged;
	result->images = r->images.count;
	result->processes = r->processes.count;
	result->still_running = r->processes.running;
	result->unheard =
		atomic_load_explicit(&ch->unheard, memory_order_relaxed) + r->images.unheard + r->processes.refused;
	result->kin_unknown = r->kin.overran;
	result->images_not_recorded = r->images.uncaptured;
	if (r->images.uncaptured)
		snprintf(result->why_not_recorded, sizeof(result->why_not_recorded), "%s: %s", r->images.uncaptured_exe,
			 why[r->images.uncaptured_status]);
}

/* Closes all accounts and ends the file. The target may run on. */
static void close_trace(struct recording *r, enum ht_end_reason reason)
{
	struct ht_meta_end end = { .reason = reason };
	int status = r->result->status;

	r->closed = true;
	ht_trace_begin_end(&r->trace);
	ht_ticker_mark(&r->ticker);
	ht_drain_close(&r->drain);
	fill_result(r);
	end.ticks = r->ticker.last.ticks;
	if (reason == HT_END_EXIT && WIFSIGNALED(status))
		end.reason = HT_END_SIGNAL;
	if (reason == HT_END_EXIT)
		end.status = (uint64_t)(WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	if (r->result->write_failed)
		end.reason = HT_END_WRITE;
	end.forked_children = r->result->forked_children;
	end.contexts_cut = r->result->contexts_cut;
	end.damaged_streams = r->result->damaged_streams;
	end.events = r->trace.events;
	end.unheard = r->result->unheard + r->result->kin_unknown;
	end.modules_left_out = r->result->modules_left_out;
	ht_trace_put_clock(&r->trace, &r->ticker.last);
	ht_trace_end(&r->trace, &end);
	r->result->write_failed = ht_trace_failed(&r->trace);
	r->result->write_error = r->trace.err;
	r->result->bytes = r->trace.bytes;
}

/* recording = 0, then the calls that were under way, as long as they come soon; what was entered is left, and no call comes any more. */
static void stop(struct recording *r)
{
	uint64_t until_ns = ht_ticker_monotonic_ns() + SETTLE_NS;

	r->streams.until_ticks = ht_ticker_now(&r->ticker);
	ht_session_stop(&r->session);
	do {
		ht_drain_round(&r->drain);
		ht_pool_refill(&r->pool);
	} while (!ht_drain_settled(&r->drain) && ht_ticker_monotonic_ns() < until_ns);
	if (!r->o->door)
		return;
	r->o->door->leave(r->o->door->with);
	ht_drain_round(&r->drain);
}

static void stop_early(struct recording *r, enum ht_end_reason reason)
{
	r->result->limit_reached = reason == HT_END_LIMIT;
	r->result->time_reached = reason == HT_END_ASKED;
	stop(r);
	close_trace(r, reason);
	if (r->o->stopped)
		r->o->stopped(r->result);
}

/* The rows that can still be written below the limit, besides those that wait here and those that threads can
 * bring from segments they have. */
static uint64_t rows_left(const struct recording *r)
{
	uint64_t used = r->trace.bytes + r->trace.keep_bytes + r->streams.pending_rows * ROW_BYTES +
			(uint64_t)r->drain.active_count * HT_SEGMENT_CELLS * ROW_BYTES;

	return used < r->trace.limit ? (r->trace.limit - used) / ROW_BYTES : 0;
}

/* Half of what the file can take, the other half is for what comes between two looks. */
static uint32_t free_segments(const struct recording *r)
{
	uint64_t segments = rows_left(r) / HT_SEGMENT_CELLS / 2;

	return segments < UINT32_MAX ? (uint32_t)segments : UINT32_MAX;
}

/* Under a limit no more segments are free than the file can take: so that it ends without a loss, and below the
 * limit. */
static void look_at_limits(struct recording *r)
{
	r->trace.keep_bytes = END_BYTES + r->streams.alive * ACCOUNT_BYTES + r->trace.indexed * ENTRY_BYTES;
	if (ht_trace_failed(&r->trace)) {
		stop_early(r, HT_END_WRITE);
		return;
	}
	if (r->o->most_ns && ht_ticker_monotonic_ns() - r->begun_ns >= r->o->most_ns) {
		stop_early(r, HT_END_ASKED);
		return;
	}
	if (!r->trace.limit)
		return;
	r->pool.most_free = free_segments(r);
	if (r->trace.full || r->pool.most_free < SEGMENTS_LEAST || r->pool.most_free * 2ull <= r->pool.free)
		stop_early(r, HT_END_LIMIT);
}

/* ---- rounds ------------------------------------------------------------------------------------------------ */

static void set_pause(struct recording *r, uint64_t cells, uint64_t now_ns)
{
	if (cells > BUSY_CELLS)
		r->pause_ns = 0;
	else if (cells)
		r->pause_ns = MS;
	else if (r->pause_ns < 8 * MS)
		r->pause_ns += MS;
	if (now_ns < r->quick_until_ns && r->pause_ns > QUICK_NS)
		r->pause_ns = QUICK_NS;
}

static void turn_round(struct recording *r)
{
	uint64_t now_ns = ht_ticker_monotonic_ns(), cells;

	look_at_images(r, now_ns);
	cells = ht_drain_round(&r->drain);
	ht_pool_refill(&r->pool);
	ht_contexts_refill(&r->contexts);
	ht_modules_read(&r->modules);
	ht_modules_refill(&r->modules);
	if (r->streams.pending_rows > PENDING_ROWS_MAX)
		flush(r);
	if (now_ns - r->tick_ns >= TICK_NS) {
		tick(r, now_ns);
		if (r->tick_ns / TICK_NS % 2)
			show_progress(r, now_ns);
	}
	set_pause(r, cells, now_ns);
	look_at_limits(r);
}

static void end_root(struct recording *r, int status)
{
	r->result->status = status;
	r->result->ended = true;
	if (r->closed)
		return;
	ht_kin_end(&r->kin, r->root, status);
}

/* It is nobody's child that we could wait for: how it ended is not told. */
static void watch_stranger(struct recording *r)
{
	struct pollfd end = { r->target, POLLIN, 0 };

	if (poll(&end, 1, 0) != 1)
		return;
	r->result->ended = true;
	if (!r->closed)
		ht_kin_end(&r->kin, r->root, -1);
}

static void watch_target(struct recording *r)
{
	int status;

	if (r->o->door) {
		watch_stranger(r);
		return;
	}
	while (waitpid(r->launch.pid, &status, WNOHANG | WUNTRACED) == r->launch.pid) {
		if (!WIFSTOPPED(status)) {
			end_root(r, status);
			return;
		}
		if (WSTOPSIG(status) != SIGTSTP && WSTOPSIG(status) != SIGTTIN && WSTOPSIG(status) != SIGTTOU)
			continue;
		if (!r->closed) {
			ht_drain_round(&r->drain);
			flush(r);
		}
		if (r->o->pausing)
			r->o->pausing();
		ht_signals_stop_by(WSTOPSIG(status), r->launch.pid);
	}
}

/* The root has ended, and so have the others if they are waited for; or it was none of ours, and the trace is ended. */
static bool is_over(const struct recording *r)
{
	if (r->o->door && r->closed)
		return true;
	return r->result->ended && (r->closed || !r->o->wait_for_tree || !r->processes.running);
}

/* Programs that have just begun, in processes that run on: their agents come too late now. */
static void declare_strangers(struct recording *r)
{
	for (uint32_t i = 0; i < r->processes.living; i++) {
		struct ht_process *p = ht_processes_get(&r->processes, r->processes.alive[i]);

		if (!p->ended)
			ht_images_ending(&r->images, p);
	}
}

static int close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
	return -1;
}

static void turn_rounds(struct recording *r)
{
	bool asked = false;

	while (!is_over(r) && !asked) {
		struct pollfd fds[] = { { r->signals, POLLIN, 0 },
					{ r->target, POLLIN, 0 },
					{ r->kin.fd, POLLIN, 0 },
					{ r->processes.ends, POLLIN, 0 } };
		struct timespec pause = { .tv_nsec = (long)r->pause_ns };

		ppoll(fds, r->closed ? 2 : 4, r->closed ? NULL : &pause, NULL);
		if (fds[0].revents)
			asked = ht_signals_forward(r->signals, r->result->ended || r->o->door ? 0 : r->pid);
		if (!r->result->ended && (fds[0].revents || fds[1].revents))
			watch_target(r);
		if (r->result->ended)
			r->target = close_fd(r->target);
		if (r->closed)
			continue;
		ht_kin_read(&r->kin);
		ht_images_read(&r->images);
		ht_kin_look_at_ends(&r->kin, false);
		turn_round(r);
	}
	if (r->closed)
		return;
	if (r->processes.running)
		stop(r);
	look_at_processes(r);
	declare_strangers(r);
	close_trace(r, asked ? HT_END_ASKED : r->o->door ? HT_END_GONE : HT_END_EXIT);
}

/* ---- the beginning ----------------------------------------------------------------------------------------- */

static void put_command(const struct recording *r, struct ht_buf *command)
{
	char text[4096];

	if (r->o->door) {
		ht_buf_bytes(command, text, ht_proc_read(r->pid, "cmdline", text, sizeof(text)));
		return;
	}
	for (char *const *arg = r->o->argv; *arg; arg++)
		ht_buf_bytes(command, *arg, strlen(*arg) + 1);
}

static void put_session(struct recording *r)
{
	struct ht_buf command = { 0 };
	struct utsname host;
	struct ht_meta_session m = {
		.clock = r->ticker.clock,
		.start_ticks = r->ticker.first.ticks,
		.start_realtime_ns = r->ticker.first.realtime_ns,
		.policy = r->o->policy,
		.flags = r->o->flags | (r->result->untold ? HT_SESSION_UNTOLD : 0),
		.pid = (uint64_t)r->pid,
		.heaptap = { r->o->version, strlen(r->o->version) },
	};

	put_command(r, &command);
	m.command = (struct ht_str){ (const char *)command.at, command.len };
	uname(&host);
	m.host = (struct ht_str){ host.nodename, strlen(host.nodename) };
	ht_trace_put_session(&r->trace, &m);
	ht_trace_put_clock(&r->trace, &r->ticker.first);
	ht_trace_flush(&r->trace);
	ht_buf_fini(&command);
}

/* Up to 15 characters, as the kernel has it. */
static void name_command(const struct recording *r, char name[16])
{
	const char *slash = r->o->door ? NULL : strrchr(r->o->argv[0], '/');

	if (r->o->door)
		ht_proc_thread_name(r->pid, r->pid, name, 16);
	else
		snprintf(name, 16, "%s", slash ? slash + 1 : r->o->argv[0]);
	for (char *c = name; *c; c++)
		if (*c == '/')
			*c = '_';
}

static int open_output(struct recording *r, struct ht_err *err)
{
	char *out = r->result->output, command[16] = "";
	size_t room = sizeof(r->result->output);
	int rc;

	name_command(r, command);
	if (!r->o->output)
		snprintf(out, room, "heaptap.%s.%d.htap", command, (int)r->pid);
	else if ((size_t)snprintf(out, room, "%s", r->o->output) >= room)
		return ht_err_set(err, HT_EUSAGE, "the output file's path is longer than %zu bytes", room - 1);
	rc = ht_trace_create(out, r->session.id, &r->trace, err);
	if (!rc && r->trace.limit && r->trace.limit < HT_RECORDING_FILE_LEAST)
		return ht_err_set(err, HT_ESYSTEM,
				  "the limit on the size of files (ulimit -f) is %" PRIu64 " bytes, a trace needs %u",
				  r->trace.limit, HT_RECORDING_FILE_LEAST);
	if (!rc && r->o->max_bytes && (!r->trace.limit || r->o->max_bytes < r->trace.limit))
		r->trace.limit = r->o->max_bytes;
	return rc;
}

static int prepare_rings(struct recording *r, struct ht_err *err)
{
	int rc = ht_contexts_init(&r->contexts, &r->session, &r->trace, &r->modules, err);

	if (!rc)
		rc = ht_processes_init(&r->processes, &r->trace, &r->ticker, err);
	r->images = (struct ht_images){
		.session = &r->session, .trace = &r->trace, .ticker = &r->ticker, .processes = &r->processes
	};
	r->kin.processes = &r->processes;
	r->kin.images = &r->images;
	r->streams = (struct ht_streams){
		.trace = &r->trace,
		.contexts = &r->contexts,
		.ticker = &r->ticker,
		.pool = &r->pool,
		.images = &r->images,
		.gauge = r->o->progress ? &r->gauge : NULL,
	};
	r->drain = (struct ht_drain){
		.session = &r->session,
		.pool = &r->pool,
		.streams = &r->streams,
		.images = &r->images,
	};
	r->processes.modules = &r->modules;
	if (!rc)
		rc = ht_modules_init(&r->modules, &r->session, &r->trace, err);
	return rc ? rc : ht_drain_init(&r->drain, err);
}

static int prepare(struct recording *r, struct ht_err *err)
{
	int rc;

	ht_ticker_init(&r->ticker);
	r->result->slow_clock = r->ticker.clock != HT_CLOCK_TSC;
	r->target = (int)syscall(SYS_pidfd_open, r->pid, 0);
	if (r->target < 0)
		return ht_err_sys(err, "cannot watch the program (pidfd_open, Linux 5.3)");
	rc = ht_signals_take(&r->signals, err);
	if (!rc)
		rc = ht_session_create(r->o->policy, r->ticker.clock, r->o->flags,
				       r->o->door ? &r->o->door->lender : NULL, &r->session, err);
	if (!rc)
		rc = open_output(r, err);
	if (!rc) {
		r->trace.keep_bytes = END_BYTES;
		rc = ht_pool_init(&r->pool, &r->session, r->trace.limit ? free_segments(r) : UINT32_MAX, err);
	}
	return rc ? rc : prepare_rings(r, err);
}

/* Its agent tells of it, who asks for the session by its address. */
static int release(struct recording *r, struct ht_err *err)
{
	char address[64];
	int rc;

	snprintf(address, sizeof(address), "%d:%d:%016llx", (int)getpid(), r->session.fd,
		 (unsigned long long)r->session.id);
	rc = ht_launch_go(&r->launch, address, err);
	ht_images_expect(&r->images, r->root, r->program.path);
	return rc;
}

/* From then on it is recorded; what it had before comes first into the trace. */
static int enter(struct recording *r, const struct ht_recording_door *door, struct ht_err *err)
{
	int rc = door->enter(door->with, r->session.channel, err);

	if (rc)
		return rc;
	r->images.before = door->unknown(door->with, &r->images.before_why);
	r->begun_ns = ht_ticker_monotonic_ns(); /* what is asked for is so much of its time */
	ht_images_read(&r->images);
	ht_before_put(&r->streams, &r->pool, door->next, door->with);
	return 0;
}

static int go(struct recording *r, struct ht_err *err)
{
	if (follows_children(r)) {
		ht_kin_listen(&r->kin);
		r->images.execs_told = r->kin.fd >= 0;
		r->result->untold = r->kin.fd < 0;
	}
	ht_ticker_mark(&r->ticker);
	r->ticker.first = r->ticker.last; /* time counts from here */
	put_session(r);
	ht_session_start(&r->session, (uint32_t)r->pid);
	r->begun_ns = r->tick_ns = r->second_ns = ht_ticker_monotonic_ns();
	r->quick_until_ns = r->begun_ns + YOUNG_NS;
	r->root = ht_processes_add(&r->processes, r->pid, NULL, r->ticker.first.ticks, r->ticker.first.ticks);
	if (!r->root)
		return ht_err_set(err, HT_ESYSTEM, "out of memory");
	r->root->told = true;
	return r->o->door ? enter(r, r->o->door, err) : release(r, err);
}

static void give_back(struct recording *r)
{
	ht_launch_drop(&r->launch);
	ht_drain_fini(&r->drain);
	ht_gauge_fini(&r->gauge);
	ht_contexts_fini(&r->contexts);
	ht_kin_fini(&r->kin);
	ht_images_fini(&r->images);
	ht_processes_fini(&r->processes);
	ht_modules_fini(&r->modules);
	ht_trace_close(&r->trace);
	ht_pool_fini(&r->pool);
	if (r->session.channel)
		ht_session_empty(&r->session);
	ht_session_fini(&r->session);
	if (r->signals >= 0)
		close(r->signals);
	if (r->target >= 0)
		close(r->target);
}

/* The command, held in front of its first instruction. */
static int hold(struct recording *r, struct ht_err *err)
{
	char agent[4096];
	int rc = ht_target_find(r->o->argv[0], &r->program, err);

	if (!rc)
		rc = ht_launch_find_agent(agent, sizeof(agent), err);
	if (!rc)
		rc = ht_launch_hold(r->program.path, r->o->argv, agent, &r->launch, err);
	r->pid = r->launch.pid;
	return rc;
}

int ht_recording_run(const struct ht_recording_options *o, struct ht_recording_result *ret, struct ht_err *err)
{
	struct recording *r = calloc(1, sizeof(*r));
	int rc = 0;

	if (!r)
		return ht_err_set(err, HT_ESYSTEM, "out of memory");
	*ret = (struct ht_recording_result){ 0 };
	r->o = o;
	r->result = ret;
	r->launch.hold = r->session.fd = r->trace.fd = r->signals = r->target = r->kin.fd = r->processes.ends = -1;
	if (o->door)
		r->pid = o->door->pid;
	else
		rc = hold(r, err);
	if (!rc)
		rc = prepare(r, err);
	if (!rc)
		rc = go(r, err);
	if (!rc)
		turn_rounds(r);
	else if (r->trace.fd >= 0)
		unlink(ret->output); /* nothing was recorded: no file */
	if (rc && o->door)
		o->door->leave(o->door->with);
	give_back(r);
	free(r);
	return rc;
}
