/* SPDX-License-Identifier: Apache-2.0 */
/* peek.c -- process_vm_readv(2), and /proc/PID/mem where that is not allowed
 *
 * Called by: chunks.c, waiting.c, mmapped.c.
 *
 * A call that reads many pieces stops at the first one that is not mapped; that one is zeros, and the next call begins behind it.
 */
#include "attach/peek.h"

#include <stdlib.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define WINDOW_LEAST 64u
#define NEAR 8192u /* a step over less is no jump: reading it costs less than another call */
#define WINDOW_MOST (256u << 10)
#define AT_ONCE 1024u /* pieces; IOV_MAX */

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static bool is_late(struct ht_peek *w)
{
	w->late = w->late || now_ns() > w->until_ns;
	return w->late;
}

size_t ht_peek_bytes(const struct ht_process *p, uint64_t at, void *to, size_t n)
{
	struct iovec here = { to, n }, there = { (void *)at, n };
	ssize_t got = process_vm_readv(p->pid, &here, 1, &there, 1, 0);

	if (got < 0)
		got = pread(p->mem, to, n, (off_t)at);
	return got < 0 ? 0 : (size_t)got;
}

int ht_peek_init(struct ht_peek *w, const struct ht_process *p, uint64_t until_ns, struct ht_err *err)
{
	*w = (struct ht_peek){ .process = p, .until_ns = until_ns, .bytes = malloc(WINDOW_MOST) };
	return w->bytes ? 0 : ht_err_set(err, HT_ESYSTEM, "out of memory");
}

void ht_peek_fini(struct ht_peek *w)
{
	free(w->bytes);
	w->bytes = NULL;
}

void ht_peek_begin(struct ht_peek *w, uint64_t at, uint64_t end)
{
	w->at = at;
	w->end = end;
	w->len = 0;
	w->want = WINDOW_LEAST;
	w->failed = false;
}

uint64_t ht_peek_word_slow(struct ht_peek *w, uint64_t at)
{
	uint64_t word = 0, from = at & ~7ull;
	bool goes_on = from >= w->at && from - w->at < 2 * w->len + NEAR;
	size_t n;

	w->want = !goes_on ? WINDOW_LEAST : w->want < WINDOW_MOST ? w->want * 2 : WINDOW_MOST;
	n = from < w->end && w->end - from < w->want ? (size_t)(w->end - from) : w->want;
	w->at = from;
	w->len = from < w->end && !is_late(w) ? ht_peek_bytes(w->process, from, w->bytes, n) : 0;
	if (w->len < at - from + sizeof(word)) {
		w->len = 0;
		w->failed = true;
		return 0;
	}
	memcpy(&word, w->bytes + (at - from), sizeof(word));
	return word;
}

/* One call; how many of them are done, at least one. */
static size_t gather_some(const struct ht_process *p, const uint64_t *place, size_t count, struct ht_piece *ret)
{
	struct iovec here = { ret, count * sizeof(*ret) }, there[AT_ONCE];
	ssize_t got;

	for (size_t i = 0; i < count; i++)
		there[i] = (struct iovec){ (void *)place[i], sizeof(*ret) };
	got = process_vm_readv(p->pid, &here, 1, there, count, 0);
	if (got >= (ssize_t)sizeof(*ret))
		return (size_t)got / sizeof(*ret);
	if (pread(p->mem, ret, sizeof(*ret), (off_t)place[0]) != (ssize_t)sizeof(*ret))
		*ret = (struct ht_piece){ { 0 } };
	return 1;
}

bool ht_peek_gather(struct ht_peek *w, const uint64_t *place, size_t count, struct ht_piece *ret)
{
	for (size_t done = 0; !is_late(w) && done < count;) {
		size_t n = count - done < AT_ONCE ? count - done : AT_ONCE;

		done += gather_some(w->process, place + done, n, ret + done);
	}
	return !w->late;
}
