/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint.h -- adds live sets to a trace, so that a question about a part of the time need not read all before it
 *
 * Caller: show/checkpoint.c.
 *
 *   before   S I T [events]......................[events] END INDEX
 *   after    S I T [events]......................[events] END INDEX  K1 K1 K2 K3 ... INDEX
 *
 * The trace is replayed once. Whenever so much of it has passed that a live set is worth its room, and nothing is under way
 * that it would not show, the live blocks of all processes are written behind the file. Nothing that was there is changed.
 *
 * Always true:
 *   W1  only a trace without damage and gaps gets checkpoints: what they say need not be doubted later
 *   W2  they take at most about a quarter of what the events take
 *   W3  if something goes wrong, the file is as long as before; what an interrupted run left behind is cut off by the next one
 *
 * docs/trace-format.md, section 5.12.
 */
#ifndef HT_CHECKPOINT_H
#define HT_CHECKPOINT_H

#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

struct ht_checkpoint_sums {
	size_t made, there_before; /* checkpoints; one of them is 0 */
	uint64_t bytes;            /* by which the file grew */
};

/* HT_EDAMAGED: the trace is not whole. */
int ht_checkpoint_add(const char *path, struct ht_checkpoint_sums *ret, struct ht_err *err);

#endif
