/* SPDX-License-Identifier: Apache-2.0 */
/* report.c -- `heaptap report FILE`: how much memory, and whose
 *
 *   summary     the program, how long it ran, what it allocated, its peak, what it never freed
 *   places      by one measure, the largest first: the figures, and the stack that leads there
 *
 * man/heaptap-report.1 defines every figure. The sums come from inspect/sites.h, the names from inspect/places.h.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/choice.h"
#include "inspect/ranking.h"
#include "inspect/runtime.h"
#include "show/answer.h"
#include "show/command.h"
#include "show/figures.h"
#include "show/filters.h"
#include "show/naming.h"
#include "show/out.h"
#include "show/stacks.h"
#include "show/table.h"
#include "util/quantity.h"

#define PLACES_SHOWN 20
#define FRAMES_SHOWN 12
#define TEXT_BYTES 256

enum {
	OPT_BY,
	OPT_LIMIT,
	OPT_FRAMES,
	OPT_TEMPORARY,
	OPT_JSON,
	OPT_PROCESS,
	OPT_FILTERS,
	OPT_NAMING = OPT_FILTERS + HT_FILTER_AT,
	OPT_END = OPT_NAMING + HT_NAMING_OPTIONS
};

static const struct ht_option options[] = {
	[OPT_BY] = { "by", 0, "MEASURE", "leaked (default), peak, allocated, calls or temporary" },
	[OPT_LIMIT] = { "limit", 'n', "N", "show the N largest places; default 20; 0: all" },
	[OPT_FRAMES] = { "frames", 0, "N", "show the N innermost frames of a stack; default 12; 0: all" },
	[OPT_TEMPORARY] = { "temporary", 0, "TIME",
			    "also temporary: freed within this time (ns, us, ms or s, as in 100us)" },
	[OPT_JSON] = { "json", 0, NULL, "one object: the totals, and the places with their whole stacks" },
	[OPT_PROCESS] = HT_OPTION_PROCESS,
	HT_FILTERS(OPT_FILTERS),
	HT_NAMING_AT(OPT_NAMING),
	[OPT_END] = { 0 },
};

struct report {
	const char *path;
	struct ht_model *model;
	struct ht_symbols *symbols;
	struct ht_sites sites;
	struct ht_places places;
	struct ht_ranking ranking;
	enum ht_measure by;
	size_t most_places, most_frames;
	struct ht_filter filter;
	struct ht_sites_options sums;
};

/* ---- what is asked ----------------------------------------------------------------------------------------- */

static int parse_measure(const char *word, enum ht_measure *ret, struct ht_err *err)
{
	for (int by = 0; by < HT_MEASURES; by++) {
		if (strcmp(word, ht_measure_name((enum ht_measure)by)))
			continue;
		*ret = (enum ht_measure)by;
		return 0;
	}
	return ht_err_set(err, HT_EUSAGE, "--by=%s: none of leaked, peak, allocated, calls, temporary", word);
}

static int parse_limit(const char *option, const char *word, size_t *ret, struct ht_err *err)
{
	char *end;
	unsigned long n = strtoul(word, &end, 10);

	if (word[0] < '0' || word[0] > '9' || *end)
		return ht_err_set(err, HT_EUSAGE, "%s %s: not a number; 0 shows all", option, word);
	*ret = n ? n : SIZE_MAX;
	return 0;
}

static int parse_time(const char *word, uint64_t *ret_ns, struct ht_err *err)
{
	if (ht_quantity_ns(word, ret_ns, err))
		return ht_err_set(err, HT_EUSAGE, "--temporary=%s", err->text);
	return *ret_ns ? 0 : ht_err_set(err, HT_EUSAGE, "--temporary=%s: not a time above 0", word);
}

static int read_options(const struct ht_given *given, struct report *r, struct ht_err *err)
{
	int rc = ht_filters_read(given, OPT_FILTERS, HT_FILTER_AT, &r->filter, err);

	r->most_places = PLACES_SHOWN;
	r->most_frames = FRAMES_SHOWN;
	r->sums.filter = &r->filter;
	if (!rc && given->option[OPT_BY])
		rc = parse_measure(given->option[OPT_BY], &r->by, err);
	if (!rc && given->option[OPT_LIMIT])
		rc = parse_limit("-n", given->option[OPT_LIMIT], &r->most_places, err);
	if (!rc && given->option[OPT_FRAMES])
		rc = parse_limit("--frames", given->option[OPT_FRAMES], &r->most_frames, err);
	if (!rc && given->option[OPT_TEMPORARY])
		rc = parse_time(given->option[OPT_TEMPORARY], &r->sums.temporary_ns, err);
	return rc;
}

/* ---- the summary ------------------------------------------------------------------------------------------- */

static const struct ht_field summary_fields[] = {
	{ NULL, "command", 0 },   { NULL, "ran", 0 },       { NULL, "calls", 0 },
	{ NULL, "allocated", 0 }, { NULL, "peak", 0 },      { NULL, "temporary", 0 },
	{ NULL, "leaked", 0 },    { NULL, "  besides", 0 }, { NULL, "LOST", 0 },
};
#define SUMMARIES (sizeof(summary_fields) / sizeof(*summary_fields))

static void write_tally(char *to, const struct ht_tally *t)
{
	char bytes[HT_FIGURE_BYTES], count[HT_FIGURE_BYTES];

	snprintf(to, TEXT_BYTES, "%s in %s", ht_figure_bytes(bytes, t->bytes),
		 ht_figure_count(count, t->count, "block", "blocks"));
}

static void write_run(char *to, struct ht_model *m)
{
	uint64_t last = m->has_end && m->end.ticks > m->last_ticks ? m->end.ticks : m->last_ticks;
	char time[HT_FIGURE_BYTES];
	int used = snprintf(to, TEXT_BYTES, "%s", ht_figure_time(time, ht_clock_time_ns(&m->clock, last)));

	if (!m->has_end)
		snprintf(to + used, TEXT_BYTES - (size_t)used, ", as far as is known: the end is not in the trace");
	else if (m->end.reason == HT_END_EXIT)
		snprintf(to + used, TEXT_BYTES - (size_t)used, ", ended with status %" PRIu64, m->end.status);
	else if (m->end.reason == HT_END_SIGNAL)
		snprintf(to + used, TEXT_BYTES - (size_t)used, ", was killed by signal %" PRIu64, m->end.status);
	else
		snprintf(to + used, TEXT_BYTES - (size_t)used, " were recorded, and then it ran on");
}

static void write_calls(char *to, const struct ht_totals *t)
{
	int used = snprintf(to, TEXT_BYTES,
			    "%" PRIu64 ": %" PRIu64 " allocations, %" PRIu64 " reallocations, %" PRIu64 " frees",
			    t->calls + t->frees, t->calls - t->reallocs, t->reallocs, t->frees);

	if (t->failed)
		snprintf(to + used, TEXT_BYTES - (size_t)used, "; %" PRIu64 " failed", t->failed);
}

static uint64_t lost_calls(const struct ht_model *m)
{
	uint64_t lost = 0;

	for (size_t i = 0; i < m->losses.count; i++)
		if (ht_choice_has_stream(m, m->losses.at[i].stream))
			lost += m->losses.at[i].count;
	return lost;
}

static void write_temporary(char *to, const struct report *r)
{
	const struct ht_totals *t = &r->sites.totals;
	char figure[HT_FIGURE_BYTES];
	int used = snprintf(to, TEXT_BYTES, "%s of the blocks (%" PRIu64 ") were freed ",
			    ht_figure_share(figure, t->temporary.count, t->allocated.count), t->temporary.count);

	if (r->sums.temporary_ns)
		snprintf(to + used, TEXT_BYTES - (size_t)used, "at once or within %s",
			 ht_figure_time(figure, r->sums.temporary_ns));
	else
		snprintf(to + used, TEXT_BYTES - (size_t)used, "by the thread's next call");
}

static void print_summary(struct report *r)
{
	const struct ht_totals *t = &r->sites.totals;
	struct ht_model *m = r->model;
	struct ht_table table = HT_TABLE(summary_fields);
	char text[SUMMARIES][TEXT_BYTES], figure[HT_FIGURE_BYTES];
	struct ht_field shown[SUMMARIES];

	memcpy(shown, summary_fields, sizeof(shown));
	table.field = shown;
	write_run(text[1], m);
	write_calls(text[2], t);
	write_tally(text[3], &t->allocated);
	write_tally(text[4], &t->peak);
	snprintf(text[4] + strlen(text[4]), TEXT_BYTES - strlen(text[4]), ", after %s",
		 ht_figure_time(figure, ht_clock_time_ns(&m->clock, t->peak_ticks)));
	write_temporary(text[5], r);
	write_tally(text[6], &t->leaked);
	snprintf(text[6] + strlen(text[6]), TEXT_BYTES - strlen(text[6]), " %s never freed",
		 t->leaked.count == 1 ? "was" : "were");
	write_tally(text[7], &t->runtime);
	snprintf(text[7] + strlen(text[7]), TEXT_BYTES - strlen(text[7]), " that the runtime keeps for itself");
	snprintf(text[8], TEXT_BYTES, "%" PRIu64 " calls: the figures are without them", lost_calls(m));
	if (!t->runtime.count)
		shown[7].title = NULL;
	if (!m->losses.count)
		shown[8].title = NULL;
	ht_table_add(&table, ht_if(m->has_session, ht_words(m->session.command)));
	for (size_t i = 1; i < SUMMARIES; i++)
		ht_table_add(&table, ht_name(text[i]));
	ht_table_facts(&table);
	ht_table_fini(&table);
}

/* ---- the places -------------------------------------------------------------------------------------------- */

static const char *const headings[HT_MEASURES][2] = {
	[HT_BY_LEAKED] = { "Never freed", "Nothing was left unfreed." },
	[HT_BY_PEAK] = { "Live at the peak", "Nothing was ever live." },
	[HT_BY_ALLOCATED] = { "Allocated", "Nothing was allocated." },
	[HT_BY_CALLS] = { "Calls that allocate", "There were no calls that allocate." },
	[HT_BY_TEMPORARY] = { "Temporary blocks", "No block was temporary." },
};

static size_t places_shown(const struct report *r)
{
	return r->ranking.list.count < r->most_places ? r->ranking.list.count : r->most_places;
}

static void print_figures(const struct report *r, const struct ht_tally *v)
{
	char bytes[HT_FIGURE_BYTES], share[HT_FIGURE_BYTES], count[HT_FIGURE_BYTES];
	bool calls = r->by == HT_BY_CALLS;

	ht_figure_bytes(bytes, v->bytes);
	ht_figure_count(count, v->count, calls ? "call" : "block", calls ? "calls" : "blocks");
	if (ht_measure_counts(r->by))
		ht_outf("%s, %s, %s\n", count, ht_figure_share(share, v->count, r->ranking.whole.count), bytes);
	else
		ht_outf("%s, %s, in %s\n", bytes, ht_figure_share(share, v->bytes, r->ranking.whole.bytes), count);
}

static void print_places(const struct report *r)
{
	size_t shown = places_shown(r), count = r->ranking.list.count;
	struct ht_tally rest = r->ranking.whole;

	if (!count) {
		ht_outf("\n%s\n", headings[r->by][1]);
		return;
	}
	ht_outf("\n%s, by place", headings[r->by][0]);
	ht_outf(shown < count ? " (the %zu largest of %zu):\n" : ":\n", shown, count);
	for (size_t i = 0; i < shown && !ht_out_failed(); i++) {
		const struct ht_ranked *place = &r->ranking.list.at[i];

		ht_outf("\n%5zu.  ", i + 1);
		print_figures(r, &place->value);
		ht_stacks_text(&r->places, place->node, r->most_frames);
		rest.bytes -= place->value.bytes;
		rest.count -= place->value.count;
	}
	if (shown == count)
		return;
	ht_outf("\nThe other %zu places (-n 0 shows all): ", count - shown);
	print_figures(r, &rest);
}

/* ---- JSON -------------------------------------------------------------------------------------------------- */

static const struct ht_field total_fields[] = {
	{ .name = "allocated_bytes" }, { .name = "allocated_count" }, { .name = "peak_bytes" },
	{ .name = "peak_count" },      { .name = "peak_time_ns" },    { .name = "leaked_bytes" },
	{ .name = "leaked_count" },    { .name = "runtime_bytes" },   { .name = "runtime_count" },
	{ .name = "temporary_bytes" }, { .name = "temporary_count" }, { .name = "aifo_bytes" },
	{ .name = "aifo_count" },      { .name = "aifi_bytes" },      { .name = "aifi_count" },
	{ .name = "aofi_bytes" },      { .name = "aofi_count" },      { .name = "aofo_bytes" },
	{ .name = "aofo_count" },      { .name = "lost_calls" },
};

static void add_tally(struct ht_table *to, bool known, const struct ht_tally *t)
{
	ht_table_add(to, ht_if(known, ht_number(t->bytes)));
	ht_table_add(to, ht_if(known, ht_number(t->count)));
}

static void print_totals(struct report *r)
{
	const struct ht_totals *t = &r->sites.totals;
	struct ht_table table = HT_TABLE(total_fields);
	bool has_peak = !ht_filter_restricts_life(&r->filter);

	add_tally(&table, true, &t->allocated);
	add_tally(&table, has_peak, &t->peak);
	ht_table_add(&table, ht_if(has_peak, ht_number(ht_clock_time_ns(&r->model->clock, t->peak_ticks))));
	add_tally(&table, true, &t->leaked);
	add_tally(&table, true, &t->runtime);
	add_tally(&table, true, &t->temporary);
	for (int n = 0; n < HT_NATURES; n++)
		add_tally(&table, true, &t->nature[n]);
	ht_table_add(&table, ht_number(lost_calls(r->model)));
	ht_table_json(&table, 0);
	ht_table_fini(&table);
}

static void print_json(struct report *r)
{
	ht_outf("{\"by\":\"%s\",\"totals\":{", ht_measure_name(r->by));
	print_totals(r);
	ht_outf("},\"places\":%zu,\"sites\":[", r->ranking.list.count);
	for (size_t i = 0; i < places_shown(r) && !ht_out_failed(); i++) {
		const struct ht_ranked *place = &r->ranking.list.at[i];

		ht_outf("%s{\"bytes\":%" PRIu64 ",\"count\":%" PRIu64 ",\"stack\":", i ? "," : "", place->value.bytes,
			place->value.count);
		ht_stacks_json(&r->places, place->node);
		ht_out_text("}");
	}
	ht_out_text("]}\n");
}

/* ---- the answer -------------------------------------------------------------------------------------------- */

static int answer(struct report *r, const struct ht_given *given, struct ht_err *err)
{
	int rc = ht_naming_open(r->model, given, OPT_NAMING, &r->symbols, err);

	if (!rc)
		rc = ht_filter_bind(&r->filter, r->model, r->symbols, err);
	if (!rc)
		rc = ht_sites_take(r->model, &r->sums, &r->sites, err);
	if (!rc)
		rc = ht_places_make(r->model, r->symbols, &r->sites, &r->places, err);
	if (!rc)
		rc = ht_runtime_set_apart(&r->sites, &r->places, err);
	if (!rc)
		rc = ht_ranking_make(&r->sites, &r->places, r->by, &r->ranking, err);
	return rc;
}

static void print_answer(struct report *r, bool json)
{
	ht_naming_warn(r->path, r->symbols);
	ht_filters_warn(r->path, &r->filter);
	if (json) {
		print_json(r);
		return;
	}
	print_summary(r);
	print_places(r);
}

static int run(const struct ht_given *given)
{
	struct report r = { .path = given->word[0] };
	struct ht_err err;
	int status;

	if (read_options(given, &r, &err)) {
		ht_filter_fini(&r.filter);
		return ht_complain(NULL, &err);
	}
	status = ht_answer_open(r.path, given->option[OPT_PROCESS], &r.model);
	if (status) {
		ht_filter_fini(&r.filter);
		return status;
	}
	ht_answer_warn_of_losses(r.path, r.model);
	status = ht_answer_status(r.model);
	if (answer(&r, given, &err))
		status = ht_complain(r.path, &err);
	else
		print_answer(&r, given->option[OPT_JSON]);
	ht_ranking_fini(&r.ranking);
	ht_places_fini(&r.places);
	ht_filter_fini(&r.filter);
	ht_symbols_close(r.symbols);
	ht_sites_fini(&r.sites);
	ht_model_close(r.model);
	return status;
}

const struct ht_command ht_cmd_report = {
	.name = "report",
	.args = "FILE",
	.says = "how much memory was used, and by whom: leaks, peak, busy places",
	.options = options,
	.least = 1,
	.most = 1,
	.run = run,
};
