/* SPDX-License-Identifier: Apache-2.0 */
/* session.c -- makes the shared memory of a recording, as channel.h draws it
 *
 * Called by: recording.c.
 *
 *   RLIMIT_AS, RLIMIT_FSIZE ──► how big? ──► memfd, own or lent ──► sealed ──► mapped ──► header, first nodes, robust futex
 *
 * The target maps all of it, so it must fit beside what the target needs itself: under an address space limit
 * everything is halved until the mapping takes at most an eighth. Slots and the node index are hashed into, so
 * they have memory behind them from the start; nodes and segments get theirs as they are needed (contexts.c,
 * pool.c).
 *
 * Always true: the kernel marks `collector` when this thread dies, whatever the cause; so it must be the
 * process's main thread.
 */
#include "collect/session.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE 4096u
#define SEGMENTS_MAX 16384u  /* 256 MiB */
#define INDEX_MAX (1u << 21) /* room for 1.5 M nodes */
#define TABLE_MAX (4u << 20) /* 262 thousand functions */
#define MEMO_SHARE 4         /* of the segments, at most one in so many remembers stacks */
#define HALVINGS_MAX 8

static uint64_t align_page(uint64_t v)
{
	return (v + PAGE - 1) & ~(uint64_t)(PAGE - 1);
}

/* The header of a channel 2^-halvings of the full size. */
static struct ht_channel lay_out(unsigned halvings)
{
	uint32_t index = INDEX_MAX >> halvings;
	struct ht_channel c = {
		.magic = HT_CHANNEL_MAGIC,
		.version = HT_CHANNEL_VERSION,
		.slot_count = HT_SLOT_COUNT >> halvings,
		.segment_count = SEGMENTS_MAX >> halvings,
		.node_capacity = index / 4 * 3,
		.node_index_mask = index - 1,
		.module_count = HT_MODULE_COUNT >> halvings,
		.table_bytes = TABLE_MAX >> halvings,
	};

	c.images_at = align_page(sizeof(struct ht_channel));
	c.slots_at = align_page(c.images_at + sizeof(struct ht_image) * HT_IMAGE_RING);
	c.seg_next_at = align_page(c.slots_at + sizeof(struct ht_slot) * c.slot_count);
	c.modules_at = align_page(c.seg_next_at + sizeof(uint32_t) * c.segment_count);
	c.nodes_at = align_page(c.modules_at + sizeof(struct ht_module) * c.module_count);
	c.node_index_at = align_page(c.nodes_at + sizeof(struct ht_node) * c.node_capacity);
	c.segments_at = align_page(c.node_index_at + sizeof(uint32_t) * index);
	c.table_at = c.segments_at + (uint64_t)HT_SEGMENT_BYTES * c.segment_count;
	c.bytes = c.table_at + c.table_bytes;
	return c;
}

static int choose_size(uint64_t most, struct ht_channel *ret, struct ht_err *err)
{
	struct rlimit as;

	if (getrlimit(RLIMIT_AS, &as))
		return ht_err_sys(err, "cannot read the limit on address space");
	if (as.rlim_cur != RLIM_INFINITY && as.rlim_cur / 8 < most)
		most = as.rlim_cur / 8;
	for (unsigned halvings = 0; halvings <= HALVINGS_MAX; halvings++) {
		*ret = lay_out(halvings);
		if (ret->bytes <= most)
			return 0;
	}
	return ht_err_set(err, HT_ESYSTEM,
			  "the limits on address space or file size (ulimit -v, -f) leave no room for shared memory");
}

/* A limit on the size of files would hold for the memfd too. Lifted as far as this process may; `old` is to be
 * put back. */
static uint64_t lift_file_limit(struct rlimit *old)
{
	struct rlimit wide = { RLIM_INFINITY, RLIM_INFINITY };

	if (getrlimit(RLIMIT_FSIZE, old) || !setrlimit(RLIMIT_FSIZE, &wide))
		return UINT64_MAX;
	wide = (struct rlimit){ old->rlim_max, old->rlim_max };
	setrlimit(RLIMIT_FSIZE, &wide);
	return old->rlim_max;
}

static int set_size(int fd, uint64_t bytes, struct ht_err *err)
{
	if (ftruncate(fd, (off_t)bytes))
		return ht_err_sys(err, "cannot size %" PRIu64 " bytes of shared memory", bytes);
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		return ht_err_sys(err, "cannot seal the shared memory");
	return 0;
}

static int make_memory(int *fd, struct ht_err *err)
{
	*fd = memfd_create(HT_CHANNEL_MEMFD, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return *fd < 0 ? ht_err_sys(err, "cannot make shared memory") : 0;
}

static int open_memory(const struct ht_channel *c, const struct ht_session_lender *lender, struct ht_session *s,
		       struct ht_err *err)
{
	int rc = lender ? lender->lend(lender->with, c->bytes, &s->fd, err) : make_memory(&s->fd, err);

	if (!rc)
		rc = set_size(s->fd, c->bytes, err);
	if (rc)
		return rc;
	s->channel = mmap(NULL, c->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, 0);
	if (s->channel == MAP_FAILED) {
		s->channel = NULL;
		return ht_err_sys(err, "cannot map %" PRIu64 " bytes of shared memory", c->bytes);
	}
	madvise(s->channel, c->bytes, MADV_DONTDUMP);
	s->bytes = c->bytes;
	s->slot_count = c->slot_count;
	s->segment_count = c->segment_count;
	s->node_capacity = c->node_capacity;
	s->module_count = c->module_count;
	s->modules_at = c->modules_at;
	s->nodes_at = c->nodes_at;
	s->segments_at = c->segments_at;
	s->images = (void *)((char *)s->channel + c->images_at);
	s->slots = (void *)((char *)s->channel + c->slots_at);
	s->seg_next = (void *)((char *)s->channel + c->seg_next_at);
	s->modules = (void *)((char *)s->channel + c->modules_at);
	s->nodes = (void *)((char *)s->channel + c->nodes_at);
	s->segments = (void *)((char *)s->channel + c->segments_at);
	return 0;
}

/* Linux sets HT_OWNER_DIED in every futex of a dying thread's robust list that holds its tid
 * (set_robust_list(2)). The list has one entry, which stands for `collector`. */
static int be_watched(struct ht_channel *channel, struct ht_err *err)
{
	static struct robust_list entry;
	static struct robust_list_head head;

	entry.next = &head.list;
	head.list.next = &entry;
	head.futex_offset = (char *)&channel->collector - (char *)&entry;
	if (syscall(SYS_set_robust_list, &head, sizeof(head)))
		return ht_err_sys(err, "cannot register the recorder's life sign");
	atomic_store_explicit(&channel->collector, (uint32_t)getpid(), memory_order_relaxed); /* released by start */
	return 0;
}

static void make_node(struct ht_session *s, uint32_t n, uint32_t parent, uint64_t pc, enum ht_node_kind kind)
{
	s->nodes[n].pc = pc;
	s->nodes[n].meaning = HT_NODE_MEANING(0, kind);
	atomic_store_explicit(&s->nodes[n].parent, parent + 1, memory_order_relaxed); /* released by start */
}

/* Contexts that need no tree. */
static void make_nodes(struct ht_session *s)
{
	make_node(s, HT_CONTEXT_CUT, 0, HT_CUT_TREE, HT_NODE_END);
	for (uint32_t fn = 1; fn < HT_FN_COUNT; fn++) {
		make_node(s, fn, 0, fn, HT_NODE_FUNCTION);
		make_node(s, HT_CONTEXT_CUT + fn, HT_CONTEXT_CUT, fn, HT_NODE_FUNCTION);
	}
	atomic_store_explicit(&s->channel->node_count, HT_NODES_MADE, memory_order_relaxed);
}

int ht_session_back(const struct ht_session *s, uint64_t at, uint64_t bytes, struct ht_err *err)
{
	int rc;

	do
		rc = fallocate(s->fd, FALLOC_FL_KEEP_SIZE, (off_t)at, (off_t)bytes);
	while (rc && errno == EINTR);
	return rc ? ht_err_sys(err, "no memory for the channel") : 0;
}

static int fill(struct ht_session *s, const struct ht_channel *c, struct ht_err *err)
{
	int rc = ht_session_back(s, 0, c->modules_at, err);

	if (!rc)
		rc = ht_session_back(s, c->node_index_at, c->segments_at - c->node_index_at, err);
	if (!rc)
		rc = ht_session_back(s, c->nodes_at, PAGE, err);
	if (rc)
		return rc;
	*s->channel = *c;
	s->channel->memo_limit = c->segment_count / MEMO_SHARE;
	make_nodes(s);
	if (readlink("/proc/self/ns/pid", s->channel->pid_namespace, HT_NAMESPACE_BYTES - 1) < 0)
		return ht_err_sys(err, "cannot read /proc/self/ns/pid; is /proc mounted?");
	return be_watched(s->channel, err);
}

static int make(struct ht_session *s, struct ht_channel *c, uint64_t most, const struct ht_session_lender *lender,
		struct ht_err *err)
{
	int rc = choose_size(lender && lender->most_bytes < most ? lender->most_bytes : most, c, err);

	if (rc)
		return rc;
	if (getrandom(&s->id, sizeof(s->id), 0) != sizeof(s->id))
		return ht_err_sys(err, "no random number for the session");
	c->session = s->id;
	rc = open_memory(c, lender, s, err);
	return rc ? rc : fill(s, c, err);
}

int ht_session_create(enum ht_policy policy, enum ht_clock clock, uint32_t flags,
		      const struct ht_session_lender *lender, struct ht_session *ret, struct ht_err *err)
{
	struct ht_session s = { .fd = -1 };
	struct ht_channel c;
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };
	uint64_t file_bytes_max = lift_file_limit(&limit);
	int rc = make(&s, &c, file_bytes_max, lender, err);

	setrlimit(RLIMIT_FSIZE, &limit);
	if (rc) {
		ht_session_fini(&s);
		return rc;
	}
	atomic_store_explicit(&s.channel->policy, policy, memory_order_relaxed); /* released by start, as the rest */
	s.channel->clock = clock;
	s.channel->flags = s.flags = flags;
	*ret = s;
	return 0;
}

void ht_session_fini(struct ht_session *s)
{
	if (s->channel)
		munmap(s->channel, s->bytes);
	if (s->fd >= 0)
		close(s->fd);
	*s = (struct ht_session){ .fd = -1 };
}

void ht_session_start(struct ht_session *s, uint32_t target_pid)
{
	s->channel->target_pid = target_pid;
	/* release: pairs with the acquire in agent/session.c; the whole channel is laid out */
	atomic_store_explicit(&s->channel->recording, 1, memory_order_release);
}

void ht_session_stop(struct ht_session *s)
{
	/* relaxed: a thread that reads it late publishes one more call */
	atomic_store_explicit(&s->channel->recording, 0, memory_order_relaxed);
}

void ht_session_empty(struct ht_session *s)
{
	/* if it cannot be done, the memory goes with the last process that maps it */
	fallocate(s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)s->segments_at,
		  (off_t)(s->bytes - s->segments_at));
}

void ht_session_never_wait(struct ht_session *s)
{
	/* relaxed: a thread that reads it late waits one more slice */
	atomic_store_explicit(&s->channel->policy, HT_POLICY_DROP, memory_order_relaxed);
}
