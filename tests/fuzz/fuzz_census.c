/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_census.c -- a census of memory that lies ends in time, within bounds, and never calls nonsense whole
 *
 * Property: ht_census_take() comes back whatever the target's memory says; the blocks of a census that is WHOLE lie in writable memory, do
 * not overlap, and are as many as the heap can hold.
 *
 * The memory is a real one: a sleeping program's malloc state, its parameters, its heap, and the thread's words below fs. An input is
 * patches of 12 bytes: which of these, where in it, what kind of value (as it is, a place in the heap, a size), and the value. After each
 * input everything is put back.
 */
#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "attach/census.h"

#define AREAS 4
#define BELOW_FS 512
#define LIMIT_NS 2000000000u

struct patch {
	uint8_t area, kind;
	uint16_t place;
	uint64_t value;
} __attribute__((packed));

struct area {
	uint64_t at;
	size_t bytes;
	uint8_t *pristine;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct ht_process process;
static struct ht_census census;
static struct ht_census_thread thread;
static struct area area[AREAS];

static void remember(int n, uint64_t at, size_t bytes)
{
	area[n] = (struct area){ at, bytes, malloc(bytes) };
	assert(area[n].pristine && ht_process_read(&process, at, area[n].pristine, bytes));
}

/* `cat` waits for its input, and has allocated by then. */
static pid_t start(void)
{
	int fd[2];
	pid_t pid;

	if (pipe(fd))
		abort();
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(fd[0], 0);
		execlp("cat", "cat", (char *)NULL);
		_exit(1);
	}
	usleep(300000); /* the fuzzer may wait; nothing is asserted about it */
	return pid;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct user_regs_struct r;
	struct ht_err err;
	pid_t pid = start();
	int status;

	(void)argc;
	(void)argv;
	assert(!ptrace(PTRACE_SEIZE, pid, NULL, NULL) && !ptrace(PTRACE_INTERRUPT, pid, NULL, NULL));
	assert(waitpid(pid, &status, 0) == pid && !ptrace(PTRACE_GETREGS, pid, NULL, &r));
	thread = (struct ht_census_thread){ r.rip, r.rsp, r.fs_base, (int64_t)r.orig_rax };
	assert(!ht_process_open(pid, &process, &err) && !ht_census_find(&process, &census, &err));
	assert(!ht_census_take(&census, &thread, 1, UINT64_MAX, &err) && census.verdict == HT_CENSUS_WHOLE);
	remember(0, census.glibc.main_arena, sizeof(struct ht_glibc_arena));
	remember(1, census.glibc.parameters, 128);
	for (size_t i = 0; i < process.regions; i++)
		if (!strcmp(process.region[i].path, "[heap]"))
			remember(2, process.region[i].start, process.region[i].end - process.region[i].start);
	remember(3, r.fs_base - BELOW_FS, BELOW_FS);
	assert(area[2].bytes);
	return 0;
}

static void apply(const struct patch *p)
{
	const struct area *a = &area[p->area % AREAS], *heap = &area[2];
	uint64_t value = p->value;

	if (p->kind % 4 == 1)
		value = heap->at + value % heap->bytes;
	else if (p->kind % 4 == 2)
		value = value % 4096;
	else if (p->kind % 4 == 3)
		value = heap->at + (value % heap->bytes & ~15ull);
	ht_process_write(&process, a->at + (uint64_t)p->place * 8 % (a->bytes - 7), &value, sizeof(value));
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void expect_sound(void)
{
	struct ht_chunk_cursor at = { 0 };
	struct ht_live_block b;
	uint64_t blocks = 0, end = 0;
	uint32_t arena = 0;

	while (ht_census_next(&census, &at, &b)) {
		blocks++;
		if (census.verdict != HT_CENSUS_WHOLE)
			continue;
		assert(b.arena != arena || b.address >= end);
		assert(ht_process_at(&process, b.address) && ht_process_at(&process, b.address + b.bytes - 1));
		end = b.address + b.bytes;
		arena = b.arena;
	}
	assert(blocks < (64u << 20));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ht_err err;
	struct patch p;

	for (size_t at = 0; at + sizeof(p) <= size && at < 64 * sizeof(p); at += sizeof(p)) {
		memcpy(&p, data + at, sizeof(p));
		apply(&p);
	}
	assert(!ht_census_take(&census, &thread, 1, now_ns() + LIMIT_NS, &err));
	expect_sound();
	for (int i = 0; i < AREAS; i++)
		assert(ht_process_write(&process, area[i].at, area[i].pristine, area[i].bytes));
	return 0;
}
