/* SPDX-License-Identifier: Apache-2.0 */
/* waiting.c -- finds the caches of the threads, and follows lists of freed blocks
 *
 * Called by: census.c.
 *
 * A thread's cache is pointed to by a word of libc's thread-local storage. Where that word is, no symbol tells; but it is the same distance below fs in
 * all threads, and what it points to is a chunk of 0x290 bytes in which every count agrees with its list. So every word below fs
 * of some threads is tried on all of them, and the place at which most caches are found is the one.
 *
 * All lists are followed at the same time, link by link, a thousand links with one system call.
 */
#include "attach/waiting.h"

#include <stdlib.h>

#define BELOW_MOST (64u << 10) /* how far below fs the cache's pointer is looked for */
#define TRIED_THREADS 4u
#define CHUNKS_MOST (16u << 20)
#define LISTS 64u
#define CACHE_CHUNK_BYTES 0x290u
#define HEADER 16u
#define FLAGS 7ull

struct cache {
	uint16_t count[LISTS];
	uint64_t entry[LISTS];
};

enum { PLAIN = 1, MANGLED = 2 };

#define BELOW_WORDS (BELOW_MOST / 8)
struct below {
	uint64_t word[BELOW_WORDS], place[BELOW_WORDS], distance[BELOW_WORDS];
	struct ht_piece head[BELOW_WORDS];
};

struct lists {
	struct ht_waiting *w;
	struct ht_peek *peek;
	uint64_t to_block; /* from what a link names: HEADER, where that is a chunk */
	uint64_t *at;      /* the blocks reached */
	struct ht_piece *piece;
	size_t count, cap;
};

void ht_waiting_fini(struct ht_waiting *w)
{
	free(w->chunk);
	w->chunk = NULL;
	w->count = w->cap = 0;
}

static int add(struct ht_waiting *w, uint64_t chunk, struct ht_err *err)
{
	if (w->count == w->cap) {
		size_t cap = w->cap ? w->cap * 2 : 1024;
		uint64_t *more = cap > CHUNKS_MOST ? NULL : reallocarray(w->chunk, cap, sizeof(*more));

		if (!more)
			return ht_err_set(err, HT_ESYSTEM, "no memory for %zu freed blocks", cap);
		w->chunk = more;
		w->cap = cap;
	}
	w->chunk[w->count++] = chunk;
	return 0;
}

/* ---- lists ------------------------------------------------------------------------------------------------- */

static bool leads_somewhere(const struct ht_process *p, uint64_t block)
{
	const struct ht_region *r = block & 15 ? NULL : ht_process_at(p, block);

	return !block || (r && r->writable);
}

static uint64_t read_link(int linking, uint64_t at, uint64_t raw)
{
	return linking == MANGLED ? raw ^ at >> 12 : raw;
}

/* Decides by the first links that are seen. */
static void learn_linking(struct lists *l)
{
	bool plain = true, mangled = true;

	for (size_t i = 0; i < l->count; i++) {
		uint64_t raw = l->piece[i].word[0];

		plain = plain && leads_somewhere(l->peek->process, raw);
		mangled = mangled && leads_somewhere(l->peek->process, read_link(MANGLED, l->at[i], raw));
	}
	l->w->linking = mangled ? MANGLED : PLAIN;
}

/* Adds every block of every list; the array of what was reached shrinks as lists end. */
static int follow(struct lists *l, struct ht_err *err)
{
	while (l->count) {
		size_t going_on = 0;

		if (!ht_peek_gather(l->peek, l->at, l->count, l->piece))
			return 0; /* late: the caller sees it */
		if (!l->w->linking)
			learn_linking(l);
		for (size_t i = 0; i < l->count; i++) {
			uint64_t next = read_link(l->w->linking, l->at[i], l->piece[i].word[0]);

			if (add(l->w, l->at[i] - HEADER, err))
				return HT_ESYSTEM;
			if (!leads_somewhere(l->peek->process, next))
				l->w->broken = true;
			else if (next)
				l->at[going_on++] = next + l->to_block;
		}
		l->count = going_on;
	}
	return 0;
}

static void lists_fini(struct lists *l)
{
	free(l->at);
	free(l->piece);
}

static bool make_room(struct lists *l)
{
	size_t cap = l->cap ? l->cap * 2 : 256;
	uint64_t *at = reallocarray(l->at, cap, sizeof(*at));
	struct ht_piece *piece;

	if (!at)
		return false;
	l->at = at;
	piece = reallocarray(l->piece, cap, sizeof(*piece));
	if (!piece)
		return false;
	l->piece = piece;
	l->cap = cap;
	return true;
}

static int begin_list(struct lists *l, uint64_t block, struct ht_err *err)
{
	if (!block)
		return 0;
	if (!leads_somewhere(l->peek->process, block)) {
		l->w->broken = true;
		return 0;
	}
	if (l->count == l->cap && !make_room(l))
		return ht_err_set(err, HT_ESYSTEM, "no memory for more than %zu lists of freed blocks", l->cap);
	l->at[l->count++] = block;
	return 0;
}

int ht_waiting_add_fastbins(struct ht_waiting *w, struct ht_peek *peek, const struct ht_glibc_arena *a,
			    struct ht_err *err)
{
	struct lists l = { .w = w, .peek = peek, .to_block = HEADER };
	int rc = 0;

	for (size_t i = 0; !rc && i < HT_GLIBC_FASTBINS; i++)
		rc = begin_list(&l, a->fastbin[i] ? a->fastbin[i] + HEADER : 0, err);
	if (!rc)
		rc = follow(&l, err);
	lists_fini(&l);
	return rc;
}

/* ---- caches ------------------------------------------------------------------------------------------------ */

/* Whether a cache lies there; how many blocks it holds. */
static bool read_cache(struct ht_peek *peek, uint64_t at, struct cache *ret, uint64_t *held)
{
	const struct ht_process *p = peek->process;
	const struct ht_region *r = at & 15 ? NULL : ht_process_at(p, at);
	uint64_t place[LISTS], size;
	struct ht_piece head[LISTS];
	size_t lists = 0;

	if (!at || !r || !r->writable || !ht_process_read(p, at - 8, &size, sizeof(size)) ||
	    (size & ~FLAGS) != CACHE_CHUNK_BYTES || !ht_process_read(p, at, ret, sizeof(*ret)))
		return false;
	*held = 0;
	for (size_t i = 0; i < LISTS; i++) {
		if (!ret->count[i] != !ret->entry[i] || !leads_somewhere(p, ret->entry[i]))
			return false;
		*held += ret->count[i];
		if (ret->entry[i])
			place[lists++] = ret->entry[i] - HEADER;
	}
	if (!ht_peek_gather(peek, place, lists, head))
		return false;
	for (size_t i = 0, n = 0; i < LISTS; i++)
		if (ret->entry[i] && (head[n++].word[1] & ~FLAGS) != 32 + 16 * i)
			return false;
	return true;
}

/* How well the caches are found at a distance below fs: 0: there is a thread in which it cannot be. */
static uint64_t judge(struct ht_peek *peek, const uint64_t *fs, size_t threads, uint64_t below)
{
	uint64_t score = 0, pointer, held;
	struct cache c;

	for (size_t i = 0; i < threads; i++) {
		if (!ht_process_read(peek->process, fs[i] - below, &pointer, sizeof(pointer)) || !pointer)
			continue;
		if (!read_cache(peek, pointer, &c, &held))
			return 0;
		score += 1 + held;
	}
	return score;
}

/* Of the words below fs those that point to a chunk as large as a cache's: their numbers, counted from fs. */
static size_t find_candidates(struct ht_peek *peek, uint64_t fs, struct below *b)
{
	const struct ht_region *r = ht_process_at(peek->process, fs - 8);
	size_t words = r && fs - r->start < BELOW_MOST ? (fs - r->start) / 8 : BELOW_WORDS, n = 0, found = 0;

	if (!r || !ht_process_read(peek->process, fs - 8 * words, b->word, 8 * words))
		return 0;
	for (size_t i = 1; i <= words; i++) {
		uint64_t at = b->word[words - i];

		if (!at || at & 15 || !leads_somewhere(peek->process, at))
			continue;
		b->distance[n] = 8 * i;
		b->place[n++] = at - HEADER;
	}
	if (!ht_peek_gather(peek, b->place, n, b->head))
		return 0;
	for (size_t i = 0; i < n; i++)
		if ((b->head[i].word[1] & ~FLAGS) == CACHE_CHUNK_BYTES)
			b->distance[found++] = b->distance[i];
	return found;
}

/* The distance below fs at which the pointer to a thread's cache lies; 0: not found. */
static uint64_t find_distance(struct ht_peek *peek, const uint64_t *fs, size_t threads)
{
	struct below *b = malloc(sizeof(*b));
	uint64_t best = 0, best_score = 0;

	for (size_t i = 0; b && i < threads && i < TRIED_THREADS; i++) {
		size_t found = find_candidates(peek, fs[i], b);

		for (size_t n = 0; n < found; n++) {
			uint64_t score = judge(peek, fs, threads, b->distance[n]);

			if (score > best_score) {
				best_score = score;
				best = b->distance[n];
			}
		}
	}
	free(b);
	return best;
}

static bool is_known(const uint64_t *cache, size_t caches, uint64_t at)
{
	for (size_t i = 0; i < caches; i++)
		if (cache[i] == at)
			return true;
	return false;
}

/* `cache` has room for one of each thread. */
static int begin_caches(struct lists *l, const uint64_t *fs, size_t threads, uint64_t *cache, struct ht_err *err)
{
	uint64_t below = find_distance(l->peek, fs, threads), held;
	struct cache c;
	int rc = 0;

	for (size_t i = 0; !rc && below && i < threads; i++) {
		uint64_t at;

		if (!ht_process_read(l->peek->process, fs[i] - below, &at, sizeof(at)) ||
		    is_known(cache, l->w->caches, at) || !read_cache(l->peek, at, &c, &held))
			continue;
		cache[l->w->caches++] = at;
		l->w->own++;
		rc = add(l->w, at - HEADER, err);
		for (size_t n = 0; !rc && n < LISTS; n++)
			rc = begin_list(l, c.entry[n], err);
	}
	return rc;
}

int ht_waiting_add_caches(struct ht_waiting *w, struct ht_peek *peek, const uint64_t *fs, size_t threads,
			  struct ht_err *err)
{
	uint64_t *cache = calloc(threads + 1, sizeof(*cache));
	struct lists l = { .w = w, .peek = peek };
	int rc = cache ? begin_caches(&l, fs, threads, cache, err) : ht_err_set(err, HT_ESYSTEM, "out of memory");

	free(cache);
	if (!rc)
		rc = follow(&l, err);
	lists_fini(&l);
	return rc;
}

/* ---- the set ----------------------------------------------------------------------------------------------- */

static int by_address(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

void ht_waiting_sort(struct ht_waiting *w)
{
	size_t kept = 0;

	if (w->count)
		qsort(w->chunk, w->count, sizeof(*w->chunk), by_address);
	for (size_t i = 0; i < w->count; i++)
		if (!kept || w->chunk[i] != w->chunk[kept - 1])
			w->chunk[kept++] = w->chunk[i];
		else
			w->broken = true; /* in two lists, or in a circle */
	w->count = kept;
}

size_t ht_waiting_from(const struct ht_waiting *w, uint64_t at)
{
	size_t low = 0, high = w->count;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (w->chunk[mid] < at)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}
