/* SPDX-License-Identifier: Apache-2.0 */
/* heaptap.h -- libheaptap: reads the traces that `heaptap record` writes, and asks them what the commands ask
 *
 *   struct heaptap_error error;
 *   struct heaptap_trace *trace;
 *
 *   if (heaptap_open("web.htap", NULL, &trace, &error))
 *           errx(1, "%s", error.text);
 *   heaptap_events(trace, print_event, NULL, &error);
 *   heaptap_close(&trace);
 *
 * docs/library.md has a whole program, libheaptap(3) every function.
 *
 * Always true:
 *   Functions that can fail return 0 or a negative code, and say why in one line; `error` may be NULL. Their results are untouched then.
 *   What a function gives through a pointer to const belongs to the handle it was asked of. An item of an answer, and its frames, is valid until the
 *   next one is asked for, everything else until the handle is released. A handle may be released after its trace was closed.
 *   Releasing sets the caller's pointer to NULL. A NULL handle is an error of use, never a crash.
 *   A struct that is given to the library begins with its size; one that the library gives may grow at its end. So a program built with
 *   this version runs with later ones.
 *   A handle belongs to one thread at a time; different traces may be asked at the same time.
 *   The library prints nothing, changes no signal, starts no thread, ends no process.
 */
#ifndef HEAPTAP_HEAPTAP_H
#define HEAPTAP_HEAPTAP_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

enum heaptap_code {
	HEAPTAP_ESYSTEM = -1,  /* the system refused: no such file, no memory */
	HEAPTAP_EDAMAGED = -2, /* it cannot be answered, because the file is damaged */
	HEAPTAP_EUSAGE = -3,   /* a wrong question */
	HEAPTAP_EFORMAT = -7,  /* no trace, or one of a newer version */
};

struct heaptap_error {
	int code;
	char text[512];
};

/* The version of the library that is in use. */
const char *heaptap_version(void);

/* ---- a trace ----------------------------------------------------------------------------------------------- */

struct heaptap_trace;

/* Words are what the options of heaptap-report(1) take: from = "1.5s". NULL: not given. */
struct heaptap_open_options {
	size_t size;         /* sizeof(struct heaptap_open_options) */
	const char *process; /* of these processes alone: a pid, a name, or "#3" */
	const char *sysroot; /* put before the paths of programs and libraries */
	int no_symbols;      /* open no file for names */
	int no_servers;      /* ask no debuginfod server for them, though DEBUGINFOD_URLS names one */
	const char *from,
		*to; /* only this part of the time will be asked about: with `to`, no more is read of a file with checkpoints */
};

/* Damage is no error: what is intact is there, and facts, account and answers say that it is not all. */
int heaptap_open(const char *path, const struct heaptap_open_options *options, struct heaptap_trace **ret,
		 struct heaptap_error *error);
void heaptap_close(struct heaptap_trace **trace);

/* Line i of what is wrong with the file, or NULL: there are no more. Of many damages not all are kept. */
const char *heaptap_damage(struct heaptap_trace *trace, size_t i);

/* Line i of why names are missing, as far as was found out by the questions so far; NULL: there are no more. */
const char *heaptap_warning(struct heaptap_trace *trace, size_t i);

struct heaptap_process {
	uint64_t number, pid, parent_pid;
	const char *name; /* NULL: unknown */
	uint64_t allocated_bytes;
	uint64_t peak_bytes, peak_blocks, peak_ns;
	uint64_t unfreed_bytes, unfreed_blocks;
};

struct heaptap_facts {
	const char *const *command;  /* ends with NULL */
	const char *host, *recorder; /* NULL: the description of the recording is missing */
	uint64_t pid, start_realtime_ns, duration_ns;
	const char *
		end_reason; /* "exit", "signal", "limit", "write_error", "asked", "gone"; NULL: the recording did not end properly */
	uint64_t end_status; /* exit status, or signal */
	int free_stacks;     /* stacks of frees were recorded, too */
	int broken;          /* no beginning, no end, or damage: no answer is known to be the whole one */
	uint64_t damages, missing_events, lost_calls, counted_only_calls;
	uint64_t events, allocs, frees, reallocs, failed, existing; /* failed: of the allocs and reallocs */
	uint64_t peak_bytes, peak_blocks, peak_ns;
	uint64_t unfreed_bytes, unfreed_blocks;
	uint64_t file_bytes, threads, contexts, images, modules, forked_children, blocked_ns;
	size_t processes;
	uint64_t modules_left_out; /* their code found no place in the table of modules */
	int follows;               /* children were followed */
	int processes_told; /* and the kernel told of each; 0: one that ended at once, without the agent, would not have been seen */
};

/* What `heaptap info` says. Replays the trace, the first time. */
int heaptap_facts(struct heaptap_trace *trace, const struct heaptap_facts **ret, struct heaptap_error *error);

/* Process i of those that the facts count; NULL: there are no more, or the facts were not asked for. */
const struct heaptap_process *heaptap_process(struct heaptap_trace *trace, size_t i);

struct heaptap_account {
	int complete; /* every call is there, and the history is possible */
	uint64_t entered, recorded, counted_only, lost;
	int64_t in_flight; /* entered less the other three */
	uint64_t damages, missing_events, unrecorded_images;
	size_t threads, open_threads; /* open: whose own account does not close */
	uint64_t reordered, violations, unknown_releases;
	uint64_t live_blocks, live_bytes; /* at the end */
};

/* What `heaptap verify` says. Replays the trace, the first time. */
int heaptap_account(struct heaptap_trace *trace, const struct heaptap_account **ret, struct heaptap_error *error);

/* One thread's part of it: entered = recorded + counted_only + lost + in_flight. */
struct heaptap_thread {
	uint64_t number, tid;
	const char *name; /* NULL: neither name nor tid are known */
	int closes;
	uint64_t entered, recorded, counted_only, lost;
	int64_t in_flight;
};

/* Thread i of those that the account counts; NULL: there are no more, or the account was not asked for. */
const struct heaptap_thread *heaptap_thread(struct heaptap_trace *trace, size_t i);

/* ---- events ------------------------------------------------------------------------------------------------ */

enum heaptap_event_kind { HEAPTAP_ALLOC, HEAPTAP_FREE, HEAPTAP_REALLOC, HEAPTAP_EXISTING };
enum heaptap_heap { HEAPTAP_HEAP_UNKNOWN, HEAPTAP_HEAP_MAIN, HEAPTAP_HEAP_OTHER };

struct heaptap_event {
	enum heaptap_event_kind kind;
	enum heaptap_heap heap;
	uint32_t source; /* how the allocator served it: heaptap-script(1) */
	int failed;      /* realloc: the old block lives on */
	uint64_t time_ns, thread, process;
	const char *function; /* "malloc", ...; NULL: unknown */
	int has_address, has_size;
	uint64_t address, size;    /* realloc: new; free: of the block */
	int has_old, has_old_size; /* realloc: its begin was recorded; the block was known */
	uint64_t begin_ns, old_address, old_size;
};

/* One frame of a stack. Where the function is unknown, `offset` is in the module; where that is too, the address. */
struct heaptap_frame {
	const char *function, *file, *module; /* NULL: unknown */
	uint64_t offset;
	uint32_t line; /* 0: unknown */
	int inlined;   /* into the function of the next frame */
};

/* Not 0 ends the iteration with that. It may ask heaptap_event_stack() and heaptap_event_frames(), and nothing else, of the trace. */
typedef int heaptap_visit(void *state, const struct heaptap_event *event);

/* Every event in order, what `heaptap script` shows; of a trace that was opened for a window, those inside. */
int heaptap_events(struct heaptap_trace *trace, heaptap_visit *visit, void *state, struct heaptap_error *error);

/* For visitors: return addresses of the event's stack, innermost first; *cut: why it goes no further, or NULL. The number of them. */
size_t heaptap_event_stack(struct heaptap_trace *trace, const uint64_t **ret, const char **cut);

/* The same with names, inlined functions too: ret[0 .. n). */
int heaptap_event_frames(struct heaptap_trace *trace, const struct heaptap_frame *const **ret, size_t *count,
			 struct heaptap_error *error);

/* ---- places ------------------------------------------------------------------------------------------------ */

/* Words are what the options of heaptap-report(1) take: by = "peak", min_size = "64K", at = "1.5s". NULL: not given. */
struct heaptap_question {
	size_t size; /* sizeof(struct heaptap_question) */
	const char *by, *group;
	const char *thread, *min_size, *max_size, *stack, *module, *min_lifetime, *max_lifetime;
	const char *from, *to, *at;
	const char *temporary, *tail_cut;
	const char *suppressions; /* a file */
};

struct heaptap_places;

struct heaptap_tally {
	uint64_t bytes, count;
};

struct heaptap_totals {
	struct heaptap_tally allocated, peak, leaked, temporary; /* peak: 0 if lifetimes are restricted */
	uint64_t peak_ns;
	struct heaptap_tally runtime, suppressed, late; /* not freed either, but not counted as leaked */
	struct heaptap_tally aifo, aifi, aofi, aofo;    /* allocated inside or before the window, freed inside or not */
	struct heaptap_tally live;                      /* when it ends */
	int knows_leaks; /* 0: only the window was read, so leaked, runtime, suppressed and late are not known */
	uint64_t calls, reallocs, frees, failed;
	uint64_t lost_calls; /* in none of these figures */
	int broken;          /* see heaptap_facts */
};

/* A place, or what the question grouped by. */
struct heaptap_place {
	int64_t bytes, count; /* growth may be below 0 */
	const char
		*name; /* by function, library, thread: its name; by allocator-function: "malloc", ...; NULL: unknown */
	uint64_t thread;      /* by thread */
	uint64_t least, most; /* by size: bytes, both included */
	const struct heaptap_frame *const
		*frame; /* by stack: all, innermost first; by function and library: the one it is named by */
	size_t frames;
	const char *cut; /* by stack: why it goes no further, or NULL */
};

/* What `heaptap report` says. question: NULL is `heaptap report FILE`. */
int heaptap_places(struct heaptap_trace *trace, const struct heaptap_question *question, struct heaptap_places **ret,
		   struct heaptap_error *error);
void heaptap_places_release(struct heaptap_places **places);

const struct heaptap_totals *heaptap_places_totals(const struct heaptap_places *places);

/* If nothing passed the question's restrictions: why, and what would. Else NULL. */
const char *heaptap_places_nothing(const struct heaptap_places *places);

/* Place i, the largest first; NULL: there are no more, or memory ran out for its frames. */
const struct heaptap_place *heaptap_places_get(struct heaptap_places *places, size_t i);
size_t heaptap_places_count(const struct heaptap_places *places);

/* ---- time -------------------------------------------------------------------------------------------------- */

struct heaptap_timeline;

struct heaptap_point {
	uint64_t start_ns;
	uint64_t bytes, blocks;           /* live when the step ends */
	uint64_t most_bytes, most_blocks; /* within it */
	uint64_t allocs, frees, allocated_bytes, released_bytes;
};

struct heaptap_peak {
	int known; /* 0: no block was ever live */
	uint64_t bytes, blocks, time_ns;
	uint64_t step_ns; /* of the timeline */
};

/* What `heaptap timeline` says: so many equal steps, at least 1. */
int heaptap_timeline(struct heaptap_trace *trace, size_t points, struct heaptap_timeline **ret,
		     struct heaptap_error *error);
void heaptap_timeline_release(struct heaptap_timeline **timeline);
const struct heaptap_peak *heaptap_timeline_peak(const struct heaptap_timeline *timeline);

/* Step i; NULL: there are no more. Valid until the next one is asked for. */
const struct heaptap_point *heaptap_timeline_get(struct heaptap_timeline *timeline, size_t i);

/* ---- single blocks ----------------------------------------------------------------------------------------- */

struct heaptap_call {
	uint64_t time_ns, thread;
	const char *function; /* "malloc", ...; NULL: unknown */
	int has_caller;
	uint64_t caller;                          /* the address that it returns to */
	const struct heaptap_frame *const *frame; /* none: the stack was not recorded */
	size_t frames;
};

enum heaptap_misuse_kind {
	HEAPTAP_MISUSE_DOUBLE,   /* released a second time */
	HEAPTAP_MISUSE_INSIDE,   /* not the start of a block, but inside one */
	HEAPTAP_MISUSE_UNKNOWN,  /* never handed out by a recorded call */
	HEAPTAP_MISUSE_MISMATCH, /* handed out by one family of functions, released by another */
};

/* The first of `count` equal errors. */
struct heaptap_misuse {
	enum heaptap_misuse_kind kind;
	uint64_t count, address;
	const struct heaptap_call *here;    /* the wrong release */
	const struct heaptap_call *born;    /* of the block; NULL: unknown */
	const struct heaptap_call *before;  /* double: the release before; else NULL */
	uint64_t block_address, block_size; /* if born is known */
};

struct heaptap_misuse_sums {
	uint64_t errors, judged, unjudged, inverted; /* heaptap-errors(1) */
};

struct heaptap_misuses;

/* What `heaptap errors` says. */
int heaptap_misuses(struct heaptap_trace *trace, struct heaptap_misuses **ret, struct heaptap_error *error);
void heaptap_misuses_release(struct heaptap_misuses **misuses);
const struct heaptap_misuse_sums *heaptap_misuses_sums(const struct heaptap_misuses *misuses);

/* Error i, by its first time; NULL: there are no more, or memory ran out for its stacks. Valid until the next one is asked for. */
const struct heaptap_misuse *heaptap_misuses_get(struct heaptap_misuses *misuses, size_t i);

enum heaptap_life_end {
	HEAPTAP_LIFE_FREED,
	HEAPTAP_LIFE_MOVED,     /* by a realloc */
	HEAPTAP_LIFE_KEPT,      /* until the process or the recording ended */
	HEAPTAP_LIFE_EXEC,      /* the program was replaced by another */
	HEAPTAP_LIFE_FORGOTTEN, /* its address was handed out again: its end is not in the trace */
};

struct heaptap_lifetime {
	uint64_t event; /* number of the event that made it, from 1, in the order of heaptap_events() */
	uint64_t address, size;
	enum heaptap_event_kind made_by;
	const struct heaptap_call *born;
	int has_from;
	uint64_t from_address; /* made by a realloc: what it was */
	enum heaptap_life_end end;
	const struct heaptap_call *ended; /* freed and moved; else NULL */
	uint64_t to_address;              /* moved */
};

/* Not 0 ends the story with that. */
typedef int heaptap_lifetime_visit(void *state, const struct heaptap_lifetime *lifetime);

/* What `heaptap block` says: every lifetime of the byte at an address; or of the block of an event, from 1, through its reallocs. */
int heaptap_story_of_address(struct heaptap_trace *trace, uint64_t address, heaptap_lifetime_visit *visit, void *state,
			     struct heaptap_error *error);
int heaptap_story_of_event(struct heaptap_trace *trace, uint64_t event, heaptap_lifetime_visit *visit, void *state,
			   struct heaptap_error *error);

/* ---- two traces -------------------------------------------------------------------------------------------- */

struct heaptap_changes;

/* A place that differs, where its function names are the same in both. count 0 before: it appeared; after: it vanished. */
struct heaptap_change {
	struct heaptap_tally before, after;
	const struct heaptap_frame *const *frame; /* as in the trace that has it, the later one if both do */
	size_t frames;
};

/* What `heaptap diff` says. The question is asked of both; it has no group. The traces stay two handles of the caller. */
int heaptap_changes(struct heaptap_trace *before, struct heaptap_trace *after, const struct heaptap_question *question,
		    struct heaptap_changes **ret, struct heaptap_error *error);
void heaptap_changes_release(struct heaptap_changes **changes);

/* Change i, the largest difference first; NULL: there are no more. Valid until the next one is asked for. */
const struct heaptap_change *heaptap_changes_get(struct heaptap_changes *changes, size_t i);
size_t heaptap_changes_count(const struct heaptap_changes *changes);
size_t heaptap_changes_same(const struct heaptap_changes *changes); /* places that do not differ */

/* ---- a budget ---------------------------------------------------------------------------------------------- */

/* Words are what the options of heaptap-budget(1) take: max_peak = "64M", max_temporary = "10%". NULL: not given. */
struct heaptap_limits {
	size_t size; /* sizeof(struct heaptap_limits) */
	const char *max_peak, *max_leaked, *max_leaked_blocks, *max_allocated, *max_allocs, *max_temporary, *max_growth;
	const char *const
		*in;        /* functions that these limits are for, each; ends with NULL. NULL: for the whole program */
	const char *budget; /* a file with limits, too; those above replace its own */
};

struct heaptap_verdict;

struct heaptap_verdict_sums {
	int complete; /* 0: the trace or the baseline is not complete, so the figures prove nothing */
	size_t findings, exceeded;
};

/* One limit; of max-growth there are four, for what may have grown. */
struct heaptap_finding {
	const char *limit, *of; /* "max-growth"; what was measured: "peak" */
	const char *within;     /* the function; NULL: the whole program */
	const char *unit;       /* of the figures: "bytes", "blocks", "calls" */
	uint64_t value, allowed;
	int is_share; /* the limit was given as one */
	uint64_t share_millionths;
	uint64_t whole;  /* max-temporary as a share: of so many blocks */
	uint64_t before; /* max-growth: what the baseline has */
	int exceeded;
	size_t culprits; /* the places to blame, if it is exceeded */
};

struct heaptap_culprit {
	struct heaptap_tally value, before; /* before: max-growth only */
	const struct heaptap_frame *const *frame;
	size_t frames;
	const char *cut; /* why the stack goes no further, or NULL */
};

/* What `heaptap budget` says. baseline: the trace to compare with, or NULL; it stands for the one that a budget file names. */
int heaptap_verdict(struct heaptap_trace *trace, struct heaptap_trace *baseline, const struct heaptap_limits *limits,
		    struct heaptap_verdict **ret, struct heaptap_error *error);
void heaptap_verdict_release(struct heaptap_verdict **verdict);
const struct heaptap_verdict_sums *heaptap_verdict_sums(const struct heaptap_verdict *verdict);

/* Function i of those that limits are for and nothing was allocated in, so that a name may be wrong; NULL: there are no more. */
const char *heaptap_verdict_unseen(const struct heaptap_verdict *verdict, size_t i);

/* Finding i; NULL: there are no more. Valid until the next one, or a culprit, is asked for. */
const struct heaptap_finding *heaptap_verdict_get(struct heaptap_verdict *verdict, size_t i);

/* Culprit k of finding i, the worst first; NULL: there are no more, or memory ran out for its frames. */
const struct heaptap_culprit *heaptap_verdict_culprit(struct heaptap_verdict *verdict, size_t i, size_t k);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
