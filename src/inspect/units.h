/* SPDX-License-Identifier: Apache-2.0 */
/* units.h -- the DWARF of one file: which compilation unit an address lies in, and its line there
 *
 * Used by object.c. Scopes and lines of a unit are read when an address of it is first asked for.
 *
 *   open       every unit's ranges, once    [lo, hi) -> unit            .debug_aranges is not asked: clang writes none
 *   find       address -> unit, with its scopes and lines
 *
 * Always true:
 *   U1  the ranges are sorted; of two that overlap, the later one wins, and the search goes back a bounded way
 *   U2  what is kept of units stays below a limit: above it all of it is given back, and read again where needed
 *   U3  where another file is needed (apart.h) and not there, the answers are fewer, and it is known
 */
#ifndef HT_UNITS_H
#define HT_UNITS_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "inspect/apart.h"
#include "inspect/arena.h"
#include "inspect/elffile.h"
#include "inspect/scopes.h"

struct ht_unit {
	Dwarf_Off die; /* of the unit itself */
	uint64_t bytes;
	bool has_scopes, has_lines; /* they were read, and are counted */
	struct ht_scopes scopes;    /* empty too where they could not be read: only lines are known then */
	Dwarf *scopes_dwarf;        /* their entries are its */
};

struct ht_unit_range {
	uint64_t lo, hi, reach; /* reach: the highest end up to here */
	size_t unit;
};

struct ht_units {
	Dwarf *dwarf;
	Elf *elf;
	int fd;
	struct ht_alternate alternate;
	bool lacks_alternate;    /* that is why it was not opened */
	unsigned lacking_splits; /* of units that were asked for */
	HT_LIST(struct ht_unit) list;
	HT_LIST(struct ht_unit_range) ranges;
	size_t kept_bytes; /* by scopes and line tables: above a limit all are given back */
};

/* False: the file has no debug information, or none that can be read. */
bool ht_units_open(struct ht_units *u, const struct ht_elf_places *places, const struct ht_elffile *f);
void ht_units_close(struct ht_units *u);

/* NULL: no unit has code there. With its scopes, and its own entry in *die; both stay until the next search. */
struct ht_unit *ht_units_find(struct ht_units *u, uint64_t address, Dwarf_Die *die);

#endif
