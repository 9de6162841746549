/* SPDX-License-Identifier: Apache-2.0 */
/* symbolize.c -- asks the symbols of heaptap about addresses of one file, as addr2line does, for the tests and the bench
 *
 *   symbolize [-x] [-s SYSROOT] [-d DEBUGDIR] [-b BUILDID] PATH <addresses      hexadecimal, one a line, of the file
 *
 * It makes up a trace in which PATH is mapped where it was linked to; BUILDID (hexadecimal) is what the recording saw,
 * the file's own if it is not given and "-" for none. -x: addresses are exact, not those behind a call. For each address a
 * line with it, then a line for each frame: function, file:line, and "inlined" if it is. Then come the warnings, each
 * behind "warning: ", and at last the peak of memory on stderr. ELF_FILE in the environment: the layout is that file's
 * (PATH may be gone).
 */
#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <gelf.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "inspect/symbols.h"

#define PAGE 4096ull

struct told {
	bool exact;
	const char *build_id;
	struct ht_symbols_options options;
};

static size_t read_hex(const char *text, char *to, size_t cap)
{
	size_t len = 0;
	unsigned byte;

	for (; len < cap && sscanf(text + 2 * len, "%2x", &byte) == 1; len++)
		to[len] = (char)byte;
	return len;
}

/* The executable segments as MODULE records; the build-id as the recorder reads it. */
static void describe(struct ht_model *model, const char *path, const char *build_id)
{
	static char id[64];
	const char *file = getenv("ELF_FILE");
	int fd = open(file ? file : path, O_RDONLY);
	size_t count = 0, id_len = 0;
	const void *own;
	Elf *elf;

	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!elf || elf_getphdrnum(elf, &count)) {
		fprintf(stderr, "symbolize: %s is no ELF file\n", path);
		exit(2);
	}
	if (!build_id) {
		ssize_t len = dwelf_elf_gnu_build_id(elf, &own);

		id_len = len > 0 && (size_t)len <= sizeof(id) ? (size_t)len : 0;
		memcpy(id, own, id_len);
	} else if (strcmp(build_id, "-")) {
		id_len = read_hex(build_id, id, sizeof(id));
	}
	for (size_t i = 0; i < count; i++) {
		struct ht_meta_module *m;
		GElf_Phdr p;

		if (!gelf_getphdr(elf, (int)i, &p) || p.p_type != PT_LOAD || !(p.p_flags & PF_X))
			continue;
		m = HT_LIST_ADD(&model->modules);
		*m = (struct ht_meta_module){
			.change = HT_MODULE_MAPPED,
			.image = 1,
			.start = p.p_vaddr & ~(PAGE - 1),
			.end = (p.p_vaddr + p.p_memsz + PAGE - 1) & ~(PAGE - 1),
			.offset = p.p_offset & ~(PAGE - 1),
			.path = { path, strlen(path) },
			.build_id = { id, id_len },
		};
	}
	elf_end(elf);
	close(fd);
}

static void show(struct ht_symbols *s, uint64_t pc, bool exact)
{
	struct ht_place at = { .image = 1, .pc = pc, .exact = exact };
	const struct ht_frame *f;
	size_t count = ht_symbols_frames(s, &at, &f);

	printf("0x%" PRIx64 "\n", pc);
	for (size_t i = 0; i < count; i++)
		printf("%s\t%s:%" PRIu32 "%s\n", f[i].function ? f[i].function : "??", f[i].file ? f[i].file : "??",
		       f[i].line, f[i].inlined ? "\tinlined" : "");
}

int main(int argc, char **argv)
{
	struct told t = { 0 };
	struct ht_model model = { 0 };
	const char *const *warning;
	struct ht_symbols *s;
	struct ht_err err;
	struct rusage usage;
	char line[64];
	size_t count;
	int option;

	while ((option = getopt(argc, argv, "xs:d:b:")) != -1) {
		t.exact |= option == 'x';
		*(option == 's'   ? &t.options.sysroot
		  : option == 'd' ? &t.options.debug_dir
		  : option == 'b' ? &t.build_id
				  : &(const char *){ NULL }) = optarg;
	}
	if (optind + 1 != argc)
		return 2;
	describe(&model, argv[optind], t.build_id);
	if (ht_symbols_open(&model, &t.options, &s, &err))
		return 3;
	while (fgets(line, sizeof(line), stdin))
		show(s, strtoull(line, NULL, 16), t.exact);
	count = ht_symbols_warnings(s, &warning);
	for (size_t i = 0; i < count; i++)
		printf("warning: %s\n", warning[i]);
	ht_symbols_close(s);
	free(model.modules.at);
	getrusage(RUSAGE_SELF, &usage);
	fprintf(stderr, "%ld KiB\n", usage.ru_maxrss);
	return 0;
}
