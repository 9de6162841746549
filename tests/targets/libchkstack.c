/* SPDX-License-Identifier: Apache-2.0 */
/* libchkstack.c -- compares the stacks that a check build of the agent takes with libunwind's, event by event
 *
 *   HT_CHECK=FILE [HT_CHECK_EVERY=N] LD_PRELOAD=libchkstack.so heaptap record ...        (the agent built with CHECK=1)
 *
 * The agent calls heaptap_check_stack() inside the hook, with the stack it is about to record. We unwind from here with libunwind, find the
 * frame whose stack pointer is the hook's caller's, and from there on every address must be the same, out to the end.
 *
 *   pcs     innermost first; return addresses, and the interrupted instruction where a signal frame is left
 *   reason  0: the stack is whole, and libunwind must end with it. Else it was cut: what there is must be right
 *   sp      the caller's stack pointer after its call returns
 *
 * FILE holds the counters (struct counts), mapped, so that they are there however the process ends; images that follow by exec add to them.
 * FILE.bad tells the first mismatches, and the first stack cut for each reason, in words. libunwind is opened privately: linked or preloaded, its copy of the exception interface would
 * become the program's. It allocates nothing through malloc; a call that comes while we are inside is counted as skipped.
 */
#define UNW_LOCAL_ONLY
#include <libunwind.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <link.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define REASONS 16
#define INNER_FRAMES 32 /* our own and the agent's, at most */
#define TOLD 20

/* Read by tests/e2e/stackcheck.py, in this order. */
struct counts {
	_Atomic uint64_t calls;
	_Atomic uint64_t skipped; /* we were inside already, or libunwind gave up before it came to the hook's caller */
	_Atomic uint64_t whole;   /* compared out to the end, equal or not */
	_Atomic uint64_t frames;  /* addresses compared */
	_Atomic uint64_t mismatches;
	_Atomic uint64_t gave_up; /* libunwind failed further out than the first frame: equal as far as it went */
	_Atomic uint64_t deepest;
	_Atomic uint64_t memo_same; /* answers that were what a walk without memory gives */
	_Atomic uint64_t memo_other;
	_Atomic uint64_t cut[REASONS];
};

static struct {
	int (*getcontext)(unw_context_t *);
	int (*init)(unw_cursor_t *, unw_context_t *);
	int (*step)(unw_cursor_t *);
	int (*get)(unw_cursor_t *, int, unw_word_t *);
	int (*function)(unw_addr_space_t, unw_word_t, unw_proc_info_t *, void *);
	void (*flush)(unw_addr_space_t, unw_word_t, unw_word_t);
	unw_addr_space_t space;
} lib;

static struct counts *counts;
static uint64_t every = 1;
static int bad_fd = -1;
static _Atomic uint64_t told;
static _Atomic uint64_t loader_state;
static __thread int inside __attribute__((tls_model("initial-exec")));
static __thread uint64_t turn __attribute__((tls_model("initial-exec")));

static void *symbol(void *handle, const char *name)
{
	void *p = dlsym(handle, name);

	if (!p) {
		fprintf(stderr, "libchkstack: libunwind has no %s\n", name);
		_exit(3);
	}
	return p;
}

__attribute__((constructor)) static void start(void)
{
	const char *name = getenv("HT_CHECK"), *n = getenv("HT_CHECK_EVERY");
	void *handle, *map;
	char bad[4096];
	int fd;

	if (!name)
		return;
	handle = dlopen("libunwind.so.8", RTLD_NOW | RTLD_LOCAL);
	fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	snprintf(bad, sizeof(bad), "%s.bad", name);
	bad_fd = open(bad, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (!handle || fd < 0 || bad_fd < 0 || ftruncate(fd, sizeof(*counts))) {
		fprintf(stderr, "libchkstack: no libunwind.so.8, or cannot write %s\n", name);
		_exit(3);
	}
	map = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (map == MAP_FAILED)
		_exit(3);
	/* The descriptors a program sees are its own business. */
	bad_fd = fcntl(bad_fd, F_DUPFD_CLOEXEC, 900);
	lib.getcontext = (int (*)(unw_context_t *))symbol(handle, "_Ux86_64_getcontext");
	lib.init = (int (*)(unw_cursor_t *, unw_context_t *))symbol(handle, "_ULx86_64_init_local");
	lib.step = (int (*)(unw_cursor_t *))symbol(handle, "_ULx86_64_step");
	lib.get = (int (*)(unw_cursor_t *, int, unw_word_t *))symbol(handle, "_ULx86_64_get_reg");
	lib.function = (int (*)(unw_addr_space_t, unw_word_t, unw_proc_info_t *, void *))symbol(
		handle, "_ULx86_64_get_proc_info_by_ip");
	lib.flush = (void (*)(unw_addr_space_t, unw_word_t, unw_word_t))symbol(handle, "_Ux86_64_flush_cache");
	lib.space = *(unw_addr_space_t *)symbol(handle, "_ULx86_64_local_addr_space");
	if (n)
		every = strtoull(n, NULL, 10);
	counts = map;
}

/* ---- what libunwind remembers must go when a library went ---------------------------------------------------- */

static int loads_and_unloads(struct dl_phdr_info *info, size_t size, void *ret)
{
	(void)size;
	*(uint64_t *)ret = (info->dlpi_adds << 32) + info->dlpi_subs + 1;
	return 1;
}

static void follow_loader(void)
{
	uint64_t now = 0;

	dl_iterate_phdr(loads_and_unloads, &now);
	if (atomic_exchange(&loader_state, now) != now)
		lib.flush(lib.space, 0, 0);
}

/* ---- one comparison ------------------------------------------------------------------------------------------ */

struct stack {
	const uint64_t *pcs;
	uint32_t count, reason;
	uint64_t sp;
};

static void tell(const struct stack *s, const char *what, uint32_t at, uint64_t theirs)
{
	char line[4096];
	int n;

	if (atomic_fetch_add(&told, 1) >= TOLD)
		return;
	n = snprintf(line, sizeof(line), "%s at frame %u of %u, reason %u, sp %#" PRIx64 ": libunwind %#" PRIx64 "\n",
		     what, at, s->count, s->reason, s->sp, theirs);
	for (uint32_t i = 0; i < s->count && n < 3900; i++) {
		Dl_info where = { 0 };

		dladdr((void *)(s->pcs[i] - 1), &where);
		n += snprintf(line + n, sizeof(line) - (size_t)n, "  %2u %#" PRIx64 " %.40s+%#" PRIx64 " %.40s\n", i,
			      s->pcs[i], where.dli_fname ? strrchr(where.dli_fname, '/') : "",
			      s->pcs[i] - (uint64_t)where.dli_fbase, where.dli_sname ? where.dli_sname : "");
	}
	if (write(bad_fd, line, (size_t)n) < 0)
		return;
}

/* 1: the cursor stands in the hook's caller. 0: libunwind did not come so far. */
static int find_caller(unw_cursor_t *c, const struct stack *s)
{
	unw_word_t sp;

	for (int i = 0; i < INNER_FRAMES; i++) {
		if (lib.step(c) <= 0)
			return 0;
		lib.get(c, UNW_REG_SP, &sp);
		if (sp == s->sp)
			return 1;
	}
	return 0;
}

static void mismatch(const struct stack *s, const char *what, uint32_t at, uint64_t theirs)
{
	atomic_fetch_add(&counts->mismatches, 1);
	tell(s, what, at, theirs);
}

/* The first byte of a function is no return address: makecontext() wrote it at the bottom of a coroutine's stack. Beyond it libunwind guesses,
 * by what happens to be in rbp. */
static int is_made_up(uint64_t pc)
{
	unw_proc_info_t info;

	return !lib.function(lib.space, pc, &info, NULL) && info.start_ip == pc;
}

static void compare(unw_cursor_t *c, const struct stack *s)
{
	unw_word_t ip = 0;
	int rc = 1;

	for (uint32_t i = 0; i < s->count; i++) {
		if (i)
			rc = lib.step(c);
		if (rc < 0) {
			atomic_fetch_add(&counts->gave_up, 1);
			return;
		}
		if (rc == 0) {
			mismatch(s, "libunwind ended", i, ip);
			return;
		}
		lib.get(c, UNW_REG_IP, &ip);
		atomic_fetch_add(&counts->frames, 1);
		if (ip != s->pcs[i]) {
			mismatch(s, "another address", i, ip);
			return;
		}
	}
	if (s->reason) {
		if (atomic_fetch_add(&counts->cut[s->reason % REASONS], 1) == 0)
			tell(s, "the first one cut for this reason", s->count, ip);
		return;
	}
	atomic_fetch_add(&counts->whole, 1);
	if (s->count && is_made_up(s->pcs[s->count - 1]))
		return;
	if (lib.step(c) > 0) {
		lib.get(c, UNW_REG_IP, &ip);
		if (ip)
			mismatch(s, "libunwind goes on", s->count, ip);
	}
}

__attribute__((visibility("default"), noinline)) void heaptap_check_stack(const uint64_t *pcs, uint32_t count,
									  uint32_t reason, uint64_t sp);
void heaptap_check_stack(const uint64_t *pcs, uint32_t count, uint32_t reason, uint64_t sp)
{
	const struct stack s = { pcs, count, reason, sp };
	unw_context_t context;
	unw_cursor_t cursor;
	int error = errno;

	if (!counts || turn++ % every)
		return;
	atomic_fetch_add(&counts->calls, 1);
	if (inside) {
		atomic_fetch_add(&counts->skipped, 1);
		return;
	}
	inside = 1;
	if (count > atomic_load(&counts->deepest))
		atomic_store(&counts->deepest, count);
	follow_loader();
	lib.getcontext(&context);
	if (lib.init(&cursor, &context) == 0 && find_caller(&cursor, &s))
		compare(&cursor, &s);
	else
		atomic_fetch_add(&counts->skipped, 1);
	inside = 0;
	errno = error;
}

/* The agent compared what it remembered with a walk that remembers nothing. */
__attribute__((visibility("default"))) void heaptap_check_memo(uint32_t same, uint32_t at, uint64_t remembered,
							       uint64_t walked);
void heaptap_check_memo(uint32_t same, uint32_t at, uint64_t remembered, uint64_t walked)
{
	char line[200];
	int n;

	if (!counts)
		return;
	if (same) {
		atomic_fetch_add(&counts->memo_same, 1);
		return;
	}
	if (atomic_fetch_add(&counts->memo_other, 1) >= TOLD)
		return;
	n = snprintf(line, sizeof(line), "memo: frame %u is %#" PRIx64 ", a walk finds %#" PRIx64 "\n", at, remembered,
		     walked);
	if (write(bad_fd, line, (size_t)n) < 0)
		return;
}
