/* SPDX-License-Identifier: Apache-2.0 */
/* call.c -- prints a moment
 *
 * call.h has the forms. A name of a thread is a stranger's string. If memory runs out for a stack, the answer goes on without it.
 */
#include "show/call.h"

#include <inttypes.h>

#include "show/out.h"
#include "show/stacks.h"
#include "show/table.h"

#define FRAMES_SHOWN 12

static const struct ht_field fields[] = {
	{ .name = "time_ns" },
	{ .name = "thread" },
	{ .name = "function" },
	{ .name = "caller" },
};

void ht_call_text(struct ht_model *t, const struct ht_moment *m)
{
	uint64_t ns = ht_clock_time_ns(&t->clock, m->ticks);
	const char *function = ht_model_function(t, m->context);

	ht_outf("%" PRIu64 ".%09" PRIu64 " s  thread %" PRIu64, ns / 1000000000, ns % 1000000000, m->stream->number);
	if (m->stream->name.len) {
		ht_out_text(" (");
		ht_out_escaped(m->stream->name.at, m->stream->name.len);
		ht_out_text(")");
	}
	ht_outf("  %s", function ? function : "?");
}

void ht_call_stack(struct ht_model *t, struct ht_symbols *s, const struct ht_moment *m)
{
	struct ht_places places;
	struct ht_err err;
	uint64_t pc;

	if (!ht_model_caller(t, m->context, &pc) || ht_moment_place(t, s, m, &places, &err))
		return;
	ht_stacks_text(&places, places.site[0], FRAMES_SHOWN);
	ht_places_fini(&places);
}

void ht_call_json(struct ht_model *t, struct ht_symbols *s, const struct ht_moment *m)
{
	struct ht_table row = HT_TABLE(fields);
	struct ht_places places;
	struct ht_err err;
	uint64_t pc = 0;
	bool has_caller;

	if (!m->known) {
		ht_out_text("null");
		return;
	}
	has_caller = ht_model_caller(t, m->context, &pc);
	ht_table_add(&row, ht_number(ht_clock_time_ns(&t->clock, m->ticks)));
	ht_table_add(&row, ht_number(m->stream->number));
	ht_table_add(&row, ht_name(ht_model_function(t, m->context)));
	ht_table_add(&row, ht_if(has_caller, ht_hex(pc)));
	ht_out_text("{");
	ht_table_json(&row, 0);
	ht_out_text(",\"stack\":");
	if (!ht_moment_place(t, s, m, &places, &err)) {
		ht_stacks_json(&places, places.site[0]);
		ht_places_fini(&places);
	} else {
		ht_out_text("null");
	}
	ht_out_text("}");
	ht_table_fini(&row);
}
