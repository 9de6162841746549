/* SPDX-License-Identifier: Apache-2.0 */
/* meta.h -- the records of metadata blocks, as C structs
 *
 * One put and one get for each kind of record; field by field they are the tables of docs/trace-format.md, section
 * 5, in that order. Strings borrow: from the caller when putting, from the payload when getting.
 */
#ifndef HT_META_H
#define HT_META_H

#include <stdint.h>

#include "format/layout.h"
#include "util/buf.h"

struct ht_meta_session {
	uint64_t clock, start_ticks, start_realtime_ns, policy, flags, pid;
	struct ht_str heaptap, host, command;
};

struct ht_meta_image {
	uint64_t image, ticks, status, pid, glibc, process, forked_from, fork_ticks, before;
	struct ht_str exe, allocator, command, before_why;
};

struct ht_meta_process {
	uint64_t process, parent, pid, ppid, start_ticks, end_ticks, exit, code;
	struct ht_str comm, command;
};

struct ht_meta_module {
	uint64_t change, ticks, generation, image, start, end, offset;
	struct ht_str path, build_id;
};

struct ht_meta_thread {
	uint64_t stream, tid, image, ticks;
	struct ht_str name;
};

struct ht_meta_context {
	uint64_t context; /* absolute; put and get keep the difference in `previous` */
	uint64_t parent, kind, generation, pc;
};

struct ht_meta_clock {
	uint64_t ticks, monotonic_ns, realtime_ns;
};

struct ht_meta_loss {
	uint64_t stream, first_seq, count, from_ticks, to_ticks, reason;
};

struct ht_meta_account {
	uint64_t stream, ticks, entered, recorded, counted_only, lost, nested, blocked_ns;
};

struct ht_meta_end {
	uint64_t ticks, reason, status, forked_children, contexts_cut, damaged_streams, events, unheard,
		modules_left_out;
};

struct ht_meta_live {                                                        /* a live block of a checkpoint */
	uint64_t image, address, size, age_ticks, born_seq, stream, context; /* address as context above */
};

struct ht_meta_index_entry {
	uint64_t offset, kind, stream, rows, first_time_ticks, last_time_ticks;
};

void ht_meta_put_session(struct ht_buf *b, const struct ht_meta_session *m);
void ht_meta_put_image(struct ht_buf *b, const struct ht_meta_image *m);
void ht_meta_put_process(struct ht_buf *b, const struct ht_meta_process *m);
void ht_meta_put_module(struct ht_buf *b, const struct ht_meta_module *m);
void ht_meta_put_thread(struct ht_buf *b, const struct ht_meta_thread *m);
void ht_meta_put_context(struct ht_buf *b, const struct ht_meta_context *m, uint64_t *previous);
void ht_meta_put_clock(struct ht_buf *b, const struct ht_meta_clock *m);
void ht_meta_put_loss(struct ht_buf *b, const struct ht_meta_loss *m);
void ht_meta_put_account(struct ht_buf *b, const struct ht_meta_account *m);
void ht_meta_put_live(struct ht_buf *b, const struct ht_meta_live *m, uint64_t *previous);
void ht_meta_put_end(struct ht_buf *b, const struct ht_meta_end *m);
/* The whole INDEX payload, padding and tail included; offset is the INDEX block's own. */
void ht_meta_put_index(struct ht_buf *b, const struct ht_meta_index_entry *e, size_t count, uint64_t offset);

int ht_meta_get_session(struct ht_cursor *c, struct ht_meta_session *ret, struct ht_err *err);
int ht_meta_get_image(struct ht_cursor *c, struct ht_meta_image *ret, struct ht_err *err);
int ht_meta_get_process(struct ht_cursor *c, struct ht_meta_process *ret, struct ht_err *err);
int ht_meta_get_module(struct ht_cursor *c, struct ht_meta_module *ret, struct ht_err *err);
int ht_meta_get_thread(struct ht_cursor *c, struct ht_meta_thread *ret, struct ht_err *err);
int ht_meta_get_context(struct ht_cursor *c, struct ht_meta_context *ret, uint64_t *previous, struct ht_err *err);
int ht_meta_get_clock(struct ht_cursor *c, struct ht_meta_clock *ret, struct ht_err *err);
int ht_meta_get_loss(struct ht_cursor *c, struct ht_meta_loss *ret, struct ht_err *err);
int ht_meta_get_account(struct ht_cursor *c, struct ht_meta_account *ret, struct ht_err *err);
int ht_meta_get_live(struct ht_cursor *c, struct ht_meta_live *ret, uint64_t *previous, struct ht_err *err);
int ht_meta_get_end(struct ht_cursor *c, struct ht_meta_end *ret, struct ht_err *err);

/* The entries of an INDEX payload, in malloc's memory; HT_EDAMAGED, HT_ESYSTEM. *ret_offset: where it says it stands. */
int ht_meta_get_index(struct ht_cursor c, struct ht_meta_index_entry **ret, size_t *ret_count, uint64_t *ret_offset,
		      struct ht_err *err);

/* "malloc", "new[]", ...; "?" for a number out of range. */
const char *ht_function_name(uint64_t function);

#endif
