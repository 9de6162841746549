/* SPDX-License-Identifier: Apache-2.0 */
/* verdict.c -- opens a trace and its baseline, judges, and prints: a line for each limit, then the places to blame
 *
 *   limit          found    allowed   verdict
 *   max-peak       5.0 MiB  64.0 MiB  kept
 *   max-leaked     3.7 KiB  0 B       EXCEEDED
 *
 *   max-leaked: the largest place first
 *     3.7 KiB leaked, 0 B allowed
 *
 *       1.  2.9 KiB in 3 blocks
 *           keep        confess.cc:42
 */

#include "show/verdict.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/account.h"
#include "inspect/align.h"
#include "inspect/budget.h"
#include "show/escape.h"
#include "show/figures.h"
#include "show/out.h"
#include "show/stacks.h"
#include "show/subject.h"
#include "show/table.h"
#include "util/quantity.h"

#define SCOPE_COLUMNS 18

/* A trace that takes part. */
struct side {
	struct ht_subject subject;
	bool complete;
};

/* ---- words ------------------------------------------------------------------------------------------------- */

char *ht_verdict_title(char *to, const struct ht_finding *f)
{
	if (f->limit.kind == HT_LIMIT_GROWTH)
		snprintf(to, HT_VERDICT_TEXT_BYTES, "max-growth of %s", ht_limit_measured(f->of));
	else
		snprintf(to, HT_VERDICT_TEXT_BYTES, "%s", ht_limit_name(f->limit.kind));
	return to;
}

char *ht_verdict_figure(char *to, const struct ht_finding *f, uint64_t figure)
{
	if (f->of == HT_LIMIT_TEMPORARY && f->limit.is_share)
		return ht_figure_share(to, figure, f->whole);
	if (f->of == HT_LIMIT_ALLOCS)
		return ht_figure_count(to, figure, "call", "calls");
	if (ht_limit_counts(f->of))
		return ht_figure_count(to, figure, "block", "blocks");
	return ht_figure_bytes(to, figure);
}

/* A share is as it was written, not as the blocks it comes to. */
static char *allowed(char *to, const struct ht_finding *f)
{
	if (f->limit.kind == HT_LIMIT_TEMPORARY && f->limit.is_share)
		return ht_figure_share(to, f->limit.most, HT_SHARE_WHOLE);
	return ht_verdict_figure(to, f, f->allowed);
}

char *ht_verdict_sentence(char *to, const struct ht_finding *f)
{
	static const char *const says[HT_LIMIT_KINDS] = {
		[HT_LIMIT_PEAK] = "at the peak",     [HT_LIMIT_LEAKED] = "leaked",
		[HT_LIMIT_LEAKED_BLOCKS] = "leaked", [HT_LIMIT_ALLOCATED] = "allocated",
		[HT_LIMIT_ALLOCS] = "that allocate", [HT_LIMIT_TEMPORARY] = "temporary",
	};
	char found[HT_FIGURE_BYTES], most[HT_FIGURE_BYTES], before[HT_FIGURE_BYTES];
	char *at = to + sprintf(to, "%s %s", ht_verdict_figure(found, f, f->value), says[f->of]);

	if (f->limit.kind == HT_LIMIT_GROWTH)
		at += sprintf(at, ", %s before", ht_verdict_figure(before, f, f->before));
	sprintf(at, ", %s allowed", allowed(most, f));
	return to;
}

char *ht_verdict_culprit(char *to, const struct ht_finding *f, const struct ht_culprit *c)
{
	char bytes[HT_FIGURE_BYTES], count[HT_FIGURE_BYTES];
	bool calls = f->of == HT_LIMIT_ALLOCS;
	const struct ht_tally *v = &c->value;
	int used;

	ht_figure_bytes(bytes, v->bytes);
	ht_figure_count(count, v->count, calls ? "call" : "block", calls ? "calls" : "blocks");
	if (ht_limit_counts(f->of))
		used = snprintf(to, HT_VERDICT_TEXT_BYTES, "%s, %s", count, bytes);
	else
		used = snprintf(to, HT_VERDICT_TEXT_BYTES, "%s in %s", bytes, count);
	if (f->limit.kind != HT_LIMIT_GROWTH)
		return to;
	if (ht_limit_counts(f->of))
		snprintf(to + used, HT_VERDICT_TEXT_BYTES - (size_t)used, "; %" PRIu64 " before", c->before.count);
	else
		snprintf(to + used, HT_VERDICT_TEXT_BYTES - (size_t)used, "; %s before",
			 ht_figure_bytes(bytes, c->before.bytes));
	return to;
}

/* ---- text -------------------------------------------------------------------------------------------------- */

static const struct ht_field line_fields[] = {
	{ NULL, "limit", 0 },   { NULL, "within", 0 },  { NULL, "found", 0 },
	{ NULL, "allowed", 0 }, { NULL, "verdict", 0 },
};
#define LINE_FIELDS (sizeof(line_fields) / sizeof(*line_fields))
enum { WITHIN = 1 };

static void print_line(const struct ht_verdict_ask *ask, const struct ht_finding *f, struct ht_table *t,
		       char (*text)[HT_VERDICT_TEXT_BYTES])
{
	const char *function = ask->limits->scopes.at[f->limit.scope];
	size_t len = function ? strlen(function) : 0;

	snprintf(text[1], HT_VERDICT_TEXT_BYTES, "%.*s%s", SCOPE_COLUMNS, function ? function : "",
		 len > SCOPE_COLUMNS ? "..." : "");
	ht_table_add(t, ht_name(ht_verdict_title(text[0], f)));
	ht_table_add(t, ht_name(text[1]));
	ht_table_add(t, ht_name(ht_verdict_figure(text[2], f, f->value)));
	ht_table_add(t, ht_name(allowed(text[3], f)));
	ht_table_add(t, ht_name(f->exceeded ? "EXCEEDED" : "kept"));
}

static int print_lines(const struct ht_verdict_ask *ask, const struct ht_verdict *v, struct ht_err *err)
{
	struct ht_field shown[LINE_FIELDS];
	struct ht_table t = { .field = shown, .fields = LINE_FIELDS };
	char(*text)[HT_VERDICT_TEXT_BYTES] = calloc(v->findings.count, 4 * sizeof(*text));

	if (!text)
		return ht_err_set(err, HT_ESYSTEM, "out of memory for %zu limits", v->findings.count);
	memcpy(shown, line_fields, sizeof(shown));
	if (ask->limits->scopes.count == 1)
		shown[WITHIN].title = NULL;
	for (size_t i = 0; i < v->findings.count; i++)
		print_line(ask, &v->findings.at[i], &t, text + 4 * i);
	ht_table_text(&t);
	ht_table_fini(&t);
	free(text);
	return 0;
}

static void print_culprits(const struct ht_verdict_ask *ask, const struct ht_finding *f, const struct ht_places *p)
{
	const char *function = ask->limits->scopes.at[f->limit.scope];
	char text[4 * HT_VERDICT_TEXT_BYTES];
	size_t shown = f->culprits.count < ask->most_places ? f->culprits.count : ask->most_places;

	ht_outf("\n%s", ht_verdict_title(text, f));
	if (function) {
		ht_out_text(" in ");
		ht_out_escaped(function, strlen(function));
	}
	ht_outf(": %s first\n  %s\n", f->limit.kind == HT_LIMIT_GROWTH ? "what grew most" : "the largest place",
		ht_verdict_sentence(text, f));
	for (size_t i = 0; i < shown; i++) {
		ht_outf("\n%5zu.  %s\n", i + 1, ht_verdict_culprit(text, f, &f->culprits.at[i]));
		ht_stacks_text(p, f->culprits.at[i].place, ask->most_frames);
	}
	if (shown < f->culprits.count)
		ht_outf("\nAnd %zu more (-n 0 shows all).\n", f->culprits.count - shown);
}

static int print_text(const struct ht_verdict_ask *ask, const struct ht_verdict *v, const struct ht_places *p,
		      struct ht_err *err)
{
	if (print_lines(ask, v, err))
		return HT_ESYSTEM;
	for (size_t i = 0; i < v->findings.count; i++)
		if (v->findings.at[i].exceeded)
			print_culprits(ask, &v->findings.at[i], p);
	if (v->exceeded)
		ht_outf("\n%zu of %zu limits exceeded\n", v->exceeded, v->findings.count);
	else
		ht_outf("\nall limits are kept\n");
	return 0;
}

/* ---- JSON -------------------------------------------------------------------------------------------------- */

static const struct ht_field finding_fields[] = {
	{ .name = "limit" },  { .name = "of" },       { .name = "within" },  { .name = "unit" },
	{ .name = "value" },  { .name = "allowed" },  { .name = "percent" }, { .name = "whole" },
	{ .name = "before" }, { .name = "exceeded" },
};

static void print_finding_json(const struct ht_verdict_ask *ask, const struct ht_finding *f, const struct ht_places *p)
{
	struct ht_table t = HT_TABLE(finding_fields);
	bool growth = f->limit.kind == HT_LIMIT_GROWTH;

	ht_table_add(&t, ht_name(ht_limit_name(f->limit.kind)));
	ht_table_add(&t, ht_name(ht_limit_measured(f->of)));
	ht_table_add(&t, ht_name(ask->limits->scopes.at[f->limit.scope]));
	ht_table_add(&t, ht_name(ht_limit_unit(f->of)));
	ht_table_add(&t, ht_number(f->value));
	ht_table_add(&t, ht_number(f->allowed));
	ht_table_add(&t, ht_if(f->limit.is_share, ht_hundredths(f->limit.most * 100 / (HT_SHARE_WHOLE / 100))));
	ht_table_add(&t, ht_if(f->limit.is_share && !growth, ht_number(f->whole)));
	ht_table_add(&t, ht_if(growth, ht_number(f->before)));
	ht_table_add(&t, ht_flag(f->exceeded));
	ht_out_text("{");
	ht_table_json(&t, 0);
	ht_outf(",\"places\":%zu,\"worst\":[", f->culprits.count);
	for (size_t i = 0; i < f->culprits.count && i < ask->most_places; i++) {
		const struct ht_culprit *c = &f->culprits.at[i];

		ht_outf("%s{\"bytes\":%" PRIu64 ",\"count\":%" PRIu64, i ? "," : "", c->value.bytes, c->value.count);
		if (growth)
			ht_outf(",\"before_bytes\":%" PRIu64 ",\"before_count\":%" PRIu64, c->before.bytes,
				c->before.count);
		ht_out_text(",\"stack\":");
		ht_stacks_json(p, c->place);
		ht_out_text("}");
	}
	ht_out_text("]}");
	ht_table_fini(&t);
}

static void print_json(const struct ht_verdict_ask *ask, const struct ht_verdict *v, const struct ht_places *p,
		       bool complete)
{
	ht_outf("{\"exceeded\":%zu,\"complete\":%s,\"limits\":[", v->exceeded, complete ? "true" : "false");
	for (size_t i = 0; i < v->findings.count; i++) {
		if (i)
			ht_out_text(",");
		print_finding_json(ask, &v->findings.at[i], p);
	}
	ht_out_text("]}\n");
}

/* ---- the answer -------------------------------------------------------------------------------------------- */

/* 0, or an exit status after a complaint. */
static int open_side(const struct ht_verdict_ask *ask, const char *path, struct side *s)
{
	struct ht_account account;
	struct ht_err err;
	int status = ht_subject_open(&s->subject, path, ask->process, ask->given, ask->naming, -1);

	if (!status)
		status = ht_subject_sum(&s->subject);
	if (status)
		return status;
	if (ht_account_close(s->subject.model, &s->subject.sum.sites.history, &account, &err))
		return ht_complain(path, &err);
	s->complete = account.complete;
	ht_account_fini(&account);
	if (!s->complete)
		ht_warn(path, "the trace is not complete, so it proves no budget; `heaptap verify` says why");
	return 0;
}

static void warn_of_unseen(const struct ht_verdict_ask *ask, const struct ht_verdict *v, const struct ht_places *p)
{
	for (size_t i = HT_SCOPE_WHOLE + 1; i < ask->limits->scopes.count; i++) {
		const char *function = ask->limits->scopes.at[i], *like;

		if (!v->unseen[i])
			continue;
		like = ht_budget_resembling(p, function);
		ht_warn(ask->path, "nothing was allocated in a function named %s%s%.200s", function,
			like ? "; there is " : "", like ? like : "");
	}
}

static int answer(const struct ht_verdict_ask *ask, const struct side *now, const struct ht_verdict *v, bool complete)
{
	const struct ht_places *p = &now->subject.sum.places;
	struct ht_err err;
	int status = 0;

	warn_of_unseen(ask, v, p);
	if (ask->junit)
		status = ht_ci_junit(ask, v, p, complete);
	if (status || (ask->silent_if_kept && complete && !v->exceeded))
		return status;
	ht_subject_warn(&now->subject);
	if (ask->form == HT_VERDICT_JSON)
		print_json(ask, v, p, complete);
	else if (print_text(ask, v, p, &err))
		return ht_complain(NULL, &err);
	if (ask->form == HT_VERDICT_GITHUB)
		ht_ci_github(ask, v, p, complete);
	return 0;
}

int ht_verdict_show(const struct ht_verdict_ask *ask)
{
	struct side now = { 0 }, before = { 0 };
	const char *baseline = ask->limits->baseline;
	struct ht_verdict v;
	struct ht_err err;
	int status = open_side(ask, ask->path, &now);

	if (!status && baseline)
		status = open_side(ask, baseline, &before);
	if (!status && ht_budget_judge(ask->limits, &now.subject.sum, baseline ? &before.subject.sum : NULL, &v, &err))
		status = ht_complain(ask->path, &err);
	if (!status) {
		bool complete = now.complete && (!baseline || before.complete);

		status = answer(ask, &now, &v, complete);
		if (!status && !complete)
			status = HT_STATUS_DAMAGED;
		else if (!status && v.exceeded)
			status = HT_STATUS_BAD;
		ht_verdict_fini(&v);
	}
	ht_subject_close(&before.subject);
	ht_subject_close(&now.subject);
	return status;
}
