/* SPDX-License-Identifier: Apache-2.0 */
/* allocator.c -- tells the frames of an allocator by their names
 *
 * allocator.h has the rules.
 */
#include "inspect/allocator.h"

#include <string.h>

static const char *base_of(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path;
}

static bool is_allocator_function(const char *name)
{
	static const char *const names[] = {
		"malloc",        "calloc",         "realloc",         "reallocarray",  "posix_memalign",
		"aligned_alloc", "memalign",       "valloc",          "pvalloc",       "__libc_malloc",
		"__libc_calloc", "__libc_realloc", "__libc_memalign", "__libc_valloc", "__libc_pvalloc",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(name, names[i]))
			return true;
	return !strncmp(name, "operator new", strlen("operator new"));
}

static bool serves(const struct ht_meta_image *m, const char *base)
{
	size_t len = strlen(base);

	return m && m->allocator.len > len && m->allocator.at[m->allocator.len - len - 1] == '/' &&
	       !memcmp(m->allocator.at + m->allocator.len - len, base, len);
}

bool ht_allocator_owns(const struct ht_model *t, uint64_t image, const char *function, const char *module)
{
	const char *base = base_of(module);

	if (function && is_allocator_function(function))
		return true;
	if (!base || !strncmp(base, "libc.", 5))
		return false;
	return !strcmp(base, "libheaptap-agent.so") || serves(ht_model_image(t, image), base);
}
