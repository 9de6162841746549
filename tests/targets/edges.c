/* SPDX-License-Identifier: Apache-2.0 */
/* edges.c -- every allocation call at its edges: zero, null, failure, odd alignment, errno (API-01, API-02, API-03)
 *
 *   edges [all]   prints what each call answered: the same bytes with and without a recorder, per allocator
 *   edges limit   failures with little address space, so that honest sizes fail too
 *   edges idle    no call at all
 *
 * Addresses differ from run to run, so what is printed of one is: null or not, and its lowest bits. The tally counts every call
 * (thread 0).
 */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "channel/channel.h"
#include "tally.h"

static struct tally *tally;
static struct tally_thread *me;
static char text[65536];
static size_t used;

/* One line: the call, null or alignment of the result, usable size at least what was asked, errno. */
static void tell(const char *what, const void *p, size_t size, int e)
{
	unsigned long low = (unsigned long)p & 0xfff;
	int at_least = p && size < (1ul << 40) ? malloc_usable_size((void *)p) >= size : -1;

	used += (size_t)snprintf(text + used, sizeof(text) - used, "%s: %s%lu usable %d errno %d\n", what,
				 p ? "block mod 16 = " : "null ", p ? low % 16 : 0, at_least, e);
}

static void release(void *p)
{
	tally_enter(me, HT_FN_FREE);
	errno = 4242;
	free(p);
	if (errno != 4242)
		tell("free changed errno", NULL, 0, errno);
	tally_gave(me, p);
}

#define ASK(function, what, size, expression)                                                                          \
	do {                                                                                                           \
		void *p_;                                                                                              \
		int e_;                                                                                                \
		tally_enter(me, function);                                                                             \
		errno = 4242;                                                                                          \
		p_ = (expression);                                                                                     \
		e_ = errno;                                                                                            \
		tally_got(me, p_, size);                                                                               \
		tell(what, p_, size, e_);                                                                              \
		release(p_);                                                                                           \
	} while (0)

static void zero_and_null(void)
{
	void *p;

	ASK(HT_FN_MALLOC, "malloc(0)", 0, malloc(0));
	ASK(HT_FN_CALLOC, "calloc(0, 8)", 0, calloc(0, 8));
	ASK(HT_FN_CALLOC, "calloc(8, 0)", 0, calloc(8, 0));
	ASK(HT_FN_REALLOC, "realloc(NULL, 0)", 0, realloc(NULL, 0));
	ASK(HT_FN_REALLOC, "realloc(NULL, 10)", 10, realloc(NULL, 10));
	ASK(HT_FN_REALLOCARRAY, "reallocarray(NULL, 3, 5)", 15, reallocarray(NULL, 3, 5));
	tally_enter(me, HT_FN_MALLOC);
	p = malloc(77);
	tally_got(me, p, 77);
	ASK(HT_FN_REALLOC, "realloc(p, 0)", 0, realloc(p, 0));
	release(NULL);
}

static void failures(const size_t *sizes, int count)
{
	volatile size_t half = SIZE_MAX / 2;
	char what[64];
	void *p;
	int i;

	for (i = 0; i < count; i++) {
		size_t n = sizes[i];

		snprintf(what, sizeof(what), "size %#zx", n);
		ASK(HT_FN_MALLOC, what, n, malloc(n));
		ASK(HT_FN_CALLOC, what, n, calloc(1, n));
		ASK(HT_FN_MEMALIGN, what, n, memalign(64, n));
		ASK(HT_FN_VALLOC, what, n, valloc(n));
		tally_enter(me, HT_FN_MALLOC);
		p = malloc(100);
		tally_got(me, p, 100);
		memset(p, 0x5a, 100);
		tally_enter(me, HT_FN_REALLOC);
		if (realloc(p, n))
			_exit(94);
		tally_got(me, NULL, n);
		tell("old block lives on", ((char *)p)[99] == 0x5a ? p : NULL, 100, 0);
		release(p);
	}
	ASK(HT_FN_CALLOC, "calloc overflow", UINT64_MAX, calloc(half, 3));
	ASK(HT_FN_REALLOCARRAY, "reallocarray overflow", UINT64_MAX, reallocarray(NULL, half, 3));
}

static void alignments(void)
{
	static const size_t to[] = { 0, 1, 3, 8, 16, 48, 64, 4096, (size_t)1 << 20, (size_t)1 << 40, (size_t)1 << 62 };
	char what[64];
	size_t i;

	for (i = 0; i < sizeof(to) / sizeof(*to); i++) {
		char mark;
		void *p = &mark;
		int rc;

		snprintf(what, sizeof(what), "alignment %#zx", to[i]);
		ASK(HT_FN_ALIGNED_ALLOC, what, 100, aligned_alloc(to[i], 100));
		ASK(HT_FN_MEMALIGN, what, 100, memalign(to[i], 100));
		tally_enter(me, HT_FN_POSIX_MEMALIGN);
		errno = 4242;
		rc = posix_memalign(&p, to[i], 100);
		tally_got(me, rc ? NULL : p, 100);
		used += (size_t)snprintf(text + used, sizeof(text) - used, "posix_memalign %#zx: rc %d errno %d%s%s\n",
					 to[i], rc, errno, p == &mark ? " pointer untouched" : "",
					 !rc && to[i] && (size_t)p % to[i] ? " MISALIGNED" : "");
		if (!rc)
			release(p);
	}
}

/* In a thread of its own, so that its account holds these calls and what libc does for any thread. */
static void *run(void *arg)
{
	static const size_t huge[] = { SIZE_MAX, SIZE_MAX - 4096, (size_t)1 << 63, ((size_t)1 << 63) - 4096,
				       (size_t)1 << 50 };
	static const size_t large[] = { (size_t)3 << 30 };
	struct rlimit limit = { (size_t)2 << 30, (size_t)2 << 30 };
	const char *way = arg;

	me = tally_join(tally);
	if (!strcmp(way, "limit")) {
		if (setrlimit(RLIMIT_AS, &limit))
			_exit(3);
		failures(large, 1);
	} else if (!strcmp(way, "all")) {
		zero_and_null();
		failures(huge, 5);
		alignments();
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t thread;

	tally = tally_open();
	if (pthread_create(&thread, NULL, run, argc > 1 ? argv[1] : "all"))
		return 3;
	pthread_join(thread, NULL);
	return write(1, text, used) == (ssize_t)used ? 0 : 4;
}
