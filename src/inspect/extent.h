/* SPDX-License-Identifier: Apache-2.0 */
/* extent.h -- which blocks of a trace a question about a part of the time needs
 *
 * Caller: model.c, while it loads.
 *
 *   file       S I T ... [events][events][events][events][events][events][events] ... END INDEX  K1  K2  K3  INDEX
 *   window                                |from      to|
 *   needed     S I T ...         [events  events][events] ...  END INDEX      K2        from the last checkpoint before it
 *
 * A checkpoint (docs/trace-format.md, section 5.12) is made of whole traces only (checkpoint.c), so what lies before it needs
 * no second look. Where there is none, nothing is saved.
 */
#ifndef HT_EXTENT_H
#define HT_EXTENT_H

#include "inspect/model.h"

struct ht_extent {
	uint64_t from_ns, to_ns;
	uint64_t until_ticks; /* blocks that begin later are not needed */
};

/* Whether the block is needed in any case: no events, no checkpoint. */
bool ht_extent_is_frame(const struct ht_block_at *b);

/* Finds the checkpoint and the moments, once the frame is loaded. */
void ht_extent_choose(struct ht_model *t, struct ht_extent *e);

/* Whether the block is needed for this window: its events, and its checkpoint. */
bool ht_extent_needs(const struct ht_model *t, const struct ht_extent *e, const struct ht_block_at *b);

/* Keeps the live blocks of a checkpoint that is needed; of others it only sees that they parse. */
int ht_extent_take_checkpoint(struct ht_model *t, const struct ht_block_at *b, struct ht_cursor c, struct ht_err *err);

/* Notes an event block without reading it: that is done once, when its rows are replayed. A stream's blocks stand in order. */
int ht_extent_note_events(struct ht_model *t, size_t i, struct ht_err *err);

/* HT_EDAMAGED: it cannot be answered from this part alone. */
int ht_extent_check(const struct ht_model *t, struct ht_err *err);

#endif
