/* SPDX-License-Identifier: Apache-2.0 */
/* family.c -- adds events up by process
 *
 * family.h says what is added. Each event changes the member of its process, and the one that stands for all.
 */
#include "inspect/family.h"

#include <stdlib.h>

struct pass {
	struct ht_model *model;
	struct ht_family *family;
	struct ht_member **of_stream; /* NULL: its process has no record */
};

static void born(struct ht_member *m, const struct ht_event *e)
{
	if (e->kind != HT_EVENT_EXISTING) {
		m->allocated_bytes += e->size;
		m->allocated_blocks++;
	}
	m->live_bytes += e->size;
	m->live_blocks++;
	if (m->live_bytes <= m->peak_bytes)
		return;
	m->peak_bytes = m->live_bytes;
	m->peak_blocks = m->live_blocks;
	m->peak_ticks = e->ticks;
}

static void gone(struct ht_member *m, const struct ht_live_block *b, bool unfreed)
{
	m->live_bytes -= b->size;
	m->live_blocks--;
	if (!unfreed)
		return;
	m->unfreed_bytes += b->size;
	m->unfreed_blocks++;
}

static int see_event(void *state, const struct ht_event *e, struct ht_err *err)
{
	struct pass *p = state;
	struct ht_member *mine = p->of_stream[e->stream - p->model->streams.at], *all = &p->family->all;

	(void)err;
	if (e->block && !e->failed && !e->inherited) {
		gone(all, e->block, false);
		if (mine)
			gone(mine, e->block, false);
	}
	if (e->kind == HT_EVENT_FREE || !e->has_address)
		return 0;
	born(all, e);
	if (mine)
		born(mine, e);
	return 0;
}

static int see_left(void *state, const struct ht_left *l, struct ht_err *err)
{
	struct pass *p = state;
	struct ht_member *mine = p->of_stream[l->block->stream];

	(void)err;
	gone(&p->family->all, l->block, l->why == HT_LEFT_AT_END);
	if (mine)
		gone(mine, l->block, l->why == HT_LEFT_AT_END);
	return 0;
}

int ht_family_take(struct ht_model *t, struct ht_family *ret, struct ht_err *err)
{
	struct ht_family f = { .member = calloc(t->processes.count + 1, sizeof(*f.member)) };
	struct pass p = { t, &f, calloc(t->streams.count + 1, sizeof(struct ht_member *)) };
	struct ht_observer observer = { see_event, &p, see_left };
	struct ht_history history;
	int rc = f.member && p.of_stream ? 0
					 : ht_err_set(err, HT_ESYSTEM, "out of memory for the sums of the processes");

	for (size_t i = 0; !rc && i < t->streams.count; i++) {
		const struct ht_meta_process *m = ht_model_process(t, t->streams.at[i].process);

		p.of_stream[i] = m ? &f.member[m - t->processes.at] : NULL;
	}
	if (!rc)
		rc = ht_replay_run(t, &observer, 1, &history, err);
	free(p.of_stream);
	if (rc)
		ht_family_fini(&f);
	else
		*ret = f;
	return rc;
}

void ht_family_fini(struct ht_family *f)
{
	free(f->member);
	*f = (struct ht_family){ 0 };
}
