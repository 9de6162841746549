/* SPDX-License-Identifier: Apache-2.0 */
/* misuse.h -- releases that the program should not have made, told from the exact order of calls
 *
 * Caller: show/errors.c.
 *
 *   double     released a second time; the first release is known
 *   inside     not the start of a block, but inside one that is live
 *   unknown    never handed out by a recorded call
 *   mismatch   handed out by one family of functions (malloc, new, new[]; aligned or not), released by another
 *
 * Two replays: the first finds the addresses whose release was wrong, usually none, and then it is the only one. The second
 * watches these addresses and knows their past. Equal errors (same calls from the same places) are one entry with a count.
 *
 * Always true:
 *   U1  from the first moment at which a call may be missing nothing is an error; nor is a release of what no call handed out,
 *       where there may be blocks from before; both are counted in `unjudged`
 *   U2  a release that another thread's allocation of the same address follows within a microsecond is no error: their
 *       stamps are inverted (docs/trace-format.md, section 7). It is counted in `inverted`
 *   U3  memory grows with the wrong addresses and the places of errors
 */
#ifndef HT_MISUSE_H
#define HT_MISUSE_H

#include "inspect/moment.h"

enum ht_misuse_kind { HT_MISUSE_DOUBLE, HT_MISUSE_INSIDE, HT_MISUSE_UNKNOWN, HT_MISUSE_MISMATCH };

/* The first of `count` equal errors. */
struct ht_misuse {
	enum ht_misuse_kind kind;
	uint64_t count, address;
	struct ht_moment here;              /* the wrong release */
	struct ht_moment born;              /* double: of the block as it was; inside: of the block around; mismatch */
	struct ht_moment before;            /* double: the release before */
	uint64_t block_address, block_size; /* if born is known */
};

struct ht_misuses {
	HT_LIST(struct ht_misuse) list; /* in order of their first time */
	uint64_t errors;                /* all counts together */
	uint64_t judged, unjudged, inverted;
};

int ht_misuse_find(struct ht_model *t, struct ht_misuses *ret, struct ht_err *err);
void ht_misuse_fini(struct ht_misuses *m);

#endif
