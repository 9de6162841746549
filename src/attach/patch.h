/* SPDX-License-Identifier: Apache-2.0 */
/* patch.h -- the entries of functions become jumps to a place of ours, and again what they were
 *
 * Used by: whoever enters a process.
 *
 *   malloc:  jmp ─────────────► our place (foothold.h), within 2 GiB of all entries
 *            rest ◄────┐        ┌──────┬─────────────────────────┬─────────────────────────┬──────────────────────────┐
 *            ...       │        │ note │ beginnings, moved here  │ the caller's part: code │ the caller's part: data  │
 *                      │        └──────┴──────────┬──────────────┴─────────────────────────┴──────────────────────────┘
 *                      └──────────────────────────┘                hook[] ◄── the jump, if the function has a hook; else to its own beginning
 *
 *   ht_patch_plan      while it runs: chooses the place, moves the beginnings
 *   ht_patch_map       in a visit: maps the place, and shares memory
 *   ht_patch_fill      while it runs: writes the place. Nobody goes there yet
 *   ht_patch_put_in    in a visit: the entries
 *   ht_patch_find      while it runs: the note of whoever was here, alive or not
 *   ht_patch_take_out  in a visit, as often as it says AGAIN
 *
 * Always true:
 *   P1  whatever moment the visitor dies at, each entry is whole, old or new, and both work
 *   P2  the note tells everything that taking out needs; a mapping without a note is one whose visitor died before it could write it
 *   P3  the place is unmapped only if no thread's registers nor stack lead into it (inside.h); text that was the file's is the file's again
 *   P4  a thread that a signal interrupted inside an entry keeps the entries as they are, until it has come back
 *   P5  bytes that somebody else changed meanwhile are left as they are, and counted
 */
#ifndef HT_PATCH_H
#define HT_PATCH_H

#include <assert.h>

#include "attach/foothold.h"
#include "attach/relocate.h"

#define HT_PATCH_MOST 96u

struct ht_patch_entry {
	uint64_t at;
	uint64_t moved; /* its beginning, in the place */
	uint8_t original[HT_JUMP_BYTES], jump[HT_JUMP_BYTES];
	uint8_t of_file; /* the page was the file's */
	uint8_t taken, count, from[HT_JUMP_BYTES], to[HT_JUMP_BYTES], moved_bytes;
};

/* As it lies at the beginning of the place, readable by whoever comes later. */
struct ht_patch_note {
	char magic[16];
	struct ht_foothold foothold;
	struct ht_process_identity owner; /* who put it there */
	uint64_t started; /* the process's; that of a child, which has all this from its parent, is another */
	struct ht_gadgets gadgets;
	uint64_t count;
	struct ht_patch_entry entry[HT_PATCH_MOST];
};

#define HT_PATCH_NOTE_BYTES 12288u
static_assert(sizeof(struct ht_patch_note) <= HT_PATCH_NOTE_BYTES, "the note fills its pages");
#define HT_PATCH_CODE_BYTES 16384u /* for the beginnings */
#define HT_PATCH_PART_AT (HT_PATCH_NOTE_BYTES + HT_PATCH_CODE_BYTES)

/* What the caller wants in the place: `bytes` of code, data from `data_at` to `end_at`, the door's page among it. Distances from its beginning. */
struct ht_patch_part {
	const void *code;
	uint64_t bytes, data_at, end_at, door_at; /* pages; 0: there is none */
};

/* A function to be entered; `bytes` of it, 0: not known. Its jump goes to `hook`, a distance into the part; 0: to its own beginning. */
struct ht_patch_function {
	uint64_t at, bytes, hook;
};

struct ht_patch_plan {
	struct ht_patch_note note;
	uint8_t *image; /* note.foothold.code_bytes of it */
};

/* HT_ETARGET: why it cannot be. */
int ht_patch_plan(const struct ht_process *p, const struct ht_patch_function *f, size_t count,
		  const struct ht_patch_part *part, struct ht_patch_plan *ret, struct ht_err *err);
void ht_patch_plan_fini(struct ht_patch_plan *p);
int ht_patch_fill(const struct ht_process *p, const struct ht_patch_plan *plan, struct ht_err *err);

static inline uint64_t ht_patch_part_at(const struct ht_patch_plan *p)
{
	return p->note.foothold.at + HT_PATCH_PART_AT;
}

enum ht_patch_outcome {
	HT_PATCH_DONE,
	HT_PATCH_AGAIN, /* nothing, or not all, was done: let it run on for a moment, look at it again, and visit it again */
};

struct ht_patch_visit {
	struct ht_patch_plan plan;     /* map, put in */
	struct ht_shared shared;       /* map: its bytes and post; 0 bytes: none */
	struct ht_patch_note note;     /* take out */
	enum ht_patch_outcome outcome; /* of map, AGAIN: the place is taken by now, plan anew */
	uint32_t busy;                 /* threads that are in the place */
	uint32_t foreign;              /* P5 */
};

/* Works for ht_visit_run, with a struct ht_patch_visit. */
ht_visit_work ht_patch_map, ht_patch_put_in, ht_patch_take_out;

/* The first place at or behind `from`. False: none is there; a visit with the note that is then empty tells, with DONE, that no thread is about to map one for a
 * visitor that died. `part_bytes`: of the part that such a visitor would have had. */
bool ht_patch_find(const struct ht_process *p, uint64_t from, uint64_t part_bytes, struct ht_patch_note *ret);

#endif
