/* SPDX-License-Identifier: Apache-2.0 */
/* misuse.c -- finds wrong releases in two replays, and groups them by the places they came from
 *
 *   first    release of what is not live ----> wrong addresses          release by the wrong family ----> list
 *   second   wrong addresses of each image, sorted: each has a past
 *              [ born, released | around it: a live block | a release whose verdict waits a microsecond ]
 *
 * A row of `list` is found again by its kind and the three contexts in it, through a table of places.
 */
#include "inspect/misuse.h"

#include <stdlib.h>

#include "inspect/index.h"
#include "inspect/spaces.h"

#define INVERTED_NS 1000
#define FIRST_SLOTS 64

/* What the second replay knows of a wrong address. In another image the address means nothing. */
struct past {
	uint64_t image, address;
	struct ht_moment born, released; /* the last block that began here, and its end */
	uint64_t size;
	bool is_inside; /* of the block `around` */
	struct ht_live_block around;
	bool waits; /* for its verdict */
	struct ht_misuse verdict;
};

struct hunt {
	struct ht_model *model;
	struct ht_misuses *found;
	struct ht_index wrong; /* of (image, address): 1 for each that is */
	struct past *past;
	size_t pasts;
	size_t *slot; /* hash table: 1 + place in found->list; 0: empty */
	size_t slots;
};

static int no_memory(struct ht_err *err)
{
	return ht_err_set(err, HT_ESYSTEM, "out of memory for the errors of the program");
}

/* ---- the list of errors ------------------------------------------------------------------------------------ */

static int by_time(const void *a, const void *b)
{
	const struct ht_misuse *x = a, *y = b;

	if (x->here.ticks != y->here.ticks)
		return x->here.ticks < y->here.ticks ? -1 : 1;
	return (x->address > y->address) - (x->address < y->address);
}

static uint64_t hash_of(const struct ht_misuse *m)
{
	uint64_t h = (uint64_t)m->kind;

	h = (h ^ m->here.context) * 0x9e3779b97f4a7c15u;
	h = (h ^ h >> 29 ^ (m->born.known ? m->born.context : UINT32_MAX)) * 0x9e3779b97f4a7c15u;
	h = (h ^ h >> 29 ^ (m->before.known ? m->before.context : UINT32_MAX)) * 0x9e3779b97f4a7c15u;
	return h ^ h >> 32;
}

static bool same_place(const struct ht_moment *a, const struct ht_moment *b)
{
	return a->known == b->known && (!a->known || a->context == b->context);
}

/* The slot of an equal error, or the empty one where this one would go. */
static size_t *slot_of(const struct hunt *h, const struct ht_misuse *m)
{
	for (size_t i = hash_of(m);; i++) {
		size_t *slot = &h->slot[i & (h->slots - 1)];
		const struct ht_misuse *there = *slot ? &h->found->list.at[*slot - 1] : NULL;

		if (!there || (there->kind == m->kind && same_place(&there->here, &m->here) &&
			       same_place(&there->born, &m->born) && same_place(&there->before, &m->before)))
			return slot;
	}
}

static bool make_slots(struct hunt *h)
{
	size_t slots = h->slots ? h->slots * 2 : FIRST_SLOTS;
	size_t *slot = calloc(slots, sizeof(*slot));

	if (!slot)
		return false;
	free(h->slot);
	h->slot = slot;
	h->slots = slots;
	for (size_t i = 0; i < h->found->list.count; i++)
		*slot_of(h, &h->found->list.at[i]) = i + 1;
	return true;
}

static int add(struct hunt *h, const struct ht_misuse *m, struct ht_err *err)
{
	struct ht_misuse *new;
	size_t *slot;

	if (h->found->list.count >= h->slots / 2 && !make_slots(h))
		return no_memory(err);
	h->found->errors++;
	slot = slot_of(h, m);
	if (*slot) {
		struct ht_misuse *there = &h->found->list.at[*slot - 1];
		uint64_t count = there->count + 1;

		if (by_time(m, there) < 0) /* verdicts come late; the first error is shown */
			*there = *m;
		there->count = count;
		return 0;
	}
	new = HT_LIST_ADD(&h->found->list);
	if (!new)
		return no_memory(err);
	*new = *m;
	new->count = 1;
	*slot = h->found->list.count;
	return 0;
}

/* ---- the first replay -------------------------------------------------------------------------------------- */

enum family { FAMILY_UNKNOWN, FAMILY_C, FAMILY_NEW, FAMILY_NEW_ARRAY, FAMILY_ALIGNED, FAMILY_ALIGNED_ARRAY };

/* By function number, docs/trace-format.md, section 6.3. */
static const uint8_t family_of[HT_FUNCTION_COUNT] = {
	[1 ... 12] = FAMILY_C,       [13] = FAMILY_NEW,     [14] = FAMILY_NEW_ARRAY,     [15] = FAMILY_NEW,
	[16] = FAMILY_NEW_ARRAY,     [17] = FAMILY_ALIGNED, [18] = FAMILY_ALIGNED_ARRAY, [19] = FAMILY_ALIGNED,
	[20] = FAMILY_ALIGNED_ARRAY, [21] = FAMILY_NEW,     [22] = FAMILY_NEW_ARRAY,     [23] = FAMILY_NEW,
	[24] = FAMILY_NEW_ARRAY,     [25] = FAMILY_NEW,     [26] = FAMILY_NEW_ARRAY,     [27] = FAMILY_ALIGNED,
	[28] = FAMILY_ALIGNED_ARRAY, [29] = FAMILY_ALIGNED, [30] = FAMILY_ALIGNED_ARRAY, [31] = FAMILY_ALIGNED,
	[32] = FAMILY_ALIGNED_ARRAY,
};

static bool mismatched(const struct ht_model *t, uint32_t born, uint32_t released)
{
	uint8_t a = family_of[ht_model_function_number(t, born)];
	uint8_t b = family_of[ht_model_function_number(t, released)];

	return a && b && a != b;
}

/* A realloc's old block goes when it begins. */
static bool releases(const struct ht_event *e)
{
	return e->kind == HT_EVENT_FREE || (e->kind == HT_EVENT_REALLOC && e->has_old);
}

static uint64_t released_address(const struct ht_event *e)
{
	return e->kind == HT_EVENT_FREE ? e->address : e->old_address;
}

static struct ht_moment release_of(const struct ht_event *e)
{
	struct ht_moment m = ht_moment_of_event(e);

	if (e->kind == HT_EVENT_REALLOC)
		m.ticks = e->begin_ticks;
	return m;
}

static int find_wrong(void *state, const struct ht_event *e, struct ht_err *err)
{
	struct hunt *h = state;
	struct ht_misuse m;

	if (!releases(e))
		return 0;
	m = (struct ht_misuse){ .kind = HT_MISUSE_MISMATCH, .address = released_address(e), .here = release_of(e) };
	if (m.here.ticks >= h->model->unknown_from_ticks) {
		h->found->unjudged++;
		return 0;
	}
	h->found->judged++;
	if (!e->block) {
		uint32_t *wrong = ht_index_at(&h->wrong, e->stream->image, m.address);

		if (wrong)
			*wrong = 1;
		return wrong ? 0 : no_memory(err);
	}
	if (!mismatched(h->model, e->block->context, e->context))
		return 0;
	m.born = ht_moment_of_birth(h->model, e->block);
	m.block_address = m.address;
	m.block_size = e->block->size;
	return add(h, &m, err);
}

/* ---- the second replay ------------------------------------------------------------------------------------- */

/* The first of the image's wrong addresses that is not below. */
static size_t first_from(const struct hunt *h, uint64_t image, uint64_t address)
{
	size_t from = 0, to = h->pasts;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (h->past[middle].image != image ? h->past[middle].image < image : h->past[middle].address < address)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

/* Of one that is wrong somewhere. */
static struct past *past_of(const struct hunt *h, uint64_t image, uint64_t address)
{
	return &h->past[first_from(h, image, address)];
}

static int give_verdict(struct hunt *h, struct past *p, struct ht_err *err)
{
	p->waits = false;
	return add(h, &p->verdict, err);
}

/* A release stamped too early by another thread: the block it belongs to has just been handed out. */
static bool inverted(const struct hunt *h, const struct past *p, const struct ht_event *e)
{
	__int128 gap = ht_clock_ns(&h->model->clock, e->ticks) - ht_clock_ns(&h->model->clock, p->verdict.here.ticks);

	return p->verdict.here.stream != e->stream && gap <= INVERTED_NS;
}

static int handed_out(struct hunt *h, const struct ht_event *e, struct ht_err *err)
{
	uint64_t end = e->address + e->size < e->address ? UINT64_MAX : e->address + e->size;
	int rc = 0;

	for (size_t i = first_from(h, e->stream->image, e->address); !rc && i < h->pasts; i++) {
		struct past *p = &h->past[i];

		if (p->image != e->stream->image)
			break;
		if (p->address == e->address) {
			if (p->waits && inverted(h, p, e)) {
				p->waits = false;
				h->found->inverted++;
			} else if (p->waits) {
				rc = give_verdict(h, p, err);
			}
			p->born = ht_moment_of_event(e);
			p->size = e->size;
			p->released.known = false;
			p->is_inside = false;
		} else if (p->address < end) {
			p->is_inside = true;
			p->around = (struct ht_live_block){
				.address = e->address,
				.size = e->size,
				.born_ticks = e->ticks,
				.context = e->context,
				.stream = (uint32_t)(e->stream - h->model->streams.at),
			};
		} else {
			break;
		}
	}
	return rc;
}

static void went(struct hunt *h, const struct ht_live_block *b, const struct ht_moment *by)
{
	uint64_t end = b->address + b->size < b->address ? UINT64_MAX : b->address + b->size, image = by->stream->image;
	bool inherited = h->model->streams.at[b->stream].image != image;

	for (size_t i = first_from(h, image, b->address); i < h->pasts && h->past[i].image == image; i++) {
		struct past *p = &h->past[i];

		if (p->address == b->address && inherited) {
			p->born = ht_moment_of_birth(h->model, b);
			p->size = b->size;
			p->released = *by;
		} else if (p->address == b->address && p->born.known && p->born.ticks == b->born_ticks) {
			p->released = *by; /* and it was not handed out again while a realloc was on its way */
		} else if (p->address >= end) {
			break;
		} else if (p->is_inside && p->around.address == b->address) {
			p->is_inside = false;
		}
	}
}

static int went_wrong(struct hunt *h, const struct ht_event *e, struct ht_err *err)
{
	struct past *p = past_of(h, e->stream->image, released_address(e));
	struct ht_misuse *m = &p->verdict;
	int rc = p->waits ? give_verdict(h, p, err) : 0;

	*m = (struct ht_misuse){ .kind = HT_MISUSE_UNKNOWN, .address = p->address, .here = release_of(e) };
	if (p->is_inside) {
		m->kind = HT_MISUSE_INSIDE;
		m->born = ht_moment_of_birth(h->model, &p->around);
		m->block_address = p->around.address;
		m->block_size = p->around.size;
	} else if (p->released.known) {
		m->kind = HT_MISUSE_DOUBLE;
		m->born = p->born;
		m->before = p->released;
		m->block_address = p->address;
		m->block_size = p->size;
	}
	if (m->kind == HT_MISUSE_UNKNOWN && ht_spaces_before(h->model, p->image)) {
		h->found->judged--;
		h->found->unjudged++;
		return rc;
	}
	p->waits = true;
	return rc;
}

static int watch(void *state, const struct ht_event *e, struct ht_err *err)
{
	struct hunt *h = state;
	int rc = 0;

	if (releases(e)) {
		struct ht_moment here = release_of(e);

		if (e->block && !e->failed)
			went(h, e->block, &here);
		else if (!e->block && here.ticks < h->model->unknown_from_ticks)
			rc = went_wrong(h, e, err);
	}
	if (!rc && e->has_address && e->kind != HT_EVENT_FREE)
		rc = handed_out(h, e, err);
	return rc;
}

static int by_address(const void *a, const void *b)
{
	const struct past *x = a, *y = b;

	if (x->image != y->image)
		return x->image < y->image ? -1 : 1;
	return (x->address > y->address) - (x->address < y->address);
}

static int look_again(struct hunt *h, struct ht_err *err)
{
	struct ht_observer observer = { watch, h, NULL };
	struct ht_history history;
	int rc;

	h->past = calloc(h->wrong.count, sizeof(*h->past));
	if (!h->past)
		return no_memory(err);
	for (size_t i = 0; i < h->wrong.places; i++)
		if (h->wrong.place[i].value)
			h->past[h->pasts++] =
				(struct past){ .image = h->wrong.place[i].a, .address = h->wrong.place[i].b };
	qsort(h->past, h->pasts, sizeof(*h->past), by_address);
	rc = ht_replay_run(h->model, &observer, 1, &history, err);
	for (size_t i = 0; !rc && i < h->pasts; i++)
		if (h->past[i].waits)
			rc = give_verdict(h, &h->past[i], err);
	return rc;
}

int ht_misuse_find(struct ht_model *t, struct ht_misuses *ret, struct ht_err *err)
{
	struct ht_misuses found = { 0 };
	struct hunt h = { .model = t, .found = &found };
	struct ht_observer observer = { find_wrong, &h, NULL };
	struct ht_history history;
	int rc = ht_replay_run(t, &observer, 1, &history, err);

	if (!rc && h.wrong.count)
		rc = look_again(&h, err);
	ht_index_fini(&h.wrong);
	free(h.past);
	free(h.slot);
	if (rc) {
		ht_misuse_fini(&found);
		return rc;
	}
	if (found.list.count)
		qsort(found.list.at, found.list.count, sizeof(*found.list.at), by_time);
	*ret = found;
	return 0;
}

void ht_misuse_fini(struct ht_misuses *m)
{
	free(m->list.at);
	*m = (struct ht_misuses){ 0 };
}
