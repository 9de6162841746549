/* SPDX-License-Identifier: Apache-2.0 */
/* chunks.c -- walks a heap from chunk to chunk
 *
 * Called by: census.c, mmapped.c.
 *
 *   word of a chunk:   size / 16 << 1 | live          more than 32 GiB, and live: 1, then the size in two words
 */
#include "attach/chunks.h"

#include <stdlib.h>

#define UNIT 16u
#define CHUNK_LEAST 32u
#define UNITS_MOST (UINT32_MAX >> 1)
#define HUGE_LIVE 1u
#define PREVIOUS_IN_USE 1ull

/* ---- what was found ---------------------------------------------------------------------------------------- */

void ht_chunks_fini(struct ht_chunks *c)
{
	free(c->word);
	free(c->run);
	free(c->mapped);
	*c = (struct ht_chunks){ 0 };
}

/* Room for more in an array; false: no memory, and the answer is not whole. */
static bool has_room(struct ht_chunks *c, void **array, size_t *cap, size_t needed, size_t each)
{
	size_t more_cap = *cap ? *cap * 2 : 1024;
	void *more;

	if (needed <= *cap)
		return true;
	more = c->no_memory ? NULL : reallocarray(*array, more_cap, each);
	if (!more) {
		c->no_memory = true;
		return false;
	}
	*array = more;
	*cap = more_cap;
	return true;
}

static void add_run(struct ht_chunks *c, uint64_t at, uint32_t arena)
{
	if (has_room(c, (void **)&c->run, &c->runs_cap, c->runs + 1, sizeof(*c->run)))
		c->run[c->runs++] = (struct ht_chunk_run){ .at = at, .first_word = c->words, .arena = arena };
}

static void add_chunk(struct ht_chunks *c, uint64_t bytes, bool live)
{
	uint64_t units = bytes / UNIT;

	if (c->words + 4 > c->words_cap &&
	    !has_room(c, (void **)&c->word, &c->words_cap, c->words + 4, sizeof(*c->word)))
		return;
	if (units <= UNITS_MOST) {
		c->word[c->words++] = (uint32_t)units << 1 | live;
	} else if (live) {
		c->word[c->words++] = HUGE_LIVE;
		c->word[c->words++] = (uint32_t)bytes;
		c->word[c->words++] = (uint32_t)(bytes >> 32);
	} else {
		add_chunk(c, (uint64_t)UNITS_MOST * UNIT, false);
		add_chunk(c, bytes - (uint64_t)UNITS_MOST * UNIT, false);
	}
}

void ht_chunks_add_mapped(struct ht_chunks *c, uint64_t address, uint64_t bytes)
{
	if (has_room(c, (void **)&c->mapped, &c->mappeds_cap, c->mappeds + 1, sizeof(*c->mapped)))
		c->mapped[c->mappeds++] = (struct ht_live_block){ .address = address, .bytes = bytes };
}

void ht_chunks_rewind(struct ht_chunks *c, const struct ht_chunks *before)
{
	c->words = before->words;
	c->runs = before->runs;
	c->waiting_seen = before->waiting_seen;
}

bool ht_chunks_next(const struct ht_chunks *c, struct ht_chunk_cursor *from, struct ht_live_block *ret)
{
	while (from->word < c->words) {
		const struct ht_chunk_run *r;
		uint32_t word = c->word[from->word];
		uint64_t bytes = (uint64_t)(word >> 1) * UNIT;

		while (from->run < c->runs && c->run[from->run].first_word <= from->word)
			from->at = c->run[from->run++].at;
		r = &c->run[from->run - 1];
		if (word == HUGE_LIVE) {
			bytes = c->word[from->word + 1] | (uint64_t)c->word[from->word + 2] << 32;
			from->word += 2;
		}
		from->word++;
		*ret = (struct ht_live_block){ from->at + HT_CHUNK_HEADER, bytes - 8, r->arena };
		from->at += bytes;
		if (word & 1)
			return true;
	}
	if (from->mapped == c->mappeds)
		return false;
	*ret = c->mapped[from->mapped++];
	return true;
}

/* ---- the walk ---------------------------------------------------------------------------------------------- */

enum ht_heap_end ht_chunks_walk(struct ht_chunks *c, struct ht_peek *peek, const struct ht_stretch *h,
				const struct ht_waiting *w, uint64_t *stopped_at)
{
	size_t next_waiting = ht_waiting_from(w, h->from);
	uint64_t at = h->from, head;

	add_run(c, at, h->arena);
	ht_peek_begin(peek, at, h->end);
	head = ht_peek_word(peek, at + 8);
	for (;;) {
		uint64_t bytes = head & ~HT_CHUNK_FLAGS, next_head;
		bool used, waits;

		*stopped_at = at;
		if (at == h->top)
			return bytes == h->end - at ? HT_HEAP_TOP : HT_HEAP_BROKEN;
		if (bytes == UNIT && !peek->failed)
			return HT_HEAP_FENCE;
		if (bytes < CHUNK_LEAST || bytes % UNIT || bytes > h->end - at - CHUNK_LEAST || head & HT_CHUNK_MAPPED)
			return HT_HEAP_BROKEN;
		next_head = ht_peek_word(peek, at + bytes + 8);
		used = next_head & PREVIOUS_IN_USE;
		if (peek->failed || (!used && ht_peek_word(peek, at + bytes) != bytes) ||
		    (used && !!(head & HT_CHUNK_OTHER_ARENA) != (h->arena > 1)))
			return HT_HEAP_BROKEN;
		while (next_waiting < w->count && w->chunk[next_waiting] < at)
			next_waiting++;
		waits = next_waiting < w->count && w->chunk[next_waiting] == at;
		c->waiting_seen += waits;
		add_chunk(c, bytes, used && !waits);
		at += bytes;
		head = next_head;
	}
}
