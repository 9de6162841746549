/* SPDX-License-Identifier: Apache-2.0 */
/* visit.c -- calls a visitor with every event, and answers what it may ask meanwhile
 *
 *   replay ──► tell(): one struct heaptap_event ──► the visitor ──► heaptap_event_stack(), heaptap_event_frames()
 *
 * A stack is read when it is asked for. The handle is held meanwhile, so a visitor may even close its trace.
 */
#include "api/handle.h"

_Static_assert((int)HEAPTAP_ALLOC == HT_EVENT_ALLOC && (int)HEAPTAP_FREE == HT_EVENT_FREE &&
		       (int)HEAPTAP_REALLOC == HT_EVENT_REALLOC && (int)HEAPTAP_EXISTING == HT_EVENT_EXISTING &&
		       (int)HEAPTAP_HEAP_MAIN == HT_HEAP_MAIN && (int)HEAPTAP_HEAP_OTHER == HT_HEAP_OTHER,
	       "heaptap.h and replay.h change together");

struct telling {
	struct heaptap_trace *trace;
	heaptap_visit *visit;
	void *state;
	int stopped; /* what the visitor said */
};

static int tell(void *state, const struct ht_event *e, struct ht_err *err)
{
	struct telling *p = state;
	struct ht_model *m = p->trace->model;
	struct heaptap_event event = {
		.kind = (enum heaptap_event_kind)e->kind,
		.heap = e->heap <= HT_HEAP_OTHER ? (enum heaptap_heap)e->heap : HEAPTAP_HEAP_UNKNOWN,
		.source = e->source,
		.failed = e->failed,
		.time_ns = ht_clock_time_ns(&m->clock, e->ticks),
		.thread = e->stream->number,
		.process = e->stream->process,
		.function = ht_model_function(m, e->context),
		.has_address = e->has_address,
		.has_size = e->has_size || e->kind == HT_EVENT_REALLOC,
		.address = e->has_address ? e->address : 0,
		.size = e->has_size || e->kind == HT_EVENT_REALLOC ? e->size : 0,
		.has_old = e->has_old,
		.has_old_size = e->has_old_size,
		.begin_ns = e->has_old ? ht_clock_time_ns(&m->clock, e->begin_ticks) : 0,
		.old_address = e->has_old ? e->old_address : 0,
		.old_size = e->has_old_size ? e->old_size : 0,
	};

	(void)err;
	if (p->trace->is_window && (event.time_ns < p->trace->from_ns || event.time_ns > p->trace->to_ns))
		return 0;
	p->trace->event = e;
	p->stopped = p->visit(p->state, &event);
	p->trace->event = NULL;
	return p->stopped;
}

int heaptap_events(struct heaptap_trace *trace, heaptap_visit *visit, void *state, struct heaptap_error *error)
{
	struct telling p = { trace, visit, state, 0 };
	struct ht_observer observer = { .event = tell, .state = &p };
	int rc = ht_handle_begin(trace, error);
	struct ht_history history;
	struct ht_err err;

	if (rc)
		return rc;
	if (!visit) {
		ht_err_set(&err, HT_EUSAGE, "no visitor for the events");
		return ht_handle_fail(error, &err);
	}
	ht_handle_hold(trace)->is_busy = true;
	rc = ht_replay_run(trace->model, &observer, 1, &history, &err);
	trace->is_busy = false;
	ht_handle_drop(trace);
	if (p.stopped)
		return p.stopped;
	return rc ? ht_handle_fail(error, &err) : 0;
}

size_t heaptap_event_stack(struct heaptap_trace *trace, const uint64_t **ret, const char **cut)
{
	if (!trace || !trace->event)
		return 0;
	ht_stack_read(trace->model, trace->event->context, &trace->stack);
	for (size_t i = 0; i < trace->stack.depth; i++)
		trace->pc[i] = trace->stack.step[i].pc;
	if (cut)
		*cut = ht_stack_cut_name(trace->stack.cut);
	*ret = trace->pc;
	return trace->stack.depth;
}

int heaptap_event_frames(struct heaptap_trace *trace, const struct heaptap_frame *const **ret, size_t *count,
			 struct heaptap_error *error)
{
	struct ht_moment moment;
	struct ht_err err;

	if (!trace || !trace->event) {
		ht_err_set(&err, HT_EUSAGE, "no visitor is being called: there is no event to ask about");
		return ht_handle_fail(error, &err);
	}
	moment = ht_moment_of_event(trace->event);
	if (ht_frames_of_moment(&trace->frames, trace->model, trace->symbols, &moment, &err))
		return ht_handle_fail(error, &err);
	*ret = trace->frames.at;
	*count = trace->frames.count;
	return 0;
}
