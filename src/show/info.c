/* SPDX-License-Identifier: Apache-2.0 */
/* info.c -- `heaptap info FILE`: what was recorded, when, and what is in the file
 *
 *   facts      one row: target, times, counts, sizes, how it ended
 *   lists      images, modules, losses, threads
 *
 * People see the facts and the beginning of the lists; JSON has all: the facts as fields, the lists as image_list,
 * module_list, loss_list, thread_list. Counts are of calls: a realloc is one.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "inspect/stack.h"
#include "show/answer.h"
#include "show/command.h"
#include "show/out.h"
#include "show/stacks.h"
#include "show/table.h"

#define ROWS_SHOWN 20 /* of long lists, in text */

enum { OPT_JSON };

static const struct ht_option options[] = {
	[OPT_JSON] = { .name = "json",
		       .says = "one object: the facts, and lists of images, modules, losses and threads" },
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
	{ "forked_children", "forked children", 0 },
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
};

static const struct ht_field process_fields[] = {
	{ "pid", "process", 0 },
	{ "ppid", "parent", 0 },
	{ "comm", "name", 0 },
	{ "command", NULL, 0 },
	{ "start_ns", "started", HT_FORM_NS },
	{ "end_ns", "ended", HT_FORM_NS },
	{ "exit", "status", 0 },
	{ "traced", "recorded", 0 },
	{ "reason", NULL, 0 },
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
static const char *const end_names[] = {
	[HT_END_EXIT] = "exit",         [HT_END_SIGNAL] = "signal", [HT_END_LIMIT] = "limit",
	[HT_END_WRITE] = "write_error", [HT_END_ASKED] = "asked",
};
static const char *const end_words[] = {
	[HT_END_EXIT] = "the process exited",
	[HT_END_SIGNAL] = "the process was killed by a signal",
	[HT_END_LIMIT] = "the file reached its limit",
	[HT_END_WRITE] = "the file could not be written",
	[HT_END_ASKED] = "the recorder was asked to stop",
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

struct sums {
	uint64_t events, allocs, frees, reallocs, failed;
	uint64_t counted_only, lost, blocked_ns;
};

static struct sums sum_up(const struct ht_model *m)
{
	const uint64_t *rows = m->row_counts;
	struct sums s = {
		.allocs = rows[HT_ROW_ALLOC] + rows[HT_ROW_ALLOC_FAILED],
		.frees = rows[HT_ROW_FREE],
		.reallocs = rows[HT_ROW_REALLOC_END] + rows[HT_ROW_REALLOC_FREED] + rows[HT_ROW_REALLOC_FAILED],
		.failed = rows[HT_ROW_ALLOC_FAILED] + rows[HT_ROW_REALLOC_FAILED],
	};

	s.events = s.allocs + s.frees + s.reallocs;
	for (size_t i = 0; i < m->streams.count; i++) {
		const struct ht_stream *t = &m->streams.at[i];

		s.lost += t->has_account ? t->account.lost : t->lost;
		s.counted_only += t->account.counted_only;
		s.blocked_ns += t->account.blocked_ns;
	}
	return s;
}

static void add_target(struct ht_table *t, struct ht_model *m, char *date, size_t cap)
{
	const struct ht_meta_session *s = &m->session;
	uint64_t last = m->has_end && m->end.ticks > m->last_ticks ? m->end.ticks : m->last_ticks;
	bool has_status = m->has_end && (m->end.reason == HT_END_EXIT || m->end.reason == HT_END_SIGNAL);

	ht_table_add(t, ht_if(m->has_session, ht_words(s->command)));
	ht_table_add(t, ht_if(m->has_session, ht_number(s->pid)));
	ht_table_add(t, ht_if(m->has_session, ht_string(s->host)));
	ht_table_add(t, ht_if(m->has_session, date_of(s->start_realtime_ns, date, cap)));
	ht_table_add(t, ht_if(m->has_session, ht_number(s->start_realtime_ns)));
	ht_table_add(t, ht_if(m->has_session, ht_number(ht_clock_time_ns(&m->clock, last))));
	ht_table_add(t, ht_if(m->has_end, WORD(end_names, m->end.reason)));
	ht_table_add(t, ht_if(m->has_end, WORD(end_words, m->end.reason)));
	ht_table_add(t, ht_if(has_status, ht_number(m->end.status)));
}

static void add_counts(struct ht_table *t, const struct ht_model *m)
{
	struct sums s = sum_up(m);
	uint64_t bytes = ht_model_file_bytes(m), blocks = 0;
	const struct ht_damage *damage;

	for (int kind = 0; kind <= HT_BLOCK_PROCESS; kind++)
		blocks += m->block_counts[kind];
	ht_table_add(t, ht_number(s.events));
	ht_table_add(t, ht_number(s.allocs));
	ht_table_add(t, ht_number(s.frees));
	ht_table_add(t, ht_number(s.reallocs));
	ht_table_add(t, ht_number(s.failed));
	ht_table_add(t, ht_number(m->row_counts[HT_ROW_EXISTING]));
	ht_table_add(t, ht_number(s.counted_only));
	ht_table_add(t, ht_number(s.lost));
	ht_table_add(t, ht_number(s.blocked_ns));
	ht_table_add(t, ht_number(bytes));
	ht_table_add(t, ht_if(s.events, ht_hundredths(s.events ? bytes * 100 / s.events : 0)));
	ht_table_add(t, ht_number(blocks));
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

static void add_rest(struct ht_table *t, const struct ht_model *m, const uint64_t by_cut[HT_STACK_CUTS])
{
	ht_table_add(t, ht_number(m->threads));
	ht_table_add(t, ht_number(m->contexts.count));
	ht_table_add(t, ht_number(m->end.contexts_cut));
	add_stacks(t, by_cut);
	ht_table_add(t, ht_number(m->images.count));
	ht_table_add(t, ht_number(m->modules.count));
	ht_table_add(t, ht_number(m->end.forked_children));
	ht_table_add(t, ht_number(m->end.damaged_streams));
	ht_table_add(t, WORD(policy_words, m->session.policy));
	ht_table_add(t, WORD(clock_words, m->session.clock));
	ht_table_add(t, ht_if(m->has_session, ht_string(m->session.heaptap)));
}

/* ---- lists ------------------------------------------------------------------------------------------------- */

static void add_images(struct ht_table *t, struct ht_model *m)
{
	for (size_t i = 0; i < m->images.count; i++) {
		const struct ht_meta_image *image = &m->images.at[i];

		ht_table_add(t, ht_number(image->image));
		ht_table_add(t, ht_number(ht_clock_time_ns(&m->clock, image->ticks)));
		ht_table_add(t, ht_number(image->pid));
		ht_table_add(t, WORD(image_names, image->status));
		ht_table_add(t, WORD(image_words, image->status));
		ht_table_add(t, ht_string(image->exe));
		ht_table_add(t, ht_if(image->allocator.len, ht_string(image->allocator)));
		ht_table_add(t, ht_words(image->command));
	}
}

/* As a shell says it. */
static struct ht_value exit_of(const struct ht_meta_process *p)
{
	return ht_if(p->exit, ht_number(p->exit == HT_EXIT_SIGNAL ? 128 + p->code : p->code));
}

/* What became of the process's latest image; a process without one made no call of its own. */
static uint64_t status_of(const struct ht_model *m, uint64_t process)
{
	uint64_t latest = 0, status = 0;

	for (size_t i = 0; i < m->images.count; i++)
		if (m->images.at[i].process == process && m->images.at[i].image > latest) {
			latest = m->images.at[i].image;
			status = m->images.at[i].status;
		}
	return status;
}

static void add_process(struct ht_table *t, struct ht_model *m, const struct ht_meta_process *p)
{
	uint64_t status = status_of(m, p->process);

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
}

static void add_module(struct ht_table *t, struct ht_model *m, const struct ht_meta_module *module)
{
	ht_table_add(t, ht_number(module->image));
	ht_table_add(t, WORD(change_words, module->change));
	ht_table_add(t, ht_number(ht_clock_time_ns(&m->clock, module->ticks)));
	ht_table_add(t, ht_number(module->generation));
	ht_table_add(t, ht_hex(module->start));
	ht_table_add(t, ht_hex(module->end));
	ht_table_add(t, ht_hex(module->offset));
	ht_table_add(t, ht_string(module->path));
	ht_table_add(t, ht_if(module->build_id.len, ht_raw(module->build_id)));
}

static void add_loss(struct ht_table *t, struct ht_model *m, const struct ht_meta_loss *loss)
{
	ht_table_add(t, ht_number(loss->stream));
	ht_table_add(t, ht_number(loss->count));
	ht_table_add(t, ht_number(ht_clock_time_ns(&m->clock, loss->from_ticks)));
	ht_table_add(t, ht_number(ht_clock_time_ns(&m->clock, loss->to_ticks)));
	ht_table_add(t, WORD(loss_names, loss->reason));
	ht_table_add(t, WORD(loss_words, loss->reason));
}

static void add_thread(struct ht_table *t, const struct ht_stream *s)
{
	ht_table_add(t, ht_number(s->number));
	ht_table_add(t, ht_if(s->has_thread, ht_number(s->tid)));
	ht_table_add(t, ht_if(s->has_thread, ht_number(s->image)));
	ht_table_add(t, ht_if(s->has_thread, ht_string(s->name)));
	ht_table_add(t, ht_number(s->calls));
	ht_table_add(t, ht_number(s->has_account ? s->account.lost : s->lost));
	ht_table_add(t, ht_if(s->has_account, ht_number(s->account.nested)));
	ht_table_add(t, ht_if(s->has_account, ht_number(s->account.blocked_ns)));
}

/* ---- the answer -------------------------------------------------------------------------------------------- */

static void print_cuts(const uint64_t by_cut[HT_STACK_CUTS])
{
	const char *comma = "";

	ht_out_text(",\"stack_cuts\":{");
	for (int i = HT_STACK_CUT_DEPTH; i < HT_STACK_CUTS; i++) {
		ht_outf("%s\"%s\":%" PRIu64, comma, ht_stacks_cut_name((enum ht_stack_cut)i), by_cut[i]);
		comma = ",";
	}
	ht_out_text("}");
}

static void print_json(struct ht_model *m, const struct ht_table *facts, struct ht_table *images,
		       const uint64_t by_cut[HT_STACK_CUTS])
{
	struct ht_table modules = HT_TABLE(module_fields), losses = HT_TABLE(loss_fields);
	struct ht_table processes = HT_TABLE(process_fields);
	struct ht_table threads = HT_TABLE(thread_fields);

	ht_out_text("{");
	ht_table_json(facts, 0);
	print_cuts(by_cut);
	ht_out_text(",\"image_list\":[");
	ht_table_json_rows(images, false);
	ht_out_text("],\"processes\":[");
	for (size_t i = 0; i < m->processes.count; i++) {
		add_process(&processes, m, &m->processes.at[i]);
		ht_table_json_rows(&processes, i);
	}
	ht_table_fini(&processes);
	ht_out_text("],\"module_list\":[");
	for (size_t i = 0; i < m->modules.count; i++) {
		add_module(&modules, m, &m->modules.at[i]);
		ht_table_json_rows(&modules, i);
	}
	ht_out_text("],\"loss_list\":[");
	for (size_t i = 0; i < m->losses.count; i++) {
		add_loss(&losses, m, &m->losses.at[i]);
		ht_table_json_rows(&losses, i);
	}
	ht_out_text("],\"thread_list\":[");
	for (size_t i = 0; i < m->streams.count; i++) {
		add_thread(&threads, &m->streams.at[i]);
		ht_table_json_rows(&threads, i);
	}
	ht_out_text("]}\n");
	ht_table_fini(&modules);
	ht_table_fini(&losses);
	ht_table_fini(&threads);
}

static void print_section(struct ht_table *t, size_t left_out)
{
	if (t->values) {
		ht_out_text("\n");
		ht_table_text(t);
	}
	if (left_out)
		ht_outf("and %zu more\n", left_out);
	ht_table_fini(t);
}

static size_t at_most(size_t n, size_t limit)
{
	return n < limit ? n : limit;
}

static void print_text(struct ht_model *m, const struct ht_table *facts, struct ht_table *images,
		       const uint64_t by_cut[HT_STACK_CUTS])
{
	struct ht_table modules = HT_TABLE(module_fields), losses = HT_TABLE(loss_fields);
	struct ht_table threads = HT_TABLE(thread_fields);
	struct ht_table processes = HT_TABLE(process_fields);
	size_t known = at_most(m->processes.count, ROWS_SHOWN);
	size_t lost = at_most(m->losses.count, ROWS_SHOWN), shown = at_most(m->streams.count, ROWS_SHOWN);

	ht_table_facts(facts);
	for (int i = HT_STACK_CUT_DEPTH; i < HT_STACK_CUTS; i++)
		if (by_cut[i])
			ht_outf("stacks cut short: %" PRIu64 ", %s\n", by_cut[i],
				ht_stacks_cut_word((enum ht_stack_cut)i));
	for (size_t i = 0; i < known; i++)
		add_process(&processes, m, &m->processes.at[i]);
	print_section(&processes, m->processes.count - known);
	print_section(images, 0);
	for (size_t i = 0; i < m->modules.count; i++)
		add_module(&modules, m, &m->modules.at[i]);
	print_section(&modules, 0);
	for (size_t i = 0; i < lost; i++)
		add_loss(&losses, m, &m->losses.at[i]);
	print_section(&losses, m->losses.count - lost);
	for (size_t i = 0; i < shown; i++)
		add_thread(&threads, &m->streams.at[i]);
	print_section(&threads, m->streams.count - shown);
}

static int run(const struct ht_given *given)
{
	struct ht_table facts = HT_TABLE(fact_fields), images = HT_TABLE(image_fields);
	uint64_t by_cut[HT_STACK_CUTS] = { 0 };
	struct ht_model *m;
	char date[64];
	int status = ht_answer_open(given->word[0], &m);

	if (status)
		return status;
	add_target(&facts, m, date, sizeof(date));
	add_counts(&facts, m);
	count_stacks(m, by_cut);
	add_rest(&facts, m, by_cut);
	add_images(&images, m);
	if (given->option[OPT_JSON])
		print_json(m, &facts, &images, by_cut);
	else
		print_text(m, &facts, &images, by_cut);
	status = ht_answer_status(m);
	ht_table_fini(&facts);
	ht_table_fini(&images);
	ht_model_close(m);
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
