/* SPDX-License-Identifier: Apache-2.0 */
/* groupings.c -- says what a group is called
 *
 * groupings.h has a picture. Names are a stranger's: they are escaped.
 */
#include "show/groupings.h"

#include <inttypes.h>
#include <stdio.h>

#include "show/figures.h"
#include "show/out.h"
#include "show/stacks.h"
#include "show/table.h"

#define NAME_AT 33 /* column */

static const struct ht_field function_fields[] = { { .name = "function" }, { .name = "module" } };
static const struct ht_field library_fields[] = { { .name = "module" } };
static const struct ht_field thread_fields[] = { { .name = "thread" }, { .name = "name" } };
static const struct ht_field size_fields[] = { { .name = "from_bytes" }, { .name = "to_bytes" } };
static const struct ht_field allocator_fields[] = { { .name = "function" } };

/* NULL: no caller is known. */
static const struct ht_place_frame *frame_of(const struct ht_groupings *g, uint32_t group)
{
	uint32_t node = g->groups->list.at[group].node;

	return ht_place_is_root(node) ? NULL : &g->places->frames.at[g->places->nodes.at[node].frame];
}

/* A frame without its line: the group is the whole function, or the whole library. */
static void put_frame(const struct ht_place_frame *f, enum ht_grouping by)
{
	struct ht_place_frame shown = { .module = f ? f->module : NULL };

	if (!f) {
		ht_out_text("(caller unknown)\n");
		return;
	}
	if (by == HT_GROUP_FUNCTION) {
		shown.function = f->function;
		shown.offset = f->offset;
	} else {
		shown.function = f->module ? f->module : "(unknown)";
		shown.module = NULL;
	}
	ht_stacks_frame(&shown, NAME_AT);
}

static void put_name(const struct ht_groupings *g, uint32_t group)
{
	uint32_t number = g->groups->list.at[group].number;
	char from[HT_FIGURE_BYTES], to[HT_FIGURE_BYTES];
	uint64_t least, most;

	switch (g->group) {
	case HT_GROUP_THREAD: {
		const struct ht_stream *s = &g->model->streams.at[number];

		ht_outf(s->name.len ? "%" PRIu64 " (" : "%" PRIu64, s->number);
		ht_out_escaped(s->name.at, s->name.len);
		ht_out_text(s->name.len ? ")\n" : "\n");
		break;
	}
	case HT_GROUP_SIZE:
		ht_sites_size_bounds(number, &least, &most);
		ht_figure_bytes(to, most);
		if (number < 2)
			ht_outf("%s\n", to);
		else
			ht_outf("above %s, up to %s\n", ht_figure_bytes(from, least - 1), to);
		break;
	case HT_GROUP_ALLOCATOR:
		ht_outf("%s\n", number ? ht_function_name(number) : "(unknown)");
		break;
	default:
		put_frame(frame_of(g, group), g->group);
		break;
	}
}

void ht_groupings_text(const struct ht_groupings *g, size_t shown)
{
	char bytes[HT_FIGURE_BYTES], share[HT_FIGURE_BYTES];
	const struct ht_amount *whole = &g->ranking->whole;
	bool counts = ht_measure_counts(g->by);

	ht_outf("\n%12s %8s %9s\n", "bytes", "share", g->by == HT_BY_CALLS ? "calls" : "blocks");
	for (size_t i = 0; i < shown && !ht_out_failed(); i++) {
		const struct ht_ranked *r = &g->ranking->list.at[i];

		ht_figure_part(share, counts ? r->value.count : r->value.bytes, counts ? whole->count : whole->bytes);
		ht_outf("%12s %8s %9" PRId64 "  ", ht_figure_signed_bytes(bytes, r->value.bytes), share,
			r->value.count);
		put_name(g, r->group);
	}
	if (shown < g->ranking->list.count)
		ht_outf("%32s and %zu more (-n 0 shows all)\n", "", g->ranking->list.count - shown);
}

/* ---- JSON -------------------------------------------------------------------------------------------------- */

static void put_fields(const struct ht_field *field, size_t fields, struct ht_value first, struct ht_value second)
{
	struct ht_table t = { .field = field, .fields = fields };

	ht_table_add(&t, first);
	if (fields > 1)
		ht_table_add(&t, second);
	ht_table_json(&t, 0);
	ht_table_fini(&t);
}

void ht_groupings_json(const struct ht_groupings *g, uint32_t group)
{
	uint32_t number = g->groups->list.at[group].number;
	const struct ht_place_frame *f = frame_of(g, group);
	uint64_t least, most;

	switch (g->group) {
	case HT_GROUP_STACK:
		ht_out_text("\"stack\":");
		ht_stacks_json(g->places, g->groups->list.at[group].node);
		break;
	case HT_GROUP_FUNCTION:
		put_fields(function_fields, 2, ht_name(f ? f->function : NULL), ht_name(f ? f->module : NULL));
		break;
	case HT_GROUP_LIBRARY:
		put_fields(library_fields, 1, ht_name(f ? f->module : NULL), ht_null());
		break;
	case HT_GROUP_THREAD:
		put_fields(thread_fields, 2, ht_number(g->model->streams.at[number].number),
			   ht_string(g->model->streams.at[number].name));
		break;
	case HT_GROUP_SIZE:
		ht_sites_size_bounds(number, &least, &most);
		put_fields(size_fields, 2, ht_number(least), ht_number(most));
		break;
	default:
		put_fields(allocator_fields, 1, ht_name(number ? ht_function_name(number) : NULL), ht_null());
		break;
	}
}
