/* SPDX-License-Identifier: Apache-2.0 */
/* account.h -- does the account close? every call that was entered, found again or explained
 *
 * Callers: show/verify.c and api/told.c; show/verdict.c and api/judged.c, which prove nothing by a trace that is not complete.
 *
 *   entered = recorded + counted_only + lost + in_flight       per thread and together; in_flight is 0 or 1 per thread
 *
 * `entered`, `recorded`, `counted_only` and `lost` are what the thread and the collector counted while recording. What is
 * found in the file is counted again, and must be the same: rows = recorded, every sequence number there once.
 *
 * docs/trace-format.md, sections 5.8 and 8.
 */
#ifndef HT_ACCOUNT_H
#define HT_ACCOUNT_H

#include "inspect/replay.h"

struct ht_sums {
	uint64_t entered, recorded, counted_only, lost;
	int64_t in_flight; /* negative only if the account is wrong */
};

struct ht_thread_account {
	const struct ht_stream *stream;
	struct ht_sums sums;
	bool closes;
};

struct ht_account {
	struct ht_sums sums;
	struct ht_history history;
	uint64_t damages, missing;
	uint64_t unrecorded; /* images whose calls are not in the trace */
	uint64_t losses;     /* LOSS records, and threads that lost calls */
	size_t open;         /* threads whose account does not close */
	bool complete;
	struct ht_thread_account *thread; /* one for each chosen stream */
	size_t threads;
};

/* Of a replay that was done already. */
int ht_account_close(struct ht_model *t, const struct ht_history *history, struct ht_account *ret, struct ht_err *err);

/* Replays the whole trace. */
int ht_account_take(struct ht_model *t, struct ht_account *ret, struct ht_err *err);
void ht_account_fini(struct ht_account *a);

#endif
