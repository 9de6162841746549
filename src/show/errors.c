/* SPDX-License-Identifier: Apache-2.0 */
/* errors.c -- `heaptap errors FILE`: releases that the program should not have made
 *
 * inspect/misuse.h says what is an error. Equal ones are shown once, with a count and the calls of the first:
 *
 *   double free of 0x55d0c2a0, 3 times
 *     here           0.000123456 s  thread 1 (main)  free
 *           again                                       prog.c:31
 *           main                                        prog.c:77
 *     handed out     0.000100000 s  thread 1 (main)  malloc, 24 bytes
 *           ...
 *     released       0.000111000 s  thread 2 (pool)  free
 *           ...
 */
#include <inttypes.h>
#include <stdio.h>

#include "inspect/misuse.h"
#include "show/answer.h"
#include "show/call.h"
#include "show/command.h"
#include "show/naming.h"
#include "show/out.h"
#include "show/table.h"

enum { OPT_JSON, OPT_PROCESS, OPT_NAMING, OPT_END = OPT_NAMING + HT_NAMING_OPTIONS };

static const struct ht_option options[] = {
	[OPT_JSON] = { .name = "json", .says = "one object: every error with its calls, and what could not be judged" },
	[OPT_PROCESS] = HT_OPTION_PROCESS,
	HT_NAMING_AT(OPT_NAMING),
	[OPT_END] = { 0 },
};

static const char *const kind_name[] = {
	[HT_MISUSE_DOUBLE] = "double-free",
	[HT_MISUSE_INSIDE] = "free-inside-block",
	[HT_MISUSE_UNKNOWN] = "free-of-unknown",
	[HT_MISUSE_MISMATCH] = "mismatch",
};

static const struct ht_field error_fields[] = {
	{ .name = "kind" },          { .name = "count" },      { .name = "address" },
	{ .name = "block_address" }, { .name = "block_size" },
};

static const struct ht_field sum_fields[] = {
	{ .name = "errors" },
	{ .name = "judged" },
	{ .name = "unjudged" },
	{ .name = "inverted" },
};

/* ---- JSON -------------------------------------------------------------------------------------------------- */

static void print_json(struct ht_model *t, struct ht_symbols *s, const struct ht_misuses *found)
{
	struct ht_table row = HT_TABLE(error_fields), sums = HT_TABLE(sum_fields);

	ht_table_add(&sums, ht_number(found->errors));
	ht_table_add(&sums, ht_number(found->judged));
	ht_table_add(&sums, ht_number(found->unjudged));
	ht_table_add(&sums, ht_number(found->inverted));
	ht_out_text("{");
	ht_table_json(&sums, 0);
	ht_out_text(",\"places\":[");
	for (size_t i = 0; i < found->list.count; i++) {
		const struct ht_misuse *m = &found->list.at[i];

		ht_table_clear(&row);
		ht_table_add(&row, ht_name(kind_name[m->kind]));
		ht_table_add(&row, ht_number(m->count));
		ht_table_add(&row, ht_hex(m->address));
		ht_table_add(&row, ht_if(m->born.known, ht_hex(m->block_address)));
		ht_table_add(&row, ht_if(m->born.known, ht_number(m->block_size)));
		ht_out_text(i ? ",{" : "{");
		ht_table_json(&row, 0);
		ht_out_text(",\"here\":");
		ht_call_json(t, s, &m->here);
		ht_out_text(",\"handed_out\":");
		ht_call_json(t, s, &m->born);
		ht_out_text(",\"released\":");
		ht_call_json(t, s, &m->before);
		ht_out_text("}");
	}
	ht_out_text("]}\n");
	ht_table_fini(&row);
	ht_table_fini(&sums);
}

/* ---- text -------------------------------------------------------------------------------------------------- */

static void print_title(const struct ht_misuse *m, const struct ht_model *t)
{
	const char *born = m->born.known ? ht_model_function(t, m->born.context) : NULL;
	const char *here = ht_model_function(t, m->here.context);

	switch (m->kind) {
	case HT_MISUSE_DOUBLE:
		ht_outf("double free of 0x%" PRIx64, m->address);
		break;
	case HT_MISUSE_INSIDE:
		ht_outf("free of 0x%" PRIx64 ", which is %" PRIu64 " bytes inside the block 0x%" PRIx64, m->address,
			m->address - m->block_address, m->block_address);
		break;
	case HT_MISUSE_UNKNOWN:
		ht_outf("free of 0x%" PRIx64 ", which is no block that a recorded call handed out", m->address);
		break;
	case HT_MISUSE_MISMATCH:
		ht_outf("mismatch: 0x%" PRIx64 " is from %s, and released by %s", m->address, born ? born : "?",
			here ? here : "?");
		break;
	}
	if (m->count > 1)
		ht_outf(", %" PRIu64 " times", m->count);
	ht_out_text("\n");
}

static void print_call(struct ht_model *t, struct ht_symbols *s, const char *title, const struct ht_moment *m,
		       const char *more)
{
	uint64_t pc;

	ht_outf("  %-12s", title);
	ht_call_text(t, m);
	ht_outf("%s\n", more);
	if (ht_model_caller(t, m->context, &pc))
		ht_call_stack(t, s, m);
	else if (!(t->session.flags & 2))
		ht_out_text("        (from where was not recorded: use record --free-stacks)\n");
}

static void print_text(struct ht_model *t, struct ht_symbols *s, const struct ht_misuses *found)
{
	for (size_t i = 0; i < found->list.count; i++) {
		const struct ht_misuse *m = &found->list.at[i];
		char size[48];

		print_title(m, t);
		snprintf(size, sizeof(size), ", %" PRIu64 " bytes", m->block_size);
		print_call(t, s, "here", &m->here, "");
		if (m->born.known)
			print_call(t, s, "handed out", &m->born, size);
		if (m->before.known)
			print_call(t, s, "released", &m->before, "");
		ht_out_text("\n");
	}
	if (found->errors)
		ht_outf("%" PRIu64 " error%s in %" PRIu64 " releases\n", found->errors, found->errors == 1 ? "" : "s",
			found->judged);
	else
		ht_outf("no errors in %" PRIu64 " releases\n", found->judged);
	if (found->unjudged)
		ht_outf("%" PRIu64 " releases are not judged: calls before them may be missing\n", found->unjudged);
}

static int run(const struct ht_given *given)
{
	struct ht_misuses found = { 0 };
	struct ht_symbols *s = NULL;
	struct ht_model *t;
	struct ht_err err;
	int status = ht_answer_open(given->word[0], given->option[OPT_PROCESS], &t);

	if (status)
		return status;
	if (ht_misuse_find(t, &found, &err) || ht_naming_open(t, given, OPT_NAMING, &s, &err)) {
		status = ht_complain(given->word[0], &err);
	} else {
		if (given->option[OPT_JSON])
			print_json(t, s, &found);
		else
			print_text(t, s, &found);
		ht_naming_warn(given->word[0], s);
		status = ht_answer_status(t);
		if (!status && found.errors)
			status = HT_STATUS_BAD;
	}
	ht_misuse_fini(&found);
	ht_symbols_close(s);
	ht_model_close(t);
	return status;
}

const struct ht_command ht_cmd_errors = {
	.name = "errors",
	.args = "FILE",
	.says = "double frees, frees of what is no block, and mismatched new and delete",
	.options = options,
	.least = 1,
	.most = 1,
	.run = run,
};
