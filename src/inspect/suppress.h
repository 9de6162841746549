/* SPDX-License-Identifier: Apache-2.0 */
/* suppress.h -- leaks that somebody knows of already: LeakSanitizer's suppressions
 *
 * Caller: show/report.c, between sites and ranking.
 *
 *   # a comment
 *   leak:libkrb5.so           some frame's function, source file or module holds this text
 *   leak:^init_*_cache$       ^ and $: from the beginning, to the end; *: anything between
 *
 * Always true: what a suppression takes out is added up in it, and in totals.suppressed; the first that matches counts
 */
#ifndef HT_SUPPRESS_H
#define HT_SUPPRESS_H

#include "inspect/places.h"

struct ht_suppression {
	const char *pattern;
	struct ht_tally taken;
};

struct ht_suppressions {
	HT_LIST(struct ht_suppression) list;
	struct ht_arena arena;
};

/* HT_EUSAGE: a line is none of these, which is named; HT_ESYSTEM. */
int ht_suppress_read(const char *path, struct ht_suppressions *ret, struct ht_err *err);
void ht_suppress_fini(struct ht_suppressions *s);

/* Whether the pattern, as above, matches the text. */
bool ht_suppress_matches(const char *pattern, const char *text);

/* Takes the sites that match out of what is leaked. */
int ht_suppress_leaks(struct ht_suppressions *s, struct ht_sites *sites, const struct ht_places *places,
		      struct ht_err *err);

#endif
