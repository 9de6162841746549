/* SPDX-License-Identifier: Apache-2.0 */
/* arena.c -- strings that are freed all at once, arrays that double
 *
 * arena.h says how they are used. Out of memory is an answer here, never an exit.
 */
#include "inspect/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES (64u << 10)

struct ht_arena_chunk {
	struct ht_arena_chunk *next;
	size_t used, cap;
	char bytes[];
};

void ht_arena_fini(struct ht_arena *a)
{
	while (a->chunk) {
		struct ht_arena_chunk *next = a->chunk->next;

		free(a->chunk);
		a->chunk = next;
	}
}

static bool add_chunk(struct ht_arena *a, size_t bytes)
{
	size_t cap = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
	struct ht_arena_chunk *c = malloc(sizeof(*c) + cap);

	if (!c)
		return false;
	*c = (struct ht_arena_chunk){ .next = a->chunk, .cap = cap };
	a->chunk = c;
	return true;
}

static char *take(struct ht_arena *a, size_t bytes)
{
	char *at;

	if ((!a->chunk || a->chunk->cap - a->chunk->used < bytes) && !add_chunk(a, bytes))
		return NULL;
	at = a->chunk->bytes + a->chunk->used;
	a->chunk->used += bytes;
	return at;
}

bool ht_arena_keep(struct ht_arena *a, struct ht_str *s)
{
	char *to;

	if (!s->len) {
		s->at = "";
		return true;
	}
	to = take(a, s->len);
	if (!to)
		return false;
	memcpy(to, s->at, s->len);
	s->at = to;
	return true;
}

const char *ht_arena_keep_text(struct ht_arena *a, struct ht_str s)
{
	char *to = take(a, s.len + 1);

	if (!to)
		return NULL;
	if (s.len) /* nothing may be at no address */
		memcpy(to, s.at, s.len);
	to[s.len] = 0;
	return to;
}

bool ht_arena_grow(void *array, size_t count, size_t *cap, size_t item_bytes)
{
	uint8_t *at;

	memcpy(&at, array, sizeof(at));
	if (count == *cap) {
		size_t more = *cap ? *cap * 2 : 16;
		uint8_t *moved = reallocarray(at, more, item_bytes);

		if (!moved)
			return false;
		at = moved;
		memcpy(array, &at, sizeof(at));
		*cap = more;
	}
	memset(at + count * item_bytes, 0, item_bytes);
	return true;
}
