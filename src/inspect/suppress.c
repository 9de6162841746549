/* SPDX-License-Identifier: Apache-2.0 */
/* suppress.c -- reads suppressions, and matches every frame of a leaking stack
 *
 * suppress.h has the forms. Stacks with the same names are one node, which is judged once.
 */
#include "inspect/suppress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"

#define KIND "leak:"

static int take_line(struct ht_suppressions *s, const char *path, size_t number, struct ht_str line, struct ht_err *err)
{
	struct ht_suppression *new;

	while (line.len && strchr(" \t\r\n", line.at[line.len - 1]))
		line.len--;
	while (line.len && strchr(" \t", *line.at)) {
		line.at++;
		line.len--;
	}
	if (!line.len || *line.at == '#')
		return 0;
	if (line.len <= strlen(KIND) || memcmp(line.at, KIND, strlen(KIND)))
		return ht_err_set(err, HT_EUSAGE, "%s, line %zu: neither leak:PATTERN nor a comment", path, number);
	new = HT_LIST_ADD(&s->list);
	line.at += strlen(KIND);
	line.len -= strlen(KIND);
	if (new)
		new->pattern = ht_arena_keep_text(&s->arena, line);
	return new &&new->pattern ? 0 : ht_err_set(err, HT_ESYSTEM, "out of memory for the suppressions");
}

int ht_suppress_read(const char *path, struct ht_suppressions *ret, struct ht_err *err)
{
	ht_auto(file) FILE *file = fopen(path, "re");
	ht_auto(memory) char *line = NULL;
	struct ht_suppressions s = { 0 };
	size_t cap = 0, number = 0;
	ssize_t len;
	int rc = file ? 0 : ht_err_sys(err, "%s: cannot be opened", path);

	while (!rc && (len = getline(&line, &cap, file)) >= 0)
		rc = take_line(&s, path, ++number, (struct ht_str){ line, (size_t)len }, err);
	if (!rc && ferror(file))
		rc = ht_err_sys(err, "%s: cannot be read", path);
	if (rc)
		ht_suppress_fini(&s);
	else
		*ret = s;
	return rc;
}

void ht_suppress_fini(struct ht_suppressions *s)
{
	free(s->list.at);
	ht_arena_fini(&s->arena);
	*s = (struct ht_suppressions){ 0 };
}

/* Finds the next piece between stars; where it stands first is where it stands best. */
bool ht_suppress_matches(const char *pattern, const char *text)
{
	bool anchored = *pattern == '^';
	size_t len;

	pattern += anchored;
	for (; *pattern; pattern += len) {
		const char *found;

		if (*pattern == '*') {
			anchored = false;
			len = 1;
			continue;
		}
		if (!strcmp(pattern, "$"))
			return anchored ? !*text : true;
		len = strcspn(pattern, "*");
		if (pattern[len - 1] == '$' && !pattern[len]) {
			size_t left = strlen(text), want = len - 1;

			return left >= want && (!anchored || left == want) &&
			       !memcmp(text + left - want, pattern, want);
		}
		found = anchored ? text : memmem(text, strlen(text), pattern, len);
		if (!found || strncmp(found, pattern, len))
			return false;
		text = found + len;
		anchored = true;
		if (!pattern[len])
			return true;
	}
	return true;
}

static bool frame_matches(const char *pattern, const struct ht_place_frame *f)
{
	return (f->function && ht_suppress_matches(pattern, f->function)) ||
	       (f->file && ht_suppress_matches(pattern, f->file)) ||
	       (f->module && ht_suppress_matches(pattern, f->module));
}

/* The number of the first that matches, + 1; 0: none. */
static uint32_t judge(const struct ht_suppressions *s, const struct ht_places *p, uint32_t innermost)
{
	for (uint32_t i = 0; i < s->list.count; i++)
		for (uint32_t node = innermost; !ht_place_is_root(node); node = p->nodes.at[node].parent)
			if (frame_matches(s->list.at[i].pattern, &p->frames.at[p->nodes.at[node].frame]))
				return i + 1;
	return 0;
}

static void move(struct ht_tally *from, struct ht_tally *to, const struct ht_tally *what)
{
	from->bytes -= what->bytes;
	from->count -= what->count;
	to->bytes += what->bytes;
	to->count += what->count;
}

int ht_suppress_leaks(struct ht_suppressions *s, struct ht_sites *sites, const struct ht_places *places,
		      struct ht_err *err)
{
	ht_auto(memory) uint32_t *verdict = malloc(places->nodes.count * sizeof(*verdict));
	struct ht_tally none = { 0 };

	if (!verdict)
		return ht_err_set(err, HT_ESYSTEM, "out of memory for %zu frames", places->nodes.count);
	memset(verdict, 0xff, places->nodes.count * sizeof(*verdict));
	for (size_t i = 0; i < sites->list.count; i++) {
		struct ht_site *site = &sites->list.at[i];
		uint32_t *v = &verdict[places->site[i]];
		struct ht_tally *taken;

		if (!site->leaked.count)
			continue;
		if (*v == UINT32_MAX)
			*v = judge(s, places, places->site[i]);
		if (!*v)
			continue;
		taken = &s->list.at[*v - 1].taken;
		taken->bytes += site->leaked.bytes;
		taken->count += site->leaked.count;
		move(&sites->totals.leaked, &sites->totals.suppressed, &site->leaked);
		site->leaked = none;
	}
	return 0; /* NOLINT: clang-tidy does not see that the end of the scope frees it */
}
