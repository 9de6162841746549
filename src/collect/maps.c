/* SPDX-License-Identifier: Apache-2.0 */
/* maps.c -- executable file mappings of the target, with their build-ids
 *
 * The files are opened through /proc/PID/root, as the target sees them; one that was replaced since it was mapped has another inode, and
 * then its build-id is not taken.
 */
#include "collect/maps.h"

#include <fcntl.h>
#include <gelf.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "util/cleanup.h"

struct mapping {
	uint64_t start, end, offset, inode;
	char path[4096];
};

bool ht_maps_hold(const struct ht_maps *m, uint64_t address)
{
	for (size_t i = 0; i < m->len; i++)
		if (address >= m->known[i].start && address < m->known[i].end)
			return true;
	return false;
}

void ht_maps_forget(struct ht_maps *m)
{
	m->len = 0;
}

void ht_maps_fini(struct ht_maps *m)
{
	free(m->known);
}

/* ---- build-id ---------------------------------------------------------------------------------------------- */

static size_t copy_build_id(Elf_Data *notes, uint8_t *to, size_t room)
{
	size_t at = 0, name, desc;
	GElf_Nhdr note;

	while (notes && (at = gelf_getnote(notes, at, &note, &name, &desc)) > 0) {
		if (note.n_type != NT_GNU_BUILD_ID || note.n_namesz != 4 || note.n_descsz > room)
			continue;
		memcpy(to, (const char *)notes->d_buf + desc, note.n_descsz);
		return note.n_descsz;
	}
	return 0;
}

static size_t read_build_id(const struct ht_maps *m, const struct mapping *map, uint8_t *to, size_t room)
{
	char path[4200];
	struct stat st;
	size_t count = 0, len = 0;
	Elf *elf;

	snprintf(path, sizeof(path), "/proc/%d/root%s", m->pid, map->path);
	ht_auto(fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_ino != map->inode)
		return 0;
	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!elf)
		return 0;
	if (elf_getphdrnum(elf, &count) == 0) {
		for (size_t i = 0; i < count && !len; i++) {
			GElf_Phdr phdr;

			if (gelf_getphdr(elf, (int)i, &phdr) && phdr.p_type == PT_NOTE)
				len = copy_build_id(elf_getdata_rawchunk(elf, (int64_t)phdr.p_offset, phdr.p_filesz, ELF_T_NHDR), to, room);
		}
	}
	elf_end(elf);
	return len;
}

/* ---- maps -------------------------------------------------------------------------------------------------- */

static bool parse(const char *line, struct mapping *ret)
{
	char perms[5];
	int at = 0;

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %*s %" SCNu64 " %n", &ret->start, &ret->end, perms, &ret->offset, &ret->inode,
		   &at) < 5 || perms[2] != 'x' || !at)
		return false;
	snprintf(ret->path, sizeof(ret->path), "%.*s", (int)strcspn(line + at, "\n"), line + at);
	return ret->path[0] == '/' || strcmp(ret->path, "[vdso]") == 0;
}

static bool is_known(const struct ht_maps *m, const struct mapping *map)
{
	for (size_t i = 0; i < m->len; i++)
		if (m->known[i].start == map->start && m->known[i].end == map->end && m->known[i].inode == map->inode)
			return true;
	return false;
}

static bool remember(struct ht_maps *m, const struct mapping *map)
{
	if (m->len == m->cap) {
		size_t cap = m->cap ? 2 * m->cap : 64;
		void *grown = realloc(m->known, cap * sizeof(*m->known));

		if (!grown)
			return false;
		m->known = grown;
		m->cap = cap;
	}
	m->known[m->len++] = (struct ht_maps_range){ map->start, map->end, map->inode };
	return true;
}

void ht_maps_read(struct ht_maps *m, uint32_t image)
{
	char path[64], line[4300];
	struct mapping map;
	uint8_t build_id[64];

	snprintf(path, sizeof(path), "/proc/%d/maps", m->pid);
	ht_auto(file) FILE *maps = fopen(path, "re");

	while (maps && fgets(line, sizeof(line), maps)) {
		struct ht_meta_module record = { .change = 1, .ticks = ht_clock_ticks(m->clock), .image = image };

		if (!parse(line, &map) || is_known(m, &map) || !remember(m, &map))
			continue;
		record.start = map.start;
		record.end = map.end;
		record.offset = map.offset;
		record.path = (struct ht_str){ map.path, strlen(map.path) };
		record.build_id = (struct ht_str){ (const char *)build_id, read_build_id(m, &map, build_id, sizeof(build_id)) };
		ht_trace_put_module(m->trace, &record);
	}
}
