/* SPDX-License-Identifier: Apache-2.0 */
/* payload.h -- build/blob.bin, as it was linked into this program
 *
 * Used by: join.c. What is in it and what lies behind it: channel/blob.h.
 */
#ifndef HT_PAYLOAD_H
#define HT_PAYLOAD_H

#include "channel/blob.h"

extern const uint8_t ht_payload[], ht_payload_end[]; /* begins with a struct ht_blob_head */

#endif
