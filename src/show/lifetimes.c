/* SPDX-License-Identifier: Apache-2.0 */
/* lifetimes.c -- `heaptap lifetimes FILE`: how long blocks live, what is thrown away at once, what changes hands
 *
 *   by time      a histogram
 *   by calls     another: how many calls of its own thread later a block was released
 *   places       those with most blocks that lived briefly (or passed to another thread, were kept, ...), each with its histogram
 *   hand-overs   which thread releases what which thread made
 *
 * inspect/lifetimes.h has the sums.
 */
#include "inspect/lifetimes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "show/answer.h"
#include "show/figures.h"
#include "show/filters.h"
#include "show/naming.h"
#include "show/out.h"
#include "show/spreads.h"
#include "show/stacks.h"
#include "show/subject.h"
#include "show/table.h"
#include "util/quantity.h"

#define PLACES_SHOWN 10
#define FRAMES_SHOWN 12
#define PAIRS_SHOWN 20
#define BRIEF_CALLS 10

enum {
	OPT_WITHIN,
	OPT_BY,
	OPT_LIMIT,
	OPT_FRAMES,
	OPT_JSON,
	OPT_CSV,
	OPT_PROCESS,
	OPT_FILTERS,
	OPT_NAMING = OPT_FILTERS + HT_FILTER_AT,
	OPT_END = OPT_NAMING + HT_NAMING_OPTIONS
};

static const struct ht_option options[] = {
	[OPT_WITHIN] = { "within", 0, "N|TIME",
			 "brief is a life of at most N calls of the thread, or TIME; default 10" },
	[OPT_BY] = { "by", 0, "WHAT", "rank places by brief (default), elsewhere, kept or blocks" },
	[OPT_LIMIT] = { "limit", 'n', "N", "show the N largest places; default 10; 0: all" },
	[OPT_FRAMES] = { "frames", 0, "N", "show the N innermost frames of a stack; default 12; 0: all" },
	[OPT_JSON] = { .name = "json", .says = "one object: the histograms, and the places with theirs" },
	[OPT_CSV] = { .name = "csv", .says = "the histogram by time, a line for each class" },
	[OPT_PROCESS] = HT_OPTION_PROCESS,
	HT_FILTERS(OPT_FILTERS),
	HT_NAMING_AT(OPT_NAMING),
	[OPT_END] = { 0 },
};

static const char *const by_name[HT_LIFE_FIGURES] = {
	[HT_LIFE_BRIEF] = "brief",
	[HT_LIFE_ELSEWHERE] = "elsewhere",
	[HT_LIFE_AT_END] = "kept",
	[HT_LIFE_ALL] = "blocks",
};

struct answer {
	struct ht_subject subject;
	struct ht_lifetimes lives;
	struct ht_places places;
	struct ht_spread_ranking ranking;
	struct ht_lifetimes_options options;
	enum ht_life_figure by;
	size_t most_places, most_frames;
};

/* ---- what is asked ----------------------------------------------------------------------------------------- */

static int read_within(const char *word, struct ht_lifetimes_options *ret, struct ht_err *err)
{
	char last = word && *word ? word[strlen(word) - 1] : '0';
	int rc;

	*ret = (struct ht_lifetimes_options){ .brief_calls = word ? 0 : BRIEF_CALLS };
	if (!word)
		return 0;
	rc = last == 's' ? ht_quantity_ns(word, &ret->brief_ns, err) : ht_quantity_count(word, &ret->brief_calls, err);
	if (!rc && !ret->brief_ns && !ret->brief_calls)
		rc = ht_err_set(err, HT_EUSAGE, "%s: nothing lives so briefly", word);
	return rc ? ht_err_set(err, rc, "--within=%s", err->text) : 0;
}

static int read_by(const char *word, enum ht_life_figure *ret, struct ht_err *err)
{
	for (int by = 0; word && by < HT_LIFE_FIGURES; by++)
		if (!strcmp(word, by_name[by])) {
			*ret = (enum ht_life_figure)by;
			return 0;
		}
	return word ? ht_err_set(err, HT_EUSAGE, "--by=%s: none of brief, elsewhere, kept, blocks", word) : 0;
}

static int read_options(const struct ht_given *given, struct answer *a, struct ht_err *err)
{
	int rc = read_within(given->option[OPT_WITHIN], &a->options, err);

	if (!rc)
		rc = read_by(given->option[OPT_BY], &a->by, err);
	if (!rc && given->option[OPT_JSON] && given->option[OPT_CSV])
		rc = ht_err_set(err, HT_EUSAGE, "--json and --csv contradict each other");
	if (!rc)
		rc = ht_subject_read_most("--limit", given->option[OPT_LIMIT], &a->most_places, err);
	if (!rc)
		rc = ht_subject_read_most("--frames", given->option[OPT_FRAMES], &a->most_frames, err);
	return rc;
}

/* ---- words ------------------------------------------------------------------------------------------------- */

/* "1 us": without the decimals of a figure. */
static char *write_bound(char *to, uint64_t ns)
{
	static const char *const units[] = { "ns", "us", "ms", "s" };
	unsigned unit = 0;

	for (; unit < 3 && ns >= 1000; unit++)
		ns /= 1000;
	snprintf(to, HT_FIGURE_BYTES, "%" PRIu64 " %s", ns, units[unit]);
	return to;
}

static const char *time_name(char to[HT_SPREADS_NAME], uint32_t class)
{
	static const char *const other[] = { "kept to the end", "gone with its program", "end not in the trace",
					     "made before" };
	char from[HT_FIGURE_BYTES], until[HT_FIGURE_BYTES];

	if (class >= HT_LIFE_TIMES)
		return other[class - HT_LIFE_TIMES];
	if (class)
		write_bound(from, ht_lifetimes_bound_ns(class - 1));
	if (class + 1 < HT_LIFE_TIMES)
		write_bound(until, ht_lifetimes_bound_ns(class));
	if (!class)
		snprintf(to, HT_SPREADS_NAME, "under %.16s", until);
	else if (class + 1 == HT_LIFE_TIMES)
		snprintf(to, HT_SPREADS_NAME, "%.16s or more", from);
	else
		snprintf(to, HT_SPREADS_NAME, "%.16s to %.16s", from, until);
	return to;
}

/* The last class stands for the other threads. */
static const char *calls_name(char to[HT_SPREADS_NAME], uint32_t class)
{
	return class == HT_LIFE_CALLS ? "by another thread" : ht_spreads_range(to, class);
}

static void write_within(char *to, size_t cap, const struct ht_lifetimes_options *o)
{
	char figure[HT_FIGURE_BYTES];

	if (o->brief_ns)
		snprintf(to, cap, "within %s", ht_figure_time(figure, o->brief_ns));
	else
		snprintf(to, cap, "within %s of their thread",
			 ht_figure_count(figure, o->brief_calls, "call", "calls"));
}

/* ---- text -------------------------------------------------------------------------------------------------- */

static void print_tally(const struct ht_tally *t)
{
	char bytes[HT_FIGURE_BYTES], count[HT_FIGURE_BYTES];

	ht_outf("%s, %s", ht_figure_count(count, t->count, "block", "blocks"), ht_figure_bytes(bytes, t->bytes));
}

static void write_title(char *to, size_t cap, const struct answer *a)
{
	char within[2 * HT_FIGURE_BYTES];

	write_within(within, sizeof(within), &a->options);
	switch (a->by) {
	case HT_LIFE_BRIEF:
		snprintf(to, cap, "Released %s", within);
		break;
	case HT_LIFE_ELSEWHERE:
		snprintf(to, cap, "Released by another thread");
		break;
	case HT_LIFE_AT_END:
		snprintf(to, cap, "Kept to the end");
		break;
	default:
		snprintf(to, cap, "All blocks");
		break;
	}
}

static void print_places(const struct answer *a)
{
	size_t count = a->ranking.list.count, shown = count < a->most_places ? count : a->most_places;
	struct ht_tally class[HT_SPREAD_CLASSES];
	char title[4 * HT_FIGURE_BYTES];

	write_title(title, sizeof(title), a);
	ht_outf("\n%s: ", title);
	print_tally(&a->ranking.all);
	ht_outf(count ? ". By place:\n" : ".\n");
	for (size_t i = 0; i < shown && !ht_out_failed(); i++) {
		const struct ht_spread_ranked *r = &a->ranking.list.at[i];

		ht_outf("\n%5zu.  ", i + 1);
		print_tally(&r->value);
		ht_spread_place(&a->lives.spread, &a->places, r->node, class);
		ht_spreads_line("\n        all of this place: ", class, HT_LIFE_CLASSES, time_name);
		ht_stacks_text(&a->places, r->node, a->most_frames);
	}
	if (shown < count)
		ht_outf("\nAnd %zu places more (-n 0 shows all).\n", count - shown);
}

static void write_thread(char *to, size_t cap, const struct ht_stream *s)
{
	int used = snprintf(to, cap, "%" PRIu64, s->number);

	if (s->name.len)
		snprintf(to + used, cap - (size_t)used, " (%.*s)", (int)(s->name.len < 32 ? s->name.len : 32),
			 s->name.at);
}

static const struct ht_field pair_fields[] = {
	{ "from", "made by thread", 0 },
	{ "to", "released by", 0 },
	{ "blocks", "blocks", 0 },
	{ "bytes", "bytes", HT_FORM_BYTES },
};

static void print_pairs(const struct answer *a)
{
	size_t count = a->lives.hand_overs.count, shown = count < PAIRS_SHOWN ? count : PAIRS_SHOWN;
	const struct ht_stream *stream = a->subject.model->streams.at;
	struct ht_table t = HT_TABLE(pair_fields);
	char name[PAIRS_SHOWN][2][64];

	if (!count)
		return;
	ht_outf("\nReleased by another thread than made them: ");
	print_tally(&a->lives.whole.figure[HT_LIFE_ELSEWHERE]);
	ht_out_text("\n");
	for (size_t i = 0; i < shown; i++) {
		const struct ht_hand_over *h = &a->lives.hand_overs.at[i];

		write_thread(name[i][0], sizeof(name[i][0]), &stream[h->from]);
		write_thread(name[i][1], sizeof(name[i][1]), &stream[h->to]);
		ht_table_add(&t, ht_name(name[i][0]));
		ht_table_add(&t, ht_name(name[i][1]));
		ht_table_add(&t, ht_number(h->tally.count));
		ht_table_add(&t, ht_number(h->tally.bytes));
	}
	ht_table_text(&t);
	ht_table_fini(&t);
	if (shown < count)
		ht_outf("and %zu pairs more (--json has all)\n", count - shown);
}

static void print_text(const struct answer *a)
{
	struct ht_tally calls[HT_LIFE_CALLS + 1];

	if (!a->lives.whole.figure[HT_LIFE_ALL].count) {
		ht_out_text("no block was made\n");
		return;
	}
	memcpy(calls, a->lives.calls, sizeof(a->lives.calls));
	calls[HT_LIFE_CALLS] = a->lives.whole.figure[HT_LIFE_ELSEWHERE];
	ht_spreads_text("lived", a->lives.spread.whole, HT_LIFE_CLASSES, time_name);
	ht_out_text("\n");
	ht_spreads_text("calls until its release", calls, HT_LIFE_CALLS + 1, calls_name);
	print_places(a);
	print_pairs(a);
}

/* ---- data -------------------------------------------------------------------------------------------------- */

static const char *const class_name[] = { "kept", "replaced", "forgotten", "existed" };

static const struct ht_field class_fields[] = {
	{ .name = "class" }, { .name = "from_ns" }, { .name = "to_ns" }, { .name = "blocks" }, { .name = "bytes" },
};

static void add_class(struct ht_table *t, uint32_t class, const struct ht_tally *v)
{
	bool timed = class < HT_LIFE_TIMES;
	uint64_t to_ns = ht_lifetimes_bound_ns(class);

	ht_table_add(t, ht_name(timed ? "released" : class_name[class - HT_LIFE_TIMES]));
	ht_table_add(t, ht_if(timed, ht_number(class ? ht_lifetimes_bound_ns(class - 1) : 0)));
	ht_table_add(t, ht_if(timed && to_ns != UINT64_MAX, ht_number(to_ns)));
	ht_table_add(t, ht_number(v->count));
	ht_table_add(t, ht_number(v->bytes));
}

static void print_classes(const struct ht_tally *class)
{
	struct ht_table t = HT_TABLE(class_fields);

	for (uint32_t i = 0; i < HT_LIFE_CLASSES; i++)
		if (class[i].count)
			add_class(&t, i, &class[i]);
	ht_out_text("[");
	ht_table_json_rows(&t, false);
	ht_out_text("]");
	ht_table_fini(&t);
}

static void print_pairs_json(const struct answer *a)
{
	const struct ht_stream *stream = a->subject.model->streams.at;
	struct ht_table t = HT_TABLE(pair_fields);

	for (size_t i = 0; i < a->lives.hand_overs.count; i++) {
		const struct ht_hand_over *h = &a->lives.hand_overs.at[i];

		ht_table_add(&t, ht_number(stream[h->from].number));
		ht_table_add(&t, ht_number(stream[h->to].number));
		ht_table_add(&t, ht_number(h->tally.count));
		ht_table_add(&t, ht_number(h->tally.bytes));
	}
	ht_out_text("[");
	ht_table_json_rows(&t, false);
	ht_out_text("]");
	ht_table_fini(&t);
}

static const struct ht_field whole_fields[] = {
	{ .name = "blocks" },           { .name = "bytes" },           { .name = "within_calls" },
	{ .name = "within_ns" },        { .name = "brief_blocks" },    { .name = "brief_bytes" },
	{ .name = "elsewhere_blocks" }, { .name = "elsewhere_bytes" }, { .name = "kept_blocks" },
	{ .name = "kept_bytes" },
};

static void print_whole(const struct answer *a)
{
	const struct ht_tally *figure = a->lives.whole.figure;
	struct ht_table t = HT_TABLE(whole_fields);

	ht_table_add(&t, ht_number(a->lives.whole.figure[HT_LIFE_ALL].count));
	ht_table_add(&t, ht_number(a->lives.whole.figure[HT_LIFE_ALL].bytes));
	ht_table_add(&t, ht_if(a->options.brief_calls, ht_number(a->options.brief_calls)));
	ht_table_add(&t, ht_if(a->options.brief_ns, ht_number(a->options.brief_ns)));
	for (int f = 0; f < HT_LIFE_ALL; f++) {
		ht_table_add(&t, ht_number(figure[f].count));
		ht_table_add(&t, ht_number(figure[f].bytes));
	}
	ht_table_json(&t, 0);
	ht_table_fini(&t);
}

static void print_json(const struct answer *a)
{
	struct ht_tally class[HT_SPREAD_CLASSES];

	ht_out_text("{");
	print_whole(a);
	ht_out_text(",\"by_time\":");
	print_classes(a->lives.spread.whole);
	ht_out_text(",\"by_calls\":");
	ht_spreads_json(a->lives.calls, HT_LIFE_CALLS);
	ht_out_text(",\"hand_overs\":");
	print_pairs_json(a);
	ht_outf(",\"by\":\"%s\",\"places\":%zu,\"sites\":[", by_name[a->by], a->ranking.list.count);
	for (size_t i = 0; i < a->ranking.list.count && i < a->most_places && !ht_out_failed(); i++) {
		const struct ht_spread_ranked *r = &a->ranking.list.at[i];

		ht_outf("%s{\"blocks\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"by_time\":", i ? "," : "", r->value.count,
			r->value.bytes);
		ht_spread_place(&a->lives.spread, &a->places, r->node, class);
		print_classes(class);
		ht_out_text(",\"stack\":");
		ht_stacks_json(&a->places, r->node);
		ht_out_text("}");
	}
	ht_out_text("]}\n");
}

static void print_csv(const struct answer *a)
{
	ht_out_text("class,from_ns,to_ns,blocks,bytes\n");
	for (uint32_t i = 0; i < HT_LIFE_CLASSES; i++) {
		const struct ht_tally *v = &a->lives.spread.whole[i];
		uint64_t to_ns = ht_lifetimes_bound_ns(i);

		ht_out_text(i < HT_LIFE_TIMES ? "released," : class_name[i - HT_LIFE_TIMES]);
		if (i < HT_LIFE_TIMES)
			ht_out_number(i ? ht_lifetimes_bound_ns(i - 1) : 0);
		ht_out_text(",");
		if (i < HT_LIFE_TIMES && to_ns != UINT64_MAX)
			ht_out_number(to_ns);
		ht_outf("%s,%" PRIu64 ",%" PRIu64 "\n", i < HT_LIFE_TIMES ? "" : ",", v->count, v->bytes);
	}
}

/* ---- the answer -------------------------------------------------------------------------------------------- */

static int take(struct answer *a, struct ht_err *err)
{
	struct ht_tally *value;
	int rc = ht_lifetimes_take(a->subject.model, &a->subject.filter, &a->options, &a->lives, err);

	if (!rc)
		rc = ht_places_make(a->subject.model, a->subject.symbols, &a->lives.spread.sites, &a->places, err);
	if (rc)
		return rc;
	ht_spread_sort(&a->lives.spread, &a->places);
	value = ht_lifetimes_values(&a->lives, a->by);
	if (!value)
		return ht_err_set(err, HT_ESYSTEM, "out of memory for %zu places", a->lives.lives.count);
	rc = ht_spread_rank(&a->lives.spread, &a->places, value, true, &a->ranking, err);
	free(value);
	return rc;
}

static int run(const struct ht_given *given)
{
	struct answer a = { .most_places = PLACES_SHOWN, .most_frames = FRAMES_SHOWN };
	struct ht_err err;
	int status;

	if (read_options(given, &a, &err))
		return ht_complain(NULL, &err);
	status =
		ht_subject_open(&a.subject, given->word[0], given->option[OPT_PROCESS], given, OPT_NAMING, OPT_FILTERS);
	if (!status && take(&a, &err))
		status = ht_complain(given->word[0], &err);
	if (!status) {
		ht_subject_warn(&a.subject);
		if (given->option[OPT_JSON])
			print_json(&a);
		else if (given->option[OPT_CSV])
			print_csv(&a);
		else
			print_text(&a);
		status = ht_answer_status(a.subject.model);
	}
	ht_spread_unrank(&a.ranking);
	ht_places_fini(&a.places);
	ht_lifetimes_fini(&a.lives);
	ht_subject_close(&a.subject);
	return status;
}

const struct ht_command ht_cmd_lifetimes = {
	.name = "lifetimes",
	.args = "FILE",
	.says = "how long blocks live, which are thrown away at once, which change hands",
	.options = options,
	.least = 1,
	.most = 1,
	.run = run,
};
