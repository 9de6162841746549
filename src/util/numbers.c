/* SPDX-License-Identifier: Apache-2.0 */
/* numbers.c -- an open-addressed set, linear from the hash; nothing is ever taken out
 */
#include "util/numbers.h"

#include <stdlib.h>
#include <sys/random.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define FIRST_PLACES 256u

void ht_numbers_fini(struct ht_numbers *s)
{
	free(s->place);
	*s = (struct ht_numbers){ 0 };
}

/* Where the number is, or would go. */
static size_t place_of(const struct ht_numbers *s, uint64_t number)
{
	size_t i = XXH3_64bits_withSeed(&number, sizeof(number), s->seed) & (s->places - 1);

	while (s->place[i] && s->place[i] != number)
		i = (i + 1) & (s->places - 1);
	return i;
}

static bool grow(struct ht_numbers *s)
{
	struct ht_numbers bigger = *s;

	bigger.places = s->places ? s->places * 2 : FIRST_PLACES;
	if (!s->places && getrandom(&bigger.seed, sizeof(bigger.seed), GRND_NONBLOCK) < 0)
		bigger.seed = (uint64_t)(uintptr_t)
			s; /* early in the boot of a machine: layout randomization is what there is */
	bigger.place = calloc(bigger.places, sizeof(*bigger.place));
	if (!bigger.place)
		return false;
	for (size_t i = 0; i < s->places; i++)
		if (s->place[i])
			bigger.place[place_of(&bigger, s->place[i])] = s->place[i];
	free(s->place);
	*s = bigger;
	return true;
}

bool ht_numbers_has(const struct ht_numbers *s, uint64_t number)
{
	if (!number)
		return s->has_zero;
	return s->places && s->place[place_of(s, number)];
}

bool ht_numbers_put(struct ht_numbers *s, uint64_t number)
{
	size_t i;

	if (!number)
		return s->has_zero = true;
	if (s->count >= s->places / 2 && !grow(s))
		return false;
	i = place_of(s, number);
	s->count += !s->place[i];
	s->place[i] = number;
	return true;
}
