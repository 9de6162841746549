/* SPDX-License-Identifier: Apache-2.0 */
/* budget.c -- figures of each scope, compared with its limits; of those that are exceeded, the places
 *
 *   scope 0                the totals that report shows
 *   scope of a function    sites with that function on their stack: sums of theirs; their peak by parts.c, in one more replay
 */
#include "inspect/budget.h"

#include <stdlib.h>
#include <string.h>

#include "inspect/align.h"
#include "inspect/parts.h"
#include "inspect/ranking.h"
#include "util/quantity.h"

/* One trace, with the figures of every scope. */
struct account {
	struct ht_summary *sum;
	struct ht_part *part;   /* of each scope */
	struct ht_site *figure; /* of each scope: the sums of its sites, `peak` its own */
};

struct trial {
	const struct ht_limits *limits;
	struct account now, before;
	struct ht_alignment aligned; /* with a baseline */
	struct ht_verdict *verdict;
	struct ht_err *err;
};

static int no_memory(struct trial *t)
{
	return ht_err_set(t->err, HT_ESYSTEM, "out of memory for a budget of %zu limits", t->limits->list.count);
}

bool ht_limit_counts(enum ht_limit_kind kind)
{
	return kind == HT_LIMIT_LEAKED_BLOCKS || kind == HT_LIMIT_ALLOCS || kind == HT_LIMIT_TEMPORARY;
}

const char *ht_limit_measured(enum ht_limit_kind of)
{
	static const char *const words[HT_LIMIT_KINDS] = {
		[HT_LIMIT_PEAK] = "peak",           [HT_LIMIT_LEAKED] = "leaked", [HT_LIMIT_LEAKED_BLOCKS] = "leaked",
		[HT_LIMIT_ALLOCATED] = "allocated", [HT_LIMIT_ALLOCS] = "allocs", [HT_LIMIT_TEMPORARY] = "temporary",
	};

	return words[of];
}

const char *ht_limit_unit(enum ht_limit_kind of)
{
	if (of == HT_LIMIT_ALLOCS)
		return "calls";
	return ht_limit_counts(of) ? "blocks" : "bytes";
}

static enum ht_measure measure_of(enum ht_limit_kind kind)
{
	switch (kind) {
	case HT_LIMIT_PEAK:
		return HT_BY_PEAK;
	case HT_LIMIT_ALLOCATED:
		return HT_BY_ALLOCATED;
	case HT_LIMIT_ALLOCS:
		return HT_BY_CALLS;
	case HT_LIMIT_TEMPORARY:
		return HT_BY_TEMPORARY;
	default:
		return HT_BY_LEAKED;
	}
}

/* ---- scopes ------------------------------------------------------------------------------------------------ */

/* The name of a template's instance begins with its return type. */
static bool is_called(const struct ht_place_frame *f, const char *function)
{
	size_t len = strlen(function);
	const char *at = f->function ? strstr(f->function, function) : NULL;

	for (; at; at = strstr(at + 1, function)) {
		bool begins =
			at == f->function || (at[-1] == ' ' && !memchr(f->function, '(', (size_t)(at - f->function)));

		if (begins && (!at[len] || strchr("(<", at[len])))
			return true;
	}
	return false;
}

/* Whether it or one of its callers is the function, for each node: callers have lower numbers. */
static void mark_nodes(const struct ht_places *p, const char *function, bool *within)
{
	for (uint32_t node = HT_STACK_CUTS; node < p->nodes.count; node++)
		within[node] =
			within[p->nodes.at[node].parent] || is_called(&p->frames.at[p->nodes.at[node].frame], function);
}

static int mark_sites(struct trial *t, struct account *a, size_t scope)
{
	const struct ht_places *p = &a->sum->places;
	bool *within = calloc(p->nodes.count, sizeof(*within));

	a->part[scope].has = calloc(a->sum->sites.list.count + 1, sizeof(bool));
	if (!within || !a->part[scope].has) {
		free(within);
		return no_memory(t);
	}
	if (scope != HT_SCOPE_WHOLE)
		mark_nodes(p, t->limits->scopes.at[scope], within);
	for (size_t i = 0; i < a->sum->sites.list.count; i++)
		a->part[scope].has[i] = scope == HT_SCOPE_WHOLE || within[p->site[i]];
	free(within);
	return 0;
}

static void add(struct ht_tally *to, const struct ht_tally *t)
{
	to->bytes += t->bytes;
	to->count += t->count;
}

static void sum_up(const struct ht_sites *sites, const struct ht_part *part, struct ht_site *ret)
{
	for (size_t i = 0; i < sites->list.count; i++) {
		const struct ht_site *s = &sites->list.at[i];

		if (!part->has[i])
			continue;
		add(&ret->allocated, &s->allocated);
		add(&ret->temporary, &s->temporary);
		add(&ret->leaked, &s->leaked);
		add(&ret->peak, &s->peak);
		ret->calls += s->calls;
	}
}

static int take_account(struct trial *t, struct account *a, struct ht_summary *sum)
{
	size_t scopes = t->limits->scopes.count;
	int rc = 0;

	a->sum = sum;
	a->part = calloc(scopes, sizeof(*a->part));
	a->figure = calloc(scopes, sizeof(*a->figure));
	if (!a->part || !a->figure)
		return no_memory(t);
	for (size_t i = 0; !rc && i < scopes; i++)
		rc = mark_sites(t, a, i);
	if (!rc && scopes > 1) /* the whole's peak is known */
		rc = ht_parts_peak(sum->model, &sum->sites, a->part + 1, scopes - 1, t->err);
	for (size_t i = 0; !rc && i < scopes; i++) {
		sum_up(&sum->sites, &a->part[i], &a->figure[i]);
		if (i != HT_SCOPE_WHOLE)
			a->figure[i].peak = a->part[i].peak;
	}
	return rc;
}

static void free_account(struct account *a, size_t scopes)
{
	for (size_t i = 0; a->part && i < scopes; i++)
		ht_part_fini(&a->part[i]);
	free(a->part);
	free(a->figure);
}

/* ---- culprits ---------------------------------------------------------------------------------------------- */

/* What each site has of it, within the scope; NULL: no memory. */
static struct ht_tally *values_of(const struct account *a, enum ht_limit_kind of, size_t scope)
{
	const struct ht_sites *sites = &a->sum->sites;
	const struct ht_part *part = &a->part[scope];
	struct ht_tally *value = calloc(sites->list.count + 1, sizeof(*value));

	for (size_t i = 0; value && i < sites->list.count; i++) {
		if (!part->has[i])
			continue;
		value[i] = of == HT_LIMIT_PEAK && scope != HT_SCOPE_WHOLE
				   ? part->held[i]
				   : ht_measure_of(&sites->list.at[i], measure_of(of));
	}
	return value;
}

static int by_growth(const void *a, const void *b, bool counts)
{
	const struct ht_culprit *x = a, *y = b;
	uint64_t now[2] = { ht_tally_main(&x->value, counts), ht_tally_main(&y->value, counts) };
	uint64_t before[2] = { ht_tally_main(&x->before, counts), ht_tally_main(&y->before, counts) };
	uint64_t grown[2] = { now[0] - before[0], now[1] - before[1] };

	if (grown[0] != grown[1])
		return grown[0] < grown[1] ? 1 : -1;
	return (x->place > y->place) - (x->place < y->place);
}

static int by_grown_bytes(const void *a, const void *b)
{
	return by_growth(a, b, false);
}

static int by_grown_count(const void *a, const void *b)
{
	return by_growth(a, b, true);
}

static int blame_changes(struct ht_finding *f, const struct ht_changes *c)
{
	bool counts = ht_limit_counts(f->of);

	for (size_t i = 0; i < c->list.count; i++) {
		const struct ht_change *change = &c->list.at[i];
		struct ht_culprit *new;

		if (ht_tally_main(&change->value[HT_AFTER], counts) <= ht_tally_main(&change->value[HT_BEFORE], counts))
			continue;
		new = HT_LIST_ADD(&f->culprits);
		if (!new)
			return HT_ESYSTEM;
		*new = (struct ht_culprit){ change->place[HT_AFTER], change->value[HT_AFTER],
					    change->value[HT_BEFORE] };
	}
	if (f->culprits.count)
		qsort(f->culprits.at, f->culprits.count, sizeof(*f->culprits.at),
		      counts ? by_grown_count : by_grown_bytes);
	return 0;
}

/* Without a baseline everything has grown from nothing. */
static int find_culprits(struct trial *t, struct ht_finding *f)
{
	bool growth = f->limit.kind == HT_LIMIT_GROWTH, counts = ht_limit_counts(f->of);
	const struct account *before = growth ? &t->before : &t->now;
	struct ht_tally *value[HT_SIDES] = { values_of(before, f->of, f->limit.scope),
					     values_of(&t->now, f->of, f->limit.scope) };
	struct ht_side side[HT_SIDES] = {
		{ &before->sum->places, value[HT_BEFORE], growth ? before->sum->sites.list.count : 0 },
		{ &t->now.sum->places, value[HT_AFTER], t->now.sum->sites.list.count },
	};
	struct ht_changes changes = { 0 };
	int rc = value[HT_BEFORE] && value[HT_AFTER] ? 0 : no_memory(t);

	if (!rc)
		rc = ht_changes_make(&t->aligned, side, counts, &changes, t->err);
	if (!rc && blame_changes(f, &changes))
		rc = no_memory(t);
	ht_changes_fini(&changes);
	free(value[HT_BEFORE]);
	free(value[HT_AFTER]);
	return rc;
}

/* ---- the verdict ------------------------------------------------------------------------------------------- */

static uint64_t figure_of(const struct ht_site *sums, enum ht_limit_kind of)
{
	struct ht_tally value = ht_measure_of(sums, measure_of(of));

	return ht_tally_main(&value, ht_limit_counts(of));
}

static uint64_t share_of(uint64_t whole, uint64_t share)
{
	unsigned __int128 part = (unsigned __int128)whole * share / HT_SHARE_WHOLE;

	return part > UINT64_MAX ? UINT64_MAX : (uint64_t)part;
}

static int judge(struct trial *t, const struct ht_limit *limit, enum ht_limit_kind of)
{
	const struct ht_site *sums = &t->now.figure[limit->scope];
	struct ht_finding *f = HT_LIST_ADD(&t->verdict->findings);

	if (!f)
		return no_memory(t);
	f->limit = *limit;
	f->of = of;
	f->value = figure_of(sums, of);
	f->allowed = limit->most;
	if (limit->kind == HT_LIMIT_GROWTH) {
		uint64_t more;

		f->before = figure_of(&t->before.figure[limit->scope], of);
		more = share_of(f->before, limit->most);
		f->allowed = more > UINT64_MAX - f->before ? UINT64_MAX : f->before + more;
	} else if (limit->is_share) {
		f->whole = sums->allocated.count;
		f->allowed = share_of(f->whole, limit->most);
	}
	f->exceeded = f->value > f->allowed;
	t->verdict->exceeded += f->exceeded;
	return f->exceeded ? find_culprits(t, f) : 0;
}

static int judge_all(struct trial *t)
{
	static const enum ht_limit_kind may_grow[] = { HT_LIMIT_PEAK, HT_LIMIT_LEAKED, HT_LIMIT_ALLOCATED,
						       HT_LIMIT_ALLOCS };
	int rc = 0;

	for (size_t i = 0; !rc && i < t->limits->list.count; i++) {
		const struct ht_limit *limit = &t->limits->list.at[i];

		if (limit->kind != HT_LIMIT_GROWTH)
			rc = judge(t, limit, limit->kind);
		for (size_t k = 0; !rc && limit->kind == HT_LIMIT_GROWTH && k < sizeof(may_grow) / sizeof(*may_grow);
		     k++)
			rc = judge(t, limit, may_grow[k]);
	}
	return rc;
}

static int note_unseen(struct trial *t)
{
	t->verdict->unseen = calloc(t->limits->scopes.count, sizeof(bool));
	if (!t->verdict->unseen)
		return no_memory(t);
	for (size_t i = HT_SCOPE_WHOLE + 1; i < t->limits->scopes.count; i++)
		t->verdict->unseen[i] = !t->now.figure[i].calls;
	return 0;
}

int ht_budget_judge(const struct ht_limits *limits, struct ht_summary *now, struct ht_summary *before,
		    struct ht_verdict *ret, struct ht_err *err)
{
	struct ht_verdict verdict = { 0 };
	struct trial t = { .limits = limits, .verdict = &verdict, .err = err };
	int rc = take_account(&t, &t.now, now);

	if (!rc && before)
		rc = take_account(&t, &t.before, before);
	if (!rc)
		rc = ht_align(before ? &before->places : &now->places, &now->places, &t.aligned, err);
	if (!rc)
		rc = note_unseen(&t);
	if (!rc)
		rc = judge_all(&t);
	ht_align_fini(&t.aligned);
	free_account(&t.now, limits->scopes.count);
	free_account(&t.before, limits->scopes.count);
	if (rc)
		ht_verdict_fini(&verdict);
	else
		*ret = verdict;
	return rc;
}

void ht_verdict_fini(struct ht_verdict *v)
{
	for (size_t i = 0; i < v->findings.count; i++)
		free(v->findings.at[i].culprits.at);
	free(v->findings.at);
	free(v->unseen);
	*v = (struct ht_verdict){ 0 };
}

const char *ht_budget_resembling(const struct ht_places *p, const char *function)
{
	for (size_t i = 0; i < p->frames.count; i++)
		if (p->frames.at[i].function && strcasestr(p->frames.at[i].function, function))
			return p->frames.at[i].function;
	return NULL;
}
