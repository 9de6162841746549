/* SPDX-License-Identifier: Apache-2.0 */
/* judged.c -- a trace judged by a budget, in the words of heaptap-budget(1)
 *
 *   struct heaptap_limits ──► inspect/limits.h ──┐
 *   the sums of the trace, and of the baseline ──┴──► inspect/budget.h ──► one finding after another, each with its culprits
 *
 * A verdict holds its traces, and the limits: the names in its findings are theirs.
 */
#include <stdlib.h>

#include "api/asked.h"
#include "inspect/account.h"
#include "inspect/budget.h"

enum { NOW, BASELINE, SIDES };

struct heaptap_verdict {
	struct heaptap_trace *trace[SIDES]; /* that of the baseline is NULL if there is none */
	struct ht_summary sum[SIDES];
	struct ht_limits limits;
	struct ht_verdict verdict;
	struct heaptap_verdict_sums sums;
	struct heaptap_finding finding; /* those that were asked for last */
	struct heaptap_culprit culprit;
	struct ht_frames frames;
};

static int read_file(struct ht_limits *l, const char *path, struct ht_err *err)
{
	int rc = ht_limits_read(l, path, err);

	return rc ? ht_err_set(err, rc, "%s: %s", path, err->text) : 0;
}

static int read_limits(struct heaptap_verdict *v, const struct heaptap_limits *given, struct ht_err *err)
{
	struct ht_limits *l = &v->limits;
	struct heaptap_limits from;
	const char *word[HT_LIMIT_KINDS];
	int rc = ht_handle_read(&from, sizeof(from), given, err);

	if (!rc)
		rc = ht_limits_init(l, err);
	if (!rc && from.budget)
		rc = read_file(l, from.budget, err);
	if (rc)
		return rc;
	word[HT_LIMIT_PEAK] = from.max_peak;
	word[HT_LIMIT_LEAKED] = from.max_leaked;
	word[HT_LIMIT_LEAKED_BLOCKS] = from.max_leaked_blocks;
	word[HT_LIMIT_ALLOCATED] = from.max_allocated;
	word[HT_LIMIT_ALLOCS] = from.max_allocs;
	word[HT_LIMIT_TEMPORARY] = from.max_temporary;
	word[HT_LIMIT_GROWTH] = from.max_growth;
	if (!from.in || !*from.in)
		rc = ht_limits_take(l, NULL, word, err);
	for (; !rc && from.in && *from.in; from.in++)
		rc = ht_limits_take(l, *from.in, word, err);
	if (!rc && l->baseline && !v->trace[BASELINE])
		return ht_err_set(err, HT_EUSAGE, "the budget compares with %s: open it, and give it as the baseline",
				  l->baseline);
	if (v->trace[BASELINE])
		l->baseline = "the trace that was given";
	return rc ? rc : ht_limits_check(l, err);
}

static int sum_up(struct heaptap_verdict *v, int side, struct ht_err *err)
{
	struct heaptap_trace *t = v->trace[side];
	struct ht_question all = { 0 };
	struct ht_account account;
	int rc = ht_asked_read(t, NULL, &all, err);

	if (!rc)
		rc = ht_question_sum(&all, t->model, t->symbols, &v->sum[side], err);
	ht_question_fini(&all);
	if (!rc)
		rc = ht_account_close(t->model, &v->sum[side].sites.history, &account, err);
	if (rc)
		return rc;
	v->sums.complete = v->sums.complete && account.complete;
	ht_account_fini(&account);
	return 0;
}

static int judge(struct heaptap_verdict *v, const struct heaptap_limits *limits, struct ht_err *err)
{
	int rc = read_limits(v, limits, err);

	v->sums.complete = 1;
	for (int side = 0; !rc && side < SIDES; side++)
		if (v->trace[side])
			rc = sum_up(v, side, err);
	if (!rc)
		rc = ht_budget_judge(&v->limits, &v->sum[NOW], v->trace[BASELINE] ? &v->sum[BASELINE] : NULL,
				     &v->verdict, err);
	v->sums.findings = v->verdict.findings.count;
	v->sums.exceeded = v->verdict.exceeded;
	return rc;
}

int heaptap_verdict(struct heaptap_trace *trace, struct heaptap_trace *baseline, const struct heaptap_limits *limits,
		    struct heaptap_verdict **ret, struct heaptap_error *error)
{
	int rc = ht_handle_begin_whole(trace, error);
	struct heaptap_verdict *v;
	struct ht_err err;

	if (!rc && baseline)
		rc = ht_handle_begin_whole(baseline, error);
	if (rc)
		return rc;
	v = calloc(1, sizeof(*v));
	if (!v) {
		ht_err_set(&err, HT_ESYSTEM, "out of memory for an answer");
		return ht_handle_fail(error, &err);
	}
	v->trace[NOW] = ht_handle_hold(trace);
	if (baseline)
		v->trace[BASELINE] = ht_handle_hold(baseline);
	if (judge(v, limits, &err)) {
		heaptap_verdict_release(&v);
		return ht_handle_fail(error, &err);
	}
	*ret = v;
	return 0;
}

void heaptap_verdict_release(struct heaptap_verdict **verdict)
{
	struct heaptap_verdict *v = verdict ? *verdict : NULL;

	if (!v)
		return;
	ht_frames_fini(&v->frames);
	ht_verdict_fini(&v->verdict);
	ht_limits_fini(&v->limits);
	for (int side = 0; side < SIDES; side++) {
		ht_summary_fini(&v->sum[side]);
		if (v->trace[side])
			ht_handle_drop(v->trace[side]);
	}
	free(v);
	*verdict = NULL;
}

const struct heaptap_verdict_sums *heaptap_verdict_sums(const struct heaptap_verdict *verdict)
{
	return verdict ? &verdict->sums : NULL;
}

const char *heaptap_verdict_unseen(const struct heaptap_verdict *verdict, size_t i)
{
	size_t scopes = verdict ? verdict->limits.scopes.count : 0;

	for (size_t scope = HT_SCOPE_WHOLE + 1; scope < scopes; scope++)
		if (verdict->verdict.unseen[scope] && !i--)
			return verdict->limits.scopes.at[scope];
	return NULL;
}

const struct heaptap_finding *heaptap_verdict_get(struct heaptap_verdict *verdict, size_t i)
{
	const struct ht_finding *f;

	if (!verdict || i >= verdict->verdict.findings.count)
		return NULL;
	f = &verdict->verdict.findings.at[i];
	verdict->finding = (struct heaptap_finding){
		.limit = ht_limit_name(f->limit.kind),
		.of = ht_limit_measured(f->of),
		.within = verdict->limits.scopes.at[f->limit.scope],
		.unit = ht_limit_unit(f->of),
		.value = f->value,
		.allowed = f->allowed,
		.is_share = f->limit.is_share,
		.share_millionths = f->limit.is_share ? f->limit.most : 0,
		.whole = f->whole,
		.before = f->before,
		.exceeded = f->exceeded,
		.culprits = f->culprits.count,
	};
	return &verdict->finding;
}

const struct heaptap_culprit *heaptap_verdict_culprit(struct heaptap_verdict *verdict, size_t i, size_t k)
{
	const struct ht_culprit *c;
	struct ht_err err;

	if (!heaptap_verdict_get(verdict, i) || k >= verdict->finding.culprits)
		return NULL;
	c = &verdict->verdict.findings.at[i].culprits.at[k];
	if (ht_frames_take(&verdict->frames, &verdict->sum[NOW].places, c->place, SIZE_MAX, &err))
		return NULL;
	verdict->culprit = (struct heaptap_culprit){
		.value = { c->value.bytes, c->value.count },
		.before = { c->before.bytes, c->before.count },
		.frame = verdict->frames.at,
		.frames = verdict->frames.count,
		.cut = verdict->frames.cut,
	};
	return &verdict->culprit;
}
