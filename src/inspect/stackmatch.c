/* SPDX-License-Identifier: Apache-2.0 */
/* stackmatch.c -- walks contexts outwards, and remembers the verdict of every node on the way
 *
 * stackmatch.h says what matches. A node that matches makes all contexts inside of it match, so the verdict of a walk holds
 * for every node that was passed.
 */
#include "inspect/stackmatch.h"

#include <string.h>

#include "inspect/allocator.h"

enum verdict { UNKNOWN, NO, YES };

static int compile(regex_t *ret, const char *regex, struct ht_err *err)
{
	char why[128];
	int rc = regcomp(ret, regex, REG_EXTENDED | REG_NOSUB);

	if (!rc)
		return 0;
	regerror(rc, ret, why, sizeof(why));
	return ht_err_set(err, HT_EUSAGE, "%s: no regular expression: %s", regex, why);
}

int ht_stackmatch_want_stack(struct ht_stackmatch *m, const char *regex, struct ht_err *err)
{
	int rc = compile(&m->stack, regex, err);

	m->has_stack = !rc;
	return rc;
}

int ht_stackmatch_want_module(struct ht_stackmatch *m, const char *regex, struct ht_err *err)
{
	int rc = compile(&m->module, regex, err);

	m->has_module = !rc;
	return rc;
}

void ht_stackmatch_fini(struct ht_stackmatch *m)
{
	if (m->has_stack)
		regfree(&m->stack);
	if (m->has_module)
		regfree(&m->module);
	ht_index_fini(&m->by_node);
	ht_index_fini(&m->by_asker);
	*m = (struct ht_stackmatch){ 0 };
}

static int no_memory(struct ht_err *err)
{
	return ht_err_set(err, HT_ESYSTEM, "out of memory for the stacks that match");
}

static bool is_frame(const struct ht_node_at *n)
{
	return n && (n->kind == HT_CONTEXT_CALLER || n->kind == HT_CONTEXT_EXACT || n->kind == HT_CONTEXT_POINTER);
}

static size_t frames_of(struct ht_stackmatch *m, uint64_t image, const struct ht_node_at *n,
			const struct ht_frame **ret)
{
	struct ht_place place = { image, n->generation, n->pc, n->kind == HT_CONTEXT_EXACT };

	return ht_symbols_frames(m->symbols, &place, ret);
}

static bool node_matches(struct ht_stackmatch *m, uint64_t image, const struct ht_node_at *n)
{
	const struct ht_frame *frame;
	size_t count = frames_of(m, image, n, &frame);

	for (size_t i = 0; i < count; i++)
		if (frame[i].function && !regexec(&m->stack, frame[i].function, 0, NULL, 0))
			return true;
	return false;
}

/* Every node on the way gets a verdict when it is first seen, so a loop in the tree of a strange file ends the walk. */
static int walk(struct ht_stackmatch *m, uint64_t image, uint32_t context, uint32_t *ret_last, struct ht_err *err)
{
	const struct ht_node_at *n;

	for (uint32_t node = context; (n = ht_model_node(m->model, node)); node = n->parent) {
		uint32_t *known = ht_index_at(&m->by_node, image, node);

		if (!known)
			return no_memory(err);
		*ret_last = node;
		if (*known)
			return *known == YES;
		*known = NO;
		if (is_frame(n) && node_matches(m, image, n))
			return 1;
	}
	return 0;
}

int ht_stackmatch_stack(struct ht_stackmatch *m, uint64_t image, uint32_t context, struct ht_err *err)
{
	uint32_t last = 0, *known;
	int rc;

	if (!m->has_stack)
		return 1;
	rc = walk(m, image, context, &last, err);
	for (uint32_t node = context; rc > 0; node = ht_model_node(m->model, node)->parent) {
		known = ht_index_at(&m->by_node, image, node);
		if (!known)
			return no_memory(err);
		*known = YES;
		if (node == last)
			break;
	}
	return rc;
}

/* ---- who asked --------------------------------------------------------------------------------------------- */

static void note_seen(const char *list[], const char *name)
{
	for (size_t i = 0; name && i < HT_STACKMATCH_NAMES; i++) {
		if (list[i] && strcmp(list[i], name))
			continue;
		list[i] = name;
		return;
	}
}

/* Looks for the innermost frame that is no allocator's. */
static bool asker_matches(struct ht_stackmatch *m, uint64_t image, uint32_t context)
{
	const struct ht_node_at *n = ht_model_node(m->model, context);
	const struct ht_frame *frame;
	size_t steps = m->model->contexts.count;

	for (n = n ? ht_model_node(m->model, n->parent) : NULL; is_frame(n) && steps--;
	     n = ht_model_node(m->model, n->parent)) {
		size_t count = frames_of(m, image, n, &frame);

		for (size_t i = 0; i < count; i++) {
			if (ht_allocator_owns(m->model, image, frame[i].function, frame[i].module))
				continue;
			note_seen(m->function_seen, frame[i].function);
			note_seen(m->module_seen, frame[i].module);
			return !m->has_module || (frame[i].module && !regexec(&m->module, frame[i].module, 0, NULL, 0));
		}
	}
	return !m->has_module;
}

int ht_stackmatch_module(struct ht_stackmatch *m, uint64_t image, uint32_t context, struct ht_err *err)
{
	uint32_t *known;

	if (!m->has_module && !m->has_stack)
		return 1;
	known = ht_index_at(&m->by_asker, image, context);
	if (!known)
		return no_memory(err);
	if (!*known)
		*known = asker_matches(m, image, context) ? YES : NO;
	return *known == YES;
}
