/* SPDX-License-Identifier: Apache-2.0 */
/* patch.c -- plans a place, writes it, jumps into it, and takes it all back
 *
 * Called by: the doors into a process.
 *
 *   put in:    map the place ──► write note and code ──► threads inside an entry go on in the copy ──► entries, one by one
 *   take out:  entries, one by one ──► threads inside a copy go on in the entry ──► text is the file's again ──► unmap
 *
 * A thread inside an entry is moved before the entry is written: the copy is right whatever stands in the entry.
 */
#include "attach/patch.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/cleanup.h"

#define PAGE 4096ull
#define REACH ((1ull << 31) - (64ull << 20)) /* a jump's, less the size of a module */
#define MARGIN (1ull << 20)                  /* to the neighbours, which may grow */
#define LOWEST (1ull << 20)
#define HIGHEST (1ull << 47)
#define FUNCTION_MOST 16384u
#define UNKNOWN_BYTES 64u
#define STACK_MOST (1u << 20) /* as far as a thread's stack is searched */

static const char magic[16] = "heaptap place 1";

/* ---- the plan ---------------------------------------------------------------------------------------------- */

struct span {
	uint64_t from, end;
};

/* What of the gap is in reach of all entries; its middle is as far from the neighbours as it can be. */
static void consider(uint64_t from, uint64_t end, const struct span *reach, struct span *best)
{
	struct span s = { from + MARGIN, end > MARGIN ? end - MARGIN : 0 };

	if (s.from < reach->from)
		s.from = reach->from;
	if (s.end > reach->end)
		s.end = reach->end;
	if (s.end > s.from && s.end - s.from > best->end - best->from)
		*best = s;
}

static int find_place(const struct ht_process *p, const struct ht_patch_function *f, size_t count,
		      struct ht_patch_note *n, struct ht_err *err)
{
	struct span reach = { LOWEST, HIGHEST }, best = { 0, 0 };
	uint64_t before = LOWEST;

	for (size_t i = 0; i < count; i++) {
		if (f[i].at > REACH && f[i].at - REACH > reach.from)
			reach.from = f[i].at - REACH;
		if (f[i].at + REACH < reach.end)
			reach.end = f[i].at + REACH;
	}
	for (size_t i = 0; i < p->regions; i++) {
		if (p->region[i].start > before)
			consider(before, p->region[i].start, &reach, &best);
		before = p->region[i].end;
	}
	if (before < HIGHEST)
		consider(before, HIGHEST, &reach, &best);
	if (best.end - best.from < n->bytes + PAGE)
		return ht_err_set(err, HT_ETARGET,
				  "process %d has no free addresses within 2 GiB of all its allocators", (int)p->pid);
	n->at = (best.from + (best.end - best.from - n->bytes) / 2) & ~(PAGE - 1);
	return 0;
}

/* Whether a page of text is the file's own: not yet written by anybody. */
static bool is_of_file(const struct ht_process *p, int pagemap, uint64_t at)
{
	const uint64_t present = 1ull << 63, swapped = 1ull << 62, file = 1ull << 61;
	const struct ht_region *r = ht_process_at(p, at);
	uint64_t e = 0;

	if (!r || !r->inode || r->shared || pread(pagemap, &e, sizeof(e), (off_t)(at / PAGE * sizeof(e))) != sizeof(e))
		return false;
	return e & present ? (e & file) != 0 : !(e & swapped);
}

static int plan_entry(const struct ht_process *p, const struct ht_patch_function *f, struct ht_patch_plan *plan,
		      uint64_t *free_at, struct ht_err *err)
{
	struct ht_patch_note *n = &plan->note;
	struct ht_patch_entry e;
	size_t bytes = f->bytes && f->bytes < FUNCTION_MOST ? (size_t)f->bytes : UNKNOWN_BYTES;
	uint8_t code[FUNCTION_MOST];
	struct ht_relocated r;
	int rc;

	if (f->at % PAGE > PAGE - HT_JUMP_BYTES || !ht_process_read(p, f->at, code, bytes))
		return ht_err_set(err, HT_ETARGET, "the function at %#" PRIx64 " cannot be entered: it cannot be read",
				  f->at);
	rc = ht_relocate(&(struct ht_function_bytes){ code, bytes, bytes == f->bytes, f->at }, *free_at, &r, err);
	if (rc)
		return rc;
	e = (struct ht_patch_entry){
		.at = f->at, .moved = *free_at, .taken = r.taken, .count = r.count, .moved_bytes = r.bytes
	};
	memcpy(e.original, code, HT_JUMP_BYTES);
	memcpy(e.from, r.from, sizeof(e.from));
	memcpy(e.to, r.to, sizeof(e.to));
	memcpy(plan->image + (e.moved - n->at), r.code, r.bytes);
	ht_relocate_jump(e.jump, f->at, e.moved);
	*free_at += (r.bytes + 15u) & ~15u;
	n->entry[n->count++] = e;
	return 0;
}

static int plan_entries(const struct ht_process *p, const struct ht_patch_function *f, size_t count,
			struct ht_patch_plan *plan, struct ht_err *err)
{
	struct ht_patch_note *n = &plan->note;
	uint64_t free_at = n->at + n->bytes - HT_PATCH_CODE_BYTES;
	char path[64];
	int rc = 0;

	snprintf(path, sizeof(path), "/proc/%d/pagemap", (int)p->pid);
	ht_auto(fd) int pagemap = open(path, O_RDONLY | O_CLOEXEC);
	for (size_t i = 0; !rc && i < count; i++) {
		rc = plan_entry(p, &f[i], plan, &free_at, err);
		if (!rc)
			n->entry[i].of_file = is_of_file(p, pagemap, f[i].at);
	}
	return rc;
}

int ht_patch_plan(const struct ht_process *p, const struct ht_patch_function *f, size_t count, size_t extra,
		  struct ht_patch_plan *ret, struct ht_err *err)
{
	struct ht_patch_plan plan = { .image = NULL };
	struct ht_patch_note *n = &plan.note;
	int rc;

	if (count > HT_PATCH_MOST)
		return ht_err_set(err, HT_ETARGET, "process %d has more allocation functions than can be entered",
				  (int)p->pid);
	memcpy(n->magic, magic, sizeof(magic));
	n->bytes = (HT_PATCH_NOTE_BYTES + extra + HT_PATCH_CODE_BYTES + PAGE - 1) & ~(PAGE - 1);
	rc = ht_gadgets_find(p, &n->gadgets, err);
	if (!rc)
		rc = find_place(p, f, count, n, err);
	if (rc)
		return rc;
	plan.image = calloc(1, n->bytes);
	if (!plan.image)
		return ht_err_set(err, HT_ESYSTEM, "out of memory");
	rc = plan_entries(p, f, count, &plan, err);
	if (rc)
		free(plan.image);
	else
		*ret = plan;
	return rc;
}

void ht_patch_plan_fini(struct ht_patch_plan *p)
{
	free(p->image);
	p->image = NULL;
}

/* ---- entries ----------------------------------------------------------------------------------------------- */

/* With one store of eight bytes if they hold the entry, as they do unless it stands askew: a thread that was left asleep may wake up. */
static bool write_entry(const struct ht_process *p, uint64_t at, const uint8_t bytes[HT_JUMP_BYTES])
{
	size_t before = at % 8;
	uint8_t word[8];

	if (before + HT_JUMP_BYTES > sizeof(word))
		return ht_process_write(p, at, bytes, HT_JUMP_BYTES);
	if (!ht_process_read(p, at - before, word, sizeof(word)))
		return false;
	memcpy(word + before, bytes, HT_JUMP_BYTES);
	return ht_process_write(p, at - before, word, sizeof(word));
}

/* P5: only what is as it was left. */
static bool is_there(const struct ht_process *p, uint64_t at, const uint8_t bytes[HT_JUMP_BYTES])
{
	uint8_t now[HT_JUMP_BYTES];

	return ht_process_read(p, at, now, sizeof(now)) && !memcmp(now, bytes, sizeof(now));
}

static uint64_t place_in_copy(const struct ht_patch_entry *e, uint64_t pc)
{
	for (unsigned i = 1; i < e->count; i++)
		if (pc == e->at + e->from[i])
			return e->moved + e->to[i];
	return 0;
}

static uint64_t place_in_entry(const struct ht_patch_entry *e, uint64_t pc)
{
	for (unsigned i = 0; i < e->count; i++)
		if (pc == e->moved + e->to[i])
			return e->at + e->from[i];
	return pc == e->moved + e->moved_bytes - HT_JUMP_BYTES ? e->at + e->taken : 0;
}

static void move_threads(struct ht_visit *v, const struct ht_patch_note *n,
			 uint64_t (*moved)(const struct ht_patch_entry *e, uint64_t pc))
{
	for (size_t i = 0; i < v->threads; i++) {
		struct ht_visited *t = &v->thread[i];
		uint64_t to = 0;

		for (size_t k = 0; t->state == HT_VISIT_HELD && k < n->count && !to; k++)
			to = moved(&n->entry[k], t->regs.rip);
		if (!to)
			continue;
		t->regs.rip = to;
		ptrace(PTRACE_SETREGS, t->tid, NULL, &t->regs);
	}
}

/* ---- stacks ------------------------------------------------------------------------------------------------ */

typedef bool is_meant(const struct ht_patch_note *n, uint64_t word);

static bool is_in_place(const struct ht_patch_note *n, uint64_t word)
{
	return word >= n->at && word < n->at + n->bytes;
}

static bool is_inside_entry(const struct ht_patch_note *n, uint64_t word)
{
	for (size_t i = 0; i < n->count; i++)
		if (word > n->entry[i].at && word < n->entry[i].at + n->entry[i].taken)
			return true;
	return false;
}

/* Words that nobody uses any more count too: then it is asked again. */
static bool stack_has(const struct ht_visit *v, const struct ht_visited *t, const struct ht_patch_note *n, is_meant *is)
{
	const struct ht_region *r = ht_process_at(v->process, t->regs.rsp);
	uint64_t words[512], at = t->regs.rsp & ~7ull, end = r ? r->end : at;

	if (end - at > STACK_MOST)
		end = at + STACK_MOST;
	for (size_t bytes; at < end; at += bytes) {
		bytes = end - at < sizeof(words) ? (size_t)(end - at) : sizeof(words);
		if (!ht_process_read(v->process, at, words, bytes))
			return false;
		for (size_t i = 0; i < bytes / 8; i++)
			if (is(n, words[i]))
				return true;
	}
	return false;
}

static uint32_t count_busy(const struct ht_visit *v, const struct ht_patch_note *n)
{
	uint32_t inside = 0;

	for (size_t i = 0; i < v->threads; i++) {
		const struct ht_visited *t = &v->thread[i];

		inside += t->state != HT_VISIT_GONE && (is_in_place(n, t->regs.rip) || stack_has(v, t, n, is_in_place));
	}
	return inside;
}

/* ---- in ---------------------------------------------------------------------------------------------------- */

static int cannot_call(const struct ht_visit *v, const char *what, int64_t result, struct ht_err *err)
{
	if (result == HT_BORROW_BROKEN)
		return ht_err_set(err, HT_ETARGET, "process %d did not answer in time, or is ending",
				  (int)v->process->pid);
	return ht_err_set(err, HT_ETARGET, "process %d was not allowed to %s: %s", (int)v->process->pid, what,
			  strerror((int)-result));
}

static int unmap(struct ht_visit *v, const struct ht_patch_note *n, struct ht_err *err)
{
	const uint64_t arg[6] = { n->at, n->bytes };
	struct ht_borrow b;
	int64_t result;
	int rc = ht_borrow_begin(v, &n->gadgets, &b, err);

	if (rc)
		return rc;
	result = ht_borrow_call(&b, SYS_munmap, arg);
	ht_borrow_end(&b);
	return result ? cannot_call(v, "unmap memory", result, err) : 0;
}

static int map(struct ht_visit *v, const struct ht_patch_note *n, int64_t *result, struct ht_err *err)
{
	const uint64_t where[6] = {
		n->at,        n->bytes, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
		(uint64_t)-1, 0
	};
	const uint64_t advice[6] = { n->at, n->bytes, MADV_DONTDUMP };
	struct ht_borrow b;
	int rc = ht_borrow_begin(v, &n->gadgets, &b, err);

	if (rc)
		return rc;
	*result = ht_borrow_call(&b, SYS_mmap, where);
	if (*result == (int64_t)n->at)
		ht_borrow_call(&b, SYS_madvise, advice);
	ht_borrow_end(&b);
	return 0;
}

static int write_entries(struct ht_visit *v, const struct ht_patch_note *n, struct ht_err *err)
{
	int rc = 0;

	move_threads(v, n, place_in_copy);
	for (size_t i = 0; !rc && i < n->count; i++) {
		rc = ht_visit_settle(v, err);
		if (rc)
			break;
		move_threads(v, n, place_in_copy);
		if (!is_there(v->process, n->entry[i].at, n->entry[i].original) ||
		    !write_entry(v->process, n->entry[i].at, n->entry[i].jump))
			rc = ht_err_set(err, HT_ETARGET,
					"process %d changed its own code meanwhile, or does not let it be written",
					(int)v->process->pid);
	}
	return rc;
}

static int restore_entries(struct ht_visit *v, const struct ht_patch_note *n, uint32_t *foreign, struct ht_err *err)
{
	*foreign = 0;
	for (size_t i = 0; i < n->count; i++) {
		const struct ht_patch_entry *e = &n->entry[i];
		int rc = ht_visit_settle(v, err);

		if (rc)
			return rc;
		if (is_there(v->process, e->at, e->original))
			continue;
		if (!is_there(v->process, e->at, e->jump) || !write_entry(v->process, e->at, e->original))
			++*foreign;
	}
	move_threads(v, n, place_in_entry);
	return 0;
}

/* P4. A thread that stands there itself is moved; one that a signal has called away comes back to where its stack says. */
static bool signals_inside(const struct ht_visit *v, const struct ht_patch_note *n)
{
	for (size_t i = 0; i < v->threads; i++)
		if (v->thread[i].state != HT_VISIT_GONE && stack_has(v, &v->thread[i], n, is_inside_entry))
			return true;
	return false;
}

int ht_patch_put_in(struct ht_visit *v, void *with, struct ht_err *err)
{
	struct ht_patch_visit *pv = with;
	const struct ht_patch_note *n = &pv->plan.note;
	struct ht_err other;
	uint32_t foreign;
	int64_t result;
	int rc;

	pv->outcome = HT_PATCH_AGAIN;
	if (ht_borrow_is_left(v, &n->gadgets) || signals_inside(v, n))
		return 0;
	rc = map(v, n, &result, err);
	if (rc || result == -EEXIST)
		return rc;
	if (result != (int64_t)n->at)
		return cannot_call(v, "map memory", result, err);
	memcpy(pv->plan.image, n, sizeof(*n));
	if (!ht_process_write(v->process, n->at, pv->plan.image, n->bytes))
		rc = ht_err_sys(err, "cannot write into process %d", (int)v->process->pid);
	if (!rc)
		rc = write_entries(v, n, err);
	if (!rc)
		pv->outcome = HT_PATCH_DONE;
	else if (!restore_entries(v, n, &foreign, &other))
		unmap(v, n, &other);
	return rc;
}

/* ---- out --------------------------------------------------------------------------------------------------- */

/* The private copies of text pages go, and the file's pages are there again. */
static int give_back_text(struct ht_visit *v, const struct ht_patch_note *n, struct ht_err *err)
{
	struct ht_borrow b;
	int rc = ht_borrow_begin(v, &n->gadgets, &b, err);

	if (rc)
		return rc;
	for (size_t i = 0; !rc && i < n->count; i++) {
		const struct ht_patch_entry *e = &n->entry[i];
		const uint64_t arg[6] = { e->at & ~(PAGE - 1), PAGE, MADV_DONTNEED };
		bool ours = e->of_file && is_there(v->process, e->at, e->original);
		int64_t result = ours ? ht_borrow_call(&b, SYS_madvise, arg) : 0;

		if (result)
			rc = cannot_call(v, "give text pages back", result, err);
	}
	ht_borrow_end(&b);
	return rc;
}

int ht_patch_take_out(struct ht_visit *v, void *with, struct ht_err *err)
{
	struct ht_patch_visit *pv = with;
	const struct ht_patch_note *n = &pv->note;
	int rc;

	pv->outcome = HT_PATCH_AGAIN;
	pv->busy = 0;
	if (ht_borrow_is_left(v, &n->gadgets))
		return 0;
	if (!n->bytes) {
		pv->outcome = HT_PATCH_DONE;
		return 0;
	}
	rc = restore_entries(v, n, &pv->foreign, err);
	if (!rc && !pv->foreign)
		rc = give_back_text(v, n, err);
	if (rc)
		return rc;
	pv->busy = count_busy(v, n);
	if (pv->busy || pv->foreign)
		return 0;
	rc = unmap(v, n, err);
	if (!rc)
		pv->outcome = HT_PATCH_DONE;
	return rc;
}

/* ---- whoever was here -------------------------------------------------------------------------------------- */

static bool is_zero(const struct ht_patch_note *n)
{
	static const struct ht_patch_note nothing;

	return !memcmp(n, &nothing, sizeof(nothing));
}

bool ht_patch_find(const struct ht_process *p, struct ht_patch_note *ret)
{
	struct ht_patch_note n;
	struct ht_err err;

	for (size_t i = 0; i < p->regions; i++) {
		const struct ht_region *r = &p->region[i];
		uint64_t bytes = r->end - r->start;

		if (r->inode || r->shared || r->writable || !r->readable || !r->executable || r->path[0] ||
		    bytes < sizeof(n) || !ht_process_read(p, r->start, &n, sizeof(n)))
			continue;
		if (is_zero(&n) && bytes == HT_PATCH_NOTE_BYTES + HT_PATCH_CODE_BYTES) /* P2 */
			n = (struct ht_patch_note){ .at = r->start, .bytes = bytes };
		else if (memcmp(n.magic, magic, sizeof(magic)) != 0 || n.at != r->start || n.bytes != bytes ||
			 n.count > HT_PATCH_MOST)
			continue;
		*ret = n;
		return n.gadgets.call || !ht_gadgets_find(p, &ret->gadgets, &err);
	}
	*ret = (struct ht_patch_note){ .bytes = 0 };
	ht_gadgets_find(p, &ret->gadgets, &err);
	return false;
}
