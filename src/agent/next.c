/* SPDX-License-Identifier: Apache-2.0 */
/* next.c -- finds the functions behind ours in lookup order, without asking the loader
 *
 * Called by: ht_start() in session.c, at the first call of a hook, which may come before any constructor has run.
 *
 *   r_debug ──► link map:  program ── [vdso] ── this library ── libjemalloc ── libc ── ld.so ── later dlopens
 *                             │                      └── from here on: the first that defines the name
 *                             └── defines malloc itself? then nobody asks us
 *
 * dlsym would take the loader's lock and may allocate; both are forbidden here, and so no memory has to be served before the
 * allocator is known. The link map and the symbol hash tables are read in place. Reading needs no relocation of this library.
 *
 * Always true: only ever writes pointers to functions that have the same ABI as the hook's; writing one twice writes the same value.
 * Not done: symbol versions are not compared (the allocation functions have one each); RTLD_LOCAL scopes are not told apart.
 */
#include <elf.h>
#include <link.h>

#include "agent/agent.h"
#include "agent/auxv.h"

void *ht_next[HT_FN_COUNT];

static struct extent {
	uintptr_t start, end;
} extents[HT_FN_COUNT]; /* of the modules that ht_next's functions lie in; at HT_FN_NONE, of this one */

/* By number, each with its NUL; one string, so that no pointer has to be relocated. */
static const char names[] =
	"\0malloc\0calloc\0realloc\0reallocarray\0free\0posix_memalign\0aligned_alloc\0memalign\0valloc\0"
	"pvalloc\0free_sized\0free_aligned_sized\0"
	"_Znwm\0_Znam\0_ZnwmRKSt9nothrow_t\0_ZnamRKSt9nothrow_t\0"
	"_ZnwmSt11align_val_t\0_ZnamSt11align_val_t\0"
	"_ZnwmSt11align_val_tRKSt9nothrow_t\0_ZnamSt11align_val_tRKSt9nothrow_t\0"
	"_ZdlPv\0_ZdaPv\0_ZdlPvRKSt9nothrow_t\0_ZdaPvRKSt9nothrow_t\0_ZdlPvm\0_ZdaPvm\0"
	"_ZdlPvSt11align_val_t\0_ZdaPvSt11align_val_t\0_ZdlPvmSt11align_val_t\0_ZdaPvmSt11align_val_t\0"
	"_ZdlPvSt11align_val_tRKSt9nothrow_t\0_ZdaPvSt11align_val_tRKSt9nothrow_t";

extern ElfW(Dyn) _DYNAMIC[] __attribute__((visibility("hidden")));
extern struct r_debug loader_debug __asm__("_r_debug") __attribute__((weak));

struct symbols {
	uintptr_t base;
	const ElfW(Sym) * table;
	const char *strings;
	const uint32_t *gnu_hash;
	const uint32_t *sysv_hash;
	const uint16_t *versions;
};

static bool equal(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

/* glibc relocates these pointers in place, musl and the vdso do not. */
static const void *pointer(const struct link_map *map, ElfW(Addr) value)
{
	return (const void *)(value < map->l_addr ? value + map->l_addr : value);
}

static struct symbols symbols_of(const struct link_map *map)
{
	struct symbols s = { .base = map->l_addr };

	for (const ElfW(Dyn) *d = map->l_ld; d && d->d_tag != DT_NULL; d++) {
		if (d->d_tag == DT_SYMTAB)
			s.table = pointer(map, d->d_un.d_ptr);
		else if (d->d_tag == DT_STRTAB)
			s.strings = pointer(map, d->d_un.d_ptr);
		else if (d->d_tag == DT_GNU_HASH)
			s.gnu_hash = pointer(map, d->d_un.d_ptr);
		else if (d->d_tag == DT_HASH)
			s.sysv_hash = pointer(map, d->d_un.d_ptr);
		else if (d->d_tag == DT_VERSYM)
			s.versions = pointer(map, d->d_un.d_ptr);
	}
	return s;
}

/* The address, if symbol n is a definition of `name` in its default version. */
static void *defined(const struct symbols *s, uint32_t n, const char *name)
{
	const ElfW(Sym) *sym = &s->table[n];
	unsigned type = sym->st_info & 0xf, binding = sym->st_info >> 4;

	if (sym->st_shndx == SHN_UNDEF || (binding != STB_GLOBAL && binding != STB_WEAK && binding != STB_GNU_UNIQUE))
		return NULL;
	if (type != STT_FUNC && type != STT_GNU_IFUNC && type != STT_NOTYPE)
		return NULL;
	if (s->versions && s->versions[n] & 0x8000)
		return NULL; /* a hidden, older version */
	if (!equal(s->strings + sym->st_name, name))
		return NULL;
	if (type == STT_GNU_IFUNC)
		return ((void *(*)(void))(s->base + sym->st_value))();
	return (void *)(s->base + sym->st_value);
}

static void *find_gnu(const struct symbols *s, const char *name)
{
	const uint32_t *h = s->gnu_hash;
	uint32_t buckets = h[0], offset = h[1], bloom_words = h[2], shift = h[3], hash = 5381, n;
	const uint64_t *bloom = (const uint64_t *)(h + 4);
	const uint32_t *bucket = (const uint32_t *)(bloom + bloom_words), *chain = bucket + buckets;
	uint64_t word;

	for (const char *c = name; *c; c++)
		hash = hash * 33 + (uint8_t)*c;
	word = bloom[hash / 64 % bloom_words];
	if (!(word >> (hash % 64) & word >> ((hash >> shift) % 64) & 1))
		return NULL;
	n = buckets ? bucket[hash % buckets] : 0;
	for (; n >= offset && n; n++) {
		void *p = (chain[n - offset] ^ hash) >> 1 ? NULL : defined(s, n, name);

		if (p || chain[n - offset] & 1)
			return p;
	}
	return NULL;
}

static void *find_sysv(const struct symbols *s, const char *name)
{
	uint32_t count = s->sysv_hash[1];

	for (uint32_t n = 1; n < count; n++) {
		void *p = defined(s, n, name);

		if (p)
			return p;
	}
	return NULL;
}

static void *find_in(const struct link_map *map, const char *name)
{
	struct symbols s = symbols_of(map);

	if (!s.table || !s.strings)
		return NULL;
	if (s.gnu_hash)
		return find_gnu(&s, name);
	return s.sysv_hash ? find_sysv(&s, name) : NULL;
}

/* ---- the link map ------------------------------------------------------------------------------------------ */

/* For calls that come before this library was relocated: the program's own dynamic section names the loader's debug structure. */
static const struct r_debug *debug_by_auxv(void)
{
	struct ht_auxv aux = ht_auxv_read();
	const ElfW(Dyn) *dynamic = aux.dynamic;

	for (; dynamic && dynamic->d_tag != DT_NULL; dynamic++)
		if (dynamic->d_tag == DT_DEBUG)
			return (const struct r_debug *)dynamic->d_un.d_ptr;
	return NULL;
}

const struct r_debug *ht_next_debug(void)
{
	return &loader_debug ? &loader_debug : debug_by_auxv();
}

static const struct link_map *first_map(void)
{
	const struct r_debug *debug = ht_next_debug();

	return debug ? debug->r_map : NULL;
}

static const struct link_map *our_map(void)
{
	const struct link_map *map = first_map();

	while (map && map->l_ld != _DYNAMIC)
		map = map->l_next;
	return map;
}

static void *find_behind(const char *name, const struct link_map **where)
{
	const struct link_map *map = our_map();

	for (map = map ? map->l_next : NULL; map; map = map->l_next) {
		void *p = find_in(map, name);

		if (p) {
			if (where)
				*where = map;
			return p;
		}
	}
	return NULL;
}

void *ht_next_symbol(const char *name)
{
	return find_behind(name, NULL);
}

/* All segments of a module. Its ELF header is the first thing mapped. */
static struct extent extent_of(const struct link_map *map)
{
	const ElfW(Ehdr) *header = (const ElfW(Ehdr) *)map->l_addr;
	const ElfW(Phdr) *phdr = (const ElfW(Phdr) *)(map->l_addr + header->e_phoff);
	struct extent e = { map->l_addr, map->l_addr };

	for (unsigned i = 0; i < header->e_phnum; i++)
		if (phdr[i].p_type == PT_LOAD && map->l_addr + phdr[i].p_vaddr + phdr[i].p_memsz > e.end)
			e.end = map->l_addr + phdr[i].p_vaddr + phdr[i].p_memsz;
	return e;
}

static bool holds(enum ht_function fn, const void *pc)
{
	return (uintptr_t)pc >= extents[fn].start && (uintptr_t)pc < extents[fn].end;
}

bool ht_next_serves(enum ht_function fn, const void *pc)
{
	return holds(fn, pc) || holds(HT_FN_NONE, pc); /* a tail call there returns straight to our outer hook */
}

void ht_next_resolve(void)
{
	const struct link_map *where = our_map();
	const char *name = names;

	if (where)
		extents[HT_FN_NONE] = extent_of(where);
	for (int fn = 1; fn < HT_FN_COUNT; fn++) {
		while (*name++)
			;
		if (ht_next[fn])
			continue;
		ht_next[fn] = find_behind(name, &where);
		if (ht_next[fn])
			extents[fn] = extent_of(where);
	}
}

struct ht_next_facts ht_next_facts(void)
{
	struct ht_next_facts facts = { .allocator = NULL };
	const struct link_map *where = NULL;

	for (const struct link_map *map = first_map(); map && map->l_ld != _DYNAMIC; map = map->l_next)
		if (find_in(map, "malloc"))
			facts.own = true;
	if (find_behind("malloc", &where) && where) {
		facts.allocator = where->l_name;
		facts.glibc = find_in(where, "gnu_get_libc_version") != NULL;
		/* 2.34 brought closefrom, and took __free_hook away */
		facts.plain_free =
			facts.glibc && find_in(where, "free") == ht_next[HT_FN_FREE] && find_in(where, "closefrom");
	}
	return facts;
}
