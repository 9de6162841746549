/* SPDX-License-Identifier: Apache-2.0 */
/* blob.h -- the form of the agent that is written into a running process: what lies where, and who fills it
 *
 * Written into the process by: attach/, which also fills struct ht_blob.   Read by: the agent's code there (agent/blob.c).
 *
 *   file   | head, code, constants |                                         build/blob.bin, in the program
 *   memory | head, code, constants | struct ht_blob | door | own state, zero at first |
 *          0                       data_at                                            end_at
 *          |<--- read, execute --->|<----------------- read, write ------------------>|
 *
 * The whole is the caller's part of a foothold (attach/patch.h), within 2 GiB of each patched entry. The channel is a mapping of its own, anywhere.
 *
 * Order of things: map both halves and the channel ──► MADV_WIPEONFORK on the door's page, MADV_DONTDUMP ──► write the file and
 * struct ht_blob with the door DORMANT ──► entries become jumps to hook[] ──► door ACTIVE.
 * Back: door DORMANT ──► entries restored ──► no thread in the code ──► unmapped.
 *
 * Always true:
 *   B1  an entry jumps with everything as at the function's beginning; what returns to the program has every register but rax as it was, and
 *       rax and the flags as the original leaves them
 *   B2  door DORMANT, or LOOK (what a forked child sees): a hook is a jump to next[]; struct ht_blob and next[] stay readable as long as
 *       an entry is patched, in children too
 *   B3  a thread is in the code if its rip, or a return address on its stack, lies from the head to data_at
 *   B4  the throwing operators new call next[] of their nothrow form; when that has nothing, the call is counted as lost, and the program
 *       goes on in next[] of the throwing one, with no frame of ours: it may throw
 *   B5  no system call, but: a wait under HT_POLICY_BLOCK, a clock other than the TSC, stacks (rt_sigprocmask), and a fork that came while
 *       a signal handler had interrupted the agent
 *   B6  the empty function that the loader calls before and after each change (r_debug.r_brk) is an entry like others, but its hook returns
 *       itself: next[] is not used. With the door ACTIVE it brings the table of modules up to date. Without it no module is in the table that
 *       can be unloaded
 *   B7  calls of free out of `own` pass by, uncounted: a thread that ends gives back what was released before
 */
#ifndef HT_BLOB_H
#define HT_BLOB_H

#include "channel/channel.h"

#define HT_BLOB_MAGIC_DIGITS 0x31424f4c42504854 /* "THPBLOB1"; for the assembler too */
#define HT_BLOB_MAGIC ((uint64_t)HT_BLOB_MAGIC_DIGITS)
#define HT_BLOB_VERSION 2

/* The first bytes of the file. All places are distances from it. */
struct ht_blob_head {
	uint64_t magic;
	uint32_t version;
	uint32_t data_at;           /* code ends here, the file too; struct ht_blob; on a page */
	uint32_t end_at;            /* all of it: a page ends there too */
	uint32_t hook[HT_FN_COUNT]; /* where the entry of each function jumps to; of HT_FN_NONE: the loader's, see B6 */
};

/* What a hook looks at first. */
enum ht_door_state { HT_DOOR_LOOK = 0, HT_DOOR_ACTIVE = 1, HT_DOOR_DORMANT = 2 };

/* A page of its own: a forked child sees zeros. */
struct ht_door {
	_Atomic uint8_t state;   /* enum ht_door_state */
	_Atomic uint8_t looking; /* somebody finds out what LOOK means; others pass meanwhile */
	uint8_t pad[4096 - 2];
};

/* Where this image's session is. A forked child has it from its parent, but for the image. */
struct ht_gate {
	uint8_t tsc;   /* stamps are rdtsc */
	uint8_t glibc; /* blocks carry glibc's chunk header */
	uint8_t stacks, free_stacks;
	uint8_t short_alloc; /* glibc, rdtsc, no stacks: see hooks.h */
	uint8_t short_free; /* glibc, rdtsc, no stacks on frees, and the real free calls no hook: nothing is left to do after it */
	uint32_t image;
	uint32_t pid; /* of the process whose memory this is */
	struct ht_channel *channel;
	struct ht_slot *slots;
	_Atomic uint32_t *seg_next;
	struct ht_node *nodes;
	_Atomic uint32_t *node_index;
	struct ht_cell *segments;
	uint64_t stack_top;          /* of the first thread's stack */
	_Atomic uint32_t generation; /* moves before the set of loaded modules changes; from 1 */
	_Atomic uint32_t modules;    /* the newest module of this image in the channel's table, + 1 */
	uint32_t left_out;           /* of its modules, since the set changed last: those that found no place there */
	uint32_t left_out_before;    /* likewise when it had changed before that; each change tries them again */
};

struct ht_blob_range {
	uint64_t start, end;
};

struct ht_blob {
	uint32_t
		tid_offset; /* from the thread pointer: where libc keeps the thread's id, as the process itself sees it */
	uint32_t pad;
	uint64_t head_at;           /* of this blob: its own address */
	uint64_t next[HT_FN_COUNT]; /* the original functions, relocated or not patched; 0: there is none */
	struct ht_blob_range serves
		[HT_FN_COUNT]; /* whose calls, made while next[] runs, are part of its call: the allocator's module;
						    in a static program the allocator's functions only */
	struct ht_gate gate;
	uint64_t debug_at; /* the loader's r_debug; 0: there is none */
	struct ht_blob_range
		own; /* where the allocator itself calls free, for what it has kept and nobody has: no call of the program's; B7 */

	_Alignas(4096) struct ht_door door;
};

static_assert(sizeof(struct ht_door) == 4096, "the page that a fork wipes holds the door and nothing else");
static_assert(offsetof(struct ht_blob_head, hook) == 20, "agent/blob.c writes it by hand");

#endif
