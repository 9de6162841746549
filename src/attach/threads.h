/* SPDX-License-Identifier: Apache-2.0 */
/* threads.h -- the threads of a visit, and of each its thread pointer, whether it is held or was left asleep
 *
 * Used by: tid.c, and whoever takes the census in a visit.
 *
 * A held thread's thread pointer is in its registers. Of one that was left asleep the kernel tells only where its list of robust futexes is: glibc keeps that
 * behind the thread pointer, in the same structure, and the thread pointer's own word points to itself.
 */
#ifndef HT_THREADS_H
#define HT_THREADS_H

#include "attach/census.h"
#include "attach/visit.h"

/* 0: it is not known. */
uint64_t ht_threads_pointer(const struct ht_visit *v, const struct ht_visited *t);

/* In the work of a visit: whether it is a good moment for the census (ht_census_is_quiet). */
bool ht_threads_are_quiet(const struct ht_visit *v, struct ht_census *c);

/* Takes the census, in at most so long, and stores it in `fd`, which the visitor has from the one that will load it. A thread that was left asleep and has woken up
 * since may have changed a heap meanwhile: then it is BUSY. */
int ht_threads_take_census(struct ht_visit *v, struct ht_census *c, uint64_t most_ns, int fd, struct ht_err *err);

#endif
