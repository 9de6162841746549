/* SPDX-License-Identifier: Apache-2.0 */
/* libsamples.c -- stops a program at arbitrary instructions and has two unwinders say who called whom: the agent's, and libunwind
 *
 *   HT_SAMPLES=FILE LD_PRELOAD=libsamples.so heaptap record ...        (the agent built with CHECK=1)
 *
 * SIGPROF comes each millisecond of processor time, or as often as the kernel can; from there the program goes on in single steps, STEPS of them,
 * through prologues, epilogues, PLT entries and whatever else there is. Each time the handler hands the registers to heaptap_check_walk(), which looks up a row for every frame, and follows with libunwind from the same registers. Each address must be
 * the same, and the root. A walk that was cut must be right as far as it goes.
 *
 * FILE gets one line of counters at exit, and what differed. libunwind is opened privately, as in libchkstack.c.
 */
#define UNW_LOCAL_ONLY
#include <libunwind.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

#define DEPTH 512
#define TOLD 10
#define EVERY_US 1000
#define STEPS 100
#define TRAP_FLAG 0x100

static uint32_t (*walk)(const uint64_t registers[3], uint64_t *pcs, uint32_t most, uint32_t *reason);
static int (*init)(unw_cursor_t *, unw_context_t *, int);
static int (*step)(unw_cursor_t *);
static int (*get)(unw_cursor_t *, int, unw_word_t *);

static struct {
	uint64_t samples, steps, whole, cut, gave_up, frames, different;
} seen;
static uint64_t pcs[DEPTH];
static volatile sig_atomic_t busy, steps_left;
static int fd = -1;

static void tell(uint32_t at, uint32_t count, uint32_t reason, uint64_t theirs)
{
	Dl_info where = { 0 };
	char line[300];
	int n;

	if (seen.different++ >= TOLD)
		return;
	dladdr((void *)pcs[0], &where);
	n = snprintf(line, sizeof(line),
		     "different: frame %u of %u, reason %u, sampled in %.60s+%#" PRIx64 ": %#" PRIx64
		     ", libunwind %#" PRIx64 "\n",
		     at, count, reason, where.dli_fname ? where.dli_fname : "", pcs[0] - (uint64_t)where.dli_fbase,
		     at < count ? pcs[at] : 0, theirs);
	if (write(fd, line, (size_t)n) < 0)
		return;
}

static void compare(unw_cursor_t *c, uint32_t count, uint32_t reason)
{
	unw_word_t ip = 0;

	for (uint32_t i = 0; i < count; i++) {
		int rc = i ? step(c) : 1;

		if (rc < 0) {
			seen.gave_up++;
			return;
		}
		if (rc == 0) {
			tell(i, count, reason, 0);
			return;
		}
		get(c, UNW_REG_IP, &ip);
		if (ip != pcs[i]) {
			tell(i, count, reason, ip);
			return;
		}
		seen.frames++;
	}
	if (reason || count == DEPTH) {
		seen.cut++;
		return;
	}
	if (step(c) > 0) {
		get(c, UNW_REG_IP, &ip);
		if (ip) {
			tell(count, count, reason, ip);
			return;
		}
	}
	seen.whole++;
}

static void on_sample(int signal, siginfo_t *info, void *context)
{
	greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
	const uint64_t registers[3] = { (uint64_t)r[REG_RIP], (uint64_t)r[REG_RSP], (uint64_t)r[REG_RBP] };
	uint32_t reason = 0, count;
	unw_cursor_t cursor;
	int error = errno;

	(void)info;
	if (busy || (signal == SIGPROF && steps_left))
		return;
	busy = 1;
	if (signal == SIGPROF) {
		seen.samples++;
		steps_left = STEPS;
		r[REG_EFL] |= TRAP_FLAG;
	} else {
		seen.steps++;
		if (--steps_left == 0)
			r[REG_EFL] &= ~TRAP_FLAG;
	}
	count = walk(registers, pcs, DEPTH, &reason);
	if (init(&cursor, (unw_context_t *)context, UNW_INIT_SIGNAL_FRAME) == 0)
		compare(&cursor, count, reason);
	else
		seen.gave_up++;
	busy = 0;
	errno = error;
}

__attribute__((constructor)) static void start(void)
{
	const struct itimerval every = { { 0, EVERY_US }, { 0, EVERY_US } };
	struct sigaction act = { .sa_sigaction = on_sample, .sa_flags = SA_SIGINFO | SA_RESTART };
	const char *name = getenv("HT_SAMPLES");
	void *handle;

	*(void **)&walk = dlsym(RTLD_DEFAULT, "heaptap_check_walk");
	if (!name || !walk) /* heaptap itself */
		return;
	handle = dlopen("libunwind.so.8", RTLD_NOW | RTLD_LOCAL);
	fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (!handle || fd < 0) {
		fprintf(stderr, "libsamples: no libunwind.so.8, or cannot write %s\n", name);
		_exit(3);
	}
	*(void **)&init = dlsym(handle, "_ULx86_64_init_local2");
	*(void **)&step = dlsym(handle, "_ULx86_64_step");
	*(void **)&get = dlsym(handle, "_ULx86_64_get_reg");
	sigfillset(&act.sa_mask);
	sigaction(SIGPROF, &act, NULL);
	sigaction(SIGTRAP, &act, NULL);
	setitimer(ITIMER_PROF, &every, NULL);
}

__attribute__((destructor)) static void stop(void)
{
	const struct itimerval never = { 0 };

	if (fd < 0)
		return;
	setitimer(ITIMER_PROF, &never, NULL);
	dprintf(fd,
		"samples %" PRIu64 " steps %" PRIu64 " whole %" PRIu64 " cut %" PRIu64 " gave_up %" PRIu64
		" frames %" PRIu64 " different %" PRIu64 "\n",
		seen.samples, seen.steps, seen.whole, seen.cut, seen.gave_up, seen.frames, seen.different);
}
