/* SPDX-License-Identifier: Apache-2.0 */
/* apart.c -- finds alternate files, and looks at the names of split ones before libdw opens them
 *
 * apart.h says what they are. Where an alternate file is looked for: by its build-id where debug files are, by the name in the
 * link (relative to the file that has it), and then at the user's servers.
 */
#include "inspect/apart.h"

#include <dwarf.h>
#include <elfutils/libdwelf.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- alternate files --------------------------------------------------------------------------------------- */

/* `name` as seen from the folder of `path`, without `..`; false: it leads out of everything, or is too long. */
static bool resolve(const char *path, const char *name, char to[PATH_MAX])
{
	const char *slash = strrchr(path, '/'), *part = name;
	size_t len = 0;

	if (*name != '/') {
		len = slash ? (size_t)(slash - path) : 0;
		if (len >= PATH_MAX)
			return false;
		memcpy(to, path, len);
	}
	while (*part) {
		size_t part_len = strcspn(part, "/");

		if (part_len == 2 && part[0] == '.' && part[1] == '.') {
			while (len && to[--len] != '/')
				;
		} else if (part_len && !(part_len == 1 && part[0] == '.')) {
			if (len + part_len + 2 > PATH_MAX)
				return false;
			to[len++] = '/';
			memcpy(to + len, part, part_len);
			len += part_len;
		}
		part += part_len + (part[part_len] == '/');
	}
	to[len] = 0;
	return len;
}

static bool open_by_name(const struct ht_elf_places *places, const struct ht_elffile *of, const char *name,
			 struct ht_str id, struct ht_elffile *ret)
{
	char path[PATH_MAX];
	struct ht_err err;

	if (!of->path || !resolve(of->path, name, path) || ht_elffile_open(places, path, ret, &err))
		return false;
	if (ht_elffile_has_id(ret, id))
		return true;
	ht_elffile_close(ret);
	return false;
}

bool ht_apart_join(const struct ht_elf_places *places, const struct ht_elffile *of, Dwarf *dwarf,
		   struct ht_alternate *ret)
{
	struct ht_alternate a = { .file.fd = -1 };
	const char *name;
	const void *bytes;
	ssize_t len = dwelf_dwarf_gnu_debugaltlink(dwarf, &name, &bytes);
	struct ht_str id = { bytes, len > 0 ? (size_t)len : 0 };

	*ret = a;
	if (!len)
		return true;
	if (len < 0 || (!ht_elffile_find_by_id(places, id, &a.file) && !open_by_name(places, of, name, id, &a.file) &&
			!ht_elffile_fetch(places, HT_WANTED_DEBUG, id, &a.file)))
		return false;
	a.dwarf = dwarf_begin_elf(a.file.elf, DWARF_C_READ, NULL);
	if (!a.dwarf) {
		ht_elffile_close(&a.file);
		return false;
	}
	dwarf_setalt(dwarf, a.dwarf);
	*ret = a;
	return true;
}

void ht_apart_close(struct ht_alternate *a)
{
	dwarf_end(a->dwarf);
	if (ht_elffile_is_open(&a->file))
		ht_elffile_close(&a->file);
	a->dwarf = NULL;
}

/* ---- split units ------------------------------------------------------------------------------------------- */

bool ht_apart_is_skeleton(const Dwarf_Die *unit)
{
	uint8_t type;

	return !dwarf_cu_info(unit->cu, NULL, &type, NULL, NULL, NULL, NULL, NULL) && type == DW_UT_skeleton;
}

/* Whether libdw may open this: a pipe would keep it for ever, and a device does what it wants. */
static bool is_harmless(const char *path)
{
	struct stat st;

	return stat(path, &st) || (S_ISREG(st.st_mode) && st.st_size);
}

static const char *string_of(Dwarf_Die *die, unsigned name)
{
	Dwarf_Attribute a;

	return dwarf_formstring(dwarf_attr(die, name, &a));
}

/* As libdw does: the name beside the file, and then in the directory of the compilation; each may be absolute. */
static bool may_open(int fd, const char *dir, const char *name)
{
	char link[32], beside[PATH_MAX], path[3 * PATH_MAX];
	const char *slash;

	if (name[0] == '/')
		return is_harmless(name);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (!realpath(link, beside) || strlen(name) >= PATH_MAX || (dir && strlen(dir) >= PATH_MAX))
		return false;
	slash = strrchr(beside, '/');
	snprintf(path, sizeof(path), "%.*s/%s", (int)(slash - beside), beside, name);
	if (!is_harmless(path))
		return false;
	if (!dir)
		return true;
	if (dir[0] == '/')
		snprintf(path, sizeof(path), "%s/%s", dir, name);
	else
		snprintf(path, sizeof(path), "%.*s/%s/%s", (int)(slash - beside), beside, dir, name);
	return is_harmless(path);
}

bool ht_apart_find_split(int fd, Dwarf_Die *skeleton, Dwarf_Die *ret, uint64_t *ret_bytes)
{
	const char *name = string_of(skeleton, DW_AT_dwo_name);
	Dwarf_Off at, next;
	size_t header;

	if (!name)
		name = string_of(skeleton, DW_AT_GNU_dwo_name);
	if (!name || !may_open(fd, string_of(skeleton, DW_AT_comp_dir), name) ||
	    dwarf_cu_info(skeleton->cu, NULL, NULL, NULL, ret, NULL, NULL, NULL) || !ret->cu)
		return false;
	at = dwarf_dieoffset(ret) - dwarf_cuoffset(ret);
	if (dwarf_next_unit(dwarf_cu_getdwarf(ret->cu), at, &next, &header, NULL, NULL, NULL, NULL, NULL, NULL) ||
	    next <= at)
		return false;
	*ret_bytes = next - at;
	return true;
}
