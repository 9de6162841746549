/* SPDX-License-Identifier: Apache-2.0 */
/* account.c -- compares what was counted while recording with what is in the file
 *
 * account.h has the identity. A thread without ACCOUNT record (the recorder was killed) gets one from its rows, which
 * never closes: what it entered is not known.
 */
#include "inspect/account.h"

#include <stdlib.h>

#include "inspect/choice.h"

/* Without sign: what is absurd in a damaged file wraps around, and comes out as absurd. */
static int64_t in_flight(const struct ht_sums *s)
{
	return (int64_t)(s->entered - s->recorded - s->counted_only - s->lost);
}

static struct ht_thread_account account_of(const struct ht_stream *s)
{
	const struct ht_meta_account *m = &s->account;
	struct ht_thread_account a = { .stream = s };

	if (s->has_account)
		a.sums = (struct ht_sums){ m->entered, m->recorded, m->counted_only, m->lost, 0 };
	else
		a.sums = (struct ht_sums){ s->calls + s->lost, s->calls, 0, s->lost, 0 };
	a.sums.in_flight = in_flight(&a.sums);
	a.closes = s->has_account && a.sums.recorded == s->calls && (a.sums.in_flight == 0 || a.sums.in_flight == 1);
	return a;
}

static void add_thread(struct ht_account *a, const struct ht_stream *s)
{
	struct ht_thread_account *new = &a->thread[a->threads++];

	*new = account_of(s);
	a->sums.entered += new->sums.entered;
	a->sums.recorded += new->sums.recorded;
	a->sums.counted_only += new->sums.counted_only;
	a->sums.lost += new->sums.lost;
	a->losses += s->loss_count + (new->sums.lost != 0);
	a->open += !new->closes;
	a->missing = a->missing > UINT64_MAX - s->missing ? UINT64_MAX : a->missing + s->missing;
}

int ht_account_close(struct ht_model *t, const struct ht_history *history, struct ht_account *ret, struct ht_err *err)
{
	struct ht_account a = { .history = *history };
	const struct ht_damage *damage;

	a.thread = calloc(t->streams.count + 1, sizeof(*a.thread));
	if (!a.thread)
		return ht_err_set(err, HT_ESYSTEM, "out of memory for the accounts of %zu threads", t->streams.count);
	a.damages = ht_model_damages(t, &damage);
	for (size_t i = 0; i < t->streams.count; i++)
		if (t->streams.at[i].is_chosen)
			add_thread(&a, &t->streams.at[i]);
	a.sums.in_flight = in_flight(&a.sums);
	for (size_t i = 0; i < t->images.count; i++)
		a.unrecorded += t->images.at[i].status != HT_IMAGE_STATE_RECORDED &&
				t->images.at[i].status != HT_IMAGE_STATE_UNWANTED &&
				ht_choice_has(t, t->images.at[i].process);
	a.unrecorded += t->end.unheard;
	a.complete = t->has_session && t->has_end && t->images.count && !a.unrecorded && !a.damages && !a.missing &&
		     !a.open && !a.losses && !a.history.violations;
	*ret = a;
	return 0;
}

int ht_account_take(struct ht_model *t, struct ht_account *ret, struct ht_err *err)
{
	struct ht_history history;
	int rc = ht_replay_run(t, NULL, 0, &history, err);

	return rc ? rc : ht_account_close(t, &history, ret, err);
}

void ht_account_fini(struct ht_account *a)
{
	free(a->thread);
	*a = (struct ht_account){ 0 };
}
