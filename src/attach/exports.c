/* SPDX-License-Identifier: Apache-2.0 */
/* exports.c -- looks a name up as the loader would: hash table, chain, symbol, string
 *
 * Called by: glibc.c, allocators.c.
 *
 *   DT_GNU_HASH   buckets[hash % n] ──► chain of hashes, the last one odd ──► symbol ──► its name, compared
 *   DT_HASH       buckets[hash % n] ──► symbol ──► chain[symbol] ──► ...
 *
 * Always true: everything read is a stranger's: chains are cut, addresses are only read from.
 */
#include "attach/exports.h"

#include <string.h>

#include "attach/headers.h"

#define CHAIN_MOST 4096u
#define NAME_MOST 64u
#define DYNAMIC_MOST 256u

/* glibc relocates these entries in place, musl does not, nor does anybody the vdso's. */
static uint64_t address_of(const struct ht_exports *e, uint64_t entry)
{
	return entry < e->bias ? entry + e->bias : entry;
}

bool ht_exports_open(const struct ht_process *p, const struct ht_region *first, struct ht_exports *ret)
{
	struct ht_exports e = { .process = p };
	struct ht_headers h;
	uint64_t at;
	Elf64_Dyn d;

	if (!ht_headers_read(p, first, &h) || !h.dynamic)
		return false;
	at = h.dynamic;
	e.bias = h.bias;
	for (unsigned i = 0; i < h.count; i++)
		if (h.at[i].p_type == PT_LOAD)
			e.end = h.bias + h.at[i].p_vaddr + h.at[i].p_memsz;
	for (unsigned i = 0; i < DYNAMIC_MOST && ht_process_read(p, at, &d, sizeof(d)) && d.d_tag != DT_NULL;
	     i++, at += sizeof(d)) {
		if (d.d_tag == DT_SYMTAB)
			e.symbols = address_of(&e, d.d_un.d_ptr);
		else if (d.d_tag == DT_STRTAB)
			e.strings = address_of(&e, d.d_un.d_ptr);
		else if (d.d_tag == DT_STRSZ)
			e.strings_bytes = d.d_un.d_val;
		else if (d.d_tag == DT_GNU_HASH)
			e.gnu_hash = address_of(&e, d.d_un.d_ptr);
		else if (d.d_tag == DT_HASH)
			e.hash = address_of(&e, d.d_un.d_ptr);
	}
	*ret = e;
	return e.symbols && e.strings && (e.gnu_hash || e.hash);
}

/* Whether symbol `n` is a definition of that name. */
static bool is_it(const struct ht_exports *e, uint32_t n, const char *name, Elf64_Sym *ret)
{
	char there[NAME_MOST];
	size_t len = strlen(name) + 1;

	return ht_process_read(e->process, e->symbols + n * sizeof(*ret), ret, sizeof(*ret)) &&
	       ret->st_shndx != SHN_UNDEF && ret->st_value && len <= sizeof(there) &&
	       ret->st_name + len <= e->strings_bytes &&
	       ht_process_read(e->process, e->strings + ret->st_name, there, len) && !memcmp(there, name, len);
}

static bool find_by_gnu_hash(const struct ht_exports *e, const char *name, Elf64_Sym *ret)
{
	uint32_t head[4], hash = 5381, n, link; /* buckets, first symbol, words of the filter, shift */
	uint64_t buckets, chain;

	for (const char *c = name; *c; c++)
		hash = hash * 33 + (unsigned char)*c;
	if (!ht_process_read(e->process, e->gnu_hash, head, sizeof(head)) || !head[0])
		return false;
	buckets = e->gnu_hash + sizeof(head) + 8 * (uint64_t)head[2];
	chain = buckets + 4 * (uint64_t)head[0];
	if (!ht_process_read(e->process, buckets + 4 * (uint64_t)(hash % head[0]), &n, sizeof(n)) || n < head[1])
		return false;
	for (unsigned i = 0; i < CHAIN_MOST; i++, n++) {
		if (!ht_process_read(e->process, chain + 4 * (uint64_t)(n - head[1]), &link, sizeof(link)))
			return false;
		if ((link | 1) == (hash | 1) && is_it(e, n, name, ret))
			return true;
		if (link & 1)
			return false;
	}
	return false;
}

static bool find_by_hash(const struct ht_exports *e, const char *name, Elf64_Sym *ret)
{
	uint32_t head[2], hash = 0, n; /* buckets, symbols */
	uint64_t buckets = e->hash + sizeof(head);

	for (const char *c = name; *c; c++) {
		hash = (hash << 4) + (unsigned char)*c;
		hash = (hash ^ (hash >> 24 & 0xf0)) & 0x0fffffff;
	}
	if (!ht_process_read(e->process, e->hash, head, sizeof(head)) || !head[0] ||
	    !ht_process_read(e->process, buckets + 4 * (uint64_t)(hash % head[0]), &n, sizeof(n)))
		return false;
	for (unsigned i = 0; i < CHAIN_MOST && n; i++) {
		if (is_it(e, n, name, ret))
			return true;
		if (!ht_process_read(e->process, buckets + 4 * ((uint64_t)head[0] + n), &n, sizeof(n)))
			return false;
	}
	return false;
}

bool ht_exports_find(const struct ht_exports *e, const char *name, uint64_t *at, uint64_t *bytes)
{
	Elf64_Sym s;

	if (!(e->gnu_hash && find_by_gnu_hash(e, name, &s)) && !(e->hash && find_by_hash(e, name, &s)))
		return false;
	*at = e->bias + s.st_value;
	*bytes = s.st_size;
	return true;
}
