/* SPDX-License-Identifier: Apache-2.0 */
/* pieces.c -- finds the pieces of a main heap that is not one stretch
 *
 * Called by: census.c.
 */
#include "attach/pieces.h"

#define FENCE_BYTES 32u
#define FIRST_HEAD_FLAGS 1ull /* the chunk before it is "used": there is none */

struct search {
	struct ht_chunks *c;
	const struct ht_pages *pages;
	const struct ht_waiting *waiting;
	uint64_t top, top_end, base;
	uint64_t bytes; /* still to be found */
};

/* The end of the piece that begins there, its first chunk at the next place that is aligned; 0: none does. */
static uint64_t take(struct search *s, uint64_t piece, uint64_t region_end)
{
	uint64_t from = (piece + 15) & ~15ull;
	bool has_top = s->top >= from && s->top_end <= region_end;
	const struct ht_stretch h = { from, has_top ? s->top_end : region_end, has_top ? s->top : 0, 1 };
	const struct ht_chunks before = *s->c;
	uint64_t at;
	enum ht_heap_end end = ht_chunks_walk(s->c, s->pages->peek, &h, s->waiting, &at);
	uint64_t to = end == HT_HEAP_TOP ? s->top_end : at + FENCE_BYTES;

	if ((end == HT_HEAP_TOP || (end == HT_HEAP_FENCE && at > from)) && to - piece <= s->bytes) {
		s->bytes -= to - piece;
		return to;
	}
	ht_chunks_rewind(s->c, &before);
	return 0;
}

static uint64_t visit(void *with, uint64_t page, const struct ht_piece *head, uint64_t end)
{
	struct search *s = with;
	uint64_t to;

	if (head->word[0] || (head->word[1] & HT_CHUNK_FLAGS) != FIRST_HEAD_FLAGS || page == s->base)
		return 0;
	to = take(s, page, end);
	return s->bytes ? to : HT_PAGES_ENOUGH;
}

bool ht_pieces_walk(struct ht_chunks *c, const struct ht_pages *pages, const struct ht_waiting *w,
		    const struct ht_glibc_arena *a, uint64_t base)
{
	const struct ht_region *r = ht_process_at(pages->peek->process, base);
	struct search s = {
		.c = c, .pages = pages, .waiting = w, .top = a->top, .base = base, .bytes = a->system_bytes
	};
	uint64_t head;

	if (!r || !ht_process_read(pages->peek->process, a->top + 8, &head, sizeof(head)))
		return false;
	s.top_end = a->top + (head & ~HT_CHUNK_FLAGS);
	if (s.top_end <= s.top || !take(&s, base, r->end))
		return false;
	return !s.bytes || (ht_pages_each(pages, visit, &s) && !s.bytes);
}
