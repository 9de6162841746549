/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_symbols.c -- whatever a module's file holds, naming addresses of it ends, in its own memory
 *
 * Property: every address has at least one frame; names and files end, and are not longer than allowed.
 *
 * An input is where to ask and an ELF file:
 *
 *   bytes 0 to 3    the first offset in the file
 *   byte 4          the distance to the next one
 *   5 to 15         nothing
 *   16 ...          the file
 *
 * The mutator changes a few bytes at one place of one section, as headers that any reader refuses teach nothing; sometimes it does
 * what the fuzzer does. Seeds are libraries that run.sh builds, each with debug information of another kind.
 * libdw, libelf and libiberty are as the system has them, without sanitizers: what is wrong in there shows as a crash, a
 * timeout or memory.
 */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "inspect/symbols.h"

#define HEAD 16
#define ASKED 48
#define START 0x1000
#define REACH (1 << 16)
#define WINDOW 16
#define TEXT_MOST 4096

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);

static int file;
static char path[64];

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	unsetenv("DEBUGINFOD_URLS");
	file = memfd_create("fuzz", MFD_CLOEXEC);
	if (file < 0)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	return 0;
}

static void judge_frames(struct ht_symbols *s, uint64_t pc, bool exact)
{
	struct ht_place at = { .image = 1, .pc = pc, .exact = exact };
	const struct ht_frame *f;
	size_t count = ht_symbols_frames(s, &at, &f);

	if (!count)
		abort();
	for (size_t i = 0; i < count; i++)
		if ((f[i].function && strlen(f[i].function) > TEXT_MOST) ||
		    (f[i].file && strlen(f[i].file) > TEXT_MOST))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ht_meta_module module = {
		.change = HT_MODULE_MAPPED,
		.image = 1,
		.start = START,
		.end = START + REACH,
		.path = { path, strlen(path) },
	};
	struct ht_model model = { .modules = { &module, 1, 1 } };
	struct ht_symbols_options options = { 0 };
	struct ht_symbols *s;
	struct ht_err err;
	uint32_t at;

	if (size < HEAD)
		return 0;
	if (ftruncate(file, 0) || pwrite(file, data + HEAD, size - HEAD, 0) != (ssize_t)(size - HEAD) ||
	    ht_symbols_open(&model, &options, &s, &err))
		abort();
	memcpy(&at, data, sizeof(at));
	for (uint32_t i = 0; i < ASKED; i++)
		judge_frames(s, START + (at + i * (data[4] + 1u)) % REACH, i & 1);
	ht_symbols_close(s);
	return 0;
}

/* ---- mutation ---------------------------------------------------------------------------------------------- */

/* Where a section's bytes are in the file; false: there is no such section in it. */
static bool find_section(const uint8_t *elf, size_t size, unsigned n, size_t *from, size_t *len)
{
	Elf64_Ehdr head;
	Elf64_Shdr section;

	if (size < sizeof(head))
		return false;
	memcpy(&head, elf, sizeof(head));
	if (!head.e_shnum || head.e_shoff > size || size - head.e_shoff < head.e_shnum * sizeof(section))
		return false;
	memcpy(&section, elf + head.e_shoff + n % head.e_shnum * sizeof(section), sizeof(section));
	if (section.sh_type == SHT_NOBITS || !section.sh_size || section.sh_offset > size ||
	    size - section.sh_offset < section.sh_size)
		return false;
	*from = section.sh_offset;
	*len = section.sh_size;
	return true;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	size_t from, len;

	if (size < HEAD || seed % 16 == 0 || !find_section(data + HEAD, size - HEAD, seed / 16, &from, &len))
		return LLVMFuzzerMutate(data, size, max);
	if (seed % 16 == 1)
		LLVMFuzzerMutate(data, HEAD, HEAD);
	from += len > WINDOW ? seed / 4096 % (len - WINDOW) : 0;
	len = len < WINDOW ? len : WINDOW;
	LLVMFuzzerMutate(data + HEAD + from, len, len);
	return size;
}
