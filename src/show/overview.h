/* SPDX-License-Identifier: Apache-2.0 */
/* overview.h -- the sums of a whole report, as lines for people and as an object for programs
 *
 * Caller: report.c. man/heaptap-report.1 defines the figures.
 */
#ifndef HT_OVERVIEW_H
#define HT_OVERVIEW_H

#include "inspect/summary.h"

struct ht_overview {
	const struct ht_summary *sum;
	const struct ht_sites_options *options; /* with which the sites were taken */
	bool knows_leaks;                       /* the replay went on to the end of the recording */
};

void ht_overview_text(const struct ht_overview *s);
void ht_overview_json(const struct ht_overview *s); /* {...} */

#endif
