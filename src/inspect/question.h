/* SPDX-License-Identifier: Apache-2.0 */
/* question.h -- what can be asked of the places of a trace, and the way from the question to the sums
 *
 * Callers: show/report.c, whose options fill it in; api/places.c, with the same words.
 *
 *   words ──► measure, grouping, filter, tail, suppressions ──settle──► does the end matter? ──► how much of the file is read
 *                                                                                       sum ──► ht_summary, for groups.h and ranking.h
 *
 * Always true:
 *   Q1  where no measure was named: the live blocks of a moment, the growth of a window, else what leaked
 *   Q2  `stops`: nothing after the window can change the answer, so nothing after it is read
 */
#ifndef HT_QUESTION_H
#define HT_QUESTION_H

#include "inspect/ranking.h"
#include "inspect/summary.h"
#include "inspect/suppress.h"

struct ht_question {
	enum ht_measure by;
	enum ht_grouping group;
	struct ht_filter filter;
	struct ht_suppressions suppressions;
	const char *tail_cut; /* a time or a share; NULL: none */
	struct ht_sites_options sums;
	bool stops;
};

/* HT_EUSAGE: there is none of that name. */
int ht_question_measure(const char *word, enum ht_measure *ret, struct ht_err *err);
int ht_question_grouping(const char *word, enum ht_grouping *ret, struct ht_err *err);
int ht_question_temporary(const char *word, uint64_t *ret_ns, struct ht_err *err);

/* Once all is filled in, before the trace is opened. HT_EUSAGE: the parts contradict each other. */
int ht_question_settle(struct ht_question *q, bool has_measure, struct ht_err *err);

/* The sums that the question is about; suppressed leaks are taken out. */
int ht_question_sum(struct ht_question *q, struct ht_model *t, struct ht_symbols *symbols, struct ht_summary *ret,
		    struct ht_err *err);
void ht_question_fini(struct ht_question *q);

#endif
