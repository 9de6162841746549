/* SPDX-License-Identifier: Apache-2.0 */
/* filters.h -- the options by which every answer can be restricted, the same in all commands
 *
 *   enum { OPT_JSON, OPT_FILTERS, OPT_END = OPT_FILTERS + HT_FILTER_AT };
 *   static const struct ht_option options[] = {
 *           [OPT_JSON] = ...,
 *           HT_FILTERS(OPT_FILTERS),
 *           { 0 },
 *   };
 *
 * inspect/filter.h says what they mean. man/heaptap-report.1 describes them for all.
 */
#ifndef HT_FILTERS_H
#define HT_FILTERS_H

#include "inspect/filter.h"
#include "show/command.h"

/* clang-format off */
#define HT_FILTERS(first) \
	[(first) + HT_FILTER_THREAD] = { "thread", 0, "THREAD", "only blocks that this thread made: a number or a name" }, \
	[(first) + HT_FILTER_MIN_SIZE] = { "min-size", 0, "SIZE", "only blocks of at least this size, as in 64K" }, \
	[(first) + HT_FILTER_MAX_SIZE] = { "max-size", 0, "SIZE", "only blocks of at most this size" }, \
	[(first) + HT_FILTER_STACK] = { "stack", 0, "REGEX", "only blocks with such a function in their stack" }, \
	[(first) + HT_FILTER_MODULE] = { "module", 0, "REGEX", "only blocks that such a program or library asked for" }, \
	[(first) + HT_FILTER_MIN_LIFETIME] = { "min-lifetime", 0, "TIME", "only blocks that lived at least so long" }, \
	[(first) + HT_FILTER_MAX_LIFETIME] = { "max-lifetime", 0, "TIME", "only blocks that were freed or gone within this time" }, \
	[(first) + HT_FILTER_FROM] = { "from", 0, "TIME", "only from this time of the recording on, as in 1.5s" }, \
	[(first) + HT_FILTER_TO] = { "to", 0, "TIME", "only up to this time" }
/* clang-format on */

/* Reads what was given of the `count` options from `first` on into a new filter; ht_filter_fini() in any case. */
int ht_filters_read(const struct ht_given *given, int first, int count, struct ht_filter *ret, struct ht_err *err);

/* Says on stderr if nothing passed, and why. */
void ht_filters_warn(const char *path, const struct ht_filter *f);

#endif
