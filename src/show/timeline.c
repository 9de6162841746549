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
 * With --json or --csv it is one row for each step.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "inspect/course.h"
#include "show/answer.h"
#include "show/command.h"
#include "show/out.h"
#include "show/table.h"

#define POINTS_DRAWN 60
#define POINTS_GIVEN 500
#define POINTS_MOST 1000000
#define HEIGHT 12
#define EIGHTHS 8

enum { OPT_JSON, OPT_CSV, OPT_POINTS, OPT_BLOCKS, OPT_PROCESS };

static const struct ht_option options[] = {
	[OPT_JSON] = { .name = "json", .says = "one object: the peak, and a row for each step" },
	[OPT_CSV] = { .name = "csv", .says = "a line for each step, the first one naming the columns" },
	[OPT_POINTS] = { "points", 'n', "N", "so many steps; default 60 for the plot, 500 for data" },
	[OPT_BLOCKS] = { .name = "blocks", .says = "draw the number of live blocks, not their bytes" },
	[OPT_PROCESS] = HT_OPTION_PROCESS,
	{ 0 },
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

static void print_json(const struct ht_course *c)
{
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
	ht_out_text("]}\n");
	ht_table_fini(&peak);
	ht_table_fini(&row);
}

static void print_csv(const struct ht_course *c)
{
	uint64_t value[POINT_FIELDS];

	for (size_t f = 0; f < POINT_FIELDS; f++)
		ht_outf("%s%s", f ? "," : "", point_fields[f].name);
	ht_out_text("\n");
	for (size_t i = 0; i < c->points; i++) {
		point_values(c, i, value);
		for (size_t f = 0; f < POINT_FIELDS; f++)
			ht_outf("%s%" PRIu64, f ? "," : "", value[f]);
		ht_out_text("\n");
	}
}

/* ---- the plot ---------------------------------------------------------------------------------------------- */

static uint64_t height_of(const struct ht_course *c, size_t i, bool blocks)
{
	return blocks ? c->point[i].most_blocks : c->point[i].most_bytes;
}

/* How many eighths of a line the column fills, of HEIGHT * EIGHTHS; anything above nothing shows. */
static unsigned eighths_of(uint64_t n, uint64_t top)
{
	unsigned filled = top ? (unsigned)((unsigned __int128)n * HEIGHT * EIGHTHS / top) : 0;

	return n && !filled ? 1 : filled;
}

static void draw_line(const struct ht_course *c, bool blocks, uint64_t top, unsigned line)
{
	static const char *const part[] = { " ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };

	for (size_t i = 0; i < c->points; i++) {
		unsigned filled = eighths_of(height_of(c, i, blocks), top), below = line * EIGHTHS;

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

/* ---- the command ------------------------------------------------------------------------------------------- */

static int parse_points(const char *word, size_t otherwise, size_t *ret, struct ht_err *err)
{
	char *end;
	unsigned long long n;

	*ret = otherwise;
	if (!word)
		return 0;
	n = strtoull(word, &end, 10);
	if (word[0] < '0' || word[0] > '9' || *end || !n || n > POINTS_MOST)
		return ht_err_set(err, HT_EUSAGE, "--points=%s: not a number from 1 to %d", word, POINTS_MOST);
	*ret = n;
	return 0;
}

static int run(const struct ht_given *given)
{
	bool json = given->option[OPT_JSON], csv = given->option[OPT_CSV];
	struct ht_course course;
	struct ht_model *t;
	struct ht_err err = { 0 };
	size_t points = 0;
	int status;

	if (json && csv)
		ht_err_set(&err, HT_EUSAGE, "--json and --csv contradict each other");
	else
		parse_points(given->option[OPT_POINTS], json || csv ? POINTS_GIVEN : POINTS_DRAWN, &points, &err);
	if (err.code)
		return ht_complain(NULL, &err);
	status = ht_answer_open(given->word[0], given->option[OPT_PROCESS], &t);
	if (status)
		return status;
	if (ht_course_take(t, points, &course, &err)) {
		ht_model_close(t);
		return ht_complain(given->word[0], &err);
	}
	status = ht_answer_status(t);
	if (json)
		print_json(&course);
	else if (csv)
		print_csv(&course);
	else if (course.has_peak)
		draw(&course, given->option[OPT_BLOCKS]);
	else
		ht_out_text("no block was ever live\n");
	ht_course_fini(&course);
	ht_model_close(t);
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
