/* SPDX-License-Identifier: Apache-2.0 */
/* mapped.c -- sorts the records of modules by address, and asks all that cover one
 *
 * mapped.h says which of them decides. A search looks back as long as some earlier record reaches far enough, and gives
 * up after LOOK_BACK of them.
 */
#include "inspect/mapped.h"

#include <stdlib.h>
#include <string.h>

#define LOOK_BACK 65536

struct ht_mapped_at {
	const struct ht_meta_module *module;
	size_t order;
	uint64_t reach; /* the highest end of the image's records up to here */
};

static int compare(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int by_address(const void *a, const void *b)
{
	const struct ht_mapped_at *x = a, *y = b;

	if (x->module->image != y->module->image)
		return compare(x->module->image, y->module->image);
	if (x->module->start != y->module->start)
		return compare(x->module->start, y->module->start);
	return compare(x->order, y->order);
}

bool ht_mapped_init(struct ht_mapped *m, const struct ht_model *model)
{
	*m = (struct ht_mapped){ 0 };
	for (size_t i = 0; i < model->modules.count; i++) {
		struct ht_mapped_at *new = HT_LIST_ADD(&m->records);

		if (!new) {
			ht_mapped_fini(m);
			return false;
		}
		*new = (struct ht_mapped_at){ &model->modules.at[i], i, 0 };
	}
	if (m->records.count)
		qsort(m->records.at, m->records.count, sizeof(*m->records.at), by_address);
	for (size_t i = 0; i < m->records.count; i++) {
		struct ht_mapped_at *at = &m->records.at[i], *last = i ? at - 1 : NULL;

		at->reach = at->module->end;
		if (last && last->module->image == at->module->image && last->reach > at->reach)
			at->reach = last->reach;
	}
	return true;
}

void ht_mapped_fini(struct ht_mapped *m)
{
	free(m->records.at);
	*m = (struct ht_mapped){ 0 };
}

static bool is_same_str(struct ht_str a, struct ht_str b)
{
	return a.len == b.len && (!a.len || !memcmp(a.at, b.at, a.len));
}

/* The same code at the same place. */
static bool is_same(const struct ht_meta_module *a, const struct ht_meta_module *b)
{
	return a->offset - a->start == b->offset - b->start && is_same_str(a->path, b->path) &&
	       is_same_str(a->build_id, b->build_id);
}

/* The number of records of the image that start at or below the address, from the beginning of the list. */
static size_t find_last(const struct ht_mapped *m, uint64_t image, uint64_t pc)
{
	size_t low = 0, high = m->records.count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct ht_meta_module *at = m->records.at[mid].module;

		if (at->image < image || (at->image == image && at->start <= pc))
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Goes through the records of the image that cover the address: i is the number of records before those looked at. */
static const struct ht_mapped_at *next_covering(const struct ht_mapped *m, uint64_t image, uint64_t pc, size_t *i)
{
	while (*i) {
		const struct ht_mapped_at *at = &m->records.at[--*i];

		if (at->module->image != image || at->reach <= pc)
			return NULL;
		if (pc < at->module->end)
			return at;
	}
	return NULL;
}

const struct ht_meta_module *ht_mapped_find(const struct ht_mapped *m, uint64_t image, uint64_t generation, uint64_t pc)
{
	size_t from = find_last(m, image, pc), i = from, looks = 0;
	const struct ht_mapped_at *at, *last = NULL;
	const struct ht_meta_module *any = NULL;
	bool several = false;

	while ((at = next_covering(m, image, pc, &i)) && looks++ < LOOK_BACK) {
		if (at->module->change == HT_MODULE_MAPPED) {
			several |= any && !is_same(any, at->module);
			any = at->module;
		}
		if (at->module->generation <= generation &&
		    (!last || at->module->generation > last->module->generation ||
		     (at->module->generation == last->module->generation && at->order > last->order)))
			last = at;
	}
	if (at)
		return NULL;
	if (!several)
		return any;
	if (!last || last->module->change != HT_MODULE_MAPPED)
		return NULL;
	for (i = from; (at = next_covering(m, image, pc, &i));)
		if (at->module->change == HT_MODULE_MAPPED && at->module->generation == last->module->generation &&
		    !is_same(at->module, last->module))
			return NULL;
	return last->module;
}

bool ht_mapped_covers(const struct ht_mapped *m, uint64_t image, uint64_t pc)
{
	size_t i = find_last(m, image, pc);

	return next_covering(m, image, pc, &i) != NULL;
}
