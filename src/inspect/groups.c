/* SPDX-License-Identifier: Apache-2.0 */
/* groups.c -- gives every site the number of its group
 *
 *   site ──► what it is told apart by: two numbers, or a 128-bit hash of names ──► group, made on first sight
 */
#include "inspect/groups.h"

#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "inspect/index.h"

struct key {
	uint64_t a, b;
};

const char *ht_grouping_name(enum ht_grouping by)
{
	static const char *const names[HT_GROUPINGS] = {
		[HT_GROUP_STACK] = "stack",     [HT_GROUP_FUNCTION] = "function",
		[HT_GROUP_LIBRARY] = "library", [HT_GROUP_THREAD] = "thread",
		[HT_GROUP_SIZE] = "size",       [HT_GROUP_ALLOCATOR] = "allocator-function",
	};

	return names[by];
}

enum ht_split ht_grouping_split(enum ht_grouping by)
{
	return by == HT_GROUP_THREAD ? HT_SPLIT_THREAD : by == HT_GROUP_SIZE ? HT_SPLIT_SIZE : HT_SPLIT_NOT;
}

static void hash_string(XXH3_state_t *h, const char *s)
{
	XXH3_128bits_update(h, s ? s : "", s ? strlen(s) + 1 : 0);
	XXH3_128bits_update(h, "\1", 1);
}

/* A function without a name is told apart by where it was called from. */
static struct key key_of_frame(const struct ht_place_frame *f, enum ht_grouping by)
{
	uint64_t offset = by == HT_GROUP_FUNCTION && !f->function ? f->offset : 0;
	XXH128_hash_t hash;
	XXH3_state_t h;

	XXH3_128bits_reset(&h);
	hash_string(&h, by == HT_GROUP_FUNCTION ? f->function : NULL);
	hash_string(&h, f->module);
	XXH3_128bits_update(&h, &offset, sizeof(offset));
	hash = XXH3_128bits_digest(&h);
	return (struct key){ hash.high64, hash.low64 };
}

static uint32_t number_of(const struct ht_model *t, const struct ht_site *s, enum ht_grouping by)
{
	if (by == HT_GROUP_ALLOCATOR)
		return ht_model_function_number(t, s->context);
	return by == HT_GROUP_THREAD || by == HT_GROUP_SIZE ? s->part : 0;
}

static struct key key_of(const struct ht_places *p, uint32_t node, uint32_t number, enum ht_grouping by)
{
	bool is_named = by == HT_GROUP_FUNCTION || by == HT_GROUP_LIBRARY;

	if (is_named && !ht_place_is_root(node))
		return key_of_frame(&p->frames.at[p->nodes.at[node].frame], by);
	return (struct key){ 0, is_named || by == HT_GROUP_STACK ? node : number };
}

static int group_sites(const struct ht_model *t, const struct ht_sites *sites, const struct ht_places *places,
		       enum ht_grouping by, struct ht_groups *g)
{
	struct ht_index known = { 0 };
	size_t i;

	for (i = 0; i < sites->list.count; i++) {
		uint32_t node = places->site[i], number = number_of(t, &sites->list.at[i], by);
		struct key key = key_of(places, node, number, by);
		uint32_t *group = ht_index_at(&known, key.a, key.b);
		struct ht_group *new = group && !*group ? HT_LIST_ADD(&g->list) : NULL;

		if (!group || (!*group && !new))
			break;
		if (new) {
			*new = (struct ht_group){ node, number };
			*group = (uint32_t)g->list.count;
		}
		g->site[i] = *group - 1;
	}
	ht_index_fini(&known);
	return i == sites->list.count ? 0 : HT_ESYSTEM;
}

int ht_groups_make(const struct ht_model *t, const struct ht_sites *sites, const struct ht_places *places,
		   enum ht_grouping by, struct ht_groups *ret, struct ht_err *err)
{
	struct ht_groups g = { .site = calloc(sites->list.count + 1, sizeof(*g.site)) };

	if (!g.site || group_sites(t, sites, places, by, &g)) {
		ht_groups_fini(&g);
		return ht_err_set(err, HT_ESYSTEM, "out of memory for %zu places", sites->list.count);
	}
	*ret = g;
	return 0;
}

void ht_groups_fini(struct ht_groups *g)
{
	free(g->list.at);
	free(g->site);
	*g = (struct ht_groups){ 0 };
}
