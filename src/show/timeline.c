/* SPDX-License-Identifier: Apache-2.0 */
/* timeline.c -- `heaptap timeline FILE`: live memory in the course of time, drawn or as data
 *
 * inspect/course.h says what a point is. To people it is a plot of the most that was live in each step, the peak marked below:
 *
 *   1048576 |        ▂█▅
 *           |      ▂▅███▄▁
 *         0 |▁▂▃▅█████████
 *            0 s     ^     1.250000 s
 *   peak: 1048576 bytes in 34 blocks, at 0.620000000 s
 *
 * With --json or --csv it is one row for each step. --places=N follows the N places with most at the peak, each with a line of its own.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "inspect/course.h"
#include "inspect/ranking.h"
#include "show/answer.h"
#include "show/naming.h"
#include "show/out.h"
#include "show/stacks.h"
#include "show/subject.h"
#include "show/table.h"
#include "util/quantity.h"

#define POINTS_DRAWN 60
#define POINTS_GIVEN 500
#define POINTS_MOST 1000000
#define PLACES_MOST 100
#define SHARES_MOST 10000000 /* points of all places together */
#define FRAMES_SHOWN 3
#define HEIGHT 12
#define EIGHTHS 8

enum {
	OPT_JSON,
	OPT_CSV,
	OPT_POINTS,
	OPT_BLOCKS,
	OPT_PLACES,
	OPT_FRAMES,
	OPT_PROCESS,
	OPT_NAMING,
	OPT_END = OPT_NAMING + HT_NAMING_OPTIONS
};

static const struct ht_option options[] = {
	[OPT_JSON] = { .name = "json", .says = "one object: the peak, and a row for each step" },
	[OPT_CSV] = { .name = "csv", .says = "a line for each step, the first one naming the columns" },
	[OPT_POINTS] = { "points", 'n', "N", "so many steps; default 60 for the plot, 500 for data" },
	[OPT_BLOCKS] = { .name = "blocks", .says = "draw the number of live blocks, not their bytes" },
	[OPT_PLACES] = { "places", 0, "N", "also the N places with most bytes at the peak, each by itself" },
	[OPT_FRAMES] = { "frames", 0, "N", "show the N innermost frames of a place; default 3; 0: all" },
	[OPT_PROCESS] = HT_OPTION_PROCESS,
	HT_NAMING_AT(OPT_NAMING),
	[OPT_END] = { 0 },
};

struct answer {
	struct ht_subject subject;
	struct ht_groups groups; /* of the places that are followed: the first in the ranking */
	struct ht_ranking ranking;
	struct ht_course_parts parts;
	uint32_t *part;
	struct ht_course course;
	size_t points, most_places, most_frames;
};

static const struct ht_field peak_fields[] = {
	{ .name = "step_ns" },
	{ .name = "peak_bytes" },
	{ .name = "peak_blocks" },
	{ .name = "peak_ns" },
};

static const struct ht_field point_fields[] = {
	{ .name = "start_ns" },   { .name = "bytes" },           { .name = "blocks" },
	{ .name = "most_bytes" }, { .name = "most_blocks" },     { .name = "allocs" },
	{ .name = "frees" },      { .name = "allocated_bytes" }, { .name = "released_bytes" },
};

#define POINT_FIELDS (sizeof(point_fields) / sizeof(*point_fields))

static uint32_t node_of(const struct answer *a, size_t place)
{
	return a->groups.list.at[a->ranking.list.at[place].group].node;
}

/* ---- data -------------------------------------------------------------------------------------------------- */

static void point_values(const struct ht_course *c, size_t i, uint64_t *to)
{
	const struct ht_course_point *p = &c->point[i];
	const uint64_t values[POINT_FIELDS] = {
		i * c->step_ns, p->bytes, p->blocks,          p->most_bytes,     p->most_blocks,
		p->allocs,      p->frees, p->allocated_bytes, p->released_bytes,
	};

	for (size_t f = 0; f < POINT_FIELDS; f++)
		to[f] = values[f];
}

static void print_shares(const struct answer *a, size_t place)
{
	const struct ht_course_share *s = &a->course.share[place * a->points];

	ht_out_text("\"bytes\":[");
	for (size_t i = 0; i < a->points; i++)
		ht_outf("%s%" PRIu64, i ? "," : "", s[i].bytes);
	ht_out_text("],\"most_bytes\":[");
	for (size_t i = 0; i < a->points; i++)
		ht_outf("%s%" PRIu64, i ? "," : "", s[i].most_bytes);
	ht_out_text("]");
}

static void print_places_json(const struct answer *a)
{
	ht_out_text(",\"places\":[");
	for (size_t i = 0; i < a->parts.count; i++) {
		ht_out_text(i ? ",{" : "{");
		print_shares(a, i);
		ht_out_text(",\"stack\":");
		ht_stacks_json(&a->subject.sum.places, node_of(a, i));
		ht_out_text("}");
	}
	ht_out_text("]");
}

static void print_json(const struct answer *a)
{
	const struct ht_course *c = &a->course;
	struct ht_table peak = HT_TABLE(peak_fields), row = HT_TABLE(point_fields);
	uint64_t value[POINT_FIELDS];

	ht_table_add(&peak, ht_number(c->step_ns));
	ht_table_add(&peak, ht_number(c->peak_bytes));
	ht_table_add(&peak, ht_number(c->peak_blocks));
	ht_table_add(&peak, ht_if(c->has_peak, ht_number(c->peak_ns)));
	ht_out_text("{");
	ht_table_json(&peak, 0);
	ht_out_text(",\"points\":[");
	for (size_t i = 0; i < c->points; i++) {
		point_values(c, i, value);
		for (size_t f = 0; f < POINT_FIELDS; f++)
			ht_table_add(&row, ht_number(value[f]));
		ht_table_json_rows(&row, i);
	}
	ht_out_text("]");
	if (a->most_places)
		print_places_json(a);
	ht_out_text("}\n");
	ht_table_fini(&peak);
	ht_table_fini(&row);
}

static void print_csv(const struct answer *a)
{
	const struct ht_course *c = &a->course;
	uint64_t value[POINT_FIELDS];

	for (size_t f = 0; f < POINT_FIELDS; f++)
		ht_outf("%s%s", f ? "," : "", point_fields[f].name);
	for (size_t place = 1; place <= a->parts.count; place++)
		ht_outf(",place%zu_bytes,place%zu_most_bytes", place, place);
	ht_out_text("\n");
	for (size_t i = 0; i < c->points; i++) {
		point_values(c, i, value);
		for (size_t f = 0; f < POINT_FIELDS; f++)
			ht_outf("%s%" PRIu64, f ? "," : "", value[f]);
		for (size_t place = 0; place < a->parts.count; place++)
			ht_outf(",%" PRIu64 ",%" PRIu64, c->share[place * a->points + i].bytes,
				c->share[place * a->points + i].most_bytes);
		ht_out_text("\n");
	}
}

/* ---- the plot ---------------------------------------------------------------------------------------------- */

static uint64_t height_of(const struct ht_course *c, size_t i, bool blocks)
{
	return blocks ? c->point[i].most_blocks : c->point[i].most_bytes;
}

/* How many eighths of so many lines the column fills; anything above nothing shows. */
static unsigned eighths_of(uint64_t n, uint64_t top, unsigned lines)
{
	unsigned filled = top ? (unsigned)((unsigned __int128)n * lines * EIGHTHS / top) : 0;

	return n && !filled ? 1 : filled;
}

static const char *const part[] = { " ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };

static void draw_line(const struct ht_course *c, bool blocks, uint64_t top, unsigned line)
{
	for (size_t i = 0; i < c->points; i++) {
		unsigned filled = eighths_of(height_of(c, i, blocks), top, HEIGHT), below = line * EIGHTHS;

		filled = filled > below ? filled - below : 0;
		ht_out_text(part[filled > EIGHTHS ? EIGHTHS : filled]);
	}
	ht_out_text("\n");
}

static void draw(const struct ht_course *c, bool blocks)
{
	uint64_t top = 0, end_ns = c->points * c->step_ns;
	size_t at = 0;

	for (size_t i = 0; i < c->points; i++)
		if (height_of(c, i, blocks) > top) {
			top = height_of(c, i, blocks);
			at = i;
		}
	for (unsigned line = HEIGHT; line--;) {
		if (line == HEIGHT - 1)
			ht_outf("%14" PRIu64 " |", top);
		else
			ht_outf("%14s |", line ? "" : "0");
		draw_line(c, blocks, top, line);
	}
	ht_outf("%16s%*s^\n", "", (int)at, "");
	ht_outf("%16s0 s%*.6f s\n", "", c->points > 5 ? (int)c->points - 5 : 0, (double)end_ns / 1e9);
	ht_outf("peak: %" PRIu64 " byte%s in %" PRIu64 " block%s, at %.9f s\n", c->peak_bytes,
		c->peak_bytes == 1 ? "" : "s", c->peak_blocks, c->peak_blocks == 1 ? "" : "s",
		(double)c->peak_ns / 1e9);
}

/* Each on its own scale, which stands before it. */
static void draw_places(const struct answer *a)
{
	ht_outf("\nThe %s with most at the peak, each on its own scale:\n", a->parts.count == 1 ? "place" : "places");
	for (size_t place = 0; place < a->parts.count; place++) {
		const struct ht_course_share *s = &a->course.share[place * a->points];
		uint64_t top = 0;

		for (size_t i = 0; i < a->points; i++)
			top = s[i].most_bytes > top ? s[i].most_bytes : top;
		ht_outf("\n%14" PRIu64 " |", top);
		for (size_t i = 0; i < a->points; i++)
			ht_out_text(part[eighths_of(s[i].most_bytes, top, 1)]);
		ht_out_text("\n");
		ht_stacks_text(&a->subject.sum.places, node_of(a, place), a->most_frames);
	}
}

/* ---- the command ------------------------------------------------------------------------------------------- */

/* A number from 1 to `most`; 0 or what it was if none is given. */
static int read_number(const char *name, const char *word, size_t most, size_t *ret, struct ht_err *err)
{
	uint64_t n;

	if (!word)
		return 0;
	if (ht_quantity_count(word, &n, err) || !n || n > most)
		return ht_err_set(err, HT_EUSAGE, "--%s=%s: not a number from 1 to %zu", name, word, most);
	*ret = n;
	return 0;
}

static int read_options(const struct ht_given *given, struct answer *a, struct ht_err *err)
{
	bool data = given->option[OPT_JSON] || given->option[OPT_CSV];
	int rc = 0;

	a->points = data ? POINTS_GIVEN : POINTS_DRAWN;
	a->most_frames = FRAMES_SHOWN;
	if (given->option[OPT_JSON] && given->option[OPT_CSV])
		rc = ht_err_set(err, HT_EUSAGE, "--json and --csv contradict each other");
	if (!rc)
		rc = read_number("points", given->option[OPT_POINTS], POINTS_MOST, &a->points, err);
	if (!rc)
		rc = read_number("places", given->option[OPT_PLACES], PLACES_MOST, &a->most_places, err);
	if (!rc)
		rc = ht_subject_read_most("--frames", given->option[OPT_FRAMES], &a->most_frames, err);
	if (!rc && a->points * a->most_places > SHARES_MOST)
		rc = ht_err_set(err, HT_EUSAGE, "--points=%zu --places=%zu: together more than %d points", a->points,
				a->most_places, SHARES_MOST);
	return rc;
}

/* Which places are followed. */
static int choose_places(struct answer *a, struct ht_err *err)
{
	const struct ht_summary *sum = &a->subject.sum;
	size_t sites = sum->sites.list.count, count;
	uint32_t *rank;
	int rc = ht_groups_make(sum->model, &sum->sites, &sum->places, HT_GROUP_STACK, &a->groups, err);

	if (!rc)
		rc = ht_ranking_make(&sum->sites, &a->groups, HT_BY_PEAK, &a->ranking, err);
	if (rc)
		return rc;
	count = a->ranking.list.count < a->most_places ? a->ranking.list.count : a->most_places;
	a->part = calloc(sites + 1, sizeof(*a->part));
	rank = calloc(a->groups.list.count + 1, sizeof(*rank));
	for (size_t i = 0; rank && i < a->groups.list.count; i++)
		rank[i] = (uint32_t)count;
	for (size_t i = 0; rank && i < count; i++)
		rank[a->ranking.list.at[i].group] = (uint32_t)i;
	for (size_t i = 0; rank && a->part && i < sites; i++)
		a->part[i] = rank[a->groups.site[i]];
	rc = rank && a->part ? 0 : ht_err_set(err, HT_ESYSTEM, "out of memory for %zu places", sites);
	free(rank);
	a->parts = (struct ht_course_parts){ &a->subject.sum.sites, a->part, (uint32_t)count };
	return rc;
}

static int take(struct answer *a)
{
	int status = a->most_places ? ht_subject_sum(&a->subject) : 0;
	struct ht_err err;

	if (!status && a->most_places && choose_places(a, &err))
		status = ht_complain(a->subject.path, &err);
	if (!status && ht_course_take(a->subject.model, a->points, &a->parts, &a->course, &err))
		status = ht_complain(a->subject.path, &err);
	return status;
}

static void print_answer(const struct answer *a, const struct ht_given *given)
{
	if (a->most_places)
		ht_subject_warn(&a->subject);
	if (given->option[OPT_JSON]) {
		print_json(a);
	} else if (given->option[OPT_CSV]) {
		print_csv(a);
	} else if (a->course.has_peak) {
		draw(&a->course, given->option[OPT_BLOCKS]);
		if (a->parts.count)
			draw_places(a);
	} else {
		ht_out_text("no block was ever live\n");
	}
}

static int run(const struct ht_given *given)
{
	struct answer a = { 0 };
	struct ht_err err;
	int status;

	if (read_options(given, &a, &err))
		return ht_complain(NULL, &err);
	status = ht_subject_open(&a.subject, given->word[0], given->option[OPT_PROCESS], given, OPT_NAMING, -1);
	if (!status)
		status = take(&a);
	if (!status) {
		print_answer(&a, given);
		status = ht_answer_status(a.subject.model);
	}
	ht_course_fini(&a.course);
	free(a.part);
	ht_ranking_fini(&a.ranking);
	ht_groups_fini(&a.groups);
	ht_subject_close(&a.subject);
	return status;
}

const struct ht_command ht_cmd_timeline = {
	.name = "timeline",
	.args = "FILE",
	.says = "live memory in the course of time, and its peak",
	.options = options,
	.least = 1,
	.most = 1,
	.run = run,
};
