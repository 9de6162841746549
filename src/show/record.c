/* SPDX-License-Identifier: Apache-2.0 */
/* record.c -- `heaptap record`: runs a program, or enters one that runs, and keeps every heap call it makes
 *
 * What the user types becomes options of collect/recording.h; what became of it becomes an exit status and,
 * where there is something to say, lines on stderr. When all is well and stderr is no terminal, nothing is
 * printed: the program's output stays its own.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collect/recording.h"
#include "inspect/gist.h"
#include "show/command.h"
#include "show/figures.h"
#include "show/out.h"
#include "show/running.h"
#include "show/verdict.h"
#include "util/quantity.h"

#define PLACES_SHOWN 3 /* of each limit of a budget that is exceeded */
#define FRAMES_SHOWN 12
#define REPLAYED_CALLS_MAX 1000000u /* more would keep the user waiting */
#define WORD_BYTES (4 * sizeof(((struct ht_recording_result *)NULL)->output) + sizeof("$''"))

enum { OWN_FAILURE = 125 };
enum { OUTPUT, PID, DURATION, NO_CENSUS, OVERFLOW, NO_STACKS, FREE_STACKS, MAX_FILE, FOLLOW, WAIT, BUDGET };

static const struct ht_option options[] = {
	[OUTPUT] = { "output", 'o', "FILE",
		     "write the trace here; default heaptap.<comm>.<pid>.htap; never over an existing file" },
	[PID] = { "pid", 'p', "PID",
		  "record this process, which runs already, until Ctrl-C or its end; then it is as it was" },
	[DURATION] = { "duration", 'd', "TIME", "stop recording after TIME (30s, 5min); the program runs on" },
	[NO_CENSUS] = { "no-census", 0, NULL, "with -p: do not stop it for as long as listing its blocks takes" },
	[OVERFLOW] = { "overflow", 0, "block|drop",
		       "when the recorder cannot keep up: make the program wait (default), or lose and count" },
	[NO_STACKS] = { "no-stacks", 0, NULL, "record which function was called, not from where" },
	[FREE_STACKS] = { "free-stacks", 0, NULL, "record from where blocks are freed, too" },
	[MAX_FILE] = { "max-file", 0, "SIZE", "stop recording at this file size (K, M, G); the program runs on" },
	[FOLLOW] = { "follow", 0, "all|fork|exec",
		     "which processes are recorded: all of the tree (default); the program and its children, until "
		     "they "
		     "execute a program; or the program alone, and what it turns into by exec" },
	[WAIT] = { "wait", 0, "root|tree",
		   "end the recording with the program (default), or with the last of its children" },
	[BUDGET] = { "budget", 0, "FILE", "then judge by the limits in FILE, as `heaptap budget` does" },
	{ .name = NULL },
};

static bool progress_shown;

/* ---- what is typed ----------------------------------------------------------------------------------------- */

static int parse_size(const char *word, uint64_t *ret, struct ht_err *err)
{
	if (ht_quantity_bytes(word, ret, err))
		return ht_err_set(err, HT_EUSAGE, "--max-file=%s", err->text);
	if (*ret < HT_RECORDING_FILE_LEAST)
		return ht_err_set(err, HT_EUSAGE, "--max-file=%s: too small; the least is %uK", word,
				  HT_RECORDING_FILE_LEAST >> 10);
	return 0;
}

static int read_follow(const char *word, uint32_t *flags, struct ht_err *err)
{
	if (!word || strcmp(word, "all") == 0)
		*flags |= HT_SESSION_FOLLOW_FORK | HT_SESSION_FOLLOW_EXEC;
	else if (strcmp(word, "fork") == 0)
		*flags |= HT_SESSION_FOLLOW_FORK;
	else if (strcmp(word, "exec") != 0)
		return ht_err_set(err, HT_EUSAGE, "--follow=%s: none of all, fork and exec", word);
	return 0;
}

static int read_wait(const char *word, bool *ret, struct ht_err *err)
{
	*ret = word && strcmp(word, "tree") == 0;
	if (word && !*ret && strcmp(word, "root") != 0)
		return ht_err_set(err, HT_EUSAGE, "--wait=%s: neither root nor tree", word);
	return 0;
}

/* A command, or a process; what goes only with a command. */
static int check_subject(const struct ht_given *given, struct ht_err *err)
{
	bool running = given->option[PID];

	if (!running && !given->words)
		return ht_err_set(err, HT_EUSAGE,
				  "what is to be recorded? A command (heaptap record -- CMD), or a process (-p PID)");
	if (!running && given->option[NO_CENSUS])
		return ht_err_set(err, HT_EUSAGE, "--no-census: a program that is started has no blocks before");
	if (!running)
		return 0;
	if (given->words)
		return ht_err_set(err, HT_EUSAGE, "-p and a command contradict each other");
	if (given->option[FOLLOW] || given->option[WAIT])
		return ht_err_set(err, HT_EUSAGE,
				  "-p records the process alone, not its children: no --follow and no --wait with it");
	return 0;
}

static int read_duration(const char *word, uint64_t *ret, struct ht_err *err)
{
	if (ht_quantity_ns(word, ret, err))
		return ht_err_set(err, HT_EUSAGE, "--duration=%s", err->text);
	return *ret ? 0 : ht_err_set(err, HT_EUSAGE, "--duration=%s: no time at all", word);
}

static int read_options(const struct ht_given *given, struct ht_recording_options *o, struct ht_err *err)
{
	const char *overflow = given->option[OVERFLOW];

	*o = (struct ht_recording_options){
		.output = given->option[OUTPUT],
		.version = HT_VERSION,
		.policy = HT_POLICY_BLOCK,
		.flags = given->option[NO_STACKS] ? 0 : HT_SESSION_STACKS,
		.argv = given->word,
	};
	if (overflow && strcmp(overflow, "drop") == 0)
		o->policy = HT_POLICY_DROP;
	else if (overflow && strcmp(overflow, "block") != 0)
		return ht_err_set(err, HT_EUSAGE, "--overflow=%s: neither block nor drop", overflow);
	if (given->option[FREE_STACKS] && given->option[NO_STACKS])
		return ht_err_set(err, HT_EUSAGE, "--free-stacks and --no-stacks contradict each other");
	if (given->option[FREE_STACKS])
		o->flags |= HT_SESSION_FREE_STACKS;
	if (check_subject(given, err) || (!given->option[PID] && read_follow(given->option[FOLLOW], &o->flags, err)) ||
	    read_wait(given->option[WAIT], &o->wait_for_tree, err))
		return HT_EUSAGE;
	if (given->option[DURATION] && read_duration(given->option[DURATION], &o->most_ns, err))
		return HT_EUSAGE;
	return given->option[MAX_FILE] ? parse_size(given->option[MAX_FILE], &o->max_bytes, err) : 0;
}

/* ---- what is seen meanwhile -------------------------------------------------------------------------------- */

static void show_progress(const struct ht_progress *p)
{
	char live[HT_FIGURE_BYTES], file[HT_FIGURE_BYTES];
	double seconds = (double)p->elapsed_ns / 1e9;

	if (p->live_unknown)
		snprintf(live, sizeof(live), "?");
	else
		ht_figure_bytes(live, p->live_bytes);
	ht_figure_bytes(file, p->file_bytes);
	fprintf(stderr, "\r\033[K%.1f s  %" PRIu64 " events  %.0f/s  live %s  file %s", seconds, p->calls,
		seconds > 0 ? (double)p->calls / seconds : 0, live, file);
	if (p->blocked_ns)
		fprintf(stderr, "  blocked %.1f ms", (double)p->blocked_ns / 1e6);
	if (p->lost)
		fprintf(stderr, "  LOST %" PRIu64, p->lost);
	fflush(stderr);
	progress_shown = true;
}

static void clear_progress(void)
{
	if (progress_shown)
		fputs("\r\033[K", stderr);
	fflush(stderr);
	progress_shown = false;
}

/* ---- what became of it ------------------------------------------------------------------------------------- */

static void tell_shortcomings(const struct ht_recording_result *r)
{
	if (r->lost)
		ht_warn(r->output, "%" PRIu64 " calls were lost; `heaptap verify` tells whose and when", r->lost);
	if (r->damaged_streams)
		ht_warn(r->output, "the program wrote into the recorder's memory: %" PRIu64 " threads are damaged",
			r->damaged_streams);
	if (r->contexts_cut)
		ht_warn(r->output, "%" PRIu64 " events lost their caller: the context tree is full", r->contexts_cut);
	if (r->modules_left_out)
		ht_warn(r->output,
			"at least %u modules found no place in the recorder's table: stacks may end at their code",
			r->modules_left_out);
	if (r->images_not_recorded == 1)
		ht_warn(r->output, "not recorded: %s", r->why_not_recorded);
	else if (r->images_not_recorded)
		ht_warn(r->output, "%u programs that ran are not recorded; the last: %s", r->images_not_recorded,
			r->why_not_recorded);
	if (r->unheard || r->kin_unknown)
		ht_warn(r->output,
			"there were more processes than could be kept account of: at least %u are not recorded",
			r->unheard + r->kin_unknown);
	if (r->never_waited)
		ht_warn(r->output, "the program set a seccomp filter, so it was not made to wait when the recorder "
				   "fell behind (--overflow=drop)");
	if (r->slow_clock)
		ht_warn(r->output, "this machine's time stamp counter is not invariant: times were read from the "
				   "system, which is slow");
}

static bool told_stop;

/* At once, because the program may run on for days. */
static void tell_stop(const struct ht_recording_result *r)
{
	clear_progress();
	if (r->write_failed)
		ht_warn(r->output, "%s; recording stopped, what was written is whole; the program runs on unrecorded",
			r->write_error.text);
	else if (r->limit_reached)
		ht_warn(r->output, "recording stopped at the limit on the file's size (--max-file, ulimit -f); the "
				   "program runs on unrecorded");
	else if (r->time_reached && isatty(STDERR_FILENO))
		fputs("heaptap: the time is over (--duration); the program runs on unrecorded\n", stderr);
	told_stop = true;
}

/* As a shell takes it: as it is, or as $'...' with everything unusual as \xNN. Returns `to`. */
static char *write_word(char *to, const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+,:@%-";
	char *at = to;

	if (word[strspn(word, plain)] == 0)
		return strcpy(to, word);
	at += sprintf(at, "$'");
	for (; *word; word++)
		at += sprintf(at, *word == ' ' || strchr(plain, *word) ? "%c" : "\\x%02x", (unsigned char)*word);
	sprintf(at, "'");
	return to;
}

static void tell_memory(const struct ht_recording_result *r)
{
	char bytes[2][HT_FIGURE_BYTES], count[2][HT_FIGURE_BYTES];
	struct ht_gist gist;
	struct ht_err err;

	if (r->calls <= REPLAYED_CALLS_MAX && !r->write_failed && !ht_gist_take(r->output, &gist, &err)) {
		fprintf(stderr, "heaptap: peak %s in %s; leaked %s in %s\n", ht_figure_bytes(bytes[0], gist.peak_bytes),
			ht_figure_count(count[0], gist.peak_count, "block", "blocks"),
			ht_figure_bytes(bytes[1], gist.leaked_bytes),
			ht_figure_count(count[1], gist.leaked_count, "block", "blocks"));
		return;
	}
	/* Of the calls that were seen the gauge is exact. */
	fprintf(stderr, "heaptap: live at the end %s%s; %" PRIu64 " calls lost\n",
		r->lost && !r->live_unknown ? "about " : "",
		r->live_unknown ? "not known" : ht_figure_bytes(bytes[0], r->live_bytes), r->lost);
}

/* Three lines: how much was recorded, what it says in short, and how to learn more. */
static void tell_gist(const struct ht_recording_result *r)
{
	char size[HT_FIGURE_BYTES], count[HT_FIGURE_BYTES], time[HT_FIGURE_BYTES], word[WORD_BYTES];

	fprintf(stderr, "heaptap: %s in %s, kept in %s\n", ht_figure_count(count, r->calls, "call", "calls"),
		ht_figure_time(time, r->run_ns), ht_figure_bytes(size, r->bytes));
	tell_memory(r);
	fprintf(stderr, "heaptap: what leaks, and from where:  heaptap report %s\n", write_word(word, r->output));
}

static void tell(const struct ht_recording_result *r, bool terminal)
{
	tell_shortcomings(r);
	if (terminal)
		tell_gist(r);
	if (terminal && r->forked_children)
		fprintf(stderr, "heaptap: %u forked children ran unrecorded\n", r->forked_children);
	if (terminal && r->untold)
		fputs("heaptap: the kernel did not tell of processes (heaptap doctor: children): one that ended within "
		      "some 0.1 s without an agent would not have been seen\n",
		      stderr);
	if (terminal && r->still_running)
		fprintf(stderr,
			"heaptap: %u of %u processes run on, unrecorded from here (--wait=tree waits for them)\n",
			r->still_running, r->processes);
}

static int status_of(const struct ht_recording_result *r)
{
	if (r->write_failed)
		return told_stop ? OWN_FAILURE : ht_complain_as(OWN_FAILURE, r->output, &r->write_error);
	return WIFSIGNALED(r->status) ? 128 + WTERMSIG(r->status) : WEXITSTATUS(r->status);
}

/* ---- the budget -------------------------------------------------------------------------------------------- */

static int read_budget(const char *path, struct ht_limits *ret, struct ht_err *err)
{
	int rc = ht_limits_init(ret, err);

	if (!rc && path)
		rc = ht_limits_read(ret, path, err);
	if (!rc && path)
		rc = ht_limits_check(ret, err);
	if (rc)
		ht_limits_fini(ret);
	return rc;
}

/* The program's own failure is its own; a verdict that cannot be had is ours. */
static int judge(const char *path, const struct ht_limits *limits, int status)
{
	static const struct ht_given nothing_given;
	struct ht_verdict_ask ask = {
		.path = path,
		.limits = limits,
		.given = &nothing_given,
		.most_places = PLACES_SHOWN,
		.most_frames = FRAMES_SHOWN,
		.silent_if_kept = !isatty(STDERR_FILENO),
	};
	int verdict;

	ht_out_divert(STDERR_FILENO);
	verdict = ht_verdict_show(&ask);
	ht_out_return();
	if (status || !verdict)
		return status;
	return verdict == HT_STATUS_BAD ? HT_STATUS_BAD : OWN_FAILURE;
}

/* A process that runs is looked at first, and asked after when all is over. */
static int run_recording(const struct ht_given *given, struct ht_recording_options *o, struct ht_recording_result *ret,
			 struct ht_err *err)
{
	const char *pid = given->option[PID];
	struct ht_recording_options there = *o;
	struct ht_running running;
	pid_t number;
	int rc;

	if (!pid)
		return ht_recording_run(o, ret, err);
	rc = ht_quantity_pid(pid, &number, err);
	if (!rc)
		rc = ht_running_open(number, !given->option[NO_CENSUS], &running, err);
	if (rc)
		return rc;
	there.door = &running.door;
	rc = ht_recording_run(&there, ret, err);
	clear_progress();
	ht_running_tell(&running, o->progress != NULL);
	ht_running_close(&running);
	return rc;
}

static int record(const struct ht_given *given, const struct ht_limits *limits)
{
	struct ht_recording_options o;
	struct ht_recording_result result;
	struct ht_err err;
	bool terminal = isatty(STDERR_FILENO);
	int rc = read_options(given, &o, &err);

	if (rc)
		return ht_complain_as(OWN_FAILURE, NULL, &err);
	o.stopped = tell_stop;
	if (terminal) {
		o.progress = show_progress;
		o.pausing = clear_progress;
	}
	rc = run_recording(given, &o, &result, &err);
	clear_progress();
	if (rc == HT_ESYSTEM || rc == HT_EUSAGE)
		return ht_complain_as(OWN_FAILURE, NULL, &err);
	if (rc)
		return ht_complain(NULL, &err);
	tell(&result, terminal);
	rc = status_of(&result);
	return given->option[BUDGET] && !result.write_failed ? judge(result.output, limits, rc) : rc;
}

static int run(const struct ht_given *given)
{
	const char *budget = given->option[BUDGET];
	struct ht_limits limits;
	struct ht_err err;
	int status;

	if (read_budget(budget, &limits, &err))
		return ht_complain_as(OWN_FAILURE, budget, &err);
	status = record(given, &limits);
	ht_limits_fini(&limits);
	return status;
}

const struct ht_command ht_cmd_record = {
	.name = "record",
	.args = "[--] CMD [ARG...] | -p PID",
	.says = "record every heap call of a program, from its start or while it runs",
	.options = options,
	.least = 0,
	.most = -1,
	.words_are_command = true,
	.own_failure = OWN_FAILURE,
	.run = run,
};
