/* SPDX-License-Identifier: Apache-2.0 */
/* libcount.c -- an allocator layer that counts what reaches the real allocator
 *
 * Preloaded by a test as the user's own entry, so it lies beneath the agent. Counts go to the file HT_COUNT.PID, mapped
 * shared (tally.h, thread 0), so that everything up to the last instruction of the process is in it. C++ operators arrive here as
 * malloc, aligned_alloc and free. A call that the allocator makes on its own account (reallocarray -> realloc) is not counted.
 *
 * Every process counts for itself, over all its images; a page that a fork wipes tells its children.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "channel/channel.h"
#include "tally.h"

static __thread int depth __attribute__((tls_model("initial-exec")));
static struct tally *tally;
static volatile uint64_t *mine; /* 0 after a fork */
static uint64_t waiting[40];    /* calls of the loader, before there is an environment to find the file by */
static int opened;
static char early[65536]; /* what dlsym asks for while it looks for calloc */
static size_t early_used;

static struct {
	void *(*malloc)(size_t);
	void *(*calloc)(size_t, size_t);
	void *(*realloc)(void *, size_t);
	void *(*reallocarray)(void *, size_t, size_t);
	void (*free)(void *);
	int (*posix_memalign)(void **, size_t, size_t);
	void *(*aligned_alloc)(size_t, size_t);
	void *(*memalign)(size_t, size_t);
	void *(*valloc)(size_t);
	void *(*pvalloc)(size_t);
} real;

static void find_real(void)
{
	depth++;
	real.malloc = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
	real.calloc = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "calloc");
	real.realloc = (void *(*)(void *, size_t))dlsym(RTLD_NEXT, "realloc");
	real.reallocarray = (void *(*)(void *, size_t, size_t))dlsym(RTLD_NEXT, "reallocarray");
	real.free = (void (*)(void *))dlsym(RTLD_NEXT, "free");
	real.posix_memalign = (int (*)(void **, size_t, size_t))dlsym(RTLD_NEXT, "posix_memalign");
	real.aligned_alloc = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "aligned_alloc");
	real.memalign = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "memalign");
	real.valloc = (void *(*)(size_t))dlsym(RTLD_NEXT, "valloc");
	real.pvalloc = (void *(*)(size_t))dlsym(RTLD_NEXT, "pvalloc");
	depth--;
}

static void open_tally(void)
{
	const char *base = getenv("HT_COUNT");
	char path[4096];
	struct tally *t;
	int fd, i;

	opened = 1;
	snprintf(path, sizeof(path), "%s.%d", base ? base : "", getpid());
	fd = base ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
	if (fd < 0 || ftruncate(fd, sizeof(*t)))
		return;
	t = mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	mine = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (t == MAP_FAILED || mine == MAP_FAILED || madvise((void *)mine, 4096, MADV_WIPEONFORK))
		_exit(99);
	t->head.pid = (uint64_t)getpid();
	t->head.magic = TALLY_MAGIC;
	t->head.threads = 1;
	*mine = 1;
	for (i = 0; i < 40; i++)
		t->thread[0].by_function[i] += waiting[i];
	tally = t;
}

/* Counts the call if it is the outermost one; pairs with leave(). */
static void enter(int function)
{
	int e = errno;

	if (!real.pvalloc && !depth)
		find_real();
	if (!opened && environ)
		open_tally();
	errno = e;
	if (depth++)
		return;
	if (!opened)
		waiting[function]++;
	else if (tally && *mine)
		__atomic_fetch_add(&tally->thread[0].by_function[function], 1, __ATOMIC_RELAXED);
}

static void leave(void)
{
	depth--;
}

static void *from_early(size_t size)
{
	void *p = early + early_used;

	early_used += (size + 15) & ~(size_t)15;
	return p;
}

#define COUNTED(type, function, call)                                                                                  \
	type r;                                                                                                        \
	enter(function);                                                                                               \
	r = call;                                                                                                      \
	leave();                                                                                                       \
	return r

void *malloc(size_t n)
{
	COUNTED(void *, HT_FN_MALLOC, real.malloc ? real.malloc(n) : from_early(n));
}

void *calloc(size_t n, size_t m)
{
	COUNTED(void *, HT_FN_CALLOC, real.calloc ? real.calloc(n, m) : from_early(n * m));
}

void *realloc(void *p, size_t n)
{
	COUNTED(void *, HT_FN_REALLOC, real.realloc(p, n));
}

void *reallocarray(void *p, size_t n, size_t m)
{
	COUNTED(void *, HT_FN_REALLOCARRAY, real.reallocarray(p, n, m));
}

void free(void *p)
{
	enter(HT_FN_FREE);
	if ((char *)p < early || (char *)p >= early + sizeof(early))
		real.free(p);
	leave();
}

int posix_memalign(void **p, size_t a, size_t n)
{
	COUNTED(int, HT_FN_POSIX_MEMALIGN, real.posix_memalign(p, a, n));
}

void *aligned_alloc(size_t a, size_t n)
{
	COUNTED(void *, HT_FN_ALIGNED_ALLOC, real.aligned_alloc(a, n));
}

void *memalign(size_t a, size_t n)
{
	COUNTED(void *, HT_FN_MEMALIGN, real.memalign(a, n));
}

void *valloc(size_t n)
{
	COUNTED(void *, HT_FN_VALLOC, real.valloc(n));
}

void *pvalloc(size_t n)
{
	COUNTED(void *, HT_FN_PVALLOC, real.pvalloc(n));
}
