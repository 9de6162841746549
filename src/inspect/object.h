/* SPDX-License-Identifier: Apache-2.0 */
/* object.h -- one module of a trace as the files say today: an address of it becomes functions, files and lines
 *
 * Used by symbols.c. An object is what was found for a path and a build-id:
 *
 *   the module's file ----+--> ELF symbols --+
 *   its debug file -------+--> DWARF --------+--> frames, innermost first
 *                              and what it leans on
 *
 * Always true:
 *   O1  a file whose build-id is not the recorded one is not read any further
 *   O2  without the module's own file nothing is named: only its program headers tell which address of the file an
 *       address of the process was, as a debug file made by objcopy has other ones
 *   O3  the work for an answer is bounded by the size of the files, the memory too; a damaged file gives less, not worse
 */
#ifndef HT_OBJECT_H
#define HT_OBJECT_H

#include "inspect/elffile.h"
#include "inspect/symtab.h"
#include "inspect/units.h"

enum ht_object_state {
	HT_OBJECT_GOOD,         /* names and lines */
	HT_OBJECT_NO_ALTERNATE, /* only ELF symbols, as the debug information needs a file that is not there */
	HT_OBJECT_NO_LINES,     /* only ELF symbols */
	HT_OBJECT_NO_NAMES,     /* not even those */
	HT_OBJECT_REPLACED,     /* another build-id; and so on from here: no file is used */
	HT_OBJECT_ABSENT,
	HT_OBJECT_DAMAGED,
};

struct ht_object {
	enum ht_object_state state;
	bool unproven; /* the recording has no build-id to compare with */
	struct ht_elffile file, debug;
	struct ht_symtab symtab;
	struct ht_units units;
	bool lacks_alternate;
};

/* What is missing is in the state; `err` says why a file could not be used. */
void ht_object_open(struct ht_object *o, const struct ht_elf_places *places, const char *path, struct ht_str build_id,
		    struct ht_err *err);
void ht_object_close(struct ht_object *o);

/* Appends the frames of the code at a file offset: varint count, then for each function, file (strings, empty: not
 * known), line (varint), inlined (u8). exact: the very instruction; otherwise the one
 * before it, which called. */
void ht_object_put_frames(struct ht_object *o, uint64_t offset, bool exact, struct ht_buf *to);

#endif
