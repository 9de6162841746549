/* SPDX-License-Identifier: Apache-2.0 */
/* play.h -- what can happen in a play of fuzz_drain.c, one byte each
 *
 * The numbers that follow each are read where it is played; seeds.c writes some plays that begin well.
 */
#ifndef HT_PLAY_H
#define HT_PLAY_H

enum play_act {
	/* the target */
	PLAY_CLAIM,  /* slot, tid 2 bytes, image */
	PLAY_EVENTS, /* slot, count, then kind, context, delta, 6 bytes of address and size for each */
	PLAY_CELLS,  /* slot, count, then 16 bytes for each */
	PLAY_THREAD, /* slot, tid 3 bytes: another thread takes the slot over */
	PLAY_LINK,   /* slot, segment; from 8 on the one that the pool gives */
	PLAY_NODE,   /* number, kind, generation, pc 4 bytes, parent 2 bytes */
	PLAY_IMAGE,  /* number, status, place in the name from which on it is filled */
	PLAY_MODULE, /* place, image, generation, start 6 bytes, pages, length of the build id, state */
	PLAY_ANY,    /* place 3 bytes, 8 bytes: anywhere in front of the segments */
	PLAY_SLOT,   /* slot, place, 8 bytes */
	/* the recorder */
	PLAY_ROUND,
	PLAY_REAP,
	PLAY_FLUSH,
	PLAY_COUNT
};

#endif
