/* SPDX-License-Identifier: Apache-2.0 */
/* spreads.c -- one table, one line or one array for each histogram
 *
 * spreads.h has a picture.
 */
#include "show/spreads.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "show/figures.h"
#include "show/out.h"
#include "show/table.h"

#define BAR_COLUMNS 24
#define LINE_COLUMNS 80
#define CLASSES_MOST 80

struct line {
	char name[HT_SPREADS_NAME], share[HT_FIGURE_BYTES], bar[3 * BAR_COLUMNS + 1];
};

static void draw_bar(char *to, uint64_t part, uint64_t most)
{
	static const char *const eighth[] = { "", "▏", "▎", "▍", "▌", "▋", "▊", "▉" };
	unsigned eighths = most ? (unsigned)((unsigned __int128)part * BAR_COLUMNS * 8 / most) : 0;

	if (part && !eighths)
		eighths = 1;
	*to = 0;
	for (unsigned i = 0; i < eighths / 8; i++)
		to = stpcpy(to, "█");
	strcpy(to, eighth[eighths % 8]);
}

const char *ht_spreads_range(char to[HT_SPREADS_NAME], uint32_t class)
{
	uint64_t least, most;

	ht_sites_size_bounds(class, &least, &most);
	if (least == most)
		snprintf(to, HT_SPREADS_NAME, "%" PRIu64, least);
	else
		snprintf(to, HT_SPREADS_NAME, "%" PRIu64 "-%" PRIu64, least, most);
	return to;
}

void ht_spreads_text(const char *title, const struct ht_tally *class, uint32_t classes, ht_spreads_name *name)
{
	const struct ht_field fields[] = {
		{ NULL, title, 0 },
		{ NULL, "blocks", 0 },
		{ NULL, "  share", 0 },
		{ NULL, "bytes", HT_FORM_BYTES },
		{ NULL, "blocks, as a bar", 0 },
	};
	struct ht_table t = HT_TABLE(fields);
	struct line line[CLASSES_MOST];
	uint64_t all = 0, most = 0;
	char share[HT_FIGURE_BYTES];

	for (uint32_t i = 0; i < classes; i++) {
		all += class[i].count;
		most = class[i].count > most ? class[i].count : most;
	}
	for (uint32_t i = 0; i < classes; i++) {
		if (!class[i].count)
			continue;
		draw_bar(line[i].bar, class[i].count, most);
		ht_table_add(&t, ht_name(name(line[i].name, i)));
		ht_table_add(&t, ht_number(class[i].count));
		snprintf(line[i].share, sizeof(line[i].share), "%7.16s", ht_figure_share(share, class[i].count, all));
		ht_table_add(&t, ht_name(line[i].share));
		ht_table_add(&t, ht_number(class[i].bytes));
		ht_table_add(&t, ht_name(line[i].bar));
	}
	ht_table_text(&t);
	ht_table_fini(&t);
}

void ht_spreads_line(const char *title, const struct ht_tally *class, uint32_t classes, ht_spreads_name *name)
{
	bool shown[CLASSES_MOST] = { false };
	size_t used = strlen(title);
	uint64_t all = 0;

	for (uint32_t i = 0; i < classes; i++)
		all += class[i].count;
	ht_out_text(title);
	for (bool first = true;; first = false) {
		char share[HT_FIGURE_BYTES], called[HT_SPREADS_NAME], part[2 * HT_SPREADS_NAME];
		uint32_t best = classes;

		for (uint32_t i = 0; i < classes; i++)
			if (!shown[i] && class[i].count && (best == classes || class[i].count > class[best].count))
				best = i;
		if (best == classes)
			break;
		shown[best] = true;
		used += (size_t)snprintf(part, sizeof(part), "%s%s %s", first ? "" : ", ",
					 ht_figure_share(share, class[best].count, all), name(called, best));
		if (used > LINE_COLUMNS - 5) {
			ht_out_text(", ...");
			break;
		}
		ht_out_text(part);
	}
	ht_out_text("\n");
}

void ht_spreads_json(const struct ht_tally *class, uint32_t classes)
{
	static const struct ht_field fields[] = {
		{ .name = "from" },
		{ .name = "to" },
		{ .name = "blocks" },
		{ .name = "bytes" },
	};
	struct ht_table t = HT_TABLE(fields);

	for (uint32_t i = 0; i < classes; i++) {
		uint64_t least, most;

		if (!class[i].count)
			continue;
		ht_sites_size_bounds(i, &least, &most);
		ht_table_add(&t, ht_number(least));
		ht_table_add(&t, ht_number(most));
		ht_table_add(&t, ht_number(class[i].count));
		ht_table_add(&t, ht_number(class[i].bytes));
	}
	ht_out_text("[");
	ht_table_json_rows(&t, false);
	ht_out_text("]");
	ht_table_fini(&t);
}
