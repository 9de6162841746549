/* SPDX-License-Identifier: Apache-2.0 */
/* units.c -- the table of compilation units, and what is kept of each
 *
 * units.h draws it. libdw keeps every line table that it has read until its descriptor is closed; so that is what
 * happens when there is too much of them, and another is opened. The ELF descriptor, and the file's bytes, stay.
 */
#include "inspect/units.h"

#include <dwarf.h>
#include <stdlib.h>

#define KEPT_MAX ((size_t)48 << 20)
#define LINE_BYTES 48 /* what libdw keeps for a row of a line table */
#define LOOK_BACK 64  /* ranges, in a search */

static bool add_range(struct ht_units *u, uint64_t lo, uint64_t hi, size_t unit)
{
	struct ht_unit_range *r;

	if (lo >= hi)
		return true;
	r = HT_LIST_ADD(&u->ranges);
	if (!r)
		return false;
	*r = (struct ht_unit_range){ lo, hi, 0, unit };
	return true;
}

static void read_scopes(struct ht_units *u, struct ht_unit *unit, Dwarf_Die *die)
{
	uint64_t bytes = unit->bytes;
	Dwarf_Die split;

	unit->has_scopes = true;
	unit->scopes_dwarf = u->dwarf;
	if (ht_apart_is_skeleton(die)) {
		if (!ht_apart_find_split(u->fd, die, &split, &bytes)) {
			u->lacking_splits++;
			return;
		}
		die = &split;
		unit->scopes_dwarf = dwarf_cu_getdwarf(split.cu);
	}
	if (ht_scopes_build(&unit->scopes, die, bytes))
		u->kept_bytes += unit->scopes.list.cap * sizeof(*unit->scopes.list.at) +
				 unit->scopes.spans.cap * sizeof(*unit->scopes.spans.at);
}

/* A unit that does not say where its code is has the ranges of its functions. */
static bool add_ranges_of_functions(struct ht_units *u, size_t unit, Dwarf_Die *die)
{
	struct ht_scopes *s = &u->list.at[unit].scopes;

	read_scopes(u, &u->list.at[unit], die);
	for (size_t i = 0; i < s->spans.count; i++)
		if (s->spans.at[i].around == HT_SCOPE_NONE && !add_range(u, s->spans.at[i].lo, s->spans.at[i].hi, unit))
			return false;
	return true;
}

static bool add_unit(struct ht_units *u, Dwarf_Die *die, uint64_t bytes)
{
	size_t unit = u->list.count, ranges = u->ranges.count;
	struct ht_unit *new = HT_LIST_ADD(&u->list);
	Dwarf_Addr base, lo, hi;
	ptrdiff_t at = 0;

	if (!new)
		return false;
	*new = (struct ht_unit){ .die = dwarf_dieoffset(die), .bytes = bytes };
	while ((at = dwarf_ranges(die, at, &base, &lo, &hi)) > 0)
		if (u->ranges.count - ranges > bytes || !add_range(u, lo, hi, unit))
			return false;
	return u->ranges.count > ranges || add_ranges_of_functions(u, unit, die);
}

static bool read_units(struct ht_units *u)
{
	Dwarf_Off at = 0, next;
	size_t header;
	Dwarf_Die die;

	while (!dwarf_next_unit(u->dwarf, at, &next, &header, NULL, NULL, NULL, NULL, NULL, NULL)) {
		if (next <= at)
			return false;
		if (dwarf_offdie(u->dwarf, at + header, &die) &&
		    (dwarf_tag(&die) == DW_TAG_compile_unit || dwarf_tag(&die) == DW_TAG_skeleton_unit) &&
		    !add_unit(u, &die, next - at))
			return false;
		at = next;
	}
	return u->ranges.count;
}

static int by_start(const void *a, const void *b)
{
	const struct ht_unit_range *x = a, *y = b;

	if (x->lo != y->lo)
		return (x->lo > y->lo) - (x->lo < y->lo);
	return (x->unit > y->unit) - (x->unit < y->unit);
}

bool ht_units_open(struct ht_units *u, const struct ht_elf_places *places, const struct ht_elffile *f)
{
	uint64_t reach = 0;
	bool lacks_alternate;

	*u = (struct ht_units){ .elf = f->elf, .fd = f->fd, .dwarf = dwarf_begin_elf(f->elf, DWARF_C_READ, NULL) };
	lacks_alternate = u->dwarf && !ht_apart_join(places, f, u->dwarf, &u->alternate);
	if (!u->dwarf || lacks_alternate || !read_units(u)) {
		ht_units_close(u);
		u->lacks_alternate = lacks_alternate;
		return false;
	}
	qsort(u->ranges.at, u->ranges.count, sizeof(*u->ranges.at), by_start);
	for (size_t i = 0; i < u->ranges.count; i++) {
		if (u->ranges.at[i].hi > reach)
			reach = u->ranges.at[i].hi;
		u->ranges.at[i].reach = reach;
	}
	return true;
}

static void give_back(struct ht_units *u)
{
	for (size_t i = 0; i < u->list.count; i++) {
		ht_scopes_fini(&u->list.at[i].scopes);
		u->list.at[i].has_scopes = u->list.at[i].has_lines = false;
	}
	u->kept_bytes = 0;
	dwarf_end(u->dwarf);
}

void ht_units_close(struct ht_units *u)
{
	give_back(u);
	ht_apart_close(&u->alternate);
	free(u->list.at);
	free(u->ranges.at);
	*u = (struct ht_units){ 0 };
}

static struct ht_unit *search(const struct ht_units *u, uint64_t address)
{
	size_t low = 0, high = u->ranges.count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (u->ranges.at[mid].lo <= address)
			low = mid + 1;
		else
			high = mid;
	}
	for (size_t back = 0; low-- && back < LOOK_BACK && u->ranges.at[low].reach > address; back++)
		if (address < u->ranges.at[low].hi)
			return &u->list.at[u->ranges.at[low].unit];
	return NULL;
}

struct ht_unit *ht_units_find(struct ht_units *u, uint64_t address, Dwarf_Die *die)
{
	struct ht_unit *unit = search(u, address);
	Dwarf_Lines *lines;
	size_t count;

	if (unit && u->kept_bytes > KEPT_MAX) {
		give_back(u);
		u->dwarf = dwarf_begin_elf(u->elf, DWARF_C_READ, NULL);
		if (u->dwarf && u->alternate.dwarf)
			dwarf_setalt(u->dwarf, u->alternate.dwarf);
	}
	if (!unit || !dwarf_offdie(u->dwarf, unit->die, die))
		return NULL;
	if (!unit->has_scopes)
		read_scopes(u, unit, die);
	if (!unit->has_lines) {
		unit->has_lines = true;
		if (!dwarf_getsrclines(die, &lines, &count))
			u->kept_bytes += count * LINE_BYTES;
	}
	return unit;
}
