/* SPDX-License-Identifier: Apache-2.0 */
/* script.c -- `heaptap script FILE`: every event in replay order, one line each
 *
 *   0.000123456      1  alloc    malloc         24  0x55d0c2a0  main   from 0x55d0b1f4 < 0x55d0b022
 *   0.000124001      1  realloc  realloc        48  0x55d0c2c0  main   was 0x55d0c2a0 of 24  from 0x55d0b210 < 0x55d0b022
 *   0.000125780      2  free     free           48  0x55d0c2c0  main
 *
 * With --json the same as JSON Lines. Replay calls print_text() or print_json() for each event; nothing is kept.
 */
#include <inttypes.h>

#include "inspect/replay.h"
#include "inspect/stack.h"
#include "show/answer.h"
#include "show/command.h"
#include "show/out.h"
#include "show/stacks.h"
#include "show/table.h"

enum { OPT_JSON, OPT_PROCESS };

static const struct ht_option options[] = {
	[OPT_JSON] = { .name = "json", .says = "JSON Lines: one object for each event" },
	[OPT_PROCESS] = HT_OPTION_PROCESS,
	{ 0 },
};

static const char *const event_name[] = {
	[HT_EVENT_ALLOC] = "alloc",
	[HT_EVENT_FREE] = "free",
	[HT_EVENT_REALLOC] = "realloc",
	[HT_EVENT_EXISTING] = "existing",
};

static const struct ht_field simple_fields[] = {
	{ .name = "time_ns" }, { .name = "thread" },  { .name = "event" },   { .name = "function" },
	{ .name = "heap" },    { .name = "size" },    { .name = "address" }, { .name = "source" },
	{ .name = "caller" },  { .name = "process" },
};

static const struct ht_field realloc_fields[] = {
	{ .name = "time_ns" },  { .name = "begin_ns" },    { .name = "thread" },   { .name = "event" },
	{ .name = "function" }, { .name = "heap" },        { .name = "source" },   { .name = "old_address" },
	{ .name = "old_size" }, { .name = "new_address" }, { .name = "new_size" }, { .name = "failed" },
	{ .name = "caller" },   { .name = "process" },
};

struct script {
	struct ht_model *model;
	struct ht_stack stack;         /* of the event at hand */
	struct ht_table simple, moved; /* one row each, filled again and again */
};

static const char *heap_name(const struct ht_event *e)
{
	return e->heap == HT_HEAP_MAIN ? "main" : e->heap == HT_HEAP_OTHER ? "other" : NULL;
}

/* A reader of stdout that went away ends the replay; ht_out_finish() finds the reason. */
static int go_on(struct ht_err *err)
{
	return ht_out_failed() ? ht_err_set(err, HT_ESYSTEM, "standard output is closed") : 0;
}

/* ---- JSON -------------------------------------------------------------------------------------------------- */

static void fill_simple(struct script *s, const struct ht_event *e, struct ht_value caller)
{
	struct ht_table *t = &s->simple;

	ht_table_add(t, ht_number(ht_clock_time_ns(&s->model->clock, e->ticks)));
	ht_table_add(t, ht_number(e->stream->number));
	ht_table_add(t, ht_name(event_name[e->kind]));
	ht_table_add(t, ht_name(ht_model_function(s->model, e->context)));
	ht_table_add(t, ht_name(heap_name(e)));
	ht_table_add(t, ht_if(e->has_size, ht_number(e->size)));
	ht_table_add(t, ht_if(e->has_address, ht_hex(e->address)));
	ht_table_add(t, ht_number(e->source));
	ht_table_add(t, caller);
	ht_table_add(t, ht_number(e->stream->process));
}

static void fill_realloc(struct script *s, const struct ht_event *e, struct ht_value caller)
{
	struct ht_table *t = &s->moved;

	ht_table_add(t, ht_number(ht_clock_time_ns(&s->model->clock, e->ticks)));
	ht_table_add(t, ht_if(e->has_old, ht_number(ht_clock_time_ns(&s->model->clock, e->begin_ticks))));
	ht_table_add(t, ht_number(e->stream->number));
	ht_table_add(t, ht_name(event_name[e->kind]));
	ht_table_add(t, ht_name(ht_model_function(s->model, e->context)));
	ht_table_add(t, ht_name(heap_name(e)));
	ht_table_add(t, ht_number(e->source));
	ht_table_add(t, ht_if(e->has_old, ht_hex(e->old_address)));
	ht_table_add(t, ht_if(e->has_old_size, ht_number(e->old_size)));
	ht_table_add(t, ht_if(e->has_address, ht_hex(e->address)));
	ht_table_add(t, ht_number(e->size));
	ht_table_add(t, ht_flag(e->failed));
	ht_table_add(t, caller);
	ht_table_add(t, ht_number(e->stream->process));
}

static void print_stack(const struct ht_stack *stack)
{
	ht_out_text(",\"stack\":[");
	for (size_t i = 0; i < stack->depth; i++) {
		ht_out_text(i ? ",\"" : "\"");
		ht_out_hex(stack->step[i].pc);
		ht_out_text("\"");
	}
	ht_out_text("],\"stack_cut\":");
	if (stack->cut)
		ht_outf("\"%s\"", ht_stack_cut_name(stack->cut));
	else
		ht_out_text("null");
}

static int print_json(void *state, const struct ht_event *e, struct ht_err *err)
{
	struct script *s = state;
	struct ht_table *t = e->kind == HT_EVENT_REALLOC ? &s->moved : &s->simple;
	struct ht_value caller;

	ht_stack_read(s->model, e->context, &s->stack);
	caller = ht_if(s->stack.depth, ht_hex(s->stack.step[0].pc));
	ht_table_clear(t);
	if (e->kind == HT_EVENT_REALLOC)
		fill_realloc(s, e, caller);
	else
		fill_simple(s, e, caller);
	ht_out_text("{");
	ht_table_json(t, 0);
	print_stack(&s->stack);
	ht_out_text("}\n");
	return go_on(err);
}

/* ---- text -------------------------------------------------------------------------------------------------- */

static void print_number(bool known, uint64_t n)
{
	if (known)
		ht_outf("  %10" PRIu64, n);
	else
		ht_outf("  %10s", "?");
}

static void print_address(bool known, uint64_t address, const char *otherwise)
{
	if (known)
		ht_outf("  0x%-16" PRIx64, address);
	else
		ht_outf("  %-18s", otherwise);
}

/* The whole stack ends the line: innermost caller first, and why it goes no further, if that is known. */
static void print_callers(struct script *s, const struct ht_event *e)
{
	const struct ht_stack *stack = &s->stack;

	ht_stack_read(s->model, e->context, &s->stack);
	for (size_t i = 0; i < stack->depth; i++)
		ht_outf("%s0x%" PRIx64, i ? " < " : "  from ", stack->step[i].pc);
	if (stack->cut)
		ht_outf("  cut: %s", ht_stack_cut_name(stack->cut));
}

static int print_text(void *state, const struct ht_event *e, struct ht_err *err)
{
	struct script *s = state;
	uint64_t ns = ht_clock_time_ns(&s->model->clock, e->ticks);
	const char *function = ht_model_function(s->model, e->context), *heap = heap_name(e);

	ht_outf("%6" PRIu64 ".%09" PRIu64 "  %5" PRIu64 "  %-8s  %-16s", ns / 1000000000, ns % 1000000000,
		e->stream->number, event_name[e->kind], function ? function : "?");
	print_number(e->has_size, e->size);
	print_address(e->has_address, e->address, e->failed ? "failed" : "freed");
	ht_outf("  %s", heap ? heap : "?");
	if (e->has_old)
		ht_outf("  was 0x%" PRIx64, e->old_address);
	if (e->has_old_size)
		ht_outf(" of %" PRIu64, e->old_size);
	print_callers(s, e);
	ht_out_text("\n");
	return go_on(err);
}

static int run(const struct ht_given *given)
{
	struct script s = { .simple = HT_TABLE(simple_fields), .moved = HT_TABLE(realloc_fields) };
	struct ht_observer observer = { .event = given->option[OPT_JSON] ? print_json : print_text, .state = &s };
	struct ht_history history;
	struct ht_err err;
	int status = ht_answer_open(given->word[0], given->option[OPT_PROCESS], &s.model);

	if (status)
		return status;
	status = ht_answer_status(s.model);
	if (ht_replay_run(s.model, &observer, 1, &history, &err) && !ht_out_failed())
		status = ht_complain(given->word[0], &err);
	ht_table_fini(&s.simple);
	ht_table_fini(&s.moved);
	ht_model_close(s.model);
	return status;
}

const struct ht_command ht_cmd_script = {
	.name = "script",
	.args = "FILE",
	.says = "every event of a trace, in order, one line each",
	.options = options,
	.least = 1,
	.most = 1,
	.run = run,
};
