/* SPDX-License-Identifier: Apache-2.0 */
/* subject.h -- a trace that an answer about places is about, with what the command line says of it
 *
 * Users: diff.c and verdict.c, which have two; lifetimes.c and sizes.c.
 *
 *   ht_subject_open()    the trace, its warnings; where names come from; which blocks count
 *   ht_subject_sum()     the sums of all places, for those that begin with them
 *   ht_subject_close()   in any case
 *
 * The first two complain, and return an exit status that is not 0, if there is nothing to answer.
 */
#ifndef HT_SUBJECT_H
#define HT_SUBJECT_H

#include "inspect/filter.h"
#include "inspect/summary.h"
#include "show/command.h"

struct ht_subject {
	const char *path;
	struct ht_model *model;
	struct ht_symbols *symbols;
	struct ht_filter filter;
	struct ht_summary sum;
};

/* process: as for ht_answer_open(). naming, filters: where the options of naming.h and filters.h begin; filters < 0: the command has none. */
int ht_subject_open(struct ht_subject *s, const char *path, const char *process, const struct ht_given *given,
		    int naming, int filters);
int ht_subject_sum(struct ht_subject *s);
void ht_subject_close(struct ht_subject *s);

/* On stderr, when all is read: which files told no names, and that nothing passed the filter. */
void ht_subject_warn(const struct ht_subject *s);

/* "--limit", "--frames": a number, 0 for all. Nothing changes if word is NULL. */
int ht_subject_read_most(const char *name, const char *word, size_t *ret, struct ht_err *err);

#endif
