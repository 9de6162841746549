/* SPDX-License-Identifier: Apache-2.0 */
/* verify.c -- `heaptap verify FILE`: is every call here, and can the history have been so?
 *
 * inspect/account.h has the identity that is checked. The answer is the sums, a row for each thread, and a verdict:
 *
 *   entered           100000
 *   recorded           99990
 *   counted only          10
 *   ...
 *   complete: every call is here and the history is possible
 *
 * With many threads only those with trouble and the busiest are shown to people; JSON has all of them.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "inspect/account.h"
#include "show/answer.h"
#include "show/command.h"
#include "show/out.h"
#include "show/table.h"

#define BUSIEST_SHOWN 20
#define TROUBLED_SHOWN 100

enum { OPT_JSON, OPT_PROCESS };

static const struct ht_option options[] = {
	[OPT_JSON] = { .name = "json", .says = "one object: the sums, and the account of every thread" },
	[OPT_PROCESS] = HT_OPTION_PROCESS,
	{ 0 },
};

static const struct ht_field sum_fields[] = {
	{ "entered", "entered", 0 },
	{ "recorded", "recorded", 0 },
	{ "counted_only", "counted only", 0 },
	{ "lost", "lost", 0 },
	{ "in_flight", "in flight", 0 },
	{ "reordered", "reordered", 0 },
	{ "history_violations", "history violations", 0 },
	{ "unknown_releases", "unknown releases", 0 },
	{ "damaged_blocks", "damaged blocks", 0 },
	{ "missing_sequences", "missing events", 0 },
	{ "unrecorded_images", "programs not recorded", 0 },
	{ "live_blocks", "live blocks at the end", 0 },
	{ "live_bytes", "live bytes at the end", 0 },
	{ "complete", NULL, 0 },
};

static const struct ht_field thread_fields[] = {
	{ "thread", "thread", 0 },     { "tid", "tid", 0 },
	{ "name", "name", 0 },         { "entered", "entered", 0 },
	{ "recorded", "recorded", 0 }, { "counted_only", "counted only", 0 },
	{ "lost", "lost", 0 },         { "in_flight", "in flight", 0 },
	{ "closes", "closes", 0 },
};

static const struct ht_field damage_fields[] = { { "offset", NULL, 0 }, { "says", NULL, 0 } };

static void add_sums(struct ht_table *t, const struct ht_sums *s)
{
	ht_table_add(t, ht_number(s->entered));
	ht_table_add(t, ht_number(s->recorded));
	ht_table_add(t, ht_number(s->counted_only));
	ht_table_add(t, ht_number(s->lost));
	ht_table_add(t, ht_signed(s->in_flight));
}

static void fill_sums(struct ht_table *t, const struct ht_account *a)
{
	add_sums(t, &a->sums);
	ht_table_add(t, ht_number(a->history.reordered));
	ht_table_add(t, ht_number(a->history.violations));
	ht_table_add(t, ht_number(a->history.unknown_releases));
	ht_table_add(t, ht_number(a->damages));
	ht_table_add(t, ht_number(a->missing));
	ht_table_add(t, ht_number(a->unrecorded));
	ht_table_add(t, ht_number(a->history.live_blocks));
	ht_table_add(t, ht_number(a->history.live_bytes));
	ht_table_add(t, ht_flag(a->complete));
}

static void fill_thread(struct ht_table *t, const struct ht_thread_account *a)
{
	ht_table_add(t, ht_number(a->stream->number));
	ht_table_add(t, ht_if(a->stream->has_thread, ht_number(a->stream->tid)));
	ht_table_add(t, ht_if(a->stream->has_thread, ht_string(a->stream->name)));
	add_sums(t, &a->sums);
	ht_table_add(t, ht_flag(a->closes));
}

/* ---- JSON -------------------------------------------------------------------------------------------------- */

/* Threads go out one by one: there may be hundreds of thousands. */
static void print_json(const struct ht_model *m, const struct ht_account *a, const struct ht_table *sums)
{
	struct ht_table row = HT_TABLE(thread_fields), damages = HT_TABLE(damage_fields);
	const struct ht_damage *damage;
	uint64_t count = ht_model_damages(m, &damage);

	for (uint64_t i = 0; i < count && i < HT_DAMAGES_KEPT; i++) {
		ht_table_add(&damages, ht_number(damage[i].offset));
		ht_table_add(&damages, ht_name(damage[i].says));
	}
	ht_out_text("{");
	ht_table_json(sums, 0);
	ht_out_text(",\"threads\":[");
	for (size_t i = 0; i < a->threads; i++) {
		fill_thread(&row, &a->thread[i]);
		ht_table_json_rows(&row, i);
	}
	ht_out_text("],\"damages\":[");
	ht_table_json_rows(&damages, false);
	ht_out_text("]}\n");
	ht_table_fini(&row);
	ht_table_fini(&damages);
}

/* ---- text -------------------------------------------------------------------------------------------------- */

static bool troubled(const struct ht_thread_account *a)
{
	return !a->closes || a->sums.lost || a->stream->missing;
}

static int troubled_then_busy(const void *a, const void *b)
{
	const struct ht_thread_account *x = a, *y = b;

	if (troubled(x) != troubled(y))
		return troubled(x) ? -1 : 1;
	if (x->sums.entered != y->sums.entered)
		return x->sums.entered > y->sums.entered ? -1 : 1;
	return (x->stream->number > y->stream->number) - (x->stream->number < y->stream->number);
}

/* Reorders the account's threads. */
static void print_threads(struct ht_account *a)
{
	struct ht_table t = HT_TABLE(thread_fields);
	size_t shown = 0;

	if (a->threads)
		qsort(a->thread, a->threads, sizeof(*a->thread), troubled_then_busy);
	for (; shown < a->threads; shown++) {
		if (shown >= (troubled(&a->thread[shown]) ? TROUBLED_SHOWN : BUSIEST_SHOWN))
			break;
		fill_thread(&t, &a->thread[shown]);
	}
	if (shown)
		ht_table_text(&t);
	if (shown < a->threads)
		ht_outf("and %zu threads more\n", a->threads - shown);
	ht_table_fini(&t);
}

static void print_reason(uint64_t count, const char *one, const char *many)
{
	if (count)
		ht_outf("  %" PRIu64 " %s\n", count, count == 1 ? one : many);
}

static void print_verdict(const struct ht_model *m, const struct ht_account *a)
{
	if (a->complete) {
		ht_out_text("complete: every call is here, and the history is possible\n");
		return;
	}
	ht_out_text("NOT COMPLETE\n");
	if (!m->has_session)
		ht_out_text("  the description of the recording is missing\n");
	if (!m->has_end)
		ht_out_text("  the end is missing: the recording did not end properly\n");
	if (!m->images.count)
		ht_out_text("  no program was recorded: the agent never spoke up\n");
	print_reason(a->unrecorded, "program was run whose calls are not here (see heaptap info)",
		     "programs were run whose calls are not here (see heaptap info)");
	print_reason(a->damages, "damaged place in the file", "damaged places in the file");
	print_reason(a->missing, "event missing from the file", "events missing from the file");
	print_reason(a->sums.lost, "call lost while recording", "calls lost while recording");
	if (a->losses && !a->sums.lost)
		ht_out_text("  losses are recorded that no account has\n");
	print_reason(a->open, "thread whose account does not close", "threads whose account does not close");
	print_reason(a->history.violations, "event that no heap can have done", "events that no heap can have done");
}

static int run(const struct ht_given *given)
{
	struct ht_table sums = HT_TABLE(sum_fields);
	struct ht_account account;
	struct ht_model *m;
	struct ht_err err;
	int status = ht_answer_open(given->word[0], given->option[OPT_PROCESS], &m);

	if (status)
		return status;
	if (ht_account_take(m, &account, &err)) {
		ht_model_close(m);
		return ht_complain(given->word[0], &err);
	}
	fill_sums(&sums, &account);
	if (given->option[OPT_JSON]) {
		print_json(m, &account, &sums);
	} else {
		ht_table_facts(&sums);
		ht_out_text("\n");
		print_threads(&account);
		ht_out_text("\n");
		print_verdict(m, &account);
	}
	status = account.complete ? HT_STATUS_OK : HT_STATUS_BAD;
	ht_table_fini(&sums);
	ht_account_fini(&account);
	ht_model_close(m);
	return status;
}

const struct ht_command ht_cmd_verify = {
	.name = "verify",
	.args = "FILE",
	.says = "whether every call is in the trace and the history is possible",
	.options = options,
	.least = 1,
	.most = 1,
	.run = run,
};
