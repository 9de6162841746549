/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_drain.c -- whatever a target writes into the channel, the recorder survives and its trace is whole
 *
 * Property: judge_recorded(), judge.h; and every byte the recorder reads of the channel lies in the channel.
 *
 * An input is a play in which the target and the recorder take turns: one byte for what happens (play.h), and then its
 * numbers. So the fuzzer can be a good target for a while and then a bad one. The session is as small as the recorder
 * makes them.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "collect/drain.h"
#include "judge.h"
#include "play.h"

#define THREADS 4
#define SMALL_SESSION (4u << 20) /* a limit under which a session is made as small as can be */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char path[128];

struct input {
	const uint8_t *at, *end;
};

/* What the target knows of its ring. */
struct thread {
	uint32_t segment;
	uint64_t head;
};

struct play {
	struct input in;
	struct ht_session session;
	struct ht_pool pool;
	struct ht_ticker ticker;
	struct ht_trace trace;
	struct ht_processes processes;
	struct ht_modules modules;
	struct ht_contexts contexts;
	struct ht_streams streams;
	struct ht_images images;
	struct ht_gauge gauge;
	struct ht_drain drain;
	struct thread thread[THREADS];
	uint64_t ticks;
};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const struct rlimit limit = { SMALL_SESSION, SMALL_SESSION };

	(void)argc;
	(void)argv;
	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &limit))
		abort();
	snprintf(path, sizeof(path), "/dev/shm/heaptap-fuzz-drain.%d", (int)getpid());
	return 0;
}

static void must(int rc, const struct ht_err *err)
{
	if (rc == 0)
		return;
	fprintf(stderr, "fuzz_drain: %s\n", err->text);
	abort();
}

/* ---- numbers of the input; zeros behind its end ------------------------------------------------------------ */

static uint64_t take(struct input *in, size_t bytes)
{
	size_t left = (size_t)(in->end - in->at), n = left < bytes ? left : bytes;
	uint64_t v = 0;

	memcpy(&v, in->at, n);
	in->at += n;
	return v;
}

/* ---- the target -------------------------------------------------------------------------------------------- */

static struct ht_slot *slot_of(struct play *p, uint64_t number)
{
	return &p->session.slots[number % THREADS];
}

/* As agent/thread.c pops it, unless somebody scribbled over the stack. */
static uint32_t pop_segment(struct play *p)
{
	struct ht_channel *ch = p->session.channel;
	uint64_t top = atomic_load(&ch->free_top);
	uint32_t segment = (uint32_t)top - 1;

	if (segment >= p->session.segment_count)
		return 0;
	atomic_store(&ch->free_top, ((top >> 32) + 1) << 32 | atomic_load(&p->session.seg_next[segment]));
	return segment;
}

static void write_cell(struct play *p, struct thread *t, struct ht_cell cell)
{
	p->session.segments[(size_t)t->segment * HT_SEGMENT_CELLS + t->head++ % HT_SEGMENT_CELLS] = cell;
}

static void publish(struct play *p, uint64_t number)
{
	atomic_store(&slot_of(p, number)->head, p->thread[number % THREADS].head);
}

static void write_thread(struct play *p, struct thread *t, const struct ht_slot *slot)
{
	write_cell(p, t, (struct ht_cell){ { ht_cell_word0(HT_CELL_THREAD, 0, slot->tid), p->ticks } });
	write_cell(p, t, (struct ht_cell){ { slot->entered, slot->counted_only } });
	write_cell(p, t, (struct ht_cell){ { slot->lost, slot->nested } });
	write_cell(p, t, (struct ht_cell){ { slot->blocked_ticks, slot->passed } });
}

static void claim_slot(struct play *p)
{
	uint64_t number = take(&p->in, 1);
	struct ht_slot *slot = slot_of(p, number);
	struct thread *t = &p->thread[number % THREADS];
	uint64_t tid = take(&p->in, 2);

	slot->tid = tid % 4 ? (uint32_t)getpid() : (uint32_t)tid;
	slot->image = (uint32_t)take(&p->in, 1) % 4;
	t->segment = slot->first_segment = pop_segment(p);
	t->head = slot->first_head = (t->head + HT_SEGMENT_CELLS - 1) / HT_SEGMENT_CELLS * HT_SEGMENT_CELLS;
	write_thread(p, t, slot);
	publish(p, number);
	atomic_store(&slot->state, HT_SLOT_NEXT(atomic_load(&slot->state), HT_SLOT_LIVE));
	atomic_fetch_add(&p->session.channel->claims, 1);
}

static void write_events(struct play *p)
{
	uint64_t number = take(&p->in, 1), count = take(&p->in, 1) % 16;
	struct thread *t = &p->thread[number % THREADS];

	for (uint64_t i = 0; i < count; i++) {
		unsigned kind = (unsigned)take(&p->in, 1) % HT_CELL_REALLOC_FAILED + HT_CELL_ALLOC;
		uint32_t context = (uint32_t)take(&p->in, 1);

		write_cell(p, t,
			   (struct ht_cell){ { ht_cell_word0(kind, take(&p->in, 1), context), take(&p->in, 6) } });
		atomic_fetch_add(&slot_of(p, number)->entered, kind != HT_CELL_REALLOC_BEGIN);
	}
	publish(p, number);
}

static void write_cells(struct play *p)
{
	uint64_t number = take(&p->in, 1), count = take(&p->in, 1) % 8;
	struct thread *t = &p->thread[number % THREADS];

	for (uint64_t i = 0; i < count; i++) {
		uint64_t low = take(&p->in, 8);

		write_cell(p, t, (struct ht_cell){ { low, take(&p->in, 8) } });
	}
	publish(p, number);
}

static void take_over(struct play *p)
{
	uint64_t number = take(&p->in, 1);

	slot_of(p, number)->tid = (uint32_t)take(&p->in, 3);
	write_thread(p, &p->thread[number % THREADS], slot_of(p, number));
	publish(p, number);
}

static void link_segment(struct play *p)
{
	uint64_t number = take(&p->in, 1), wrong = take(&p->in, 1);
	struct thread *t = &p->thread[number % THREADS];
	uint32_t next = wrong < 8 ? (uint32_t)wrong : pop_segment(p);

	atomic_store(&p->session.seg_next[t->segment], next + 1);
	write_cell(p, t, (struct ht_cell){ { ht_cell_word0(HT_CELL_LINK, 0, 0), 0 } });
	t->head = (t->head + HT_SEGMENT_CELLS - 1) / HT_SEGMENT_CELLS * HT_SEGMENT_CELLS;
	t->segment = next;
	publish(p, number);
}

static void write_node(struct play *p)
{
	struct ht_node *node = &p->session.nodes[take(&p->in, 1) % p->session.node_capacity];

	node->meaning = HT_NODE_MEANING(take(&p->in, 1), take(&p->in, 1) % 8);
	node->pc = take(&p->in, 4);
	atomic_store(&node->parent, (uint32_t)take(&p->in, 2));
}

static void write_image(struct play *p)
{
	uint32_t number = (uint32_t)take(&p->in, 1);
	struct ht_image *image = &p->session.images[number % HT_IMAGE_RING];

	image->status = (uint32_t)take(&p->in, 1);
	image->pid = take(&p->in, 1) % 2 ? (uint32_t)getpid() : (uint32_t)take(&p->in, 3);
	image->parent = (uint32_t)take(&p->in, 1);
	for (size_t i = take(&p->in, 1); i < sizeof(image->exe); i++)
		image->exe[i] = (char)i;
	atomic_store(&image->number, number + 1);
	atomic_store(&p->session.channel->images, number);
}

static void write_module(struct play *p)
{
	struct ht_module *m = &p->session.modules[take(&p->in, 1) % p->session.module_count];

	m->image = (uint32_t)take(&p->in, 1);
	m->generation = (uint32_t)take(&p->in, 1);
	m->start = take(&p->in, 6);
	m->end = m->start + 4096 * take(&p->in, 1);
	m->build_id_len = (uint32_t)take(&p->in, 1);
	memset(m->path, 'm', sizeof(m->path));
	atomic_store(&m->state, (uint32_t)take(&p->in, 1));
	atomic_fetch_add(&p->session.channel->module_changes, 1);
}

/* 8 bytes anywhere in front of the segments. */
static void scribble(struct play *p)
{
	uint64_t words = (uint64_t)((char *)p->session.segments - (char *)p->session.channel) / 8;
	uint64_t where = take(&p->in, 3) % words, what = take(&p->in, 8);

	memcpy((char *)p->session.channel + 8 * where, &what, sizeof(what));
}

/* Of the first slots, where it hurts. */
static void scribble_slot(struct play *p)
{
	struct ht_slot *slot = slot_of(p, take(&p->in, 1));
	uint64_t where = take(&p->in, 1) % (sizeof(*slot) / 8), what = take(&p->in, 8);

	memcpy((char *)slot + 8 * where, &what, sizeof(what));
}

/* ---- the recorder, in the order of recording.c ------------------------------------------------------------- */

static void drain_round(struct play *p)
{
	ht_images_read(&p->images);
	ht_drain_round(&p->drain);
	ht_modules_read(&p->modules);
	ht_modules_refill(&p->modules);
	ht_contexts_refill(&p->contexts);
	ht_pool_refill(&p->pool);
}

static void flush(struct play *p)
{
	ht_streams_flush(&p->streams);
	ht_trace_flush(&p->trace);
}

static void begin(struct play *p)
{
	struct ht_err err;

	unlink(path);
	ht_ticker_init(&p->ticker);
	must(ht_session_create(HT_POLICY_BLOCK, p->ticker.clock, HT_SESSION_STACKS, NULL, &p->session, &err), &err);
	must(ht_pool_init(&p->pool, &p->session, UINT32_MAX, &err), &err);
	must(ht_trace_create(path, p->session.id, &p->trace, &err), &err);
	ht_trace_put_session(&p->trace,
			     &(struct ht_meta_session){ .clock = p->ticker.clock, .pid = (uint64_t)getpid() });
	ht_trace_put_clock(&p->trace, &p->ticker.first);
	ht_trace_flush(&p->trace);
	must(ht_modules_init(&p->modules, &p->session, &p->trace, &err), &err);
	must(ht_contexts_init(&p->contexts, &p->session, &p->trace, &p->modules, &err), &err);
	must(ht_processes_init(&p->processes, &p->trace, &p->ticker, &err), &err);
	p->processes.modules = &p->modules;
	ht_processes_add(&p->processes, getpid(), NULL, p->ticker.first.ticks, p->ticker.first.ticks);
	p->streams = (struct ht_streams){
		.trace = &p->trace,
		.contexts = &p->contexts,
		.ticker = &p->ticker,
		.pool = &p->pool,
		.images = &p->images,
		.gauge = &p->gauge,
	};
	p->images = (struct ht_images){
		.session = &p->session, .trace = &p->trace, .ticker = &p->ticker, .processes = &p->processes
	};
	p->drain = (struct ht_drain){
		.session = &p->session,
		.pool = &p->pool,
		.streams = &p->streams,
		.images = &p->images,
	};
	must(ht_drain_init(&p->drain, &err), &err);
	ht_session_start(&p->session, (uint32_t)getpid());
	p->ticks = ht_ticker_now(&p->ticker);
}

static void finish(struct play *p)
{
	ht_session_stop(&p->session);
	drain_round(p);
	ht_trace_begin_end(&p->trace);
	ht_ticker_mark(&p->ticker);
	ht_drain_close(&p->drain);
	ht_trace_put_clock(&p->trace, &p->ticker.last);
	ht_trace_end(&p->trace, &(struct ht_meta_end){ .ticks = p->ticker.last.ticks,
						       .reason = HT_END_EXIT,
						       .damaged_streams = p->drain.damaged,
						       .events = p->trace.events });
	ht_drain_fini(&p->drain);
	ht_gauge_fini(&p->gauge);
	ht_contexts_fini(&p->contexts);
	ht_modules_fini(&p->modules);
	ht_images_fini(&p->images);
	ht_processes_fini(&p->processes);
	ht_trace_close(&p->trace);
	ht_pool_fini(&p->pool);
	ht_session_fini(&p->session);
}

static void reap(struct play *p)
{
	ht_drain_reap(&p->drain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const act[PLAY_COUNT])(struct play *) = {
		[PLAY_CLAIM] = claim_slot,   [PLAY_EVENTS] = write_events, [PLAY_CELLS] = write_cells,
		[PLAY_THREAD] = take_over,   [PLAY_LINK] = link_segment,   [PLAY_NODE] = write_node,
		[PLAY_IMAGE] = write_image,  [PLAY_MODULE] = write_module, [PLAY_ANY] = scribble,
		[PLAY_SLOT] = scribble_slot, [PLAY_ROUND] = drain_round,   [PLAY_REAP] = reap,
		[PLAY_FLUSH] = flush,
	};
	struct play p = { .in = { data, data + size } };

	begin(&p);
	while (p.in.at < p.in.end)
		act[take(&p.in, 1) % PLAY_COUNT](&p);
	finish(&p);
	judge_recorded(path);
	unlink(path);
	return 0;
}
