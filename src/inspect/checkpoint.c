/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint.c -- looks between the rows, and writes down what is live when it is time to
 *
 *   event blocks by last_time ──► bytes that have passed ──► due? ──► quiet? ──► blocks of all spaces, by address ──► file
 *
 * checkpoint.h has the promises. A moment that is not quiet is followed by another look soon, then later and later: in a
 * trace that never becomes quiet, looking must not be what takes the time.
 */
#include "inspect/checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "format/block.h"
#include "inspect/replay.h"
#include "inspect/spaces.h"
#include "util/cleanup.h"

#define ZSTD_LEVEL 3
#define LEAST_SPACING_BYTES 65536
#define MOST_CHECKPOINTS 500
#define ROOM_SHARE 4          /* a checkpoint is worth its room once so many times its bytes have passed */
#define BLOCK_RECORDS 100000u /* at most 7 varints each: below the limit of a payload */
#define LOOKS_BETWEEN_MOST 4096

struct passed {
	uint64_t last_ticks, bytes;
};

struct writer {
	struct ht_model *model;
	int fd;
	struct ht_sealer *sealer;
	struct ht_buf payload, sealed;
	uint64_t session, offset; /* where the next block goes */
	HT_LIST(struct ht_meta_index_entry) index;
	HT_LIST(struct passed) events; /* by last_ticks */
	HT_LIST(struct ht_meta_live) blocks;
	size_t next_event;
	uint64_t bytes_since, spacing;
	unsigned looks_between, looks_left;
	struct ht_checkpoint_sums *sums;
};

static int no_memory(struct ht_err *err)
{
	return ht_err_set(err, HT_ESYSTEM, "out of memory for checkpoints");
}

/* ---- the file ---------------------------------------------------------------------------------------------- */

static int write_all(struct writer *w, struct ht_err *err)
{
	size_t done = 0;

	while (done < w->sealed.len) {
		ssize_t n = pwrite(w->fd, w->sealed.at + done, w->sealed.len - done, (off_t)(w->offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ht_err_sys(err, "cannot be written to");
		done += (size_t)n;
	}
	return 0;
}

/* Seals the payload and puts it behind the file, and into the index. */
static int write_block(struct writer *w, struct ht_block *b, struct ht_err *err)
{
	struct ht_meta_index_entry *e;
	int rc;

	b->session = w->session;
	b->number = w->index.count;
	ht_buf_clear(&w->sealed);
	rc = ht_buf_ok(&w->payload) ? ht_sealer_seal(w->sealer, b, w->payload.at, w->payload.len, &w->sealed, err)
				    : no_memory(err);
	if (!rc)
		rc = write_all(w, err);
	e = rc ? NULL : HT_LIST_ADD(&w->index);
	if (!e)
		return rc ? rc : no_memory(err);
	*e = (struct ht_meta_index_entry){ w->offset,           b->kind,           b->stream, b->rows,
					   b->first_time_ticks, b->last_time_ticks };
	w->offset += w->sealed.len;
	return 0;
}

/* ---- one checkpoint ---------------------------------------------------------------------------------------- */

static int collect(struct writer *w, const struct ht_pause *p, struct ht_err *err)
{
	w->blocks.count = 0;
	for (size_t i = 0; i < p->spaces->list.count; i++) {
		const struct ht_space *s = &p->spaces->list.at[i];
		const struct ht_live_block *b;
		size_t at = 0;

		while ((b = ht_live_next(&s->live, &at))) {
			struct ht_meta_live *m = HT_LIST_ADD(&w->blocks);

			if (!m)
				return no_memory(err);
			*m = (struct ht_meta_live){
				.image = s->image,
				.address = b->address,
				.size = b->size,
				.age_ticks = p->ticks - b->born_ticks,
				.born_seq = b->born_seq,
				.stream = w->model->streams.at[b->stream].number,
				.context = b->context,
			};
		}
	}
	return 0;
}

static int by_address(const void *a, const void *b)
{
	const struct ht_meta_live *x = a, *y = b;

	if (x->image != y->image)
		return x->image < y->image ? -1 : 1;
	return (x->address > y->address) - (x->address < y->address);
}

static int write_checkpoint(struct writer *w, const struct ht_pause *p, struct ht_err *err)
{
	uint64_t before = w->offset;
	size_t at = 0;
	int rc = collect(w, p, err);

	if (!rc && w->blocks.count)
		qsort(w->blocks.at, w->blocks.count, sizeof(*w->blocks.at), by_address);
	while (!rc) {
		struct ht_block b = { .kind = HT_BLOCK_CHECKPOINT,
				      .first_time_ticks = p->ticks,
				      .last_time_ticks = p->ticks };
		uint64_t previous = 0;

		ht_buf_clear(&w->payload);
		for (; b.rows < BLOCK_RECORDS && at < w->blocks.count; b.rows++)
			ht_meta_put_live(&w->payload, &w->blocks.at[at++], &previous);
		rc = write_block(w, &b, err);
		if (at == w->blocks.count)
			break;
	}
	w->sums->made++;
	w->bytes_since = 0;
	if (w->spacing < (w->offset - before) * ROOM_SHARE)
		w->spacing = (w->offset - before) * ROOM_SHARE;
	return rc;
}

static int look(void *state, const struct ht_pause *p, struct ht_err *err)
{
	struct writer *w = state;

	while (w->next_event < w->events.count && w->events.at[w->next_event].last_ticks <= p->ticks)
		w->bytes_since += w->events.at[w->next_event++].bytes;
	if (w->bytes_since < w->spacing || w->looks_left--)
		return 0;
	if (ht_pause_is_quiet(p)) {
		w->looks_between = w->looks_left = 0;
		return write_checkpoint(w, p, err);
	}
	w->looks_between = w->looks_between < LOOKS_BETWEEN_MOST ? w->looks_between * 2 + 1 : LOOKS_BETWEEN_MOST;
	w->looks_left = w->looks_between;
	return 0;
}

/* ---- all of them ------------------------------------------------------------------------------------------- */

static int by_last_ticks(const void *a, const void *b)
{
	const struct passed *x = a, *y = b;

	return (x->last_ticks > y->last_ticks) - (x->last_ticks < y->last_ticks);
}

static int survey(struct writer *w, struct ht_err *err)
{
	const struct ht_reader *r = w->model->reader;
	uint64_t bytes = 0;

	for (size_t i = 0; i < ht_reader_block_count(r); i++) {
		const struct ht_block_at *b = ht_reader_block(r, i);
		struct ht_meta_index_entry *e = HT_LIST_ADD(&w->index);
		struct passed *p = b->kind == HT_BLOCK_EVENTS ? HT_LIST_ADD(&w->events) : NULL;

		if (!e || (b->kind == HT_BLOCK_EVENTS && !p))
			return no_memory(err);
		*e = (struct ht_meta_index_entry){ b->offset,           b->kind,           b->stream, b->rows,
						   b->first_time_ticks, b->last_time_ticks };
		if (p)
			*p = (struct passed){ b->last_time_ticks, b->stored_bytes };
		bytes += p ? b->stored_bytes : 0;
		w->sums->there_before += b->kind == HT_BLOCK_CHECKPOINT &&
					 (!i || ht_reader_block(r, i - 1)->kind != HT_BLOCK_CHECKPOINT ||
					  ht_reader_block(r, i - 1)->first_time_ticks != b->first_time_ticks);
	}
	if (w->events.count)
		qsort(w->events.at, w->events.count, sizeof(*w->events.at), by_last_ticks);
	w->spacing = bytes / MOST_CHECKPOINTS > LEAST_SPACING_BYTES ? bytes / MOST_CHECKPOINTS : LEAST_SPACING_BYTES;
	w->offset = ht_reader_file_bytes(r);
	w->session = ht_reader_session(r);
	return 0;
}

static int write_index(struct writer *w, struct ht_err *err)
{
	struct ht_block b = { .kind = HT_BLOCK_INDEX, .rows = 1, .first_time_ticks = w->model->end.ticks };

	b.last_time_ticks = b.first_time_ticks;
	ht_buf_clear(&w->payload);
	ht_meta_put_index(&w->payload, w->index.at, w->index.count, w->offset);
	return write_block(w, &b, err);
}

static int write_checkpoints(struct writer *w, struct ht_err *err)
{
	struct ht_pauser pauser = { look, w };
	struct ht_history history;
	uint64_t before;
	int rc = survey(w, err);

	before = w->offset;
	if (rc || w->sums->there_before)
		return rc;
	rc = ht_sealer_create(ZSTD_LEVEL, &w->sealer, err);
	if (!rc)
		rc = ht_replay_pausing(w->model, &pauser, &history, err);
	if (!rc && w->sums->made)
		rc = write_index(w, err);
	if (!rc && w->sums->made && fsync(w->fd))
		rc = ht_err_sys(err, "cannot be written to");
	w->sums->bytes = w->offset - before;
	if (rc && ftruncate(w->fd, (off_t)before))
		return ht_err_set(err, HT_ESYSTEM, "%s; what was written stays at the end of the file", err->text);
	return rc;
}

/* Where the recorder's own index ends, if all damage lies behind it: what an interrupted run left. 0: no. */
static uint64_t end_of_recording(const struct ht_model *t)
{
	const struct ht_damage *damage;
	uint64_t damages = ht_model_damages(t, &damage), end = 0;

	for (size_t i = 0; !end && i + 1 < ht_reader_block_count(t->reader); i++) {
		const struct ht_block_at *b = ht_reader_block(t->reader, i);
		uint64_t bytes = HT_BLOCK_HEADER_BYTES + (uint64_t)b->stored_bytes;

		if (b->kind == HT_BLOCK_INDEX && !b->damaged)
			end = b->offset + (bytes + HT_BLOCK_ALIGN - 1) / HT_BLOCK_ALIGN * HT_BLOCK_ALIGN;
	}
	for (uint64_t i = 0; i < damages; i++)
		if (i >= HT_DAMAGES_KEPT || damage[i].offset < end)
			return 0;
	return damages ? end : 0;
}

static int open_whole(const char *path, int fd, struct ht_model **ret, struct ht_err *err)
{
	struct ht_model *t;
	uint64_t end;
	int rc = ht_model_open(path, &t, err);

	if (rc)
		return rc;
	end = t->has_session && t->has_end && !t->missing ? end_of_recording(t) : 0;
	if (end) {
		ht_model_close(t);
		if (ftruncate(fd, (off_t)end))
			return ht_err_sys(err, "cannot be shortened");
		rc = ht_model_open(path, &t, err);
		if (rc)
			return rc;
	}
	if (ht_model_broken(t)) {
		ht_model_close(t);
		return ht_err_set(err, HT_EDAMAGED, "damaged or incomplete: only a whole trace gets checkpoints");
	}
	*ret = t;
	return 0;
}

int ht_checkpoint_add(const char *path, struct ht_checkpoint_sums *ret, struct ht_err *err)
{
	ht_auto(fd) int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct ht_checkpoint_sums sums = { 0 };
	struct writer w = { .fd = fd, .sums = &sums };
	int rc;

	if (fd < 0)
		return ht_err_sys(err, "cannot be opened for writing");
	if (flock(fd, LOCK_EX | LOCK_NB))
		return ht_err_sys(err, "somebody else writes to it");
	rc = open_whole(path, fd, &w.model, err);
	if (!rc)
		rc = write_checkpoints(&w, err);
	ht_model_close(w.model);
	ht_sealer_destroy(w.sealer);
	ht_buf_fini(&w.payload);
	ht_buf_fini(&w.sealed);
	free(w.index.at);
	free(w.events.at);
	free(w.blocks.at);
	if (!rc)
		*ret = sums;
	return rc;
}
