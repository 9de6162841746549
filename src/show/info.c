/* SPDX-License-Identifier: Apache-2.0 */
/* info.c -- `heaptap info FILE`: what was recorded, when, and what is in the file
 *
 *   facts      one row: target, times, counts, sizes, how it ended
 *   lists      processes, images, modules, losses, threads
 *
 * People see the facts and the beginning of the lists; JSON has all: the facts as fields, the lists as processes, image_list,
 * module_list, loss_list, thread_list. Counts are of calls: a realloc is one. Peaks need a replay: inspect/family.h.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "inspect/choice.h"
#include "inspect/facts.h"
#include "inspect/family.h"
#include "inspect/stack.h"
#include "show/answer.h"
#include "show/command.h"
#include "show/out.h"
#include "show/stacks.h"
#include "show/table.h"

#define ROWS_SHOWN 20 /* of long lists, in text */
#define MODULES_SHOWN 100

enum { OPT_JSON, OPT_PROCESS };

static const struct ht_option options[] = {
	[OPT_JSON] = { .name = "json",
		       .says = "one object: the facts, and lists of images, modules, losses and threads" },
	[OPT_PROCESS] = HT_OPTION_PROCESS,
	{ 0 },
};

static const struct ht_field fact_fields[] = {
	{ "command", "command", 0 },
	{ "pid", "process", 0 },
	{ "host", "host", 0 },
	{ "start", "began", 0 },
	{ "start_realtime_ns", NULL, 0 },
	{ "duration_ns", "lasted", HT_FORM_NS },
	{ "end_reason", NULL, 0 },
	{ NULL, "ended because", 0 },
	{ "end_status", "with status", 0 },
	{ "events", "events", 0 },
	{ "allocs", "  allocations", 0 },
	{ "frees", "  frees", 0 },
	{ "reallocs", "  reallocations", 0 },
	{ "failed", "  of them failed", 0 },
	{ "existing", "blocks from before", 0 },
	{ "peak_bytes", "peak", HT_FORM_BYTES },
	{ "peak_blocks", "  in blocks", 0 },
	{ "peak_ns", "  at", HT_FORM_NS },
	{ "unfreed_bytes", "never freed", HT_FORM_BYTES },
	{ "unfreed_blocks", "  in blocks", 0 },
	{ "counted_only", "counted only", 0 },
	{ "lost", "lost", 0 },
	{ "blocked_ns", "waited for room", HT_FORM_NS },
	{ "bytes_on_disk", "file", HT_FORM_BYTES },
	{ "bytes_per_event", "bytes per event", 0 },
	{ "blocks", "blocks of the file", 0 },
	{ "event_blocks", "  with events", 0 },
	{ "damaged_blocks", "  damaged", 0 },
	{ "threads", "threads", 0 },
	{ "contexts", "contexts", 0 },
	{ "contexts_cut", "contexts cut", 0 },
	{ "stacks", "stacks", 0 },
	{ "stacks_cut", "  cut short", 0 },
	{ "stacks_cut_percent", "  of them, in %", 0 },
	{ "images", "images", 0 },
	{ "modules", "modules", 0 },
	{ "modules_left_out", "  left out", 0 },
	{ "forked_children", "forked children", 0 },
	{ "processes_told", NULL, 0 },
	{ NULL, "cannot be seen", 0 },
	{ "damaged_streams", "broken threads", 0 },
	{ "policy", "when full", 0 },
	{ "clock", "clock", 0 },
	{ "heaptap", "recorded by heaptap", 0 },
};

static const struct ht_field image_fields[] = {
	{ "image", "image", 0 },         { "time_ns", "joined", HT_FORM_NS },
	{ "pid", "process", 0 },         { "status", NULL, 0 },
	{ NULL, "status", 0 },           { "exe", "program", 0 },
	{ "allocator", "allocator", 0 }, { "command", "command", 0 },
	{ "before", NULL, 0 },           { "before_why", NULL, 0 },
	{ "process", NULL, 0 },
};

static const struct ht_field process_fields[] = {
	{ "process", "#", 0 },
	{ "pid", "process", 0 },
	{ "ppid", "parent", 0 },
	{ "comm", "name", 0 },
	{ "command", NULL, 0 },
	{ "start_ns", "started", HT_FORM_NS },
	{ "end_ns", "ended", HT_FORM_NS },
	{ "exit", "status", 0 },
	{ "traced", "recorded", 0 },
	{ "reason", NULL, 0 },
	{ "allocated_bytes", "allocated", HT_FORM_BYTES },
	{ "peak_bytes", "peak", HT_FORM_BYTES },
	{ "peak_blocks", NULL, 0 },
	{ "peak_ns", NULL, 0 },
	{ "unfreed_bytes", "never freed", HT_FORM_BYTES },
	{ "unfreed_blocks", NULL, 0 },
};

static const struct ht_field module_fields[] = {
	{ "image", "image", 0 },   { "change", "change", 0 }, { "time_ns", NULL, 0 },
	{ "generation", NULL, 0 }, { "start", "start", 0 },   { "end", "end", 0 },
	{ "offset", NULL, 0 },     { "path", "module", 0 },   { "build_id", "build id", 0 },
};

static const struct ht_field thread_fields[] = {
	{ "thread", "thread", 0 }, { "tid", "tid", 0 },
	{ "image", "image", 0 },   { "name", "name", 0 },
	{ "calls", "calls", 0 },   { "lost", "lost", 0 },
	{ "nested", NULL, 0 },     { "blocked_ns", "waited for room", HT_FORM_NS },
	{ "process", "#", 0 },
};

static const struct ht_field loss_fields[] = {
	{ "thread", "thread", 0 },     { "count", "lost", 0 }, { "from_ns", "from", HT_FORM_NS },
	{ "to_ns", "to", HT_FORM_NS }, { "reason", NULL, 0 },  { NULL, "because", 0 },
};

/* ---- words for numbers ------------------------------------------------------------------------------------- */

static const char *word_for(const char *const *words, size_t count, uint64_t n)
{
	return n < count ? words[n] : NULL;
}

#define WORD(words, n) ht_name(word_for(words, sizeof(words) / sizeof(*(words)), n))

static const char *const clock_words[] = { NULL, "time stamp counter", "monotonic" };
static const char *const policy_words[] = { NULL, "block", "drop" };
static const char *const change_words[] = { NULL, "mapped", "unmapped" };
/* For programs, and for people. */
static const char *const end_words[] = {
	[HT_END_EXIT] = "the process exited",
	[HT_END_SIGNAL] = "the process was killed by a signal",
	[HT_END_LIMIT] = "the file reached its limit",
	[HT_END_WRITE] = "the file could not be written",
	[HT_END_ASKED] = "the recorder was asked to stop",
	[HT_END_GONE] = "the process ended, how is not known",
};
static const char *const image_names[] = {
	[HT_IMAGE_STATE_RECORDED] = "recorded", [HT_IMAGE_STATE_OWN_ALLOCATOR] = "own_allocator",
	[HT_IMAGE_STATE_NO_WIPE] = "no_wipe",   [HT_IMAGE_STATE_NO_LIBC] = "no_allocator",
	[HT_IMAGE_STATE_UNSEEN] = "unseen",     [HT_IMAGE_STATE_UNWANTED] = "not_followed",
};
static const char *const image_words[] = {
	[HT_IMAGE_STATE_RECORDED] = "recorded",
	[HT_IMAGE_STATE_OWN_ALLOCATOR] = "not recorded: brings its own allocator",
	[HT_IMAGE_STATE_NO_WIPE] = "not recorded: kernel without MADV_WIPEONFORK",
	[HT_IMAGE_STATE_NO_LIBC] = "not recorded: no allocator found",
	[HT_IMAGE_STATE_UNSEEN] = "not recorded: static, privileged or foreign program",
	[HT_IMAGE_STATE_UNWANTED] = "not recorded: not followed",
};

static const char *const loss_names[] = {
	[HT_LOSS_NO_ROOM] = "no_room",
	[HT_LOSS_REENTERED] = "reentered",
	[HT_LOSS_DAMAGED] = "damaged",
	[HT_LOSS_UNKNOWN] = "unknown",
};
static const char *const loss_words[] = {
	[HT_LOSS_NO_ROOM] = "there was no room",
	[HT_LOSS_REENTERED] = "the recorder's own code was left or entered again",
	[HT_LOSS_DAMAGED] = "the recorder met damage in the shared memory",
	[HT_LOSS_UNKNOWN] = "unknown",
};

/* Local time for people, with its zone. */
static struct ht_value date_of(uint64_t realtime_ns, char *to, size_t cap)
{
	time_t seconds = (time_t)(realtime_ns / 1000000000);
	struct tm parts;

	if (!localtime_r(&seconds, &parts) || !strftime(to, cap, "%Y-%m-%d %H:%M:%S %z", &parts))
		return ht_null();
	return ht_name(to);
}

/* ---- facts ------------------------------------------------------------------------------------------------- */

static void add_target(struct ht_table *t, struct ht_model *m, char *date, size_t cap)
{
	const struct ht_meta_session *s = &m->session;
	bool has_status = m->has_end && (m->end.reason == HT_END_EXIT || m->end.reason == HT_END_SIGNAL);

	ht_table_add(t, ht_if(m->has_session, ht_words(s->command)));
	ht_table_add(t, ht_if(m->has_session, ht_number(s->pid)));
	ht_table_add(t, ht_if(m->has_session, ht_string(s->host)));
	ht_table_add(t, ht_if(m->has_session, date_of(s->start_realtime_ns, date, cap)));
	ht_table_add(t, ht_if(m->has_session, ht_number(s->start_realtime_ns)));
	ht_table_add(t, ht_if(m->has_session, ht_number(ht_clock_time_ns(&m->clock, ht_facts_end_ticks(m)))));
	ht_table_add(t, ht_if(m->has_end, ht_name(ht_facts_end_name(m->end.reason))));
	ht_table_add(t, ht_if(m->has_end, WORD(end_words, m->end.reason)));
	ht_table_add(t, ht_if(has_status, ht_number(m->end.status)));
}

static void add_peak(struct ht_table *t, struct ht_model *m, const struct ht_member *sums)
{
	ht_table_add(t, ht_number(sums->peak_bytes));
	ht_table_add(t, ht_number(sums->peak_blocks));
	ht_table_add(t, ht_if(sums->peak_blocks, ht_number(ht_clock_time_ns(&m->clock, sums->peak_ticks))));
	ht_table_add(t, ht_number(sums->unfreed_bytes));
	ht_table_add(t, ht_number(sums->unfreed_blocks));
}

static void add_counts(struct ht_table *t, struct ht_model *m, const struct ht_member *all)
{
	uint64_t bytes = ht_model_file_bytes(m);
	const struct ht_damage *damage;
	struct ht_facts s;

	ht_facts_take(m, &s);
	ht_table_add(t, ht_number(s.events));
	ht_table_add(t, ht_number(s.allocs));
	ht_table_add(t, ht_number(s.frees));
	ht_table_add(t, ht_number(s.reallocs));
	ht_table_add(t, ht_number(s.failed));
	ht_table_add(t, ht_number(s.existing));
	add_peak(t, m, all);
	ht_table_add(t, ht_number(s.counted_only));
	ht_table_add(t, ht_number(s.lost));
	ht_table_add(t, ht_number(s.blocked_ns));
	ht_table_add(t, ht_number(bytes));
	ht_table_add(t, ht_if(s.events, ht_hundredths(s.events ? bytes * 100 / s.events : 0)));
	ht_table_add(t, ht_number(s.blocks));
	ht_table_add(t, ht_number(m->block_counts[HT_BLOCK_EVENTS]));
	ht_table_add(t, ht_number(ht_model_damages(m, &damage)));
}

/* Different stacks by how they end. */
static void count_stacks(const struct ht_model *m, uint64_t by_cut[HT_STACK_CUTS])
{
	for (size_t i = 0; i < m->contexts.count; i++) {
		const struct ht_node_at *n = &m->contexts.at[i];

		if (n->kind == HT_CONTEXT_FUNCTION && n->parent)
			by_cut[ht_stack_cut_of(m, n->context)]++;
	}
}

static void add_stacks(struct ht_table *t, const uint64_t by_cut[HT_STACK_CUTS])
{
	uint64_t all = 0, cut;

	for (int i = 0; i < HT_STACK_CUTS; i++)
		all += by_cut[i];
	cut = all - by_cut[HT_STACK_WHOLE];
	ht_table_add(t, ht_number(all));
	ht_table_add(t, ht_number(cut));
	ht_table_add(t, ht_if(all, ht_hundredths(all ? cut * 10000 / all : 0)));
}

static bool has_image(const struct ht_model *m, uint64_t image)
{
	return ht_choice_has(m, ht_model_process_of(m, image));
}

static void add_rest(struct ht_table *t, const struct ht_model *m, const uint64_t by_cut[HT_STACK_CUTS])
{
	uint64_t images = 0, modules = 0;
	bool untold = m->session.flags & HT_SESSION_UNTOLD;

	ht_table_add(t, ht_number(m->threads));
	ht_table_add(t, ht_number(m->contexts.count));
	ht_table_add(t, ht_number(m->end.contexts_cut));
	add_stacks(t, by_cut);
	for (size_t i = 0; i < m->images.count; i++)
		images += has_image(m, m->images.at[i].image);
	for (size_t i = 0; i < m->modules.count; i++)
		modules += has_image(m, m->modules.at[i].image);
	ht_table_add(t, ht_number(images));
	ht_table_add(t, ht_number(modules));
	ht_table_add(t, ht_number(m->end.modules_left_out));
	ht_table_add(t, ht_number(m->end.forked_children));
	ht_table_add(t, ht_if(m->session.flags & HT_SESSION_FOLLOWS, ht_flag(!untold)));
	ht_table_add(t, ht_if(untold, ht_name("programs that ended within some 0.1 s and never ran the agent")));
	ht_table_add(t, ht_number(m->end.damaged_streams));
	ht_table_add(t, WORD(policy_words, m->session.policy));
	ht_table_add(t, WORD(clock_words, m->session.clock));
	ht_table_add(t, ht_if(m->has_session, ht_string(m->session.heaptap)));
}

/* ---- lists ------------------------------------------------------------------------------------------------- */

/* What the lists are made from. */
struct subject {
	struct ht_model *model;
	struct ht_family family;
	uint64_t *status; /* of each process's latest image; 0: it has none, it made no call of its own */
};

static bool add_image(struct ht_table *t, const struct subject *s, size_t i)
{
	const struct ht_meta_image *image = &s->model->images.at[i];

	if (!ht_choice_has(s->model, image->process))
		return false;
	ht_table_add(t, ht_number(image->image));
	ht_table_add(t, ht_number(ht_clock_time_ns(&s->model->clock, image->ticks)));
	ht_table_add(t, ht_number(image->pid));
	ht_table_add(t, WORD(image_names, image->status));
	ht_table_add(t, WORD(image_words, image->status));
	ht_table_add(t, ht_string(image->exe));
	ht_table_add(t, ht_if(image->allocator.len, ht_string(image->allocator)));
	ht_table_add(t, ht_words(image->command));
	ht_table_add(t, ht_number(image->before));
	ht_table_add(t, ht_if(image->before_why.len, ht_string(image->before_why)));
	ht_table_add(t, ht_number(image->process));
	return true;
}

/* As a shell says it. */
static struct ht_value exit_of(const struct ht_meta_process *p)
{
	return ht_if(p->exit, ht_number(p->exit == HT_EXIT_SIGNAL ? 128 + p->code : p->code));
}

static bool add_process(struct ht_table *t, const struct subject *s, size_t i)
{
	struct ht_model *m = s->model;
	const struct ht_meta_process *p = &m->processes.at[i];
	uint64_t status = s->status[i];

	if (!ht_choice_has(m, p->process))
		return false;
	ht_table_add(t, ht_number(p->process));
	ht_table_add(t, ht_number(p->pid));
	ht_table_add(t, ht_number(p->ppid));
	ht_table_add(t, ht_if(p->comm.len, ht_string(p->comm)));
	ht_table_add(t, ht_words(p->command));
	ht_table_add(t, ht_number(ht_clock_time_ns(&m->clock, p->start_ticks)));
	ht_table_add(t, ht_if(p->end_ticks, ht_number(ht_clock_time_ns(&m->clock, p->end_ticks))));
	ht_table_add(t, exit_of(p));
	ht_table_add(t, ht_flag(status == HT_IMAGE_STATE_RECORDED));
	ht_table_add(t,
		     ht_if(status != HT_IMAGE_STATE_RECORDED, status ? WORD(image_names, status) : ht_name("no_call")));
	ht_table_add(t, ht_number(s->family.member[i].allocated_bytes));
	add_peak(t, m, &s->family.member[i]);
	return true;
}

static bool add_module(struct ht_table *t, const struct subject *s, size_t i)
{
	const struct ht_meta_module *module = &s->model->modules.at[i];

	if (!has_image(s->model, module->image))
		return false;
	ht_table_add(t, ht_number(module->image));
	ht_table_add(t, WORD(change_words, module->change));
	ht_table_add(t, ht_number(ht_clock_time_ns(&s->model->clock, module->ticks)));
	ht_table_add(t, ht_number(module->generation));
	ht_table_add(t, ht_hex(module->start));
	ht_table_add(t, ht_hex(module->end));
	ht_table_add(t, ht_hex(module->offset));
	ht_table_add(t, ht_string(module->path));
	ht_table_add(t, ht_if(module->build_id.len, ht_raw(module->build_id)));
	return true;
}

static bool add_loss(struct ht_table *t, const struct subject *s, size_t i)
{
	const struct ht_meta_loss *loss = &s->model->losses.at[i];

	if (!ht_choice_has_stream(s->model, loss->stream))
		return false;
	ht_table_add(t, ht_number(loss->stream));
	ht_table_add(t, ht_number(loss->count));
	ht_table_add(t, ht_number(ht_clock_time_ns(&s->model->clock, loss->from_ticks)));
	ht_table_add(t, ht_number(ht_clock_time_ns(&s->model->clock, loss->to_ticks)));
	ht_table_add(t, WORD(loss_names, loss->reason));
	ht_table_add(t, WORD(loss_words, loss->reason));
	return true;
}

static bool add_thread(struct ht_table *t, const struct subject *s, size_t i)
{
	const struct ht_stream *at = &s->model->streams.at[i];

	if (!at->is_chosen)
		return false;
	ht_table_add(t, ht_number(at->number));
	ht_table_add(t, ht_if(at->has_thread, ht_number(at->tid)));
	ht_table_add(t, ht_if(at->has_thread, ht_number(at->image)));
	ht_table_add(t, ht_if(at->has_thread, ht_string(at->name)));
	ht_table_add(t, ht_number(at->calls));
	ht_table_add(t, ht_number(at->has_account ? at->account.lost : at->lost));
	ht_table_add(t, ht_if(at->has_account, ht_number(at->account.nested)));
	ht_table_add(t, ht_if(at->has_account, ht_number(at->account.blocked_ns)));
	ht_table_add(t, ht_number(at->process));
	return true;
}

enum list { LIST_PROCESSES, LIST_IMAGES, LIST_MODULES, LIST_LOSSES, LIST_THREADS, LISTS };

#define FIELDS(fields) fields, sizeof(fields) / sizeof(*(fields))

static const struct {
	const char *name;
	const struct ht_field *field;
	size_t fields;
	size_t most_shown;                                                       /* in text */
	bool (*add)(struct ht_table *t, const struct subject *s, size_t number); /* false: not of a chosen process */
} lists[LISTS] = {
	[LIST_PROCESSES] = { "processes", FIELDS(process_fields), ROWS_SHOWN, add_process },
	[LIST_IMAGES] = { "image_list", FIELDS(image_fields), ROWS_SHOWN, add_image },
	[LIST_MODULES] = { "module_list", FIELDS(module_fields), MODULES_SHOWN, add_module },
	[LIST_LOSSES] = { "loss_list", FIELDS(loss_fields), ROWS_SHOWN, add_loss },
	[LIST_THREADS] = { "thread_list", FIELDS(thread_fields), ROWS_SHOWN, add_thread },
};

static size_t length_of(const struct ht_model *m, enum list list)
{
	const size_t length[LISTS] = {
		[LIST_PROCESSES] = m->processes.count, [LIST_IMAGES] = m->images.count,
		[LIST_MODULES] = m->modules.count,     [LIST_LOSSES] = m->losses.count,
		[LIST_THREADS] = m->streams.count,
	};

	return length[list];
}

/* ---- the answer -------------------------------------------------------------------------------------------- */

static void print_cuts(const uint64_t by_cut[HT_STACK_CUTS])
{
	const char *comma = "";

	ht_out_text(",\"stack_cuts\":{");
	for (int i = HT_STACK_CUT_DEPTH; i < HT_STACK_CUTS; i++) {
		ht_outf("%s\"%s\":%" PRIu64, comma, ht_stack_cut_name((enum ht_stack_cut)i), by_cut[i]);
		comma = ",";
	}
	ht_out_text("}");
}

static void print_json(const struct subject *s, const struct ht_table *facts, const uint64_t by_cut[HT_STACK_CUTS])
{
	ht_out_text("{");
	ht_table_json(facts, 0);
	print_cuts(by_cut);
	for (int list = 0; list < LISTS; list++) {
		struct ht_table t = { .field = lists[list].field, .fields = lists[list].fields };
		bool more = false;

		ht_outf(",\"%s\":[", lists[list].name);
		for (size_t i = 0; i < length_of(s->model, list); i++)
			if (lists[list].add(&t, s, i)) {
				ht_table_json_rows(&t, more);
				more = true;
			}
		ht_out_text("]");
		ht_table_fini(&t);
	}
	ht_out_text("}\n");
}

static void print_list(const struct subject *s, enum list list)
{
	struct ht_table t = { .field = lists[list].field, .fields = lists[list].fields }, rest = t;
	size_t shown = 0, left_out = 0;

	for (size_t i = 0; i < length_of(s->model, list); i++) {
		bool is_shown = shown < lists[list].most_shown,
		     is_chosen = lists[list].add(is_shown ? &t : &rest, s, i);

		ht_table_clear(&rest);
		shown += is_chosen && is_shown;
		left_out += is_chosen && !is_shown;
	}
	if (shown) {
		ht_out_text("\n");
		ht_table_text(&t);
	}
	if (left_out)
		ht_outf("and %zu more\n", left_out);
	ht_table_fini(&t);
	ht_table_fini(&rest);
}

static void print_text(const struct subject *s, const struct ht_table *facts, const uint64_t by_cut[HT_STACK_CUTS])
{
	ht_table_facts(facts);
	for (int i = HT_STACK_CUT_DEPTH; i < HT_STACK_CUTS; i++)
		if (by_cut[i])
			ht_outf("stacks cut short: %" PRIu64 ", %s\n", by_cut[i],
				ht_stacks_cut_word((enum ht_stack_cut)i));
	for (int list = 0; list < LISTS; list++)
		print_list(s, (enum list)list);
}

static int take_subject(struct subject *s, struct ht_err *err)
{
	const struct ht_model *m = s->model;

	s->status = calloc(m->processes.count + 1, sizeof(*s->status));
	if (!s->status)
		return ht_err_set(err, HT_ESYSTEM, "out of memory for %zu processes", m->processes.count);
	for (size_t i = 0; i < m->images.count; i++) {
		const struct ht_meta_process *p = ht_model_process(m, m->images.at[i].process);

		if (p)
			s->status[p - m->processes.at] = m->images.at[i].status;
	}
	return ht_family_take(s->model, &s->family, err);
}

static int run(const struct ht_given *given)
{
	struct ht_table facts = HT_TABLE(fact_fields);
	uint64_t by_cut[HT_STACK_CUTS] = { 0 };
	struct subject s = { 0 };
	struct ht_err err;
	char date[64];
	int status = ht_answer_open(given->word[0], given->option[OPT_PROCESS], &s.model);

	if (status)
		return status;
	if (take_subject(&s, &err)) {
		status = ht_complain(given->word[0], &err);
	} else {
		add_target(&facts, s.model, date, sizeof(date));
		add_counts(&facts, s.model, &s.family.all);
		count_stacks(s.model, by_cut);
		add_rest(&facts, s.model, by_cut);
		if (given->option[OPT_JSON])
			print_json(&s, &facts, by_cut);
		else
			print_text(&s, &facts, by_cut);
		status = ht_answer_status(s.model);
	}
	ht_table_fini(&facts);
	ht_family_fini(&s.family);
	free(s.status);
	ht_model_close(s.model);
	return status;
}

const struct ht_command ht_cmd_info = {
	.name = "info",
	.args = "FILE",
	.says = "what was recorded, when, and what the trace holds",
	.options = options,
	.least = 1,
	.most = 1,
	.run = run,
};
