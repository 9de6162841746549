/* SPDX-License-Identifier: Apache-2.0 */
/* mmapped.c -- looks at the first words of pages
 *
 * Called by: census.c.
 *
 *   page ──► does a chunk begin here? an aligned one, further in? ──► on behind it, until all are found
 */
#include "attach/mmapped.h"

#define PAGE HT_PAGES_BYTES
#define ALIGNMENT_LEAST 32u
#define LEAD_LEAST 32u
#define PLACES_MOST 64u

struct hunt {
	struct ht_chunks *c;
	const struct ht_pages *pages;
	uint64_t blocks, bytes; /* still to be found */
	bool thorough;          /* look for moved ones, too */
};

/* Whether the header of an aligned block of the mapping that begins at `page` stands at `place`. */
static bool is_aligned(const struct ht_piece *head, uint64_t place, uint64_t page, uint64_t end,
		       struct ht_live_block *ret)
{
	uint64_t lead = head->word[0], bytes = head->word[1] & ~HT_CHUNK_FLAGS;

	if (lead != place - page || (head->word[1] & HT_CHUNK_FLAGS) != HT_CHUNK_MAPPED || bytes <= HT_CHUNK_HEADER ||
	    (lead + bytes) % PAGE || bytes > end - place)
		return false;
	*ret = (struct ht_live_block){ .address = place + HT_CHUNK_HEADER, .bytes = bytes - HT_CHUNK_HEADER };
	return true;
}

/* It stands at the first place that an alignment allows. */
static bool find_aligned(const struct hunt *h, uint64_t page, uint64_t old_bytes, uint64_t end,
			 struct ht_live_block *ret)
{
	uint64_t place[PLACES_MOST] = { 0 };
	struct ht_piece head[PLACES_MOST];
	size_t n = 0;

	for (uint64_t alignment = ALIGNMENT_LEAST; alignment && alignment < old_bytes && n < PLACES_MOST;
	     alignment *= 2) {
		uint64_t at = ((page + 2 * HT_CHUNK_HEADER - 1) | (alignment - 1)) + 1 - HT_CHUNK_HEADER;

		if (at - page < LEAD_LEAST)
			at += alignment;
		if (at + HT_PEEK_PIECE < end && (!n || place[n - 1] != at))
			place[n++] = at;
	}
	if (!ht_peek_gather(h->pages->peek, place, n, head))
		return false;
	for (size_t i = 0; i < n; i++)
		if (is_aligned(&head[i], place[i], page, end, ret))
			return true;
	return false;
}

/* Or, if the kernel has moved the whole since then, at the end of any page. */
static bool find_moved(const struct hunt *h, uint64_t page, uint64_t old_bytes, uint64_t region_end,
		       struct ht_live_block *ret)
{
	uint64_t place[HT_PAGES_AT_ONCE], at = page,
					  end = old_bytes < region_end - page ? page + old_bytes : region_end;
	struct ht_piece head[HT_PAGES_AT_ONCE];
	size_t count;

	while (at < end) {
		at = ht_pages_there(h->pages, at, end, place, &count);
		for (size_t i = 0; i < count; i++)
			place[i] += PAGE - HT_CHUNK_HEADER;
		if (!ht_peek_gather(h->pages->peek, place, count, head))
			return false;
		for (size_t i = 0; i < count; i++)
			if (is_aligned(&head[i], place[i], page, region_end, ret))
				return true;
	}
	return false;
}

/* The end of the block whose mapping begins at this page; 0: none does. */
static uint64_t take(struct hunt *h, uint64_t page, const struct ht_piece *head, uint64_t end)
{
	uint64_t bytes = head->word[1] & ~HT_CHUNK_FLAGS, whole = bytes;
	struct ht_live_block b = { page + HT_CHUNK_HEADER, bytes - HT_CHUNK_HEADER, 0 };

	if (head->word[0] || (head->word[1] & HT_CHUNK_FLAGS) != HT_CHUNK_MAPPED || !bytes || bytes % PAGE)
		return 0;
	if (find_aligned(h, page, bytes, end, &b) || (h->thorough && find_moved(h, page, bytes, end, &b)))
		whole = b.address + b.bytes - page;
	if (whole > end - page)
		return 0;
	ht_chunks_add_mapped(h->c, b.address, b.bytes);
	h->blocks--;
	h->bytes -= whole;
	return page + whole;
}

static uint64_t visit(void *with, uint64_t page, const struct ht_piece *head, uint64_t end)
{
	struct hunt *h = with;
	uint64_t next = take(h, page, head, end);

	return h->blocks ? next : HT_PAGES_ENOUGH;
}

bool ht_mmapped_find(struct ht_chunks *c, const struct ht_pages *pages, uint64_t blocks, uint64_t bytes)
{
	for (int thorough = 0; thorough < 2 && blocks; thorough++) {
		struct hunt h = { .c = c, .pages = pages, .blocks = blocks, .bytes = bytes, .thorough = thorough };

		c->mappeds = 0;
		if (!ht_pages_each(pages, visit, &h))
			return false;
		if (!h.blocks && !h.bytes)
			return true;
	}
	return !blocks && !bytes;
}
