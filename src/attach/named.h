/* SPDX-License-Identifier: Apache-2.0 */
/* named.h -- the functions that a program's own file names, for programs that export nothing: static ones
 *
 * Used by: entries.c.
 *
 * The file is the one that runs (/proc/PID/exe), whatever lies at its path by now. A stripped one names nothing.
 *
 * Always true: a function that is told lies in memory that is mapped executable.
 */
#ifndef HT_NAMED_H
#define HT_NAMED_H

#include <elf.h>

#include "attach/process.h"

struct ht_named {
	const struct ht_process *process;
	uint64_t bias;
	Elf64_Sym *at;
	char *names; /* ends with a 0 */
	size_t count, names_bytes;
};

/* False: it has none that can be read. */
bool ht_named_open(const struct ht_process *p, struct ht_named *ret);
void ht_named_close(struct ht_named *s);

/* A global function of that name, or with `local` any. False: there is none. */
bool ht_named_find(const struct ht_named *s, const char *name, bool local, uint64_t *at, uint64_t *bytes);

#endif
