/* SPDX-License-Identifier: Apache-2.0 */
/* figures.h -- numbers as people read them: three digits and a unit
 *
 * Used by table.c, record.c and the reports.
 *
 *   8192 -> "8.0 KiB"      1500000 ns -> "1.50 ms"      1, 3 -> "33.3 %"
 *
 * Each writes to `to` (at least HT_FIGURE_BYTES) and returns it.
 */
#ifndef HT_FIGURES_H
#define HT_FIGURES_H

#include <stdint.h>

#define HT_FIGURE_BYTES 32

char *ht_figure_bytes(char *to, uint64_t bytes);
char *ht_figure_time(char *to, uint64_t ns);
char *ht_figure_share(char *to, uint64_t part, uint64_t whole); /* of nothing: "-" */

/* The same for what may be below zero: "-8.0 KiB"; a share of a whole that is not above zero: "-". */
char *ht_figure_signed_bytes(char *to, int64_t bytes);
char *ht_figure_part(char *to, int64_t part, int64_t whole);

/* "1 block", "2 blocks". */
char *ht_figure_count(char *to, uint64_t n, const char *one, const char *many);

#endif
