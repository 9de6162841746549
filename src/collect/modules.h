/* SPDX-License-Identifier: Apache-2.0 */
/* modules.h -- the code that the target's loader has mapped, as the target tells it
 *
 * Used by: contexts.c before it names a pc, mappings.c, which tells what the loader does not know of, recording.c.
 *
 * Always true: U1  a module's record stands before the first context of its generation
 */
#ifndef HT_COLLECT_MODULES_H
#define HT_COLLECT_MODULES_H

#include <stdbool.h>

#include "collect/session.h"
#include "collect/trace.h"

struct ht_modules {
	struct ht_session *session;
	struct ht_trace *trace;
	struct ht_told_module *told; /* of each place in the table */
	uint32_t limit, changes;     /* the channel's module_limit; what was seen */
};

int ht_modules_init(struct ht_modules *m, struct ht_session *s, struct ht_trace *t, struct ht_err *err);
void ht_modules_fini(struct ht_modules *m);

/* Puts a record for each module that came or went. */
void ht_modules_read(struct ht_modules *m);

/* Gives the places in the table that the next modules may take memory behind them. */
void ht_modules_refill(struct ht_modules *m);

/* Takes the places of an image that is gone back; 0: of none. */
void ht_modules_forget(struct ht_modules *m, uint32_t image);

/* Whether a module of this image that was told lies in the range. */
bool ht_modules_tell(const struct ht_modules *m, uint64_t image, uint64_t start, uint64_t end);

#endif
