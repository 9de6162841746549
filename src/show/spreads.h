/* SPDX-License-Identifier: Apache-2.0 */
/* spreads.h -- prints histograms: a line for each class with its share and a bar, or a place's in one line
 *
 * Users: lifetimes.c and sizes.c, which know what their classes are called.
 *
 *   size      blocks    share      bytes
 *   17-32       1000   90.9 %   23.4 KiB  ██████████████████
 *   33-64        100    9.1 %    4.7 KiB  ██
 */
#ifndef HT_SPREADS_H
#define HT_SPREADS_H

#include "inspect/sites.h"

#define HT_SPREADS_NAME 48

/* The name of a class, for people. */
typedef const char *ht_spreads_name(char to[HT_SPREADS_NAME], uint32_t class);

/* The name of a class that ht_sites_size_bounds() bounds: "33-64", "0". */
const char *ht_spreads_range(char to[HT_SPREADS_NAME], uint32_t class);

/* Classes without blocks are left out. */
void ht_spreads_text(const char *title, const struct ht_tally *class, uint32_t classes, ht_spreads_name *name);

/* "90.9 % 17-32, 9.1 % 33-64": the classes with most blocks, first; in one line of at most 80 columns. */
void ht_spreads_line(const char *title, const struct ht_tally *class, uint32_t classes, ht_spreads_name *name);

/* Classes that ht_sites_size_bounds() bounds, as a JSON array: {"from":33,"to":64,"blocks":100,"bytes":4800} for each that has blocks. */
void ht_spreads_json(const struct ht_tally *class, uint32_t classes);

#endif
