/* SPDX-License-Identifier: Apache-2.0 */
/* quantity.h -- amounts as people write them
 *
 * For options, and for files that people write. The whole word has to be the amount.
 *
 *   bytes   4096  64K  500M  2G  1T        K is 1024; small letters too
 *   time    10ns  250us  1.5s  2min  1h    never without a unit; a part of a nanosecond is cut off
 *   count   1000  1e6  2.5e3               whole, at most 2^53
 *   share   10%  0.5%  250%                kept in millionths
 *   pid     1234                           of a process
 *
 * What is refused is said so that an option can be put in front: "64X: not a size; ...".
 */
#ifndef HT_QUANTITY_H
#define HT_QUANTITY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/err.h"

#define HT_SHARE_WHOLE 1000000u /* 100 % */

int ht_quantity_bytes(const char *word, uint64_t *ret, struct ht_err *err);
int ht_quantity_ns(const char *word, uint64_t *ret, struct ht_err *err);
int ht_quantity_count(const char *word, uint64_t *ret, struct ht_err *err);
int ht_quantity_share(const char *word, uint64_t *ret, struct ht_err *err);
int ht_quantity_pid(const char *word, pid_t *ret, struct ht_err *err);

/* Whether it is meant as a share: it ends with a percent sign. */
bool ht_quantity_is_share(const char *word);

#endif
