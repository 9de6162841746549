/* SPDX-License-Identifier: Apache-2.0 */
/* findings.c -- keeps the lines of a check-up, and prints them
 *
 *   ok       kernel     6.1.0
 *   MISSING  agent      it is not beside the program
 *                       install heaptap, or ...                    what to do stands below
 */
#include "show/findings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "show/command.h"
#include "show/out.h"

#define NAME_WIDTH 14
#define STATE_WIDTH 9

static const char *const state_words[] = { "ok", "note", "MISSING" };
static const char *const state_names[] = { "ok", "note", "missing" };

static void die(void)
{
	struct ht_err err;

	ht_err_sys(&err, "no memory for what was found");
	exit(ht_complain(NULL, &err));
}

void ht_findings_fini(struct ht_findings *f)
{
	for (size_t i = 0; i < f->count; i++)
		free(f->line[i].says);
	free(f->line);
	*f = (struct ht_findings){ 0 };
}

void ht_findings_add(struct ht_findings *f, enum ht_finding_state state, const char *name, const char *remedy,
		     const char *format, ...)
{
	struct ht_finding_line line = { state, name, remedy, NULL };
	va_list args;

	va_start(args, format);
	if (vasprintf(&line.says, format, args) < 0)
		die();
	va_end(args);
	if (f->count == f->cap) {
		f->cap = f->cap ? f->cap * 2 : 16;
		f->line = reallocarray(f->line, f->cap, sizeof(*f->line));
		if (!f->line)
			die();
	}
	f->line[f->count++] = line;
}

bool ht_findings_miss(const struct ht_findings *f)
{
	for (size_t i = 0; i < f->count; i++)
		if (f->line[i].state == HT_FINDING_MISSING)
			return true;
	return false;
}

void ht_findings_text(const struct ht_findings *f)
{
	for (size_t i = 0; i < f->count; i++) {
		const struct ht_finding_line *l = &f->line[i];

		ht_outf("%-*s%-*s", STATE_WIDTH, state_words[l->state], NAME_WIDTH, l->name);
		ht_out_escaped(l->says, strlen(l->says));
		if (l->remedy)
			ht_outf("\n%*s%s", STATE_WIDTH + NAME_WIDTH, "", l->remedy);
		ht_out_text("\n");
	}
}

void ht_findings_json(const struct ht_findings *f)
{
	static const struct ht_field fields[] = {
		{ .name = "name" }, { .name = "state" }, { .name = "says" }, { .name = "remedy" }
	};
	struct ht_table t = HT_TABLE(fields);

	for (size_t i = 0; i < f->count; i++) {
		const struct ht_finding_line *l = &f->line[i];

		ht_table_add(&t, ht_name(l->name));
		ht_table_add(&t, ht_name(state_names[l->state]));
		ht_table_add(&t, ht_name(l->says));
		ht_table_add(&t, ht_name(l->remedy));
	}
	ht_table_json_rows(&t, false);
	ht_table_fini(&t);
}
