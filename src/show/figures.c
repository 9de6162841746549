/* SPDX-License-Identifier: Apache-2.0 */
/* figures.c -- scales a number to the unit that fits
 *
 * figures.h has examples.
 */
#include "show/figures.h"

#include <inttypes.h>
#include <stdio.h>

char *ht_figure_bytes(char *to, uint64_t bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double scaled = (double)bytes;
	unsigned unit = 0;

	for (; scaled >= 1024 && unit < 6; unit++)
		scaled /= 1024;
	if (unit)
		snprintf(to, HT_FIGURE_BYTES, "%.1f %s", scaled, units[unit]);
	else
		snprintf(to, HT_FIGURE_BYTES, "%" PRIu64 " B", bytes);
	return to;
}

char *ht_figure_time(char *to, uint64_t ns)
{
	if (ns < 1000)
		snprintf(to, HT_FIGURE_BYTES, "%" PRIu64 " ns", ns);
	else if (ns < 1000000)
		snprintf(to, HT_FIGURE_BYTES, "%.1f us", (double)ns / 1e3);
	else if (ns < 1000000000)
		snprintf(to, HT_FIGURE_BYTES, "%.1f ms", (double)ns / 1e6);
	else
		snprintf(to, HT_FIGURE_BYTES, "%.3f s", (double)ns / 1e9);
	return to;
}

char *ht_figure_share(char *to, uint64_t part, uint64_t whole)
{
	if (whole)
		snprintf(to, HT_FIGURE_BYTES, "%.1f %%", 100.0 * (double)part / (double)whole);
	else
		snprintf(to, HT_FIGURE_BYTES, "-");
	return to;
}

char *ht_figure_signed_bytes(char *to, int64_t bytes)
{
	char amount[HT_FIGURE_BYTES];

	ht_figure_bytes(amount, bytes < 0 ? -(uint64_t)bytes : (uint64_t)bytes);
	snprintf(to, HT_FIGURE_BYTES, "%s%.24s", bytes < 0 ? "-" : "", amount);
	return to;
}

char *ht_figure_part(char *to, int64_t part, int64_t whole)
{
	if (whole > 0 && part >= 0)
		return ht_figure_share(to, (uint64_t)part, (uint64_t)whole);
	snprintf(to, HT_FIGURE_BYTES, "-");
	return to;
}

char *ht_figure_count(char *to, uint64_t n, const char *one, const char *many)
{
	snprintf(to, HT_FIGURE_BYTES, "%" PRIu64 " %s", n, n == 1 ? one : many);
	return to;
}
