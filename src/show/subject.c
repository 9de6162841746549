/* SPDX-License-Identifier: Apache-2.0 */
/* subject.c -- opens what an answer is about
 *
 * subject.h has the order.
 */
#include "show/subject.h"

#include "show/answer.h"
#include "show/filters.h"
#include "show/naming.h"
#include "util/quantity.h"

int ht_subject_open(struct ht_subject *s, const char *path, const char *process, const struct ht_given *given,
		    int naming, int filters)
{
	struct ht_err err;
	int rc, status;

	*s = (struct ht_subject){ .path = path };
	rc = ht_filters_read(given, filters < 0 ? 0 : filters, filters < 0 ? 0 : HT_FILTER_AT, &s->filter, &err);
	if (rc)
		return ht_complain(NULL, &err);
	status = ht_answer_open(path, process, &s->model);
	if (status)
		return status;
	ht_answer_warn_of_losses(path, s->model);
	rc = ht_naming_open(s->model, given, naming, &s->symbols, &err);
	if (!rc)
		rc = ht_filter_bind(&s->filter, s->model, s->symbols, &err);
	return rc ? ht_complain(path, &err) : 0;
}

int ht_subject_sum(struct ht_subject *s)
{
	struct ht_sites_options o = { .filter = &s->filter };
	struct ht_err err;

	return ht_summary_take(s->model, s->symbols, &o, &s->sum, &err) ? ht_complain(s->path, &err) : 0;
}

void ht_subject_close(struct ht_subject *s)
{
	ht_summary_fini(&s->sum);
	ht_filter_fini(&s->filter);
	if (s->symbols)
		ht_symbols_close(s->symbols);
	if (s->model)
		ht_model_close(s->model);
}

void ht_subject_warn(const struct ht_subject *s)
{
	ht_naming_warn(s->path, s->symbols);
	ht_filters_warn(s->path, &s->filter);
}

int ht_subject_read_most(const char *name, const char *word, size_t *ret, struct ht_err *err)
{
	uint64_t n;

	if (!word)
		return 0;
	if (ht_quantity_count(word, &n, err))
		return ht_err_set(err, HT_EUSAGE, "%s=%s", name, err->text);
	*ret = n ? n : SIZE_MAX;
	return 0;
}
