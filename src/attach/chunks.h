/* SPDX-License-Identifier: Apache-2.0 */
/* chunks.h -- glibc's chunks: how they follow each other in a heap, and the live ones kept in few bytes
 *
 * Used by: census.c, mmapped.c.
 *
 *        chunk                          next chunk
 *   ───┬──────────┬──────────┬────────┬──────────┬──────────┬───        size: bytes up to the next one, and three flags:
 *      │ previous │ size  AMP │ block │ previous │ size  AMP │            P the chunk before is used, M has a mapping of its own,
 *   ───┴──────────┴──────────┴────────┴──────────┴──────────┴───          A of another arena than the main one
 *
 * So a chunk is used if the next one says so, and is not waiting in a list (waiting.h). The last one of a heap is the arena's top, or two
 * of the size 16 and less ("fence") where a heap was closed.
 *
 * Always true:
 *   C1  no size is believed that leads beyond the heap, is no multiple of 16, or disagrees with what the next chunk says of a free one
 *   C2  memory: 4 bytes for a chunk of 32 bytes or more, 16 for a block with a mapping of its own
 */
#ifndef HT_CHUNKS_H
#define HT_CHUNKS_H

#include "attach/waiting.h"

#define HT_CHUNK_MAPPED 2ull
#define HT_CHUNK_OTHER_ARENA 4ull
#define HT_CHUNK_FLAGS 7ull
#define HT_CHUNK_HEADER 16u

struct ht_live_block {
	uint64_t address, bytes; /* usable */
	uint32_t arena;          /* 1: the main one; 2, 3, ...: others; 0: it has a mapping of its own */
};

struct ht_chunk_run {
	uint64_t at;
	size_t first_word;
	uint32_t arena;
};

struct ht_chunks {
	uint32_t *word; /* a chunk: its size in units of 16, shifted, and whether it is live */
	size_t words, words_cap;
	struct ht_chunk_run *run;
	size_t runs, runs_cap;
	struct ht_live_block *mapped;
	size_t mappeds, mappeds_cap;
	size_t waiting_seen;
	bool no_memory;
};

/* A stretch of chunks. */
struct ht_stretch {
	uint64_t from, end;
	uint64_t top; /* the arena's last chunk; 0: it is not in here */
	uint32_t arena;
};

enum ht_heap_end { HT_HEAP_TOP, HT_HEAP_FENCE, HT_HEAP_BROKEN };

void ht_chunks_fini(struct ht_chunks *c);

/* Adds the chunks of a heap; how it ended, and where. */
enum ht_heap_end ht_chunks_walk(struct ht_chunks *c, struct ht_peek *peek, const struct ht_stretch *h,
				const struct ht_waiting *w, uint64_t *stopped_at);
void ht_chunks_add_mapped(struct ht_chunks *c, uint64_t address, uint64_t bytes);

/* Takes back what was added since `before` was copied. */
void ht_chunks_rewind(struct ht_chunks *c, const struct ht_chunks *before);

/* From block to block: begins with zeros. */
struct ht_chunk_cursor {
	size_t run, word, mapped;
	uint64_t at;
};
bool ht_chunks_next(const struct ht_chunks *c, struct ht_chunk_cursor *from, struct ht_live_block *ret);

#endif
