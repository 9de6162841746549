/* SPDX-License-Identifier: Apache-2.0 */
/* compared.c -- two traces side by side, by one measure
 *
 *   question ──► the sums of each trace ──► inspect/align.h: places that have the same names ──► one change after another
 */
#include <stdlib.h>

#include "api/asked.h"
#include "inspect/align.h"

struct heaptap_changes {
	struct heaptap_trace *trace[HT_SIDES];
	struct ht_question question[HT_SIDES];
	struct ht_summary sum[HT_SIDES];
	struct ht_alignment aligned;
	struct ht_changes changes;
	struct heaptap_change change; /* the one that was asked for last */
	struct ht_frames frames;
};

static int add_up(struct heaptap_changes *c, const struct heaptap_question *question, struct ht_err *err)
{
	int rc = 0;

	for (int i = 0; !rc && i < HT_SIDES; i++) {
		struct heaptap_trace *t = c->trace[i];

		rc = ht_asked_read(t, question, &c->question[i], err);
		if (!rc && c->question[i].group != HT_GROUP_STACK)
			rc = ht_err_set(err, HT_EUSAGE, "two traces are compared by stack, not by --group=%s",
					ht_grouping_name(c->question[i].group));
		if (!rc && c->question[i].by >= HT_MEASURES_OF_ALL)
			rc = ht_err_set(
				err, HT_EUSAGE,
				"--by=%s: two traces are compared by leaked, peak, allocated, calls or temporary",
				ht_measure_name(c->question[i].by));
		if (!rc)
			rc = ht_question_sum(&c->question[i], t->model, t->symbols, &c->sum[i], err);
	}
	return rc;
}

static int compare(struct heaptap_changes *c, struct ht_err *err)
{
	enum ht_measure by = c->question[HT_AFTER].by;
	struct ht_tally *value[HT_SIDES] = { ht_measure_values(&c->sum[HT_BEFORE].sites, by),
					     ht_measure_values(&c->sum[HT_AFTER].sites, by) };
	struct ht_side side[HT_SIDES];
	int rc = value[HT_BEFORE] && value[HT_AFTER] ? 0 : ht_err_set(err, HT_ESYSTEM, "out of memory for two traces");

	for (int i = 0; i < HT_SIDES; i++)
		side[i] = (struct ht_side){ &c->sum[i].places, value[i], c->sum[i].sites.list.count };
	if (!rc)
		rc = ht_align(&c->sum[HT_BEFORE].places, &c->sum[HT_AFTER].places, &c->aligned, err);
	if (!rc)
		rc = ht_changes_make(&c->aligned, side, ht_measure_counts(by), &c->changes, err);
	free(value[HT_BEFORE]);
	free(value[HT_AFTER]);
	return rc;
}

int heaptap_changes(struct heaptap_trace *before, struct heaptap_trace *after, const struct heaptap_question *question,
		    struct heaptap_changes **ret, struct heaptap_error *error)
{
	int rc = ht_handle_begin(before, error);
	struct heaptap_changes *c;
	struct ht_err err;

	if (!rc)
		rc = ht_handle_begin(after, error);
	if (rc)
		return rc;
	c = calloc(1, sizeof(*c));
	if (!c) {
		ht_err_set(&err, HT_ESYSTEM, "out of memory for an answer");
		return ht_handle_fail(error, &err);
	}
	c->trace[HT_BEFORE] = ht_handle_hold(before);
	c->trace[HT_AFTER] = ht_handle_hold(after);
	rc = add_up(c, question, &err);
	if (!rc)
		rc = compare(c, &err);
	if (rc) {
		heaptap_changes_release(&c);
		return ht_handle_fail(error, &err);
	}
	*ret = c;
	return 0;
}

void heaptap_changes_release(struct heaptap_changes **changes)
{
	struct heaptap_changes *c = changes ? *changes : NULL;

	if (!c)
		return;
	ht_frames_fini(&c->frames);
	ht_changes_fini(&c->changes);
	ht_align_fini(&c->aligned);
	for (int i = 0; i < HT_SIDES; i++) {
		ht_summary_fini(&c->sum[i]);
		ht_question_fini(&c->question[i]);
		ht_handle_drop(c->trace[i]);
	}
	free(c);
	*changes = NULL;
}

size_t heaptap_changes_count(const struct heaptap_changes *changes)
{
	return changes ? changes->changes.list.count : 0;
}

size_t heaptap_changes_same(const struct heaptap_changes *changes)
{
	return changes ? changes->changes.equal : 0;
}

const struct heaptap_change *heaptap_changes_get(struct heaptap_changes *changes, size_t i)
{
	const struct ht_change *from;
	struct ht_err err;
	int side;

	if (!changes || i >= changes->changes.list.count)
		return NULL;
	from = &changes->changes.list.at[i];
	side = from->place[HT_AFTER] == HT_NO_PLACE ? HT_BEFORE : HT_AFTER;
	if (ht_frames_take(&changes->frames, &changes->sum[side].places, from->place[side], SIZE_MAX, &err))
		return NULL;
	changes->change = (struct heaptap_change){
		.before = { from->value[HT_BEFORE].bytes, from->value[HT_BEFORE].count },
		.after = { from->value[HT_AFTER].bytes, from->value[HT_AFTER].count },
		.frame = changes->frames.at,
		.frames = changes->frames.count,
	};
	return &changes->change;
}
