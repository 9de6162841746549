/* SPDX-License-Identifier: Apache-2.0 */
/* handle.c -- opens and closes traces for the library
 *
 * handle.h has the rules.
 */
#include "api/handle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/choice.h"
#include "inspect/filter.h"
#include "util/version.h"

_Static_assert((int)HEAPTAP_ESYSTEM == HT_ESYSTEM && (int)HEAPTAP_EDAMAGED == HT_EDAMAGED &&
		       (int)HEAPTAP_EUSAGE == HT_EUSAGE && (int)HEAPTAP_EFORMAT == HT_EFORMAT,
	       "heaptap.h and err.h change together");

const char *heaptap_version(void)
{
	return HT_VERSION;
}

int ht_handle_fail(struct heaptap_error *error, const struct ht_err *err)
{
	if (error) {
		error->code = err->code;
		snprintf(error->text, sizeof(error->text), "%s", err->text);
	}
	return err->code;
}

int ht_handle_begin(const struct heaptap_trace *t, struct heaptap_error *error)
{
	struct ht_err err;

	if (!t)
		ht_err_set(&err, HT_EUSAGE, "no trace is open");
	else if (t->is_busy)
		ht_err_set(&err, HT_EUSAGE, "a visitor of this trace is being called: it cannot be asked now");
	else
		return 0;
	return ht_handle_fail(error, &err);
}

int ht_handle_begin_whole(const struct heaptap_trace *t, struct heaptap_error *error)
{
	int rc = ht_handle_begin(t, error);
	struct ht_err err;

	if (rc || !t->is_window)
		return rc;
	ht_err_set(&err, HT_EUSAGE, "the trace was opened for a window, and only the whole of it tells this");
	return ht_handle_fail(error, &err);
}

int ht_handle_read(void *to, size_t bytes, const void *from, struct ht_err *err)
{
	size_t size;

	memset(to, 0, bytes);
	if (!from)
		return 0;
	memcpy(&size, from, sizeof(size));
	if (size < sizeof(size))
		return ht_err_set(err, HT_EUSAGE, "the struct does not begin with its size");
	memcpy(to, from, size < bytes ? size : bytes);
	for (size_t i = bytes; i < size; i++)
		if (((const char *)from)[i])
			return ht_err_set(err, HT_EUSAGE,
					  "the struct asks for what version " HT_VERSION " does not know");
	return 0;
}

const char *ht_handle_keep(struct heaptap_trace *t, struct ht_str s)
{
	return ht_arena_keep_text(&t->arena, s);
}

struct heaptap_trace *ht_handle_hold(struct heaptap_trace *t)
{
	t->holders++;
	return t;
}

void ht_handle_drop(struct heaptap_trace *t)
{
	if (--t->holders)
		return;
	ht_symbols_close(t->symbols);
	if (t->model)
		ht_model_close(t->model);
	ht_arena_fini(&t->arena);
	ht_frames_fini(&t->frames);
	free(t->process);
	free(t->thread);
	free(t->command);
	free(t->pc);
	free(t);
}

/* A word that outlives the call; NULL stays NULL. */
static int keep_word(struct heaptap_trace *t, const char **word, struct ht_err *err)
{
	if (!*word)
		return 0;
	*word = ht_handle_keep(t, (struct ht_str){ *word, strlen(*word) });
	return *word ? 0 : ht_err_set(err, HT_ESYSTEM, "out of memory for a trace");
}

static int read_window(struct heaptap_trace *t, const struct heaptap_open_options *o, struct ht_err *err)
{
	struct ht_filter f;
	int rc = 0;

	ht_filter_init(&f);
	if (o->from)
		rc = ht_filter_set(&f, HT_FILTER_FROM, o->from, err);
	if (!rc && o->to)
		rc = ht_filter_set(&f, HT_FILTER_TO, o->to, err);
	t->from = o->from;
	t->to = o->to;
	t->from_ns = f.from_ns;
	t->to_ns = f.to_ns;
	t->is_window = o->from || o->to;
	ht_filter_fini(&f);
	if (!rc && t->from_ns > t->to_ns)
		rc = ht_err_set(err, HT_EUSAGE, "--from=%s is after --to=%s: nothing lies between", o->from, o->to);
	return rc;
}

static int open_all(struct heaptap_trace *t, const char *path, struct heaptap_open_options *o, struct ht_err *err)
{
	struct ht_symbols_options names = { .no_files = o->no_symbols, .no_servers = o->no_servers };
	int rc = keep_word(t, &o->sysroot, err);

	if (!rc)
		rc = keep_word(t, &o->from, err);
	if (!rc)
		rc = keep_word(t, &o->to, err);
	if (!rc)
		rc = read_window(t, o, err);
	if (!rc && t->to)
		rc = ht_model_open_extent(path, t->from_ns, t->to_ns, &t->model, err);
	else if (!rc)
		rc = ht_model_open(path, &t->model, err);
	if (!rc && o->process)
		rc = ht_choice_make(t->model, o->process, err);
	names.sysroot = o->sysroot;
	return rc ? rc : ht_symbols_open(t->model, &names, &t->symbols, err);
}

int heaptap_open(const char *path, const struct heaptap_open_options *options, struct heaptap_trace **ret,
		 struct heaptap_error *error)
{
	struct heaptap_open_options o;
	struct heaptap_trace *t;
	struct ht_err err;
	int rc = ht_handle_read(&o, sizeof(o), options, &err);

	if (!rc && (!path || !ret))
		rc = ht_err_set(&err, HT_EUSAGE, "no path, or nowhere to put the trace");
	if (rc)
		return ht_handle_fail(error, &err);
	t = calloc(1, sizeof(*t));
	if (!t || !(t->pc = calloc(HT_STACK_MOST, sizeof(*t->pc)))) {
		free(t);
		ht_err_set(&err, HT_ESYSTEM, "out of memory for a trace");
		return ht_handle_fail(error, &err);
	}
	t->holders = 1;
	if (open_all(t, path, &o, &err)) {
		ht_handle_drop(t);
		return ht_handle_fail(error, &err);
	}
	*ret = t;
	return 0;
}

void heaptap_close(struct heaptap_trace **trace)
{
	if (!trace || !*trace)
		return;
	ht_handle_drop(*trace);
	*trace = NULL;
}

const char *heaptap_damage(struct heaptap_trace *trace, size_t i)
{
	const struct ht_damage *damage;

	if (!trace)
		return NULL;
	return i < ht_model_damages(trace->model, &damage) && i < HT_DAMAGES_KEPT ? damage[i].says : NULL;
}

const char *heaptap_warning(struct heaptap_trace *trace, size_t i)
{
	const char *const *warning;

	if (!trace)
		return NULL;
	return i < ht_symbols_warnings(trace->symbols, &warning) ? warning[i] : NULL;
}
