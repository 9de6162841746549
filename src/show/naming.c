/* SPDX-License-Identifier: Apache-2.0 */
/* naming.c -- reads --sysroot and --no-symbols, and warns of files that tell no names
 *
 * naming.h says for whom.
 */
#include "show/naming.h"

#define WARNINGS_SHOWN 5

enum { SYSROOT, NO_SYMBOLS };

int ht_naming_open(const struct ht_model *model, const struct ht_given *given, int first, struct ht_symbols **ret,
		   struct ht_err *err)
{
	struct ht_symbols_options o = {
		.sysroot = given->option[first + SYSROOT],
		.no_files = given->option[first + NO_SYMBOLS],
	};

	return ht_symbols_open(model, &o, ret, err);
}

void ht_naming_warn(const char *path, const struct ht_symbols *s)
{
	const char *const *warning;
	size_t count = ht_symbols_warnings(s, &warning);

	for (size_t i = 0; i < count && i < WARNINGS_SHOWN; i++)
		ht_warn(path, "%s", warning[i]);
	if (count > WARNINGS_SHOWN)
		ht_warn(path, "%zu files more could not tell names", count - WARNINGS_SHOWN);
}
