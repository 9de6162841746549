/* SPDX-License-Identifier: Apache-2.0 */
/* elffile.c -- opens ELF files that strangers name, and finds their debug files
 *
 * elffile.h says which files are opened. What they hold is read through libelf.
 *
 * Always true:
 *   an ELF descriptor is never used after its file was closed
 *   nothing is mapped: a file that becomes shorter meanwhile gives less, where a mapping would end the program (SIGBUS)
 */
#include "inspect/elffile.h"

#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <gelf.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "util/cleanup.h"

#define DEBUG_DIR "/usr/lib/debug"
#define PAGE_BYTES 4096u

/* ---- opening ----------------------------------------------------------------------------------------------- */

static bool is_tame(const char *path)
{
	if (path[0] != '/' || strlen(path) >= PATH_MAX)
		return false;
	for (const char *at = path; (at = strstr(at, "/..")); at += 3)
		if (at[3] == '/' || !at[3])
			return false;
	return true;
}

static int open_regular(const struct ht_elf_places *places, const char *path, struct ht_err *err)
{
	ht_auto(memory) char *full = NULL;
	struct stat st;

	if (!is_tame(path))
		return ht_err_set(err, HT_ESYSTEM, "not a path of a file");
	if (asprintf(&full, "%s%s", places->sysroot ? places->sysroot : "", path) < 0) {
		full = NULL;
		return ht_err_set(err, HT_ESYSTEM, "out of memory");
	}
	ht_auto(fd) int fd = open(full, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return ht_err_sys(err, "cannot be opened");
	if (fstat(fd, &st))
		return ht_err_sys(err, "cannot be looked at");
	if (!S_ISREG(st.st_mode) || !st.st_size)
		return ht_err_set(err, HT_ESYSTEM, "is not a file with something in it");
	return ht_take(fd);
}

/* The file belongs to *f then, whose path is set. */
static int read_file(int fd, struct ht_elffile *f, struct ht_err *err)
{
	const void *id;
	ssize_t id_len;

	elf_version(EV_CURRENT);
	f->fd = fd;
	f->elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!f->elf || elf_kind(f->elf) != ELF_K_ELF || gelf_getclass(f->elf) != ELFCLASS64) {
		ht_elffile_close(f);
		return ht_err_set(err, HT_EDAMAGED, "is not a 64-bit ELF file");
	}
	id_len = dwelf_elf_gnu_build_id(f->elf, &id);
	if (id_len > 0 && id_len <= HT_BUILD_ID_MAX)
		f->build_id = (struct ht_str){ id, (size_t)id_len };
	return 0;
}

int ht_elffile_open(const struct ht_elf_places *places, const char *path, struct ht_elffile *ret, struct ht_err *err)
{
	struct ht_elffile f = { .fd = -1, .path = strdup(path) };
	int fd = f.path ? open_regular(places, path, err) : ht_err_set(err, HT_ESYSTEM, "out of memory");
	int rc;

	if (fd < 0) {
		free(f.path);
		return err->code;
	}
	rc = read_file(fd, &f, err);
	if (!rc)
		*ret = f;
	return rc;
}

void ht_elffile_close(struct ht_elffile *f)
{
	if (f->elf)
		elf_end(f->elf);
	if (f->fd >= 0)
		close(f->fd);
	free(f->path);
	*f = (struct ht_elffile){ .fd = -1 };
}

/* ---- what is in it ----------------------------------------------------------------------------------------- */

bool ht_elffile_address(const struct ht_elffile *f, uint64_t offset, uint64_t *ret)
{
	uint64_t mask = ~(uint64_t)(PAGE_BYTES - 1);
	size_t count;

	if (elf_getphdrnum(f->elf, &count))
		return false;
	for (size_t i = 0; i < count; i++) {
		GElf_Phdr p;

		if (!gelf_getphdr(f->elf, (int)i, &p) || p.p_type != PT_LOAD || !(p.p_flags & PF_X) ||
		    p.p_memsz > UINT64_MAX - PAGE_BYTES)
			continue;
		if (offset < (p.p_offset & mask) || offset - (p.p_offset & mask) >= p.p_memsz + (p.p_offset & ~mask))
			continue;
		*ret = p.p_vaddr + (offset - p.p_offset);
		return true;
	}
	return false;
}

bool ht_elffile_has_unwind(const struct ht_elffile *f)
{
	size_t count;
	GElf_Phdr p;

	if (elf_getphdrnum(f->elf, &count))
		return false;
	for (size_t i = 0; i < count; i++)
		if (gelf_getphdr(f->elf, (int)i, &p) && p.p_type == PT_GNU_EH_FRAME)
			return true;
	return false;
}

/* ---- debug files ------------------------------------------------------------------------------------------- */

bool ht_elffile_has_id(const struct ht_elffile *f, struct ht_str id)
{
	return id.len && f->build_id.len == id.len && !memcmp(f->build_id.at, id.at, id.len);
}

/* The checksum of a debug link: CRC-32, low bit first, of the whole file. */
static bool has_checksum(int fd, uint32_t wanted)
{
	uint32_t table[256], crc = ~0u;
	uint8_t bytes[1 << 16];
	ssize_t got;
	off_t at = 0;

	for (uint32_t i = 0; i < 256; i++) {
		table[i] = i;
		for (int bit = 0; bit < 8; bit++)
			table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xedb88320 : 0);
	}
	while ((got = pread(fd, bytes, sizeof(bytes), at)) > 0) {
		for (ssize_t i = 0; i < got; i++)
			crc = crc >> 8 ^ table[(crc ^ bytes[i]) & 0xff];
		at += got;
	}
	return !got && ~crc == wanted;
}

bool ht_elffile_find_by_id(const struct ht_elf_places *places, struct ht_str id, struct ht_elffile *ret)
{
	const char *dir = places->debug_dir ? places->debug_dir : DEBUG_DIR;
	char path[PATH_MAX];
	struct ht_elffile f;
	struct ht_err err;
	int len;

	if (id.len < 2 || id.len > HT_BUILD_ID_MAX)
		return false;
	len = snprintf(path, sizeof(path) - 2 * HT_BUILD_ID_MAX - 8, "%s/.build-id/%02x/", dir, (uint8_t)id.at[0]);
	if (len < 0 || (size_t)len >= sizeof(path) - 2 * HT_BUILD_ID_MAX - 8)
		return false;
	for (size_t i = 1; i < id.len; i++)
		len += sprintf(path + len, "%02x", (uint8_t)id.at[i]);
	strcpy(path + len, ".debug");
	if (ht_elffile_open(places, path, &f, &err))
		return false;
	if (ht_elffile_has_id(&f, id)) {
		*ret = f;
		return true;
	}
	ht_elffile_close(&f);
	return false;
}

bool ht_elffile_fetch(const struct ht_elf_places *places, enum ht_wanted what, struct ht_str id, struct ht_elffile *ret)
{
	int fd = places->servers ? ht_servers_fetch(places->servers, what, id) : -1;
	struct ht_elffile f = { 0 };
	struct ht_err err;

	if (fd < 0 || read_file(fd, &f, &err))
		return false;
	if (ht_elffile_has_id(&f, id)) {
		*ret = f;
		return true;
	}
	ht_elffile_close(&f);
	return false;
}

/* Whether the file at `dir`/`name` is what the link means. A build-id on both sides decides more cheaply. */
static bool try_link(const struct ht_elf_places *places, const struct ht_elffile *of, const char *path, uint32_t crc,
		     struct ht_elffile *ret)
{
	struct ht_elffile f;
	struct ht_err err;
	bool good;

	if (ht_elffile_open(places, path, &f, &err))
		return false;
	if (of->build_id.len && f.build_id.len)
		good = ht_elffile_has_id(&f, of->build_id);
	else
		good = has_checksum(f.fd, crc);
	if (good)
		*ret = f;
	else
		ht_elffile_close(&f);
	return good;
}

static bool find_by_link(const struct ht_elf_places *places, const struct ht_elffile *f, const char *path,
			 struct ht_elffile *ret)
{
	const char *dir = places->debug_dir ? places->debug_dir : DEBUG_DIR;
	const char *before[] = { "", "", dir }, *behind[] = { "", "/.debug", "" };
	const char *name, *slash = strrchr(path, '/');
	char candidate[PATH_MAX];
	GElf_Word crc;

	name = dwelf_elf_gnu_debuglink(f->elf, &crc);
	if (!name || !*name || strchr(name, '/') || !slash)
		return false;
	for (int i = 0; i < 3; i++) {
		int len = snprintf(candidate, sizeof(candidate), "%s%.*s%s/%s", before[i], (int)(slash - path), path,
				   behind[i], name);

		if (len > 0 && (size_t)len < sizeof(candidate) && strcmp(candidate, path) &&
		    try_link(places, f, candidate, crc, ret))
			return true;
	}
	return false;
}

bool ht_elffile_find_debug(const struct ht_elf_places *places, const struct ht_elffile *f, const char *path,
			   struct ht_elffile *ret)
{
	return ht_elffile_find_by_id(places, f->build_id, ret) || find_by_link(places, f, path, ret) ||
	       ht_elffile_fetch(places, HT_WANTED_DEBUG, f->build_id, ret);
}
