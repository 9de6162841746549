/* SPDX-License-Identifier: Apache-2.0 */
/* contexts.h -- the collector's view of the context tree: what of it is in the file already
 *
 * Used by: streams.c for each event, recording.c to keep memory behind the tree.
 *
 * Always true: X1  a context that ht_contexts_known() accepts, and all its ancestors, were put into the trace
 */
#ifndef HT_CONTEXTS_H
#define HT_CONTEXTS_H

#include <stdbool.h>

#include "collect/mappings.h"
#include "collect/session.h"
#include "collect/trace.h"

struct ht_contexts {
	struct ht_session *session;
	struct ht_trace *trace;
	struct ht_modules *modules;
	/* of the process whose events are taken, or NULL; told of each new pc that no module of the loader's holds */
	struct ht_mappings *mappings;
	uint8_t *known; /* of each node: 0, or enum ht_node_kind + 1 */
	uint32_t limit; /* the channel's node_limit */
};

int ht_contexts_init(struct ht_contexts *c, struct ht_session *s, struct ht_trace *t, struct ht_modules *m,
		     struct ht_err *err);
void ht_contexts_fini(struct ht_contexts *c);
bool ht_contexts_learn(struct ht_contexts *c, uint32_t context);

/* Keeps memory behind the nodes that threads may make next. */
void ht_contexts_refill(struct ht_contexts *c);

/* Whether an event may name this context. Puts it into the trace if it is new. */
static inline bool ht_contexts_known(struct ht_contexts *c, uint32_t context)
{
	if (__builtin_expect(context < c->limit && c->known[context] == HT_NODE_FUNCTION + 1, 1))
		return true;
	return ht_contexts_learn(c, context);
}

#endif
