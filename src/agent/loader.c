/* SPDX-License-Identifier: Apache-2.0 */
/* loader.c -- tells the table of modules what the dynamic linker maps and unmaps
 *
 * Called by: session.c at start; then by the dynamic linker, through its debug hook. Into the blob's table attach/loaded.c enters what there is at
 * the start, and patches the hook.
 *
 *   start ──► program, vdso, link map ──► modules.c
 *   dlopen, dlclose ──► _dl_debug_state (r_debug.r_brk, an empty function for debuggers) ──► jump ──► changed() ──► what is new, what is gone
 *
 * The hook is called with the loader's lock held, before and after each change, also for what libc loads for itself. It is an empty function and
 * the padding behind it, so five bytes can become a jump. Where they are something else (a debugger's breakpoint), too far away, or the page may
 * not be written, it is left alone: then code that is loaded later is in no module, and stacks through it say so.
 *
 * Always true: L1  while a thread runs in a module, that module stays in the table; L2  a module that is told has been seen in a consistent state
 * of the loader; L3  the loader is never called.
 */
#include <elf.h>
#include <link.h>

#include "agent/auxv.h"
#include "agent/modules.h"

#define SPACES_MAX 64u /* namespaces of dlmopen */
#define MAPS_MAX 16384u
#define PAGE 4096ull

/* ---- one module ------------------------------------------------------------------------------------------- */

struct image {
	const ElfW(Phdr) * phdr;
	uint64_t count, bias;
};

static void find_unwind(const struct image *im, struct ht_module *m)
{
	for (uint64_t i = 0; i < im->count; i++)
		if (im->phdr[i].p_type == PT_GNU_EH_FRAME)
			m->unwind_at = im->bias + im->phdr[i].p_vaddr;
	for (uint64_t i = 0; m->unwind_at && i < im->count; i++) {
		uint64_t from = im->bias + im->phdr[i].p_vaddr;

		if (im->phdr[i].p_type == PT_LOAD && im->phdr[i].p_flags & PF_R && m->unwind_at >= from &&
		    m->unwind_at < from + im->phdr[i].p_filesz) {
			m->unwind_from = from;
			m->unwind_to = from + im->phdr[i].p_filesz;
		}
	}
	if (!m->unwind_to)
		m->unwind_at = 0;
}

/* A note is: three words (length of name, length of content, type), name and content, each padded to 4. */
static void find_build_id(const struct image *im, struct ht_module *m)
{
	for (uint64_t i = 0; i < im->count; i++) {
		const uint32_t *note = (const uint32_t *)(im->bias + im->phdr[i].p_vaddr);
		uint64_t words = im->phdr[i].p_type == PT_NOTE ? im->phdr[i].p_memsz / 4 : 0;

		while (words >= 3) {
			uint64_t name = (note[0] + 3ull) / 4, content = (note[1] + 3ull) / 4;

			if (name > words || content > words || 3 + name + content > words)
				break;
			if (note[2] == NT_GNU_BUILD_ID && note[0] == 4 && note[3] == 0x554e47 &&
			    note[1] <= sizeof(m->build_id)) {
				m->build_id_len = (uint8_t)note[1];
				for (uint32_t b = 0; b < note[1]; b++)
					m->build_id[b] = ((const uint8_t *)(note + 4))[b];
			}
			note += 3 + name + content;
			words -= 3 + name + content;
		}
	}
}

static void enter(const struct image *im, uint64_t key, const char *path)
{
	struct ht_module m;

	for (size_t i = 0; i < sizeof(m) / 8; i++)
		((volatile uint64_t *)&m)[i] = 0;
	find_unwind(im, &m);
	find_build_id(im, &m);
	m.key = key;
	for (size_t i = 0; path && path[i] && i + 1 < sizeof(m.path); i++)
		m.path[i] = path[i];
	for (uint64_t i = 0; i < im->count; i++) {
		const ElfW(Phdr) *p = &im->phdr[i];

		if (p->p_type != PT_LOAD || !(p->p_flags & PF_X))
			continue;
		m.start = (im->bias + p->p_vaddr) & ~(PAGE - 1);
		m.end = (im->bias + p->p_vaddr + p->p_memsz + PAGE - 1) & ~(PAGE - 1);
		m.offset = p->p_offset & ~(PAGE - 1);
		ht_modules_enter(&m);
	}
}

/* By its ELF header, the first thing mapped. */
static void enter_at(uint64_t header, uint64_t bias, uint64_t key, const char *path)
{
	const ElfW(Ehdr) *e = (const ElfW(Ehdr) *)header;

	if (!ht_readable(header) || *(const uint32_t *)header != 0x464c457f)
		return;
	enter(&(struct image){ (const ElfW(Phdr) *)(header + e->e_phoff), e->e_phnum, bias }, key, path);
}

/* ---- all of them ------------------------------------------------------------------------------------------ */

/* As glibc 2.35 has it: r_debug of version 2, one for each namespace. */
struct debug_more {
	struct r_debug base;
	struct debug_more *next;
};

static const struct r_debug *next_space(const struct r_debug *debug)
{
	return debug->r_version >= 2 ? &((const struct debug_more *)debug)->next->base : NULL;
}

static bool is_mapped(const struct ht_module *m)
{
	const struct r_debug *debug = ht_next_debug();

	for (uint32_t space = 0; debug && space < SPACES_MAX; space++, debug = next_space(debug)) {
		const struct link_map *map = debug->r_map;

		for (uint32_t i = 0; map && i < MAPS_MAX; i++, map = map->l_next)
			if ((uint64_t)map->l_ld == m->key)
				return true;
	}
	return m->path[0] == '['; /* the vdso */
}

static bool is_new(const struct link_map *map)
{
	return map->l_ld && !ht_modules_have((uint64_t)map->l_ld);
}

/* Whether the table says something else than the loader. */
static bool is_other(void)
{
	const struct r_debug *debug = ht_next_debug();

	for (uint32_t space = 0; debug && space < SPACES_MAX; space++, debug = next_space(debug)) {
		const struct link_map *map = debug->r_map;

		for (uint32_t i = 0; map && i < MAPS_MAX; i++, map = map->l_next)
			if (is_new(map))
				return true;
	}
	return !ht_modules_are_all(is_mapped);
}

/* `tried`: the turn of its program and its vdso has been, whether they found a place or not; NULL: of none. */
static void enter_new(const struct r_debug *debug, const struct ht_auxv *tried)
{
	const struct link_map *map = debug->r_map;

	for (uint32_t i = 0; map && i < MAPS_MAX; i++, map = map->l_next)
		if (is_new(map) && !(tried && (map->l_addr == tried->bias || map->l_addr == tried->vdso)))
			enter_at(map->l_addr, map->l_addr, (uint64_t)map->l_ld, map->l_name);
}

__attribute__((used)) void ht_loader_changed(void);
__attribute__((used)) void ht_loader_changed(void)
{
	const struct r_debug *debug = ht_next_debug();

	if (ht_door_state() != HT_DOOR_ACTIVE)
		return; /* nobody records; a forked child that will be enters all of them then */
	for (uint32_t space = 0; debug && space < SPACES_MAX; space++, debug = next_space(debug))
		if (debug->r_state != RT_CONSISTENT)
			return;
	if (!is_other())
		return;
	ht_modules_change();
	ht_modules_leave_unless(is_mapped);
	debug = ht_next_debug();
	for (uint32_t space = 0; debug && space < SPACES_MAX; space++, debug = next_space(debug))
		enter_new(debug, NULL);
}

/* ---- the hook --------------------------------------------------------------------------------------------- */

/* In the place of an empty function whose caller may keep anything in any register. */
void ht_loader_hook(void);
__asm__(".text\n"
	".globl ht_loader_hook\n"
	".hidden ht_loader_hook\n"
	".type ht_loader_hook, @function\n"
	"ht_loader_hook:\n"
	".cfi_startproc\n"
	"	push %rbp\n"
	".cfi_def_cfa_offset 16\n"
	".cfi_offset %rbp, -16\n"
	"	mov %rsp, %rbp\n"
	".cfi_def_cfa_register %rbp\n"
	"	push %rax\n"
	"	push %rcx\n"
	"	push %rdx\n"
	"	push %rsi\n"
	"	push %rdi\n"
	"	push %r8\n"
	"	push %r9\n"
	"	push %r10\n"
	"	push %r11\n"
	"	and $-16, %rsp\n"
	"	call ht_loader_changed\n"
	"	lea -72(%rbp), %rsp\n"
	"	pop %r11\n"
	"	pop %r10\n"
	"	pop %r9\n"
	"	pop %r8\n"
	"	pop %rdi\n"
	"	pop %rsi\n"
	"	pop %rdx\n"
	"	pop %rcx\n"
	"	pop %rax\n"
	"	pop %rbp\n"
	".cfi_def_cfa %rsp, 8\n"
	"	ret\n"
	".cfi_endproc\n"
	".size ht_loader_hook, .-ht_loader_hook\n");

#ifndef HT_BLOB
/* ---- the beginning: from outside, attach/ does the same for the blob -------------------------------------------- */

/* The loader has no name for it. */
static void enter_program(const struct ht_auxv *aux)
{
	char path[sizeof(((struct ht_module *)NULL)->path)];
	long n = ht_sys_readlink("/proc/self/exe", path, sizeof(path) - 1);

	path[n > 0 ? n : 0] = 0;
	enter(&(struct image){ aux->phdr, aux->phdr_count, aux->bias }, (uint64_t)aux->dynamic, path);
}

/* The loader may list it too, by its dynamic section, as it does others. */
static void enter_vdso(uint64_t header)
{
	const ElfW(Ehdr) *e = (const ElfW(Ehdr) *)header;
	const ElfW(Phdr) *p = (const ElfW(Phdr) *)(header + e->e_phoff);
	uint64_t key = header;

	for (uint32_t i = 0; i < e->e_phnum; i++)
		if (p[i].p_type == PT_DYNAMIC)
			key = header + p[i].p_vaddr;
	enter_at(header, header, key, "[vdso]");
}

/* A `ret` with padding up to the next function, or the branch target of CET and a `ret`. */
static bool is_empty_function(const uint8_t *code)
{
	static const uint8_t padding[] = { 0x66, 0x0f, 0x2e, 0x90, 0xcc, 0x00 };

	if (code[0] == 0xf3 && code[1] == 0x0f && code[2] == 0x1e && code[3] == 0xfa && code[4] == 0xc3)
		return true;
	for (size_t i = 0; i < sizeof(padding); i++)
		if (code[0] == 0xc3 && code[1] == padding[i])
			return true;
	return false;
}

/* One aligned store: another thread that comes by executes the old or the new. */
static void hook(uint64_t place)
{
	int64_t distance = (int64_t)((uint64_t)&ht_loader_hook - (place + 5));
	uint64_t page = place & ~(PAGE - 1), code;

	if (!place || place & 15 || !is_empty_function((const uint8_t *)place) || distance != (int32_t)distance)
		return;
	if (ht_syscall3(HT_SYS_mprotect, (long)page, PAGE, 7 /* read, write, execute */))
		return;
	code = *(uint64_t *)place >> 40 << 40 | (uint64_t)(uint32_t)distance << 8 | 0xe9;
	atomic_store_explicit((_Atomic uint64_t *)place, code,
			      memory_order_release); /* pairs with whoever executes it */
	ht_syscall3(HT_SYS_mprotect, (long)page, PAGE, 5 /* read, execute */);
}

void ht_loader_begin(void)
{
	const struct r_debug *debug = ht_next_debug();
	struct ht_auxv aux = ht_auxv_read();

	ht_gate.stack_top = aux.stack_top;
	ht_modules_change();
	if (aux.phdr)
		enter_program(&aux);
	if (aux.vdso)
		enter_vdso(aux.vdso);
	if (!debug)
		return;
	enter_new(debug, &aux);
	hook(debug->r_brk);
}
#endif
