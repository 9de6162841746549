/* SPDX-License-Identifier: Apache-2.0 */
/* summary.c -- the passes that every named sum takes, one after another
 *
 * summary.h has their order.
 */
#include "inspect/summary.h"

#include "inspect/choice.h"
#include "inspect/runtime.h"

int ht_summary_take(struct ht_model *t, struct ht_symbols *symbols, const struct ht_sites_options *o,
		    struct ht_summary *ret, struct ht_err *err)
{
	struct ht_summary s = { .model = t };
	int rc = ht_sites_take(t, o, &s.sites, err);

	if (!rc)
		rc = ht_places_make(t, symbols, &s.sites, &s.places, err);
	if (!rc)
		rc = ht_runtime_set_apart(&s.sites, &s.places, err);
	if (rc)
		ht_summary_fini(&s);
	else
		*ret = s;
	return rc;
}

void ht_summary_fini(struct ht_summary *s)
{
	ht_places_fini(&s->places);
	ht_sites_fini(&s->sites);
	*s = (struct ht_summary){ 0 };
}

uint64_t ht_summary_lost(const struct ht_summary *s)
{
	uint64_t lost = 0;

	for (size_t i = 0; i < s->model->losses.count; i++)
		if (ht_choice_has_stream(s->model, s->model->losses.at[i].stream))
			lost += s->model->losses.at[i].count;
	return lost;
}
