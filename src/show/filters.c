/* SPDX-License-Identifier: Apache-2.0 */
/* filters.c -- from the command line to a filter
 *
 * filters.h has the options.
 */
#include "show/filters.h"

int ht_filters_read(const struct ht_given *given, int first, int count, struct ht_filter *ret, struct ht_err *err)
{
	int rc = 0;

	ht_filter_init(ret);
	for (int w = 0; !rc && w < count; w++)
		if (given->option[first + w])
			rc = ht_filter_set(ret, (enum ht_filter_word)w, given->option[first + w], err);
	return rc;
}

void ht_filters_warn(const char *path, const struct ht_filter *f)
{
	char why[1024];

	if (ht_filter_why_nothing(f, why, sizeof(why)))
		ht_warn(path, "%s", why);
}
