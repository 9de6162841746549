/* SPDX-License-Identifier: Apache-2.0 */
/* index.c -- open addressing, linear from the hash, doubled when half full
 *
 * index.h has the rules. The keys come from files nobody should trust, so the hash has a random part: no file can be made
 * to fill one run of places.
 */
#include "inspect/index.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/random.h>

#define FIRST_PLACES 256

static _Atomic uint64_t seed; /* drawn once, by whichever thread needs it first */

static void draw_seed(const struct ht_index *x)
{
	uint64_t none = 0, drawn;

	if (seed)
		return;
	if (getrandom(&drawn, sizeof(drawn), GRND_NONBLOCK) != sizeof(drawn) || !drawn)
		drawn = (uintptr_t)x;
	atomic_compare_exchange_strong(&seed, &none, drawn);
}

static size_t home_of(const struct ht_index *x, uint64_t a, uint64_t b)
{
	unsigned __int128 h = (unsigned __int128)(a ^ seed) * (0x9e3779b97f4a7c15u ^ b);

	return (size_t)((uint64_t)h ^ (uint64_t)(h >> 64)) & (x->places - 1);
}

static struct ht_index_place *find(const struct ht_index *x, uint64_t a, uint64_t b)
{
	size_t at = home_of(x, a, b);

	while (x->place[at].value && (x->place[at].a != a || x->place[at].b != b))
		at = (at + 1) & (x->places - 1);
	return &x->place[at];
}

static int grow(struct ht_index *x)
{
	struct ht_index bigger = { .places = x->places ? x->places * 2 : FIRST_PLACES, .count = x->count };

	draw_seed(x);
	bigger.place = calloc(bigger.places, sizeof(*bigger.place));
	if (!bigger.place)
		return -1;
	for (size_t i = 0; i < x->places; i++)
		if (x->place[i].value)
			*find(&bigger, x->place[i].a, x->place[i].b) = x->place[i];
	free(x->place);
	*x = bigger;
	return 0;
}

void ht_index_fini(struct ht_index *x)
{
	free(x->place);
	*x = (struct ht_index){ 0 };
}

uint32_t *ht_index_at(struct ht_index *x, uint64_t a, uint64_t b)
{
	struct ht_index_place *p;

	if (x->count >= x->places / 2 && grow(x))
		return NULL;
	p = find(x, a, b);
	if (!p->value) {
		p->a = a;
		p->b = b;
		x->count++;
	}
	return &p->value;
}

uint32_t ht_index_take(struct ht_index *x, uint64_t a, uint64_t b)
{
	size_t mask = x->places - 1, gap;
	struct ht_index_place *p;
	uint32_t value;

	if (!x->places)
		return 0;
	p = find(x, a, b);
	value = p->value;
	if (!value)
		return 0;
	gap = (size_t)(p - x->place);
	for (size_t i = (gap + 1) & mask; x->place[i].value; i = (i + 1) & mask) {
		size_t from_home = (i - home_of(x, x->place[i].a, x->place[i].b)) & mask;

		if (from_home < ((i - gap) & mask))
			continue;
		x->place[gap] = x->place[i];
		gap = i;
	}
	x->place[gap] = (struct ht_index_place){ 0 };
	x->count--;
	return value;
}
