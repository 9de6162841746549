/* SPDX-License-Identifier: Apache-2.0 */
/* self-blob.c -- puts the blob into itself, as attach/ does into others, calls its hooks, and confesses: self-blob SESSION BLOB [new|stacks|made|threads|plugs LIBRARY...]
 *
 * Used by: tests/e2e/blob.sh, under `heaptap record`. SESSION is what HEAPTAP_SESSION was: without it the loaded agent stays dormant, and the
 * channel is the blob's.
 *
 * Nothing is patched: the hooks are called as functions, and what they call is the "allocator" below, whose code has a section of its own.
 * `new`: an operator new that would throw, too. `stacks`: instead, allocations from many places, and what the compiler's unwinder says of each.
 * `threads`: instead, more threads than the blob has places for, each where none was before.
 * `made`: as `stacks`, but the program's table of unwind information is one of the kind that is made for those that have none.
 * `plugs`: instead, allocations out of libraries that are loaded and unloaded one after the other, at one address; the same is told.
 * Before the door opens, and after it is closed, the same calls are made, and are not to be seen.
 */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "channel/blob.h"

#define THREADS 10
#define ROUNDS 1000u
#define SHORT_THREADS 1500u
#define STACKS 600u
#define PLACES 45000u /* more than the blob's table has */
#define PLACE_BYTES 65536u
#define LIVE_MOST 4000u   /* slots; then the recorder is waited for */
#define STACK_SIZE 20000u /* of the first block; each is one larger */
#define FRAMES_MOST 128
#define TID_LIMIT 4096u
#define JUMP_BYTES 5
#define ALLOCATOR __attribute__((section("allocator"), noinline))

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

extern const char __start_allocator[], __stop_allocator[];
static struct ht_blob *blob;
static _Atomic uint64_t allocs, frees, reallocs, failed, nothing, unseen;

static void *(*hook_malloc)(size_t);
static void *(*hook_calloc)(size_t, size_t);
static void *(*hook_realloc)(void *, size_t);
static void (*hook_free)(void *);
static int (*hook_posix_memalign)(void **, size_t, size_t);
static void *(*hook_new)(size_t);
static void (*hook_delete)(void *);

static void need(int ok, const char *what)
{
	if (ok)
		return;
	printf("self-blob: %s: errno %d\n", what, errno);
	fflush(stdout);
	_exit(2);
}

/* ---- the allocator ----------------------------------------------------------------------------------------- */

static __thread int raise_in_malloc;

ALLOCATOR static void *a_malloc(size_t n)
{
	if (raise_in_malloc) {
		raise_in_malloc = 0;
		raise(SIGUSR1);
	}
	return n > 1u << 30 ? NULL : malloc(n);
}

ALLOCATOR static void *a_calloc(size_t n, size_t m)
{
	return calloc(n, m);
}

ALLOCATOR static void *a_realloc(void *p, size_t n)
{
	return realloc(p, n);
}

ALLOCATOR static void a_free(void *p)
{
	free(p);
}

/* As in glibc: one call for who asked, though malloc is called inside. */
ALLOCATOR static int a_posix_memalign(void **ret, size_t alignment, size_t n)
{
	(void)alignment;
	*ret = hook_malloc(n);
	return *ret ? 0 : ENOMEM;
}

ALLOCATOR static void *a_new_nothrow(size_t n, const void *tag)
{
	(void)tag;
	return n > 1u << 30 ? NULL : malloc(n);
}

/* The throwing form: it is reached without a frame of the blob, when the other had nothing. */
ALLOCATOR static void *a_new(size_t n)
{
	uintptr_t back = (uintptr_t)__builtin_return_address(0);

	need(back < blob->head_at || back >= (uintptr_t)blob, "the original operator new returns to the program");
	return n > 1u << 30 ? a_calloc(1, 1) : malloc(n);
}

/* ---- into this process ------------------------------------------------------------------------------------- */

static struct ht_channel *map_channel(const char *address)
{
	int pid, number, fd;
	struct ht_channel *ch;
	uint64_t bytes;
	char path[64];

	need(sscanf(address, "%d:%d:", &pid, &number) == 2, "not under heaptap record");
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, number);
	fd = open(path, O_RDWR | O_CLOEXEC);
	need(fd >= 0, path);
	ch = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	need(ch != MAP_FAILED, "mmap");
	bytes = ch->bytes;
	ch = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	need(ch != MAP_FAILED, "mmap of the channel");
	close(fd);
	return ch;
}

static const struct ht_blob_head *map_blob(const char *file)
{
	struct ht_blob_head head;
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	char *at;

	need(fd >= 0 && pread(fd, &head, sizeof(head), 0) == (ssize_t)sizeof(head), file);
	need(head.magic == HT_BLOB_MAGIC && head.version == HT_BLOB_VERSION, "the blob's head");
	need(lseek(fd, 0, SEEK_END) == head.data_at, "its layout");
	at = mmap(NULL, head.end_at, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	need(at != MAP_FAILED && pread(fd, at, head.data_at, 0) == (ssize_t)head.data_at, "the blob");
	need(!mprotect(at, head.data_at, PROT_READ | PROT_EXEC), "mprotect");
	close(fd);
	blob = (struct ht_blob *)(at + head.data_at);
	need(!madvise(&blob->door, sizeof(blob->door), MADV_WIPEONFORK), "MADV_WIPEONFORK");
	return (const struct ht_blob_head *)at;
}

static uint32_t offset_of_tid(void)
{
	const char *tp = (const char *)(uintptr_t)pthread_self();

	for (uint32_t at = 0; at < TID_LIMIT; at += 4)
		if (*(const uint32_t *)(tp + at) == (uint32_t)syscall(SYS_gettid))
			return at;
	need(0, "no thread id in the thread's control block");
	return 0;
}

static void describe(struct ht_channel *ch)
{
	uint32_t number = atomic_fetch_add(&ch->images, 1) + 1;
	struct ht_image *im = (struct ht_image *)((char *)ch + ch->images_at) + number % HT_IMAGE_RING;

	im->status = HT_IMAGE_RECORDING;
	im->pid = (uint32_t)getpid();
	im->glibc = 1;
	im->ticks = __builtin_ia32_rdtsc();
	im->fork_ticks = im->parent = 0;
	snprintf(im->exe, sizeof(im->exe), "self-blob");
	snprintf(im->allocator, sizeof(im->allocator), "self-blob");
	snprintf(im->command, sizeof(im->command), "self-blob");
	blob->gate.image = number;
	atomic_store(&im->number, number + 1);
}

static void fill_gate(struct ht_channel *ch)
{
	struct ht_gate *g = &blob->gate;

	need(ch->clock == HT_CLOCK_TSC, "this machine's clock");
	g->tsc = g->glibc = g->short_alloc = g->short_free = 1;
	g->pid = (uint32_t)getpid();
	g->channel = ch;
	g->slots = (struct ht_slot *)((char *)ch + ch->slots_at);
	g->seg_next = (_Atomic uint32_t *)((char *)ch + ch->seg_next_at);
	g->nodes = (struct ht_node *)((char *)ch + ch->nodes_at);
	g->node_index = (_Atomic uint32_t *)((char *)ch + ch->node_index_at);
	g->segments = (struct ht_cell *)((char *)ch + ch->segments_at);
	describe(ch);
}

static struct trail {
	void *pc[FRAMES_MOST];
	int count;
} trails[STACKS];

static uint64_t page(uint64_t at)
{
	return at & ~4095ull;
}

/* An executable segment of the program, or of the vdso, as a module. */
static int tell_module(struct dl_phdr_info *info, size_t size, void *unused)
{
	struct ht_channel *ch = blob->gate.channel;

	(void)size;
	(void)unused;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *code = &info->dlpi_phdr[i];
		uint32_t n = ch->module_top;
		struct ht_module *m = (struct ht_module *)((char *)ch + ch->modules_at) + n;

		if (code->p_type != PT_LOAD || !(code->p_flags & PF_X))
			continue;
		need(n < ch->module_limit, "a place for a module");
		ch->module_top = n + 1;
		m->image = blob->gate.image;
		m->generation = 1;
		m->start = page(info->dlpi_addr + code->p_vaddr);
		m->end = page(info->dlpi_addr + code->p_vaddr + code->p_memsz + 4095);
		m->offset = page(code->p_offset);
		m->loaded_ticks = __builtin_ia32_rdtsc();
		snprintf(m->path, sizeof(m->path), "%s", *info->dlpi_name ? info->dlpi_name : "self-blob");
		for (int k = 0; k < info->dlpi_phnum; k++)
			if (info->dlpi_phdr[k].p_type == PT_DYNAMIC)
				m->key = info->dlpi_addr +
					 info->dlpi_phdr[k].p_vaddr; /* as the loader tells it from others */
		for (int k = 0; k < info->dlpi_phnum; k++)
			if (info->dlpi_phdr[k].p_type == PT_GNU_EH_FRAME)
				m->unwind_at = info->dlpi_addr + info->dlpi_phdr[k].p_vaddr;
		for (int k = 0; k < info->dlpi_phnum; k++) {
			uint64_t from = info->dlpi_addr + info->dlpi_phdr[k].p_vaddr;

			if (info->dlpi_phdr[k].p_type == PT_LOAD && m->unwind_at >= from &&
			    m->unwind_at < from + info->dlpi_phdr[k].p_filesz) {
				m->unwind_from = from;
				m->unwind_to = from + info->dlpi_phdr[k].p_filesz;
			}
		}
		m->next = blob->gate.modules;
		m->state = HT_SLOT_NEXT(m->state, HT_MODULE_LIVE);
		blob->gate.modules = n + 1;
		ch->module_changes++;
	}
	return 0;
}

/* The linker's table anew, as attach/fdes.h has it, in the channel. */
static void make_table(void)
{
	struct ht_channel *ch = blob->gate.channel;
	struct ht_module *m = (struct ht_module *)((char *)ch + ch->modules_at);
	uint64_t *made = (uint64_t *)((char *)ch + ch->table_at);
	const int32_t *linked;

	while (!m->unwind_at || strcmp(m->path, "self-blob") != 0)
		m++;
	linked = (const int32_t *)m->unwind_at;
	need((uint32_t)linked[0] == 0x3b031b01 && 16 * (uint64_t)linked[2] + 16 <= ch->table_bytes,
	     "its .eh_frame_hdr");
	made[0] = 0x04040301;
	made[1] = (uint64_t)linked[2];
	for (int32_t i = 0; i < 2 * linked[2]; i++)
		made[2 + i] = m->unwind_at + (uint64_t)(int64_t)linked[3 + i];
	m->unwind_at = HT_MODULE_TABLE | ch->table_at;
}

static const struct r_debug *loader(void)
{
	for (const ElfW(Dyn) *d = _DYNAMIC; d->d_tag != DT_NULL; d++)
		if (d->d_tag == DT_DEBUG)
			return (const struct r_debug *)d->d_un.d_ptr;
	need(0, "the loader's list");
	return NULL;
}

static void with_stacks(void)
{
	struct ht_gate *g = &blob->gate;

	g->short_alloc = 0;
	g->stacks = 1;
	g->generation = 1;
	g->stack_top = getauxval(AT_EXECFN);
	backtrace(trails[0].pc, 1); /* loads what it needs */
	dl_iterate_phdr(tell_module, NULL);
	blob->debug_at = (uint64_t)loader();
}

/* The function that the loader calls for debuggers becomes a jump into the blob. */
static void patch_loader(void)
{
	uint64_t at = _r_debug.r_brk,
		 to = blob->head_at + ((const struct ht_blob_head *)blob->head_at)->hook[HT_FN_NONE];
	int64_t distance = (int64_t)(to - at - JUMP_BYTES);
	int32_t near = (int32_t)distance;

	need(near == distance, "the blob within 2 GiB of the loader");
	need(!mprotect((void *)page(at), 4096, PROT_READ | PROT_WRITE | PROT_EXEC), "mprotect of the loader");
	*(uint8_t *)at = 0xe9;
	memcpy((char *)at + 1, &near, sizeof(near));
	need(!mprotect((void *)page(at), 4096, PROT_READ | PROT_EXEC), "mprotect of the loader");
}

static void serve(enum ht_function fn, void *next)
{
	blob->next[fn] = (uint64_t)next;
	blob->serves[fn] = (struct ht_blob_range){ (uint64_t)__start_allocator, (uint64_t)__stop_allocator };
}

static void enter(const char *session, const char *file)
{
	const struct ht_blob_head *head = map_blob(file);
	char *at = (char *)(uintptr_t)head;

	blob->head_at = (uint64_t)head;
	blob->tid_offset = offset_of_tid();
	blob->door.state = HT_DOOR_DORMANT;
	serve(HT_FN_MALLOC, a_malloc);
	serve(HT_FN_CALLOC, a_calloc);
	serve(HT_FN_REALLOC, a_realloc);
	serve(HT_FN_FREE, a_free);
	serve(HT_FN_POSIX_MEMALIGN, a_posix_memalign);
	serve(HT_FN_NEW, a_new);
	serve(HT_FN_NEW_NOTHROW, a_new_nothrow);
	serve(HT_FN_DELETE, a_free);
	hook_malloc = (void *(*)(size_t))(at + head->hook[HT_FN_MALLOC]);
	hook_calloc = (void *(*)(size_t, size_t))(at + head->hook[HT_FN_CALLOC]);
	hook_realloc = (void *(*)(void *, size_t))(at + head->hook[HT_FN_REALLOC]);
	hook_free = (void (*)(void *))(at + head->hook[HT_FN_FREE]);
	hook_posix_memalign = (int (*)(void **, size_t, size_t))(at + head->hook[HT_FN_POSIX_MEMALIGN]);
	hook_new = (void *(*)(size_t))(at + head->hook[HT_FN_NEW]);
	hook_delete = (void (*)(void *))(at + head->hook[HT_FN_DELETE]);
	fill_gate(map_channel(session));
}

/* ---- what it does ------------------------------------------------------------------------------------------ */

static void fill(void *p, size_t n)
{
	need(p != NULL, "a block");
	memset(p, (int)n, n);
}

static void release(void *p, size_t n)
{
	for (size_t i = 0; i < n; i += 61)
		need(((unsigned char *)p)[i] == (unsigned char)n, "what was in the block");
	hook_free(p);
	frees++;
}

/* One of each kind; what the caller counts is what a trace must have. */
static void some_calls(size_t n)
{
	void *p = hook_malloc(n), *q = hook_calloc(3, n), *r = NULL, *s;

	fill(p, n);
	fill(q, n);
	need(!hook_posix_memalign(&r, 16, n), "posix_memalign");
	fill(r, n);
	release(p, n);
	q = hook_realloc(q, n + 7);
	fill(q, n + 7);
	release(q, n + 7);
	release(r, n);
	hook_free(NULL);
	s = hook_new(n);
	fill(s, n);
	hook_delete(s);
	need(!hook_malloc(1ul << 40), "what is too much");
	allocs += 4;
	reallocs++;
	frees++;
	nothing++;
	failed++;
}

static void handler(int sig)
{
	(void)sig;
	release(hook_malloc(33), 0);
	allocs++;
}

static void *thread(void *number)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		raise_in_malloc = i % 16 == 0;
		some_calls(1000 * (size_t)(1 + (uintptr_t)number) + i % 50);
	}
	return NULL;
}

static void *short_thread(void *unused)
{
	(void)unused;
	release(hook_malloc(24), 0);
	allocs++;
	return NULL;
}

static void many_threads(void)
{
	pthread_t id[THREADS];

	for (uintptr_t i = 0; i < THREADS; i++)
		need(!pthread_create(&id[i], NULL, thread, (void *)i), "pthread_create");
	for (int i = 0; i < THREADS; i++)
		pthread_join(id[i], NULL);
	for (unsigned i = 0; i < SHORT_THREADS; i++) {
		need(!pthread_create(&id[0], NULL, short_thread, NULL), "pthread_create");
		pthread_join(id[0], NULL);
	}
}

/* A child passes through, whatever its parent's door says. */
static void fork_one(void)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		for (size_t i = 1; i < 100; i++)
			some_calls(i);
		_exit(blob->door.state == HT_DOOR_DORMANT ? 0 : 1);
	}
	need(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0, "the child");
}

/* All that a function may clobber, but rax, stays as it was. */
static void keep_registers(void)
{
	static uint64_t after[8];
	void *p;

	__asm__ volatile("mov $64, %%edi\n\t"
			 "mov $0x1111, %%ecx\n\tmov $0x2222, %%edx\n\tmov $0x3333, %%esi\n\tmov $0x4444, %%r8d\n\t"
			 "mov $0x5555, %%r9d\n\tmov $0x6666, %%r10d\n\tmov $0x7777, %%r11d\n\t"
			 "call *%1\n\t"
			 "mov %%rcx, %2\n\tmov %%rdx, 8+%2\n\tmov %%rsi, 16+%2\n\tmov %%r8, 24+%2\n\t"
			 "mov %%r9, 32+%2\n\tmov %%r10, 40+%2\n\tmov %%r11, 48+%2\n\tmov %%rdi, 56+%2\n\t"
			 : "=&a"(p)
			 : "m"(hook_malloc), "m"(after[0])
			 : "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory", "cc", "xmm0", "xmm1", "xmm2",
			   "xmm3", "xmm4", "xmm5", "xmm6", "xmm7");
	for (uint64_t i = 0; i < 7; i++)
		need(after[i] == 0x1111 * (i + 1), "a register");
	need(after[7] == 64, "rdi");
	release(p, 0);
	allocs++;
}

static void new_without_memory(void)
{
	void *p = hook_new(1ul << 40); /* "throws": gives one byte */

	need(p != NULL, "the original operator new");
	free(p);
	unseen++;
}

/* ---- stacks ------------------------------------------------------------------------------------------------ */

static _Atomic unsigned asked;
static __thread unsigned bits_left, depth_left;

static void way(unsigned bits, unsigned depth) __asm__("way");

/* A frame that is found by rbx: the steps out of it take more registers than a walk keeps. */
void by_rbx(unsigned bits, unsigned depth);
__asm__(".text\n"
	".type by_rbx, @function\n"
	"by_rbx:\n"
	".cfi_startproc\n"
	"	push %rbx\n"
	".cfi_def_cfa_offset 16\n"
	".cfi_offset %rbx, -16\n"
	"	mov %rsp, %rbx\n"
	".cfi_def_cfa_register %rbx\n"
	"	sub $200, %rsp\n"
	"	and $-64, %rsp\n"
	"	call way\n"
	"	mov %rbx, %rsp\n"
	"	pop %rbx\n"
	".cfi_def_cfa %rsp, 8\n"
	"	ret\n"
	".cfi_endproc\n"
	".size by_rbx, .-by_rbx\n");

__attribute__((noinline)) static void ask(void)
{
	unsigned n = asked++;
	void *p;

	trails[n].count = backtrace(trails[n].pc, FRAMES_MOST);
	p = hook_malloc(STACK_SIZE + n);
	need(p != NULL, "a block");
	hook_free(p);
}

static int compare(const void *a, const void *b)
{
	way(bits_left, depth_left);
	return *(const char *)a - *(const char *)b;
}

static void go_on(int sig)
{
	(void)sig;
	way(bits_left, depth_left);
}

/* Through frames of known and of unknown size, through the C library, through signals; the choice is in the bits. */
__attribute__((noinline)) static void way(unsigned bits, unsigned depth)
{
	volatile char room[bits % 97 + 1]; /* a frame of any size */
	char two[2] = { 2, 1 };

	if (!depth) {
		ask();
		return;
	}
	room[0] = 1;
	bits_left = bits / 4;
	depth_left = depth - 1;
	switch (bits % 4) {
	case 0:
		qsort(two, 2, 1, compare);
		break;
	case 1:
		raise(SIGUSR2);
		break;
	case 2:
		by_rbx(bits / 4, depth - 1);
		break;
	default:
		way(bits / 4, depth - 1);
	}
	room[0]++;
}

static void *ways(void *number)
{
	for (unsigned i = 0; i < STACKS / 4; i++)
		way((unsigned)(uintptr_t)number * 0x9e3779b1u + i * 0x85ebca6bu, i % 16);
	return NULL;
}

static void print_trails(void)
{
	for (unsigned n = 0; n < asked; n++) {
		printf("%u", STACK_SIZE + n);
		for (int i = 1; i < trails[n].count; i++)
			printf(" %p", trails[n].pc[i]);
		puts("");
	}
}

static void call_back(void *unused)
{
	(void)unused;
	ask();
}

/* Each library calls back three times. */
static void tell_plugs(char **library)
{
	int count = 0;

	while (library[count])
		count++;
	for (unsigned round = 0; asked < STACKS; round++) {
		void *plug = dlopen(library[round % count], RTLD_NOW | RTLD_LOCAL);
		void (*work)(void (*)(void *), void *) = plug ? (__typeof__(work))dlsym(plug, "plug_work") : NULL;

		need(work != NULL, "a library");
		work(call_back, NULL);
		need(!dlclose(plug), "dlclose");
	}
	print_trails();
}

static void tell_stacks(void)
{
	struct sigaction on = { .sa_handler = go_on, .sa_flags = SA_NODEFER };
	pthread_t id[3];

	sigaction(SIGUSR2, &on, NULL);
	for (uintptr_t i = 0; i < 3; i++)
		need(!pthread_create(&id[i], NULL, ways, (void *)(i + 2)), "pthread_create");
	ways((void *)1);
	for (int i = 0; i < 3; i++)
		pthread_join(id[i], NULL);
	print_trails();
}

/* ---- places ------------------------------------------------------------------------------------------------ */

static unsigned live_slots(void)
{
	const struct ht_channel *ch = blob->gate.channel;
	unsigned live = 0;

	for (uint32_t i = 0; i < ch->slot_count; i++)
		live += HT_SLOT_STATE(blob->gate.slots[i].state) == HT_SLOT_LIVE;
	return live;
}

/* Threads with stacks, and so thread pointers, of their own, one after the other. */
static void fill_places(void)
{
	char *at = mmap(NULL, (size_t)PLACES * PLACE_BYTES, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	pthread_attr_t attr;
	pthread_t id;

	need(at != MAP_FAILED, "mmap");
	pthread_attr_init(&attr);
	for (unsigned i = 0; i < PLACES; i++, at += PLACE_BYTES) {
		need(!pthread_attr_setstack(&attr, at, PLACE_BYTES), "pthread_attr_setstack");
		need(!pthread_create(&id, &attr, short_thread, NULL), "pthread_create");
		pthread_join(id, NULL);
		madvise(at, PLACE_BYTES, MADV_DONTNEED);
		while (i % (LIVE_MOST / 2) == 0 && live_slots() > LIVE_MOST)
			usleep(10000);
	}
	printf("allocs %lu\n", allocs);
}

int main(int argc, char **argv)
{
	need(argc > 2, "no blob");
	setvbuf(stdout, NULL, _IONBF, 0);
	signal(SIGUSR1, handler);
	enter(argv[1], argv[2]);
	if (argc > 3 && !strcmp(argv[3], "stacks")) {
		with_stacks();
		blob->door.state = HT_DOOR_ACTIVE;
		tell_stacks();
		return 0;
	}
	if (argc > 3 && !strcmp(argv[3], "made")) {
		with_stacks();
		make_table();
		blob->door.state = HT_DOOR_ACTIVE;
		tell_stacks();
		return 0;
	}
	if (argc > 4 && !strcmp(argv[3], "plugs")) {
		with_stacks();
		patch_loader();
		blob->door.state = HT_DOOR_ACTIVE;
		tell_plugs(argv + 4);
		return 0;
	}
	if (argc > 3 && !strcmp(argv[3], "threads")) {
		blob->door.state = HT_DOOR_ACTIVE;
		fill_places();
		return 0;
	}
	some_calls(777);
	allocs = frees = reallocs = failed = nothing = 0;
	blob->door.state = HT_DOOR_ACTIVE;
	some_calls(888);
	keep_registers();
	many_threads();
	fork_one();
	if (argc > 3)
		new_without_memory();
	blob->door.state = HT_DOOR_DORMANT;
	printf("allocs %lu\nfrees %lu\nreallocs %lu\nfailed %lu\ncounted_only %lu\nlost %lu\n", allocs, frees, reallocs,
	       failed, nothing, unseen);
	some_calls(999);
	return 0;
}
