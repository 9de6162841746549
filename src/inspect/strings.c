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

static struct ht_strings_place *find(const struct ht_strings *s, uint64_t hash, struct ht_str bytes)
{
	size_t i = hash & (s->places - 1);

	for (;; i = (i + 1) & (s->places - 1)) {
		struct ht_strings_place *p = &s->place[i];

		if (!p->at || (p->hash == hash && p->len == bytes.len && !memcmp(p->at, bytes.at, bytes.len)))
			return p;
	}
}

static bool grow(struct ht_strings *s)
{
	struct ht_strings bigger = *s;

	bigger.places = s->places ? s->places * 2 : FIRST_PLACES;
	bigger.place = calloc(bigger.places, sizeof(*bigger.place));
	if (!bigger.place)
		return false;
	for (size_t i = 0; i < s->places; i++)
		if (s->place[i].at)
			*find(&bigger, s->place[i].hash, (struct ht_str){ s->place[i].at, s->place[i].len }) =
				s->place[i];
	free(s->place);
	*s = bigger;
	return true;
}

const char *ht_strings_keep(struct ht_strings *s, struct ht_str bytes)
{
	uint64_t hash = XXH3_64bits(bytes.at, bytes.len);
	struct ht_strings_place *p;
	const char *copy;

	if (s->count * 2 >= s->places && !grow(s))
		return NULL;
	p = find(s, hash, bytes);
	if (p->at)
		return p->at;
	copy = ht_arena_keep_text(&s->arena, bytes);
	if (!copy)
		return NULL;
	*p = (struct ht_strings_place){ hash, copy, bytes.len };
	s->count++;
	return copy;
}
