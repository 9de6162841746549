/* SPDX-License-Identifier: Apache-2.0 */
/* align.c -- folds two trees of places into one tree of names
 *
 *   a place's common node = step(common node of its caller, name of its frame)       callers have lower numbers: one pass
 *
 * Names are kept once, so that equal names are equal addresses.
 */
#include "inspect/align.h"

#include <stdlib.h>
#include <string.h>

struct folding {
	struct ht_alignment *a;
	HT_LIST(const char *) name; /* of each common node; the roots' is NULL */
	struct ht_index by_step;    /* (common caller, name) to common node + 1 */
	struct ht_err *err;
};

static int no_memory(struct ht_err *err)
{
	return ht_err_set(err, HT_ESYSTEM, "out of memory for the places of two traces");
}

/* ---- names ------------------------------------------------------------------------------------------------- */

/* How much of a function's name is its own. */
static size_t own_length(const char *name)
{
	static const char *const hung_on[] = { " [clone", ".part.", ".isra.", ".constprop.", ".cold", ".lto_priv." };
	size_t len = strlen(name);

	for (size_t i = 0; i < sizeof(hung_on) / sizeof(*hung_on); i++) {
		const char *at = strstr(name, hung_on[i]);

		if (at > name && (size_t)(at - name) < len)
			len = (size_t)(at - name);
	}
	return len;
}

static const char *name_of(struct folding *f, const struct ht_place_frame *frame)
{
	const char *slash, *module = frame->module ? frame->module : "?";
	char nameless[256];

	if (frame->function)
		return ht_strings_keep(&f->a->names, (struct ht_str){ frame->function, own_length(frame->function) });
	slash = strrchr(module, '/');
	nameless[0] = '\n'; /* stands in no function's name */
	strncpy(nameless + 1, slash ? slash + 1 : module, sizeof(nameless) - 2);
	nameless[sizeof(nameless) - 1] = 0;
	return ht_strings_keep(&f->a->names, (struct ht_str){ nameless, strlen(nameless) });
}

/* ---- nodes ------------------------------------------------------------------------------------------------- */

static int step(struct folding *f, uint32_t caller, const char *name, uint32_t *ret)
{
	uint32_t *known;
	const char **new;

	if (name[0] == '\n' && f->name.at[caller] == name) {
		*ret = caller;
		return 0;
	}
	known = ht_index_at(&f->by_step, caller, (uint64_t)(uintptr_t)name);
	if (known && *known) {
		*ret = *known - 1;
		return 0;
	}
	new = known ? HT_LIST_ADD(&f->name) : NULL;
	if (!new)
		return no_memory(f->err);
	*new = name;
	*ret = (uint32_t)f->name.count - 1;
	*known = (uint32_t)f->name.count;
	return 0;
}

static int fold_side(struct folding *f, const struct ht_places *p, uint32_t **ret)
{
	uint32_t *to = calloc(p->nodes.count, sizeof(*to));

	*ret = to;
	if (!to)
		return no_memory(f->err);
	for (uint32_t node = 0; node < p->nodes.count; node++) {
		uint32_t caller = to[p->nodes.at[node].parent];
		const char *name;

		if (ht_place_is_root(node)) {
			to[node] = node;
			continue;
		}
		name = name_of(f, &p->frames.at[p->nodes.at[node].frame]);
		if (!name)
			return no_memory(f->err);
		if (!strcmp(name, "main"))
			caller = HT_STACK_WHOLE;
		if (step(f, caller, name, &to[node]))
			return HT_ESYSTEM;
	}
	return 0;
}

int ht_align(const struct ht_places *before, const struct ht_places *after, struct ht_alignment *ret,
	     struct ht_err *err)
{
	struct ht_alignment a = { 0 };
	struct folding f = { .a = &a, .err = err };
	int rc = 0;

	for (int root = 0; !rc && root < HT_STACK_CUTS; root++) {
		const char **nameless = HT_LIST_ADD(&f.name);

		rc = nameless ? 0 : no_memory(err);
	}
	if (!rc)
		rc = fold_side(&f, before, &a.node[HT_BEFORE]);
	if (!rc)
		rc = fold_side(&f, after, &a.node[HT_AFTER]);
	a.nodes = f.name.count;
	free(f.name.at);
	ht_index_fini(&f.by_step);
	if (rc)
		ht_align_fini(&a);
	else
		*ret = a;
	return rc;
}

void ht_align_fini(struct ht_alignment *a)
{
	free(a->node[HT_BEFORE]);
	free(a->node[HT_AFTER]);
	ht_strings_fini(&a->names);
	*a = (struct ht_alignment){ 0 };
}

/* ---- changes ----------------------------------------------------------------------------------------------- */

static uint64_t distance(uint64_t x, uint64_t y)
{
	return x > y ? x - y : y - x;
}

static int descending(uint64_t x, uint64_t y)
{
	return (x < y) - (x > y);
}

static int compare(const void *a, const void *b, bool by_count)
{
	const struct ht_change *x = a, *y = b;
	const struct ht_tally *p = x->value, *q = y->value;
	int bytes = descending(distance(p[0].bytes, p[1].bytes), distance(q[0].bytes, q[1].bytes));
	int count = descending(distance(p[0].count, p[1].count), distance(q[0].count, q[1].count));

	if (by_count ? count : bytes)
		return by_count ? count : bytes;
	if (by_count ? bytes : count)
		return by_count ? bytes : count;
	if (x->place[HT_AFTER] != y->place[HT_AFTER])
		return descending(y->place[HT_AFTER], x->place[HT_AFTER]);
	return descending(y->place[HT_BEFORE], x->place[HT_BEFORE]);
}

static int by_bytes(const void *a, const void *b)
{
	return compare(a, b, false);
}

static int by_blocks(const void *a, const void *b)
{
	return compare(a, b, true);
}

/* Adds the sites of one side up by common node, and notes which of its own places has most. */
static int add_side(const struct ht_side *s, const uint32_t *to, int which, struct ht_change *at, bool by_count)
{
	struct ht_tally *of = calloc(s->places->nodes.count, sizeof(*of));

	if (!of)
		return HT_ESYSTEM;
	for (size_t i = 0; i < s->sites; i++) {
		of[s->places->site[i]].bytes += s->value[i].bytes;
		of[s->places->site[i]].count += s->value[i].count;
	}
	for (uint32_t node = 0; node < s->places->nodes.count; node++) {
		struct ht_change *c = &at[to[node]];
		uint32_t best = c->place[which];

		if (!of[node].count && !of[node].bytes)
			continue;
		c->value[which].bytes += of[node].bytes;
		c->value[which].count += of[node].count;
		if (best == HT_NO_PLACE || ht_tally_main(&of[node], by_count) > ht_tally_main(&of[best], by_count))
			c->place[which] = node;
	}
	free(of);
	return 0;
}

static int list_changes(const struct ht_change *at, size_t nodes, bool by_count, struct ht_changes *ret)
{
	for (size_t i = 0; i < nodes; i++) {
		const struct ht_tally *v = at[i].value;
		struct ht_change *new;

		for (int side = 0; side < HT_SIDES; side++) {
			ret->whole[side].bytes += v[side].bytes;
			ret->whole[side].count += v[side].count;
		}
		if (ht_tally_main(&v[0], by_count) == ht_tally_main(&v[1], by_count)) {
			ret->equal += v[0].count || v[1].count;
			continue;
		}
		new = HT_LIST_ADD(&ret->list);
		if (!new)
			return HT_ESYSTEM;
		*new = at[i];
	}
	return 0;
}

int ht_changes_make(const struct ht_alignment *a, const struct ht_side side[HT_SIDES], bool by_count,
		    struct ht_changes *ret, struct ht_err *err)
{
	struct ht_change *at = calloc(a->nodes, sizeof(*at));
	struct ht_changes c = { 0 };
	int rc = at ? 0 : HT_ESYSTEM;

	for (size_t i = 0; !rc && i < a->nodes; i++)
		at[i].place[HT_BEFORE] = at[i].place[HT_AFTER] = HT_NO_PLACE;
	for (int which = 0; !rc && which < HT_SIDES; which++)
		rc = add_side(&side[which], a->node[which], which, at, by_count);
	if (!rc)
		rc = list_changes(at, a->nodes, by_count, &c);
	free(at);
	if (rc) {
		ht_changes_fini(&c);
		return no_memory(err);
	}
	if (c.list.count)
		qsort(c.list.at, c.list.count, sizeof(*c.list.at), by_count ? by_blocks : by_bytes);
	*ret = c;
	return 0;
}

void ht_changes_fini(struct ht_changes *c)
{
	free(c->list.at);
	*c = (struct ht_changes){ 0 };
}
