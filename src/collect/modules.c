/* SPDX-License-Identifier: Apache-2.0 */
/* modules.c -- brings the channel's table of modules into the trace
 *
 * Called by: contexts.c, mappings.c, recording.c.
 *
 *   module_changes moved ──► each place: LIVE, not told ──► MODULE record: mapped
 *                                        GONE           ──► MODULE record: unmapped (and mapped, if it went too soon) ──► FREE
 *
 * Always true: C3: an entry is copied, then checked, then used; an entry that changes hands while it is copied is looked at again when
 * module_changes moves. What a target writes there that cannot be a module is not told.
 */
#include "collect/modules.h"

#include <stdlib.h>
#include <string.h>

#define AHEAD 2048u /* 512 KiB: what a few hundred programs enter that start between two rounds */

struct ht_told_module {
	uint32_t image, generation; /* image 0: none */
	uint64_t start, end;
};

int ht_modules_init(struct ht_modules *m, struct ht_session *s, struct ht_trace *t, struct ht_err *err)
{
	*m = (struct ht_modules){ .session = s, .trace = t };
	m->told = calloc(s->module_count, sizeof(*m->told));
	if (!m->told)
		return ht_err_set(err, HT_ESYSTEM, "out of memory");
	ht_modules_refill(m);
	return 0;
}

void ht_modules_fini(struct ht_modules *m)
{
	free(m->told);
	*m = (struct ht_modules){ 0 };
}

static void put(struct ht_modules *m, const struct ht_module *copy, uint64_t change)
{
	ht_trace_put_module(m->trace,
			    &(struct ht_meta_module){
				    .change = change,
				    .ticks = change == 1 ? copy->loaded_ticks : copy->unloaded_ticks,
				    .generation = change == 1 ? copy->generation : copy->key,
				    .image = copy->image,
				    .start = copy->start,
				    .end = copy->end,
				    .offset = copy->offset,
				    .path = { copy->path, strlen(copy->path) },
				    .build_id = { (const char *)copy->build_id, change == 1 ? copy->build_id_len : 0 },
			    });
}

static bool is_possible(struct ht_module *copy)
{
	copy->path[sizeof(copy->path) - 1] = 0;
	return copy->image && copy->generation && copy->generation <= HT_GENERATION_MAX && copy->start < copy->end &&
	       !(copy->end >> 63) && copy->build_id_len <= sizeof(copy->build_id);
}

static void look_at(struct ht_modules *m, uint32_t n)
{
	struct ht_module *place = &m->session->modules[n], copy;
	struct ht_told_module *told = &m->told[n];
	/* acquire: pairs with the releases in agent/modules.c */
	uint32_t word = atomic_load_explicit(&place->state, memory_order_acquire);
	enum ht_module_state state = (enum ht_module_state)HT_SLOT_STATE(word);

	if ((state != HT_MODULE_LIVE || told->image) && state != HT_MODULE_GONE)
		return;
	memcpy(&copy, place, sizeof(copy));
	atomic_thread_fence(memory_order_acquire); /* the copy before the second look */
	if (atomic_load_explicit(&place->state, memory_order_relaxed) != word)
		return;
	if (is_possible(&copy)) {
		if (!told->image)
			put(m, &copy, 1);
		if (state == HT_MODULE_GONE)
			put(m, &copy, 2);
		*told = (struct ht_told_module){ copy.image, copy.generation, copy.start, copy.end };
	}
	if (state == HT_MODULE_LIVE)
		return;
	told->image = 0;
	/* release: pairs with the compare-and-swap in agent/modules.c:seize() */
	atomic_compare_exchange_strong_explicit(&place->state, &word, HT_SLOT_NEXT(word, HT_MODULE_FREE),
						memory_order_release, memory_order_relaxed);
}

static uint32_t top(const struct ht_modules *m)
{
	/* relaxed: module_changes orders it */
	uint32_t n = atomic_load_explicit(&m->session->channel->module_top, memory_order_relaxed);

	return n < m->limit ? n : m->limit;
}

void ht_modules_read(struct ht_modules *m)
{
	/* acquire: pairs with the releases in agent/modules.c */
	uint32_t changes = atomic_load_explicit(&m->session->channel->module_changes, memory_order_acquire);

	if (changes == m->changes)
		return;
	m->changes = changes;
	for (uint32_t n = 0; n < top(m); n++)
		look_at(m, n);
}

void ht_modules_refill(struct ht_modules *m)
{
	struct ht_session *s = m->session;
	uint32_t more = s->module_count - m->limit;
	struct ht_err err;

	if (!more || top(m) + AHEAD / 2 < m->limit)
		return;
	if (more > AHEAD)
		more = AHEAD;
	if (ht_session_back(s, s->modules_at + (uint64_t)m->limit * sizeof(struct ht_module),
			    (uint64_t)more * sizeof(struct ht_module), &err))
		return; /* what finds no place has no unwind information, and its stacks say so */
	m->limit += more;
	/* release: pairs with the acquire in agent/modules.c:take() */
	atomic_store_explicit(&s->channel->module_limit, m->limit, memory_order_release);
}

/* An exec, or the end of its process, has unmapped them all. */
void ht_modules_forget(struct ht_modules *m, uint32_t image)
{
	ht_modules_read(m);
	for (uint32_t n = 0; n < top(m); n++) {
		struct ht_module *place = &m->session->modules[n];
		uint32_t word = atomic_load_explicit(&place->state, memory_order_relaxed); /* its image is over */

		if (!m->told[n].image || m->told[n].image != image)
			continue;
		m->told[n].image = 0;
		atomic_store_explicit(&place->state, HT_SLOT_NEXT(word, HT_MODULE_FREE),
				      memory_order_release); /* pairs with seize() */
	}
}

bool ht_modules_tell(const struct ht_modules *m, uint64_t image, uint64_t start, uint64_t end)
{
	for (uint32_t n = 0; n < top(m); n++)
		if (m->told[n].image == image && m->told[n].start < end && start < m->told[n].end)
			return true;
	return false;
}
