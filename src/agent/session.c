/* SPDX-License-Identifier: Apache-2.0 */
/* session.c -- starts the agent in a new image: the functions behind ours, then the session it belongs to, if any
 *
 * Called by: the first call of each hook, and the constructor, whichever comes first. docs/channel.md, section 1.
 *
 *   HEAPTAP_SESSION=PID:FD:SESSION ──► /proc/PID/fd/FD is our memfd? ──► map, close ──► is it mine? ──► describe the image ──► active
 *        a forked child that makes its first call comes here too, and goes to fork.c
 *        any "no" on the way: unmapped, dormant for ever, not a word
 *
 * Always true: no descriptor stays open; a process that its session does not want (another than the target, if children that exec are
 * not followed; one whose pid means something else to the collector) stays dormant; nothing is active before this library was relocated (its thread-local storage has no place before).
 */
#include "agent/agent.h"

#define O_RDWR_CLOEXEC (02 | 02000000)
#define PROT_READ_WRITE 3
#define MAP_SHARED_ 1
#define MADV_DONTDUMP_ 16
#define MADV_WIPEONFORK_ 18

struct ht_door ht_door __attribute__((aligned(4096)));
struct ht_gate ht_gate;

/* Differ until the loader has relocated us. */
static volatile const void *volatile relocated = &relocated;

static bool started; /* this image has looked for its session; a forked child finds it set */

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
		unsigned digit = *s >= '0' && *s <= '9'   ? (unsigned)(*s - '0')
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

/* The environment names the session, so whoever has it there was started by one of the session's processes. Whether that is enough is the
 * user's choice; the target itself, whatever it executes, is always wanted. */
static bool is_wanted(const struct ht_channel *ch)
{
	/* relaxed: a session that is over does not come back */
	return atomic_load_explicit(&ch->recording, memory_order_relaxed) &&
	       (ch->target_pid == ht_sys_getpid() || ch->flags & HT_SESSION_FOLLOW_EXEC) && ht_session_same_pids(ch);
}

/* The whole channel, if it is the session that `a` names and this process is one of its own. */
static struct ht_channel *map_channel(const struct address *a)
{
	int fd = open_channel(a);
	struct ht_channel *ch = fd < 0 ? NULL : map(fd, 4096);
	uint64_t bytes = 0;

	if (ch && ch->magic == HT_CHANNEL_MAGIC && ch->version == HT_CHANNEL_VERSION && ch->session == a->session &&
	    is_wanted(ch))
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

bool ht_session_same_pids(const struct ht_channel *ch)
{
	char mine[HT_NAMESPACE_BYTES];
	long n = ht_sys_readlink("/proc/self/ns/pid", mine, sizeof(mine));

	for (long i = 0; i < n; i++)
		if (mine[i] != ch->pid_namespace[i])
			return false;
	return true; /* without /proc nothing was unshared since it was there */
}

struct ht_image *ht_session_announce(struct ht_channel *ch, uint32_t *ret)
{
	/* relaxed: how far the collector is behind, about; the ring has twice that room */
	uint32_t behind = atomic_load_explicit(&ch->images, memory_order_relaxed) -
			  atomic_load_explicit(&ch->images_taken, memory_order_relaxed);

	if (behind >= HT_IMAGES_AHEAD) {
		atomic_fetch_add_explicit(&ch->unheard, 1, memory_order_relaxed);
		return NULL;
	}
	*ret = atomic_fetch_add_explicit(&ch->images, 1, memory_order_relaxed) + 1;
	return (struct ht_image *)((char *)ch + ch->images_at) + *ret % HT_IMAGE_RING;
}

void ht_session_announced(struct ht_image *image, uint32_t number)
{
	/* release: pairs with the acquire in collect/images.c */
	atomic_store_explicit(&image->number, number + 1, memory_order_release);
}

static void read_command(char *to, size_t room)
{
	int fd = (int)ht_sys_open("/proc/self/cmdline", 02000000);
	long got = fd < 0 ? 0 : ht_sys_read(fd, to, room - 1);

	if (fd >= 0)
		ht_sys_close(fd);
	to[got > 0 ? got : 0] = 0;
}

static uint32_t describe(struct ht_channel *ch, enum ht_image_status status, const struct ht_next_facts *facts)
{
	uint32_t number;
	struct ht_image *image = ht_session_announce(ch, &number);
	long n;

	if (!image)
		return 0;
	ht_gate.image = number;
	if (status == HT_IMAGE_RECORDING && ht_gate.stacks)
		ht_loader_begin(); /* its modules are told before it is */
	image->status = status;
	image->pid = ht_gate.pid = ht_sys_getpid();
	image->glibc = facts->glibc;
	image->ticks = ht_ticks();
	image->fork_ticks = 0;
	image->parent = 0;
	n = ht_sys_readlink("/proc/self/exe", image->exe, sizeof(image->exe) - 1);
	image->exe[n > 0 ? n : 0] = 0;
	copy(image->allocator, sizeof(image->allocator), facts->allocator);
	read_command(image->command, sizeof(image->command));
	ht_session_announced(image, number);
	return number;
}

static enum ht_image_status status_of(const struct ht_next_facts *facts)
{
	if (!ht_next[HT_FN_MALLOC] || !ht_next[HT_FN_FREE])
		return HT_IMAGE_NO_LIBC;
	if (facts->own)
		return HT_IMAGE_OWN_ALLOCATOR;
	return ht_syscall3(HT_SYS_madvise, (long)&ht_door, sizeof(ht_door), MADV_WIPEONFORK_) < 0 ? HT_IMAGE_NO_WIPE
												  : HT_IMAGE_RECORDING;
}

static enum ht_door_state join(void)
{
	struct ht_next_facts facts = ht_next_facts();
	enum ht_image_status status;
	struct ht_channel *ch;
	struct address a;

	if (!read_address(&a))
		return HT_DOOR_DORMANT;
	ch = map_channel(&a);
	if (!ch)
		return HT_DOOR_DORMANT;
	status = status_of(&facts);
	ht_gate.tsc = ch->clock == HT_CLOCK_TSC;
	ht_gate.glibc = facts.glibc;
	ht_gate.stacks = ch->flags & HT_SESSION_STACKS ? 1 : 0;
	ht_gate.free_stacks = ch->flags & HT_SESSION_FREE_STACKS ? 1 : 0;
	ht_gate.short_alloc = ht_gate.tsc && ht_gate.glibc && !ht_gate.stacks;
#ifndef HT_PLANT_LATE_FREE /* hooks.h */
	ht_gate.short_free = ht_gate.tsc && facts.plain_free && !ht_gate.free_stacks;
#endif
	ht_gate.channel = ch;
	ht_gate.slots = (struct ht_slot *)((char *)ch + ch->slots_at);
	ht_gate.seg_next = (_Atomic uint32_t *)((char *)ch + ch->seg_next_at);
	ht_gate.nodes = (struct ht_node *)((char *)ch + ch->nodes_at);
	ht_gate.node_index = (_Atomic uint32_t *)((char *)ch + ch->node_index_at);
	ht_gate.segments = (struct ht_cell *)((char *)ch + ch->segments_at);
	ht_gate.image = describe(ch, status, &facts);
	if (!ht_gate.image || status != HT_IMAGE_RECORDING)
		return HT_DOOR_DORMANT;
	ht_fork_watch();
	/* acquire: pairs with the release in collect/session.c, after which the whole channel is laid out */
	return atomic_load_explicit(&ch->recording, memory_order_acquire) ? HT_DOOR_ACTIVE : HT_DOOR_DORMANT;
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
	enum ht_door_state state;

	ht_next_resolve();
	if (!ht_next[fn])
		ht_next[fn] = substitute(fn);
	/* relaxed: what is behind the door is this thread's, or was there before the others */
	if (relocated != &relocated || ht_door_state() != HT_DOOR_LOOK ||
	    atomic_exchange_explicit(&ht_door.looking, 1, memory_order_relaxed))
		return;
	state = started ? ht_fork_adopt() : join();
	started = true;
	ht_signal_fence();
	atomic_store_explicit(&ht_door.state, (uint8_t)state, memory_order_relaxed);
}

__attribute__((constructor)) static void start(void)
{
	ht_start(HT_FN_MALLOC);
}
