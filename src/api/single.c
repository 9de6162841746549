/* SPDX-License-Identifier: Apache-2.0 */
/* single.c -- what became of single blocks: wrong releases, and whole stories
 *
 * inspect/misuse.h and story.h have the rules. Errors are an answer that holds its trace; a story is told to a visitor, one lifetime
 * after another, while the trace is busy.
 */
#include <stdlib.h>

#include "api/handle.h"
#include "inspect/misuse.h"
#include "inspect/story.h"

_Static_assert((int)HEAPTAP_MISUSE_DOUBLE == HT_MISUSE_DOUBLE && (int)HEAPTAP_MISUSE_INSIDE == HT_MISUSE_INSIDE &&
		       (int)HEAPTAP_MISUSE_UNKNOWN == HT_MISUSE_UNKNOWN &&
		       (int)HEAPTAP_MISUSE_MISMATCH == HT_MISUSE_MISMATCH,
	       "heaptap.h and misuse.h change together");
_Static_assert((int)HEAPTAP_LIFE_FREED == HT_LIFE_FREED && (int)HEAPTAP_LIFE_MOVED == HT_LIFE_MOVED &&
		       (int)HEAPTAP_LIFE_KEPT == HT_LIFE_KEPT && (int)HEAPTAP_LIFE_EXEC == HT_LIFE_EXEC &&
		       (int)HEAPTAP_LIFE_FORGOTTEN == HT_LIFE_FORGOTTEN,
	       "heaptap.h and story.h change together");

/* ---- errors ------------------------------------------------------------------------------------------------ */

struct heaptap_misuses {
	struct heaptap_trace *trace;
	struct ht_misuses found;
	struct heaptap_misuse_sums sums;
	struct heaptap_misuse misuse; /* the one that was asked for last */
	struct ht_called here, born, before;
};

int heaptap_misuses(struct heaptap_trace *trace, struct heaptap_misuses **ret, struct heaptap_error *error)
{
	int rc = ht_handle_begin_whole(trace, error);
	struct heaptap_misuses *m;
	struct ht_err err;

	if (rc)
		return rc;
	m = calloc(1, sizeof(*m));
	if (m)
		rc = ht_misuse_find(trace->model, &m->found, &err);
	else
		rc = ht_err_set(&err, HT_ESYSTEM, "out of memory for an answer");
	if (rc) {
		free(m);
		return ht_handle_fail(error, &err);
	}
	m->trace = ht_handle_hold(trace);
	m->sums =
		(struct heaptap_misuse_sums){ m->found.errors, m->found.judged, m->found.unjudged, m->found.inverted };
	*ret = m;
	return 0;
}

void heaptap_misuses_release(struct heaptap_misuses **misuses)
{
	struct heaptap_misuses *m = misuses ? *misuses : NULL;

	if (!m)
		return;
	ht_frames_fini(&m->here.frames);
	ht_frames_fini(&m->born.frames);
	ht_frames_fini(&m->before.frames);
	ht_misuse_fini(&m->found);
	ht_handle_drop(m->trace);
	free(m);
	*misuses = NULL;
}

const struct heaptap_misuse_sums *heaptap_misuses_sums(const struct heaptap_misuses *misuses)
{
	return misuses ? &misuses->sums : NULL;
}

const struct heaptap_misuse *heaptap_misuses_get(struct heaptap_misuses *misuses, size_t i)
{
	const struct ht_misuse *from;
	struct heaptap_misuse *to;
	struct heaptap_trace *t;
	struct ht_err err;

	if (!misuses || i >= misuses->found.list.count)
		return NULL;
	t = misuses->trace;
	from = &misuses->found.list.at[i];
	to = &misuses->misuse;
	*to = (struct heaptap_misuse){
		.kind = (enum heaptap_misuse_kind)from->kind,
		.count = from->count,
		.address = from->address,
		.block_address = from->born.known ? from->block_address : 0,
		.block_size = from->born.known ? from->block_size : 0,
	};
	if (ht_called_take(&misuses->here, t->model, t->symbols, &from->here, &to->here, &err) ||
	    ht_called_take(&misuses->born, t->model, t->symbols, &from->born, &to->born, &err) ||
	    ht_called_take(&misuses->before, t->model, t->symbols, &from->before, &to->before, &err))
		return NULL;
	return to;
}

/* ---- stories ----------------------------------------------------------------------------------------------- */

struct telling {
	struct heaptap_trace *trace;
	heaptap_lifetime_visit *visit;
	void *state;
	struct ht_called born, ended;
	int stopped; /* what the visitor said */
};

static int tell(void *state, const struct ht_lifetime *l, struct ht_err *err)
{
	struct telling *p = state;
	struct heaptap_trace *t = p->trace;
	struct heaptap_lifetime to = {
		.event = l->event,
		.address = l->address,
		.size = l->size,
		.made_by = (enum heaptap_event_kind)l->made_by,
		.has_from = l->has_from,
		.from_address = l->has_from ? l->from_address : 0,
		.end = (enum heaptap_life_end)l->end,
		.to_address = l->end == HT_LIFE_MOVED ? l->to_address : 0,
	};
	int rc = ht_called_take(&p->born, t->model, t->symbols, &l->born, &to.born, err);

	if (!rc)
		rc = ht_called_take(&p->ended, t->model, t->symbols, &l->ended, &to.ended, err);
	if (rc)
		return rc;
	p->stopped = p->visit(p->state, &to);
	return p->stopped;
}

static int tell_story(struct telling *p, uint64_t number, bool by_address, struct heaptap_error *error)
{
	const struct ht_listener to = { tell, p };
	int rc = ht_handle_begin_whole(p->trace, error);
	struct ht_story story;
	struct ht_err err;

	if (rc)
		return rc;
	if (!p->visit) {
		ht_err_set(&err, HT_EUSAGE, "no visitor for the story");
		return ht_handle_fail(error, &err);
	}
	ht_handle_hold(p->trace)->is_busy = true;
	rc = by_address ? ht_story_of_address(p->trace->model, number, &to, &story, &err)
			: ht_story_of_event(p->trace->model, number, &to, &story, &err);
	p->trace->is_busy = false;
	ht_frames_fini(&p->born.frames);
	ht_frames_fini(&p->ended.frames);
	ht_handle_drop(p->trace);
	if (p->stopped)
		return p->stopped;
	return rc ? ht_handle_fail(error, &err) : 0;
}

int heaptap_story_of_address(struct heaptap_trace *trace, uint64_t address, heaptap_lifetime_visit *visit, void *state,
			     struct heaptap_error *error)
{
	struct telling p = { .trace = trace, .visit = visit, .state = state };

	return tell_story(&p, address, true, error);
}

int heaptap_story_of_event(struct heaptap_trace *trace, uint64_t event, heaptap_lifetime_visit *visit, void *state,
			   struct heaptap_error *error)
{
	struct telling p = { .trace = trace, .visit = visit, .state = state };

	return tell_story(&p, event, false, error);
}
