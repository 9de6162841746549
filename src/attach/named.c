/* SPDX-License-Identifier: Apache-2.0 */
/* named.c -- reads .symtab and its strings out of the file that a process runs
 *
 * Called by: entries.c, while the process runs.
 */
#include "attach/named.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attach/headers.h"
#include "util/cleanup.h"

#define BYTES_MOST (64u << 20) /* of symbols, and of names */

static bool find_bias(const struct ht_process *p, uint64_t *ret)
{
	struct ht_headers h;

	for (size_t i = 0; i < p->regions; i++)
		if (p->region[i].inode && ht_headers_read(p, &p->region[i], &h)) {
			*ret = h.bias; /* a static program is the only file that is mapped as one */
			return true;
		}
	return false;
}

/* NULL: it cannot be read, or is too large. One byte more, a 0, follows. */
static void *read_section(int fd, const Elf64_Shdr *s)
{
	char *bytes = s->sh_size <= BYTES_MOST ? calloc(1, s->sh_size + 1) : NULL;

	if (bytes && pread(fd, bytes, s->sh_size, (off_t)s->sh_offset) == (ssize_t)s->sh_size)
		return bytes;
	free(bytes);
	return NULL;
}

static bool section_at(int fd, const Elf64_Ehdr *head, uint32_t n, Elf64_Shdr *ret)
{
	return n < head->e_shnum &&
	       pread(fd, ret, sizeof(*ret), (off_t)(head->e_shoff + n * sizeof(*ret))) == sizeof(*ret);
}

static bool read_symbols(int fd, struct ht_named *s)
{
	Elf64_Ehdr head;
	Elf64_Shdr table, names;

	if (pread(fd, &head, sizeof(head), 0) != sizeof(head) || memcmp(head.e_ident, ELFMAG, SELFMAG) ||
	    head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_shentsize != sizeof(table))
		return false;
	for (uint32_t i = 0; section_at(fd, &head, i, &table); i++) {
		if (table.sh_type != SHT_SYMTAB || table.sh_entsize != sizeof(*s->at) ||
		    !section_at(fd, &head, table.sh_link, &names))
			continue;
		s->at = read_section(fd, &table);
		s->names = read_section(fd, &names);
		s->count = table.sh_size / sizeof(*s->at);
		s->names_bytes = names.sh_size;
		return s->at && s->names;
	}
	return false;
}

bool ht_named_open(const struct ht_process *p, struct ht_named *ret)
{
	struct ht_named s = { .process = p };
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)p->pid);
	ht_auto(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || !find_bias(p, &s.bias) || !read_symbols(fd, &s)) {
		ht_named_close(&s);
		return false;
	}
	*ret = s;
	return true;
}

void ht_named_close(struct ht_named *s)
{
	free(s->at);
	free(s->names);
	*s = (struct ht_named){ 0 };
}

bool ht_named_find(const struct ht_named *s, const char *name, bool local, uint64_t *at, uint64_t *bytes)
{
	for (size_t i = 0; i < s->count; i++) {
		const Elf64_Sym *y = &s->at[i];
		const struct ht_region *r;

		if (ELF64_ST_TYPE(y->st_info) != STT_FUNC || y->st_shndx == SHN_UNDEF || y->st_name >= s->names_bytes ||
		    (!local && ELF64_ST_BIND(y->st_info) == STB_LOCAL) || strcmp(s->names + y->st_name, name) != 0)
			continue;
		r = ht_process_at(s->process, s->bias + y->st_value);
		if (!r || !r->executable)
			continue;
		*at = s->bias + y->st_value;
		*bytes = y->st_size;
		return true;
	}
	return false;
}
