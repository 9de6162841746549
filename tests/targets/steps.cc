/* SPDX-License-Identifier: Apache-2.0 */
/* steps.cc -- calls that a signal handler interrupts at every instruction of the agent, one instruction a call
 *
 *   steps return|jump STRIDE
 *
 * Each call is made with the trap flag set: after every instruction comes SIGTRAP. At the n-th instruction of the agent the handler allocates and
 * frees, with the trap flag off, and returns or leaves by a jump. n is each number from 0 until the call is done before it comes; far from both ends
 * each STRIDE-th. So it goes for each kind of call, made from three depths in turn; for a thread's first call, each time in a new thread; for one that
 * finds its segment full, always at each instruction; and with `return` for a handler's call that came in the middle of the allocator. Run over
 * libbump, which stands all.
 *
 * HT_CONFESS is a file of records, five 64-bit numbers each, in the order in which the calls returned. Read by tests/e2e/steps.py.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <new>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define RECORDS (1u << 20)
#define TRAP_FLAG 0x100

enum what { ENTERED, LEFT, ALLOC, FREE, REALLOC, NULL_RELEASE, HANDLER_ALLOC, HANDLER_FREE, PLACES };

static struct record {
	uint64_t what, tid, address, old_address, size;
} * records;
static uint64_t count;

static uint64_t agent_from, agent_to;
static volatile uint64_t place, seen; /* instructions of the agent: where the handler comes, and so many went by */
static volatile int fired, in_allocator;
static enum { RETURN, JUMP, ALLOCATE_AND_JUMP } jumping;
static sigjmp_buf again;
static uint64_t tid, serial;
static void (*volatile *bump_inside)(void);

static void note(what w, const volatile void *p, const volatile void *old, uint64_t size)
{
	if (count == RECORDS)
		_exit(97);
	records[count++] = { w, tid, (uint64_t)p, (uint64_t)old, size };
}

static void set_trap_flag()
{
	__asm__ volatile("sub $128, %%rsp; pushfq; orq %0, (%%rsp); popfq; add $128, %%rsp"
			 :
			 : "i"(TRAP_FLAG)
			 : "memory", "cc");
}

static void clear_trap_flag()
{
	__asm__ volatile("sub $128, %%rsp; pushfq; andq %0, (%%rsp); popfq; add $128, %%rsp"
			 :
			 : "i"(~TRAP_FLAG)
			 : "memory", "cc");
}

static void allocate_in_handler()
{
	void *volatile p;

	note(ENTERED, NULL, NULL, 0);
	p = malloc(24);
	note(HANDLER_ALLOC, p, NULL, 24);
	note(ENTERED, NULL, NULL, 0);
	free(p);
	note(HANDLER_FREE, p, NULL, 0);
}

static void on_trap(int, siginfo_t *, void *context)
{
	greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
	uint64_t pc = (uint64_t)r[REG_RIP];

	if (fired || pc < agent_from || pc >= agent_to || seen++ != place)
		return;
	fired = 1;
	r[REG_EFL] &= ~TRAP_FLAG;
	if (jumping != JUMP)
		allocate_in_handler();
	if (jumping != RETURN) {
		note(LEFT, NULL, NULL, 0);
		siglongjmp(again, 1);
	}
}

/* ---- the calls ----------------------------------------------------------------------------------------------------- */

typedef void call(void *volatile *p);

static uint64_t next_size()
{
	return 1000 + serial++ % 200000; /* tells the allocations of one trace apart */
}

/* `expression` with the trap flag set. */
#define STEPPED(expression)                                                                                            \
	do {                                                                                                           \
		note(ENTERED, NULL, NULL, 0);                                                                          \
		set_trap_flag();                                                                                       \
		expression;                                                                                            \
		clear_trap_flag();                                                                                     \
	} while (0)

#define ALLOCATES(name, expression)                                                                                    \
	static void name(void *volatile *p)                                                                            \
	{                                                                                                              \
		uint64_t size = next_size();                                                                           \
                                                                                                                       \
		STEPPED(*p = (expression));                                                                            \
		note(ALLOC, *p, NULL, size);                                                                           \
	}

#define RELEASES(name, expression)                                                                                     \
	static void name(void *volatile *p)                                                                            \
	{                                                                                                              \
		void *volatile old = *p;                                                                               \
                                                                                                                       \
		STEPPED(expression);                                                                                   \
		note(old ? FREE : NULL_RELEASE, old, NULL, 0);                                                         \
		*p = NULL;                                                                                             \
	}

ALLOCATES(by_malloc, malloc(size))
ALLOCATES(by_calloc, calloc(1, size))
ALLOCATES(by_memalign, memalign(64, size))
ALLOCATES(by_realloc, realloc(NULL, size))
ALLOCATES(by_new, operator new(size))
ALLOCATES(by_new_nothrow, operator new(size, std::nothrow))
RELEASES(by_free, free(old))
RELEASES(by_delete, operator delete(old))

static void by_posix_memalign(void *volatile *p)
{
	uint64_t size = next_size();
	void *block = NULL;

	STEPPED(if (posix_memalign(&block, 64, size)) abort());
	*p = block;
	note(ALLOC, *p, NULL, size);
}

static void again_by_realloc(void *volatile *p)
{
	uint64_t size = next_size();
	void *old = *p;

	STEPPED(*p = realloc(old, size));
	note(REALLOC, *p, old, size);
}

/* The handler's call is the one that goes in steps: it comes in the middle of the allocator, in a call that does not. */
static void step_in_allocator()
{
	void *volatile p = NULL;

	if (in_allocator++)
		return;
	by_malloc(&p);
}

static void by_malloc_interrupted(void *volatile *p)
{
	uint64_t size = next_size();

	note(ENTERED, NULL, NULL, 0);
	in_allocator = 0;
	*bump_inside = step_in_allocator;
	*p = malloc(size);
	*bump_inside = NULL;
	note(ALLOC, *p, NULL, size);
}

/* ---- every instruction of each ------------------------------------------------------------------------------------- */

__attribute__((noinline)) static void deeper(int levels, call *c, void *volatile *p)
{
	volatile char room[200];

	room[0] = 0;
	if (levels)
		deeper(levels - 1, c, p);
	else
		c(p);
	room[1] = room[0];
}

/* ---- which instructions -------------------------------------------------------------------------------------------- */

#define NEAR 40 /* of an end: each instruction */
#define NEVER UINT64_MAX

static uint64_t stride, call_length, places;

/* The first call is made undisturbed, to see how long it is. */
static void start_places()
{
	place = NEVER;
	call_length = places = 0;
}

static int next_place()
{
	if (place == NEVER && !call_length) {
		call_length = 1;
		return 1;
	}
	if (place == NEVER) {
		call_length = seen;
		place = 0;
	} else if (!fired) {
		note(PLACES, NULL, NULL, places);
		return 0;
	} else {
		places++;
		place += place < NEAR || place + stride + NEAR > call_length ? 1 : stride;
	}
	return 1;
}

/* No frame that a jump has left seems to stand, whatever is called next. */
__attribute__((noinline)) static void scrub_stack()
{
	volatile char room[4096];

	memset((char *)room, 0, sizeof(room));
}

/* As of a handler: lost, or in the trace. */
static void seen_or_lost(void *volatile *p)
{
	note(ENTERED, NULL, NULL, 0);
	*p = malloc(24);
	note(HANDLER_ALLOC, *p, NULL, 24);
}

static void undisturbed(void *volatile *p)
{
	uint64_t size = next_size();

	note(ENTERED, NULL, NULL, 0);
	*p = malloc(size);
	note(ALLOC, *p, NULL, size);
}

/* Once; the handler comes at `place`. `then`: a call from further in than the frame that a jump has left. */
static void interrupted(call *c, void *volatile *p, call *then)
{
	void *volatile kept;

	seen = 0;
	fired = 0;
	if (!sigsetjmp(again, 1)) {
		deeper(place % 3, c, p);
		return;
	}
	scrub_stack();
	deeper(3, then, &kept);
	undisturbed(&kept); /* from further out */
}

static void each_place(call *first, call *then)
{
	void *volatile p = NULL;

	for (start_places(); next_place();) {
		if (then) { /* `first` is not interrupted */
			fired = 1;
			first(&p);
			interrupted(then, &p, undisturbed);
		} else {
			interrupted(first, &p, undisturbed);
		}
	}
}

/* ---- a call that finds its segment full: it is longer, and comes each `period` calls ---------------------------------- */

#define LONGER 30    /* instructions */
#define UNCERTAIN 12 /* calls: what stands in a segment beside them */

static uint64_t usual, period = 900; /* no more, until it is known */

static void fill(uint64_t calls)
{
	void *volatile p;

	while (calls--)
		p = malloc(8);
	(void)p;
}

static uint64_t undisturbed_length()
{
	void *volatile p;

	place = NEVER;
	seen = 0;
	fired = 0;
	by_malloc(&p);
	return seen;
}

/* Until the call that went on in the next segment; returns how many there were. */
static uint64_t to_next_segment()
{
	uint64_t calls = period - UNCERTAIN + 1;

	fill(period - UNCERTAIN);
	while (undisturbed_length() < usual + LONGER)
		calls++;
	return calls;
}

static void each_place_at_the_end()
{
	void *volatile p;
	uint64_t n = 0;

	undisturbed_length();
	usual = undisturbed_length();
	to_next_segment();
	period = to_next_segment();
	do {
		to_next_segment();
		fill(period - 1);
		place = n++;
		interrupted(by_malloc, &p, undisturbed);
	} while (fired);
	note(PLACES, NULL, NULL, n - 1);
}

static void *first_call(void *)
{
	void *volatile p = NULL;

	tid = (uint64_t)syscall(SYS_gettid);
	interrupted(by_malloc, &p, seen_or_lost);
	return NULL;
}

static void each_first_call()
{
	uint64_t main_tid = tid;
	pthread_t thread;

	for (start_places(); next_place();)
		if (pthread_create(&thread, NULL, first_call, NULL) || pthread_join(thread, NULL))
			_exit(96);
	tid = main_tid;
}

static void each_kind()
{
	static const struct {
		call *first, *then;
	} calls[] = {
		{ by_malloc, NULL },
		{ by_calloc, NULL },
		{ by_memalign, NULL },
		{ by_posix_memalign, NULL },
		{ by_realloc, NULL },
		{ by_new, NULL },
		{ by_new_nothrow, NULL },
		{ by_malloc, by_free },
		{ by_new, by_delete },
		{ by_free, NULL },
		{ by_malloc, again_by_realloc },
	};
	for (const auto &c : calls)
		each_place(c.first, c.then);
}

static int find_agent(struct dl_phdr_info *info, size_t, void *)
{
	if (!strstr(info->dlpi_name, "libheaptap-agent"))
		return 0;
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_LOAD && info->dlpi_phdr[i].p_flags & PF_X) {
			agent_from = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
			agent_to = agent_from + info->dlpi_phdr[i].p_memsz;
		}
	return 1;
}

int main(int argc, char **argv)
{
	const char *path = getenv("HT_CONFESS");
	int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
	struct sigaction act = {};
	void *mapped = MAP_FAILED;

	dl_iterate_phdr(find_agent, NULL);
	bump_inside = (void (*volatile *)(void))dlsym(RTLD_DEFAULT, "bump_inside");
	if (fd >= 0 && !ftruncate(fd, RECORDS * sizeof(*records)))
		mapped = mmap(NULL, RECORDS * sizeof(*records), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (argc != 3 || !agent_from || !bump_inside || mapped == MAP_FAILED)
		return 2;
	records = (struct record *)mapped;
	tid = (uint64_t)syscall(SYS_gettid);
	stride = strtoull(argv[2], NULL, 10);
	act.sa_sigaction = on_trap;
	act.sa_flags = SA_SIGINFO;
	sigaction(SIGTRAP, &act, NULL);
	if (!strcmp(argv[1], "return")) {
		each_kind();
		each_first_call();
		each_place_at_the_end();
		each_place(by_malloc_interrupted, NULL);
	} else {
		for (int with_calls = 0; with_calls < 2; with_calls++) {
			jumping = with_calls ? ALLOCATE_AND_JUMP : JUMP;
			each_kind();
			each_first_call();
			each_place_at_the_end();
		}
	}
	if (ftruncate(fd, (off_t)(count * sizeof(*records))))
		return 3;
	_exit(0);
}
