/* SPDX-License-Identifier: Apache-2.0 */
/* target.c -- finds the program and tells whether a preloaded agent reaches its allocator
 *
 * Refused: static programs (there is no loader to preload anything), set-uid and set-gid programs and those with
 * capabilities (the loader drops the agent), programs of another machine or word size, programs of another C
 * library's loader, Go programs (they have an allocator of their own and call no other).
 */
#include "collect/target.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "util/cleanup.h"

#define SCRIPTS_DEEP 4 /* as the kernel: an interpreter may be a script itself */

/* ---- finding ----------------------------------------------------------------------------------------------- */

static int check_executable(const char *path, struct ht_err *err)
{
	struct stat st;

	if (stat(path, &st))
		return errno == ENOENT || errno == ENOTDIR
			       ? ht_err_set(err, HT_ENOTFOUND, "%s: no such file", path)
			       : ht_err_set(err, HT_ENOTRUN, "%s: cannot be run: %s", path, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return ht_err_set(err, HT_ENOTRUN, "%s: is a directory, not a program", path);
	if (!S_ISREG(st.st_mode) || access(path, X_OK))
		return ht_err_set(err, HT_ENOTRUN, "%s: is not executable (chmod +x it, or name its interpreter)",
				  path);
	return 0;
}

/* As execvp: a name without a slash is looked for in PATH; one that is there but may not be run is remembered. */
static int find_in_path(const char *name, char *ret, size_t room, struct ht_err *err)
{
	const char *dir = getenv("PATH");
	int rc = 0;

	if (!dir)
		dir = "/bin:/usr/bin";
	for (;;) {
		size_t len = strcspn(dir, ":");

		if ((size_t)snprintf(ret, room, "%.*s%s%s", (int)len, dir, len ? "/" : "./", name) < room) {
			struct ht_err why;
			int here = check_executable(ret, &why);

			if (here == 0)
				return 0;
			if (here == HT_ENOTRUN && !rc) {
				*err = why;
				rc = here;
			}
		}
		if (!dir[len])
			break;
		dir += len + 1;
	}
	return rc ? rc : ht_err_set(err, HT_ENOTFOUND, "%s: not found in PATH", name);
}

static int find(const char *name, char *ret, size_t room, struct ht_err *err)
{
	if (!name[0])
		return ht_err_set(err, HT_ENOTFOUND, "the command is an empty word");
	if (!strchr(name, '/'))
		return find_in_path(name, ret, room, err);
	if ((size_t)snprintf(ret, room, "%s", name) >= room)
		return ht_err_set(err, HT_ENOTFOUND, "%.64s...: the path is too long", name);
	return check_executable(ret, err);
}

/* ---- looking ----------------------------------------------------------------------------------------------- */

static int refuse(struct ht_err *err, const char *path, const char *why)
{
	return ht_err_set(err, HT_ETARGET, "%s: cannot be recorded: %s", path, why);
}

static int check_rights(int fd, const char *path, struct ht_err *err)
{
	struct stat st;

	if (fstat(fd, &st))
		return ht_err_set(err, HT_ENOTRUN, "%s: cannot be looked at: %s", path, strerror(errno));
	if (st.st_mode & S_ISUID || (st.st_mode & S_ISGID && st.st_mode & S_IXGRP))
		return refuse(err, path,
			      "it is set-uid or set-gid, and the loader keeps the agent out of such programs; record "
			      "what it starts, "
			      "or a copy without the bit");
	if (fgetxattr(fd, "security.capability", NULL, 0) > 0)
		return refuse(err, path,
			      "it has file capabilities, and the loader keeps the agent out of such programs; record a "
			      "copy without them");
	return 0;
}

static bool has_section(Elf *elf, const char *wanted)
{
	size_t names;
	Elf_Scn *section = NULL;

	if (elf_getshdrstrndx(elf, &names))
		return false;
	while ((section = elf_nextscn(elf, section))) {
		GElf_Shdr shdr;
		const char *name = gelf_getshdr(section, &shdr) ? elf_strptr(elf, names, shdr.sh_name) : NULL;

		if (name && strcmp(name, wanted) == 0)
			return true;
	}
	return false;
}

static int check_loader(Elf *elf, const char *path, struct ht_err *err)
{
	size_t count = 0;

	elf_getphdrnum(elf, &count);
	for (size_t i = 0; i < count; i++) {
		GElf_Phdr phdr;
		Elf_Data *data;

		if (!gelf_getphdr(elf, (int)i, &phdr) || phdr.p_type != PT_INTERP)
			continue;
		data = elf_getdata_rawchunk(elf, (int64_t)phdr.p_offset, phdr.p_filesz, ELF_T_BYTE);
		if (data && memmem(data->d_buf, data->d_size, "ld-musl", 7))
			return refuse(err, path,
				      "it is a musl program, and only programs of the GNU C library can be recorded from "
				      "their start; start it, then: heaptap record -p PID");
		return 0;
	}
	return refuse(err, path, "it is statically linked, so no agent can be loaded into it; start it, then: heaptap record -p PID");
}

static int check_elf(int fd, const char *path, struct ht_err *err)
{
	GElf_Ehdr ehdr;
	Elf *elf;
	int rc = 0;

	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!elf || elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &ehdr))
		rc = ht_err_set(err, HT_ENOTRUN, "%s: is neither a program (ELF) nor a script", path);
	else if (gelf_getclass(elf) == ELFCLASS32)
		rc = refuse(err, path, "it is a 32-bit program, and only 64-bit ones can be recorded");
	else if (ehdr.e_machine != EM_X86_64)
		rc = refuse(err, path, "it is a program of another machine than x86-64");
	else if (has_section(elf, ".gopclntab") || has_section(elf, ".note.go.buildid"))
		rc = refuse(err, path,
			    "it is a Go program, which has an allocator of its own and calls no malloc; use Go's own "
			    "heap profiler");
	else
		rc = check_loader(elf, path, err);
	if (elf)
		elf_end(elf);
	return rc;
}

/* The interpreter of "#! /path [argument]"; for env, the program that its argument names. */
static int read_interpreter(char *line, char *ret, size_t room, const char *script, struct ht_err *err)
{
	char *rest = NULL, *program = strtok_r(line + 2, " \t\r\n", &rest), *word;

	if (!program)
		return ht_err_set(err, HT_ENOTRUN, "%s: its first line names no interpreter behind #!", script);
	word = strtok_r(NULL, " \t\r\n", &rest);
	if (strlen(program) < 4 || strcmp(program + strlen(program) - 4, "/env") != 0 || !word)
		return find(program, ret, room, err);
	while (word && (word[0] == '-' || strchr(word, '=')))
		word = strtok_r(NULL, " \t\r\n", &rest);
	return find(word ? word : program, ret, room, err);
}

/* What execvp hands to the shell: no "#!", not empty, and no zero byte in its first line. */
static bool is_plain_text(const char *line, ssize_t n)
{
	const char *end = n > 0 ? memchr(line, '\n', (size_t)n) : NULL;

	return end && memcmp(line, "#!", 2) && memcmp(line, ELFMAG, SELFMAG) && !memchr(line, 0, (size_t)(end - line));
}

static int check(const char *path, int deep, struct ht_err *err)
{
	char line[512] = "", next[4096];
	ht_auto(fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	ssize_t n;
	int rc;

	if (fd < 0 && errno == EACCES)
		return refuse(err, path,
			      "it may be run but not read, and then the kernel hides from the agent which session it "
			      "belongs to; "
			      "make it readable");
	if (fd < 0)
		return ht_err_set(err, HT_ENOTRUN, "%s: cannot be opened: %s", path, strerror(errno));
	n = pread(fd, line, sizeof(line) - 1, 0);
	if (is_plain_text(line, n))
		return check(HT_TARGET_SHELL, deep + 1, err);
	if (n >= 2 && line[0] == '#' && line[1] == '!') {
		line[strcspn(line, "\n")] = 0;
		if (deep == SCRIPTS_DEEP)
			return ht_err_set(err, HT_ENOTRUN, "%s: its interpreter is a script, and so on, too deep",
					  path);
		rc = read_interpreter(line, next, sizeof(next), path, err);
		return rc ? rc : check(next, deep + 1, err);
	}
	rc = check_rights(fd, path, err);
	return rc ? rc : check_elf(fd, path, err);
}

int ht_target_find(const char *command, struct ht_target *ret, struct ht_err *err)
{
	int rc = find(command, ret->path, sizeof(ret->path), err);

	return rc ? rc : check(ret->path, 0, err);
}
