/* SPDX-License-Identifier: Apache-2.0 */
/* glibc.c -- finds main_arena and mp_ by their shape in the writable data of libc, or of a static program
 *
 * Called by: census.c.
 *
 *   data of libc, word by word ──► is this an arena? ──► is the ring closed? ──► main arena
 *                             └──► are these the parameters? of one form or the other, and only here? ──► mp_
 *
 * A symbol would be less work and prove nothing: most libraries are stripped of these two, and a structure that changed would still
 * have its name.
 */
#include "attach/glibc.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attach/exports.h"
#include "util/cleanup.h"

#define DATA_MOST (64u << 20)
#define ARENAS_MOST 65536u
#define SELF_LINKED_LEAST 3u /* lists that are empty; a busy heap has few */
#define CODE_BEFORE 0x4000u  /* the functions that malloc.c has in front of malloc */
#define CACHE_LISTS 64u

/* ---- arenas ------------------------------------------------------------------------------------------------ */

/* The list of a bin runs through a chunk whose links are these two words. */
static uint64_t bin_at(uint64_t arena, unsigned bin)
{
	return arena + offsetof(struct ht_glibc_arena, bin) + 16 * (uint64_t)bin - 16;
}

static bool is_untouched(const struct ht_glibc_arena *a, uint64_t at)
{
	struct ht_glibc_arena empty = { .next = at, .attached_threads = 1 };

	return !memcmp(a, &empty, sizeof(empty));
}

static bool bins_are_lists(const struct ht_glibc_arena *a, uint64_t at)
{
	unsigned self_linked = 0;

	for (unsigned i = 0; i < HT_GLIBC_BINS; i++) {
		uint64_t self = bin_at(at, i), first = a->bin[i][0], last = a->bin[i][1];

		if ((first == self) != (last == self) || !first || !last || (first | last) & 7)
			return false;
		self_linked += first == self;
	}
	return self_linked >= SELF_LINKED_LEAST;
}

static bool is_arena(const struct ht_glibc_arena *a, uint64_t at)
{
	if (a->mutex < 0 || a->mutex > 2 || a->flags < 0 || a->flags > 7 || a->have_fast_chunks < 0 ||
	    a->have_fast_chunks > 1)
		return false;
	if (a->system_bytes > a->most_system_bytes || a->top & 15 || !a->next)
		return false;
	return bins_are_lists(a, at) || is_untouched(a, at);
}

bool ht_glibc_arena(const struct ht_glibc *g, uint64_t at, struct ht_glibc_arena *ret)
{
	return !(at & 7) && ht_process_read(g->process, at, ret, sizeof(*ret)) && is_arena(ret, at);
}

bool ht_glibc_is_unused(const struct ht_glibc_arena *a, uint64_t at)
{
	return !a->top || a->top == bin_at(at, 0);
}

static bool ring_is_closed(const struct ht_glibc *g, uint64_t at)
{
	struct ht_glibc_arena a;
	uint64_t next = at;

	for (unsigned i = 0; i < ARENAS_MOST; i++) {
		if (!ht_glibc_arena(g, next, &a))
			return false;
		next = a.next;
		if (next == at)
			return true;
	}
	return false;
}

/* ---- parameters -------------------------------------------------------------------------------------------- */

struct form {
	uint64_t mmap_threshold, arena_test;
	int32_t blocks, blocks_limit, most_blocks, fixed_threshold;
	uint64_t bytes, most_bytes, base;
	uint64_t cache_lists, cache_bytes, cache_count;
};

#define FORM_AT(newer) ((newer) ? 60u : 40u) /* of `blocks` */
#define ARENA_TEST_MOST (1u << 20)
#define PARAMETERS_BYTES 128u

static void read_form(const uint8_t *at, bool newer, struct form *f)
{
	uint64_t word[6];

	memcpy(&f->mmap_threshold, at + 16, 2 * sizeof(uint64_t));
	memcpy(&f->blocks, at + FORM_AT(newer), 4 * sizeof(int32_t));
	memcpy(word, at + (newer ? 80 : 56), sizeof(word));
	f->bytes = word[0];
	f->most_bytes = word[1];
	f->base = word[2];
	f->cache_lists = word[3];
	f->cache_bytes = word[4];
	f->cache_count = word[5];
}

static bool is_form(const struct ht_glibc *g, const struct form *f)
{
	const struct ht_region *r = f->base ? ht_process_at(g->process, f->base) : NULL;

	if (!f->arena_test || f->arena_test > ARENA_TEST_MOST || (!f->mmap_threshold && !f->fixed_threshold))
		return false;
	return f->blocks >= 0 && f->most_blocks >= f->blocks && f->blocks_limit >= 0 && f->fixed_threshold >= 0 &&
	       f->fixed_threshold <= 1 && !(f->bytes % 4096) && !(f->most_bytes % 4096) && f->bytes <= f->most_bytes &&
	       !f->bytes == !f->blocks && !f->most_bytes == !f->most_blocks && f->cache_lists > 0 &&
	       f->cache_lists <= CACHE_LISTS && f->cache_bytes >= (f->cache_lists - 1) * 16 &&
	       f->cache_bytes <= f->cache_lists * 16 + 8 && f->cache_count <= 65535 &&
	       (!f->base || (r && r->writable && !r->shared));
}

bool ht_glibc_parameters(const struct ht_glibc *g, struct ht_glibc_parameters *ret)
{
	uint8_t bytes[PARAMETERS_BYTES];
	struct form f;

	if (!g->parameters || !ht_process_read(g->process, g->parameters, bytes, sizeof(bytes)))
		return false;
	read_form(bytes, g->newer, &f);
	*ret = (struct ht_glibc_parameters){ f.base, (uint64_t)f.blocks, f.bytes };
	return is_form(g, &f);
}

/* ---- the search -------------------------------------------------------------------------------------------- */

struct search {
	struct ht_glibc *g;
	unsigned arenas, parameters; /* found */
};

static void look_at(struct search *s, const uint8_t *bytes, size_t room, uint64_t at)
{
	struct ht_glibc *g = s->g;
	const struct ht_glibc_arena *a = (const void *)bytes;

	if (room >= sizeof(*a) && is_arena(a, at) && ring_is_closed(g, at)) {
		g->main_arena = at;
		s->arenas++;
	}
	for (int newer = 0; newer < 2 && room >= PARAMETERS_BYTES; newer++) {
		struct form f;

		read_form(bytes, newer, &f);
		if (!is_form(g, &f))
			continue;
		g->parameters = at;
		g->newer = newer;
		s->parameters++;
	}
}

static int search_region(struct search *s, const struct ht_region *r, struct ht_err *err)
{
	size_t len = r->end - r->start;
	ht_auto(memory) uint8_t *bytes = len <= DATA_MOST ? malloc(len) : NULL;

	if (!bytes)
		return ht_err_set(err, HT_ETARGET, "%s has %zu bytes of data, too many to look for malloc's state in",
				  r->path, len);
	if (!ht_process_read(s->g->process, r->start, bytes, len))
		return 0;
	for (size_t i = 0; i + 8 <= len; i += 8)
		look_at(s, bytes + i, len - i, r->start + i);
	return 0;
}

static bool same_file(const struct ht_region *a, const struct ht_region *b)
{
	return a->inode == b->inode && a->dev_major == b->dev_major && a->dev_minor == b->dev_minor;
}

static void note_code(struct ht_glibc *g, const struct ht_exports *e)
{
	static const char *const names[] = { "malloc",   "free",        "calloc",  "realloc",
					     "memalign", "malloc_trim", "mallopt", "malloc_info" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		uint64_t at, bytes;

		if (!ht_exports_find(e, names[i], &at, &bytes))
			continue;
		if (!g->code || at < g->code)
			g->code = at;
		if (at + bytes > g->code_end)
			g->code_end = at + bytes;
	}
	g->module = e->bias;
	g->module_end = e->end;
	if (g->code)
		g->code -= CODE_BEFORE;
}

/* The first mapping of libc; or of a program that was linked with it, which exports nothing. */
static const struct ht_region *find_module(struct ht_glibc *g)
{
	const struct ht_process *p = g->process;
	struct ht_exports e;
	uint64_t at, bytes;

	for (size_t i = 0; i < p->regions; i++)
		if (p->region[i].inode && ht_exports_open(p, &p->region[i], &e) &&
		    ht_exports_find(&e, "gnu_get_libc_version", &at, &bytes)) {
			note_code(g, &e);
			return &p->region[i];
		}
	for (size_t i = 0; i < p->regions; i++)
		if (p->region[i].inode && p->region[i].executable)
			return &p->region[i];
	return NULL;
}

int ht_glibc_find(const struct ht_process *p, struct ht_glibc *ret, struct ht_err *err)
{
	struct ht_glibc g = { .process = p };
	struct search s = { .g = &g };
	const struct ht_region *module = find_module(&g);

	for (size_t i = 0; module && i < p->regions; i++) {
		const struct ht_region *r = &p->region[i];
		int rc = r->writable && !r->shared && same_file(r, module) ? search_region(&s, r, err) : 0;

		if (rc)
			return rc;
	}
	if (!s.arenas)
		return ht_err_set(err, HT_ETARGET,
				  "glibc's malloc was not found in it, or is of a version that is not known");
	if (s.arenas > 1 || s.parameters != 1)
		return ht_err_set(err, HT_ETARGET, "the state of glibc's malloc could not be told from other data");
	*ret = g;
	return 0;
}
