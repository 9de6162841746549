/* SPDX-License-Identifier: Apache-2.0 */
/* object.c -- opens what there is of a module, and puts names to its addresses
 *
 * object.h draws it. For the names:
 *
 *   inlined function     its linkage name, demangled; else its name
 *   outermost function   the same; if it has no linkage name, its ELF symbol where that is a mangled one ("f" is
 *                        really "(anonymous namespace)::f(int)")
 *   no function          the ELF symbol
 *
 * and for the places: the innermost stands at the line of the address, each outer one where it calls the one inside.
 */
#include "inspect/object.h"

#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/demangle.h"

#define FILE_NAME_MAX 4096u

/* ---- opening ----------------------------------------------------------------------------------------------- */

static bool is_recorded_one(const struct ht_elffile *f, struct ht_str build_id)
{
	return !build_id.len || ht_elffile_has_id(f, build_id);
}

static void open_file(struct ht_object *o, const struct ht_elf_places *places, const char *path, struct ht_str build_id,
		      struct ht_err *err)
{
	int rc = ht_elffile_open(places, path, &o->file, err);

	if (rc) {
		o->state = rc == HT_EDAMAGED ? HT_OBJECT_DAMAGED : HT_OBJECT_ABSENT;
	} else if (!is_recorded_one(&o->file, build_id)) {
		o->state = HT_OBJECT_REPLACED;
		ht_elffile_close(&o->file);
	}
	if (!ht_elffile_is_open(&o->file))
		ht_elffile_fetch(places, HT_WANTED_PROGRAM, build_id, &o->file);
}

static bool has_symbols(const struct ht_object *o)
{
	return o->symtab.count;
}

static bool has_lines(const struct ht_object *o)
{
	return o->units.dwarf;
}

static void read_lines(struct ht_object *o, const struct ht_elf_places *places, const struct ht_elffile *f)
{
	if (!ht_units_open(&o->units, places, f))
		o->lacks_alternate |= o->units.lacks_alternate;
}

static void read_file(struct ht_object *o, const struct ht_elf_places *places, const struct ht_elffile *f)
{
	if (!has_lines(o))
		read_lines(o, places, f);
	if (!has_symbols(o))
		ht_symtab_init(&o->symtab, f);
}

void ht_object_open(struct ht_object *o, const struct ht_elf_places *places, const char *path, struct ht_str build_id,
		    struct ht_err *err)
{
	*o = (struct ht_object){ .file.fd = -1, .debug.fd = -1, .unproven = !build_id.len };
	open_file(o, places, path, build_id, err);
	if (!ht_elffile_is_open(&o->file))
		return;
	read_lines(o, places, &o->file);
	if (!has_lines(o) && ht_elffile_find_debug(places, &o->file, path, &o->debug))
		read_file(o, places, &o->debug);
	read_file(o, places, &o->file);
	if (has_lines(o))
		o->state = HT_OBJECT_GOOD;
	else if (has_symbols(o))
		o->state = o->lacks_alternate ? HT_OBJECT_NO_ALTERNATE : HT_OBJECT_NO_LINES;
	else
		o->state = HT_OBJECT_NO_NAMES;
}

void ht_object_close(struct ht_object *o)
{
	if (has_lines(o))
		ht_units_close(&o->units);
	ht_symtab_fini(&o->symtab);
	ht_elffile_close(&o->debug);
	ht_elffile_close(&o->file);
}

/* ---- names ------------------------------------------------------------------------------------------------- */

static void put_text(struct ht_buf *to, const char *text, size_t max)
{
	struct ht_str s = { text, text ? strnlen(text, max) : 0 };

	ht_buf_str(to, s);
}

static void put_function(struct ht_buf *to, const char *mangled)
{
	char name[HT_NAME_MAX + 1];

	put_text(to, mangled && ht_demangle(mangled, name) ? name : NULL, HT_NAME_MAX);
}

static const char *string_of(Dwarf_Die *die, unsigned name)
{
	Dwarf_Attribute a;

	return dwarf_attr_integrate(die, name, &a) ? dwarf_formstring(&a) : NULL;
}

/* The mangled symbol of an outermost function that DWARF only knows as `name`; without a suffix (.cold, .part.0), as
 * the function is the same. NULL: there is none. */
static const char *full_name(const struct ht_object *o, uint64_t address, char to[HT_MANGLED_MAX])
{
	const char *symbol = ht_symtab_find(&o->symtab, address);
	size_t len = symbol ? strcspn(symbol, ".") : 0;

	if (!symbol || symbol[0] != '_' || (symbol[1] != 'Z' && symbol[1] != 'R') || len >= HT_MANGLED_MAX)
		return NULL;
	memcpy(to, symbol, len);
	to[len] = 0;
	return to;
}

static const char *name_of(const struct ht_object *o, Dwarf_Die *die, bool inlined, uint64_t address,
			   char buffer[HT_MANGLED_MAX])
{
	const char *name = string_of(die, DW_AT_linkage_name);

	if (!name)
		name = string_of(die, DW_AT_MIPS_linkage_name);
	if (!name && !inlined)
		name = full_name(o, address, buffer);
	return name ? name : string_of(die, DW_AT_name);
}

/* ---- frames ------------------------------------------------------------------------------------------------ */

struct place {
	const char *file;
	uint32_t line;
};

static void put_frame(struct ht_buf *to, const char *mangled, struct place at, bool inlined)
{
	put_function(to, mangled);
	put_text(to, at.line ? at.file : NULL, FILE_NAME_MAX);
	ht_buf_varint(to, at.file ? at.line : 0);
	ht_buf_u8(to, inlined);
}

static struct place line_at(Dwarf_Die *unit, uint64_t address)
{
	Dwarf_Line *row = dwarf_getsrc_die(unit, address);
	struct place p = { 0 };
	int line;

	if (!row || dwarf_lineno(row, &line) || line <= 0)
		return p;
	p.file = dwarf_linesrc(row, NULL, NULL);
	p.line = (uint32_t)line;
	return p;
}

/* In the file table of the unit that the entry itself is in: a split one has its own. */
static struct place call_of(Dwarf_Die *inlined)
{
	Dwarf_Die unit;
	Dwarf_Attribute a;
	Dwarf_Word file, line;
	Dwarf_Files *files;
	size_t count;

	if (dwarf_formudata(dwarf_attr(inlined, DW_AT_call_line, &a), &line) || line > INT32_MAX ||
	    dwarf_formudata(dwarf_attr(inlined, DW_AT_call_file, &a), &file) ||
	    !dwarf_diecu(inlined, &unit, NULL, NULL) || dwarf_getsrcfiles(&unit, &files, &count) || file >= count)
		return (struct place){ 0 };
	return (struct place){ dwarf_filesrc(files, file, NULL, NULL), (uint32_t)line };
}

static uint64_t count_frames(const struct ht_scopes *s, uint32_t scope)
{
	uint64_t count = 0;

	for (; scope != HT_SCOPE_NONE; scope = s->list.at[scope].parent)
		count++;
	return count;
}

static void put_scopes(struct ht_object *o, const struct ht_unit *unit, Dwarf_Die *die, uint64_t address,
		       struct ht_buf *to)
{
	const struct ht_scopes *s = &unit->scopes;
	uint32_t scope = ht_scopes_find(s, address);
	struct place at = line_at(die, address);
	char buffer[HT_MANGLED_MAX];

	if (scope == HT_SCOPE_NONE) {
		ht_buf_varint(to, 1);
		put_frame(to, ht_symtab_find(&o->symtab, address), at, false);
		return;
	}
	ht_buf_varint(to, count_frames(s, scope));
	for (; scope != HT_SCOPE_NONE; scope = s->list.at[scope].parent) {
		bool inlined = s->list.at[scope].parent != HT_SCOPE_NONE;
		Dwarf_Die entry;

		if (!dwarf_offdie(unit->scopes_dwarf, s->list.at[scope].die, &entry)) {
			put_frame(to, NULL, at, inlined);
			at = (struct place){ 0 };
			continue;
		}
		put_frame(to, name_of(o, &entry, inlined, address, buffer), at, inlined);
		at = call_of(&entry);
	}
}

void ht_object_put_frames(struct ht_object *o, uint64_t offset, bool exact, struct ht_buf *to)
{
	struct ht_unit *unit = NULL;
	uint64_t address;
	Dwarf_Die die;

	if (!exact)
		offset--;
	if (!ht_elffile_is_open(&o->file) || !ht_elffile_address(&o->file, offset, &address)) {
		ht_buf_varint(to, 1);
		put_frame(to, NULL, (struct place){ 0 }, false);
		return;
	}
	if (has_lines(o))
		unit = ht_units_find(&o->units, address, &die);
	if (unit) {
		put_scopes(o, unit, &die, address, to);
		return;
	}
	ht_buf_varint(to, 1);
	put_frame(to, ht_symtab_find(&o->symtab, address), (struct place){ 0 }, false);
}
