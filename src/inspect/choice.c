/* SPDX-License-Identifier: Apache-2.0 */
/* choice.c -- finds the processes that a word means
 *
 *   PROCESS and IMAGE records ──► candidates, by number: pid, name, last program ──► those the word fits ──► streams marked
 *
 * A damaged trace may have images of a process without a record of it: it is a candidate all the same.
 */
#include "inspect/choice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct candidate {
	uint64_t process, image; /* image 0: from the PROCESS record */
	uint64_t pid;
	struct ht_str comm, exe;
};

struct candidates {
	HT_LIST(struct candidate) list; /* by process, one for each */
};

static int by_process_and_image(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->process != y->process)
		return x->process < y->process ? -1 : 1;
	return (x->image > y->image) - (x->image < y->image);
}

static bool add(struct candidates *c, struct candidate new)
{
	struct candidate *to = HT_LIST_ADD(&c->list);

	if (to)
		*to = new;
	return to;
}

/* What is known of one process comes together: its name from the record, its program from the last image. */
static void fold(struct candidates *c)
{
	size_t kept = 0;

	qsort(c->list.at, c->list.count, sizeof(*c->list.at), by_process_and_image);
	for (size_t i = 0; i < c->list.count; i++) {
		struct candidate *at = &c->list.at[i], *last = kept ? &c->list.at[kept - 1] : NULL;

		if (last && last->process == at->process)
			last->exe = at->exe;
		else
			c->list.at[kept++] = *at;
	}
	c->list.count = kept;
}

static bool collect(const struct ht_model *t, struct candidates *c)
{
	for (size_t i = 0; i < t->processes.count; i++) {
		const struct ht_meta_process *p = &t->processes.at[i];

		if (!add(c, (struct candidate){ p->process, 0, p->pid, p->comm, { 0 } }))
			return false;
	}
	for (size_t i = 0; i < t->images.count; i++) {
		const struct ht_meta_image *m = &t->images.at[i];

		if (!add(c, (struct candidate){ m->process, m->image, m->pid, { 0 }, m->exe }))
			return false;
	}
	if (c->list.count)
		fold(c);
	return true;
}

static struct ht_str base_of(struct ht_str path)
{
	for (size_t i = path.len; i > 0; i--)
		if (path.at[i - 1] == '/')
			return (struct ht_str){ path.at + i, path.len - i };
	return path;
}

static bool is_named(struct ht_str name, const char *word)
{
	return name.len == strlen(word) && !memcmp(name.at, word, name.len);
}

static bool is_number(const char *word, uint64_t *ret)
{
	char *end;

	*ret = strtoull(word, &end, 10);
	return word[0] >= '0' && word[0] <= '9' && !*end;
}

static bool is_meant(const struct candidate *c, const char *word)
{
	uint64_t number;

	if (word[0] == '#' && is_number(word + 1, &number))
		return c->process == number;
	if (is_number(word, &number) && c->pid == number)
		return true;
	return is_named(c->comm, word) || is_named(base_of(c->exe), word);
}

/* As many as the line holds. */
static int nobody(const struct candidates *c, const char *word, struct ht_err *err)
{
	char who[160] = "";
	size_t used = 0, i;

	for (i = 0; i < c->list.count && used + 40 < sizeof(who); i++) {
		const struct candidate *at = &c->list.at[i];
		struct ht_str name = at->comm.len ? at->comm : base_of(at->exe);

		used += (size_t)snprintf(who + used, sizeof(who) - used, "%s%llu %.*s", i ? ", " : "",
					 (unsigned long long)at->pid, name.len < 16 ? (int)name.len : 16, name.at);
	}
	return ht_err_set(err, HT_EUSAGE,
			  "--process=%.64s: no process of the trace has this pid or name; there %s %s%s", word,
			  c->list.count == 1 ? "is" : "are", c->list.count ? who : "none",
			  i < c->list.count ? " and more (heaptap info shows all)" : "");
}

/* HT_ESYSTEM, or 0. */
static int choose(struct ht_model *t, const struct candidates *c, const char *word)
{
	for (size_t i = 0; i < c->list.count; i++) {
		uint64_t *to;

		if (!is_meant(&c->list.at[i], word))
			continue;
		to = HT_LIST_ADD(&t->chosen);
		if (!to)
			return HT_ESYSTEM;
		*to = c->list.at[i].process;
	}
	return 0;
}

int ht_choice_make(struct ht_model *t, const char *word, struct ht_err *err)
{
	struct candidates c = { 0 };
	int rc = 0;

	if (!collect(t, &c) || choose(t, &c, word))
		rc = ht_err_set(err, HT_ESYSTEM, "out of memory for the processes of the trace");
	else if (!t->chosen.count)
		rc = nobody(&c, word, err);
	free(c.list.at);
	if (rc)
		return rc;
	t->has_choice = true;
	for (size_t i = 0; i < t->streams.count; i++)
		t->streams.at[i]
			.is_chosen = /* whose calls those of stream 0 were is not known: they may be the chosen ones' */
			!t->streams.at[i].number || ht_choice_has(t, t->streams.at[i].process);
	ht_model_count_chosen(t);
	return 0;
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

bool ht_choice_has(const struct ht_model *t, uint64_t process)
{
	return !t->has_choice ||
	       bsearch(&process, t->chosen.at, t->chosen.count, sizeof(*t->chosen.at), by_number) != NULL;
}

bool ht_choice_has_stream(const struct ht_model *t, uint64_t stream)
{
	size_t from = 0, to = t->streams.count;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (t->streams.at[middle].number == stream)
			return t->streams.at[middle].is_chosen;
		if (t->streams.at[middle].number < stream)
			from = middle + 1;
		else
			to = middle;
	}
	return true;
}
