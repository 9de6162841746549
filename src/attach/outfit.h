/* SPDX-License-Identifier: Apache-2.0 */
/* outfit.h -- what the blob has to know before its door opens, and what the recorder has to know of the program it is in
 *
 * Used by: join.c, between the mapping of the foothold and the visit that puts the entries in.
 *
 * channel/blob.h says what lies where. What only a visit can tell, the distance of the thread's id, is written there.
 */
#ifndef HT_OUTFIT_H
#define HT_OUTFIT_H

#include "attach/patch.h"
#include "attach/serving.h"
#include "channel/blob.h"

#define HT_OUTFIT_IMAGE 1u /* by which the recorder knows a program that was entered */

/* `blob_at`: of its head, in the process; `channel` as it is mapped here, `shared_at` as it is there. The entries are those of `plan`, in their order. */
void ht_outfit_blob(const struct ht_serving *s, const struct ht_patch_plan *plan, const struct ht_channel *channel,
		    uint64_t shared_at, struct ht_blob *ret);

/* Describes the image in the channel, as an agent that joins does. */
void ht_outfit_image(const struct ht_process *p, const struct ht_serving *s, struct ht_channel *channel);

uint64_t ht_outfit_ticks(const struct ht_channel *channel);

#endif
