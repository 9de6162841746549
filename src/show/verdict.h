/* SPDX-License-Identifier: Apache-2.0 */
/* verdict.h -- judges a trace by a budget, and shows what came of it
 *
 * Users: budget.c, and record.c for `record --budget`.
 *
 *   trace, limits  ──► inspect/budget.h ──► text, JSON, the text with annotations; and JUnit in a file beside it
 *
 * What stands above the verdict: a trace that is not complete proves no budget, whatever its figures.
 */
#ifndef HT_VERDICT_H
#define HT_VERDICT_H

#include "inspect/limits.h"
#include "show/command.h"

/* Of inspect/budget.h, which record.c cannot include: the channel has a clock and places of its own. */
struct ht_culprit;
struct ht_finding;
struct ht_places;
struct ht_verdict;

enum ht_verdict_form { HT_VERDICT_TEXT, HT_VERDICT_JSON, HT_VERDICT_GITHUB };

struct ht_verdict_ask {
	const char *path;
	const struct ht_limits *limits;
	const char *process;          /* as for ht_answer_open() */
	const struct ht_given *given; /* its options of naming.h, from `naming` on */
	int naming;
	enum ht_verdict_form form;
	const char *junit; /* a file to write; NULL: none */
	size_t most_places, most_frames;
	bool silent_if_kept;
};

/* The exit status: 0 all limits are kept; 1 not all; 2, 3 after a complaint; 4 the trace is not complete. */
int ht_verdict_show(const struct ht_verdict_ask *ask);

/* What the forms have in common. A figure in the unit of what is measured; the scope's function, or NULL; "max-peak" or "max-growth of peak". */
#define HT_VERDICT_TEXT_BYTES 96
char *ht_verdict_figure(char *to, const struct ht_finding *f, uint64_t figure);
char *ht_verdict_title(char *to, const struct ht_finding *f);

/* "3.7 KiB leaked, 0 B allowed"; to has room for 4 * HT_VERDICT_TEXT_BYTES. */
char *ht_verdict_sentence(char *to, const struct ht_finding *f);

/* "2.9 KiB in 3 blocks" */
char *ht_verdict_culprit(char *to, const struct ht_finding *f, const struct ht_culprit *c);

/* ci.c: the forms that other programs ask for. ht_ci_junit() returns 0 or an exit status. */
void ht_ci_github(const struct ht_verdict_ask *ask, const struct ht_verdict *v, const struct ht_places *p,
		  bool complete);
int ht_ci_junit(const struct ht_verdict_ask *ask, const struct ht_verdict *v, const struct ht_places *p, bool complete);

#endif
