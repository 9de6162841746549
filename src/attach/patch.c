/* SPDX-License-Identifier: Apache-2.0 */
/* patch.c -- plans a place, writes it, jumps into it, and takes it all back
 *
 * Called by: the doors into a process.
 *
 *   map:       the place, with its note ──► memory to share
 *   put in:    threads inside an entry go on in the copy ──► entries, one by one
 *   take out:  door shut ──► entries, one by one ──► threads inside a copy go on in the entry ──► text is the file's again ──► unmap
 *
 * A thread inside an entry is moved before the entry is written: the copy is right whatever stands in the entry.
 */
#include "attach/patch.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <unistd.h>

#include "attach/inside.h"
#include "channel/blob.h"
#include "util/cleanup.h"

#define PAGE 4096ull
#define REACH ((1ull << 31) - (64ull << 20)) /* a jump's, less the size of a module */
#define MARGIN (1ull << 20)                  /* to the neighbours, which may grow */
#define LOWEST (1ull << 20)
#define HIGHEST (1ull << 47)
#define FUNCTION_MOST 16384u
#define UNKNOWN_BYTES 64u

static const char magic[16] = "heaptap place 2";

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
		      struct ht_foothold *foothold, struct ht_err *err)
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
	if (best.end - best.from < foothold->bytes + PAGE)
		return ht_err_set(err, HT_ETARGET,
				  "process %d has no free addresses within 2 GiB of all its allocators", (int)p->pid);
	foothold->at = (best.from + (best.end - best.from - foothold->bytes) / 2) & ~(PAGE - 1);
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
	memcpy(plan->image + (e.moved - n->foothold.at), r.code, r.bytes);
	ht_relocate_jump(e.jump, f->at, f->hook ? ht_patch_part_at(plan) + f->hook : e.moved);
	*free_at += (r.bytes + 15u) & ~15u;
	n->entry[n->count++] = e;
	return 0;
}

static int plan_entries(const struct ht_process *p, const struct ht_patch_function *f, size_t count,
			struct ht_patch_plan *plan, struct ht_err *err)
{
	struct ht_patch_note *n = &plan->note;
	uint64_t free_at = n->foothold.at + HT_PATCH_NOTE_BYTES;
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

static uint64_t whole_pages(uint64_t bytes)
{
	return (bytes + PAGE - 1) & ~(PAGE - 1);
}

static uint64_t bytes_with(uint64_t part_bytes)
{
	return HT_PATCH_PART_AT + whole_pages(part_bytes);
}

static int plan_note(const struct ht_process *p, const struct ht_patch_function *f, size_t count,
		     const struct ht_patch_part *part, struct ht_patch_note *n, struct ht_err *err)
{
	struct ht_process_identity itself;
	int rc = ht_gadgets_find(p, &n->gadgets, err);

	if (rc)
		return rc;
	memcpy(n->magic, magic, sizeof(magic));
	n->foothold.bytes = bytes_with(part->end_at ? part->end_at : part->bytes);
	n->foothold.code_bytes = part->end_at ? HT_PATCH_PART_AT + part->data_at : n->foothold.bytes;
	ht_process_identify(getpid(), &n->owner);
	if (!ht_process_identify(p->pid, &itself))
		return ht_err_set(err, HT_ETARGET, "process %d is ending", (int)p->pid);
	n->started = itself.started;
	rc = find_place(p, f, count, &n->foothold, err);
	/* another name for each: what stays of an earlier one keeps its memory */
	snprintf(n->foothold.memory, sizeof(n->foothold.memory), "heaptap-in-%d-%" PRIx64, (int)p->pid, n->foothold.at);
	if (!rc && part->door_at)
		n->foothold.door_at = n->foothold.at + HT_PATCH_PART_AT + part->door_at;
	return rc;
}

int ht_patch_plan(const struct ht_process *p, const struct ht_patch_function *f, size_t count,
		  const struct ht_patch_part *part, struct ht_patch_plan *ret, struct ht_err *err)
{
	struct ht_patch_plan plan = { .image = NULL };
	int rc;

	if (count > HT_PATCH_MOST)
		return ht_err_set(err, HT_ETARGET, "process %d has more allocation functions than can be entered",
				  (int)p->pid);
	rc = plan_note(p, f, count, part, &plan.note, err);
	if (rc)
		return rc;
	plan.image = calloc(1, plan.note.foothold.code_bytes);
	if (!plan.image)
		return ht_err_set(err, HT_ESYSTEM, "out of memory");
	rc = plan_entries(p, f, count, &plan, err);
	if (rc) {
		free(plan.image);
		return rc;
	}
	memcpy(plan.image, &plan.note, sizeof(plan.note));
	if (part->bytes)
		memcpy(plan.image + HT_PATCH_PART_AT, part->code, part->bytes);
	*ret = plan;
	return 0;
}

int ht_patch_fill(const struct ht_process *p, const struct ht_patch_plan *plan, struct ht_err *err)
{
	const struct ht_foothold *foothold = &plan->note.foothold;

	return ht_process_write(p, foothold->at, plan->image, foothold->code_bytes)
		       ? 0
		       : ht_err_sys(err, "cannot write into process %d", (int)p->pid);
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

static bool is_in_place(const void *note, uint64_t word)
{
	const struct ht_foothold *p = &((const struct ht_patch_note *)note)->foothold;

	return word >= p->at && word < p->at + p->bytes;
}

static bool is_inside_entry(const void *note, uint64_t word)
{
	const struct ht_patch_note *n = note;

	for (size_t i = 0; i < n->count; i++)
		if (word > n->entry[i].at && word < n->entry[i].at + n->entry[i].taken)
			return true;
	return false;
}

static uint32_t count_busy(const struct ht_visit *v, const struct ht_patch_note *n)
{
	uint32_t inside = 0;

	for (size_t i = 0; i < v->threads; i++) {
		const struct ht_visited *t = &v->thread[i];

		inside += t->state != HT_VISIT_GONE && (is_in_place(n, t->regs.rip) || ht_inside(v, t, is_in_place, n));
	}
	return inside;
}

/* ---- in ---------------------------------------------------------------------------------------------------- */

static int changed(const struct ht_visit *v, struct ht_err *err)
{
	return ht_err_set(err, HT_ETARGET, "process %d changed its own code meanwhile, or does not let it be written",
			  (int)v->process->pid);
}

/* Those that were left asleep are looked at once more, then all is written at once; who woke up meanwhile is stopped and moved like the others. */
static int write_entries(struct ht_visit *v, const struct ht_patch_note *n, struct ht_err *err)
{
	int rc;

	for (size_t i = 0; i < n->count; i++)
		if (!is_there(v->process, n->entry[i].at, n->entry[i].original))
			return changed(v, err);
	rc = ht_visit_settle(v, err);
	move_threads(v, n, place_in_copy);
	for (size_t i = 0; !rc && i < n->count; i++)
		if (!write_entry(v->process, n->entry[i].at, n->entry[i].jump))
			rc = changed(v, err);
	if (!rc)
		rc = ht_visit_settle(v, err);
	move_threads(v, n, place_in_copy);
	return rc;
}

static int restore_entries(struct ht_visit *v, const struct ht_patch_note *n, uint32_t *foreign, struct ht_err *err)
{
	int rc = ht_visit_settle(v, err);

	*foreign = 0;
	for (size_t i = 0; !rc && i < n->count; i++) {
		const struct ht_patch_entry *e = &n->entry[i];

		if (is_there(v->process, e->at, e->original))
			continue;
		if (!is_there(v->process, e->at, e->jump) || !write_entry(v->process, e->at, e->original))
			++*foreign;
	}
	if (!rc)
		rc = ht_visit_settle(v, err);
	move_threads(v, n, place_in_entry);
	return rc;
}

/* P4. A thread that stands there itself is moved; one that a signal has called away comes back to where its stack says. */
static bool signals_inside(const struct ht_visit *v, const struct ht_patch_note *n)
{
	for (size_t i = 0; i < v->threads; i++)
		if (v->thread[i].state != HT_VISIT_GONE && ht_inside(v, &v->thread[i], is_inside_entry, n))
			return true;
	return false;
}

int ht_patch_map(struct ht_visit *v, void *with, struct ht_err *err)
{
	struct ht_patch_visit *pv = with;
	const struct ht_patch_note *n = &pv->plan.note;
	int rc;

	pv->outcome = HT_PATCH_AGAIN;
	if (ht_borrow_is_left(v, &n->gadgets))
		return 0;
	rc = ht_foothold_map(v, &n->gadgets, &n->foothold, n, sizeof(*n), err);
	if (rc == HT_FOOTHOLD_TAKEN)
		return 0;
	pv->shared.name_at = n->foothold.at + offsetof(struct ht_patch_note, foothold.memory);
	if (!rc && pv->shared.bytes)
		rc = ht_foothold_share(v, &n->gadgets, &pv->shared, err);
	if (!rc)
		pv->outcome = HT_PATCH_DONE;
	return rc;
}

int ht_patch_put_in(struct ht_visit *v, void *with, struct ht_err *err)
{
	struct ht_patch_visit *pv = with;
	const struct ht_patch_note *n = &pv->plan.note;
	struct ht_err other;
	uint32_t foreign;
	int rc;

	pv->outcome = HT_PATCH_AGAIN;
	if (ht_borrow_is_left(v, &n->gadgets) || signals_inside(v, n))
		return 0;
	rc = write_entries(v, n, err);
	if (!rc)
		pv->outcome = HT_PATCH_DONE;
	else
		restore_entries(v, n, &foreign, &other); /* what is left of it is in the note */
	return rc;
}

/* ---- out --------------------------------------------------------------------------------------------------- */

/* The private copies of text pages go, and the file's pages are there again. */
static int give_back_text(struct ht_visit *v, const struct ht_patch_note *n, struct ht_err *err)
{
	uint64_t page[HT_PATCH_MOST];
	size_t count = 0;

	for (size_t i = 0; i < n->count; i++) {
		const struct ht_patch_entry *e = &n->entry[i];
		uint64_t of_entry = e->at & ~(PAGE - 1);

		if (e->of_file && (!count || page[count - 1] != of_entry) && is_there(v->process, e->at, e->original))
			page[count++] = of_entry;
	}
	return ht_foothold_give_back(v, &n->gadgets, page, count, err);
}

/* From now on a hook is a jump to the original. */
static void shut(const struct ht_visit *v, const struct ht_patch_note *n)
{
	const uint8_t dormant = HT_DOOR_DORMANT;

	if (n->foothold.door_at)
		ht_process_write(v->process, n->foothold.door_at, &dormant, sizeof(dormant));
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
	if (!n->foothold.bytes) {
		pv->outcome = HT_PATCH_DONE;
		return 0;
	}
	shut(v, n);
	rc = restore_entries(v, n, &pv->foreign, err);
	if (!rc && !pv->foreign)
		rc = give_back_text(v, n, err);
	if (rc)
		return rc;
	pv->busy = count_busy(v, n);
	if (pv->busy || pv->foreign)
		return 0;
	rc = ht_foothold_unmap(v, &n->gadgets, &n->foothold, err);
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

/* What lies at the beginning of a mapping is the note of that mapping. */
static bool is_note(const struct ht_patch_note *n, const struct ht_region *r)
{
	const struct ht_foothold *p = &n->foothold;
	uint64_t bytes = r->end - r->start;

	return !memcmp(n->magic, magic, sizeof(magic)) && p->at == r->start && n->count <= HT_PATCH_MOST &&
	       (bytes == p->code_bytes || bytes == p->bytes) && !p->memory[sizeof(p->memory) - 1];
}

bool ht_patch_find(const struct ht_process *p, uint64_t from, uint64_t part_bytes, struct ht_patch_note *ret)
{
	struct ht_patch_note n;
	struct ht_err err;

	for (size_t i = 0; i < p->regions; i++) {
		const struct ht_region *r = &p->region[i];
		uint64_t bytes = r->end - r->start;

		if (r->start < from || r->inode || r->shared || r->writable || !r->readable || !r->executable ||
		    r->path[0] || bytes < sizeof(n) || !ht_process_read(p, r->start, &n, sizeof(n)))
			continue;
		if (is_zero(&n) && bytes == bytes_with(part_bytes)) /* P2 */
			n.foothold = (struct ht_foothold){ .at = r->start, .bytes = bytes, .code_bytes = bytes };
		else if (!is_note(&n, r))
			continue;
		*ret = n;
		return n.gadgets.call || !ht_gadgets_find(p, &ret->gadgets, &err);
	}
	*ret = (struct ht_patch_note){ .count = 0 };
	ht_gadgets_find(p, &ret->gadgets, &err);
	return false;
}
