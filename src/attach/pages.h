/* SPDX-License-Identifier: Apache-2.0 */
/* pages.h -- the first words of every page of anonymous memory that was ever written
 *
 * Used by: mmapped.c, pieces.c.
 *
 * /proc/PID/pagemap tells which pages there are: of a terabyte that is reserved, the few that are in use.
 */
#ifndef HT_PAGES_H
#define HT_PAGES_H

#include "attach/peek.h"

#define HT_PAGES_BYTES 4096u
#define HT_PAGES_AT_ONCE 512u
#define HT_PAGES_ENOUGH UINT64_MAX

struct ht_pages {
	struct ht_peek *peek;
	int map; /* -1: it cannot be read, all pages are taken to be there */
};

void ht_pages_open(struct ht_pages *p, struct ht_peek *peek);
void ht_pages_close(struct ht_pages *p);

/* Of at most HT_PAGES_AT_ONCE pages from `at` on, those that are there. Returns where the next ones begin. */
uint64_t ht_pages_there(const struct ht_pages *p, uint64_t at, uint64_t end, uint64_t page[HT_PAGES_AT_ONCE],
			size_t *count);

/* Calls `visit` for each page with its first words, and the end of its region. It returns where to go on, 0: at the next page,
 * HT_PAGES_ENOUGH: nowhere. False: the deadline has passed. */
typedef uint64_t ht_pages_visit(void *with, uint64_t page, const struct ht_piece *head, uint64_t end);
bool ht_pages_each(const struct ht_pages *p, ht_pages_visit *visit, void *with);

#endif
