/* SPDX-License-Identifier: Apache-2.0 */
/* tid.c -- compares the words behind each thread's thread pointer with its id
 *
 * Called by: whoever enters a process.
 *
 *   thread pointer ──► itself (the ABI says so) ... id ...        a distance stays in the race as long as no thread contradicts it
 */
#include "attach/tid.h"

#include <stdlib.h>
#include <string.h>

#include "attach/peek.h"
#include "attach/threads.h"

#define WORDS 1024u /* 4 KiB behind the thread pointer */

static const uint32_t usual[] = { 0x2d0, 0x30 }; /* glibc since 2.3 or so; musl 1.2 */

/* Whether it sees its threads' ids as we do, and not in a pid namespace of its own. */
static bool shares_ids(const struct ht_visit *v)
{
	char ids[256];

	return ht_process_status(v->process->pid, 0, "NSpid", ids, sizeof(ids)) && !strchr(ids, '\t');
}

/* The innermost of the ids that the thread has in the namespaces it is in. */
static uint32_t own_id(const struct ht_visit *v, pid_t tid)
{
	char ids[256];
	const char *last;

	if (!ht_process_status(v->process->pid, tid, "NSpid", ids, sizeof(ids)))
		return 0;
	last = strrchr(ids, '\t');
	return (uint32_t)strtoul(last ? last + 1 : ids, NULL, 10);
}

static bool look_at(const struct ht_visit *v, uint32_t id, uint64_t at, bool right[WORDS])
{
	uint32_t words[WORDS] = { 0 };
	uint64_t self;

	/* what can be read: a thread's memory may end soon */
	if (!id || ht_peek_bytes(v->process, at, words, sizeof(words)) < sizeof(self))
		return false;
	memcpy(&self, words, sizeof(self));
	for (size_t i = 0; i < WORDS; i++)
		right[i] = right[i] && words[i] == id;
	return self == at;
}

static int choose(const struct ht_visit *v, const bool right[WORDS], uint32_t *ret, struct ht_err *err)
{
	unsigned found = 0;

	for (uint32_t i = 0; i < WORDS; i++) {
		found += right[i];
		if (right[i])
			*ret = i * (uint32_t)sizeof(uint32_t);
	}
	for (size_t i = 0; found > 1 && i < sizeof(usual) / sizeof(*usual); i++)
		if (right[usual[i] / sizeof(uint32_t)]) {
			*ret = usual[i];
			return 0;
		}
	if (found == 1)
		return 0;
	return ht_err_set(err, HT_ETARGET,
			  found ? "process %d: several places could be where its C library keeps the ids of threads"
				: "process %d: where its C library keeps the ids of threads was not found",
			  (int)v->process->pid);
}

int ht_tid_offset(const struct ht_visit *v, uint32_t *ret, struct ht_err *err)
{
	bool right[WORDS], shared = shares_ids(v);
	unsigned held = 0;

	memset(right, true, sizeof(right));
	for (size_t i = 0; i < v->threads; i++) {
		const struct ht_visited *t = &v->thread[i];
		uint64_t at = t->state == HT_VISIT_GONE ? 0 : ht_threads_pointer(v, t);

		if (!at && t->state != HT_VISIT_HELD)
			continue;
		held++;
		if (!look_at(v, shared ? (uint32_t)t->tid : own_id(v, t->tid), at, right))
			return ht_err_set(err, HT_ETARGET,
					  "thread %d of process %d has no thread pointer that leads to itself",
					  (int)t->tid, (int)v->process->pid);
	}
	return held ? choose(v, right, ret, err)
		    : ht_err_set(err, HT_ETARGET, "no thread of process %d could be stopped", (int)v->process->pid);
}
