/* SPDX-License-Identifier: Apache-2.0 */
/* fdes.c -- reads .eh_frame from its beginning to its end, and sorts what it finds
 *
 * Called by: loaded.c, while the process runs.
 *
 *   record   length 4 | 0: a CIE, its augmentation says how addresses are written | ...
 *            length 4 | distance back to its CIE | where its function begins, in that CIE's way | ...        an FDE
 *
 * A length of 0 ends what one part of the C library brought; the others' may follow. The layout is that of the x86-64 psABI, as in agent/cfi.c.
 */
#include "attach/fdes.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/cleanup.h"

#define SECTIONS_MOST 65535u
#define NAMES_MOST (1u << 20)
#define FRAMES_MOST (64u << 20) /* bytes of .eh_frame */
#define NO_ENCODING 0xffu

/* ---- where it lies ----------------------------------------------------------------------------------------- */

static bool read_at(int fd, void *to, size_t n, uint64_t at)
{
	return pread(fd, to, n, (off_t)at) == (ssize_t)n;
}

static bool find_section(int fd, Elf64_Shdr *ret)
{
	static const char name[] = ".eh_frame";
	Elf64_Ehdr head;
	Elf64_Shdr s;
	ht_auto(memory) char *names = NULL;

	if (!read_at(fd, &head, sizeof(head), 0) || memcmp(head.e_ident, ELFMAG, SELFMAG) ||
	    head.e_shentsize != sizeof(s) || head.e_shstrndx >= head.e_shnum ||
	    !read_at(fd, &s, sizeof(s), head.e_shoff + head.e_shstrndx * sizeof(s)) || s.sh_size > NAMES_MOST)
		return false;
	names = calloc(1, s.sh_size + 1);
	if (!names || !read_at(fd, names, s.sh_size, s.sh_offset))
		return false;
	for (unsigned i = 0, count = (unsigned)s.sh_size; i < head.e_shnum; i++)
		if (read_at(fd, ret, sizeof(*ret), head.e_shoff + i * sizeof(s)) && ret->sh_name < count &&
		    !strcmp(names + ret->sh_name, name))
			return ret->sh_flags & SHF_ALLOC && ret->sh_size && ret->sh_size <= FRAMES_MOST;
	return false;
}

static bool find_memory(const struct ht_process *p, const struct ht_headers *h, struct ht_fdes *f)
{
	char path[64];
	Elf64_Shdr s;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)p->pid);
	ht_auto(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || !find_section(fd, &s))
		return false;
	for (unsigned i = 0; i < h->count; i++) {
		const Elf64_Phdr *e = &h->at[i];

		if (e->p_type != PT_LOAD || s.sh_addr < e->p_vaddr || s.sh_size > e->p_filesz ||
		    s.sh_addr - e->p_vaddr > e->p_filesz - s.sh_size)
			continue;
		f->from = h->bias + s.sh_addr;
		f->to = f->from + s.sh_size;
		return ht_process_is_readable(p, f->from, f->to);
	}
	return false;
}

/* ---- what is in it ----------------------------------------------------------------------------------------- */

struct reading {
	const uint8_t *bytes;
	size_t size;
	const struct ht_headers *headers;
	struct ht_fdes *frames;
};

/* The record at `at`: where its content begins and ends. False: there is no whole one. */
static bool open_record(const struct reading *r, size_t at, size_t *from, size_t *to)
{
	uint32_t length;
	uint64_t longer;

	if (r->size - at < sizeof(length))
		return false;
	memcpy(&length, r->bytes + at, sizeof(length));
	*from = at + sizeof(length);
	longer = length;
	if (length == UINT32_MAX) {
		if (r->size - *from < sizeof(longer))
			return false;
		memcpy(&longer, r->bytes + *from, sizeof(longer));
		*from += sizeof(longer);
	}
	if ((longer && longer < sizeof(uint32_t)) || longer > r->size - *from)
		return false;
	*to = *from + longer;
	return true;
}

static size_t skip_leb(const struct reading *r, size_t at, size_t to)
{
	while (at < to && r->bytes[at] & 0x80)
		at++;
	return at + 1;
}

static size_t pointer_bytes(unsigned encoding)
{
	switch (encoding & 0x0f) {
	case 0x03:
	case 0x0b:
		return 4;
	case 0x00:
	case 0x04:
	case 0x0c:
		return 8;
	default:
		return 0;
	}
}

/* How the FDEs of a CIE write addresses: the content of the letter R in its augmentation. */
static unsigned encoding_of(const struct reading *r, size_t at)
{
	size_t from, to, letter, end;

	if (at >= r->size || !open_record(r, at, &from, &to) || to - from < 6)
		return NO_ENCODING;
	letter = from + 5; /* behind id and version */
	end = letter + strnlen((const char *)r->bytes + letter, to - letter);
	if (end == to || r->bytes[letter] != 'z')
		return end == letter ? 0 : NO_ENCODING;
	at = skip_leb(r, skip_leb(r, end + 1, to), to);              /* factors */
	at = r->bytes[from + 4] == 1 ? at + 1 : skip_leb(r, at, to); /* the return address's register */
	at = skip_leb(r, at, to);                                    /* length of what follows */
	for (letter++; letter < end && at < to; letter++) {
		if (r->bytes[letter] == 'R')
			return r->bytes[at];
		if (r->bytes[letter] == 'P')
			at += 1 + pointer_bytes(r->bytes[at]);
		else if (r->bytes[letter] == 'L')
			at++;
		else if (r->bytes[letter] != 'S')
			return NO_ENCODING;
	}
	return NO_ENCODING;
}

static bool is_code(const struct ht_headers *h, uint64_t at)
{
	for (unsigned i = 0; i < h->count; i++)
		if (h->at[i].p_type == PT_LOAD && h->at[i].p_flags & PF_X && at >= h->bias + h->at[i].p_vaddr &&
		    at < h->bias + h->at[i].p_vaddr + h->at[i].p_memsz)
			return true;
	return false;
}

static bool append(struct ht_fdes *f, uint64_t function, uint64_t fde)
{
	if (f->count == f->cap) {
		size_t cap = f->cap ? f->cap * 2 : 1024;
		struct ht_fde *more = reallocarray(f->entry, cap, sizeof(*more));

		if (!more)
			return false;
		f->entry = more;
		f->cap = cap;
	}
	f->entry[f->count++] = (struct ht_fde){ function, fde };
	return true;
}

/* An FDE at `at`, content in [from, to). False: no memory. */
static bool add(struct reading *r, size_t at, size_t from, size_t to)
{
	unsigned encoding;
	uint32_t back;
	uint64_t function, place = r->frames->from + from + sizeof(back);
	int32_t near;
	size_t n;

	memcpy(&back, r->bytes + from, sizeof(back));
	if (!back || back > from)
		return true; /* a CIE, or nonsense */
	encoding = encoding_of(r, from - back);
	n = pointer_bytes(encoding);
	if (encoding == NO_ENCODING || !n || encoding & 0x60 || encoding & 0x80 || to - from - sizeof(back) < n)
		return true;
	memcpy(&function, r->bytes + from + sizeof(back), n == 8 ? n : 0);
	if (n == 4) {
		memcpy(&near, r->bytes + from + sizeof(back), sizeof(near));
		function = (encoding & 0x0f) == 0x03 ? (uint32_t)near : (uint64_t)(int64_t)near;
	}
	if (encoding & 0x10)
		function += place;
	return !is_code(r->headers, function) || append(r->frames, function, r->frames->from + at);
}

static int by_function(const void *a, const void *b)
{
	const struct ht_fde *x = a, *y = b;

	return x->function < y->function ? -1 : x->function > y->function;
}

static int read_all(struct reading *r, struct ht_err *err)
{
	for (size_t at = 0, from, to; open_record(r, at, &from, &to); at = to)
		if (to > from && !add(r, at, from, to))
			return ht_err_set(err, HT_ESYSTEM, "out of memory");
	if (r->frames->count)
		qsort(r->frames->entry, r->frames->count, sizeof(*r->frames->entry), by_function);
	return 0;
}

int ht_fdes_find(const struct ht_process *p, const struct ht_headers *h, struct ht_fdes *ret, struct ht_err *err)
{
	struct ht_fdes f = { .from = 0 };
	ht_auto(memory) uint8_t *bytes = NULL;
	int rc;

	*ret = f;
	if (!find_memory(p, h, &f))
		return 0;
	bytes = malloc(f.to - f.from);
	if (!bytes)
		return ht_err_set(err, HT_ESYSTEM, "out of memory");
	if (!ht_process_read(p, f.from, bytes, f.to - f.from))
		return 0;
	rc = read_all(&(struct reading){ bytes, f.to - f.from, h, &f }, err);
	if (rc)
		ht_fdes_fini(&f);
	else
		*ret = f;
	return rc;
}

void ht_fdes_fini(struct ht_fdes *f)
{
	free(f->entry);
	*f = (struct ht_fdes){ 0 };
}

/* ---- the table --------------------------------------------------------------------------------------------- */

bool ht_fdes_write(const struct ht_fdes *f, void *to, size_t room)
{
	/* as .eh_frame_hdr begins: version, then the encodings of .eh_frame's address (which is left out), of the number, of addresses */
	static const uint8_t begins[] = { 1, 0x03, 0x04, 0x04, 0, 0, 0, 0 };
	uint64_t count = f->count;
	uint8_t *at = to;

	if (!count || room < sizeof(begins) + sizeof(count) ||
	    count > (room - sizeof(begins) - sizeof(count)) / sizeof(*f->entry))
		return false;
	memcpy(at, begins, sizeof(begins));
	memcpy(at + sizeof(begins), &count, sizeof(count));
	memcpy(at + sizeof(begins) + sizeof(count), f->entry, count * sizeof(*f->entry));
	return true;
}
