/* SPDX-License-Identifier: Apache-2.0 */
/* census.c -- goes through glibc's arenas and their heaps
 *
 * Called by: the commands that enter a running process.
 *
 *   mappings ──► arenas ──► what waits: caches, fastbins ──► main heap: base ... top
 *                                                       ├──► other arenas: heap ◄─prev─ heap ◄─prev─ heap with the top
 *                                                       └──► blocks with a mapping of their own
 *
 * The first thing that does not agree with something else is the reason why the census is not whole; what can still be read is read.
 */
#include "attach/census.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attach/allocators.h"
#include "attach/mmapped.h"
#include "attach/pieces.h"

#define ARENAS_MOST 65536u
#define HEAPS_MOST 65536u
#define STACK_LOOK 512u /* bytes of a thread's stack in which a return into malloc would stand */
#define MIB (1ull << 20)
#define FENCE_BYTES 32u
#define STRANGER_MOST MIB /* of memory that somebody else took from the break in between */

struct heap_info {
	uint64_t arena, previous, bytes, accessible_bytes;
};

struct taking {
	struct ht_census *c;
	struct ht_peek peek;
	struct ht_pages pages;
	struct ht_waiting waiting;
	struct ht_glibc_parameters parameters;
	struct ht_glibc_arena *arena;
	uint64_t *at; /* of each arena */
	size_t arenas;
};

/* The first reason counts; that somebody is at work explains all others. */
static void __attribute__((format(printf, 3, 4)))
miss(struct taking *t, enum ht_census_verdict verdict, const char *format, ...)
{
	struct ht_census *c = t->c;
	va_list args;

	if (c->verdict != HT_CENSUS_WHOLE)
		return;
	c->verdict = verdict;
	va_start(args, format);
	vsnprintf(c->why, sizeof(c->why), format, args);
	va_end(args);
}

/* ---- arenas ------------------------------------------------------------------------------------------------ */

static bool has_room(struct taking *t)
{
	struct ht_glibc_arena *more = reallocarray(t->arena, t->arenas + 1, sizeof(*more));
	uint64_t *places;

	if (!more)
		return false;
	t->arena = more;
	places = reallocarray(t->at, t->arenas + 1, sizeof(*places));
	if (places)
		t->at = places;
	return places;
}

static int read_arenas(struct taking *t, struct ht_err *err)
{
	const struct ht_glibc *g = &t->c->glibc;
	uint64_t at = g->main_arena;

	do {
		if (!has_room(t))
			return ht_err_set(err, HT_ESYSTEM, "out of memory");
		if (t->arenas == ARENAS_MOST || !ht_glibc_arena(g, at, &t->arena[t->arenas])) {
			miss(t, HT_CENSUS_BUSY, "the ring of arenas is broken");
			return 0;
		}
		t->at[t->arenas] = at;
		at = t->arena[t->arenas++].next;
	} while (at != g->main_arena);
	return 0;
}

/* The calls that malloc and free make; in any other, a thread is elsewhere. */
static bool is_call_of_malloc(int64_t call)
{
	return call < 0 || call == SYS_brk || call == SYS_mmap || call == SYS_munmap || call == SYS_mremap ||
	       call == SYS_madvise || call == SYS_mprotect || call == SYS_futex;
}

/* In malloc's own code, or in code of libc that may have been called from there: a return to it stands near the top of the stack. That may
 * be an old one; then the next stop finds the thread elsewhere. */
static bool is_inside(const struct ht_glibc *g, const struct ht_census_thread *t)
{
	uint64_t word[STACK_LOOK / 8];
	size_t n;

	if (t->pc < g->module || t->pc >= g->module_end || !is_call_of_malloc(t->call))
		return false;
	if (t->pc >= g->code && t->pc < g->code_end)
		return true;
	n = ht_peek_bytes(g->process, t->sp, word, sizeof(word)) / 8;
	for (size_t i = 0; i < n; i++)
		if (word[i] >= g->code && word[i] < g->code_end)
			return true;
	return false;
}

/* Under its lock an arena may be in any state. A process with one thread takes no lock. NULL: nobody is at work. */
static const char *who_is_at_work(struct taking *t, const struct ht_census_thread *thread, size_t threads)
{
	bool known = t->c->glibc.code; /* not of a static program: there anybody may be */

	t->c->inside = known ? 0 : (uint32_t)threads;
	for (size_t i = 0; known && i < threads; i++)
		t->c->inside += is_inside(&t->c->glibc, &thread[i]);
	for (size_t i = 0; i < t->arenas; i++)
		if (t->arena[i].mutex)
			return "an arena is locked";
	return threads == 1 && known && t->c->inside ? "its only thread is in the middle of a call of malloc or free"
						     : NULL;
}

static int read_waiting(struct taking *t, const struct ht_census_thread *thread, size_t threads, struct ht_err *err)
{
	uint64_t *fs = calloc(threads + 1, sizeof(*fs));
	int rc;

	if (!fs)
		return ht_err_set(err, HT_ESYSTEM, "out of memory");
	for (size_t i = 0; i < threads; i++) {
		if (!thread[i].fs)
			miss(t, HT_CENSUS_PARTIAL,
			     "where a thread that is asleep keeps its cache of freed blocks is not known");
		fs[i] = thread[i].fs;
	}
	rc = ht_waiting_add_caches(&t->waiting, &t->peek, fs, threads, err);
	free(fs);
	for (size_t i = 0; !rc && i < t->arenas; i++)
		rc = ht_waiting_add_fastbins(&t->waiting, &t->peek, &t->arena[i], err);
	ht_waiting_sort(&t->waiting);
	return rc;
}

/* ---- heaps ------------------------------------------------------------------------------------------------- */

/* Where the arena's last heap ends; 0: the top cannot be read. */
static uint64_t end_of_top(struct taking *t, const struct ht_glibc_arena *a)
{
	uint64_t head;

	return ht_process_read(t->c->process, a->top + 8, &head, sizeof(head)) ? a->top + (head & ~HT_CHUNK_FLAGS) : 0;
}

static bool is_late(struct taking *t)
{
	if (t->peek.late)
		miss(t, HT_CENSUS_PARTIAL, "reading its heaps took longer than allowed");
	return t->peek.late;
}

/* Behind a fence of the main heap somebody else took memory from the break: ours goes on where chunks lead to an end again. */
static enum ht_heap_end go_on_behind(struct taking *t, struct ht_stretch *h, uint64_t fence, uint64_t *stopped_at)
{
	const struct ht_chunks before = t->c->chunks;
	uint64_t from = fence + FENCE_BYTES;

	for (h->from = from; h->from < h->top && h->from - from < STRANGER_MOST && !is_late(t); h->from += 16) {
		enum ht_heap_end end = ht_chunks_walk(&t->c->chunks, &t->peek, h, &t->waiting, stopped_at);

		if (end == HT_HEAP_TOP || (end == HT_HEAP_FENCE && *stopped_at > h->from))
			return end;
		ht_chunks_rewind(&t->c->chunks, &before);
	}
	return HT_HEAP_BROKEN;
}

static void walk_main(struct taking *t)
{
	const struct ht_glibc_arena *a = &t->arena[0];
	struct ht_stretch h = {
		.from = (t->parameters.base + 15) & ~15ull, .end = end_of_top(t, a), .top = a->top, .arena = 1
	};
	enum ht_heap_end end;
	uint64_t at;

	if (!t->parameters.base) {
		miss(t, HT_CENSUS_BUSY, "the main heap has no beginning");
		return;
	}
	if (a->flags & HT_GLIBC_NOT_CONTIGUOUS) {
		if (!ht_pieces_walk(&t->c->chunks, &t->pages, &t->waiting, a, t->parameters.base) && !is_late(t))
			miss(t, HT_CENSUS_BUSY, "the pieces of the main heap do not add up to what malloc says");
		return;
	}
	if (h.end <= h.from || h.end - t->parameters.base != a->system_bytes) {
		miss(t, HT_CENSUS_BUSY, "the main heap is not as long as malloc says");
		return;
	}
	end = ht_chunks_walk(&t->c->chunks, &t->peek, &h, &t->waiting, &at);
	while (end == HT_HEAP_FENCE && at + FENCE_BYTES < h.top) {
		miss(t, HT_CENSUS_PARTIAL, "somebody else takes memory from the break, so that the main heap has gaps");
		end = go_on_behind(t, &h, at, &at);
	}
	if (end != HT_HEAP_TOP && !is_late(t))
		miss(t, HT_CENSUS_BUSY, "the main heap is broken at 0x%" PRIx64, at);
}

static bool read_info(struct taking *t, uint64_t at, uint64_t arena, struct heap_info *ret)
{
	return ht_process_read(t->c->process, at, ret, sizeof(*ret)) && ret->arena == arena && ret->bytes % 4096 == 0;
}

/* The heap that a chunk lies in begins at a multiple of the largest size of a heap, which depends on the pages that malloc was told to use. */
static bool find_last_heap(struct taking *t, uint64_t arena, uint64_t top, uint64_t top_end, uint64_t *ret)
{
	static const uint64_t largest[] = { 64 * MIB, 8 * MIB, 4096 * MIB };
	struct heap_info info;

	for (size_t i = 0; i < sizeof(largest) / sizeof(*largest); i++) {
		*ret = top & ~(largest[i] - 1);
		if (read_info(t, *ret, arena, &info) && *ret + info.bytes == top_end)
			return true;
	}
	return false;
}

static void walk_heap(struct taking *t, const struct ht_stretch *h)
{
	uint64_t at;
	enum ht_heap_end end =
		h->from < h->end ? ht_chunks_walk(&t->c->chunks, &t->peek, h, &t->waiting, &at) : HT_HEAP_BROKEN;

	if (end != (h->top ? HT_HEAP_TOP : HT_HEAP_FENCE) && !is_late(t))
		miss(t, HT_CENSUS_BUSY, "a heap of arena %u is broken", h->arena);
}

static void walk_other(struct taking *t, size_t n)
{
	const struct ht_glibc_arena *a = &t->arena[n];
	uint64_t arena = t->at[n], end = end_of_top(t, a), at, first, header, bytes = 0;
	struct heap_info info;

	header = ht_process_read(t->c->process, arena - 0x30, &first, sizeof(first)) && first == arena ? 0x30 : 0x20;
	first = arena - header;
	if (!read_info(t, first, arena, &info) || !find_last_heap(t, arena, a->top, end, &at)) {
		miss(t, HT_CENSUS_BUSY, "the heaps of arena %zu were not found", n + 1);
		return;
	}
	for (unsigned heaps = 0; heaps < HEAPS_MOST && read_info(t, at, arena, &info); heaps++) {
		struct ht_stretch h = { .from = at + header, .end = at + info.bytes, .arena = (uint32_t)n + 1 };

		if (at == first)
			h.from = (arena + sizeof(*a) + 15) & ~15ull;
		if (!heaps)
			h.top = a->top;
		walk_heap(t, &h);
		bytes += info.bytes;
		if (at == first)
			break;
		at = info.previous;
	}
	if (at != first || bytes != a->system_bytes)
		miss(t, HT_CENSUS_BUSY, "the heaps of arena %zu do not add up to what malloc says", n + 1);
}

static void walk_all(struct taking *t)
{
	struct ht_census *c = t->c;

	for (size_t i = 0; i < t->arenas; i++) {
		if (ht_glibc_is_unused(&t->arena[i], t->at[i]))
			continue;
		c->arenas++;
		if (i)
			walk_other(t, i);
		else
			walk_main(t);
	}
	if (!ht_mmapped_find(&c->chunks, &t->pages, t->parameters.mapped_blocks, t->parameters.mapped_bytes) &&
	    !is_late(t))
		miss(t, HT_CENSUS_BUSY, "other large blocks were found than malloc says");
}

/* ---- the census -------------------------------------------------------------------------------------------- */

static void check(struct taking *t)
{
	const struct ht_waiting *w = &t->waiting;

	if (w->broken || t->c->chunks.waiting_seen != w->count)
		miss(t, HT_CENSUS_BUSY, "a list of freed blocks leads out of the heaps");
	if (t->c->arenas && !w->caches)
		miss(t, HT_CENSUS_PARTIAL, "the threads' caches of freed blocks were not found");
	if (t->c->chunks.no_memory)
		miss(t, HT_CENSUS_PARTIAL, "there was no memory for more of its blocks");
	t->c->own_blocks = w->own;
	t->c->waiting = w->count - w->own;
}

static int take(struct taking *t, const struct ht_census_thread *thread, size_t threads, struct ht_err *err)
{
	const char *work;
	int rc = ht_process_look(t->c->process, err);

	if (!rc)
		rc = read_arenas(t, err);
	if (!rc && !ht_glibc_parameters(&t->c->glibc, &t->parameters))
		miss(t, HT_CENSUS_PARTIAL, "malloc's parameters make no sense any more");
	if (rc || t->c->verdict != HT_CENSUS_WHOLE)
		return rc;
	if (t->c->others[0])
		miss(t, HT_CENSUS_PARTIAL, "%s", t->c->others);
	work = who_is_at_work(t, thread, threads);
	if (work)
		miss(t, HT_CENSUS_BUSY, "%s", work);
	rc = read_waiting(t, thread, threads, err);
	if (!rc) {
		walk_all(t);
		check(t);
	}
	return rc;
}

/* Whoever has the program's malloc has its blocks. */
static void look_for_others(struct ht_census *c)
{
	struct ht_allocator a[HT_ALLOCATORS_MOST];
	size_t n = ht_allocators_find(c->process, a);

	for (size_t i = 0; i < n; i++)
		if (a[i].kind != HT_ALLOCATOR_GLIBC && a[i].kind != HT_ALLOCATOR_HEAPTAP)
			snprintf(c->others, sizeof(c->others), "the heaps of %s (%s) cannot be read", a[i].module->path,
				 ht_allocators_name(a[i].kind));
}

int ht_census_find(struct ht_process *p, struct ht_census *ret, struct ht_err *err)
{
	struct ht_census c = { .process = p };
	int rc = ht_glibc_find(p, &c.glibc, err);

	if (!rc) {
		*ret = c;
		look_for_others(ret);
	}
	return rc;
}

bool ht_census_is_quiet(struct ht_census *c, const struct ht_census_thread *thread, size_t threads)
{
	struct taking t = { .c = c };
	struct ht_err err;
	bool quiet;

	c->verdict = HT_CENSUS_WHOLE;
	quiet = !read_arenas(&t, &err) && c->verdict == HT_CENSUS_WHOLE && !who_is_at_work(&t, thread, threads);
	free(t.arena);
	free(t.at);
	return quiet;
}

int ht_census_take(struct ht_census *c, const struct ht_census_thread *thread, size_t threads, uint64_t until_ns,
		   struct ht_err *err)
{
	struct taking t = { .c = c };
	int rc = ht_peek_init(&t.peek, c->process, until_ns, err);

	ht_chunks_fini(&c->chunks);
	c->verdict = HT_CENSUS_WHOLE;
	c->arenas = 0;
	if (!rc) {
		ht_pages_open(&t.pages, &t.peek);
		rc = take(&t, thread, threads, err);
		ht_pages_close(&t.pages);
	}
	ht_peek_fini(&t.peek);
	ht_waiting_fini(&t.waiting);
	free(t.arena);
	free(t.at);
	return rc;
}

void ht_census_fini(struct ht_census *c)
{
	ht_chunks_fini(&c->chunks);
}

/* ---- from process to process ------------------------------------------------------------------------------- */

static bool put(int fd, const void *at, size_t bytes)
{
	const char *from = at;
	ssize_t n = 1;

	for (; bytes && n > 0; from += n, bytes -= (size_t)n)
		n = write(fd, from, bytes);
	return !bytes;
}

/* NULL: it is not all there, or no memory. */
static void *get(int fd, off_t *at, size_t count, size_t each)
{
	char *ret = count <= SIZE_MAX / each ? malloc(count * each + 1) : NULL;
	ssize_t n = 1;

	for (size_t done = 0; ret && done < count * each && n > 0; done += (size_t)n)
		n = pread(fd, ret + done, count * each - done, *at + (off_t)done);
	if (n <= 0) {
		free(ret);
		return NULL;
	}
	*at += (off_t)(count * each);
	return ret;
}

int ht_census_store(const struct ht_census *c, int fd, struct ht_err *err)
{
	const struct ht_chunks *k = &c->chunks;

	if (put(fd, c, sizeof(*c)) && put(fd, k->word, k->words * sizeof(*k->word)) &&
	    put(fd, k->run, k->runs * sizeof(*k->run)) && put(fd, k->mapped, k->mappeds * sizeof(*k->mapped)))
		return 0;
	return ht_err_sys(err, "cannot keep the census of process %d", (int)c->process->pid);
}

int ht_census_load(struct ht_census *c, int fd, struct ht_err *err)
{
	off_t at = sizeof(*c);
	struct ht_chunks *k;
	struct ht_census *stored = malloc(sizeof(*stored));

	if (!stored || pread(fd, stored, sizeof(*stored), 0) != (ssize_t)sizeof(*stored)) {
		free(stored);
		return ht_err_set(err, HT_ESYSTEM, "the census of process %d was not kept", (int)c->process->pid);
	}
	stored->process = c->process;
	*c = *stored;
	free(stored);
	k = &c->chunks;
	k->word = get(fd, &at, k->words, sizeof(*k->word));
	k->run = k->word ? get(fd, &at, k->runs, sizeof(*k->run)) : NULL;
	k->mapped = k->run ? get(fd, &at, k->mappeds, sizeof(*k->mapped)) : NULL;
	if (k->mapped)
		return 0;
	ht_census_fini(c);
	return ht_err_set(err, HT_ESYSTEM, "no memory for the census of process %d", (int)c->process->pid);
}
