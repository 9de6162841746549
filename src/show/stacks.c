/* SPDX-License-Identifier: Apache-2.0 */
/* stacks.c -- one line a frame: the function, and behind it where that is
 *
 * stacks.h has a picture. Names are a stranger's: they are escaped before they are measured.
 */
#include "show/stacks.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "show/escape.h"
#include "show/out.h"
#include "show/table.h"

#define COLUMNS 80
#define INDENT 8
#define NAME_LEAST 16 /* columns; if there are not so many beside it, it is not said where that is */
#define WHERE_AT 52   /* column, if the name leaves it free */
#define WHERE_MOST 36 /* columns */

static const struct ht_field frame_fields[] = {
	{ .name = "function" }, { .name = "file" }, { .name = "line" }, { .name = "module" }, { .name = "inlined" },
};

const char *ht_stacks_cut_word(enum ht_stack_cut cut)
{
	static const char *const words[HT_STACK_CUTS] = {
		[HT_STACK_CUT_DEPTH] = "deeper than is recorded",
		[HT_STACK_CUT_NO_UNWIND] = "no unwind information",
		[HT_STACK_CUT_BAD_POINTER] = "bad pointer",
		[HT_STACK_CUT_TREE_FULL] = "the context tree was full",
		[HT_STACK_CUT_UNKNOWN] = "the rest is not in the trace",
	};

	return cut < HT_STACK_CUTS ? words[cut] : NULL;
}

/* ---- text -------------------------------------------------------------------------------------------------- */

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

/* Cuts an escaped string to `most` columns. */
static void shorten(char *s, size_t most)
{
	size_t columns = 0, keep = 0;

	for (size_t i = 0; s[i]; i++) {
		columns += (s[i] & 0xc0) != 0x80;
		if (columns <= most - 3)
			keep = i + 1;
	}
	if (columns > most)
		strcpy(s + keep, "...");
}

static size_t columns_of(const char *s)
{
	size_t columns = 0;

	for (; *s; s++)
		columns += (*s & 0xc0) != 0x80;
	return columns;
}

static void write_where(char *to, size_t cap, const struct ht_place_frame *f)
{
	char name[128];
	const char *source = f->file ? f->file : f->module;

	if (!source) {
		*to = 0;
		return;
	}
	ht_escape(name, sizeof(name), base_of(source), strlen(base_of(source)));
	shorten(name, WHERE_MOST - 15);
	if (f->file && f->line)
		snprintf(to, cap, "%s:%" PRIu32 "%s", name, f->line, f->inlined ? ", inlined" : "");
	else
		snprintf(to, cap, "%s%s", name, f->inlined ? ", inlined" : "");
}

void ht_stacks_frame(const struct ht_place_frame *f, size_t column)
{
	char name[512], where[192];
	size_t used;

	write_where(where, sizeof(where), f);
	if (column + NAME_LEAST + 2 + columns_of(where) > COLUMNS)
		*where = 0;
	if (f->function) {
		ht_escape(name, sizeof(name), f->function, strlen(f->function));
	} else {
		snprintf(name, sizeof(name), f->module ? "+0x%" PRIx64 : "0x%" PRIx64, f->offset);
	}
	shorten(name, COLUMNS - column - 2 - (*where ? columns_of(where) : 0));
	used = column + columns_of(name);
	ht_out_text(name);
	if (*where && used + 2 <= WHERE_AT && WHERE_AT + columns_of(where) <= COLUMNS)
		ht_outf("%*s%s", (int)(WHERE_AT - used), "", where);
	else if (*where)
		ht_outf("  %s", where);
	ht_out_text("\n");
}

void ht_stacks_text(const struct ht_places *p, uint32_t node, size_t most)
{
	size_t shown = 0, more = 0;
	bool beyond_main = false;

	if (ht_place_is_root(node))
		ht_outf("%*s(caller unknown)\n", INDENT, "");
	for (; !ht_place_is_root(node); node = p->nodes.at[node].parent) {
		const struct ht_place_frame *f = &p->frames.at[p->nodes.at[node].frame];

		if (beyond_main)
			continue;
		if (shown < most) {
			ht_outf("%*s", INDENT, "");
			ht_stacks_frame(f, INDENT);
			shown++;
		} else {
			more++;
		}
		beyond_main = f->function && !strcmp(f->function, "main");
	}
	if (more)
		ht_outf("%*s... called from %zu frame%s more\n", INDENT, "", more, more == 1 ? "" : "s");
	if (ht_stacks_cut_word((enum ht_stack_cut)node) && !beyond_main)
		ht_outf("%*s(cut here: %s)\n", INDENT, "", ht_stacks_cut_word((enum ht_stack_cut)node));
}

/* ---- JSON -------------------------------------------------------------------------------------------------- */

static void add_frame(struct ht_table *t, const struct ht_place_frame *f)
{
	ht_table_add(t, ht_name(f->function));
	ht_table_add(t, ht_name(f->file));
	ht_table_add(t, ht_if(f->line, ht_number(f->line)));
	ht_table_add(t, ht_name(f->module));
	ht_table_add(t, ht_flag(f->inlined));
}

void ht_stacks_frame_json(const struct ht_place_frame *f)
{
	struct ht_table t = HT_TABLE(frame_fields);

	add_frame(&t, f);
	ht_table_json_rows(&t, false);
	ht_table_fini(&t);
}

void ht_stacks_json(const struct ht_places *p, uint32_t node)
{
	struct ht_table t = HT_TABLE(frame_fields);

	ht_out_text("[");
	for (bool more = false; !ht_place_is_root(node); node = p->nodes.at[node].parent, more = true) {
		add_frame(&t, &p->frames.at[p->nodes.at[node].frame]);
		ht_table_json_rows(&t, more);
	}
	ht_out_text("]");
	ht_table_fini(&t);
}
