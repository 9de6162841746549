/* SPDX-License-Identifier: Apache-2.0 */
/* gaps.h -- sequence numbers of a stream, below its highest, that neither a row nor a LOSS record covers
 *
 * Caller: model.c, once all blocks are sorted.
 *
 *   rows      |=====|          |====|
 *   losses          |xx|
 *   missing            |??????|
 */
#ifndef HT_GAPS_H
#define HT_GAPS_H

#include "inspect/model.h"

uint64_t ht_gaps_missing(const struct ht_model *t, const struct ht_stream *s);

/* a + b, or the highest number there is. */
uint64_t ht_gaps_add(uint64_t a, uint64_t b);

#endif
