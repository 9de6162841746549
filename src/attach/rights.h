/* SPDX-License-Identifier: Apache-2.0 */
/* rights.h -- may this process be entered? Asked before anything is done to it
 *
 * Used by: everything that enters a process, and `heaptap doctor`.
 *
 * The kernel's own rule for ptrace decides: it is asked by opening the process's memory, which has no effect on it. When it says no, or when what
 * comes later would fail, the reason is looked for: who holds the process, whose it is, what forbids it, and what to do about that.
 */
#ifndef HT_RIGHTS_H
#define HT_RIGHTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/err.h"

/* HT_ENOTFOUND: there is no such process; HT_ETARGET: it may not or cannot be entered, why, and what to do. */
int ht_rights_check(pid_t pid, struct ht_err *err);

#define HT_YAMA_ABSENT (-1)
int ht_rights_yama(void); /* kernel.yama.ptrace_scope, 0 to 3 */
bool ht_rights_have(int capability);

#endif
