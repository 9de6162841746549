/* SPDX-License-Identifier: Apache-2.0 */
/* judge.c -- opens a trace, asks for all there is, and compares what must agree
 *
 * Linked with every fuzzer that ends in a trace file; judge.h says what is claimed.
 *
 *   rows that end a call, and pre-existing blocks     =   events that replay tells
 *   damages when the trace is open                    =   damages afterwards
 *   recorded: calls of a stream's rows                =   recorded of its account; every sequence number is there
 */
#include "judge.h"

#undef NDEBUG
#include <assert.h>

#include "inspect/account.h"
#include "inspect/model.h"
#include "inspect/replay.h"

static struct ht_err err;

static int count_event(void *state, const struct ht_event *e, struct ht_err *e_err)
{
	uint64_t *events = state;

	(void)e;
	(void)e_err;
	++*events;
	return 0;
}

static uint64_t told_rows(const struct ht_model *m)
{
	uint64_t rows = 0;

	for (int kind = HT_ROW_ALLOC; kind <= HT_ROW_EXISTING; kind++)
		if (kind != HT_ROW_REALLOC_BEGIN)
			rows += m->row_counts[kind];
	return rows;
}

/* What the commands ask for, of everything there is. */
static void ask_all(struct ht_model *m)
{
	uint64_t pc;

	for (size_t i = 0; i < m->contexts.count; i++) {
		ht_model_function(m, m->contexts.at[i].context);
		ht_model_caller(m, m->contexts.at[i].context, &pc);
	}
	ht_clock_time_ns(&m->clock, m->last_ticks);
	for (size_t i = 0; i < m->streams.count; i++)
		ht_clock_time_ns(&m->clock, m->streams.at[i].account.ticks);
}

static void judge_model(struct ht_model *m)
{
	const struct ht_damage *damage;
	uint64_t damages = ht_model_damages(m, &damage), events = 0;
	struct ht_observer observer = { .event = count_event, .state = &events };
	struct ht_history history;
	struct ht_account account;
	int rc;

	ask_all(m);
	rc = ht_account_take(m, &account, &err);
	assert(rc == 0);
	rc = ht_replay_run(m, &observer, 1, &history, &err);
	assert(rc == 0);
	assert(events == told_rows(m));
	assert(history.violations == account.history.violations);
	assert(history.live_bytes == account.history.live_bytes);
	assert(ht_model_damages(m, &damage) == damages);
	assert(!account.complete || !damages);
	ht_account_fini(&account);
}

void judge_any(const char *path)
{
	struct ht_model *m;
	int rc = ht_model_open(path, &m, &err);

	assert(rc == 0 || rc == HT_EFORMAT);
	if (rc)
		return;
	judge_model(m);
	ht_model_close(m);
}

void judge_recorded(const char *path)
{
	struct ht_model *m;
	const struct ht_damage *damage;
	int rc = ht_model_open(path, &m, &err);

	assert(rc == 0);
	assert(m->has_session && m->has_end);
	assert(ht_model_damages(m, &damage) == 0);
	for (size_t i = 0; i < m->streams.count; i++) {
		const struct ht_stream *s = &m->streams.at[i];

		assert(s->has_account && (s->has_thread || s->number == 0));
		assert(s->missing == 0);
		assert(s->account.recorded == s->calls);
	}
	judge_model(m);
	ht_model_close(m);
}
