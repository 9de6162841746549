/* SPDX-License-Identifier: Apache-2.0 */
/* gist.h -- the two figures of a trace that people ask for first
 *
 * Caller: show/record.c, when a recording has ended. They are what heaptap-report(1) calls peak and leaked.
 */
#ifndef HT_GIST_H
#define HT_GIST_H

#include <stdint.h>

#include "util/err.h"

struct ht_gist {
	uint64_t peak_bytes, peak_count;
	uint64_t leaked_bytes, leaked_count;
};

/* Replays the whole trace. One that is damaged has no gist. */
int ht_gist_take(const char *path, struct ht_gist *ret, struct ht_err *err);

#endif
