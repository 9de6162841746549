/* SPDX-License-Identifier: Apache-2.0 */
/* answer.c -- opens a trace for a command and says on stderr what is wrong with it
 *
 * answer.h says who calls. What is wrong is said before the answer, so that nobody takes it for the whole one.
 */
#include "show/answer.h"

#include <inttypes.h>

#include "inspect/choice.h"
#include "show/command.h"
#include "show/shrunk.h"

#define DAMAGES_SHOWN 10

static void warn_of_damages(const char *path, const struct ht_model *t)
{
	const struct ht_damage *damage;
	uint64_t damages = ht_model_damages(t, &damage);

	for (uint64_t i = 0; i < damages && i < DAMAGES_SHOWN; i++)
		ht_warn(path, "%s", damage[i].says);
	if (damages > DAMAGES_SHOWN)
		ht_warn(path, "%" PRIu64 " damages more", damages - DAMAGES_SHOWN);
}

static int begin(const char *path, const char *process, struct ht_model *t, struct ht_model **ret)
{
	struct ht_err err;

	if (process && ht_choice_make(t, process, &err)) {
		ht_model_close(t);
		return ht_complain(path, &err);
	}
	ht_shrunk_survive();
	warn_of_damages(path, t);
	if (!t->has_session)
		ht_warn(path, "the description of the recording is missing");
	if (t->missing)
		ht_warn(path, "%" PRIu64 " events are missing", t->missing);
	if (!t->has_end)
		ht_warn(path, "incomplete: the recording did not end properly");
	*ret = t;
	return 0;
}

int ht_answer_open(const char *path, const char *process, struct ht_model **ret)
{
	struct ht_model *t;
	struct ht_err err;

	return ht_model_open(path, &t, &err) ? ht_complain(path, &err) : begin(path, process, t, ret);
}

int ht_answer_open_extent(const char *path, const char *process, uint64_t from_ns, uint64_t to_ns,
			  struct ht_model **ret)
{
	struct ht_model *t;
	struct ht_err err;

	if (ht_model_open_extent(path, from_ns, to_ns, &t, &err))
		return ht_complain(path, &err);
	return begin(path, process, t, ret);
}

void ht_answer_warn_of_losses(const char *path, struct ht_model *t)
{
	uint64_t lost = 0, from = UINT64_MAX, to = 0;

	for (size_t i = 0; i < t->losses.count; i++) {
		const struct ht_meta_loss *l = &t->losses.at[i];

		if (!ht_choice_has_stream(t, l->stream))
			continue;
		lost += l->count;
		from = l->from_ticks < from ? l->from_ticks : from;
		to = l->to_ticks > to ? l->to_ticks : to;
	}
	if (lost)
		ht_warn(path,
			"%" PRIu64
			" calls were lost between %.6f s and %.6f s: what they allocated and freed is not counted",
			lost, (double)ht_clock_time_ns(&t->clock, from) / 1e9,
			(double)ht_clock_time_ns(&t->clock, to) / 1e9);
}

int ht_answer_status(const struct ht_model *t)
{
	return ht_model_broken(t) ? HT_STATUS_DAMAGED : HT_STATUS_OK;
}
