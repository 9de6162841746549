/* SPDX-License-Identifier: Apache-2.0 */
/* entries.c -- looks the names up in each module that brings a malloc, or in a static program's file; and the loader's function in what it tells debuggers
 *
 * Called by: the doors into a process, while it runs.
 */
#include "attach/entries.h"

#include "attach/exports.h"
#include "attach/loader.h"
#include "attach/named.h"

static const struct {
	const char *name;
	enum ht_function function;
} names[] = {
	{ "malloc", HT_FN_MALLOC },
	{ "calloc", HT_FN_CALLOC },
	{ "realloc", HT_FN_REALLOC },
	{ "reallocarray", HT_FN_REALLOCARRAY },
	{ "free", HT_FN_FREE },
	{ "cfree", HT_FN_FREE },
	{ "posix_memalign", HT_FN_POSIX_MEMALIGN },
	{ "aligned_alloc", HT_FN_ALIGNED_ALLOC },
	{ "memalign", HT_FN_MEMALIGN },
	{ "valloc", HT_FN_VALLOC },
	{ "pvalloc", HT_FN_PVALLOC },
	{ "free_sized", HT_FN_FREE_SIZED },
	{ "free_aligned_sized", HT_FN_FREE_ALIGNED_SIZED },
	{ "_Znwm", HT_FN_NEW },
	{ "_Znam", HT_FN_NEW_ARRAY },
	{ "_ZnwmRKSt9nothrow_t", HT_FN_NEW_NOTHROW },
	{ "_ZnamRKSt9nothrow_t", HT_FN_NEW_ARRAY_NOTHROW },
	{ "_ZnwmSt11align_val_t", HT_FN_NEW_ALIGNED },
	{ "_ZnamSt11align_val_t", HT_FN_NEW_ARRAY_ALIGNED },
	{ "_ZnwmSt11align_val_tRKSt9nothrow_t", HT_FN_NEW_ALIGNED_NOTHROW },
	{ "_ZnamSt11align_val_tRKSt9nothrow_t", HT_FN_NEW_ARRAY_ALIGNED_NOTHROW },
	{ "_ZdlPv", HT_FN_DELETE },
	{ "_ZdaPv", HT_FN_DELETE_ARRAY },
	{ "_ZdlPvRKSt9nothrow_t", HT_FN_DELETE_NOTHROW },
	{ "_ZdaPvRKSt9nothrow_t", HT_FN_DELETE_ARRAY_NOTHROW },
	{ "_ZdlPvm", HT_FN_DELETE_SIZED },
	{ "_ZdaPvm", HT_FN_DELETE_ARRAY_SIZED },
	{ "_ZdlPvSt11align_val_t", HT_FN_DELETE_ALIGNED },
	{ "_ZdaPvSt11align_val_t", HT_FN_DELETE_ARRAY_ALIGNED },
	{ "_ZdlPvmSt11align_val_t", HT_FN_DELETE_SIZED_ALIGNED },
	{ "_ZdaPvmSt11align_val_t", HT_FN_DELETE_ARRAY_SIZED_ALIGNED },
	{ "_ZdlPvSt11align_val_tRKSt9nothrow_t", HT_FN_DELETE_ALIGNED_NOTHROW },
	{ "_ZdaPvSt11align_val_tRKSt9nothrow_t", HT_FN_DELETE_ARRAY_ALIGNED_NOTHROW },
};

static bool is_known(const struct ht_entry *e, size_t count, uint64_t at)
{
	for (size_t i = 0; i < count; i++)
		if (e[i].at == at)
			return true;
	return false;
}

/* By a function that only one of them has. */
static enum ht_allocator_kind kind_in(const struct ht_named *s)
{
	static const struct {
		const char *mark;
		enum ht_allocator_kind kind;
	} known[] = {
		{ "mallctl", HT_ALLOCATOR_JEMALLOC },     { "tc_malloc", HT_ALLOCATOR_TCMALLOC },
		{ "mi_malloc", HT_ALLOCATOR_MIMALLOC },   { "_int_malloc", HT_ALLOCATOR_GLIBC },
		{ "__malloc_donate", HT_ALLOCATOR_MUSL },
	};
	uint64_t at, bytes;

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (ht_named_find(s, known[i].mark, true, &at, &bytes))
			return known[i].kind;
	return HT_ALLOCATOR_UNKNOWN;
}

/* Of a static program. Its allocator's own calls come from between its functions. */
static size_t find_in_program(const struct ht_process *p, struct ht_entry ret[HT_ENTRIES_MOST])
{
	struct ht_named s;
	uint64_t from = UINT64_MAX, end = 0, at, bytes;
	enum ht_allocator_kind kind;
	size_t found = 0;

	if (!ht_named_open(p, &s))
		return 0;
	kind = kind_in(&s);
	for (size_t i = 0; ht_named_find(&s, "malloc", false, &at, &bytes) && i < sizeof(names) / sizeof(*names); i++) {
		struct ht_entry n = { .function = names[i].function, .allocator = kind };

		if (!ht_named_find(&s, names[i].name, false, &n.at, &n.bytes) || is_known(ret, found, n.at))
			continue;
		ret[found++] = n;
		from = n.at < from ? n.at : from;
		end = n.at + n.bytes > end ? n.at + n.bytes : end;
	}
	for (size_t i = 0; i < found; i++) {
		ret[i].from = from;
		ret[i].end = end;
	}
	ht_named_close(&s);
	return found;
}

size_t ht_entries_find(const struct ht_process *p, struct ht_entry ret[HT_ENTRIES_MOST])
{
	struct ht_allocator module[HT_ALLOCATORS_MOST];
	size_t modules = ht_allocators_find(p, module), found = 0;
	struct ht_loader loader = ht_loader_find(p);

	if (!modules)
		return find_in_program(p, ret);
	for (size_t m = 0; m < modules; m++) {
		struct ht_exports e;

		if (!ht_exports_open(p, module[m].module, &e))
			continue;
		for (size_t i = 0; i < sizeof(names) / sizeof(*names) && found < HT_ENTRIES_MOST; i++) {
			struct ht_entry n = {
				.function = names[i].function, .allocator = module[m].kind, .from = e.bias, .end = e.end
			};

			if (ht_exports_find(&e, names[i].name, &n.at, &n.bytes) && !is_known(ret, found, n.at))
				ret[found++] = n;
		}
	}
	if (found && found < HT_ENTRIES_MOST && loader.changed)
		ret[found++] = (struct ht_entry){ .at = loader.changed, .function = HT_FN_NONE };
	return found;
}
