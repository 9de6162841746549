/* SPDX-License-Identifier: Apache-2.0 */
/* branches.h -- prints a tree of calls, for people and for programs
 *
 * Used by report.c.
 *
 *      5.0 MiB   99.9 %        5  main                              confess.cc:77
 *      5.0 MiB   99.9 %        5  spike                             confess.cc:60
 *      3.0 KiB    0.1 %        3    keep                            confess.cc:40
 *
 * What grows on a branch and is worth less stands further in; what only leads on does not.
 */
#ifndef HT_BRANCHES_H
#define HT_BRANCHES_H

#include "inspect/calltree.h"

void ht_branches_text(const struct ht_calltree *t, const struct ht_places *p, enum ht_measure by);

/* [{"bytes","count","own_bytes","own_count","frame","cut","children":[...]},...] */
void ht_branches_json(const struct ht_calltree *t, const struct ht_places *p);

#endif
