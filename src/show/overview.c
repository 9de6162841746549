/* SPDX-License-Identifier: Apache-2.0 */
/* overview.c -- writes one line for each sum that the question makes sense for
 *
 *   command, ran, calls, allocated, peak, temporary, leaked         always; peak not if lifetimes are restricted
 *   window, growth, AIFO to AOFO                                    if a part of the time was asked for; leaked only if it is known
 *   command, ran, live                                              if a moment was asked for
 *   besides                                                         leaks that do not count: runtime, suppressed, too young
 *   LOST                                                            if calls were lost
 */
#include "show/overview.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "inspect/facts.h"
#include "show/figures.h"
#include "show/out.h"
#include "show/table.h"

#define LINES_MOST 24
#define TEXT_BYTES 256

struct lines {
	struct ht_field field[LINES_MOST];
	char text[LINES_MOST][TEXT_BYTES];
	size_t count;
};

/* A new line; more may be put behind it by more(). */
static void line(struct lines *l, const char *title)
{
	l->field[l->count].title = title;
	l->text[l->count++][0] = 0;
}

static void more(struct lines *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void more(struct lines *l, const char *format, ...)
{
	char *text = l->text[l->count - 1];
	size_t used = strlen(text);
	va_list args;

	va_start(args, format);
	vsnprintf(text + used, TEXT_BYTES - used, format, args);
	va_end(args);
}

static void more_tally(struct lines *l, const struct ht_tally *t)
{
	char bytes[HT_FIGURE_BYTES], count[HT_FIGURE_BYTES];

	more(l, "%s in %s", ht_figure_bytes(bytes, t->bytes), ht_figure_count(count, t->count, "block", "blocks"));
}

static void tell_run(struct lines *l, struct ht_model *m)
{
	char time[HT_FIGURE_BYTES];

	line(l, "ran");
	more(l, "%s", ht_figure_time(time, ht_clock_time_ns(&m->clock, ht_facts_end_ticks(m))));
	if (!m->has_end)
		more(l, ", as far as is known: the end is not in the trace");
	else if (m->end.reason == HT_END_EXIT)
		more(l, ", ended with status %" PRIu64, m->end.status);
	else if (m->end.reason == HT_END_SIGNAL)
		more(l, ", was killed by signal %" PRIu64, m->end.status);
	else if (m->end.reason == HT_END_GONE)
		more(l, " were recorded, and then it ended");
	else
		more(l, " were recorded, and then it ran on");
}

static void tell_window(struct lines *l, const struct ht_filter *f)
{
	if (!ht_filter_is_window(f))
		return;
	line(l, "window");
	more(l, "from %s to %s", f->word[HT_FILTER_FROM] ? f->word[HT_FILTER_FROM] : "the start",
	     f->word[HT_FILTER_TO] ? f->word[HT_FILTER_TO] : "the end");
}

static void tell_calls(struct lines *l, const struct ht_totals *t)
{
	line(l, "calls");
	more(l, "%" PRIu64 ": %" PRIu64 " allocations, %" PRIu64 " reallocations, %" PRIu64 " frees",
	     t->calls + t->frees, t->calls - t->reallocs, t->reallocs, t->frees);
	if (t->failed)
		more(l, "; %" PRIu64 " failed", t->failed);
}

static void tell_peak(struct lines *l, const struct ht_overview *s)
{
	const struct ht_totals *t = &s->sum->sites.totals;
	char time[HT_FIGURE_BYTES];

	line(l, "peak");
	more_tally(l, &t->peak);
	more(l, ", after %s", ht_figure_time(time, ht_clock_time_ns(&s->sum->model->clock, t->peak_ticks)));
}

static void tell_temporary(struct lines *l, const struct ht_overview *s)
{
	const struct ht_totals *t = &s->sum->sites.totals;
	char figure[HT_FIGURE_BYTES];

	line(l, "temporary");
	more(l, "%s of the blocks (%" PRIu64 ") were freed ",
	     ht_figure_share(figure, t->temporary.count, t->allocated.count), t->temporary.count);
	if (s->options->temporary_ns)
		more(l, "at once or within %s", ht_figure_time(figure, s->options->temporary_ns));
	else
		more(l, "by the thread's next call");
}

static void tell_natures(struct lines *l, const struct ht_totals *t)
{
	static const struct {
		enum ht_nature nature;
		const char *title, *says;
	} natures[] = {
		{ HT_AIFO, "  AIFO", "allocated inside, still there at its end" },
		{ HT_AIFI, "  AIFI", "allocated inside, freed inside" },
		{ HT_AOFI, "  AOFI", "allocated before, freed inside" },
		{ HT_AOFO, "  AOFO", "allocated before, still there at its end" },
	};
	int64_t bytes = (int64_t)(t->nature[HT_AIFO].bytes - t->nature[HT_AOFI].bytes);
	int64_t count = (int64_t)(t->nature[HT_AIFO].count - t->nature[HT_AOFI].count);
	char figure[HT_FIGURE_BYTES];

	line(l, "growth");
	more(l, "%s%s, %+" PRId64 " blocks", bytes < 0 ? "-" : "+",
	     ht_figure_bytes(figure, bytes < 0 ? -(uint64_t)bytes : (uint64_t)bytes), count);
	for (size_t i = 0; i < sizeof(natures) / sizeof(*natures); i++) {
		line(l, natures[i].title);
		more_tally(l, &t->nature[natures[i].nature]);
		more(l, ": %s", natures[i].says);
	}
}

static void tell_besides(struct lines *l, const struct ht_tally *t, const char *what)
{
	if (!t->count)
		return;
	line(l, "  besides");
	more_tally(l, t);
	more(l, " %s", what);
}

static struct ht_tally live_of(const struct ht_totals *t)
{
	return (struct ht_tally){ t->nature[HT_AIFO].bytes + t->nature[HT_AOFO].bytes,
				  t->nature[HT_AIFO].count + t->nature[HT_AOFO].count };
}

static void tell_leaks(struct lines *l, const struct ht_totals *t)
{
	line(l, "leaked");
	more_tally(l, &t->leaked);
	more(l, " %s never freed", t->leaked.count == 1 ? "was" : "were");
	tell_besides(l, &t->runtime, "that the runtime keeps for itself");
	tell_besides(l, &t->suppressed, "that were suppressed");
	tell_besides(l, &t->late, "that were made too near the end to be judged");
}

static void tell_moment(struct lines *l, const struct ht_totals *t, const char *at)
{
	struct ht_tally live = live_of(t);

	line(l, "live");
	more_tally(l, &live);
	more(l, ", after %s", at);
}

static void tell_time(struct lines *l, const struct ht_overview *s)
{
	const struct ht_totals *t = &s->sum->sites.totals;
	const struct ht_filter *f = s->options->filter;

	tell_window(l, f);
	tell_calls(l, t);
	line(l, "allocated");
	more_tally(l, &t->allocated);
	if (!ht_filter_restricts_life(f))
		tell_peak(l, s);
	tell_temporary(l, s);
	if (ht_filter_is_window(f))
		tell_natures(l, t);
	if (s->knows_leaks)
		tell_leaks(l, t);
}

void ht_overview_text(const struct ht_overview *s)
{
	const struct ht_totals *t = &s->sum->sites.totals;
	const struct ht_filter *f = s->options->filter;
	struct lines l = { 0 };
	struct ht_table table;

	line(&l, "command");
	tell_run(&l, s->sum->model);
	if (f->word[HT_FILTER_AT])
		tell_moment(&l, t, f->word[HT_FILTER_AT]);
	else
		tell_time(&l, s);
	if (s->sum->model->losses.count) {
		line(&l, "LOST");
		more(&l, "%" PRIu64 " calls: the figures are without them", ht_summary_lost(s->sum));
	}
	table = (struct ht_table){ .field = l.field, .fields = l.count };
	ht_table_add(&table, ht_if(s->sum->model->has_session, ht_words(s->sum->model->session.command)));
	for (size_t i = 1; i < l.count; i++)
		ht_table_add(&table, ht_name(l.text[i]));
	ht_table_facts(&table);
	ht_table_fini(&table);
}

/* ---- JSON -------------------------------------------------------------------------------------------------- */

static const struct ht_field total_fields[] = {
	{ .name = "allocated_bytes" },  { .name = "allocated_count" },  { .name = "peak_bytes" },
	{ .name = "peak_count" },       { .name = "peak_time_ns" },     { .name = "leaked_bytes" },
	{ .name = "leaked_count" },     { .name = "runtime_bytes" },    { .name = "runtime_count" },
	{ .name = "suppressed_bytes" }, { .name = "suppressed_count" }, { .name = "late_bytes" },
	{ .name = "late_count" },       { .name = "temporary_bytes" },  { .name = "temporary_count" },
	{ .name = "aifo_bytes" },       { .name = "aifo_count" },       { .name = "aifi_bytes" },
	{ .name = "aifi_count" },       { .name = "aofi_bytes" },       { .name = "aofi_count" },
	{ .name = "aofo_bytes" },       { .name = "aofo_count" },       { .name = "live_bytes" },
	{ .name = "live_count" },       { .name = "lost_calls" },
};

static void add_tally(struct ht_table *to, bool known, const struct ht_tally *t)
{
	ht_table_add(to, ht_if(known, ht_number(t->bytes)));
	ht_table_add(to, ht_if(known, ht_number(t->count)));
}

void ht_overview_json(const struct ht_overview *s)
{
	const struct ht_totals *t = &s->sum->sites.totals;
	struct ht_table table = HT_TABLE(total_fields);
	struct ht_tally live = live_of(t);
	bool has_peak = !ht_filter_restricts_life(s->options->filter);

	add_tally(&table, true, &t->allocated);
	add_tally(&table, has_peak, &t->peak);
	ht_table_add(&table, ht_if(has_peak, ht_number(ht_clock_time_ns(&s->sum->model->clock, t->peak_ticks))));
	add_tally(&table, s->knows_leaks, &t->leaked);
	add_tally(&table, s->knows_leaks, &t->runtime);
	add_tally(&table, s->knows_leaks, &t->suppressed);
	add_tally(&table, s->knows_leaks, &t->late);
	add_tally(&table, true, &t->temporary);
	for (int n = 0; n < HT_NATURES; n++)
		add_tally(&table, true, &t->nature[n]);
	add_tally(&table, true, &live);
	ht_table_add(&table, ht_number(ht_summary_lost(s->sum)));
	ht_out_text("{");
	ht_table_json(&table, 0);
	ht_out_text("}");
	ht_table_fini(&table);
}
