/* SPDX-License-Identifier: Apache-2.0 */
/* limits.c -- reads a budget, from options word by word or from a file line by line
 *
 *   line    blank | # remark | NAME = VALUE | [in FUNCTION]
 */
#include "inspect/limits.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/quantity.h"

static const char *const names[HT_LIMIT_KINDS] = {
	[HT_LIMIT_PEAK] = "max-peak",
	[HT_LIMIT_LEAKED] = "max-leaked",
	[HT_LIMIT_LEAKED_BLOCKS] = "max-leaked-blocks",
	[HT_LIMIT_ALLOCATED] = "max-allocated",
	[HT_LIMIT_ALLOCS] = "max-allocs",
	[HT_LIMIT_TEMPORARY] = "max-temporary",
	[HT_LIMIT_GROWTH] = "max-growth",
};

const char *ht_limit_name(enum ht_limit_kind kind)
{
	return names[kind];
}

static int no_memory(struct ht_err *err)
{
	return ht_err_set(err, HT_ESYSTEM, "out of memory for a budget");
}

int ht_limits_init(struct ht_limits *l, struct ht_err *err)
{
	const char **whole;

	*l = (struct ht_limits){ 0 };
	whole = HT_LIST_ADD(&l->scopes);
	return whole ? 0 : no_memory(err);
}

void ht_limits_fini(struct ht_limits *l)
{
	free(l->list.at);
	free(l->scopes.at);
	ht_arena_fini(&l->arena);
	*l = (struct ht_limits){ 0 };
}

static int find_scope(struct ht_limits *l, const char *function, size_t *ret, struct ht_err *err)
{
	const char **new;

	if (!*function)
		return ht_err_set(err, HT_EUSAGE, "a function has a name");
	for (size_t i = HT_SCOPE_WHOLE + 1; i < l->scopes.count; i++)
		if (!strcmp(l->scopes.at[i], function)) {
			*ret = i;
			return 0;
		}
	new = HT_LIST_ADD(&l->scopes);
	if (!new)
		return no_memory(err);
	*new = ht_arena_keep_text(&l->arena, (struct ht_str){ function, strlen(function) });
	*ret = l->scopes.count - 1;
	return *new ? 0 : no_memory(err);
}

static int read_amount(const char *word, struct ht_limit *ret, struct ht_err *err)
{
	switch (ret->kind) {
	case HT_LIMIT_PEAK:
	case HT_LIMIT_LEAKED:
	case HT_LIMIT_ALLOCATED:
		return ht_quantity_bytes(word, &ret->most, err);
	case HT_LIMIT_GROWTH:
		ret->is_share = true;
		return ht_quantity_share(word, &ret->most, err);
	case HT_LIMIT_TEMPORARY:
		ret->is_share = ht_quantity_is_share(word);
		return (ret->is_share ? ht_quantity_share : ht_quantity_count)(word, &ret->most, err);
	default:
		return ht_quantity_count(word, &ret->most, err);
	}
}

static int set_limit(struct ht_limits *l, size_t scope, enum ht_limit_kind kind, const char *word, struct ht_err *err)
{
	struct ht_limit limit = { .kind = kind, .scope = scope }, *to;
	int rc = read_amount(word, &limit, err);

	if (rc)
		return rc;
	for (size_t i = 0; i < l->list.count; i++)
		if (l->list.at[i].kind == kind && l->list.at[i].scope == scope) {
			l->list.at[i] = limit;
			return 0;
		}
	to = HT_LIST_ADD(&l->list);
	if (!to)
		return no_memory(err);
	*to = limit;
	return 0;
}

int ht_limits_take(struct ht_limits *l, const char *function, const char *const word[HT_LIMIT_KINDS],
		   struct ht_err *err)
{
	size_t scope = HT_SCOPE_WHOLE;
	int rc = function ? find_scope(l, function, &scope, err) : 0;

	for (int kind = 0; !rc && kind < HT_LIMIT_KINDS; kind++) {
		if (!word[kind])
			continue;
		rc = set_limit(l, scope, (enum ht_limit_kind)kind, word[kind], err);
		if (rc == HT_EUSAGE)
			ht_err_set(err, rc, "--%s=%s", names[kind], err->text);
	}
	return rc;
}

/* ---- the file ---------------------------------------------------------------------------------------------- */

static char *trim(char *s)
{
	size_t len;

	s += strspn(s, " \t\r\n");
	len = strlen(s);
	while (len && strchr(" \t\r\n", s[len - 1]))
		s[--len] = 0;
	return s;
}

static int set_baseline(struct ht_limits *l, const char *path, const char *word, struct ht_err *err)
{
	const char *slash = strrchr(path, '/');
	struct ht_str folder = { path, *word != '/' && slash ? (size_t)(slash + 1 - path) : 0 };
	ht_auto(memory) char *whole = NULL;

	if (asprintf(&whole, "%.*s%s", (int)folder.len, folder.at, word) < 0)
		return no_memory(err);
	l->baseline = ht_arena_keep_text(&l->arena, (struct ht_str){ whole, strlen(whole) });
	return l->baseline ? 0 : no_memory(err);
}

static int read_setting(struct ht_limits *l, const char *path, size_t scope, char *line, struct ht_err *err)
{
	char *equals = strchr(line, '='), *name, *word;
	int rc;

	if (!equals)
		return ht_err_set(err, HT_EUSAGE, "%s: write NAME = VALUE, as in max-peak = 64M", line);
	*equals = 0;
	name = trim(line);
	word = trim(equals + 1);
	if (!strcmp(name, "baseline") && scope == HT_SCOPE_WHOLE)
		return set_baseline(l, path, word, err);
	for (int kind = 0; kind < HT_LIMIT_KINDS; kind++) {
		if (strcmp(name, names[kind]))
			continue;
		rc = set_limit(l, scope, (enum ht_limit_kind)kind, word, err);
		return rc == HT_EUSAGE ? ht_err_set(err, rc, "%s = %s", name, err->text) : rc;
	}
	return ht_err_set(err, HT_EUSAGE,
			  "%s: no such limit%s; there are max-peak, max-leaked, max-leaked-blocks, max-allocated, "
			  "max-allocs, max-temporary, max-growth and, before the first [in ...], baseline",
			  name, scope ? " here" : "");
}

static int read_section(struct ht_limits *l, char *line, size_t *scope, struct ht_err *err)
{
	size_t len = strlen(line);

	if (line[len - 1] != ']' || strncmp(line, "[in ", 4))
		return ht_err_set(err, HT_EUSAGE, "%s: write [in FUNCTION]", line);
	line[len - 1] = 0;
	return find_scope(l, trim(line + 3), scope, err);
}

int ht_limits_read(struct ht_limits *l, const char *path, struct ht_err *err)
{
	ht_auto(file) FILE *file = fopen(path, "re");
	ht_auto(memory) char *line = NULL;
	size_t cap = 0, scope = HT_SCOPE_WHOLE;
	int rc = 0;

	if (!file)
		return ht_err_sys(err, "cannot open the budget");
	for (unsigned long number = 1; !rc; number++) {
		ssize_t len;
		char *text;

		errno = 0;
		len = getline(&line, &cap, file);
		if (len < 0)
			return ferror(file) || errno ? ht_err_sys(err, "cannot read the budget") : 0;
		if (strlen(line) != (size_t)len)
			return ht_err_set(err, HT_EUSAGE, "line %lu: this is no text: it has a NUL byte", number);
		text = trim(line);
		if (*text == '[')
			rc = read_section(l, text, &scope, err);
		else if (*text && *text != '#')
			rc = read_setting(l, path, scope, text, err);
		if (rc == HT_EUSAGE)
			ht_err_set(err, rc, "line %lu: %s", number, err->text);
	}
	return rc;
}

int ht_limits_check(const struct ht_limits *l, struct ht_err *err)
{
	bool growth = false;

	for (size_t i = 0; i < l->list.count; i++)
		growth = growth || l->list.at[i].kind == HT_LIMIT_GROWTH;
	if (growth && !l->baseline)
		return ht_err_set(err, HT_EUSAGE, "max-growth needs a baseline, a trace to compare with");
	if (l->baseline && !growth)
		return ht_err_set(err, HT_EUSAGE, "a baseline needs max-growth: how much is allowed?");
	if (!l->list.count)
		return ht_err_set(err, HT_EUSAGE, "no limit is given, as in --max-peak=64M or --budget=FILE");
	return 0;
}
