/* SPDX-License-Identifier: Apache-2.0 */
/* unit.h -- what every unit test needs: cmocka, errors that print themselves, numbers that come back the same
 *
 * Included by tests/unit/NAME.c, one program each, linked with everything but main. One test is one claim about one
 * function. The random numbers are xorshift64*, started from a constant: a failure can be had again.
 */
#ifndef HT_UNIT_H
#define HT_UNIT_H

#include <setjmp.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/err.h"

/* Fails with the error's own words. */
static inline void expect_ok(int rc, const struct ht_err *err)
{
	if (rc < 0)
		fail_msg("%d: %s", rc, err->text);
}

struct random {
	uint64_t state;
};

static inline uint64_t next_random(struct random *r)
{
	r->state ^= r->state >> 12;
	r->state ^= r->state << 25;
	r->state ^= r->state >> 27;
	return r->state * 0x2545f4914f6cdd1d;
}

/* Of random length, so that small numbers are as likely as large ones. */
static inline uint64_t next_random_number(struct random *r)
{
	unsigned bits = next_random(r) % 65;

	return bits ? next_random(r) >> (64 - bits) : 0;
}

#endif
