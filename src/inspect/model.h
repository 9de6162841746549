/* SPDX-License-Identifier: Apache-2.0 */
/* model.h -- a trace as a model: what the metadata says, and which blocks hold the rows of which thread
 *
 * ht_model_open() looks at every byte of the file once; from then on all damages are known and the model does not change.
 * ht_model_open_extent() looks at what it needs, and does not know of damages elsewhere.
 * Rows stay in the file: merge.c reads them again, in order.
 *
 *   session  images  modules  threads+accounts  losses  contexts  clock  end
 *      1       n        n           n              n        n       1     1      (session and end may be missing)
 *
 *   stream ---> event_blocks[from .. from + count)    by first sequence number
 *          \--> losses[from .. from + count)          likewise
 *
 * Always true:
 *   T1  streams, images, processes and contexts are sorted by number; what only a damaged block named is there with what is known
 *   T2  every event block in the lists is intact
 *   T3  strings live in the arena, until ht_model_close()
 */
#ifndef HT_MODEL_H
#define HT_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "format/columns.h"
#include "format/meta.h"
#include "format/read.h"
#include "inspect/arena.h"
#include "inspect/clock.h"

struct ht_event_block {
	size_t block; /* for ht_reader_payload() */
	uint64_t stream, first_seq, first_time_ticks;
	uint32_t rows;
	uint32_t row_counts[HT_ROW_EXISTING + 1]; /* by kind */
};

struct ht_stream {
	uint64_t number, tid, image, process;
	struct ht_str name;
	bool has_thread; /* a THREAD record was there; otherwise tid and name are unknown */
	bool has_account;
	struct ht_meta_account account;
	uint64_t calls; /* counted in its blocks: rows that end one */
	uint64_t row_counts[HT_ROW_EXISTING + 1];
	uint64_t lost;    /* by its LOSS records */
	uint64_t missing; /* sequence numbers that neither a row nor a LOSS record covers */
	size_t event_from, event_count;
	size_t loss_from, loss_count;
	bool is_chosen; /* its process is; all are, unless choice.c was asked */
};

struct ht_node_at {
	uint32_t context, parent, kind, generation;
	size_t order;
	uint64_t pc;
};

struct ht_model {
	struct ht_reader *reader;
	struct ht_arena arena;
	bool has_session, has_end;
	struct ht_meta_session session;
	struct ht_meta_end end;
	HT_LIST(struct ht_meta_image) images;      /* by number; of several records for one the last */
	HT_LIST(struct ht_meta_process) processes; /* likewise */
	HT_LIST(struct ht_meta_module) modules;
	HT_LIST(struct ht_meta_loss) losses;
	HT_LIST(struct ht_node_at) contexts;
	HT_LIST(struct ht_event_block) event_blocks;
	HT_LIST(struct ht_stream) streams;
	struct ht_clock clock;
	size_t threads;                              /* chosen streams with a THREAD record */
	uint64_t row_counts[HT_ROW_EXISTING + 1];    /* by kind, of chosen streams */
	uint64_t block_counts[HT_BLOCK_PROCESS + 1]; /* intact ones by kind; 0: of unknown kinds */
	uint64_t last_ticks;                         /* of any row */
	uint64_t missing;                            /* sequence numbers, all streams together */
	uint64_t unknown_from_ticks; /* from here on a release of an unknown block is no wonder; UINT64_MAX: never */
	/* What is replayed: all, or from a checkpoint on, up to a moment. */
	bool is_part; /* only the event blocks that this needs are known: extent.h */
	uint64_t start_ticks,
		until_ticks; /* rows up to start_ticks (0: none) were replayed into `start`; the last that count */
	HT_LIST(struct ht_meta_live) start; /* live then */
	bool has_choice;                    /* choice.h */
	HT_LIST(uint64_t) chosen;           /* numbers of processes, ascending */
};

/* HT_EFORMAT, HT_ESYSTEM. Damage is no error: the model holds what is intact. */
int ht_model_open(const char *path, struct ht_model **ret, struct ht_err *err);

/* Of a file with checkpoints only what a question about a part of the time needs; of any other all. */
int ht_model_open_extent(const char *path, uint64_t from_ns, uint64_t to_ns, struct ht_model **ret, struct ht_err *err);
void ht_model_close(struct ht_model *t);

/* Adds up `threads` and `row_counts`; after the streams were marked. */
void ht_model_count_chosen(struct ht_model *t);

/* NULL: nothing is known of this image. */
const struct ht_meta_image *ht_model_image(const struct ht_model *t, uint64_t image);

/* NULL: it has no record. */
const struct ht_meta_process *ht_model_process(const struct ht_model *t, uint64_t process);

/* The process that an image belongs to: the first, if nothing is known. */
uint64_t ht_model_process_of(const struct ht_model *t, uint64_t image);

/* Damages of the file; see ht_reader_damages(). */
uint64_t ht_model_damages(const struct ht_model *t, const struct ht_damage **ret);
uint64_t ht_model_file_bytes(const struct ht_model *t);

/* No SESSION or no END, or damage. */
bool ht_model_broken(const struct ht_model *t);

/* The node of this number, or NULL; the lists do not change, so it is valid until the model is closed. */
const struct ht_node_at *ht_model_node(const struct ht_model *t, uint32_t context);

/* The function a context stands for, as its number (docs/trace-format.md, section 6.3), 0 if unknown; as its name, or NULL. */
uint32_t ht_model_function_number(const struct ht_model *t, uint32_t context);
const char *ht_model_function(const struct ht_model *t, uint32_t context);

/* The address the call came from; false if the context does not tell. */
bool ht_model_caller(const struct ht_model *t, uint32_t context, uint64_t *ret);

#endif
