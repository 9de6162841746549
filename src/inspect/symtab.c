/* SPDX-License-Identifier: Apache-2.0 */
/* symtab.c -- reads, sorts and searches ELF symbols
 *
 * symtab.h says what of many names is kept.
 *
 *   read     every defined symbol of an executable section, cut to the section
 *   sort     by address, then by rank
 *   thin     one symbol per address; those without a size grow to the next
 *
 * Symbols may lie in one another (hand-written assembly). The innermost is the nearest one below the address that
 * covers it; the search goes back a bounded number of symbols, so a file made for it cannot make it slow.
 */
#include "inspect/symtab.h"

#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_BACK 64

struct reading {
	struct ht_symtab *table;
	size_t cap;
};

static uint8_t rank_of(const GElf_Sym *s)
{
	unsigned binding = GELF_ST_BIND(s->st_info);
	uint8_t rank = binding == STB_GLOBAL ? 0 : binding == STB_WEAK ? 1 : 2;

	return GELF_ST_TYPE(s->st_info) == STT_NOTYPE ? rank + 3 : rank;
}

/* False: out of memory. */
static bool take(struct reading *r, const GElf_Sym *s, const GElf_Shdr *section)
{
	struct ht_symtab *t = r->table;
	uint64_t end = section->sh_addr + section->sh_size;

	if (s->st_value < section->sh_addr || s->st_value >= end)
		return true;
	if (t->count == r->cap) {
		size_t cap = r->cap ? r->cap * 2 : 256;
		struct ht_symbol *more = reallocarray(t->at, cap, sizeof(*more));

		if (!more)
			return false;
		t->at = more;
		r->cap = cap;
	}
	t->at[t->count++] = (struct ht_symbol){
		.from = s->st_value,
		.to = !s->st_size || s->st_size > end - s->st_value ? end : s->st_value + s->st_size,
		.name = s->st_name,
		.rank = rank_of(s),
		.sized = s->st_size,
	};
	return true;
}

static bool is_code(const GElf_Sym *s)
{
	unsigned type = GELF_ST_TYPE(s->st_info);

	return s->st_name && s->st_shndx != SHN_UNDEF &&
	       (type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_NOTYPE);
}

static bool read_symbols(struct reading *r, Elf_Data *data, size_t count)
{
	Elf *elf = r->table->elf;
	size_t known = 0;
	GElf_Shdr section = { 0 };
	GElf_Sym s;

	for (size_t i = 0; i < count && gelf_getsym(data, (int)i, &s); i++) {
		if (!is_code(&s))
			continue;
		if (s.st_shndx != known) {
			Elf_Scn *scn = elf_getscn(elf, s.st_shndx);

			known = scn && gelf_getshdr(scn, &section) ? s.st_shndx : 0;
		}
		if (!known || !(section.sh_flags & SHF_EXECINSTR) ||
		    section.sh_addr + section.sh_size < section.sh_addr)
			continue;
		if (!take(r, &s, &section))
			return false;
	}
	return true;
}

static Elf_Scn *find_section(Elf *elf, uint32_t type)
{
	Elf_Scn *s = NULL;
	GElf_Shdr h;

	while ((s = elf_nextscn(elf, s)))
		if (gelf_getshdr(s, &h) && h.sh_type == type && h.sh_size)
			return s;
	return NULL;
}

static int by_address(const void *a, const void *b)
{
	const struct ht_symbol *x = a, *y = b;

	if (x->from != y->from)
		return (x->from > y->from) - (x->from < y->from);
	return (x->rank > y->rank) - (x->rank < y->rank);
}

/* Whether a is the better of two names of one rank. */
static bool reads_better(const struct ht_symtab *t, const struct ht_symbol *a, const struct ht_symbol *b)
{
	const char *x = elf_strptr(t->elf, t->strings, a->name), *y = elf_strptr(t->elf, t->strings, b->name);
	size_t x_marks, y_marks;

	if (!x || !y)
		return x;
	x_marks = strspn(x, "_");
	y_marks = strspn(y, "_");
	return x_marks != y_marks ? x_marks < y_marks : strlen(x) < strlen(y);
}

static void thin(struct ht_symtab *t)
{
	size_t kept = 0;

	for (size_t i = 0; i < t->count; i++) {
		struct ht_symbol *last = kept ? &t->at[kept - 1] : NULL;

		if (!last || last->from != t->at[i].from)
			t->at[kept++] = t->at[i];
		else if (last->rank == t->at[i].rank && reads_better(t, &t->at[i], last))
			*last = t->at[i];
	}
	t->count = kept;
}

/* A symbol without a size reached to the end of its section so far. */
static void close_gaps(struct ht_symtab *t)
{
	for (size_t i = 0; i + 1 < t->count; i++)
		if (!t->at[i].sized && t->at[i].to > t->at[i + 1].from)
			t->at[i].to = t->at[i + 1].from;
}

bool ht_symtab_init(struct ht_symtab *t, const struct ht_elffile *f)
{
	struct reading r = { .table = t };
	Elf_Scn *scn = find_section(f->elf, SHT_SYMTAB);
	Elf_Data *data;
	GElf_Shdr h;

	*t = (struct ht_symtab){ .elf = f->elf };
	if (!scn)
		scn = find_section(f->elf, SHT_DYNSYM);
	data = scn && gelf_getshdr(scn, &h) && h.sh_entsize == sizeof(Elf64_Sym) ? elf_getdata(scn, NULL) : NULL;
	if (!data)
		return false;
	t->strings = h.sh_link;
	if (!read_symbols(&r, data, data->d_size / sizeof(Elf64_Sym)) || !t->count) {
		ht_symtab_fini(t);
		return false;
	}
	qsort(t->at, t->count, sizeof(*t->at), by_address);
	thin(t);
	close_gaps(t);
	return true;
}

void ht_symtab_fini(struct ht_symtab *t)
{
	free(t->at);
	*t = (struct ht_symtab){ 0 };
}

const char *ht_symtab_find(const struct ht_symtab *t, uint64_t address)
{
	size_t low = 0, high = t->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (t->at[mid].from <= address)
			low = mid + 1;
		else
			high = mid;
	}
	for (size_t back = 0; low-- && back < LOOK_BACK; back++)
		if (address < t->at[low].to)
			return elf_strptr(t->elf, t->strings, t->at[low].name);
	return NULL;
}
