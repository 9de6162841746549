/* SPDX-License-Identifier: Apache-2.0 */
/* session.c -- starts the agent in a new image: the functions behind ours, then the session it belongs to, if any
 *
 * Called by: the first call of each hook, and the constructor, whichever comes first. docs/channel.md, section 1.
 *
 *   HEAPTAP_SESSION=PID:FD:SESSION ──► /proc/PID/fd/FD is our memfd? ──► map, close ──► is it mine? ──► describe the image ──► active
 *        any "no" on the way: unmapped, dormant for ever, not a word
 *
 * Always true: no descriptor stays open; a process whose pid is not the session's target stays dormant; nothing is active before this
 * library was relocated (its thread-local storage has no place before).
 */
#include "agent/agent.h"

#define O_RDWR_CLOEXEC (02 | 02000000)
#define PROT_READ_WRITE 3
#define MAP_SHARED_ 1
#define MADV_DONTDUMP_ 16
#define MADV_WIPEONFORK_ 18

struct ht_gate ht_gate __attribute__((aligned(4096)));
static_assert(sizeof(struct ht_gate) == 4096, "the page that a fork wipes holds the gate and nothing else");

/* Differ until the loader has relocated us. */
static volatile const void *volatile relocated = &relocated;

static atomic_uint started;
static struct ht_channel *counted_in; /* for the child of a fork, which sees ht_gate as zeros */
static bool is_child;

struct address {
	uint32_t pid, fd;
	uint64_t session;
};

/* ---- text -------------------------------------------------------------------------------------------------- */

static size_t copy(char *to, size_t room, const char *from)
{
	size_t n = 0;

	while (from && from[n] && n + 1 < room) {
		to[n] = from[n];
		n++;
	}
	to[n] = 0;
	return n;
}

static size_t copy_number(char *to, uint32_t v)
{
	char digits[10];
	size_t n = 0, len;

	do
		digits[n++] = (char)('0' + v % 10);
	while (v /= 10);
	for (len = 0; n;)
		to[len++] = digits[--n];
	to[len] = 0;
	return len;
}

static const char *parse(const char *s, unsigned base, char stop, uint64_t *ret)
{
	uint64_t v = 0;

	if (!s || *s == stop)
		return NULL;
	for (; *s != stop; s++) {
		unsigned digit = *s >= '0' && *s <= '9' ? (unsigned)(*s - '0')
			       : *s >= 'a' && *s <= 'f' ? (unsigned)(*s - 'a') + 10
							: 99;

		if (digit >= base || v >> 60)
			return NULL;
		v = v * base + digit;
	}
	*ret = v;
	return s + 1;
}

static bool parse_address(const char *value, struct address *ret)
{
	uint64_t pid, fd, session;

	value = parse(value, 10, ':', &pid);
	value = parse(value, 10, ':', &fd);
	value = parse(value, 16, 0, &session);
	if (!value || pid > INT32_MAX || fd > INT32_MAX)
		return false;
	*ret = (struct address){ (uint32_t)pid, (uint32_t)fd, session };
	return true;
}

/* ---- finding the session ----------------------------------------------------------------------------------- */

/* The value of HT_CHANNEL_ENV in the environment this image was started with, read in small pieces. */
static bool read_address(struct address *ret)
{
	static const char key[] = HT_CHANNEL_ENV "=";
	char piece[512], value[64];
	size_t matched = 0, len = 0; /* matched: characters of key; SIZE_MAX: another variable */
	int fd = (int)ht_sys_open("/proc/self/environ", 02000000);
	long got;
	bool found = false;

	if (fd < 0)
		return false;
	while (!found && (got = ht_sys_read(fd, piece, sizeof(piece))) > 0) {
		for (long i = 0; i < got && !found; i++) {
			char c = piece[i];

			if (matched == sizeof(key) - 1) {
				if (len < sizeof(value))
					value[len++] = c;
				found = c == 0;
			} else if (c == 0) {
				matched = 0;
			} else {
				matched = matched != SIZE_MAX && c == key[matched] ? matched + 1 : SIZE_MAX;
			}
		}
	}
	ht_sys_close(fd);
	return found && value[len - 1] == 0 && parse_address(value, ret);
}

static int open_channel(const struct address *a)
{
	static const char wanted[] = "/memfd:" HT_CHANNEL_MEMFD;
	char path[64], link[sizeof(wanted)];
	size_t n = copy(path, sizeof(path), "/proc/");

	n += copy_number(path + n, a->pid);
	n += copy(path + n, sizeof(path) - n, "/fd/");
	copy_number(path + n, a->fd);
	if (ht_sys_readlink(path, link, sizeof(wanted) - 1) != (long)sizeof(wanted) - 1)
		return -1;
	for (size_t i = 0; i < sizeof(wanted) - 1; i++)
		if (link[i] != wanted[i])
			return -1;
	return (int)ht_sys_open(path, O_RDWR_CLOEXEC);
}

static void *map(int fd, uint64_t bytes)
{
	long p = ht_syscall6(HT_SYS_mmap, 0, (long)bytes, PROT_READ_WRITE, MAP_SHARED_, fd, 0);

	return p < 0 && p > -4096 ? NULL : (void *)p;
}

/* The whole channel, if it is the session that `a` names and this process is its target. */
static struct ht_channel *map_channel(const struct address *a)
{
	int fd = open_channel(a);
	struct ht_channel *ch = fd < 0 ? NULL : map(fd, 4096);
	uint64_t bytes = 0;

	if (ch && ch->magic == HT_CHANNEL_MAGIC && ch->version == HT_CHANNEL_VERSION && ch->session == a->session &&
	    ch->target_pid == ht_sys_getpid())
		bytes = ch->bytes;
	if (ch)
		ht_syscall3(HT_SYS_munmap, (long)ch, 4096, 0);
	ch = bytes ? map(fd, bytes) : NULL;
	if (fd >= 0)
		ht_sys_close(fd);
	if (ch)
		ht_syscall3(HT_SYS_madvise, (long)ch, (long)bytes, MADV_DONTDUMP_);
	return ch;
}

/* ---- joining it -------------------------------------------------------------------------------------------- */

static void on_fork_in_child(void)
{
	if (counted_in && !is_child)
		atomic_fetch_add_explicit(&counted_in->forked_children, 1, memory_order_relaxed);
	is_child = true; /* its own children are not the target's */
}

static void count_forks(struct ht_channel *ch)
{
	int (*register_atfork)(void (*)(void), void (*)(void), void (*)(void), void *) = ht_next_symbol("__register_atfork");

	counted_in = ch;
	if (register_atfork)
		register_atfork(NULL, NULL, on_fork_in_child, NULL);
}

static void read_command(char *to, size_t room)
{
	int fd = (int)ht_sys_open("/proc/self/cmdline", 02000000);
	long got = fd < 0 ? 0 : ht_sys_read(fd, to, room - 1);

	if (fd >= 0)
		ht_sys_close(fd);
	to[got > 0 ? got : 0] = 0;
}

static void describe(struct ht_channel *ch, uint32_t number, enum ht_image_status status, const struct ht_next_facts *facts)
{
	struct ht_image *image = (struct ht_image *)((char *)ch + ch->images_at) + number % HT_IMAGE_RING;
	long n;

	image->status = status;
	image->pid = ht_sys_getpid();
	image->glibc = facts->glibc;
	image->ticks = ht_ticks();
	n = ht_sys_readlink("/proc/self/exe", image->exe, sizeof(image->exe) - 1);
	image->exe[n > 0 ? n : 0] = 0;
	copy(image->allocator, sizeof(image->allocator), facts->allocator);
	read_command(image->command, sizeof(image->command));
	/* release: pairs with the acquire in collect/images.c */
	atomic_store_explicit(&image->number, number + 1, memory_order_release);
}

static void join(void)
{
	struct ht_next_facts facts = ht_next_facts();
	enum ht_image_status status = HT_IMAGE_RECORDING;
	struct ht_channel *ch;
	struct address a;

	if (!read_address(&a))
		return;
	ch = map_channel(&a);
	if (!ch)
		return;
	if (!ht_next[HT_FN_MALLOC] || !ht_next[HT_FN_FREE])
		status = HT_IMAGE_NO_LIBC;
	else if (facts.own)
		status = HT_IMAGE_OWN_ALLOCATOR;
	else if (ht_syscall3(HT_SYS_madvise, (long)&ht_gate, sizeof(ht_gate), MADV_WIPEONFORK_) < 0)
		status = HT_IMAGE_NO_WIPE;
	ht_gate.tsc = ch->clock == HT_CLOCK_TSC;
	ht_gate.glibc = facts.glibc;
	ht_gate.stacks = ch->flags & HT_SESSION_STACKS ? 1 : 0;
	ht_gate.free_stacks = ch->flags & HT_SESSION_FREE_STACKS ? 1 : 0;
	ht_gate.channel = ch;
	ht_gate.slots = (struct ht_slot *)((char *)ch + ch->slots_at);
	ht_gate.seg_next = (_Atomic uint32_t *)((char *)ch + ch->seg_next_at);
	ht_gate.nodes = (struct ht_node *)((char *)ch + ch->nodes_at);
	ht_gate.node_index = (_Atomic uint32_t *)((char *)ch + ch->node_index_at);
	ht_gate.segments = (struct ht_cell *)((char *)ch + ch->segments_at);
	ht_gate.image = atomic_fetch_add_explicit(&ch->images, 1, memory_order_relaxed) + 1;
	if (status == HT_IMAGE_RECORDING && ht_gate.stacks)
		ht_loader_begin();
	describe(ch, ht_gate.image, status, &facts);
	if (status != HT_IMAGE_RECORDING)
		return;
	count_forks(ch);
	/* acquire: pairs with the release in collect/session.c, after which the whole channel is laid out */
	ht_gate.active = atomic_load_explicit(&ch->recording, memory_order_acquire) == 1;
}

/* ---- starting ---------------------------------------------------------------------------------------------- */

static void *aligned_as_memalign(size_t size, size_t alignment)
{
	return ((void *(*)(size_t, size_t))ht_next[HT_FN_MEMALIGN])(alignment, size);
}

/* For a function that no module behind us has: libc's nearest, which takes the same first arguments. C23's sized free is free; the
 * operators cannot be missing where there is C++, but a null function pointer would be the worse answer. */
static void *substitute(enum ht_function fn)
{
	if (fn >= HT_FN_NEW_ALIGNED && fn <= HT_FN_NEW_ARRAY_ALIGNED_NOTHROW)
		return aligned_as_memalign;
	if (fn >= HT_FN_NEW && fn <= HT_FN_NEW_ARRAY_NOTHROW)
		return ht_next[HT_FN_MALLOC];
	return ht_next[HT_FN_FREE];
}

HT_NOINLINE void ht_start(enum ht_function fn)
{
	unsigned before = 0;

	ht_next_resolve();
	if (!ht_next[fn])
		ht_next[fn] = substitute(fn);
	if (relocated == &relocated &&
	    atomic_compare_exchange_strong_explicit(&started, &before, 1, memory_order_relaxed, memory_order_relaxed))
		join();
}

__attribute__((constructor)) static void start(void)
{
	ht_start(HT_FN_MALLOC);
}
