/* SPDX-License-Identifier: Apache-2.0 */
/* trace.c -- writes blocks to the trace file, in order, and copes with a disk that is full
 *
 * Called by: streams.c for rows, the rest of collect/ for metadata, recording.c to begin, flush and end.
 *
 *   [whole blocks ............][block being written]- - - room kept by the file system - - -
 *                              ^ bytes: the file is cut here if the write fails
 *
 * The room kept (posix fallocate without changing the size) is what a full disk leaves for the accounts, END and
 * INDEX, so that the trace can still say how it ended. A file system that cannot do that gets a try.
 *
 * Always true: `number` counts blocks in the file, without a gap; docs/trace-format.md, sections 2, 3 and 5.10.
 */
#include "collect/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define ZSTD_LEVEL 1
#define PENDING_MAX (1u << 20)
#define KEEP_BYTES (64u << 10) /* before anybody knows better */
#define RESERVE_STEP (8u << 20)

/* T1: the order in which pending blocks are written; rows may name what stands in the first NAMED of them. */
static const enum ht_block_kind order[] = {
	HT_BLOCK_SESSION, HT_BLOCK_CLOCK,   HT_BLOCK_PROCESS, HT_BLOCK_IMAGE,   HT_BLOCK_MODULE,
	HT_BLOCK_THREAD,  HT_BLOCK_CONTEXT, HT_BLOCK_LOSS,    HT_BLOCK_ACCOUNT,
};
#define NAMED 7

int ht_trace_create(const char *path, uint64_t session, struct ht_trace *ret, struct ht_err *err)
{
	struct ht_trace t = { .fd = -1, .session = session };
	struct rlimit limit;
	int rc = ht_sealer_create(ZSTD_LEVEL, &t.sealer, err);

	if (rc)
		return rc;
	t.fd = open(path, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC | O_NOCTTY, 0600);
	if (t.fd < 0) {
		rc = ht_err_sys(err, "cannot create %s", path);
		ht_sealer_destroy(t.sealer);
		return rc;
	}
	fchmod(t.fd, 0600); /* also under an odd umask */
	if (!getrlimit(RLIMIT_FSIZE, &limit) && limit.rlim_cur != RLIM_INFINITY)
		t.limit = limit.rlim_cur;
	t.keep_bytes = KEEP_BYTES;
	t.reserved = fallocate(t.fd, FALLOC_FL_KEEP_SIZE, 0, KEEP_BYTES) ? 0 : KEEP_BYTES;
	*ret = t;
	return 0;
}

void ht_trace_close(struct ht_trace *t)
{
	if (t->fd >= 0)
		close(t->fd);
	ht_sealer_destroy(t->sealer);
	ht_buf_fini(&t->payload);
	ht_buf_fini(&t->sealed);
	for (size_t i = 0; i < sizeof(t->pending) / sizeof(*t->pending); i++)
		ht_buf_fini(&t->pending[i].records);
	free(t->index);
	*t = (struct ht_trace){ .fd = -1 };
}

/* ---- bytes ------------------------------------------------------------------------------------------------- */

/* Before a write that leaves less than keep_bytes behind it. False with errno: there is no such room. */
static bool reserve(struct ht_trace *t, uint64_t upto)
{
	uint64_t wanted = upto + t->keep_bytes;

	if (!t->reserved || wanted <= t->reserved)
		return true;
	if (!fallocate(t->fd, FALLOC_FL_KEEP_SIZE, (off_t)t->reserved, RESERVE_STEP)) {
		t->reserved += RESERVE_STEP;
		return true;
	}
	if (fallocate(t->fd, FALLOC_FL_KEEP_SIZE, (off_t)t->reserved, (off_t)(wanted - t->reserved)))
		return false;
	t->reserved = wanted;
	return true;
}

static bool write_at_end(struct ht_trace *t, const uint8_t *at, size_t len)
{
	size_t done = 0;

	if (!t->ending && !reserve(t, t->bytes + len))
		return false;
	while (done < len) {
		ssize_t n = pwrite(t->fd, at + done, len - done, (off_t)(t->bytes + done));

		if (n > 0)
			done += (size_t)n;
		else if (n < 0 && errno != EINTR)
			return false;
	}
	return true;
}

static void cut(struct ht_trace *t)
{
	int error = errno;

	/* nothing can be done if this fails too; a reader recovers */
	if (ftruncate(t->fd, (off_t)t->bytes))
		t->reserved = 0;
	errno = error;
}

/* T2. The first failure is the one that is told. */
static bool fail(struct ht_trace *t, const char *what)
{
	if (!t->failed)
		ht_err_sys(&t->err, "%s", what);
	t->failed = true;
	return false;
}

static bool index_block(struct ht_trace *t, const struct ht_block *b)
{
	if (t->indexed == t->index_cap) {
		size_t cap = t->index_cap ? t->index_cap * 2 : 256;
		struct ht_meta_index_entry *more = realloc(t->index, cap * sizeof(*more));

		if (!more)
			return fail(t, "no memory for the index");
		t->index = more;
		t->index_cap = cap;
	}
	t->index[t->indexed++] = (struct ht_meta_index_entry){
		.offset = t->bytes,
		.kind = b->kind,
		.stream = b->stream,
		.rows = b->rows,
		.first_time_ticks = b->first_time_ticks,
		.last_time_ticks = b->last_time_ticks,
	};
	return true;
}

static bool seal_block(struct ht_trace *t, struct ht_block *b, const struct ht_buf *payload)
{
	struct ht_err err;

	if (t->failed && !t->ending)
		return false;
	b->session = t->session;
	b->number = t->number;
	ht_buf_clear(&t->sealed);
	errno = ENOMEM;
	if (!ht_buf_ok(payload))
		return fail(t, "cannot pack a block");
	if (ht_sealer_seal(t->sealer, b, payload->at, payload->len, &t->sealed, &err))
		return fail(t, err.text);
	return true;
}

static bool write_sealed(struct ht_trace *t, const struct ht_block *b)
{
	if (!write_at_end(t, t->sealed.at, t->sealed.len)) {
		cut(t);
		return fail(t, "cannot write");
	}
	if (b->kind != HT_BLOCK_INDEX && !index_block(t, b))
		return false;
	t->bytes += t->sealed.len;
	t->number++;
	return true;
}

static bool write_block(struct ht_trace *t, struct ht_block *b, const struct ht_buf *payload)
{
	return seal_block(t, b, payload) && write_sealed(t, b);
}

/* ---- metadata ---------------------------------------------------------------------------------------------- */

static void write_pending(struct ht_trace *t, enum ht_block_kind kind)
{
	struct ht_trace_pending *p = &t->pending[kind];
	struct ht_block b = { .kind = kind, .rows = p->rows };

	if (!p->rows)
		return;
	write_block(t, &b, &p->records);
	ht_buf_clear(&p->records);
	p->rows = 0;
	p->previous = 0;
}

static void write_first(struct ht_trace *t, size_t kinds)
{
	for (size_t i = 0; i < kinds; i++)
		write_pending(t, order[i]);
}

void ht_trace_flush(struct ht_trace *t)
{
	write_first(t, sizeof(order) / sizeof(*order));
}

/* After a record was put. All kinds are flushed, so that none overtakes another. */
static void added(struct ht_trace *t, struct ht_trace_pending *p)
{
	p->rows++;
	if (p->records.len > PENDING_MAX)
		ht_trace_flush(t);
}

void ht_trace_put_session(struct ht_trace *t, const struct ht_meta_session *m)
{
	ht_meta_put_session(&t->pending[HT_BLOCK_SESSION].records, m);
	added(t, &t->pending[HT_BLOCK_SESSION]);
}

void ht_trace_put_image(struct ht_trace *t, const struct ht_meta_image *m)
{
	ht_meta_put_image(&t->pending[HT_BLOCK_IMAGE].records, m);
	added(t, &t->pending[HT_BLOCK_IMAGE]);
}

void ht_trace_put_process(struct ht_trace *t, const struct ht_meta_process *m)
{
	ht_meta_put_process(&t->pending[HT_BLOCK_PROCESS].records, m);
	added(t, &t->pending[HT_BLOCK_PROCESS]);
}

void ht_trace_put_module(struct ht_trace *t, const struct ht_meta_module *m)
{
	ht_meta_put_module(&t->pending[HT_BLOCK_MODULE].records, m);
	added(t, &t->pending[HT_BLOCK_MODULE]);
}

void ht_trace_put_thread(struct ht_trace *t, const struct ht_meta_thread *m)
{
	ht_meta_put_thread(&t->pending[HT_BLOCK_THREAD].records, m);
	added(t, &t->pending[HT_BLOCK_THREAD]);
}

void ht_trace_put_context(struct ht_trace *t, const struct ht_meta_context *m)
{
	struct ht_trace_pending *p = &t->pending[HT_BLOCK_CONTEXT];

	ht_meta_put_context(&p->records, m, &p->previous);
	added(t, p);
}

void ht_trace_put_clock(struct ht_trace *t, const struct ht_meta_clock *m)
{
	ht_meta_put_clock(&t->pending[HT_BLOCK_CLOCK].records, m);
	added(t, &t->pending[HT_BLOCK_CLOCK]);
}

void ht_trace_put_loss(struct ht_trace *t, const struct ht_meta_loss *m)
{
	ht_meta_put_loss(&t->pending[HT_BLOCK_LOSS].records, m);
	added(t, &t->pending[HT_BLOCK_LOSS]);
}

void ht_trace_put_account(struct ht_trace *t, const struct ht_meta_account *m)
{
	ht_meta_put_account(&t->pending[HT_BLOCK_ACCOUNT].records, m);
	added(t, &t->pending[HT_BLOCK_ACCOUNT]);
}

/* ---- rows, and the end ------------------------------------------------------------------------------------- */

bool ht_trace_events(struct ht_trace *t, uint32_t stream, uint64_t first_seq, const struct ht_columns *rows)
{
	struct ht_block b = {
		.kind = HT_BLOCK_EVENTS,
		.stream = stream,
		.rows = rows->rows,
		.first_seq = first_seq,
		.first_time_ticks = rows->first_time_ticks,
		.last_time_ticks = rows->last_time_ticks,
	};

	if (t->failed)
		return false;
	write_first(t, NAMED);
	ht_buf_clear(&t->payload);
	if (!ht_columns_payload(rows, &t->payload)) {
		errno = ENOMEM;
		return fail(t, "cannot pack a block");
	}
	if (!seal_block(t, &b, &t->payload))
		return false;
	t->full = t->full || (t->limit && t->bytes + t->sealed.len + t->keep_bytes > t->limit);
	if (t->full || !write_sealed(t, &b))
		return false;
	t->events += rows->rows;
	return true;
}

void ht_trace_begin_end(struct ht_trace *t)
{
	t->ending = true;
}

void ht_trace_end(struct ht_trace *t, const struct ht_meta_end *end)
{
	struct ht_block b = {
		.kind = HT_BLOCK_END, .rows = 1, .first_time_ticks = end->ticks, .last_time_ticks = end->ticks
	};

	ht_trace_flush(t);
	ht_buf_clear(&t->payload);
	ht_meta_put_end(&t->payload, end);
	write_block(t, &b, &t->payload);
	b = (struct ht_block){
		.kind = HT_BLOCK_INDEX, .rows = 1, .first_time_ticks = end->ticks, .last_time_ticks = end->ticks
	};
	ht_buf_clear(&t->payload);
	ht_meta_put_index(&t->payload, t->index, t->indexed, t->bytes);
	write_block(t, &b, &t->payload);
	cut(t); /* gives back the room that was kept */
}
