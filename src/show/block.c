/* SPDX-License-Identifier: Apache-2.0 */
/* block.c -- `heaptap block FILE ADDRESS|EVENT`: the story of an address, or of one block
 *
 * inspect/story.h says what is told. A lifetime is printed as soon as it ends; nothing is kept.
 *
 *   24 bytes at 0x55d0c2a0, event 17, for 0.000012000 s
 *     handed out  0.000123456 s  thread 1 (main)  malloc
 *           fill                                        prog.c:31
 *           main                                        prog.c:77
 *     freed       0.000135456 s  thread 2 (pool)  free; from where was not recorded: use record --free-stacks
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/story.h"
#include "show/answer.h"
#include "show/call.h"
#include "show/command.h"
#include "show/naming.h"
#include "show/out.h"
#include "show/table.h"

enum { OPT_JSON, OPT_PROCESS, OPT_NAMING, OPT_END = OPT_NAMING + HT_NAMING_OPTIONS };

static const struct ht_option options[] = {
	[OPT_JSON] = { .name = "json", .says = "one object: every lifetime with its calls" },
	[OPT_PROCESS] = HT_OPTION_PROCESS,
	HT_NAMING_AT(OPT_NAMING),
	[OPT_END] = { 0 },
};

static const char *const end_name[] = {
	[HT_LIFE_FREED] = "freed", [HT_LIFE_MOVED] = "moved",         [HT_LIFE_KEPT] = "kept",
	[HT_LIFE_EXEC] = "exec",   [HT_LIFE_FORGOTTEN] = "forgotten",
};

static const struct ht_field life_fields[] = {
	{ .name = "event" }, { .name = "address" }, { .name = "size" },     { .name = "from" },
	{ .name = "end" },   { .name = "to" },      { .name = "lived_ns" },
};

struct teller {
	struct ht_model *model;
	struct ht_symbols *symbols;
	struct ht_table row;
	bool free_stacks;
	uint64_t told;
};

/* A reader of stdout that went away ends the replay. */
static int go_on(struct ht_err *err)
{
	return ht_out_failed() ? ht_err_set(err, HT_ESYSTEM, "standard output is closed") : 0;
}

static bool has_ended(const struct ht_lifetime *l)
{
	return l->end == HT_LIFE_FREED || l->end == HT_LIFE_MOVED;
}

static uint64_t lived_ns(struct ht_model *t, const struct ht_lifetime *l)
{
	uint64_t from = ht_clock_time_ns(&t->clock, l->born.ticks), to = ht_clock_time_ns(&t->clock, l->ended.ticks);

	return to > from ? to - from : 0;
}

/* ---- JSON -------------------------------------------------------------------------------------------------- */

static int print_json(void *state, const struct ht_lifetime *l, struct ht_err *err)
{
	struct teller *p = state;
	struct ht_table *t = &p->row;

	ht_table_clear(t);
	ht_table_add(t, ht_number(l->event));
	ht_table_add(t, ht_hex(l->address));
	ht_table_add(t, ht_number(l->size));
	ht_table_add(t, ht_if(l->has_from, ht_hex(l->from_address)));
	ht_table_add(t, ht_name(end_name[l->end]));
	ht_table_add(t, ht_if(l->end == HT_LIFE_MOVED, ht_hex(l->to_address)));
	ht_table_add(t, ht_if(has_ended(l), ht_number(has_ended(l) ? lived_ns(p->model, l) : 0)));
	ht_out_text(p->told++ ? ",{" : "{");
	ht_table_json(t, 0);
	ht_out_text(",\"handed_out\":");
	ht_call_json(p->model, p->symbols, &l->born);
	ht_out_text(",\"ended\":");
	ht_call_json(p->model, p->symbols, &l->ended);
	ht_out_text("}");
	return go_on(err);
}

/* ---- text -------------------------------------------------------------------------------------------------- */

static void print_birth(struct teller *p, const struct ht_lifetime *l)
{
	ht_out_text(l->made_by == HT_EVENT_EXISTING ? "  existed     " : "  handed out  ");
	ht_call_text(p->model, &l->born);
	if (l->has_from)
		ht_outf(", was 0x%" PRIx64, l->from_address);
	ht_out_text("\n");
	ht_call_stack(p->model, p->symbols, &l->born);
}

static void print_end(struct teller *p, const struct ht_lifetime *l)
{
	uint64_t pc;
	bool has_caller = ht_model_caller(p->model, l->ended.context, &pc);

	switch (l->end) {
	case HT_LIFE_FREED:
	case HT_LIFE_MOVED:
		ht_outf("  %-12s", end_name[l->end]);
		ht_call_text(p->model, &l->ended);
		if (l->end == HT_LIFE_MOVED)
			ht_outf(", to 0x%" PRIx64, l->to_address);
		else if (!p->free_stacks && !has_caller)
			ht_out_text("; from where was not recorded: use record --free-stacks");
		ht_out_text("\n");
		if (has_caller)
			ht_call_stack(p->model, p->symbols, &l->ended);
		break;
	case HT_LIFE_KEPT:
		ht_out_text("  never freed\n");
		break;
	case HT_LIFE_EXEC:
		ht_out_text("  gone when the program was replaced by another (exec)\n");
		break;
	case HT_LIFE_FORGOTTEN:
		ht_out_text("  its end is not in the trace: the address was handed out again\n");
		break;
	}
}

static int print_text(void *state, const struct ht_lifetime *l, struct ht_err *err)
{
	struct teller *p = state;
	uint64_t ns;

	if (p->told++)
		ht_out_text("\n");
	ht_outf("%" PRIu64 " byte%s at 0x%" PRIx64 ", event %" PRIu64, l->size, l->size == 1 ? "" : "s", l->address,
		l->event);
	if (has_ended(l)) {
		ns = lived_ns(p->model, l);
		ht_outf(", for %" PRIu64 ".%09" PRIu64 " s", ns / 1000000000, ns % 1000000000);
	}
	ht_out_text("\n");
	print_birth(p, l);
	print_end(p, l);
	return go_on(err);
}

static void print_none(const char *word, const struct ht_story *s, bool by_address)
{
	if (!by_address) {
		ht_outf("event %s neither makes nor releases a block\n", word);
		return;
	}
	ht_outf("no recorded block ever held %s\n", word);
	if (s->has_below)
		ht_outf("  the nearest below: %" PRIu64 " bytes at 0x%" PRIx64 "\n", s->below_size, s->below);
	if (s->has_above)
		ht_outf("  the nearest above: 0x%" PRIx64 "\n", s->above);
}

/* ---- the command ------------------------------------------------------------------------------------------- */

static int parse(const char *word, bool *is_address, uint64_t *ret, struct ht_err *err)
{
	char *end;

	*is_address = !strncmp(word, "0x", 2);
	*ret = strtoull(word, &end, *is_address ? 16 : 10);
	if (*end || word[0] < '0' || word[0] > '9' || (*is_address && !word[2]) || strlen(word) > 19 ||
	    (!*is_address && !*ret))
		return ht_err_set(err, HT_EUSAGE,
				  "neither an address, as 0x55d0c2a0, nor the number of an event, as 17");
	return 0;
}

/* 0; or a code, after what could be told. */
static int tell(struct teller *p, const struct ht_given *given, uint64_t number, bool by_address, struct ht_err *err)
{
	bool json = given->option[OPT_JSON];
	struct ht_listener to = { json ? print_json : print_text, p };
	struct ht_story story;
	int rc = ht_naming_open(p->model, given, OPT_NAMING, &p->symbols, err);

	if (rc)
		return rc;
	p->free_stacks = p->model->session.flags & 2;
	if (json)
		ht_outf("{\"free_stacks\":%s,\"lifetimes\":[", p->free_stacks ? "true" : "false");
	rc = by_address ? ht_story_of_address(p->model, number, &to, &story, err)
			: ht_story_of_event(p->model, number, &to, &story, err);
	if (!rc && json)
		ht_out_text("]}\n");
	else if (!rc && !story.lifetimes)
		print_none(given->word[1], &story, by_address);
	ht_naming_warn(given->word[0], p->symbols);
	return rc;
}

static int run(const struct ht_given *given)
{
	struct teller p = { .row = HT_TABLE(life_fields) };
	struct ht_err err;
	uint64_t number;
	bool by_address;
	int status;

	if (parse(given->word[1], &by_address, &number, &err))
		return ht_complain(given->word[1], &err);
	status = ht_answer_open(given->word[0], given->option[OPT_PROCESS], &p.model);
	if (status)
		return status;
	status = ht_answer_status(p.model);
	if (tell(&p, given, number, by_address, &err) && !ht_out_failed())
		status = ht_complain(given->word[1], &err);
	else if (!status && !p.told)
		status = HT_STATUS_BAD;
	ht_table_fini(&p.row);
	ht_symbols_close(p.symbols);
	ht_model_close(p.model);
	return status;
}

const struct ht_command ht_cmd_block = {
	.name = "block",
	.args = "FILE ADDRESS|EVENT",
	.says = "the story of one address, or of the block of one event",
	.options = options,
	.least = 2,
	.most = 2,
	.run = run,
};
