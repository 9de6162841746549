/* SPDX-License-Identifier: Apache-2.0 */
/* trace.h -- the trace file while it is being written
 *
 * Used by: every file of collect/ that has something to tell.
 *
 *   put_* ──► a pending block of its kind ──┐ flush, or when one is full, or before the next EVENTS block
 *   events ──────────────────────────────────┴──► numbered, sealed, written, indexed
 *
 * Always true:
 *   T1  what was put before an EVENTS block stands before it: images, modules, threads, contexts
 *   T2  after a failed write the file ends with its last whole block, and what is put is swallowed until ht_trace_end
 *   T3  no EVENTS block is written that would not leave keep_bytes below the limit
 *   T4  the file was made by this process: never an existing one, never through a symbolic link, mode 0600
 *
 * So only the round's end asks ht_trace_failed().
 */
#ifndef HT_TRACE_H
#define HT_TRACE_H

#include <stdbool.h>

#include "format/block.h"
#include "format/columns.h"
#include "format/meta.h"

struct ht_trace_pending {
	struct ht_buf records;
	uint32_t rows;
	uint64_t previous; /* CONTEXT: the number of the last record */
};

struct ht_trace {
	int fd;
	uint64_t session, number, bytes, events;
	uint64_t reserved;   /* the file system keeps room up to here; 0: it does not do that */
	uint64_t limit;      /* on the file's size: RLIMIT_FSIZE, or the user's; 0: none */
	uint64_t keep_bytes; /* what the last words will need */
	bool full;           /* an EVENTS block did not fit below the limit */
	bool failed, ending;
	struct ht_err err; /* of the failure */
	struct ht_sealer *sealer;
	struct ht_buf payload, sealed;
	struct ht_trace_pending pending[HT_BLOCK_PROCESS + 1]; /* by kind */
	struct ht_meta_index_entry *index;
	size_t indexed, index_cap;
};

int ht_trace_create(const char *path, uint64_t session, struct ht_trace *ret, struct ht_err *err);
void ht_trace_close(struct ht_trace *t);

void ht_trace_put_session(struct ht_trace *t, const struct ht_meta_session *m);
void ht_trace_put_image(struct ht_trace *t, const struct ht_meta_image *m);
void ht_trace_put_process(struct ht_trace *t, const struct ht_meta_process *m);
void ht_trace_put_module(struct ht_trace *t, const struct ht_meta_module *m);
void ht_trace_put_thread(struct ht_trace *t, const struct ht_meta_thread *m);
void ht_trace_put_context(struct ht_trace *t, const struct ht_meta_context *m);
void ht_trace_put_clock(struct ht_trace *t, const struct ht_meta_clock *m);
void ht_trace_put_loss(struct ht_trace *t, const struct ht_meta_loss *m);
void ht_trace_put_account(struct ht_trace *t, const struct ht_meta_account *m);

/* Writes the rows as one block; false if they are not in the file. */
bool ht_trace_events(struct ht_trace *t, uint32_t stream, uint64_t first_seq, const struct ht_columns *rows);

void ht_trace_flush(struct ht_trace *t);

/* END and INDEX. After a failure they and what was put since are tried all the same: the cut may have made room. */
void ht_trace_end(struct ht_trace *t, const struct ht_meta_end *end);
void ht_trace_begin_end(struct ht_trace *t);

static inline bool ht_trace_failed(const struct ht_trace *t)
{
	return t->failed;
}

#endif
