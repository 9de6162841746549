/* SPDX-License-Identifier: Apache-2.0 */
/* decode.h -- cells of a ring become threads, rows and losses
 *
 * Used by: drain.c, which brings private copies of the cells of one ring, in order.
 */
#ifndef HT_DECODE_H
#define HT_DECODE_H

#include "channel/channel.h"
#include "collect/streams.h"

struct ht_decoder {
	struct ht_streams *streams;
	struct ht_stream *stream; /* NULL before the ring's first HT_CELL_THREAD */
	uint32_t image;
	uint64_t ticks;         /* of the last cell with a time */
	uint64_t address, size; /* of escape cells, for the next event */
	bool has_address, has_size;
};

enum ht_decoded {
	HT_DECODED_ALL,
	HT_DECODED_LINK,   /* the ring goes on in the next segment */
	HT_DECODED_DAMAGE, /* a cell broke a rule of channel.h; nothing behind it is believed */
};

enum ht_decoded ht_decode(struct ht_decoder *d, const struct ht_cell *cell, uint32_t count);

#endif
