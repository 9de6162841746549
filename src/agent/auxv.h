/* SPDX-License-Identifier: Apache-2.0 */
/* auxv.h -- what the kernel told this image at its start
 *
 * Used by: next.c, loader.c.
 */
#ifndef HT_AUXV_H
#define HT_AUXV_H

#include <link.h>

struct ht_auxv {
	const ElfW(Phdr) * phdr; /* of the program */
	uint64_t phdr_count;
	uint64_t bias;             /* of the program: where it is minus where it was linked to be */
	const ElfW(Dyn) * dynamic; /* of the program; NULL: it is static */
	uint64_t vdso;             /* its ELF header; 0: there is none */
	uint64_t stack_top;        /* the first thread's stack reaches at least this far up */
};

struct ht_auxv ht_auxv_read(void);

#endif
