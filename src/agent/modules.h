/* SPDX-License-Identifier: Apache-2.0 */
/* modules.h -- how the table of loaded code in the channel is changed
 *
 * Used by: loader.c, under the loader's lock. A change of the set of modules is: ht_modules_change(), then enter and leave.
 */
#ifndef HT_MODULES_H
#define HT_MODULES_H

#include "agent/stack.h"

/* The next generation: remembered stacks are forgotten. */
void ht_modules_change(void);

bool ht_modules_have(uint64_t key);

/* Of `filled`, the range, the unwind information, key, build_id and path are used. */
void ht_modules_enter(const struct ht_module *filled);

bool ht_modules_are_all(bool (*stays)(const struct ht_module *m));
void ht_modules_leave_unless(bool (*stays)(const struct ht_module *m));

#endif
