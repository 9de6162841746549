/* SPDX-License-Identifier: Apache-2.0 */
/* allocators.c -- asks every module for malloc, and for a name that only one allocator has
 *
 * Called by: census.c, show/doctor.c.
 */
#include "attach/allocators.h"

#include <string.h>

#include "attach/exports.h"

static const struct {
	const char *name, *mark; /* what it exports */
} known[] = {
	[HT_ALLOCATOR_GLIBC] = { "glibc", "gnu_get_libc_version" },
	[HT_ALLOCATOR_MUSL] = { "musl", "_dlstart" },
	[HT_ALLOCATOR_JEMALLOC] = { "jemalloc", "mallctl" },
	[HT_ALLOCATOR_TCMALLOC] = { "tcmalloc", "tc_malloc" },
	[HT_ALLOCATOR_MIMALLOC] = { "mimalloc", "mi_malloc" },
	[HT_ALLOCATOR_HEAPTAP] = { "heaptap's agent", NULL },
	[HT_ALLOCATOR_UNKNOWN] = { "unknown", NULL },
};

const char *ht_allocators_name(enum ht_allocator_kind kind)
{
	return known[kind].name;
}

static bool exports(const struct ht_exports *e, const char *name)
{
	uint64_t at, bytes;

	return ht_exports_find(e, name, &at, &bytes);
}

static enum ht_allocator_kind kind_of(const struct ht_exports *e, const struct ht_region *first)
{
	if (strstr(first->path, "/libheaptap-agent.so"))
		return HT_ALLOCATOR_HEAPTAP;
	if (strstr(first->path, "/ld-musl-"))
		return HT_ALLOCATOR_MUSL;
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (known[i].mark && exports(e, known[i].mark))
			return (enum ht_allocator_kind)i;
	return HT_ALLOCATOR_UNKNOWN;
}

size_t ht_allocators_find(const struct ht_process *p, struct ht_allocator ret[HT_ALLOCATORS_MOST])
{
	struct ht_exports e;
	size_t found = 0;

	for (size_t i = 0; i < p->regions && found < HT_ALLOCATORS_MOST; i++) {
		const struct ht_region *r = &p->region[i];

		/* older loaders of glibc export a malloc that they use until libc is there */
		if (!r->inode || !ht_exports_open(p, r, &e) || !exports(&e, "malloc") || exports(&e, "_rtld_global"))
			continue;
		ret[found++] = (struct ht_allocator){ kind_of(&e, r), r };
	}
	return found;
}
