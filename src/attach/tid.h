/* SPDX-License-Identifier: Apache-2.0 */
/* tid.h -- at which distance from the thread pointer a process's libc keeps a thread's id
 *
 * Used by: whoever enters a process, during the visit.
 *
 * The blob tells threads apart by it (channel/blob.h: tid_offset). It is looked for, not known: every libc has its own, in each version. Where glibc and
 * musl had it last is tried first.
 *
 * Always true: the word at the distance is the id, as the process itself sees it, of every thread whose thread pointer can be known (threads.h), and no other distance is as good;
 * else it is refused.
 */
#ifndef HT_TID_H
#define HT_TID_H

#include "attach/visit.h"

/* HT_ETARGET: there is none, or more than one. */
int ht_tid_offset(const struct ht_visit *v, uint32_t *ret, struct ht_err *err);

#endif
