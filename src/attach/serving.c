/* SPDX-License-Identifier: Apache-2.0 */
/* serving.c -- finds all entries, and leaves those of the allocator that comes first
 *
 * Called by: join.c.
 */
#include "attach/serving.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "attach/exports.h"
#include "attach/loader.h"
#include "util/cleanup.h"

#define BEFORE_BYTES 0x4000u /* of glibc's functions in front of those that are entered */
#define CODE_MOST (1u << 20)
#define CALL_BYTES 5u

static int refuse(const struct ht_process *p, const char *why, struct ht_err *err)
{
	return ht_err_set(err, HT_ETARGET, "process %d cannot be recorded: %s", (int)p->pid, why);
}

/* The allocator with the least place in the loader's list, by where its module begins. False: there is none. */
static bool choose(const struct ht_process *p, const struct ht_entry *e, size_t count, uint64_t *from)
{
	struct ht_loader loader = ht_loader_find(p);
	unsigned best = UINT32_MAX;
	bool found = false;

	for (size_t i = 0; i < count; i++) {
		unsigned order;

		if (e[i].function == HT_FN_NONE || (i && e[i].from == e[i - 1].from))
			continue;
		order = ht_loader_order(p, &loader, e[i].from);
		if (!found || order < best) {
			best = order;
			*from = e[i].from;
		}
		found = true;
	}
	return found;
}

/* The C library's own is left to nobody once another serves the program: its symbols are all bound to that. */
static unsigned count_others(const struct ht_entry *e, size_t count, uint64_t from)
{
	unsigned others = 0;

	for (size_t i = 0; i < count; i++)
		others += e[i].function == HT_FN_MALLOC && e[i].from != from && e[i].allocator != HT_ALLOCATOR_GLIBC &&
			  e[i].allocator != HT_ALLOCATOR_MUSL;
	return others;
}

static bool has(const struct ht_serving *s, enum ht_function function)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->entry[i].function == function)
			return true;
	return false;
}

/* Each operator new that throws with its form that does not. */
static bool operators_are_whole(const struct ht_serving *s)
{
	static const enum ht_function throwing[] = { HT_FN_NEW, HT_FN_NEW_ARRAY, HT_FN_NEW_ALIGNED,
						     HT_FN_NEW_ARRAY_ALIGNED };

	for (size_t i = 0; i < sizeof(throwing) / sizeof(*throwing); i++)
		if (has(s, throwing[i]) && !has(s, throwing[i] + 2))
			return false;
	return true;
}

static bool is_in_entry(const struct ht_serving *s, uint64_t at)
{
	for (size_t i = 0; i < s->count; i++)
		if (at >= s->entry[i].at && at < s->entry[i].at + s->entry[i].bytes)
			return true;
	return false;
}

static bool is_of_program(const struct ht_process *p, const struct ht_region *r)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)p->pid);
	return r && !stat(path, &st) && st.st_ino == r->inode;
}

/* Since 2.34, which brought closefrom and took __free_hook away. */
static bool has_plain_free(const struct ht_process *p, const struct ht_region *r)
{
	struct ht_exports e;
	uint64_t at, bytes;

	return r && ht_exports_open(p, r, &e) && ht_exports_find(&e, "closefrom", &at, &bytes);
}

/* glibc's calls of its free between its functions, which are those of a thread that ends: the others are in functions that are entries themselves. */
static void find_own(const struct ht_process *p, struct ht_serving *s)
{
	uint64_t from = UINT64_MAX, end = 0, free_at = 0;
	ht_auto(memory) uint8_t *code = NULL;

	for (size_t i = 0; i < s->count; i++) {
		const struct ht_entry *e = &s->entry[i];

		if (e->function == HT_FN_NONE)
			continue;
		from = e->at < from ? e->at : from;
		end = e->at + e->bytes > end ? e->at + e->bytes : end;
		free_at = e->function == HT_FN_FREE && !free_at ? e->at : free_at;
	}
	from -= BEFORE_BYTES;
	code = end > from && end - from < CODE_MOST ? malloc(end - from) : NULL;
	if (!code || !ht_process_read(p, from, code, end - from))
		return;
	for (uint64_t at = from; at + CALL_BYTES <= end; at++) {
		int32_t distance;

		memcpy(&distance, code + (at - from) + 1, sizeof(distance));
		if (code[at - from] != 0xe8 || at + CALL_BYTES + (uint64_t)(int64_t)distance != free_at ||
		    is_in_entry(s, at))
			continue;
		if (!s->own_from)
			s->own_from = at + CALL_BYTES;
		s->own_end = at + CALL_BYTES + 1;
	}
}

static int judge(const struct ht_process *p, struct ht_serving *s, struct ht_err *err)
{
	const struct ht_region *r = ht_process_at(p, s->entry[0].at), *first = ht_process_at(p, s->entry[0].from);

	if (!has(s, HT_FN_MALLOC) || !has(s, HT_FN_FREE))
		return refuse(p, "its allocator has no malloc or no free that others could call", err);
	if (s->kind == HT_ALLOCATOR_HEAPTAP)
		return refuse(p, "heaptap's agent is loaded in it already: end the recording that began with it", err);
	if (s->kind == HT_ALLOCATOR_UNKNOWN && !is_of_program(p, r))
		return refuse(p,
			      "its malloc is that of a library which is none of the known allocators (glibc, musl, "
			      "jemalloc, tcmalloc, mimalloc); a sanitizer has to be built out of the program",
			      err);
	if (!operators_are_whole(s))
		return refuse(p, "its allocator has an operator new without its nothrow form", err);
	if (s->kind == HT_ALLOCATOR_GLIBC)
		find_own(p, s);
	s->plain_free = s->kind == HT_ALLOCATOR_GLIBC && has_plain_free(p, first);
	snprintf(s->module, sizeof(s->module), "%s", r ? r->path : "");
	return 0;
}

int ht_serving_find(const struct ht_process *p, struct ht_serving *ret, struct ht_err *err)
{
	struct ht_entry all[HT_ENTRIES_MOST];
	size_t count = ht_entries_find(p, all);
	struct ht_serving s = { .count = 0 };
	uint64_t from = 0;
	int rc;

	if (!choose(p, all, count, &from))
		return refuse(p,
			      "no malloc was found in it: it is a static program that was stripped, or has an "
			      "allocator of its own (Go, Java's heap)",
			      err);
	for (size_t i = 0; i < count; i++)
		if (all[i].function == HT_FN_NONE || all[i].from == from)
			s.entry[s.count++] = all[i];
	s.kind = s.entry[0].allocator;
	s.others = count_others(all, count, from);
	rc = judge(p, &s, err);
	if (!rc)
		*ret = s;
	return rc;
}
