/* SPDX-License-Identifier: Apache-2.0 */
/* moment.c -- names the stack of one call
 *
 * moment.h says for whom.
 */
#include "inspect/moment.h"

int ht_moment_place(struct ht_model *t, struct ht_symbols *s, const struct ht_moment *m, struct ht_places *ret,
		    struct ht_err *err)
{
	struct ht_site site = { .image = m->stream->image, .context = m->context };
	struct ht_sites one = { .list = { &site, 1, 1 } };

	return ht_places_make(t, s, &one, ret, err);
}
