/* SPDX-License-Identifier: Apache-2.0 */
/* diff.c -- `heaptap diff BEFORE AFTER`: what grew, shrank, appeared and vanished between two traces
 *
 *               before    after     change
 *   leaked      9.8 KiB   10.7 KiB  +1000 B  +10.0 %
 *
 *       1.  grew: +1000 B, +10.0 %
 *           9.8 KiB in 1 block -> 10.7 KiB in 1 block
 *           load                        grow.c:4
 *
 * inspect/align.h says which places are the same. With --threshold the exit status says whether anything grew by more.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/align.h"
#include "inspect/ranking.h"
#include "show/answer.h"
#include "show/figures.h"
#include "show/filters.h"
#include "show/naming.h"
#include "show/out.h"
#include "show/stacks.h"
#include "show/subject.h"
#include "show/table.h"
#include "util/quantity.h"

#define PLACES_SHOWN 20
#define FRAMES_SHOWN 12
#define CHANGE_BYTES (2 * HT_FIGURE_BYTES)

enum {
	OPT_BY,
	OPT_LIMIT,
	OPT_FRAMES,
	OPT_THRESHOLD,
	OPT_JSON,
	OPT_PROCESS,
	OPT_FILTERS,
	OPT_NAMING = OPT_FILTERS + HT_FILTER_AT,
	OPT_END = OPT_NAMING + HT_NAMING_OPTIONS
};

static const struct ht_option options[] = {
	[OPT_BY] = { "by", 0, "MEASURE", "leaked (default), peak, allocated, calls or temporary" },
	[OPT_LIMIT] = { "limit", 'n', "N", "show the N largest changes; default 20; 0: all" },
	[OPT_FRAMES] = { "frames", 0, "N", "show the N innermost frames of a stack; default 12; 0: all" },
	[OPT_THRESHOLD] = { "threshold", 0, "AMOUNT",
			    "exit status 1 if a place or the whole grew by more: a size, a count, or N%; given twice, "
			    "by "
			    "more than both" },
	[OPT_JSON] = { .name = "json", .says = "one object: the totals, and the changes with their whole stacks" },
	[OPT_PROCESS] = HT_OPTION_PROCESS,
	HT_FILTERS(OPT_FILTERS),
	HT_NAMING_AT(OPT_NAMING),
	[OPT_END] = { 0 },
};

struct diff {
	struct ht_subject side[HT_SIDES];
	struct ht_alignment aligned;
	struct ht_changes changes;
	enum ht_measure by;
	size_t most_places, most_frames;
	bool has_threshold;
	uint64_t more_than, share_more_than; /* a change must exceed both */
};

enum change { APPEARED, GREW, SHRANK, VANISHED, CHANGES };

static const char *const change_name[CHANGES] = {
	[APPEARED] = "appeared",
	[GREW] = "grew",
	[SHRANK] = "shrank",
	[VANISHED] = "vanished",
};

/* ---- what is asked ----------------------------------------------------------------------------------------- */

static int read_measure(const char *word, enum ht_measure *ret, struct ht_err *err)
{
	for (int by = 0; word && by < HT_MEASURES_OF_ALL; by++) {
		if (strcmp(word, ht_measure_name((enum ht_measure)by)))
			continue;
		*ret = (enum ht_measure)by;
		return 0;
	}
	return word ? ht_err_set(err, HT_EUSAGE, "--by=%s: none of leaked, peak, allocated, calls, temporary", word)
		    : 0;
}

static int read_threshold(struct diff *d, const char *word, struct ht_err *err)
{
	int rc;

	d->has_threshold = true;
	if (ht_quantity_is_share(word))
		rc = ht_quantity_share(word, &d->share_more_than, err);
	else if (ht_measure_counts(d->by))
		rc = ht_quantity_count(word, &d->more_than, err);
	else
		rc = ht_quantity_bytes(word, &d->more_than, err);
	return rc ? ht_err_set(err, rc, "--threshold=%s", err->text) : 0;
}

static int read_options(const struct ht_given *given, struct diff *d, struct ht_err *err)
{
	int rc = read_measure(given->option[OPT_BY], &d->by, err);

	for (size_t i = 0; !rc && i < given->each.count; i++)
		if (given->each.at[i].option == OPT_THRESHOLD)
			rc = read_threshold(d, given->each.at[i].value, err);
	if (!rc)
		rc = ht_subject_read_most("--limit", given->option[OPT_LIMIT], &d->most_places, err);
	if (!rc)
		rc = ht_subject_read_most("--frames", given->option[OPT_FRAMES], &d->most_frames, err);
	return rc;
}

/* ---- changes ----------------------------------------------------------------------------------------------- */

static enum change change_of(const struct diff *d, const struct ht_tally v[HT_SIDES])
{
	bool counts = ht_measure_counts(d->by);

	if (!v[HT_BEFORE].count)
		return APPEARED;
	if (!v[HT_AFTER].count)
		return VANISHED;
	return ht_tally_main(&v[HT_AFTER], counts) > ht_tally_main(&v[HT_BEFORE], counts) ? GREW : SHRANK;
}

static bool passes_threshold(const struct diff *d, const struct ht_tally v[HT_SIDES])
{
	bool counts = ht_measure_counts(d->by);
	uint64_t before = ht_tally_main(&v[HT_BEFORE], counts), after = ht_tally_main(&v[HT_AFTER], counts);

	return d->has_threshold && after > before && after - before > d->more_than &&
	       (unsigned __int128)(after - before) * HT_SHARE_WHOLE > (unsigned __int128)before * d->share_more_than;
}

static bool anything_passes(const struct diff *d)
{
	bool any = passes_threshold(d, d->changes.whole);

	for (size_t i = 0; i < d->changes.list.count; i++)
		any = any || passes_threshold(d, d->changes.list.at[i].value);
	return any;
}

static size_t changes_shown(const struct diff *d)
{
	return d->changes.list.count < d->most_places ? d->changes.list.count : d->most_places;
}

/* The places of the side on which the change can be seen, and the node there. */
static const struct ht_places *place_of(const struct diff *d, const struct ht_change *c, uint32_t *ret)
{
	int side = c->place[HT_AFTER] == HT_NO_PLACE ? HT_BEFORE : HT_AFTER;

	*ret = c->place[side];
	return &d->side[side].sum.places;
}

static struct ht_tally total_of(const struct ht_totals *t, enum ht_measure by)
{
	switch (by) {
	case HT_BY_LEAKED:
		return t->leaked;
	case HT_BY_PEAK:
		return t->peak;
	case HT_BY_ALLOCATED:
		return t->allocated;
	case HT_BY_CALLS:
		return (struct ht_tally){ t->allocated.bytes, t->calls };
	default:
		return t->temporary;
	}
}

/* ---- text -------------------------------------------------------------------------------------------------- */

/* "+1.0 KiB, +10.0 %"; from nothing there is no share. */
static char *write_change(char *to, uint64_t before, uint64_t after, bool counts)
{
	uint64_t distance = after > before ? after - before : before - after;
	char figure[HT_FIGURE_BYTES], share[HT_FIGURE_BYTES];
	const char *sign = after > before ? "+" : after < before ? "-" : "";

	if (counts)
		snprintf(figure, sizeof(figure), "%" PRIu64, distance);
	else
		ht_figure_bytes(figure, distance);
	if (before && after)
		snprintf(to, CHANGE_BYTES, "%s%s, %s%s", sign, figure, sign, ht_figure_share(share, distance, before));
	else
		snprintf(to, CHANGE_BYTES, "%s%s", sign, figure);
	return to;
}

static const struct ht_field total_fields[] = {
	{ NULL, "", 0 },
	{ NULL, "before", 0 },
	{ NULL, "after", 0 },
	{ NULL, "change", 0 },
};

static void print_totals(const struct diff *d)
{
	struct ht_table t = HT_TABLE(total_fields);
	char text[HT_MEASURES_OF_ALL][3][CHANGE_BYTES];

	for (int by = 0; by < HT_MEASURES_OF_ALL; by++) {
		bool counts = ht_measure_counts((enum ht_measure)by);
		uint64_t value[HT_SIDES];

		for (int side = 0; side < HT_SIDES; side++) {
			struct ht_tally v = total_of(&d->side[side].sum.sites.totals, (enum ht_measure)by);

			value[side] = ht_tally_main(&v, counts);
			if (counts)
				ht_figure_count(text[by][side], v.count, by == HT_BY_CALLS ? "call" : "block",
						by == HT_BY_CALLS ? "calls" : "blocks");
			else
				ht_figure_bytes(text[by][side], v.bytes);
		}
		write_change(text[by][2], value[HT_BEFORE], value[HT_AFTER], counts);
		ht_table_add(&t, ht_name(ht_measure_name((enum ht_measure)by)));
		for (int i = 0; i < 3; i++)
			ht_table_add(&t, ht_name(text[by][i]));
	}
	ht_table_text(&t);
	ht_table_fini(&t);
}

static void print_side(const struct ht_tally *v, bool calls)
{
	char bytes[HT_FIGURE_BYTES], count[HT_FIGURE_BYTES];

	if (v->count)
		ht_outf("%s in %s", ht_figure_bytes(bytes, v->bytes),
			ht_figure_count(count, v->count, calls ? "call" : "block", calls ? "calls" : "blocks"));
	else
		ht_out_text("nothing");
}

static void print_change(const struct diff *d, size_t number, const struct ht_change *c)
{
	bool counts = ht_measure_counts(d->by), calls = d->by == HT_BY_CALLS;
	char text[CHANGE_BYTES];
	const struct ht_places *p;
	uint32_t node;

	write_change(text, ht_tally_main(&c->value[HT_BEFORE], counts), ht_tally_main(&c->value[HT_AFTER], counts),
		     counts);
	ht_outf("\n%5zu.  %s: %s%s\n        ", number, change_name[change_of(d, c->value)], text,
		passes_threshold(d, c->value) ? ", ABOVE the threshold" : "");
	print_side(&c->value[HT_BEFORE], calls);
	ht_out_text(" -> ");
	print_side(&c->value[HT_AFTER], calls);
	ht_out_text("\n");
	p = place_of(d, c, &node);
	ht_stacks_text(p, node, d->most_frames);
}

static void count_kinds(const struct diff *d, size_t kinds[CHANGES])
{
	for (size_t i = 0; i < d->changes.list.count; i++)
		kinds[change_of(d, d->changes.list.at[i].value)]++;
}

static void print_text(const struct diff *d)
{
	size_t kinds[CHANGES] = { 0 }, shown = changes_shown(d);

	print_totals(d);
	count_kinds(d, kinds);
	ht_outf("\nBy %s: ", ht_measure_name(d->by));
	for (int kind = 0; kind < CHANGES; kind++)
		ht_outf("%zu %s, ", kinds[kind], change_name[kind]);
	ht_outf("%zu %s the same\n", d->changes.equal, d->changes.equal == 1 ? "is" : "are");
	for (size_t i = 0; i < shown && !ht_out_failed(); i++)
		print_change(d, i + 1, &d->changes.list.at[i]);
	if (shown < d->changes.list.count)
		ht_outf("\nAnd %zu changes more (-n 0 shows all).\n", d->changes.list.count - shown);
}

/* ---- JSON -------------------------------------------------------------------------------------------------- */

static void print_values(const struct ht_tally v[HT_SIDES])
{
	ht_outf("\"before_bytes\":%" PRIu64 ",\"before_count\":%" PRIu64 ",\"after_bytes\":%" PRIu64
		",\"after_count\":%" PRIu64,
		v[HT_BEFORE].bytes, v[HT_BEFORE].count, v[HT_AFTER].bytes, v[HT_AFTER].count);
}

static void print_json(const struct diff *d)
{
	size_t kinds[CHANGES] = { 0 };

	count_kinds(d, kinds);
	ht_outf("{\"by\":\"%s\",\"totals\":{", ht_measure_name(d->by));
	for (int by = 0; by < HT_MEASURES_OF_ALL; by++) {
		struct ht_tally v[HT_SIDES] = { total_of(&d->side[HT_BEFORE].sum.sites.totals, (enum ht_measure)by),
						total_of(&d->side[HT_AFTER].sum.sites.totals, (enum ht_measure)by) };

		ht_outf("%s\"%s\":{", by ? "," : "", ht_measure_name((enum ht_measure)by));
		print_values(v);
		ht_out_text("}");
	}
	ht_out_text("}");
	for (int kind = 0; kind < CHANGES; kind++)
		ht_outf(",\"%s\":%zu", change_name[kind], kinds[kind]);
	ht_outf(",\"same\":%zu,\"above_threshold\":%s,\"changes\":[", d->changes.equal,
		passes_threshold(d, d->changes.whole) ? "true" : "false");
	for (size_t i = 0; i < changes_shown(d) && !ht_out_failed(); i++) {
		const struct ht_change *c = &d->changes.list.at[i];
		const struct ht_places *p;
		uint32_t node;

		ht_outf("%s{\"change\":\"%s\",", i ? "," : "", change_name[change_of(d, c->value)]);
		print_values(c->value);
		ht_outf(",\"above_threshold\":%s,\"stack\":", passes_threshold(d, c->value) ? "true" : "false");
		p = place_of(d, c, &node);
		ht_stacks_json(p, node);
		ht_out_text("}");
	}
	ht_out_text("]}\n");
}

/* ---- the answer -------------------------------------------------------------------------------------------- */

static int compare(struct diff *d, struct ht_err *err)
{
	struct ht_tally *value[HT_SIDES] = { ht_measure_values(&d->side[HT_BEFORE].sum.sites, d->by),
					     ht_measure_values(&d->side[HT_AFTER].sum.sites, d->by) };
	struct ht_side side[HT_SIDES];
	int rc = value[HT_BEFORE] && value[HT_AFTER] ? 0 : ht_err_set(err, HT_ESYSTEM, "out of memory for two traces");

	for (int i = 0; i < HT_SIDES; i++)
		side[i] = (struct ht_side){ &d->side[i].sum.places, value[i], d->side[i].sum.sites.list.count };
	if (!rc)
		rc = ht_align(&d->side[HT_BEFORE].sum.places, &d->side[HT_AFTER].sum.places, &d->aligned, err);
	if (!rc)
		rc = ht_changes_make(&d->aligned, side, ht_measure_counts(d->by), &d->changes, err);
	free(value[HT_BEFORE]);
	free(value[HT_AFTER]);
	return rc;
}

static int answer(struct diff *d, bool json)
{
	int status = HT_STATUS_OK;
	struct ht_err err;

	if (compare(d, &err))
		return ht_complain(NULL, &err);
	for (int side = 0; side < HT_SIDES; side++) {
		ht_subject_warn(&d->side[side]);
		if (!status)
			status = ht_answer_status(d->side[side].model);
	}
	if (json)
		print_json(d);
	else
		print_text(d);
	return !status && anything_passes(d) ? HT_STATUS_BAD : status;
}

static int run(const struct ht_given *given)
{
	struct diff d = { .most_places = PLACES_SHOWN, .most_frames = FRAMES_SHOWN };
	struct ht_err err;
	int status = 0;

	if (read_options(given, &d, &err))
		return ht_complain(NULL, &err);
	for (int side = 0; !status && side < HT_SIDES; side++) {
		status = ht_subject_open(&d.side[side], given->word[side], given->option[OPT_PROCESS], given,
					 OPT_NAMING, OPT_FILTERS);
		if (!status)
			status = ht_subject_sum(&d.side[side]);
	}
	if (!status)
		status = answer(&d, given->option[OPT_JSON]);
	ht_changes_fini(&d.changes);
	ht_align_fini(&d.aligned);
	for (int side = 0; side < HT_SIDES; side++)
		ht_subject_close(&d.side[side]);
	return status;
}

const struct ht_command ht_cmd_diff = {
	.name = "diff",
	.args = "BEFORE AFTER",
	.says = "what grew, shrank, appeared and vanished between two traces, by place",
	.options = options,
	.least = 2,
	.most = 2,
	.run = run,
};
