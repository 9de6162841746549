/* SPDX-License-Identifier: Apache-2.0 */
/* symtab.h -- the ELF symbols of a file: which function an address lies in, where no DWARF tells
 *
 * Used by object.c: for files without debug information, for code that the debug information leaves out, and for the
 * full name of an outermost function of which DWARF knows only the short one.
 *
 *   .symtab, or .dynsym if there is none  ->  code symbols, sorted by address  ->  binary search
 *
 * Always true:
 *   of several names for one address there is one: a function rather than a label, then global rather than weak
 *   rather than local, then the one with fewer leading underscores, then the shorter
 *   a symbol without a size reaches to the next one, and never out of its section
 */
#ifndef HT_SYMTAB_H
#define HT_SYMTAB_H

#include "inspect/elffile.h"

struct ht_symbol {
	uint64_t from, to; /* addresses of the file */
	uint32_t name;     /* in the string section */
	uint8_t rank;      /* the lower the better */
	bool sized;
};

struct ht_symtab {
	Elf *elf;
	size_t strings; /* section index */
	struct ht_symbol *at;
	size_t count;
};

/* False: no symbols, or no memory for them. */
bool ht_symtab_init(struct ht_symtab *t, const struct ht_elffile *f);
void ht_symtab_fini(struct ht_symtab *t);

/* The name, as it stands in the file; NULL: no symbol covers the address. */
const char *ht_symtab_find(const struct ht_symtab *t, uint64_t address);

#endif
