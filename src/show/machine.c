/* SPDX-License-Identifier: Apache-2.0 */
/* machine.c -- the check-up of a machine: what of heaptap works here, for this user
 *
 * Called by: doctor.c.
 *
 * Whatever can be tried is tried, on ourselves: a kernel that has a call may still refuse it here. Nothing outlives the check.
 */
#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "attach/rights.h"
#include "collect/kin.h"
#include "collect/launch.h"
#include "collect/ticker.h"
#include "show/figures.h"
#include "show/findings.h"
#include "util/cleanup.h"

#define POOL_BYTES (256ull << 20) /* of the channel, at most */

static void check_kernel(struct ht_findings *f)
{
	struct utsname u;
	int memory = (int)syscall(SYS_memfd_create, "heaptap-doctor", MFD_CLOEXEC),
	    self = (int)syscall(SYS_pidfd_open, getpid(), 0);
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const char *lacks = NULL;

	uname(&u);
	if (memory < 0)
		lacks = "memfd_create (Linux 3.17)";
	else if (self < 0)
		lacks = "pidfd_open (Linux 5.3)";
	else if (page == MAP_FAILED || madvise(page, 4096, MADV_WIPEONFORK))
		lacks = "MADV_WIPEONFORK (Linux 4.14)";
	if (lacks)
		ht_findings_add(f, HT_FINDING_MISSING, "kernel",
				"use a newer kernel, or allow the call where a seccomp filter forbids it",
				"%s has no %s", u.release, lacks);
	else
		ht_findings_add(f, HT_FINDING_GOOD, "kernel", NULL, "%s", u.release);
	if (memory >= 0)
		close(memory);
	if (self >= 0)
		close(self);
	if (page != MAP_FAILED)
		munmap(page, 4096);
}

static void check_proc(struct ht_findings *f)
{
	struct stat st;

	if (stat("/proc/self/maps", &st))
		ht_findings_add(f, HT_FINDING_MISSING, "proc", "mount -t proc proc /proc", "/proc is not mounted");
	else if (stat("/proc/1", &st) && errno == ENOENT)
		ht_findings_add(f, HT_FINDING_NOTE, "proc", "run heaptap as root for processes of others",
				"/proc shows only one's own processes (hidepid)");
	else
		ht_findings_add(f, HT_FINDING_GOOD, "proc", NULL, "mounted");
}

static void check_clock(struct ht_findings *f)
{
	struct ht_ticker t;

	ht_ticker_init(&t);
	if (t.clock == HT_CLOCK_TSC)
		ht_findings_add(f, HT_FINDING_GOOD, "clock", NULL, "time stamp counter");
	else
		ht_findings_add(f, HT_FINDING_NOTE, "clock", NULL,
				"no invariant time stamp counter: each event costs a system call for its time");
}

static void check_agent(struct ht_findings *f)
{
	char agent[4096];
	struct ht_err err;

	if (ht_launch_find_agent(agent, sizeof(agent), &err))
		ht_findings_add(f, HT_FINDING_MISSING, "launch",
				"make install, or leave the library beside the program", "%s", err.text);
	else
		ht_findings_add(f, HT_FINDING_GOOD, "launch", NULL, "`heaptap record -- CMD` loads %s", agent);
}

static void check_entering(struct ht_findings *f)
{
	bool strong = ht_rights_have(CAP_SYS_PTRACE);
	int yama = ht_rights_yama();

	if (yama == 3)
		ht_findings_add(f, HT_FINDING_MISSING, "attach",
				"set it otherwise in /etc/sysctl.d, and start the machine again",
				"kernel.yama.ptrace_scope is 3: no process can be entered, by nobody");
	else if (strong)
		ht_findings_add(f, HT_FINDING_GOOD, "attach", NULL,
				"every process of this user namespace can be entered (CAP_SYS_PTRACE)");
	else if (yama == 2 || yama == 1)
		ht_findings_add(f, HT_FINDING_MISSING, "attach",
				"run heaptap as root, or: sysctl -w kernel.yama.ptrace_scope=0",
				"kernel.yama.ptrace_scope is %d: a running process can only be entered by %s", yama,
				yama == 1 ? "its parents" : "root");
	else
		ht_findings_add(f, HT_FINDING_GOOD, "attach", NULL, "this user's own processes can be entered");
	if (ht_rights_have(CAP_SYS_ADMIN))
		ht_findings_add(f, HT_FINDING_GOOD, "seccomp", NULL,
				"processes with seccomp filters can be entered (CAP_SYS_ADMIN)");
	else
		ht_findings_add(f, HT_FINDING_NOTE, "seccomp", "run heaptap as root",
				"processes with seccomp filters cannot be entered");
}

static void check_children(struct ht_findings *f)
{
	struct ht_kin kin = { .fd = -1 };

	ht_kin_listen(&kin);
	if (kin.fd >= 0)
		ht_findings_add(f, HT_FINDING_GOOD, "children", NULL,
				"the kernel tells of each birth and end (process connector)");
	else
		ht_findings_add(f, HT_FINDING_NOTE, "children",
				"run heaptap as root (CAP_NET_ADMIN), with CONFIG_PROC_EVENTS in the kernel",
				"without the kernel's process events, children of a few milliseconds may be missed");
	ht_kin_fini(&kin);
}

/* A figure of a file, as cgroups have them: a number or "max"; UINT64_MAX: none. */
static uint64_t read_figure(const char *path)
{
	char text[64] = "";
	ht_auto(file) FILE *file = fopen(path, "re");

	return file && fgets(text, sizeof(text), file) && text[0] >= '0' && text[0] <= '9' ? strtoull(text, NULL, 10)
											   : UINT64_MAX;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t room_in_cgroup(void)
{
	uint64_t most = read_figure("/sys/fs/cgroup/memory.max"), used = read_figure("/sys/fs/cgroup/memory.current");

	return most == UINT64_MAX || used == UINT64_MAX ? UINT64_MAX : most > used ? most - used : 0;
}

static void check_memory(struct ht_findings *f)
{
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };
	uint64_t room = (uint64_t)sysconf(_SC_AVPHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
	char bytes[2][HT_FIGURE_BYTES];

	room = least(room, room_in_cgroup());
	ht_figure_bytes(bytes[0], room);
	ht_figure_bytes(bytes[1], POOL_BYTES);
	if (!getrlimit(RLIMIT_AS, &limit) && limit.rlim_cur != RLIM_INFINITY)
		ht_findings_add(f, limit.rlim_cur < 2 * POOL_BYTES ? HT_FINDING_MISSING : HT_FINDING_NOTE, "memory",
				"ulimit -v unlimited",
				"the address space is limited (ulimit -v); the channel alone takes more than %s of it",
				bytes[1]);
	else if (room < POOL_BYTES)
		ht_findings_add(f, HT_FINDING_NOTE, "memory", "make room, or give heaptap a cgroup of its own",
				"%s are free, and the channel may grow to %s", bytes[0], bytes[1]);
	else
		ht_findings_add(f, HT_FINDING_GOOD, "memory", NULL, "%s free", bytes[0]);
}

static void check_files(struct ht_findings *f)
{
	struct rlimit limit;

	if (!getrlimit(RLIMIT_FSIZE, &limit) && limit.rlim_cur != RLIM_INFINITY)
		ht_findings_add(f, HT_FINDING_NOTE, "trace file", "ulimit -f unlimited",
				"files may not grow beyond %llu bytes (ulimit -f)", (unsigned long long)limit.rlim_cur);
	if (access(".", W_OK))
		ht_findings_add(f, HT_FINDING_NOTE, "trace file", "record -o FILE elsewhere",
				"this folder cannot be written to: %s", strerror(errno));
}

void ht_machine_check(struct ht_findings *f)
{
	check_kernel(f);
	check_proc(f);
	check_clock(f);
	check_agent(f);
	check_entering(f);
	check_children(f);
	check_memory(f);
	check_files(f);
}
