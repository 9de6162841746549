/* SPDX-License-Identifier: Apache-2.0 */
/* told.c -- facts and account of a trace, worked out when they are first asked for
 *
 * heaptap.h says what they are; inspect/facts.h, family.h and account.h where they come from.
 */
#include <stdlib.h>
#include <string.h>

#include "api/handle.h"
#include "inspect/account.h"
#include "inspect/choice.h"
#include "inspect/facts.h"
#include "inspect/family.h"

/* The words of a command, as a program gets them; NULL: no memory. */
static const char *const *split(struct heaptap_trace *t, struct ht_str s)
{
	const char *text = ht_handle_keep(t, s);
	size_t words = 0;

	for (size_t at = 0; at < s.len; at += strnlen(s.at + at, s.len - at) + 1)
		words++;
	free(t->command);
	t->command = text ? calloc(words + 1, sizeof(*t->command)) : NULL;
	for (size_t at = 0, i = 0; t->command && i < words; at += strlen(text + at) + 1)
		t->command[i++] = text + at;
	return t->command;
}

static void count_parts(const struct ht_model *m, struct heaptap_facts *f)
{
	for (size_t i = 0; i < m->images.count; i++)
		f->images += ht_choice_has(m, m->images.at[i].process);
	for (size_t i = 0; i < m->modules.count; i++)
		f->modules += ht_choice_has(m, ht_model_process_of(m, m->modules.at[i].image));
	f->threads = m->threads;
	f->contexts = m->contexts.count;
}

static void tell_counts(struct ht_model *m, struct heaptap_facts *f)
{
	const struct ht_damage *damage;
	struct ht_facts from;

	ht_facts_take(m, &from);
	f->events = from.events;
	f->allocs = from.allocs;
	f->frees = from.frees;
	f->reallocs = from.reallocs;
	f->failed = from.failed;
	f->existing = from.existing;
	f->lost_calls = from.lost;
	f->counted_only_calls = from.counted_only;
	f->blocked_ns = from.blocked_ns;
	f->damages = ht_model_damages(m, &damage);
	f->missing_events = m->missing;
	f->file_bytes = ht_model_file_bytes(m);
	f->modules_left_out = m->end.modules_left_out;
	f->forked_children = m->end.forked_children;
	f->free_stacks = m->session.flags & 2 ? 1 : 0;
	f->follows = m->session.flags & HT_SESSION_FOLLOWS ? 1 : 0;
	f->processes_told = f->follows && !(m->session.flags & HT_SESSION_UNTOLD);
	f->broken = ht_model_broken(m);
}

static int tell_target(struct heaptap_trace *t, struct heaptap_facts *f, struct ht_err *err)
{
	struct ht_model *m = t->model;

	f->command = split(t, m->session.command);
	f->duration_ns = ht_clock_time_ns(&m->clock, ht_facts_end_ticks(m));
	if (m->has_end) {
		f->end_reason = ht_facts_end_name(m->end.reason);
		f->end_status = m->end.status;
	}
	if (m->has_session) {
		f->host = ht_handle_keep(t, m->session.host);
		f->recorder = ht_handle_keep(t, m->session.heaptap);
		f->pid = m->session.pid;
		f->start_realtime_ns = m->session.start_realtime_ns;
	}
	return f->command && !(m->has_session && (!f->host || !f->recorder))
		       ? 0
		       : ht_err_set(err, HT_ESYSTEM, "out of memory for the facts");
}

static struct heaptap_process process_of(struct heaptap_trace *t, const struct ht_meta_process *p,
					 const struct ht_member *sums)
{
	return (struct heaptap_process){
		.number = p->process,
		.pid = p->pid,
		.parent_pid = p->ppid,
		.name = p->comm.len ? ht_handle_keep(t, p->comm) : NULL,
		.allocated_bytes = sums->allocated_bytes,
		.peak_bytes = sums->peak_bytes,
		.peak_blocks = sums->peak_blocks,
		.peak_ns = sums->peak_blocks ? ht_clock_time_ns(&t->model->clock, sums->peak_ticks) : 0,
		.unfreed_bytes = sums->unfreed_bytes,
		.unfreed_blocks = sums->unfreed_blocks,
	};
}

/* Of chosen processes; and the figures of all of them together. */
static int tell_processes(struct heaptap_trace *t, struct heaptap_facts *f, struct ht_err *err)
{
	const struct ht_model *m = t->model;
	struct ht_family family;
	int rc = ht_family_take(t->model, &family, err);

	if (rc)
		return rc;
	free(t->process);
	t->process = calloc(m->processes.count + 1, sizeof(*t->process));
	for (size_t i = 0; t->process && i < m->processes.count; i++)
		if (ht_choice_has(m, m->processes.at[i].process))
			t->process[f->processes++] = process_of(t, &m->processes.at[i], &family.member[i]);
	f->peak_bytes = family.all.peak_bytes;
	f->peak_blocks = family.all.peak_blocks;
	f->peak_ns = f->peak_blocks ? ht_clock_time_ns(&t->model->clock, family.all.peak_ticks) : 0;
	f->unfreed_bytes = family.all.unfreed_bytes;
	f->unfreed_blocks = family.all.unfreed_blocks;
	ht_family_fini(&family);
	return t->process ? 0 : ht_err_set(err, HT_ESYSTEM, "out of memory for %zu processes", m->processes.count);
}

int heaptap_facts(struct heaptap_trace *trace, const struct heaptap_facts **ret, struct heaptap_error *error)
{
	int rc = ht_handle_begin_whole(trace, error);
	struct heaptap_facts f = { 0 };
	struct ht_err err;

	if (rc)
		return rc;
	if (!trace->has_facts) {
		tell_counts(trace->model, &f);
		count_parts(trace->model, &f);
		if (tell_target(trace, &f, &err) || tell_processes(trace, &f, &err))
			return ht_handle_fail(error, &err);
		trace->facts = f;
		trace->has_facts = true;
	}
	*ret = &trace->facts;
	return 0;
}

const struct heaptap_process *heaptap_process(struct heaptap_trace *trace, size_t i)
{
	return trace && trace->has_facts && i < trace->facts.processes ? &trace->process[i] : NULL;
}

static struct heaptap_thread thread_of(struct heaptap_trace *t, const struct ht_thread_account *a)
{
	return (struct heaptap_thread){
		.number = a->stream->number,
		.tid = a->stream->has_thread ? a->stream->tid : 0,
		.name = a->stream->has_thread ? ht_handle_keep(t, a->stream->name) : NULL,
		.closes = a->closes,
		.entered = a->sums.entered,
		.recorded = a->sums.recorded,
		.counted_only = a->sums.counted_only,
		.lost = a->sums.lost,
		.in_flight = a->sums.in_flight,
	};
}

static int tell_threads(struct heaptap_trace *t, const struct ht_account *a, struct ht_err *err)
{
	t->thread = calloc(a->threads + 1, sizeof(*t->thread));
	if (!t->thread)
		return ht_err_set(err, HT_ESYSTEM, "out of memory for %zu threads", a->threads);
	for (size_t i = 0; i < a->threads; i++)
		t->thread[i] = thread_of(t, &a->thread[i]);
	return 0;
}

int heaptap_account(struct heaptap_trace *trace, const struct heaptap_account **ret, struct heaptap_error *error)
{
	int rc = ht_handle_begin_whole(trace, error);
	struct ht_account a;
	struct ht_err err;

	if (rc)
		return rc;
	if (!trace->has_account) {
		if (ht_account_take(trace->model, &a, &err))
			return ht_handle_fail(error, &err);
		trace->account = (struct heaptap_account){
			.complete = a.complete,
			.entered = a.sums.entered,
			.recorded = a.sums.recorded,
			.counted_only = a.sums.counted_only,
			.lost = a.sums.lost,
			.in_flight = a.sums.in_flight,
			.damages = a.damages,
			.missing_events = a.missing,
			.unrecorded_images = a.unrecorded,
			.threads = a.threads,
			.open_threads = a.open,
			.reordered = a.history.reordered,
			.violations = a.history.violations,
			.unknown_releases = a.history.unknown_releases,
			.live_blocks = a.history.live_blocks,
			.live_bytes = a.history.live_bytes,
		};
		rc = tell_threads(trace, &a, &err);
		ht_account_fini(&a);
		if (rc)
			return ht_handle_fail(error, &err);
		trace->has_account = true;
	}
	*ret = &trace->account;
	return 0;
}

const struct heaptap_thread *heaptap_thread(struct heaptap_trace *trace, size_t i)
{
	return trace && trace->has_account && i < trace->account.threads ? &trace->thread[i] : NULL;
}
