/* SPDX-License-Identifier: Apache-2.0 */
/* asked.c -- questions about places, in the words of heaptap-report(1)
 *
 *   struct heaptap_question ──► inspect/question.h ──► summary, groups, ranking ──► one place after another
 *
 * An answer holds its trace: the names in it are the symbols'.
 */
#include <stdlib.h>

#include "api/asked.h"

struct heaptap_places {
	struct heaptap_trace *trace;
	struct ht_question question;
	struct ht_summary sum;
	struct ht_groups groups;
	struct ht_ranking ranking;
	struct heaptap_totals totals;
	struct heaptap_place place; /* the one that was asked for last */
	struct ht_frames frames;
	char nothing[1024];
	bool has_nothing;
};

static int read_filter(const struct heaptap_trace *t, const struct heaptap_question *q, struct ht_filter *f,
		       struct ht_err *err)
{
	const char *const word[HT_FILTER_WORDS] = {
		[HT_FILTER_THREAD] = q->thread,
		[HT_FILTER_MIN_SIZE] = q->min_size,
		[HT_FILTER_MAX_SIZE] = q->max_size,
		[HT_FILTER_STACK] = q->stack,
		[HT_FILTER_MODULE] = q->module,
		[HT_FILTER_MIN_LIFETIME] = q->min_lifetime,
		[HT_FILTER_MAX_LIFETIME] = q->max_lifetime,
		[HT_FILTER_FROM] = q->from || q->at ? q->from : t->from,
		[HT_FILTER_TO] = q->to || q->at ? q->to : t->to,
		[HT_FILTER_AT] = q->at,
	};
	int rc = 0;

	for (int w = 0; !rc && w < HT_FILTER_WORDS; w++)
		if (word[w])
			rc = ht_filter_set(f, (enum ht_filter_word)w, word[w], err);
	return rc;
}

int ht_asked_read(const struct heaptap_trace *t, const struct heaptap_question *question, struct ht_question *q,
		  struct ht_err *err)
{
	struct heaptap_question given, *from = &given;
	int rc = ht_handle_read(&given, sizeof(given), question, err);

	ht_filter_init(&q->filter);
	if (!rc)
		rc = read_filter(t, from, &q->filter, err);
	q->tail_cut = from->tail_cut;
	if (!rc && from->by)
		rc = ht_question_measure(from->by, &q->by, err);
	if (!rc && from->group)
		rc = ht_question_grouping(from->group, &q->group, err);
	if (!rc && from->temporary)
		rc = ht_question_temporary(from->temporary, &q->sums.temporary_ns, err);
	if (!rc && from->suppressions)
		rc = ht_suppress_read(from->suppressions, &q->suppressions, err);
	if (!rc)
		rc = ht_question_settle(q, from->by, err);
	if (rc || !t->is_window)
		return rc;
	if (q->filter.from_ns < t->from_ns || q->filter.to_ns > t->to_ns)
		return ht_err_set(err, HT_EUSAGE, "the trace was opened for a window, and this is about another part");
	if (t->to && !q->stops)
		return ht_err_set(err, HT_EUSAGE, "the trace was opened for a window, and only its end tells this");
	return 0;
}

static struct heaptap_tally tally_of(struct ht_tally t)
{
	return (struct heaptap_tally){ t.bytes, t.count };
}

static void tell_totals(struct heaptap_places *p)
{
	const struct ht_totals *t = &p->sum.sites.totals;
	const struct ht_tally *nature = t->nature;
	struct ht_tally live = { nature[HT_AIFO].bytes + nature[HT_AOFO].bytes,
				 nature[HT_AIFO].count + nature[HT_AOFO].count };
	bool has_peak = !ht_filter_restricts_life(&p->question.filter);

	p->totals = (struct heaptap_totals){
		.allocated = tally_of(t->allocated),
		.temporary = tally_of(t->temporary),
		.aifo = tally_of(nature[HT_AIFO]),
		.aifi = tally_of(nature[HT_AIFI]),
		.aofi = tally_of(nature[HT_AOFI]),
		.aofo = tally_of(nature[HT_AOFO]),
		.live = tally_of(live),
		.knows_leaks = !p->question.stops,
		.calls = t->calls,
		.reallocs = t->reallocs,
		.frees = t->frees,
		.failed = t->failed,
		.lost_calls = ht_summary_lost(&p->sum),
		.broken = ht_model_broken(p->trace->model),
	};
	if (has_peak) {
		p->totals.peak = tally_of(t->peak);
		p->totals.peak_ns = ht_clock_time_ns(&p->trace->model->clock, t->peak_ticks);
	}
	if (!p->totals.knows_leaks)
		return;
	p->totals.leaked = tally_of(t->leaked);
	p->totals.runtime = tally_of(t->runtime);
	p->totals.suppressed = tally_of(t->suppressed);
	p->totals.late = tally_of(t->late);
}

static int answer(struct heaptap_places *p, const struct heaptap_question *question, struct ht_err *err)
{
	struct ht_question *q = &p->question;
	int rc = ht_asked_read(p->trace, question, q, err);

	if (!rc)
		rc = ht_question_sum(q, p->trace->model, p->trace->symbols, &p->sum, err);
	if (!rc)
		rc = ht_groups_make(p->trace->model, &p->sum.sites, &p->sum.places, q->group, &p->groups, err);
	if (!rc)
		rc = ht_ranking_make(&p->sum.sites, &p->groups, q->by, &p->ranking, err);
	if (rc)
		return rc;
	tell_totals(p);
	p->has_nothing = ht_filter_why_nothing(&q->filter, p->nothing, sizeof(p->nothing));
	return 0;
}

int heaptap_places(struct heaptap_trace *trace, const struct heaptap_question *question, struct heaptap_places **ret,
		   struct heaptap_error *error)
{
	int rc = ht_handle_begin(trace, error);
	struct heaptap_places *p;
	struct ht_err err;

	if (rc)
		return rc;
	p = calloc(1, sizeof(*p));
	if (!p) {
		ht_err_set(&err, HT_ESYSTEM, "out of memory for an answer");
		return ht_handle_fail(error, &err);
	}
	p->trace = ht_handle_hold(trace);
	rc = answer(p, question, &err);
	if (rc) {
		heaptap_places_release(&p);
		return ht_handle_fail(error, &err);
	}
	*ret = p;
	return 0;
}

void heaptap_places_release(struct heaptap_places **places)
{
	struct heaptap_places *p = places ? *places : NULL;

	if (!p)
		return;
	ht_frames_fini(&p->frames);
	ht_ranking_fini(&p->ranking);
	ht_groups_fini(&p->groups);
	ht_summary_fini(&p->sum);
	ht_question_fini(&p->question);
	ht_handle_drop(p->trace);
	free(p);
	*places = NULL;
}

const struct heaptap_totals *heaptap_places_totals(const struct heaptap_places *places)
{
	return places ? &places->totals : NULL;
}

const char *heaptap_places_nothing(const struct heaptap_places *places)
{
	return places && places->has_nothing ? places->nothing : NULL;
}

size_t heaptap_places_count(const struct heaptap_places *places)
{
	return places ? places->ranking.list.count : 0;
}

/* What a group that is no stack is called. */
static void name(struct heaptap_places *p, const struct ht_group *g)
{
	const struct heaptap_frame *f = p->frames.count ? p->frames.at[0] : NULL;
	struct heaptap_place *to = &p->place;

	switch (p->question.group) {
	case HT_GROUP_FUNCTION:
		to->name = f ? f->function : NULL;
		break;
	case HT_GROUP_LIBRARY:
		to->name = f ? f->module : NULL;
		break;
	case HT_GROUP_THREAD:
		to->thread = p->sum.model->streams.at[g->number].number;
		to->name = ht_handle_keep(p->trace, p->sum.model->streams.at[g->number].name);
		break;
	case HT_GROUP_SIZE:
		ht_sites_size_bounds(g->number, &to->least, &to->most);
		break;
	case HT_GROUP_ALLOCATOR:
		to->name = g->number ? ht_function_name(g->number) : NULL;
		break;
	default:
		break;
	}
}

const struct heaptap_place *heaptap_places_get(struct heaptap_places *places, size_t i)
{
	enum ht_grouping by;
	const struct ht_ranked *r;
	const struct ht_group *g;
	struct ht_err err;

	if (!places || i >= places->ranking.list.count)
		return NULL;
	by = places->question.group;
	r = &places->ranking.list.at[i];
	g = &places->groups.list.at[r->group];
	places->place = (struct heaptap_place){ .bytes = r->value.bytes, .count = r->value.count };
	places->frames.count = 0;
	if (by == HT_GROUP_STACK || by == HT_GROUP_FUNCTION || by == HT_GROUP_LIBRARY) {
		if (ht_frames_take(&places->frames, &places->sum.places, g->node, by == HT_GROUP_STACK ? SIZE_MAX : 1,
				   &err))
			return NULL;
		places->place.frame = places->frames.at;
		places->place.frames = places->frames.count;
		places->place.cut = by == HT_GROUP_STACK ? places->frames.cut : NULL;
	}
	name(places, g);
	return &places->place;
}
