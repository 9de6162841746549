/* SPDX-License-Identifier: Apache-2.0 */
/* elffile.h -- an ELF file that was opened, and the file with its debug information
 *
 * Used by object.c. The paths come out of a trace and out of other people's files, so they are treated as a stranger's:
 *
 *   the module's path -----------------> the file itself        its build-id must be the recorded one
 *   build-id      DIR/.build-id/ab/cdef.debug                   its build-id must be the module's
 *   debug link    beside it, in .debug beside it, below DIR     the link's checksum must be the file's
 *   build-id      the servers of servers.h                      its build-id must be the one that was asked for
 *
 * Always true:
 *   only absolute paths without `..` are opened, below the sysroot, and only as regular files that are not empty: no
 *   device, no pipe, nothing of /proc
 *   a debug link is a file name: one with a slash is refused
 *   a file that is not proven to belong to the module is closed again
 */
#ifndef HT_ELFFILE_H
#define HT_ELFFILE_H

#include <libelf.h>
#include <stdbool.h>
#include <stdint.h>

#include "inspect/servers.h"
#include "util/buf.h"

#define HT_BUILD_ID_MAX 64

struct ht_elffile {
	int fd;
	Elf *elf;               /* NULL: not open */
	char *path;             /* without the sysroot; NULL: it came from a server */
	struct ht_str build_id; /* belongs to the ELF descriptor; empty: it has none */
};

/* Where files are looked for. */
struct ht_elf_places {
	const char *sysroot;        /* put before every path; NULL: none */
	const char *debug_dir;      /* NULL: /usr/lib/debug */
	struct ht_servers *servers; /* NULL: nobody is asked */
};

int ht_elffile_open(const struct ht_elf_places *places, const char *path, struct ht_elffile *ret, struct ht_err *err);
void ht_elffile_close(struct ht_elffile *f);

/* The file with this build-id: where debug files are; at a server. False: there is none. */
bool ht_elffile_find_by_id(const struct ht_elf_places *places, struct ht_str id, struct ht_elffile *ret);
bool ht_elffile_fetch(const struct ht_elf_places *places, enum ht_wanted what, struct ht_str id,
		      struct ht_elffile *ret);

/* The separate debug file of a module that stands at `path`; false: none belongs to it. */
bool ht_elffile_find_debug(const struct ht_elf_places *places, const struct ht_elffile *f, const char *path,
			   struct ht_elffile *ret);

/* The address that the file gives to what lies at a file offset of an executable mapping; false: nothing does. */
bool ht_elffile_address(const struct ht_elffile *f, uint64_t offset, uint64_t *ret);

/* Whether stacks can be followed through its code. */
bool ht_elffile_has_unwind(const struct ht_elffile *f);

bool ht_elffile_has_id(const struct ht_elffile *f, struct ht_str id);

static inline bool ht_elffile_is_open(const struct ht_elffile *f)
{
	return f->elf;
}

#endif
