/* SPDX-License-Identifier: Apache-2.0 */
/* live.c -- an open-addressed table of live blocks, linear from the hash, with no tombstones
 *
 * Taking a block moves later ones of its run back into the gap, so a run is never longer than its blocks:
 *
 *   [ A ][ B ][ C ][   ]    take A, B hashes to its own place, C to A's:    [ C ][ B ][   ][   ]
 *
 * The hash is one multiplication: addresses differ in their middle bits, the product's top bits mix all of them.
 *
 * A page counts the tables that have it. All tables have the empty page in place of those where nothing was ever put; so
 * a table costs what is in it, and every write asks the same question: is this page mine alone?
 */
#include "inspect/live.h"

#include <stdlib.h>
#include <string.h>

#include "util/err.h"

#define FIRST_BITS 10
#define PAGE_BITS 6
#define PAGE_PLACES ((size_t)1 << PAGE_BITS)

struct ht_live_page {
	uint64_t tables;
	struct ht_live_block place[PAGE_PLACES];
};

/* Of nobody, so never written to. */
static struct ht_live_page empty_page = { .tables = UINT64_MAX / 2 };

static inline size_t home_of(const struct ht_live *l, uint64_t address)
{
	return (size_t)(address * 0x9e3779b97f4a7c15u >> l->shift);
}

static inline size_t mask_of(const struct ht_live *l)
{
	return ((size_t)1 << (64 - l->shift)) - 1;
}

static inline size_t pages_of(const struct ht_live *l)
{
	return l->page ? (mask_of(l) + 1) >> PAGE_BITS : 0;
}

static inline struct ht_live_block *at(const struct ht_live *l, size_t i)
{
	return &l->page[i >> PAGE_BITS]->place[i & (PAGE_PLACES - 1)];
}

/* The place of this address, or the empty one where it would go. */
static inline size_t place_of(const struct ht_live *l, uint64_t address)
{
	size_t mask = mask_of(l), i = home_of(l, address);

	while (at(l, i)->address && at(l, i)->address != address)
		i = (i + 1) & mask;
	return i;
}

/* ---- pages ------------------------------------------------------------------------------------------------- */

static void let_go(struct ht_live_page *p)
{
	if (p != &empty_page && !--p->tables)
		free(p);
}

/* Makes the page of this place the table's own. Without a copy it is, and the count in the page, which would have to be fetched
 * for it, need not be asked. */
static bool own(struct ht_live *l, size_t i)
{
	struct ht_live_page **page = &l->page[i >> PAGE_BITS], *mine;

	if (*page != &empty_page && (!l->is_shared || (*page)->tables == 1))
		return true;
	mine = *page == &empty_page ? calloc(1, sizeof(*mine)) : malloc(sizeof(*mine));
	if (!mine)
		return false;
	if (*page != &empty_page)
		memcpy(mine, *page, sizeof(*mine));
	mine->tables = 1;
	let_go(*page);
	*page = mine;
	return true;
}

/* The pages from this place to the end of its run. */
static bool own_run(struct ht_live *l, size_t i)
{
	size_t mask = mask_of(l);

	for (; at(l, i)->address; i = (i + 1) & mask)
		if (!own(l, i))
			return false;
	return true;
}

void ht_live_fini(struct ht_live *l)
{
	for (size_t i = 0; i < pages_of(l); i++)
		let_go(l->page[i]);
	free(l->page);
	*l = (struct ht_live){ 0 };
}

static bool make_pages(struct ht_live *l)
{
	l->page = malloc(((mask_of(l) + 1) >> PAGE_BITS) * sizeof(struct ht_live_page *));
	for (size_t i = 0; i < pages_of(l); i++)
		l->page[i] = &empty_page;
	return l->page;
}

static bool grow(struct ht_live *l)
{
	struct ht_live bigger = *l;
	size_t places = pages_of(l) << PAGE_BITS;

	bigger.shift = l->page ? l->shift - 1 : 64 - FIRST_BITS;
	bigger.is_shared = false;
	if (!make_pages(&bigger))
		return false;
	for (size_t i = 0; i < places; i++) {
		size_t to;

		if (!at(l, i)->address)
			continue;
		to = place_of(&bigger, at(l, i)->address);
		if (!own(&bigger, to)) {
			ht_live_fini(&bigger);
			return false;
		}
		*at(&bigger, to) = *at(l, i);
	}
	ht_live_fini(l);
	*l = bigger;
	return true;
}

bool ht_live_copy(struct ht_live *l, struct ht_live *ret)
{
	struct ht_live copy = *l;

	if (l->page) {
		copy.page = malloc(pages_of(l) * sizeof(struct ht_live_page *));
		if (!copy.page)
			return false;
		memcpy(copy.page, l->page, pages_of(l) * sizeof(struct ht_live_page *));
		for (size_t i = 0; i < pages_of(l); i++)
			if (copy.page[i] != &empty_page)
				copy.page[i]->tables++;
		copy.is_shared = l->is_shared = true;
	}
	*ret = copy;
	return true;
}

/* ---- blocks ------------------------------------------------------------------------------------------------ */

/* 1: it is in the table now; 0: there was one at its address, which does not go; HT_ESYSTEM: memory ran out. */
static inline int put(struct ht_live *l, const struct ht_live_block *new, bool replaces)
{
	struct ht_live_block *b;
	size_t i;

	if (!new->address) {
		if (l->has_zero && !replaces)
			return 0;
		l->bytes += new->size - (l->has_zero ? l->zero.size : 0);
		l->has_zero = true;
		l->zero = *new;
		return 1;
	}
	if ((!l->page || l->count >= (mask_of(l) + 1) / 4 * 3) && !grow(l))
		return HT_ESYSTEM;
	i = place_of(l, new->address);
	if (at(l, i)->address && !replaces)
		return 0;
	if (!own(l, i))
		return HT_ESYSTEM;
	b = at(l, i);
	if (!b->address)
		l->count++;
	else
		l->bytes -= b->size;
	*b = *new;
	l->bytes += new->size;
	return 1;
}

bool ht_live_put(struct ht_live *l, const struct ht_live_block *new)
{
	return put(l, new, true) > 0;
}

int ht_live_add(struct ht_live *l, const struct ht_live_block *new)
{
	return put(l, new, false);
}

void ht_live_expect(const struct ht_live *l, uint64_t address)
{
	if (l->page)
		__builtin_prefetch(at(l, home_of(l, address)));
}

const struct ht_live_block *ht_live_find(const struct ht_live *l, uint64_t address)
{
	const struct ht_live_block *b;

	if (!address)
		return l->has_zero ? &l->zero : NULL;
	if (!l->page)
		return NULL;
	b = at(l, place_of(l, address));
	return b->address ? b : NULL;
}

/* Moves back what may not stand behind an empty place. */
static void close_gap(struct ht_live *l, size_t gap)
{
	size_t mask = mask_of(l);

	for (size_t i = (gap + 1) & mask; at(l, i)->address; i = (i + 1) & mask) {
		size_t from_home = (i - home_of(l, at(l, i)->address)) & mask;

		if (from_home < ((i - gap) & mask))
			continue;
		*at(l, gap) = *at(l, i);
		gap = i;
	}
	at(l, gap)->address = 0;
}

int ht_live_take(struct ht_live *l, uint64_t address, struct ht_live_block *ret)
{
	size_t i;

	if (!address) {
		if (!l->has_zero)
			return 0;
		l->has_zero = false;
		l->bytes -= l->zero.size;
		*ret = l->zero;
		return 1;
	}
	if (!l->page)
		return 0;
	i = place_of(l, address);
	if (!at(l, i)->address)
		return 0;
	if (l->is_shared && !own_run(l, i))
		return HT_ESYSTEM;
	*ret = *at(l, i);
	l->bytes -= ret->size;
	l->count--;
	close_gap(l, i);
	return 1;
}

const struct ht_live_block *ht_live_next(const struct ht_live *l, size_t *place)
{
	size_t places = pages_of(l) << PAGE_BITS;

	if (!*place) {
		++*place;
		if (l->has_zero)
			return &l->zero;
	}
	while (*place <= places) {
		const struct ht_live_block *b = at(l, *place - 1);

		++*place;
		if (b->address)
			return b;
	}
	return NULL;
}
