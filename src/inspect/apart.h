/* SPDX-License-Identifier: Apache-2.0 */
/* apart.h -- debug information that stands in yet another file than the one that was opened
 *
 * Used by units.c.
 *
 *   alternate   dwz moved what several files have in common    .gnu_debugaltlink: name and build-id
 *   split       -gsplit-dwarf left the functions of a unit behind    skeleton unit: directory, name.dwo and 64-bit id
 *
 * Always true:
 *   an alternate file has the build-id that the link says, a split unit the id of its skeleton; otherwise it is not there
 *   both names are a stranger's: an alternate is opened as elffile.h says, below the sysroot; split files are opened by libdw, so
 *   they are looked at before: what stands there must be a regular file, or nothing
 */
#ifndef HT_APART_H
#define HT_APART_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stdint.h>

#include "inspect/elffile.h"

struct ht_alternate {
	struct ht_elffile file;
	Dwarf *dwarf;
};

/* False: `dwarf`, of the file `of`, cannot be read without an alternate file that is not there. */
bool ht_apart_join(const struct ht_elf_places *places, const struct ht_elffile *of, Dwarf *dwarf,
		   struct ht_alternate *ret);
void ht_apart_close(struct ht_alternate *a);

bool ht_apart_is_skeleton(const Dwarf_Die *unit);

/* The entry of the split unit and its size; false: its file is not there. It belongs to the skeleton's descriptor; `fd` is the
 * file's. */
bool ht_apart_find_split(int fd, Dwarf_Die *skeleton, Dwarf_Die *ret, uint64_t *ret_bytes);

#endif
