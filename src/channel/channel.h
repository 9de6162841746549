/* SPDX-License-Identifier: Apache-2.0 */
/* channel.h -- the shared memory between the traced processes of one session and their collector
 *
 * Made by: collect/session.c, as a memfd.   Mapped by: agent/session.c, which keeps no descriptor.
 * docs/channel.md tells the whole protocol; it and this file change together.
 *
 *   +--------+--------+-------+-----------+---------+-------+------------+---------------------+-------+
 *   | header | images | slots | seg_next  | modules | nodes | node index | segments of 16 KiB  | table |
 *   +--------+--------+-------+-----------+---------+-------+------------+---------------------+-------+
 *
 *   seg_next   for each segment the one that follows it, + 1, in a ring and in the free stack alike; 0: none
 *   slot       one per living thread: counters, and the head of its ring
 *   ring       the chain of segments a slot is writing; segment -> seg_next[segment] -> ...
 *   cell       16 bytes in a segment; an event is one cell, preceded by escape cells for what does not fit
 *   module     executable memory of a loaded file, with its unwind information: what gives a pc its meaning
 *   table      of the unwind information of a program that was linked without one; whoever enters the process makes it
 *   node       one frame of the context tree: (parent, pc, kind, generation); a context is a node's number
 *
 * Always true:
 *   C1  one thread writes a slot's counters and cells, the collector alone reads them and frees segments
 *   C2  cells before `head` are whole; `head` only grows; head % HT_SEGMENT_CELLS is the place in the segment
 *   C3  the reader trusts no byte here: it copies first, then checks, then uses
 *   C4  entered = calls in cells + counted_only + lost, plus one while a call is in flight; `passed` belongs to both sides
 *   C5  a node is visible before any event that names it
 */
#ifndef HT_CHANNEL_H
#define HT_CHANNEL_H

#include <assert.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define HT_CHANNEL_MAGIC 0x3150415450414548ull /* "HEAPTAP1" */
#define HT_CHANNEL_VERSION 3u

/* The memfd's name: the agent follows a descriptor of the collector only if its link starts like this. */
#define HT_CHANNEL_MEMFD "heaptap-session"

/* The one variable the agent reads: COLLECTOR-PID:DESCRIPTOR:SESSION, decimal, decimal, 16 hex digits. */
#define HT_CHANNEL_ENV "HEAPTAP_SESSION"

#define HT_SEGMENT_CELLS 1024u
#define HT_SEGMENT_BYTES (HT_SEGMENT_CELLS * 16u)
#define HT_SLOT_COUNT 32768u /* a power of two; more threads alive at once are counted as unassigned */
#define HT_SLOT_WORDS (HT_SLOT_COUNT / 64)
#define HT_IMAGE_RING 1024u  /* descriptions of the latest images; the collector copies them out as they come */
#define HT_IMAGES_AHEAD 512u /* no image joins while the collector is so many behind */
#define HT_NAMESPACE_BYTES 32u
#define HT_MODULE_COUNT 16384u /* of all images together; code that finds no place is code without unwind information */
#define HT_MEMOS 4u            /* remembered stacks of a slot, each a segment */
#define HT_PATHS 8u            /* segments of a slot for the paths to their frames; a power of two */
#define HT_DEPTH_MAX 4096u     /* callers of a context; a deeper stack ends in HT_NODE_END, HT_CUT_DEPTH */
#define HT_CALL_CELLS                                                                                                  \
	32u /* no call needs more cells: its own, those of one that interrupts it, and the segment's end */
#define HT_NONE UINT32_MAX /* no segment, no node */

/* How long a call may wait for room under HT_POLICY_BLOCK, and how soon it looks whether the collector died. */
#define HT_WAIT_LIMIT_NS 10000000000ull
#define HT_WAIT_SLICE_NS 50000000ull
#define HT_WAIT_CROWD 256u /* so many more waiters make the slice longer by itself */

/* Linux futex(2): the kernel sets this bit in a robust futex when its owner dies. */
#define HT_OWNER_DIED 0x40000000u

enum ht_policy { HT_POLICY_BLOCK = 1, HT_POLICY_DROP = 2 };
enum ht_clock { HT_CLOCK_TSC = 1, HT_CLOCK_MONOTONIC = 2 };

enum ht_session_flag {
	HT_SESSION_STACKS = 1u << 0,      /* contexts hold callers; off: the function only */
	HT_SESSION_FREE_STACKS = 1u << 1, /* also for frees */
	HT_SESSION_FOLLOW_FORK = 1u << 2, /* children made by fork are recorded, until they exec */
	HT_SESSION_FOLLOW_EXEC =
		1u << 3, /* any image that finds the session is: children that exec, and what they start */
};

/* The function a call came in by. The order is the trace format's (docs/trace-format.md, section 6). */
enum ht_function {
	HT_FN_NONE = 0,
	HT_FN_MALLOC = 1,
	HT_FN_CALLOC = 2,
	HT_FN_REALLOC = 3,
	HT_FN_REALLOCARRAY = 4,
	HT_FN_FREE = 5,
	HT_FN_POSIX_MEMALIGN = 6,
	HT_FN_ALIGNED_ALLOC = 7,
	HT_FN_MEMALIGN = 8,
	HT_FN_VALLOC = 9,
	HT_FN_PVALLOC = 10,
	HT_FN_FREE_SIZED = 11,
	HT_FN_FREE_ALIGNED_SIZED = 12,
	HT_FN_NEW = 13, /* operator new(size) */
	HT_FN_NEW_ARRAY = 14,
	HT_FN_NEW_NOTHROW = 15,
	HT_FN_NEW_ARRAY_NOTHROW = 16,
	HT_FN_NEW_ALIGNED = 17,
	HT_FN_NEW_ARRAY_ALIGNED = 18,
	HT_FN_NEW_ALIGNED_NOTHROW = 19,
	HT_FN_NEW_ARRAY_ALIGNED_NOTHROW = 20,
	HT_FN_DELETE = 21, /* operator delete(pointer) */
	HT_FN_DELETE_ARRAY = 22,
	HT_FN_DELETE_NOTHROW = 23,
	HT_FN_DELETE_ARRAY_NOTHROW = 24,
	HT_FN_DELETE_SIZED = 25,
	HT_FN_DELETE_ARRAY_SIZED = 26,
	HT_FN_DELETE_ALIGNED = 27,
	HT_FN_DELETE_ARRAY_ALIGNED = 28,
	HT_FN_DELETE_SIZED_ALIGNED = 29,
	HT_FN_DELETE_ARRAY_SIZED_ALIGNED = 30,
	HT_FN_DELETE_ALIGNED_NOTHROW = 31,
	HT_FN_DELETE_ARRAY_ALIGNED_NOTHROW = 32,
	HT_FN_COUNT = 33,
};

/* ---- cells -------------------------------------------------------------------------------------------------
 *
 *             63      59 58                    32 31                              0
 *   word[0]   | kind 5 |    time delta 27       |            context 32           |
 *   word[1]   | place 2 | size 18 | address >> 3, 44 bits                         |
 *             63      62 61     44 43                                             0
 *
 * The delta is in ticks since the thread's previous cell that carries a time. What does not fit comes in escape cells before the
 * event cell, in any order, each with the full value in word[1]; the field in the event cell is then 0. */
struct ht_cell {
	uint64_t word[2];
};

enum ht_cell_kind {
	HT_CELL_NONE = 0,
	/* event rows, numbered as in the trace format */
	HT_CELL_ALLOC = 1,          /* address, size */
	HT_CELL_ALLOC_FAILED = 2,   /* size; nothing became live */
	HT_CELL_FREE = 3,           /* address; stamped before the call */
	HT_CELL_REALLOC_BEGIN = 4,  /* the old address; stamped before the call; an end cell follows in this thread */
	HT_CELL_REALLOC_END = 5,    /* the new address and size */
	HT_CELL_REALLOC_FREED = 6,  /* realloc(p, 0) that freed p */
	HT_CELL_REALLOC_FAILED = 7, /* size; the old block lives on */
	/* escapes and marks */
	HT_CELL_TIME = 16,    /* word[1]: absolute ticks; the next delta counts from here */
	HT_CELL_ADDRESS = 17, /* word[1]: the next event's whole address */
	HT_CELL_SIZE = 18,    /* word[1]: the next event's whole size */
	HT_CELL_LOSS = 19,    /* word[1]: calls lost since the previous event cell of this thread */
	HT_CELL_THREAD = 20,  /* a thread begins on this slot; HT_THREAD_CELLS cells, see below */
	HT_CELL_LINK = 21,    /* the ring goes on at the start of seg_next[this segment] */
};

/* HT_CELL_THREAD and the plain cells behind it:
 *   cell 0   word[0]: kind, context field = tid      word[1]: absolute ticks
 *   cell 1   entered, counted_only   of the slot before this thread's first call
 *   cell 2   lost, nested            likewise
 *   cell 3   blocked_ticks, passed   likewise */
#define HT_THREAD_CELLS 4u

#define HT_CELL_DELTA_BITS 27
#define HT_CELL_DELTA_MAX ((1u << HT_CELL_DELTA_BITS) - 1)
#define HT_CELL_ADDRESS_BITS 44
#define HT_CELL_SIZE_BITS 18
#define HT_CELL_SIZE_MAX ((1u << HT_CELL_SIZE_BITS) - 1)

/* Where the allocator took the block from, as far as the block's own flag bits tell (glibc): 3 less those bits, which are the second and the
 * third of the word in front of it. Both together are none of glibc's. */
enum ht_place {
	HT_PLACE_UNKNOWN = 0,
	HT_PLACE_OTHER = 1,  /* another arena than the main one */
	HT_PLACE_MAPPED = 2, /* a mapping of its own: the slow path */
	HT_PLACE_MAIN = 3,   /* main arena */
};

static inline uint64_t ht_cell_word0(enum ht_cell_kind kind, uint64_t delta, uint32_t context)
{
	return (uint64_t)kind << 59 | delta << 32 | context;
}

static inline uint64_t ht_cell_word1(enum ht_place place, uint64_t size, uint64_t address)
{
	return (uint64_t)place << 62 | size << HT_CELL_ADDRESS_BITS | address >> 3;
}

/* The same of a block whose address fits, with the place that `header`, the word in front of it, tells. */
static inline uint64_t ht_cell_word1_by_header(uint64_t header, uint64_t size, uint64_t address)
{
	uint64_t low = address + 6 - (header & 6); /* the place where the address has nothing but zeros, one bit up */

	return (low >> 3 | low << 61) | size << HT_CELL_ADDRESS_BITS;
}

static inline int ht_cell_address_fits(uint64_t address)
{
	return !(address & ~(((1ull << HT_CELL_ADDRESS_BITS) - 1) << 3));
}

static inline unsigned ht_cell_kind(struct ht_cell c)
{
	return (unsigned)(c.word[0] >> 59);
}

static inline uint64_t ht_cell_delta(struct ht_cell c)
{
	return c.word[0] >> 32 & HT_CELL_DELTA_MAX;
}

static inline uint32_t ht_cell_context(struct ht_cell c)
{
	return (uint32_t)c.word[0];
}

static inline unsigned ht_cell_place(struct ht_cell c)
{
	return (unsigned)(c.word[1] >> 62);
}

static inline uint64_t ht_cell_size(struct ht_cell c)
{
	return c.word[1] >> HT_CELL_ADDRESS_BITS & HT_CELL_SIZE_MAX;
}

static inline uint64_t ht_cell_address(struct ht_cell c)
{
	return (c.word[1] & ((1ull << HT_CELL_ADDRESS_BITS) - 1)) << 3;
}

/* ---- the context tree -------------------------------------------------------------------------------------- */

enum ht_node_kind {
	HT_NODE_CALLER = 0,   /* pc is a return address */
	HT_NODE_FUNCTION = 1, /* pc is an enum ht_function; always the leaf */
	HT_NODE_EXACT = 2,    /* pc is the interrupted instruction itself (signal frames) */
	HT_NODE_END = 3,      /* the stack could not be followed further out; pc is an enum ht_cut */
	HT_NODE_POINTER =
		4, /* as HT_NODE_CALLER, but found by a frame pointer: the frame inside it has no unwind information */
};

/* Why a stack ends before its root. */
enum ht_cut {
	HT_CUT_DEPTH = 1,   /* HT_DEPTH_MAX callers */
	HT_CUT_UNKNOWN = 2, /* no unwind information, and no frame pointer that leads on */
	HT_CUT_POINTER = 3, /* what should be a frame lies outside the stack */
	HT_CUT_TREE = 4,    /* no memory for more nodes, or to walk with */
};

/* Node 0 is the root. The collector makes nodes 1 .. HT_FN_COUNT-1: (root, function n), so that the number of a function-only
 * context is the function; then node HT_CONTEXT_CUT: (root, end, HT_CUT_TREE), and for each function n node HT_CONTEXT_CUT + n
 * below it, so that a context can be told that finds no node. `parent` is stored last, with release; it pairs with the acquire in
 * collect/contexts.c and in agent/context.c. */
struct ht_node {
	uint64_t pc;
	_Atomic uint32_t parent; /* parent's number + 1; 0: this node is not there yet */
	uint32_t meaning;        /* generation << 8 | enum ht_node_kind */
	_Atomic uint32_t
		child[4]; /* hints: by some bits of their pc, the children found last; 0: none. The agents' own */
};
#define HT_CONTEXT_CUT ((uint32_t)HT_FN_COUNT)
#define HT_NODES_MADE (2u * HT_FN_COUNT)
#define HT_NODE_MEANING(generation, kind) ((uint32_t)(generation) << 8 | (uint32_t)(kind))
#define HT_NODE_KIND(meaning) ((meaning)&0xffu)
#define HT_NODE_GENERATION(meaning) ((meaning) >> 8)
#define HT_GENERATION_MAX ((1u << 24) - 1)

/* ---- modules -----------------------------------------------------------------------------------------------
 *
 * state: FREE -> TAKING -> LIVE by the target, when code was loaded; LIVE -> GONE by the target, when it was unloaded; GONE -> FREE by
 * the collector, as well as LIVE -> FREE when the image is gone. The upper 24 bits count as a slot's do. Each time something became LIVE
 * or GONE, module_changes moves. The modules of an image form a list from its newest on, which one thread of it changes at a time. */
enum ht_module_state { HT_MODULE_FREE = 0, HT_MODULE_TAKING = 1, HT_MODULE_LIVE = 2, HT_MODULE_GONE = 3 };

#define HT_MODULE_TABLE (1ull << 63) /* of unwind_at */

struct ht_module {
	_Atomic uint32_t state; /* as HT_SLOT_STATE; pairs with collect/modules.c and agent/modules.c */
	_Atomic uint32_t next;  /* the next older one of the image, + 1 */
	uint32_t image;
	uint32_t generation; /* contexts of this generation with a pc in the range are this module's; from 1 */
	uint64_t start, end; /* executable */
	uint64_t offset;     /* of start in the file */
	uint64_t
		unwind_at; /* .eh_frame_hdr; with HT_MODULE_TABLE: a distance into the channel, where such a one was made; 0: none */
	uint64_t unwind_from,
		unwind_to; /* the readable memory it and .eh_frame lie in; of one that was made: .eh_frame */
	uint64_t loaded_ticks, unloaded_ticks;
	uint64_t
		key; /* LIVE: the target's own, how the loader tells it from others; GONE: the generation of its unloading */
	uint8_t build_id_len, build_id[39];
	char path
		[128]; /* as the loader names it, NUL-terminated, cut if longer; the program's is that of /proc/self/exe */
};

/* ---- threads ----------------------------------------------------------------------------------------------- */

/* slot.state: FREE -> LIVE by a thread (compare-and-swap); LIVE -> LIVE by a new thread of the same image whose thread pointer
 * is the slot's (the old thread is gone); LIVE -> REAPING -> FREE by the collector, when the thread has ended. The upper 24
 * bits count claims, so that every change of hands changes the word. */
enum ht_slot_state { HT_SLOT_FREE = 0, HT_SLOT_LIVE = 1, HT_SLOT_REAPING = 2, HT_SLOT_TAKING = 3 };
#define HT_SLOT_STATE(word) ((word)&0xffu)
#define HT_SLOT_NEXT(word, state) ((((word)&0xffffff00u) + 0x100u) | (uint32_t)(state))

struct ht_slot {
	/* the writer's line; every counter belongs to the slot for ever and only grows */
	_Atomic uint64_t head;          /* cells published; pairs with the acquire in collect/drain.c */
	_Atomic uint64_t entered;       /* outermost calls that came in */
	_Atomic uint64_t counted_only;  /* calls with nothing to store: free(NULL) */
	_Atomic uint64_t lost;          /* calls that could not be recorded */
	_Atomic uint64_t nested;        /* calls made by the allocator itself inside an outer call: not events */
	_Atomic uint64_t blocked_ticks; /* time spent waiting for room */
	_Atomic uint32_t segment[2];    /* of the ring; head / HT_SEGMENT_CELLS % 2 is the one that head points into */
	uint64_t even; /* the writer's own: ht_slot_balance() while no call is under way; see agent/agent.h */

	/* identity: written between TAKING and LIVE */
	_Alignas(64) _Atomic uint32_t state;
	uint32_t tid; /* 0: not known; then the slot is reaped with its image */
	uint64_t thread_pointer;
	uint32_t image;
	uint32_t first_segment; /* of the ring, valid from FREE -> LIVE; head is then a multiple of HT_SEGMENT_CELLS */
	uint64_t first_head;    /* head at FREE -> LIVE */
	uint64_t side_address, side_size; /* the writer's own: a block allocated inside a call, see agent/thread.c */
	uint64_t asked;                   /* the size a throwing operator new was asked for */
	_Atomic uint64_t passed; /* calls of a signal handler inside the agent: entered and lost, beyond those two */

	/* the collector's line; and what the writer seldom touches */
	_Alignas(64) _Atomic uint64_t tail;
	_Atomic uint32_t memo
		[HT_MEMOS +
		 HT_PATHS]; /* segments + 1 that hold the thread's remembered stacks, then paths; 0: none. Pairs with collect/drain.c */
	uint32_t memo_clock; /* the writer's own, as what follows: counts changes of memos */
	uint32_t context;    /* of a call whose real function may throw */
	uint32_t unreported; /* calls lost since the last LOSS cell */
	uint32_t side_function;

	struct ht_outer { /* a call that another one interrupts, see agent/thread.c */
		uint64_t inside, caller, asked, side_address, side_size;
		uint32_t context, side_function;
		uint8_t calling, function, side, throwing;
	} outer;
};

/* ---- images ------------------------------------------------------------------------------------------------ */

enum ht_image_status {
	HT_IMAGE_NEW = 0,
	HT_IMAGE_RECORDING = 1,
	HT_IMAGE_OWN_ALLOCATOR = 2, /* the executable defines malloc itself; its calls do not pass the agent */
	HT_IMAGE_NO_WIPE = 3,       /* the kernel refused MADV_WIPEONFORK: children could not be told apart */
	HT_IMAGE_NO_LIBC = 4,       /* no allocator was found behind the agent */
};

/* One program in one process: it begins with the start of the process, an exec, or a fork. */
struct ht_image {
	_Atomic uint32_t number; /* image number + 1, stored last with release; 0: empty. Pairs with collect/images.c */
	uint32_t status;
	uint32_t pid;
	uint32_t glibc; /* 1: blocks have glibc's headers, so that place is known */
	uint64_t ticks; /* when the agent joined */
	uint64_t
		fork_ticks; /* of a forked image: what its heap holds, the heap of `parent` held at some moment from here to `ticks` */
	uint32_t
		parent; /* the image it was forked from, whose program it runs: the texts below are empty; 0: it was not */
	uint32_t pad;
	char exe[256];       /* NUL-terminated, cut if longer */
	char allocator[256]; /* the module that serves malloc */
	char command[480];   /* arguments, each with its NUL, cut if longer */
};

/* ---- the header -------------------------------------------------------------------------------------------- */

struct ht_channel {
	uint64_t magic;
	uint32_t version;
	uint32_t flags; /* enum ht_session_flag */
	uint64_t session;
	uint64_t bytes; /* of the whole mapping */
	uint32_t target_pid;
	uint32_t clock; /* enum ht_clock */
	uint32_t slot_count;
	uint32_t segment_count;
	uint32_t node_capacity;
	uint32_t node_index_mask; /* entries - 1 */
	uint32_t module_count;
	uint32_t table_bytes;
	uint64_t images_at, slots_at, seg_next_at, modules_at, nodes_at, node_index_at, segments_at, table_at;
	char pid_namespace
		[HT_NAMESPACE_BYTES]; /* the collector's, as /proc/self/ns/pid names it: pids mean the same to both */

	/* the collector's word to the target; read at every call */
	_Alignas(64) _Atomic uint32_t recording; /* 1: events are wanted */
	_Atomic uint32_t policy;                 /* enum ht_policy */
	_Atomic uint32_t collector;              /* its tid, a robust futex: HT_OWNER_DIED when it is gone */
	_Atomic uint32_t node_limit;             /* nodes below this have memory behind them */
	_Atomic uint32_t module_limit;           /* likewise modules */
	_Atomic uint32_t memo_limit;             /* segments for memos, of all threads together */

	/* the pool of free segments: a stack of tag << 32 | (segment + 1); 0 in the low half: empty */
	_Alignas(64) _Atomic uint64_t free_top;
	_Atomic uint32_t free_count; /* about; the collector keeps it above a watermark */
	_Atomic uint32_t room;       /* futex: bumped when segments come free */
	_Atomic uint32_t waiters;    /* threads that sleep on room */

	/* what the targets say about themselves */
	_Alignas(64) _Atomic uint32_t images;
	_Atomic uint32_t claims; /* changes of hands of slots: the collector looks for new threads when it moves */
	_Atomic uint32_t node_count;
	_Atomic uint32_t forked_children;
	_Atomic uint64_t contexts_cut; /* events whose context has no callers because there was no memory for them */
	_Atomic uint64_t unassigned_entered; /* calls of threads that found no slot; all lost */
	_Atomic uint64_t unassigned_lost;
	_Atomic uint64_t node_retries;     /* insertions that another thread won */
	_Atomic uint32_t module_top;       /* modules below this were in use once */
	_Atomic uint32_t memo_count;       /* segments taken for memos, and not given back by the collector */
	_Atomic uint32_t module_changes;   /* the collector looks at the modules when it moves */
	_Atomic uint32_t unheard;          /* images that did not join: the ring of descriptions was full */
	_Atomic uint32_t images_taken;     /* the collector's: images up to here were copied out */
	_Atomic uint32_t modules_left_out; /* modules that found no place in the table */

	/* a bit for each slot that changed hands; set by its thread, cleared by the collector before it looks at the slot */
	_Alignas(64) _Atomic uint64_t claimed[HT_SLOT_WORDS];
};

static_assert(sizeof(struct ht_cell) == 16, "docs/channel.md and this file change together");
static_assert(sizeof(struct ht_node) == 32, "docs/channel.md and this file change together");
static_assert(sizeof(struct ht_module) == 256, "docs/channel.md and this file change together");
static_assert(sizeof(struct ht_slot) == 256, "docs/channel.md and this file change together");
static_assert(offsetof(struct ht_slot, state) == 64, "docs/channel.md and this file change together");
static_assert(offsetof(struct ht_slot, tail) == 128, "docs/channel.md and this file change together");
static_assert(sizeof(struct ht_image) == 1032, "docs/channel.md and this file change together");
static_assert(offsetof(struct ht_channel, recording) == 192, "docs/channel.md and this file change together");
static_assert(offsetof(struct ht_channel, free_top) == 256, "docs/channel.md and this file change together");
static_assert(offsetof(struct ht_channel, images) == 320, "docs/channel.md and this file change together");
static_assert(HT_FN_COUNT - 1 == HT_FN_DELETE_ARRAY_ALIGNED_NOTHROW, "functions are numbered without a gap");

#endif
