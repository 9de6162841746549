/* SPDX-License-Identifier: Apache-2.0 */
/* pages.c -- goes through anonymous regions, 512 pages at a time
 *
 * Called by: mmapped.c, pieces.c.
 */
#include "attach/pages.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define PAGE_IS_THERE (3ull << 62) /* in memory, or in swap */

void ht_pages_open(struct ht_pages *p, struct ht_peek *peek)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/pagemap", (int)peek->process->pid);
	*p = (struct ht_pages){ .peek = peek, .map = open(path, O_RDONLY | O_CLOEXEC) };
}

void ht_pages_close(struct ht_pages *p)
{
	if (p->map >= 0)
		close(p->map);
	p->map = -1;
}

uint64_t ht_pages_there(const struct ht_pages *p, uint64_t at, uint64_t end, uint64_t page[HT_PAGES_AT_ONCE],
			size_t *count)
{
	uint64_t entry[HT_PAGES_AT_ONCE], pages = (end - at) / HT_PAGES_BYTES;
	size_t n = pages < HT_PAGES_AT_ONCE ? (size_t)pages : HT_PAGES_AT_ONCE;
	bool known = p->map >= 0 && pread(p->map, entry, n * 8, (off_t)(at / HT_PAGES_BYTES * 8)) == (ssize_t)(n * 8);

	*count = 0;
	for (size_t i = 0; i < n; i++)
		if (!known || entry[i] & PAGE_IS_THERE)
			page[(*count)++] = at + i * HT_PAGES_BYTES;
	return at + n * HT_PAGES_BYTES;
}

/* malloc's own [heap] and the stacks hold no mapping of a block. */
static bool is_anonymous(const struct ht_region *r)
{
	return !r->inode && r->writable && !r->shared && strcmp(r->path, "[heap]") && strncmp(r->path, "[stack", 6);
}

/* Where to go on behind the pages that were asked for; HT_PAGES_ENOUGH. */
static uint64_t visit_some(const struct ht_pages *p, uint64_t at, uint64_t end, ht_pages_visit *visit, void *with)
{
	uint64_t page[HT_PAGES_AT_ONCE], next;
	struct ht_piece head[HT_PAGES_AT_ONCE];
	size_t count;

	next = ht_pages_there(p, at, end, page, &count);
	if (!ht_peek_gather(p->peek, page, count, head))
		return HT_PAGES_ENOUGH;
	for (size_t i = 0; i < count && at != HT_PAGES_ENOUGH; i++) {
		uint64_t to = page[i] < at ? 0 : visit(with, page[i], &head[i], end);

		at = to ? to : at;
	}
	return at > next ? at : next;
}

bool ht_pages_each(const struct ht_pages *p, ht_pages_visit *visit, void *with)
{
	const struct ht_process *process = p->peek->process;

	for (size_t i = 0; i < process->regions; i++) {
		const struct ht_region *r = &process->region[i];
		uint64_t at = is_anonymous(r) ? r->start : r->end;

		while (at < r->end)
			at = visit_some(p, at, r->end, visit, with);
		if (at == HT_PAGES_ENOUGH)
			break;
	}
	return !p->peek->late;
}
