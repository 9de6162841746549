/* SPDX-License-Identifier: Apache-2.0 */
/* strings.c -- an open-addressed table of strings, linear from the hash
 *
 * strings.h says who uses it. At most half of the places are taken.
 */
#include "inspect/strings.h"

#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define FIRST_PLACES 1024u

struct ht_strings_place {
	uint64_t hash;
	const char *at; /* NULL: empty */
	size_t len;
};

void ht_strings_fini(struct ht_strings *s)
{
	ht_arena_fini(&s->arena);
	free(s->place);
	*s = (struct ht_strings){ 0 };
}

static struct ht_strings_place *find(struct ht_strings_place *place, size_t places, uint64_t hash, struct ht_str bytes)
{
	size_t i = hash & (places - 1);

	for (;; i = (i + 1) & (places - 1)) {
		struct ht_strings_place *p = &place[i];

		if (!p->at || (p->hash == hash && p->len == bytes.len && !memcmp(p->at, bytes.at, bytes.len)))
			return p;
	}
}

static bool grow(struct ht_strings *s)
{
	size_t places = s->places ? s->places * 2 : FIRST_PLACES;
	struct ht_strings_place *place = calloc(places, sizeof(*place));

	if (!place)
		return false;
	for (size_t i = 0; i < s->places; i++) {
		const struct ht_strings_place *old = &s->place[i];

		if (old->at)
			*find(place, places, old->hash, (struct ht_str){ old->at, old->len }) = *old;
	}
	free(s->place);
	s->place = place;
	s->places = places;
	return true;
}

const char *ht_strings_keep(struct ht_strings *s, struct ht_str bytes)
{
	uint64_t hash = XXH3_64bits(bytes.at, bytes.len);
	struct ht_strings_place *p;
	const char *copy;

	if (s->count * 2 >= s->places && !grow(s))
		return NULL;
	p = find(s->place, s->places, hash, bytes);
	if (p->at)
		return p->at;
	copy = ht_arena_keep_text(&s->arena, bytes);
	if (!copy)
		return NULL;
	*p = (struct ht_strings_place){ hash, copy, bytes.len };
	s->count++;
	return copy;
}
