/* SPDX-License-Identifier: Apache-2.0 */
/* report.c -- `heaptap report FILE`: how much memory, and whose
 *
 *   summary     the program, how long it ran, what it allocated, its peak, what it never freed
 *   then        by one measure, the largest first:  places, each with its stack;  or groups, a line each;  or a tree of calls
 *
 * man/heaptap-report.1 defines every figure. The sums come from inspect/sites.h, the names from inspect/places.h.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/calltree.h"
#include "inspect/question.h"
#include "show/answer.h"
#include "show/branches.h"
#include "show/command.h"
#include "show/figures.h"
#include "show/filters.h"
#include "show/groupings.h"
#include "show/naming.h"
#include "show/out.h"
#include "show/stacks.h"
#include "show/overview.h"

#define PLACES_SHOWN 20
#define BRANCHES_SHOWN 40
#define FRAMES_SHOWN 12

enum {
	OPT_BY,
	OPT_GROUP,
	OPT_TREE,
	OPT_LIMIT,
	OPT_FRAMES,
	OPT_TEMPORARY,
	OPT_TAIL_CUT,
	OPT_SUPPRESSIONS,
	OPT_JSON,
	OPT_PROCESS,
	OPT_FILTERS,
	OPT_NAMING = OPT_FILTERS + HT_FILTER_WORDS,
	OPT_END = OPT_NAMING + HT_NAMING_OPTIONS
};

static const struct ht_option options[] = {
	[OPT_BY] = { "by", 0, "MEASURE",
		     "leaked (default), peak, allocated, calls, temporary, live, growth, aifo, aifi, aofi or aofo" },
	[OPT_GROUP] = { "group", 0, "WHAT",
			"add up by stack (default), function, library, thread, size or allocator-function" },
	[OPT_TREE] = { "tree", 0, "WAY", "a tree of calls instead: top-down or bottom-up" },
	[OPT_LIMIT] = { "limit", 'n', "N", "show the N largest places, default 20, or branches, default 40; 0: all" },
	[OPT_FRAMES] = { "frames", 0, "N", "show the N innermost frames of a stack; default 12; 0: all" },
	[OPT_TEMPORARY] = { "temporary", 0, "TIME",
			    "also temporary: freed within this time (ns, us, ms or s, as in 100us)" },
	[OPT_TAIL_CUT] = { "tail-cut", 0, "TIME|SHARE", "what was made so near the end, as in 10%, is not leaked" },
	[OPT_SUPPRESSIONS] = { "suppressions", 0, "FILE", "leaks that are known, as LeakSanitizer reads them" },
	[OPT_JSON] = { "json", 0, NULL, "one object: the totals, and the places with their whole stacks" },
	[OPT_PROCESS] = HT_OPTION_PROCESS,
	HT_FILTERS(OPT_FILTERS),
	[OPT_FILTERS + HT_FILTER_AT] = { "at", 0, "TIME", "the heap as it was then" },
	HT_NAMING_AT(OPT_NAMING),
	[OPT_END] = { 0 },
};

struct report {
	const char *path;
	struct ht_model *model;
	struct ht_symbols *symbols;
	struct ht_summary sum;
	struct ht_groups groups;
	struct ht_ranking ranking;
	struct ht_calltree tree;
	struct ht_question q;
	bool is_tree, json;
	struct ht_calltree_options branches;
	size_t most, most_frames;
};

/* ---- what is asked ----------------------------------------------------------------------------------------- */

static int parse_tree(const char *word, struct report *r, struct ht_err *err)
{
	r->is_tree = true;
	r->branches.direction = strcmp(word, "top-down") ? HT_BOTTOM_UP : HT_TOP_DOWN;
	if (r->branches.direction == HT_BOTTOM_UP && strcmp(word, "bottom-up"))
		return ht_err_set(err, HT_EUSAGE, "--tree=%s: neither top-down nor bottom-up", word);
	return 0;
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

/* The question makes sense; what was not said follows from what was. */
static int settle(struct report *r, bool has_by, struct ht_err *err)
{
	if (r->is_tree && r->q.group != HT_GROUP_STACK)
		return ht_err_set(err, HT_EUSAGE, "--tree adds up stacks; it does not go with --group=%s",
				  ht_grouping_name(r->q.group));
	r->branches.most = r->most;
	return ht_question_settle(&r->q, has_by, err);
}

static int read_options(const struct ht_given *given, struct report *r, struct ht_err *err)
{
	const char *const *option = given->option;
	int rc = ht_filters_read(given, OPT_FILTERS, HT_FILTER_WORDS, &r->q.filter, err);

	r->json = option[OPT_JSON];
	r->q.tail_cut = option[OPT_TAIL_CUT];
	if (!rc && option[OPT_BY])
		rc = ht_question_measure(option[OPT_BY], &r->q.by, err);
	if (!rc && option[OPT_GROUP])
		rc = ht_question_grouping(option[OPT_GROUP], &r->q.group, err);
	if (!rc && option[OPT_TREE])
		rc = parse_tree(option[OPT_TREE], r, err);
	r->most = r->is_tree ? BRANCHES_SHOWN : PLACES_SHOWN;
	r->most_frames = FRAMES_SHOWN;
	if (!rc && option[OPT_LIMIT])
		rc = parse_limit("-n", option[OPT_LIMIT], &r->most, err);
	if (!rc && option[OPT_FRAMES])
		rc = parse_limit("--frames", option[OPT_FRAMES], &r->most_frames, err);
	if (!rc && option[OPT_TEMPORARY])
		rc = ht_question_temporary(option[OPT_TEMPORARY], &r->q.sums.temporary_ns, err);
	if (!rc && option[OPT_SUPPRESSIONS])
		rc = ht_suppress_read(option[OPT_SUPPRESSIONS], &r->q.suppressions, err);
	return rc ? rc : settle(r, option[OPT_BY], err);
}

/* ---- text -------------------------------------------------------------------------------------------------- */

static const char *const headings[HT_MEASURES][2] = {
	[HT_BY_LEAKED] = { "Never freed", "Nothing was left unfreed." },
	[HT_BY_PEAK] = { "Live at the peak", "Nothing was ever live." },
	[HT_BY_ALLOCATED] = { "Allocated", "Nothing was allocated." },
	[HT_BY_CALLS] = { "Calls that allocate", "There were no calls that allocate." },
	[HT_BY_TEMPORARY] = { "Temporary blocks", "No block was temporary." },
	[HT_BY_LIVE] = { "Live then", "Nothing was live then." },
	[HT_BY_GROWTH] = { "Growth", "Nothing grew or shrank." },
	[HT_BY_AIFO] = { "Allocated inside and still there", "Nothing of what was allocated inside was still there." },
	[HT_BY_AIFI] = { "Allocated inside and freed inside",
			 "Nothing of what was allocated inside was freed inside." },
	[HT_BY_AOFI] = { "Allocated before and freed inside", "Nothing of what was there before was freed inside." },
	[HT_BY_AOFO] = { "Allocated before and still there", "Nothing of what was there before was still there." },
};

static size_t places_shown(const struct report *r)
{
	return r->ranking.list.count < r->most ? r->ranking.list.count : r->most;
}

static void print_figures(const struct report *r, const struct ht_amount *v)
{
	char bytes[HT_FIGURE_BYTES], share[HT_FIGURE_BYTES];
	const char *what = r->q.by == HT_BY_CALLS ? "call" : "block";
	const struct ht_amount *whole = &r->ranking.whole;

	ht_figure_signed_bytes(bytes, v->bytes);
	if (r->q.by == HT_BY_GROWTH)
		ht_outf("%s%s, %+" PRId64 " %s%s\n", v->bytes < 0 ? "" : "+", bytes, v->count, what,
			v->count == 1 ? "" : "s");
	else if (ht_measure_counts(r->q.by))
		ht_outf("%" PRId64 " %s%s, %s, %s\n", v->count, what, v->count == 1 ? "" : "s",
			ht_figure_part(share, v->count, whole->count), bytes);
	else
		ht_outf("%s, %s, in %" PRId64 " %s%s\n", bytes, ht_figure_part(share, v->bytes, whole->bytes), v->count,
			what, v->count == 1 ? "" : "s");
}

static void print_places(const struct report *r)
{
	struct ht_amount rest = r->ranking.whole;

	for (size_t i = 0; i < places_shown(r) && !ht_out_failed(); i++) {
		const struct ht_ranked *place = &r->ranking.list.at[i];

		ht_outf("\n%5zu.  ", i + 1);
		print_figures(r, &place->value);
		ht_stacks_text(&r->sum.places, r->groups.list.at[place->group].node, r->most_frames);
		rest.bytes -= place->value.bytes;
		rest.count -= place->value.count;
	}
	if (places_shown(r) == r->ranking.list.count)
		return;
	ht_outf("\nThe other %zu places (-n 0 shows all): ", r->ranking.list.count - places_shown(r));
	print_figures(r, &rest);
}

static void print_tree(const struct report *r)
{
	if (!r->tree.list.count) {
		ht_outf("\n%s\n", headings[r->q.by][1]);
		return;
	}
	ht_outf("\n%s, %s%s:\n\n", headings[r->q.by][0],
		r->branches.direction == HT_TOP_DOWN ? "by who called whom" : "by who was called by whom",
		r->tree.is_part ? " (the heaviest branches; -n 0 shows all)" : "");
	ht_branches_text(&r->tree, &r->sum.places, r->q.by);
}

static void print_ranking(const struct report *r)
{
	size_t shown = places_shown(r), count = r->ranking.list.count;

	if (!count) {
		ht_outf("\n%s\n", headings[r->q.by][1]);
		return;
	}
	ht_outf("\n%s, by %s", headings[r->q.by][0],
		r->q.group == HT_GROUP_STACK ? "place" : ht_grouping_name(r->q.group));
	ht_outf(shown < count ? " (the %zu largest of %zu):\n" : ":\n", shown, count);
	if (r->q.group == HT_GROUP_STACK)
		print_places(r);
	else
		ht_groupings_text(&(struct ht_groupings){ r->model, &r->sum.places, &r->groups, &r->ranking, r->q.group,
							  r->q.by },
				  shown);
}

static void print_suppressions(const struct report *r)
{
	char bytes[HT_FIGURE_BYTES];

	if (!r->q.suppressions.list.count)
		return;
	ht_out_text("\nSuppressed:\n");
	for (size_t i = 0; i < r->q.suppressions.list.count; i++) {
		const struct ht_suppression *s = &r->q.suppressions.list.at[i];

		ht_outf("%12s %9" PRIu64 "  ", ht_figure_bytes(bytes, s->taken.bytes), s->taken.count);
		ht_out_escaped(s->pattern, strlen(s->pattern));
		ht_out_text("\n");
	}
}

/* ---- JSON -------------------------------------------------------------------------------------------------- */

static void print_suppressions_json(const struct report *r)
{
	ht_out_text(",\"suppressions\":[");
	for (size_t i = 0; i < r->q.suppressions.list.count; i++) {
		const struct ht_suppression *s = &r->q.suppressions.list.at[i];

		ht_outf("%s{\"pattern\":", i ? "," : "");
		ht_out_json(s->pattern, strlen(s->pattern));
		ht_outf(",\"bytes\":%" PRIu64 ",\"count\":%" PRIu64 "}", s->taken.bytes, s->taken.count);
	}
	ht_out_text("]");
}

static void print_sites(const struct report *r)
{
	struct ht_groupings g = { r->model, &r->sum.places, &r->groups, &r->ranking, r->q.group, r->q.by };

	ht_outf(",\"group\":\"%s\",\"places\":%zu,\"sites\":[", ht_grouping_name(r->q.group), r->ranking.list.count);
	for (size_t i = 0; i < places_shown(r) && !ht_out_failed(); i++) {
		const struct ht_ranked *place = &r->ranking.list.at[i];

		ht_outf("%s{\"bytes\":%" PRId64 ",\"count\":%" PRId64 ",", i ? "," : "", place->value.bytes,
			place->value.count);
		ht_groupings_json(&g, place->group);
		ht_out_text("}");
	}
	ht_out_text("]");
}

static void print_json(const struct report *r, const struct ht_overview *overview)
{
	ht_outf("{\"by\":\"%s\",\"totals\":", ht_measure_name(r->q.by));
	ht_overview_json(overview);
	print_suppressions_json(r);
	if (r->is_tree) {
		ht_outf(",\"tree\":\"%s\",\"branches\":",
			r->branches.direction == HT_TOP_DOWN ? "top-down" : "bottom-up");
		ht_branches_json(&r->tree, &r->sum.places);
	} else {
		print_sites(r);
	}
	ht_out_text("}\n");
}

/* ---- the answer -------------------------------------------------------------------------------------------- */

static int answer(struct report *r, const struct ht_given *given, struct ht_err *err)
{
	int rc = ht_naming_open(r->model, given, OPT_NAMING, &r->symbols, err);

	if (!rc)
		rc = ht_question_sum(&r->q, r->model, r->symbols, &r->sum, err);
	if (!rc && r->is_tree) {
		r->branches.by = r->q.by;
		r->branches.cut_main = !r->json;
		return ht_calltree_make(&r->sum.sites, &r->sum.places, &r->branches, &r->tree, err);
	}
	if (!rc)
		rc = ht_groups_make(r->model, &r->sum.sites, &r->sum.places, r->q.group, &r->groups, err);
	return rc ? rc : ht_ranking_make(&r->sum.sites, &r->groups, r->q.by, &r->ranking, err);
}

static void print_answer(struct report *r)
{
	struct ht_overview overview = { &r->sum, &r->q.sums, !r->q.stops };

	ht_naming_warn(r->path, r->symbols);
	ht_filters_warn(r->path, &r->q.filter);
	if (r->json) {
		print_json(r, &overview);
		return;
	}
	ht_overview_text(&overview);
	if (r->is_tree)
		print_tree(r);
	else
		print_ranking(r);
	print_suppressions(r);
}

static void forget(struct report *r)
{
	ht_calltree_fini(&r->tree);
	ht_ranking_fini(&r->ranking);
	ht_groups_fini(&r->groups);
	ht_summary_fini(&r->sum);
	ht_question_fini(&r->q);
	ht_symbols_close(r->symbols);
	ht_model_close(r->model);
}

/* To the end of a trace that is damaged there, a part gives no answer; all of it gives what is left of one. */
static int ask(const struct ht_given *given, bool all)
{
	struct report r = { .path = given->word[0] };
	bool again = false;
	struct ht_err err;
	int status, rc;

	if (read_options(given, &r, &err))
		status = ht_complain(NULL, &err);
	else if (!all && (r.q.stops || r.q.filter.from_ns))
		status = ht_answer_open_extent(r.path, given->option[OPT_PROCESS], r.q.filter.from_ns,
					       r.q.stops ? r.q.filter.to_ns : UINT64_MAX, &r.model);
	else
		status = ht_answer_open(r.path, given->option[OPT_PROCESS], &r.model);
	if (r.model) {
		status = ht_answer_status(r.model);
		rc = answer(&r, given, &err);
		again = rc == HT_EDAMAGED && r.model->is_part && !r.q.stops;
		if (!again)
			ht_answer_warn_of_losses(r.path, r.model);
		if (!rc)
			print_answer(&r);
		else if (!again)
			status = ht_complain(r.path, &err);
	}
	forget(&r);
	return again ? ask(given, true) : status;
}

static int run(const struct ht_given *given)
{
	return ask(given, false);
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
