/* SPDX-License-Identifier: Apache-2.0 */
/* headers.c -- the ELF header at the beginning of a mapping, and the table it names
 *
 * Called by: exports.c, loader.c, loaded.c.
 */
#include "attach/headers.h"

#include <string.h>

#define PAGE 4096ull

bool ht_headers_read(const struct ht_process *p, const struct ht_region *first, struct ht_headers *ret)
{
	struct ht_headers h = { .bias = 0 };
	Elf64_Ehdr head;
	bool based = false;

	if (first->offset || !first->readable || (!first->inode && strcmp(first->path, "[vdso]") != 0) ||
	    !ht_process_read(p, first->start, &head, sizeof(head)) || memcmp(head.e_ident, ELFMAG, SELFMAG) ||
	    head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_phentsize != sizeof(*h.at) ||
	    head.e_phnum > HT_HEADERS_MOST ||
	    !ht_process_read(p, first->start + head.e_phoff, h.at, head.e_phnum * sizeof(*h.at)))
		return false;
	h.count = head.e_phnum;
	for (unsigned i = 0; i < h.count; i++) {
		if (h.at[i].p_type == PT_LOAD && !based) {
			h.bias = first->start - (h.at[i].p_vaddr & ~(PAGE - 1));
			based = true;
		}
		if (h.at[i].p_type == PT_DYNAMIC)
			h.dynamic = h.at[i].p_vaddr;
	}
	if (h.dynamic)
		h.dynamic += h.bias;
	*ret = h;
	return based;
}
