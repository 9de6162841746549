/* SPDX-License-Identifier: Apache-2.0 */
/* question.c -- reads the words of a question about places, and asks it
 *
 * question.h has the way. The texts name the options of heaptap-report(1), whose words these are.
 */
#include "inspect/question.h"

#include <string.h>

#include "inspect/facts.h"
#include "util/quantity.h"

int ht_question_measure(const char *word, enum ht_measure *ret, struct ht_err *err)
{
	for (int by = 0; by < HT_MEASURES; by++) {
		if (strcmp(word, ht_measure_name((enum ht_measure)by)))
			continue;
		*ret = (enum ht_measure)by;
		return 0;
	}
	return ht_err_set(
		err, HT_EUSAGE,
		"--by=%s: none of leaked, peak, allocated, calls, temporary, live, growth, aifo, aifi, aofi, aofo",
		word);
}

int ht_question_grouping(const char *word, enum ht_grouping *ret, struct ht_err *err)
{
	for (int group = 0; group < HT_GROUPINGS; group++) {
		if (strcmp(word, ht_grouping_name((enum ht_grouping)group)))
			continue;
		*ret = (enum ht_grouping)group;
		return 0;
	}
	return ht_err_set(err, HT_EUSAGE,
			  "--group=%s: none of stack, function, library, thread, size, allocator-function", word);
}

int ht_question_temporary(const char *word, uint64_t *ret_ns, struct ht_err *err)
{
	if (ht_quantity_ns(word, ret_ns, err))
		return ht_err_set(err, HT_EUSAGE, "--temporary=%s", err->text);
	return *ret_ns ? 0 : ht_err_set(err, HT_EUSAGE, "--temporary=%s: not a time above 0", word);
}

int ht_question_settle(struct ht_question *q, bool has_measure, struct ht_err *err)
{
	if (!has_measure)
		q->by = q->filter.word[HT_FILTER_AT]      ? HT_BY_LIVE
			: ht_filter_is_window(&q->filter) ? HT_BY_GROWTH
							  : HT_BY_LEAKED;
	if (q->by == HT_BY_PEAK && ht_filter_restricts_life(&q->filter))
		return ht_err_set(err, HT_EUSAGE,
				  "--by=peak: how long a block will live is not known at the peak; ask without "
				  "--min-lifetime and --max-lifetime");
	/* Whether a block leaks, or how long it lives, only the end of the recording tells. */
	q->stops = (q->filter.word[HT_FILTER_TO] || q->filter.word[HT_FILTER_AT]) && q->by != HT_BY_LEAKED &&
		   !q->tail_cut && !q->suppressions.list.count && !ht_filter_restricts_life(&q->filter);
	q->sums.filter = &q->filter;
	q->sums.split = ht_grouping_split(q->group);
	return 0;
}

/* From a time before the end of the recording, or a share of it, to the moment it means. */
static int find_tail(struct ht_question *q, struct ht_model *t, struct ht_err *err)
{
	uint64_t end_ns = ht_clock_time_ns(&t->clock, ht_facts_end_ticks(t)), cut, share;
	int rc;

	if (!q->tail_cut)
		return 0;
	if (ht_quantity_is_share(q->tail_cut)) {
		rc = ht_quantity_share(q->tail_cut, &share, err);
		cut = rc ? 0 : (uint64_t)((unsigned __int128)end_ns * share / HT_SHARE_WHOLE);
	} else {
		rc = ht_quantity_ns(q->tail_cut, &cut, err);
	}
	if (rc)
		return ht_err_set(err, rc, "--tail-cut=%s", err->text);
	if (cut > end_ns)
		return ht_err_set(err, HT_EUSAGE, "--tail-cut=%s: the recording is only %.6f s long", q->tail_cut,
				  (double)end_ns / 1e9);
	if (!cut)
		return 0;
	q->sums.late_ticks = ht_clock_ticks_at(&t->clock, end_ns - cut);
	if (!q->sums.late_ticks)
		q->sums.late_ticks = 1; /* the very beginning; 0 would be nothing */
	return 0;
}

int ht_question_sum(struct ht_question *q, struct ht_model *t, struct ht_symbols *symbols, struct ht_summary *ret,
		    struct ht_err *err)
{
	uint64_t until_ticks = t->until_ticks;
	int rc = ht_filter_bind(&q->filter, t, symbols, err);

	if (!rc)
		rc = find_tail(q, t, err);
	if (rc)
		return rc;
	if (q->stops)
		t->until_ticks = q->filter.to_ticks;
	rc = ht_summary_take(t, symbols, &q->sums, ret, err);
	t->until_ticks = until_ticks;
	if (!rc && q->suppressions.list.count)
		rc = ht_suppress_leaks(&q->suppressions, &ret->sites, &ret->places, err);
	return rc;
}

void ht_question_fini(struct ht_question *q)
{
	ht_suppress_fini(&q->suppressions);
	ht_filter_fini(&q->filter);
}
