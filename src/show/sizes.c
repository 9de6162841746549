/* SPDX-License-Identifier: Apache-2.0 */
/* sizes.c -- `heaptap sizes FILE`: how large blocks are, and which realloc makes larger again and again
 *
 *   by size     a histogram
 *   places      those with most blocks (or bytes), each with its histogram; or those whose reallocations copied most
 *   chains      how often blocks grew
 *
 * inspect/sizes.h has the sums.
 */
#include "inspect/sizes.h"

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

#define PLACES_SHOWN 10
#define FRAMES_SHOWN 12

enum {
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
	[OPT_BY] = { "by", 0, "WHAT", "rank places by blocks (default), bytes, or copied (by reallocations)" },
	[OPT_LIMIT] = { "limit", 'n', "N", "show the N largest places; default 10; 0: all" },
	[OPT_FRAMES] = { "frames", 0, "N", "show the N innermost frames of a stack; default 12; 0: all" },
	[OPT_JSON] = { .name = "json", .says = "one object: the histograms, and the places with theirs" },
	[OPT_CSV] = { .name = "csv", .says = "the histogram by size, a line for each class" },
	[OPT_PROCESS] = HT_OPTION_PROCESS,
	HT_FILTERS(OPT_FILTERS),
	HT_NAMING_AT(OPT_NAMING),
	[OPT_END] = { 0 },
};

enum by { BY_BLOCKS, BY_BYTES, BY_COPIED, BYS };

static const char *const by_name[BYS] = { "blocks", "bytes", "copied" };

struct answer {
	struct ht_subject subject;
	struct ht_sizes sizes;
	struct ht_places places;
	struct ht_spread_ranking ranking;
	struct ht_grown *grown; /* of each node of the places */
	enum by by;
	size_t most_places, most_frames;
};

static int read_options(const struct ht_given *given, struct answer *a, struct ht_err *err)
{
	const char *by = given->option[OPT_BY];
	int rc = 0;

	a->by = by ? BYS : BY_BLOCKS;
	for (int i = 0; by && i < BYS; i++)
		if (!strcmp(by, by_name[i]))
			a->by = (enum by)i;
	if (a->by == BYS)
		rc = ht_err_set(err, HT_EUSAGE, "--by=%s: none of blocks, bytes, copied", by);
	if (!rc && given->option[OPT_JSON] && given->option[OPT_CSV])
		rc = ht_err_set(err, HT_EUSAGE, "--json and --csv contradict each other");
	if (!rc)
		rc = ht_subject_read_most("--limit", given->option[OPT_LIMIT], &a->most_places, err);
	if (!rc)
		rc = ht_subject_read_most("--frames", given->option[OPT_FRAMES], &a->most_frames, err);
	return rc;
}

/* ---- text -------------------------------------------------------------------------------------------------- */

static void print_grown(const struct ht_grown *g)
{
	char chains[HT_FIGURE_BYTES], moved[HT_FIGURE_BYTES], bytes[HT_FIGURE_BYTES];

	ht_outf("%s grown %" PRIu64 "x, at most %" PRIu64 "x; %s, %s copied\n",
		ht_figure_count(chains, g->chains, "block", "blocks"), g->grown, g->most,
		ht_figure_count(moved, g->moved, "move", "moves"), ht_figure_bytes(bytes, g->copied_bytes));
}

static void print_chains(const struct answer *a)
{
	struct ht_tally class[HT_SIZES_CLASSES] = { 0 };

	if (!a->sizes.whole.chains)
		return;
	ht_out_text("\nReallocated: ");
	print_grown(&a->sizes.whole);
	for (uint32_t i = 0; i < HT_SIZES_CLASSES; i++)
		class[i].count = a->sizes.chains[i];
	ht_spreads_line("times grown: ", class, HT_SIZES_CLASSES, ht_spreads_range);
}

static void print_places(const struct answer *a)
{
	static const char *const title[BYS] = { "Blocks, by place", "Bytes, by place",
						"Copied by reallocations, by place" };
	size_t count = a->ranking.list.count, shown = count < a->most_places ? count : a->most_places;
	char bytes[HT_FIGURE_BYTES], blocks[HT_FIGURE_BYTES];
	struct ht_tally class[HT_SPREAD_CLASSES];

	ht_outf(count ? "\n%s:\n" : "\n%s: none\n", title[a->by]);
	for (size_t i = 0; i < shown && !ht_out_failed(); i++) {
		const struct ht_spread_ranked *r = &a->ranking.list.at[i];
		const struct ht_grown *grown = &a->grown[r->node];

		ht_outf("\n%5zu.  ", i + 1);
		if (a->by == BY_COPIED)
			print_grown(grown);
		else
			ht_outf("%s, %s\n", ht_figure_count(blocks, r->value.count, "block", "blocks"),
				ht_figure_bytes(bytes, r->value.bytes));
		ht_spread_place(&a->sizes.spread, &a->places, r->node, class);
		ht_spreads_line("        ", class, HT_SIZES_CLASSES, ht_spreads_range);
		ht_stacks_text(&a->places, r->node, a->most_frames);
	}
	if (shown < count)
		ht_outf("\nAnd %zu places more (-n 0 shows all).\n", count - shown);
}

static void print_text(const struct answer *a)
{
	if (!a->sizes.spread.all.count) {
		ht_out_text("no block was made\n");
		return;
	}
	ht_spreads_text("size", a->sizes.spread.whole, HT_SIZES_CLASSES, ht_spreads_range);
	print_chains(a);
	print_places(a);
}

/* ---- data -------------------------------------------------------------------------------------------------- */

static void print_grown_json(const struct ht_grown *g)
{
	ht_outf("\"chains\":%" PRIu64 ",\"grown\":%" PRIu64 ",\"most_grown\":%" PRIu64 ",\"moved\":%" PRIu64
		",\"copied_bytes\":%" PRIu64,
		g->chains, g->grown, g->most, g->moved, g->copied_bytes);
}

static void print_chain_classes(const struct answer *a)
{
	bool any = false;

	for (uint32_t i = 0; i < HT_SIZES_CLASSES; i++) {
		uint64_t least, most;

		if (!a->sizes.chains[i])
			continue;
		ht_sites_size_bounds(i, &least, &most);
		ht_outf("%s{\"from\":%" PRIu64 ",\"to\":%" PRIu64 ",\"chains\":%" PRIu64 "}", any ? "," : "", least,
			most, a->sizes.chains[i]);
		any = true;
	}
}

static void print_json(const struct answer *a)
{
	struct ht_tally class[HT_SPREAD_CLASSES];

	ht_outf("{\"blocks\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"by_size\":", a->sizes.spread.all.count,
		a->sizes.spread.all.bytes);
	ht_spreads_json(a->sizes.spread.whole, HT_SIZES_CLASSES);
	ht_out_text(",");
	print_grown_json(&a->sizes.whole);
	ht_out_text(",\"by_growth\":[");
	print_chain_classes(a);
	ht_outf("],\"by\":\"%s\",\"places\":%zu,\"sites\":[", by_name[a->by], a->ranking.list.count);
	for (size_t i = 0; i < a->ranking.list.count && i < a->most_places && !ht_out_failed(); i++) {
		uint32_t node = a->ranking.list.at[i].node;
		struct ht_tally all = { 0 };

		ht_spread_place(&a->sizes.spread, &a->places, node, class);
		for (uint32_t k = 0; k < HT_SIZES_CLASSES; k++) {
			all.count += class[k].count;
			all.bytes += class[k].bytes;
		}
		ht_outf("%s{\"blocks\":%" PRIu64 ",\"bytes\":%" PRIu64 ",", i ? "," : "", all.count, all.bytes);
		print_grown_json(&a->grown[node]);
		ht_out_text(",\"by_size\":");
		ht_spreads_json(class, HT_SIZES_CLASSES);
		ht_out_text(",\"stack\":");
		ht_stacks_json(&a->places, node);
		ht_out_text("}");
	}
	ht_out_text("]}\n");
}

static void print_csv(const struct answer *a)
{
	ht_out_text("from,to,blocks,bytes\n");
	for (uint32_t i = 0; i < HT_SIZES_CLASSES; i++) {
		const struct ht_tally *v = &a->sizes.spread.whole[i];
		uint64_t least, most;

		ht_sites_size_bounds(i, &least, &most);
		if (v->count)
			ht_outf("%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 "\n", least, most, v->count, v->bytes);
	}
}

/* ---- the answer -------------------------------------------------------------------------------------------- */

static int rank(struct answer *a, struct ht_err *err)
{
	struct ht_tally *value = ht_sizes_values(&a->sizes, a->by == BY_COPIED);
	int rc;

	if (!value)
		return ht_err_set(err, HT_ESYSTEM, "out of memory for %zu places", a->sizes.grown.count);
	rc = ht_spread_rank(&a->sizes.spread, &a->places, value, a->by == BY_BLOCKS, &a->ranking, err);
	free(value);
	return rc;
}

static int take(struct answer *a, struct ht_err *err)
{
	int rc = ht_sizes_take(a->subject.model, &a->subject.filter, &a->sizes, err);

	if (!rc)
		rc = ht_places_make(a->subject.model, a->subject.symbols, &a->sizes.spread.sites, &a->places, err);
	if (!rc)
		rc = ht_sizes_grown_by_place(&a->sizes, &a->places, &a->grown, err);
	if (rc)
		return rc;
	ht_spread_sort(&a->sizes.spread, &a->places);
	return rank(a, err);
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
	free(a.grown);
	ht_spread_unrank(&a.ranking);
	ht_places_fini(&a.places);
	ht_sizes_fini(&a.sizes);
	ht_subject_close(&a.subject);
	return status;
}

const struct ht_command ht_cmd_sizes = {
	.name = "sizes",
	.args = "FILE",
	.says = "how large blocks are, and which are reallocated again and again",
	.options = options,
	.least = 1,
	.most = 1,
	.run = run,
};
