/* SPDX-License-Identifier: Apache-2.0 */
/* mmapped.c -- looks at the first words of pages
 *
 * Called by: census.c.
 *
 *   anonymous region ──pagemap──► pages that are there ──gather──► does a chunk begin here? ──► skip it, and go on behind it
 */
#include "attach/mmapped.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "util/cleanup.h"

#define PAGE 4096u
#define PAGES_AT_ONCE 512u
#define PAGE_IS_THERE (3ull << 62) /* in memory, or in swap */
#define ALIGNMENT_LEAST 32u
#define LEAD_LEAST 32u
#define PLACES_MOST 64u

struct hunt {
	struct ht_chunks *c;
	struct ht_peek *peek;
	int pagemap;
	uint64_t blocks, bytes; /* still to be found */
	uint64_t region_end;
	bool thorough; /* look for moved ones, too */
};

static bool may_hold(const struct ht_region *r)
{
	return !r->inode && r->writable && !r->shared && strcmp(r->path, "[heap]") && strncmp(r->path, "[stack", 6);
}

/* Of the pages from `at` on, those that are there; behind the last one that was asked for. */
static uint64_t pages_there(const struct hunt *h, uint64_t at, uint64_t end, uint64_t *page, size_t *count)
{
	uint64_t entry[PAGES_AT_ONCE];
	size_t n = (end - at) / PAGE < PAGES_AT_ONCE ? (size_t)((end - at) / PAGE) : PAGES_AT_ONCE;
	bool known = h->pagemap >= 0 && pread(h->pagemap, entry, n * 8, (off_t)(at / PAGE * 8)) == (ssize_t)(n * 8);

	*count = 0;
	for (size_t i = 0; i < n; i++)
		if (!known || entry[i] & PAGE_IS_THERE)
			page[(*count)++] = at + i * PAGE;
	return at + n * PAGE;
}

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
static bool find_aligned(const struct hunt *h, uint64_t page, uint64_t old_bytes, struct ht_live_block *ret)
{
	uint64_t place[PLACES_MOST];
	struct ht_piece head[PLACES_MOST];
	size_t n = 0;

	for (uint64_t alignment = ALIGNMENT_LEAST; alignment && alignment < old_bytes && n < PLACES_MOST;
	     alignment *= 2) {
		uint64_t at = ((page + 2 * HT_CHUNK_HEADER - 1) | (alignment - 1)) + 1 - HT_CHUNK_HEADER;

		if (at - page < LEAD_LEAST)
			at += alignment;
		if (at + HT_PEEK_PIECE < h->region_end && (!n || place[n - 1] != at))
			place[n++] = at;
	}
	if (!ht_peek_gather(h->peek, place, n, head))
		return false;
	for (size_t i = 0; i < n; i++)
		if (is_aligned(&head[i], place[i], page, h->region_end, ret))
			return true;
	return false;
}

/* Or, if the kernel has moved the whole since then, at the end of any page. */
static bool find_moved(const struct hunt *h, uint64_t page, uint64_t old_bytes, struct ht_live_block *ret)
{
	uint64_t place[PAGES_AT_ONCE], at = page,
				       end = old_bytes < h->region_end - page ? page + old_bytes : h->region_end;
	struct ht_piece head[PAGES_AT_ONCE];
	size_t count;

	while (at < end) {
		at = pages_there(h, at, end, place, &count);
		for (size_t i = 0; i < count; i++)
			place[i] += PAGE - HT_CHUNK_HEADER;
		if (!ht_peek_gather(h->peek, place, count, head))
			return false;
		for (size_t i = 0; i < count; i++)
			if (is_aligned(&head[i], place[i], page, h->region_end, ret))
				return true;
	}
	return false;
}

/* The end of the block whose mapping begins at this page; 0: none does. */
static uint64_t take(struct hunt *h, uint64_t page, const struct ht_piece *head)
{
	uint64_t bytes = head->word[1] & ~HT_CHUNK_FLAGS, whole = bytes;
	struct ht_live_block b = { page + HT_CHUNK_HEADER, bytes - HT_CHUNK_HEADER, 0 };

	if (head->word[0] || (head->word[1] & HT_CHUNK_FLAGS) != HT_CHUNK_MAPPED || !bytes || bytes % PAGE)
		return 0;
	if (find_aligned(h, page, bytes, &b) || (h->thorough && find_moved(h, page, bytes, &b)))
		whole = b.address + b.bytes - page;
	if (whole > h->region_end - page)
		return 0;
	ht_chunks_add_mapped(h->c, b.address, b.bytes);
	h->blocks--;
	h->bytes -= whole;
	return page + whole;
}

static bool search_region(struct hunt *h, const struct ht_region *r)
{
	uint64_t page[PAGES_AT_ONCE], at = r->start;
	struct ht_piece head[PAGES_AT_ONCE];
	size_t count;

	h->region_end = r->end;
	while (at < r->end && h->blocks) {
		uint64_t next = pages_there(h, at, r->end, page, &count);

		if (!ht_peek_gather(h->peek, page, count, head))
			return false;
		for (size_t i = 0; i < count && h->blocks; i++) {
			uint64_t end = page[i] < at ? 0 : take(h, page[i], &head[i]);

			at = end ? end : at;
		}
		at = at > next ? at : next;
	}
	return true;
}

/* Whether exactly those were found. */
static bool search_all(struct hunt *h)
{
	const struct ht_process *p = h->peek->process;

	for (size_t i = 0; i < p->regions && h->blocks; i++)
		if (may_hold(&p->region[i]) && !search_region(h, &p->region[i]))
			return false;
	return !h->blocks && !h->bytes;
}

bool ht_mmapped_find(struct ht_chunks *c, struct ht_peek *peek, uint64_t blocks, uint64_t bytes)
{
	struct hunt h = { .c = c, .peek = peek, .blocks = blocks, .bytes = bytes };
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/pagemap", (int)peek->process->pid);
	ht_auto(fd) int pagemap = blocks ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	h.pagemap = pagemap;
	if (search_all(&h))
		return true;
	c->mappeds = 0;
	h.blocks = blocks;
	h.bytes = bytes;
	h.thorough = true;
	return search_all(&h);
}
