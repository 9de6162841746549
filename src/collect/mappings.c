/* SPDX-License-Identifier: Apache-2.0 */
/* mappings.c -- reads /proc/PID/maps when a caller lies outside what is known, and the build-ids of what is new
 *
 * Called by: contexts.c, recording.c.
 *
 *   maps ──► executable mappings, by address ──► compared with the known ones ──► MODULE records: mapped, unmapped
 *                                                     └─► new file: build-id out of its ELF notes
 *
 * Always true: a path is opened only below the target's root, only as a regular file, and only its own mapping's
 * inode is believed; what cannot be read has no build-id. The number of mappings is bounded (MAPPINGS_MAX).
 */
#include "collect/mappings.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <inttypes.h>
#include <libelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "util/cleanup.h"

#define MAPPINGS_MAX 65536
#define READ_AT_ONCE (64u << 10) /* the process may end between two reads */
#define NOTES_MAX (64u << 10)
#define BUILD_ID_MAX 64

struct build_id {
	uint8_t at[BUILD_ID_MAX];
	size_t len;
};

static void forget(struct ht_mappings *m)
{
	for (size_t i = 0; i < m->count; i++)
		free(m->known[i].path);
	free(m->known);
	m->known = NULL;
	m->count = 0;
}

void ht_mappings_fini(struct ht_mappings *m)
{
	forget(m);
}

void ht_mappings_want(struct ht_mappings *m, uint64_t pc)
{
	size_t low = 0, high = m->count;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (pc < m->known[mid].start)
			high = mid;
		else if (pc >= m->known[mid].end)
			low = mid + 1;
		else
			return;
	}
	m->wanted = true;
}

/* ---- build-ids --------------------------------------------------------------------------------------------- */

static bool find_in_notes(Elf_Data *data, struct build_id *ret)
{
	size_t at = 0, name, desc;
	GElf_Nhdr note;

	while ((at = gelf_getnote(data, at, &note, &name, &desc)) > 0) {
		const char *bytes = data->d_buf;

		if (note.n_type != NT_GNU_BUILD_ID || note.n_namesz != 4 || memcmp(bytes + name, "GNU", 4))
			continue;
		if (!note.n_descsz || note.n_descsz > BUILD_ID_MAX)
			return false;
		ret->len = note.n_descsz;
		memcpy(ret->at, bytes + desc, ret->len);
		return true;
	}
	return false;
}

static void read_notes(Elf *elf, struct build_id *ret)
{
	size_t count;

	if (elf_kind(elf) != ELF_K_ELF || elf_getphdrnum(elf, &count))
		return;
	for (size_t i = 0; i < count; i++) {
		GElf_Phdr p;
		Elf_Data *data;

		if (!gelf_getphdr(elf, (int)i, &p) || p.p_type != PT_NOTE || p.p_filesz > NOTES_MAX)
			continue;
		data = elf_getdata_rawchunk(elf, (int64_t)p.p_offset, p.p_filesz,
					    p.p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR);
		if (data && find_in_notes(data, ret))
			return;
	}
}

static void read_build_id(const struct ht_mappings *m, const struct ht_mapping *mod, struct build_id *ret)
{
	char path[4096 + 32];
	struct stat st;
	Elf *elf;

	snprintf(path, sizeof(path), "/proc/%d/root%s", (int)m->pid, mod->path);
	ht_auto(fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_ino != mod->ino)
		return;
	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!elf)
		return;
	read_notes(elf, ret);
	elf_end(elf);
}

/* ---- maps -------------------------------------------------------------------------------------------------- */

static void tell(struct ht_mappings *m, const struct ht_mapping *mod, uint64_t change)
{
	struct build_id id = { .len = 0 };

	if (!mod->named || (m->modules && ht_modules_tell(m->modules, m->image, mod->start, mod->end)))
		return;
	if (change == HT_MODULE_MAPPED && mod->path[0] == '/')
		read_build_id(m, mod, &id);
	ht_trace_put_module(m->trace, &(struct ht_meta_module){
					      .change = change,
					      .ticks = ht_ticker_now(m->ticker),
					      .image = m->image,
					      .start = mod->start,
					      .end = mod->end,
					      .offset = mod->offset,
					      .path = { mod->path, strlen(mod->path) },
					      .build_id = { (const char *)id.at, id.len },
				      });
}

/* One line of maps; false: not executable. */
static bool parse_line(char *line, struct ht_mapping *ret)
{
	char perms[5];
	int path_at = 0;

	*ret = (struct ht_mapping){ 0 };
	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %" SCNx32 ":%" SCNx32 " %" SCNu64 " %n", &ret->start,
		   &ret->end, perms, &ret->offset, &ret->dev_major, &ret->dev_minor, &ret->ino, &path_at) < 7)
		return false;
	if (perms[2] != 'x' || ret->start >= ret->end || ret->start >> 63)
		return false;
	line[strcspn(line, "\n")] = 0;
	ret->path = path_at ? line + path_at : line + strlen(line);
	ret->named = ret->path[0] == '/' || !strcmp(ret->path, "[vdso]");
	return true;
}

static bool is_same(const struct ht_mapping *a, const struct ht_mapping *b)
{
	return a->start == b->start && a->end == b->end && a->offset == b->offset && a->ino == b->ino &&
	       a->dev_major == b->dev_major && a->dev_minor == b->dev_minor && !strcmp(a->path, b->path);
}

/* The known mapping at or behind `start`; both lists are in order of address, so the search goes on where it
 * stopped. */
static bool mark_known(struct ht_mappings *m, size_t *from, const struct ht_mapping *mod)
{
	while (*from < m->count && m->known[*from].start < mod->start)
		++*from;
	if (*from == m->count || !is_same(&m->known[*from], mod))
		return false;
	m->known[*from].seen = true;
	return true;
}

struct list {
	struct ht_mapping *at;
	size_t count, cap;
};

static bool append(struct list *l, const struct ht_mapping *mod)
{
	if (l->count == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 64;
		struct ht_mapping *more = cap > MAPPINGS_MAX ? NULL : realloc(l->at, cap * sizeof(*more));

		if (!more)
			return false;
		l->at = more;
		l->cap = cap;
	}
	l->at[l->count] = *mod;
	l->at[l->count].path = strdup(mod->path);
	return l->at[l->count].path && ++l->count;
}

/* The mappings of now; those that were known are marked there, the others have `seen` unset here. */
static struct list read_maps(struct ht_mappings *m, FILE *maps)
{
	ht_auto(memory) char *line = NULL;
	struct list now = { 0 };
	struct ht_mapping mod;
	size_t cap = 0, from = 0;

	while (getline(&line, &cap, maps) > 0) {
		if (!parse_line(line, &mod))
			continue;
		mod.seen = mark_known(m, &from, &mod);
		if (!append(&now, &mod))
			break;
	}
	return now;
}

void ht_mappings_look(struct ht_mappings *m, uint64_t image)
{
	char path[64];
	struct list now;

	if (image != m->image) {
		forget(m);
		m->image = image;
	}
	m->wanted = false;
	ht_modules_read(m->modules);
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)m->pid);
	ht_auto(file) FILE *maps = fopen(path, "re");
	if (!maps)
		return;
	setvbuf(maps, NULL, _IOFBF, READ_AT_ONCE);
	for (size_t i = 0; i < m->count; i++)
		m->known[i].seen = false;
	now = read_maps(m, maps);
	if (!now.count) { /* the process is ending */
		free(now.at);
		return;
	}
	for (size_t i = 0; i < m->count; i++)
		if (!m->known[i].seen)
			tell(m, &m->known[i], HT_MODULE_UNMAPPED);
	for (size_t i = 0; i < now.count; i++)
		if (!now.at[i].seen)
			tell(m, &now.at[i], HT_MODULE_MAPPED);
	forget(m);
	m->known = now.at;
	m->count = now.count;
}
