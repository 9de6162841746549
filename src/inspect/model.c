/* SPDX-License-Identifier: Apache-2.0 */
/* model.c -- loads the model: one walk over all blocks, then every stream gets what belongs to it
 *
 * Called by every command that answers from a trace.
 *
 *   walk     block by block, record by record, into lists in file order; EVENTS rows are looked at and counted, not kept
 *   sort     by stream (and sequence), file order last: a later record replaces an earlier one
 *   join     threads, accounts, losses and event blocks of one number become one stream
 *
 * Always true:
 *   a block gives all of its records or none: lists are cut back to what they were before a block that turns out wrong
 */
#include "inspect/model.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "format/block.h"
#include "inspect/extent.h"
#include "inspect/gaps.h"

#define CALL_ROWS                                                                                                      \
	(1u << HT_ROW_ALLOC | 1u << HT_ROW_ALLOC_FAILED | 1u << HT_ROW_FREE | 1u << HT_ROW_REALLOC_END |               \
	 1u << HT_ROW_REALLOC_FREED | 1u << HT_ROW_REALLOC_FAILED)

struct thread_at {
	struct ht_meta_thread meta;
	size_t order;
};

struct account_at {
	struct ht_meta_account meta;
	size_t order;
};

struct image_at {
	struct ht_meta_image meta;
	size_t order;
};

/* What only loading needs. */
struct load {
	struct ht_model *model;
	HT_LIST(struct thread_at) threads;
	HT_LIST(struct account_at) accounts;
	HT_LIST(struct image_at) images;
	size_t order; /* of records, in the file */
};

static int no_memory(struct ht_err *err)
{
	return ht_err_set(err, HT_ESYSTEM, "out of memory for what the trace describes");
}

/* ---- one record of each kind ------------------------------------------------------------------------------- */

static int take_session(struct load *l, struct ht_cursor *c, struct ht_err *err)
{
	struct ht_model *t = l->model;
	struct ht_meta_session m;
	int rc = ht_meta_get_session(c, &m, err);

	if (rc || t->has_session)
		return rc;
	if (!ht_arena_keep(&t->arena, &m.heaptap) || !ht_arena_keep(&t->arena, &m.host) ||
	    !ht_arena_keep(&t->arena, &m.command))
		return no_memory(err);
	t->session = m;
	t->has_session = true;
	return 0;
}

static int take_image(struct load *l, struct ht_cursor *c, struct ht_err *err)
{
	struct ht_arena *a = &l->model->arena;
	struct ht_meta_image m;
	struct image_at *new;
	int rc = ht_meta_get_image(c, &m, err);

	if (rc)
		return rc;
	if (!ht_arena_keep(a, &m.exe) || !ht_arena_keep(a, &m.allocator) || !ht_arena_keep(a, &m.command) ||
	    !ht_arena_keep(a, &m.before_why))
		return no_memory(err);
	new = HT_LIST_ADD(&l->images);
	if (!new)
		return no_memory(err);
	*new = (struct image_at){ m, l->order++ };
	return 0;
}

static int take_process(struct load *l, struct ht_cursor *c, struct ht_err *err)
{
	struct ht_arena *a = &l->model->arena;
	struct ht_meta_process m, *new;
	int rc = ht_meta_get_process(c, &m, err);

	if (rc)
		return rc;
	if (!ht_arena_keep(a, &m.comm) || !ht_arena_keep(a, &m.command))
		return no_memory(err);
	new = HT_LIST_ADD(&l->model->processes);
	if (!new)
		return no_memory(err);
	*new = m;
	return 0;
}

static int take_module(struct load *l, struct ht_cursor *c, struct ht_err *err)
{
	struct ht_arena *a = &l->model->arena;
	struct ht_meta_module m, *new;
	int rc = ht_meta_get_module(c, &m, err);

	if (rc)
		return rc;
	if (!ht_arena_keep(a, &m.path) || !ht_arena_keep(a, &m.build_id))
		return no_memory(err);
	new = HT_LIST_ADD(&l->model->modules);
	if (!new)
		return no_memory(err);
	*new = m;
	return 0;
}

static int take_thread(struct load *l, struct ht_cursor *c, struct ht_err *err)
{
	struct ht_meta_thread m;
	struct thread_at *new;
	int rc = ht_meta_get_thread(c, &m, err);

	if (rc)
		return rc;
	new = ht_arena_keep(&l->model->arena, &m.name) ? HT_LIST_ADD(&l->threads) : NULL;
	if (!new)
		return no_memory(err);
	*new = (struct thread_at){ m, l->order++ };
	return 0;
}

static int take_context(struct load *l, struct ht_cursor *c, uint64_t *previous, struct ht_err *err)
{
	struct ht_meta_context m;
	struct ht_node_at *new;
	int rc = ht_meta_get_context(c, &m, previous, err);

	if (rc)
		return rc;
	if (m.context > UINT32_MAX || m.parent > UINT32_MAX || m.kind > UINT32_MAX)
		return ht_err_set(err, HT_EDAMAGED, "byte %" PRIu64 ": a context beyond 32 bits", ht_cursor_at(c));
	new = HT_LIST_ADD(&l->model->contexts);
	if (!new)
		return no_memory(err);
	*new = (struct ht_node_at){
		.context = (uint32_t)m.context,
		.parent = (uint32_t)m.parent,
		.kind = (uint32_t)m.kind,
		.generation = m.generation < UINT32_MAX ? (uint32_t)m.generation : UINT32_MAX,
		.order = l->order++,
		.pc = m.pc,
	};
	return 0;
}

static int take_clock(struct load *l, struct ht_cursor *c, struct ht_err *err)
{
	struct ht_meta_clock m;
	struct ht_clock_pair *new;
	int rc = ht_meta_get_clock(c, &m, err);

	if (rc)
		return rc;
	new = HT_LIST_ADD(&l->model->clock.pairs);
	if (!new)
		return no_memory(err);
	*new = (struct ht_clock_pair){ m.ticks, m.monotonic_ns, l->order++ };
	return 0;
}

static int take_loss(struct load *l, struct ht_cursor *c, struct ht_err *err)
{
	struct ht_meta_loss m, *new;
	int rc = ht_meta_get_loss(c, &m, err);

	if (rc)
		return rc;
	new = HT_LIST_ADD(&l->model->losses);
	if (!new)
		return no_memory(err);
	*new = m;
	return 0;
}

static int take_account(struct load *l, struct ht_cursor *c, struct ht_err *err)
{
	struct ht_meta_account m;
	struct account_at *new;
	int rc = ht_meta_get_account(c, &m, err);

	if (rc)
		return rc;
	new = HT_LIST_ADD(&l->accounts);
	if (!new)
		return no_memory(err);
	*new = (struct account_at){ m, l->order++ };
	return 0;
}

static int take_end(struct load *l, struct ht_cursor *c, struct ht_err *err)
{
	struct ht_meta_end m;
	int rc = ht_meta_get_end(c, &m, err);

	if (rc || l->model->has_end)
		return rc;
	l->model->end = m;
	l->model->has_end = true;
	return 0;
}

/* Only to see that it parses (section 5.10): whoever scans the file does not need it. */
static int check_index(struct ht_cursor c, struct ht_err *err)
{
	struct ht_meta_index_entry *entry = NULL;
	uint64_t offset;
	size_t count;
	int rc = ht_meta_get_index(c, &entry, &count, &offset, err);

	free(entry);
	return rc;
}

/* Looks at every row, so that reading them cannot fail. */
static int take_events(struct load *l, size_t i, struct ht_cursor payload, struct ht_err *err)
{
	const struct ht_block_at *b = ht_reader_block(l->model->reader, i);
	struct ht_column_sums sums;
	struct ht_event_block *new;
	int rc = ht_columns_survey(payload, b->rows, b->first_time_ticks, &sums, err);

	if (rc || !b->rows)
		return rc;
	new = HT_LIST_ADD(&l->model->event_blocks);
	if (!new)
		return no_memory(err);
	if (sums.last_time_ticks > l->model->last_ticks)
		l->model->last_ticks = sums.last_time_ticks;
	*new = (struct ht_event_block){ i, b->stream, b->first_seq, b->first_time_ticks, b->rows, { 0 } };
	memcpy(new->row_counts, sums.rows, sizeof(sums.rows));
	return 0;
}

/* ---- the walk ---------------------------------------------------------------------------------------------- */

static int take_record(struct load *l, uint32_t kind, struct ht_cursor *c, uint64_t *previous, struct ht_err *err)
{
	switch (kind) {
	case HT_BLOCK_SESSION:
		return take_session(l, c, err);
	case HT_BLOCK_IMAGE:
		return take_image(l, c, err);
	case HT_BLOCK_PROCESS:
		return take_process(l, c, err);
	case HT_BLOCK_MODULE:
		return take_module(l, c, err);
	case HT_BLOCK_THREAD:
		return take_thread(l, c, err);
	case HT_BLOCK_CONTEXT:
		return take_context(l, c, previous, err);
	case HT_BLOCK_CLOCK:
		return take_clock(l, c, err);
	case HT_BLOCK_LOSS:
		return take_loss(l, c, err);
	case HT_BLOCK_ACCOUNT:
		return take_account(l, c, err);
	default:
		return take_end(l, c, err);
	}
}

static int take_records(struct load *l, const struct ht_block_at *b, struct ht_cursor c, struct ht_err *err)
{
	struct ht_model *t = l->model;
	size_t images = l->images.count, processes = t->processes.count, modules = t->modules.count,
	       contexts = t->contexts.count;
	size_t losses = t->losses.count, pairs = t->clock.pairs.count;
	size_t threads = l->threads.count, accounts = l->accounts.count;
	uint64_t previous = 0;
	int rc = 0;

	for (uint32_t row = 0; !rc && row < b->rows; row++)
		rc = take_record(l, b->kind, &c, &previous, err);
	if (!rc)
		return 0;
	l->images.count = images;
	t->processes.count = processes;
	t->modules.count = modules;
	t->contexts.count = contexts;
	t->losses.count = losses;
	t->clock.pairs.count = pairs;
	l->threads.count = threads;
	l->accounts.count = accounts;
	return rc;
}

static int take_block(struct load *l, size_t i, struct ht_err *err)
{
	struct ht_model *t = l->model;
	const struct ht_block_at *b = ht_reader_block(t->reader, i);
	struct ht_cursor payload;
	int rc;

	if (b->is_hearsay && b->kind == HT_BLOCK_EVENTS)
		return b->rows ? ht_extent_note_events(t, i, err) : 0;
	rc = ht_reader_payload(t->reader, i, &payload, err);
	if (rc)
		return rc == HT_EDAMAGED ? 0 : rc;
	if (b->kind == HT_BLOCK_EVENTS)
		rc = take_events(l, i, payload, err);
	else if (b->kind == HT_BLOCK_INDEX)
		rc = check_index(payload, err);
	else if (b->kind == HT_BLOCK_CHECKPOINT)
		rc = ht_extent_take_checkpoint(t, b, payload, err);
	else if (ht_block_is_known(b->kind))
		rc = take_records(l, b, payload, err);
	if (rc == HT_EDAMAGED) {
		ht_reader_note(t->reader, i, err->text);
		return 0;
	}
	t->block_counts[b->kind <= HT_BLOCK_PROCESS ? b->kind : 0]++;
	return rc;
}

/* ---- sorting and joining ----------------------------------------------------------------------------------- */

static int compare(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int by_context(const void *a, const void *b)
{
	const struct ht_node_at *x = a, *y = b;

	return x->context != y->context ? compare(x->context, y->context) : compare(x->order, y->order);
}

static int by_thread(const void *a, const void *b)
{
	const struct thread_at *x = a, *y = b;

	return x->meta.stream != y->meta.stream ? compare(x->meta.stream, y->meta.stream) : compare(x->order, y->order);
}

static int by_account(const void *a, const void *b)
{
	const struct account_at *x = a, *y = b;

	return x->meta.stream != y->meta.stream ? compare(x->meta.stream, y->meta.stream) : compare(x->order, y->order);
}

static int by_loss(const void *a, const void *b)
{
	const struct ht_meta_loss *x = a, *y = b;

	if (x->stream != y->stream)
		return compare(x->stream, y->stream);
	return x->first_seq != y->first_seq ? compare(x->first_seq, y->first_seq) : compare(x->count, y->count);
}

static int by_sequence(const void *a, const void *b)
{
	const struct ht_event_block *x = a, *y = b;

	if (x->stream != y->stream)
		return compare(x->stream, y->stream);
	return x->first_seq != y->first_seq ? compare(x->first_seq, y->first_seq) : compare(x->block, y->block);
}

#define SORT(list, order)                                                                                              \
	do {                                                                                                           \
		if ((list)->count)                                                                                     \
			qsort((list)->at, (list)->count, sizeof(*(list)->at), order);                                  \
	} while (0)

static void sort_contexts(struct ht_model *t)
{
	size_t kept = 0;

	SORT(&t->contexts, by_context);
	for (size_t i = 0; i < t->contexts.count; i++) {
		if (kept && t->contexts.at[kept - 1].context == t->contexts.at[i].context)
			kept--;
		t->contexts.at[kept++] = t->contexts.at[i];
	}
	t->contexts.count = kept;
}

static int by_image(const void *a, const void *b)
{
	const struct image_at *x = a, *y = b;

	return x->meta.image != y->meta.image ? compare(x->meta.image, y->meta.image) : compare(x->order, y->order);
}

static int keep_latest_images(struct load *l, struct ht_err *err)
{
	struct ht_model *t = l->model;

	SORT(&l->images, by_image);
	for (size_t i = 0; i < l->images.count; i++) {
		const struct ht_meta_image *m = &l->images.at[i].meta;
		bool again = t->images.count && t->images.at[t->images.count - 1].image == m->image;
		struct ht_meta_image *to = again ? &t->images.at[t->images.count - 1] : HT_LIST_ADD(&t->images);

		if (!to)
			return no_memory(err);
		*to = *m;
	}
	return 0;
}

/* Ascending, and by a stable order: qsort may not keep records of one process in the order of the file. */
static int by_process(const void *a, const void *b)
{
	const struct ht_meta_process *x = a, *y = b;

	if (x->process != y->process)
		return compare(x->process, y->process);
	return compare(x->end_ticks, y->end_ticks) ? compare(x->end_ticks, y->end_ticks) : compare(x->exit, y->exit);
}

/* A process is described when it is met, and when it ended. */
static void keep_latest_processes(struct ht_model *t)
{
	size_t kept = 0;

	SORT(&t->processes, by_process);
	for (size_t i = 0; i < t->processes.count; i++) {
		if (kept && t->processes.at[kept - 1].process == t->processes.at[i].process)
			kept--;
		t->processes.at[kept++] = t->processes.at[i];
	}
	t->processes.count = kept;
}

static int image_by_number(const void *number, const void *image)
{
	return compare(*(const uint64_t *)number, ((const struct ht_meta_image *)image)->image);
}

const struct ht_meta_image *ht_model_image(const struct ht_model *t, uint64_t image)
{
	if (image && image <= t->images.count && t->images.at[image - 1].image == image)
		return &t->images.at[image - 1]; /* nearly always without a gap */
	return t->images.count ? bsearch(&image, t->images.at, t->images.count, sizeof(*t->images.at), image_by_number)
			       : NULL;
}

static int process_by_number(const void *number, const void *process)
{
	return compare(*(const uint64_t *)number, ((const struct ht_meta_process *)process)->process);
}

const struct ht_meta_process *ht_model_process(const struct ht_model *t, uint64_t process)
{
	return t->processes.count ? bsearch(&process, t->processes.at, t->processes.count, sizeof(*t->processes.at),
					    process_by_number)
				  : NULL;
}

uint64_t ht_model_process_of(const struct ht_model *t, uint64_t image)
{
	const struct ht_meta_image *m = ht_model_image(t, image);

	return m ? m->process : 1;
}

/* A forked image runs what the one ran that it was forked from. */
static void name_forked_images(struct ht_model *t)
{
	for (size_t i = 0; i < t->images.count; i++) {
		struct ht_meta_image *m = &t->images.at[i];
		const struct ht_meta_image *from = m->forked_from < m->image ? ht_model_image(t, m->forked_from) : NULL;

		if (!m->forked_from || !from)
			continue;
		m->exe = from->exe;
		m->allocator = from->allocator;
		m->command = from->command;
	}
}

static void count_rows(struct ht_stream *s, const struct ht_event_block *b)
{
	for (int kind = HT_ROW_ALLOC; kind <= HT_ROW_EXISTING; kind++) {
		s->row_counts[kind] += b->row_counts[kind];
		if (CALL_ROWS >> kind & 1)
			s->calls += b->row_counts[kind];
	}
}

struct join {
	size_t thread, account, loss, event;
};

/* Takes all that has this number from the heads of the sorted lists. */
static void fill_stream(struct load *l, struct join *j, struct ht_stream *s)
{
	struct ht_model *t = l->model;

	for (; j->thread < l->threads.count && l->threads.at[j->thread].meta.stream == s->number; j->thread++) {
		const struct ht_meta_thread *m = &l->threads.at[j->thread].meta;

		s->has_thread = true;
		s->tid = m->tid;
		s->image = m->image;
		s->name = m->name;
	}
	for (; j->account < l->accounts.count && l->accounts.at[j->account].meta.stream == s->number; j->account++) {
		s->has_account = true;
		s->account = l->accounts.at[j->account].meta;
	}
	s->loss_from = j->loss;
	for (; j->loss < t->losses.count && t->losses.at[j->loss].stream == s->number; j->loss++)
		s->lost = ht_gaps_add(s->lost, t->losses.at[j->loss].count);
	s->loss_count = j->loss - s->loss_from;
	s->event_from = j->event;
	for (; j->event < t->event_blocks.count && t->event_blocks.at[j->event].stream == s->number; j->event++)
		count_rows(s, &t->event_blocks.at[j->event]);
	s->event_count = j->event - s->event_from;
	s->missing = s->number && !t->is_part ? ht_gaps_missing(t, s) : 0;
	t->missing = ht_gaps_add(t->missing, s->missing);
}

/* The lowest number at the heads of the lists; false: they are all used up. */
static bool next_number(const struct load *l, const struct join *j, uint64_t *ret)
{
	const struct ht_model *t = l->model;
	uint64_t number = UINT64_MAX;
	bool any = false;

#define CONSIDER(list, head, field)                                                                                    \
	if ((head) < (list)->count) {                                                                                  \
		any = true;                                                                                            \
		if ((list)->at[head].field < number)                                                                   \
			number = (list)->at[head].field;                                                               \
	}
	CONSIDER(&l->threads, j->thread, meta.stream)
	CONSIDER(&l->accounts, j->account, meta.stream)
	CONSIDER(&t->losses, j->loss, stream)
	CONSIDER(&t->event_blocks, j->event, stream)
#undef CONSIDER
	*ret = number;
	return any;
}

static int join_streams(struct load *l, struct ht_err *err)
{
	struct ht_model *t = l->model;
	struct join j = { 0 };
	uint64_t number;

	SORT(&l->threads, by_thread);
	SORT(&l->accounts, by_account);
	SORT(&t->losses, by_loss);
	SORT(&t->event_blocks, by_sequence);
	while (next_number(l, &j, &number)) {
		struct ht_stream *s = HT_LIST_ADD(&t->streams);

		if (!s)
			return no_memory(err);
		s->number = number;
		s->image = 1;
		s->is_chosen = true;
		fill_stream(l, &j, s);
		s->process = ht_model_process_of(t, s->image);
	}
	return 0;
}

/* The loader has no name for the executable; the image has. */
static void name_executables(struct ht_model *t)
{
	for (size_t i = 0; i < t->modules.count; i++) {
		struct ht_meta_module *m = &t->modules.at[i];

		const struct ht_meta_image *image = m->path.len ? NULL : ht_model_image(t, m->image);

		if (image)
			m->path = image->exe;
	}
}

void ht_model_count_chosen(struct ht_model *t)
{
	t->threads = 0;
	memset(t->row_counts, 0, sizeof(t->row_counts));
	for (size_t i = 0; i < t->streams.count; i++) {
		const struct ht_stream *s = &t->streams.at[i];

		if (!s->is_chosen)
			continue;
		t->threads += s->has_thread;
		for (int kind = HT_ROW_ALLOC; kind <= HT_ROW_EXISTING; kind++)
			t->row_counts[kind] += s->row_counts[kind];
	}
}

/* ---- opening and closing ----------------------------------------------------------------------------------- */

/* Of a part: first what is not an event, then those that the window needs. */
static int take_blocks(struct load *l, struct ht_extent *extent, struct ht_err *err)
{
	struct ht_model *t = l->model;
	size_t count = ht_reader_block_count(t->reader);
	int rc = 0;

	for (size_t i = 0; !rc && i < count; i++)
		if (!extent || ht_extent_is_frame(ht_reader_block(t->reader, i)))
			rc = take_block(l, i, err);
	if (rc || !extent)
		return rc;
	ht_clock_prepare(&t->clock, t->session.start_ticks);
	ht_extent_choose(t, extent);
	for (size_t i = 0; !rc && i < count; i++)
		if (ht_extent_needs(t, extent, ht_reader_block(t->reader, i)))
			rc = take_block(l, i, err);
	return rc;
}

static int load(struct load *l, struct ht_extent *extent, struct ht_err *err)
{
	struct ht_model *t = l->model;
	const struct ht_damage *damage;
	uint64_t intact = 0;
	int rc = take_blocks(l, extent, err);

	for (int kind = 0; kind <= HT_BLOCK_PROCESS; kind++)
		intact += t->block_counts[kind];
	if (!rc && !intact && !ht_reader_begins_right(t->reader))
		rc = ht_err_set(err, HT_EFORMAT, "is not a heaptap trace");
	if (!rc)
		rc = keep_latest_images(l, err);
	if (!rc)
		rc = join_streams(l, err);
	if (rc)
		return rc;
	sort_contexts(t);
	keep_latest_processes(t);
	name_forked_images(t);
	name_executables(t);
	ht_model_count_chosen(t);
	ht_clock_prepare(&t->clock, t->session.start_ticks);
	t->unknown_from_ticks = ht_reader_damages(t->reader, &damage) || t->missing ? 0 : UINT64_MAX;
	for (size_t i = 0; i < t->losses.count; i++)
		if (t->losses.at[i].from_ticks < t->unknown_from_ticks)
			t->unknown_from_ticks = t->losses.at[i].from_ticks;
	return 0;
}

static int open_model(const char *path, struct ht_extent *extent, struct ht_model **ret, struct ht_err *err)
{
	struct ht_model *t = calloc(1, sizeof(*t));
	struct load l = { .model = t };
	int rc;

	if (!t)
		return no_memory(err);
	t->until_ticks = UINT64_MAX;
	t->is_part = extent;
	rc = extent ? ht_reader_open_indexed(path, &t->reader, err) : ht_reader_open(path, &t->reader, err);
	if (!rc)
		rc = load(&l, extent, err);
	if (!rc && extent)
		rc = ht_extent_check(t, err);
	free(l.threads.at);
	free(l.accounts.at);
	free(l.images.at);
	if (rc) {
		ht_model_close(t);
		return rc;
	}
	*ret = t;
	return 0;
}

int ht_model_open(const char *path, struct ht_model **ret, struct ht_err *err)
{
	return open_model(path, NULL, ret, err);
}

int ht_model_open_extent(const char *path, uint64_t from_ns, uint64_t to_ns, struct ht_model **ret, struct ht_err *err)
{
	struct ht_extent e = { .from_ns = from_ns, .to_ns = to_ns };

	return open_model(path, &e, ret, err) ? open_model(path, NULL, ret, err) : 0;
}

void ht_model_close(struct ht_model *t)
{
	if (!t)
		return;
	ht_reader_close(t->reader);
	ht_arena_fini(&t->arena);
	free(t->images.at);
	free(t->processes.at);
	free(t->chosen.at);
	free(t->start.at);
	free(t->modules.at);
	free(t->losses.at);
	free(t->contexts.at);
	free(t->event_blocks.at);
	free(t->streams.at);
	free(t->clock.pairs.at);
	free(t);
}

uint64_t ht_model_damages(const struct ht_model *t, const struct ht_damage **ret)
{
	return ht_reader_damages(t->reader, ret);
}

uint64_t ht_model_file_bytes(const struct ht_model *t)
{
	return ht_reader_file_bytes(t->reader);
}

bool ht_model_broken(const struct ht_model *t)
{
	const struct ht_damage *damage;

	return !t->has_session || !t->has_end || t->missing || ht_model_damages(t, &damage);
}

/* ---- contexts ---------------------------------------------------------------------------------------------- */

/* Numbers usually run without a gap, so the first guess is right. */
const struct ht_node_at *ht_model_node(const struct ht_model *t, uint32_t context)
{
	size_t from = 0, to = t->contexts.count;

	if (to && context >= t->contexts.at[0].context) {
		size_t guess = context - t->contexts.at[0].context;

		if (guess < to && t->contexts.at[guess].context == context)
			return &t->contexts.at[guess];
	}
	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (t->contexts.at[middle].context == context)
			return &t->contexts.at[middle];
		if (t->contexts.at[middle].context < context)
			from = middle + 1;
		else
			to = middle;
	}
	return NULL;
}

uint32_t ht_model_function_number(const struct ht_model *t, uint32_t context)
{
	const struct ht_node_at *n = ht_model_node(t, context);

	return n && n->kind == HT_CONTEXT_FUNCTION && n->pc < HT_FUNCTION_COUNT ? (uint32_t)n->pc : 0;
}

const char *ht_model_function(const struct ht_model *t, uint32_t context)
{
	uint32_t function = ht_model_function_number(t, context);

	return function ? ht_function_name(function) : NULL;
}

bool ht_model_caller(const struct ht_model *t, uint32_t context, uint64_t *ret)
{
	const struct ht_node_at *n = ht_model_node(t, context);

	if (n && n->kind == HT_CONTEXT_FUNCTION)
		n = ht_model_node(t, n->parent);
	else
		return false;
	if (!n || (n->kind != HT_CONTEXT_CALLER && n->kind != HT_CONTEXT_EXACT && n->kind != HT_CONTEXT_POINTER))
		return false;
	*ret = n->pc;
	return true;
}
