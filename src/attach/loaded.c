/* SPDX-License-Identifier: Apache-2.0 */
/* loaded.c -- makes an entry of the channel's table out of each executable segment of each mapped module
 *
 * Called by: whoever enters a process.
 *
 *   mappings ──► ELF header at the beginning of a file ──► segments that are mapped executable ──► entry
 *                      ├──► .eh_frame_hdr, and the segment that it and .eh_frame lie in; a program without: fdes.c
 *                      └──► notes: build-id
 *
 * A file that somebody maps to read it has such a beginning too, but no executable mapping.
 */
#include "attach/loaded.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attach/headers.h"
#include "util/cleanup.h"

#define PAGE 4096ull
#define NOTES_MOST 4096u
#define FIRST_GENERATION 1u

/* What the kernel told the program at its start. */
struct start {
	uint64_t program, loader, stack_top; /* its program headers; its dynamic linker; the name it was started by */
};

static struct start read_start(pid_t pid)
{
	struct start s = { 0 };
	uint64_t entry[2];
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/auxv", (int)pid);
	ht_auto(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && read(fd, entry, sizeof(entry)) == sizeof(entry) && entry[0] != AT_NULL) {
		if (entry[0] == AT_PHDR)
			s.program = entry[1];
		else if (entry[0] == AT_BASE)
			s.loader = entry[1];
		else if (entry[0] == AT_EXECFN)
			s.stack_top = entry[1];
	}
	return s;
}

/* ---- one module -------------------------------------------------------------------------------------------- */

static void find_unwind(const struct ht_process *p, const struct ht_headers *h, struct ht_module *m)
{
	uint64_t at = 0;

	for (unsigned i = 0; i < h->count; i++)
		if (h->at[i].p_type == PT_GNU_EH_FRAME)
			at = h->bias + h->at[i].p_vaddr;
	for (unsigned i = 0; at && i < h->count; i++) {
		uint64_t from = h->bias + h->at[i].p_vaddr, to = from + h->at[i].p_filesz;

		if (h->at[i].p_type != PT_LOAD || !(h->at[i].p_flags & PF_R) || at < from || at >= to ||
		    !ht_process_is_readable(p, from, to))
			continue;
		m->unwind_at = at;
		m->unwind_from = from;
		m->unwind_to = to;
	}
}

/* A note is: lengths of name and content, type, then both, each padded to 4. */
static void find_in_notes(const uint8_t *notes, size_t bytes, struct ht_module *m)
{
	Elf64_Nhdr note;

	for (size_t at = 0, name, content; bytes - at >= sizeof(note); at = content + ((note.n_descsz + 3u) & ~3u)) {
		memcpy(&note, notes + at, sizeof(note));
		name = at + sizeof(note);
		if (note.n_namesz > bytes || note.n_descsz > bytes)
			return;
		content = name + ((note.n_namesz + 3u) & ~3u);
		if (content + note.n_descsz > bytes)
			return;
		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && !memcmp(notes + name, "GNU", 4) &&
		    note.n_descsz <= sizeof(m->build_id)) {
			m->build_id_len = (uint8_t)note.n_descsz;
			memcpy(m->build_id, notes + content, note.n_descsz);
		}
		if (content + ((note.n_descsz + 3u) & ~3u) > bytes)
			return;
	}
}

static void find_build_id(const struct ht_process *p, const struct ht_headers *h, struct ht_module *m)
{
	uint8_t notes[NOTES_MOST];

	for (unsigned i = 0; i < h->count; i++)
		if (h->at[i].p_type == PT_NOTE && h->at[i].p_filesz <= sizeof(notes) &&
		    ht_process_read(p, h->bias + h->at[i].p_vaddr, notes, h->at[i].p_filesz))
			find_in_notes(notes, h->at[i].p_filesz, m);
}

static void name_module(const struct ht_process *p, const struct ht_region *first, bool program, struct ht_module *m)
{
	static const char deleted[] = " (deleted)";
	char link[64], path[sizeof(first->path)];
	ssize_t n;
	size_t len;

	snprintf(path, sizeof(path), "%s", first->path);
	snprintf(link, sizeof(link), "/proc/%d/exe", (int)p->pid);
	n = program ? readlink(link, path, sizeof(path) - 1) : -1;
	if (n >= 0)
		path[n] = 0;
	len = strlen(path);
	if (len >= sizeof(deleted) && !strcmp(path + len - (sizeof(deleted) - 1), deleted))
		path[len - (sizeof(deleted) - 1)] = 0;
	snprintf(m->path, sizeof(m->path), "%.*s", (int)sizeof(m->path) - 1, path);
}

static int append(struct ht_loaded *l, const struct ht_module *m, struct ht_err *err)
{
	if (l->modules == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 64;
		struct ht_module *more = reallocarray(l->module, cap, sizeof(*more));

		if (!more)
			return ht_err_set(err, HT_ESYSTEM, "out of memory");
		l->module = more;
		l->cap = cap;
	}
	l->module[l->modules++] = *m;
	return 0;
}

/* A segment is what the loader mapped only if that mapping is still there. */
static bool is_mapped(const struct ht_process *p, const struct ht_region *first, const struct ht_module *m)
{
	const struct ht_region *r = ht_process_at(p, m->start);

	return r && r->executable && r->inode == first->inode && r->dev_major == first->dev_major &&
	       r->dev_minor == first->dev_minor && (!r->inode || r->offset == m->offset);
}

static bool can_be_unloaded(const struct ht_region *first, const struct ht_headers *h, const struct start *s)
{
	for (unsigned i = 0; i < h->count; i++)
		if (h->at[i].p_type == PT_LOAD && s->program >= h->bias + h->at[i].p_vaddr &&
		    s->program < h->bias + h->at[i].p_vaddr + h->at[i].p_memsz)
			return false;
	return first->inode && first->start != s->loader;
}

/* Only the program can be without: it is linked statically. Where in the channel the table comes to lie is known later. */
static int make_unwind(struct ht_loaded *l, const struct ht_process *p, const struct ht_headers *h, struct ht_module *m,
		       struct ht_err *err)
{
	int rc = ht_fdes_find(p, h, &l->fdes, err);

	if (rc || !l->fdes.count)
		return rc;
	m->unwind_at = HT_MODULE_TABLE;
	m->unwind_from = l->fdes.from;
	m->unwind_to = l->fdes.to;
	return 0;
}

static int add_module(struct ht_loaded *l, const struct ht_process *p, const struct ht_region *first,
		      const struct start *s, struct ht_err *err)
{
	struct ht_module m = { .generation = FIRST_GENERATION };
	struct ht_headers h;
	bool goes, program;
	int rc = 0;

	if (!ht_headers_read(p, first, &h))
		return 0;
	goes = can_be_unloaded(first, &h, s);
	program = !goes && first->inode && first->start != s->loader;
	m.key = h.dynamic ? h.dynamic : first->start; /* as agent/loader.c has it */
	find_unwind(p, &h, &m);
	find_build_id(p, &h, &m);
	name_module(p, first, program, &m);
	if (program && !m.unwind_at)
		rc = make_unwind(l, p, &h, &m, err);
	for (unsigned i = 0; !rc && i < h.count; i++) {
		const Elf64_Phdr *e = &h.at[i];

		if (e->p_type != PT_LOAD || !(e->p_flags & PF_X))
			continue;
		m.start = (h.bias + e->p_vaddr) & ~(PAGE - 1);
		m.end = (h.bias + e->p_vaddr + e->p_memsz + PAGE - 1) & ~(PAGE - 1);
		m.offset = e->p_offset & ~(PAGE - 1);
		if (m.start >= m.end || !is_mapped(p, first, &m))
			continue;
		if (goes && !l->loader.changed)
			l->left_out++; /* D2 */
		else
			rc = append(l, &m, err);
	}
	return rc;
}

/* ---- all of them ------------------------------------------------------------------------------------------- */

int ht_loaded_find(struct ht_process *p, bool told, struct ht_loaded *ret, struct ht_err *err)
{
	struct start s = read_start(p->pid);
	struct ht_loaded l = { .stack_top = s.stack_top };
	int rc = ht_process_look(p, err);

	if (rc)
		return rc;
	l.loader = ht_loader_find(p);
	if (!told)
		l.loader.changed = 0;
	l.list = ht_loader_list(p, &l.loader);
	if (!l.list)
		return ht_err_set(err, HT_ETARGET, "process %d is loading or unloading a library", (int)p->pid);
	rc = ht_process_look(p, err); /* the list first: what is loaded now is in it, or it has changed by the visit */
	for (size_t i = 0; !rc && i < p->regions; i++)
		rc = add_module(&l, p, &p->region[i], &s, err);
	if (rc)
		ht_loaded_fini(&l);
	else
		*ret = l;
	return rc;
}

void ht_loaded_fini(struct ht_loaded *l)
{
	free(l->module);
	ht_fdes_fini(&l->fdes);
	*l = (struct ht_loaded){ 0 };
}

bool ht_loaded_is_same(const struct ht_process *p, const struct ht_loaded *l)
{
	return ht_loader_list(p, &l->loader) == l->list;
}

void ht_loaded_tell(const struct ht_loaded *l, struct ht_channel *channel, uint32_t image, uint64_t ticks,
		    struct ht_gate *gate)
{
	struct ht_module *table = (struct ht_module *)((char *)channel + channel->modules_at);
	/* relaxed, here and below: nobody else has the channel yet */
	uint32_t room = atomic_load_explicit(&channel->module_limit, memory_order_relaxed), n = 0;
	uint64_t unwind_at = 0;

	if (ht_fdes_write(&l->fdes, (char *)channel + channel->table_at, channel->table_bytes))
		unwind_at = HT_MODULE_TABLE | channel->table_at;
	for (; n < l->modules && n < room; n++) {
		table[n] = l->module[n];
		if (table[n].unwind_at == HT_MODULE_TABLE)
			table[n].unwind_at = unwind_at;
		table[n].image = image;
		table[n].loaded_ticks = ticks;
		atomic_store_explicit(&table[n].next, n, memory_order_relaxed); /* the one before, + 1 */
		atomic_store_explicit(&table[n].state, HT_SLOT_NEXT(0, HT_MODULE_LIVE), memory_order_relaxed);
	}
	atomic_store_explicit(&channel->module_top, n, memory_order_relaxed);
	atomic_fetch_add_explicit(&channel->module_changes, 1, memory_order_relaxed);
	atomic_store_explicit(&gate->generation, FIRST_GENERATION, memory_order_relaxed);
	atomic_store_explicit(&gate->modules, n, memory_order_relaxed);
	gate->left_out = (uint32_t)l->modules - n;
	atomic_store_explicit(&channel->modules_left_out, gate->left_out, memory_order_relaxed);
	gate->stack_top = l->stack_top;
}
