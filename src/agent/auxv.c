/* SPDX-License-Identifier: Apache-2.0 */
/* auxv.c -- reads /proc/self/auxv
 *
 * Called by: next.c, loader.c, at start.
 *
 * Read from the file and not from the stack, which a library cannot find without asking libc. What is not there is 0.
 */
#include <elf.h>

#include "agent/agent.h"
#include "agent/auxv.h"

struct ht_auxv ht_auxv_read(void)
{
	struct ht_auxv a = { .phdr = NULL };
	uint64_t entry[2];
	int fd = (int)ht_sys_open("/proc/self/auxv", 02000000);

	if (fd < 0)
		return a;
	while (ht_sys_read(fd, entry, sizeof(entry)) == sizeof(entry) && entry[0] != AT_NULL) {
		if (entry[0] == AT_PHDR)
			a.phdr = (const ElfW(Phdr) *)entry[1];
		else if (entry[0] == AT_PHNUM)
			a.phdr_count = entry[1];
		else if (entry[0] == AT_SYSINFO_EHDR)
			a.vdso = entry[1];
		else if (entry[0] == AT_EXECFN)
			a.stack_top = entry[1];
	}
	ht_sys_close(fd);
	for (uint64_t i = 0; a.phdr && i < a.phdr_count; i++)
		if (a.phdr[i].p_type == PT_PHDR)
			a.bias = (uint64_t)a.phdr - a.phdr[i].p_vaddr;
	for (uint64_t i = 0; a.phdr && i < a.phdr_count; i++)
		if (a.phdr[i].p_type == PT_DYNAMIC)
			a.dynamic = (const ElfW(Dyn) *)(a.bias + a.phdr[i].p_vaddr);
	return a;
}
