/* SPDX-License-Identifier: Apache-2.0 */
/* peek.h -- much of another process's memory, read quickly: forward through a stretch, or many words all over it
 *
 * Used by: chunks.c, waiting.c, mmapped.c, while the process stands still.
 *
 *   window   at ──► [ 64 bytes ... 256 KiB of it, as long as the reader goes on ]       a jump over a large block starts small again
 *   gather   place[0] ──► 16 bytes, place[1] ──► 16 bytes, ...                       a thousand with one system call
 *
 * Always true: what cannot be read is zeros, and said so; a stretch is never read beyond its end, nor after the deadline.
 */
#ifndef HT_PEEK_H
#define HT_PEEK_H

#include <string.h>

#include "attach/process.h"

#define HT_PEEK_PIECE 16u

struct ht_peek {
	const struct ht_process *process;
	uint64_t until_ns; /* CLOCK_MONOTONIC */
	uint8_t *bytes;
	uint64_t at, end; /* of the stretch: nothing at or behind `end` is read */
	size_t len, want;
	bool failed, late;
};

struct ht_piece {
	uint64_t word[HT_PEEK_PIECE / 8];
};

int ht_peek_init(struct ht_peek *w, const struct ht_process *p, uint64_t until_ns, struct ht_err *err);
void ht_peek_fini(struct ht_peek *w);

/* A new stretch. */
void ht_peek_begin(struct ht_peek *w, uint64_t at, uint64_t end);
uint64_t ht_peek_word_slow(struct ht_peek *w, uint64_t at);

/* The word at an address; mostly the next one. */
static inline uint64_t ht_peek_word(struct ht_peek *w, uint64_t at)
{
	uint64_t word;

	if (at < w->at || at + sizeof(word) > w->at + w->len)
		return ht_peek_word_slow(w, at);
	memcpy(&word, w->bytes + (at - w->at), sizeof(word));
	return word;
}

/* How much of it could be read. */
size_t ht_peek_bytes(const struct ht_process *p, uint64_t at, void *to, size_t n);

/* The pieces at `count` places; false: the deadline has passed. */
bool ht_peek_gather(struct ht_peek *w, const uint64_t *place, size_t count, struct ht_piece *ret);

#endif
