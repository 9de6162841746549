/* SPDX-License-Identifier: Apache-2.0 */
/* rights.c -- looks at /proc/PID/status, stat and exe, and asks the kernel
 *
 * Called by: whoever is about to enter a process; show/doctor.c.
 *
 *   pidfd ──► is it a process that can be entered at all? ──► does the kernel allow it? ──► pidfd again: was it still the same?
 *
 * Always true: one refusal, one line: what, why, what to do.
 */
#include "attach/rights.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attach/process.h"
#include "util/cleanup.h"

#define KERNEL_THREAD 0x00200000ul /* PF_KTHREAD */

static int refuse(struct ht_err *err, pid_t pid, const char *why)
{
	return ht_err_set(err, HT_ETARGET, "process %d cannot be entered: %s", (int)pid, why);
}

static size_t read_file(pid_t pid, const char *what, char *text, size_t room)
{
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, what);
	ht_auto(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, text, room - 1);
	text[n > 0 ? n : 0] = 0;
	return n > 0 ? (size_t)n : 0;
}

static uint64_t status_number(pid_t pid, const char *key, int base)
{
	char value[64];

	return ht_process_status(pid, 0, key, value, sizeof(value)) ? strtoull(value, NULL, base) : 0;
}

static const char *name_of(pid_t pid, char *ret, size_t room)
{
	return ht_process_status(pid, 0, "Name", ret, room) ? ret : "?";
}

int ht_rights_yama(void)
{
	char digit;
	ht_auto(fd) int fd = open("/proc/sys/kernel/yama/ptrace_scope", O_RDONLY | O_CLOEXEC);

	return fd >= 0 && read(fd, &digit, 1) == 1 && digit >= '0' && digit <= '9' ? digit - '0' : HT_YAMA_ABSENT;
}

bool ht_rights_have(int capability)
{
	return status_number(getpid(), "CapEff", 16) >> capability & 1;
}

/* ---- can it be entered at all? ----------------------------------------------------------------------------- */

static int check_kind(pid_t pid, struct ht_err *err)
{
	pid_t group = (pid_t)status_number(pid, "Tgid", 10);
	char text[512];
	const char *at;

	if (pid == getpid())
		return refuse(err, pid, "it is heaptap itself; name another process");
	if (group && group != pid)
		return ht_err_set(err, HT_ETARGET, "%d is a thread of process %d; name the process", (int)pid,
				  (int)group);
	read_file(pid, "stat", text, sizeof(text));
	at = strrchr(text, ')'); /* then: state, parent, group, session, terminal, its group, flags */
	for (int i = 0; at && i < 7; i++)
		at = strchr(at + 1, ' ');
	if (at && strtoul(at, NULL, 10) & KERNEL_THREAD)
		return refuse(
			err, pid,
			"it is a thread of the kernel, which has no heap; see /proc/slabinfo for the kernel's memory");
	return 0;
}

static int check_state(pid_t pid, struct ht_err *err)
{
	pid_t parent = (pid_t)status_number(pid, "PPid", 10);
	char state[64] = "", name[64], tasks[64];
	struct stat st;

	ht_process_status(pid, 0, "State", state, sizeof(state));
	if (state[0] == 'X')
		return ht_err_set(err, HT_ENOTFOUND, "there is no process %d any more", (int)pid);
	if (state[0] != 'Z')
		return 0;
	snprintf(tasks, sizeof(tasks), "/proc/%d/task", (int)pid);
	if (!stat(tasks, &st) && st.st_nlink > 3)
		return 0; /* its first thread has ended, others run on */
	return ht_err_set(err, HT_ETARGET,
			  "process %d has ended; only its parent %d (%s) has not asked for its status yet", (int)pid,
			  (int)parent, name_of(parent, name, sizeof(name)));
}

static int check_tracer(pid_t pid, struct ht_err *err)
{
	pid_t tracer = (pid_t)status_number(pid, "TracerPid", 10);
	char name[64];

	if (!tracer)
		return 0;
	return ht_err_set(err, HT_ETARGET,
			  "process %d is held by %s (process %d): only one can trace it; end that first", (int)pid,
			  name_of(tracer, name, sizeof(name)), (int)tracer);
}

static int check_machine(pid_t pid, struct ht_err *err)
{
	unsigned char e[EI_NIDENT] = { 0 };
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	ht_auto(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, e, sizeof(e)) != sizeof(e) || memcmp(e, ELFMAG, SELFMAG))
		return 0; /* the kernel's word on rights comes next */
	return e[EI_CLASS] == ELFCLASS32
		       ? refuse(err, pid, "it is a 32-bit program, and only 64-bit ones can be recorded")
		       : 0;
}

/* A jump out of an entry is fine with it; a return that was put on the stack for a call of ours is not. */
static int check_shadow_stack(pid_t pid, struct ht_err *err)
{
	char features[64];

	return ht_process_status(pid, 0, "x86_Thread_features", features, sizeof(features)) && strstr(features, "shstk")
		       ? refuse(err, pid,
				"it has a shadow stack, which is not supported yet; start it with "
				"glibc.cpu.x86_shstk=off (GLIBC_TUNABLES)")
		       : 0;
}

/* The stop has to suspend its filter, which might kill it for the few calls that we need. */
static int check_seccomp(pid_t pid, struct ht_err *err)
{
	if (!status_number(pid, "Seccomp", 10))
		return 0;
	if (!ht_rights_have(CAP_SYS_ADMIN))
		return refuse(err, pid,
			      "it has a seccomp filter, which only root (CAP_SYS_ADMIN) may suspend for the moment of "
			      "entering; run heaptap as root");
	if (status_number(getpid(), "Seccomp", 10))
		return refuse(err, pid,
			      "it has a seccomp filter, and who has one himself, as heaptap here, may not suspend it; "
			      "run heaptap outside of the "
			      "container or sandbox");
	return 0;
}

/* ---- does the kernel allow it? ----------------------------------------------------------------------------- */

static bool same_ids(pid_t pid, const char *key, unsigned ours)
{
	unsigned real = 0, effective = 0, saved = 0;
	char value[64];

	return ht_process_status(pid, 0, key, value, sizeof(value)) &&
	       sscanf(value, "%u %u %u", &real, &effective, &saved) == 3 && real == ours && effective == ours &&
	       saved == ours;
}

static bool same_user_namespace(pid_t pid)
{
	char path[64];
	struct stat a, b;

	snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
	return stat(path, &a) || stat("/proc/self/ns/user", &b) || (a.st_dev == b.st_dev && a.st_ino == b.st_ino);
}

static int refuse_owner(pid_t pid, struct ht_err *err)
{
	uid_t uid = (uid_t)status_number(pid, "Uid", 10);
	const struct passwd *p = getpwuid(uid);

	if (uid != getuid())
		return ht_err_set(
			err, HT_ETARGET,
			"process %d cannot be entered: it belongs to %s (uid %u); run heaptap as that user or as root",
			(int)pid, p ? p->pw_name : "another user", (unsigned)uid);
	return refuse(err, pid,
		      "it has changed its user or group since it began (set-uid, or by itself); run heaptap as root");
}

/* The rules of ptrace(2), in the kernel's order, to find the one that said no. */
static int explain(pid_t pid, struct ht_err *err)
{
	int yama = ht_rights_yama();
	bool strong = ht_rights_have(CAP_SYS_PTRACE);
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid); /* root's, if the process is not dumpable */
	if (!strong && (!same_ids(pid, "Uid", getuid()) || !same_ids(pid, "Gid", getgid())))
		return refuse_owner(pid, err);
	if (!strong && !stat(path, &st) && st.st_uid != geteuid())
		return refuse(err, pid,
			      "it keeps its memory to itself (set-uid or with capabilities, or prctl PR_SET_DUMPABLE); "
			      "run heaptap as root");
	if (!strong && status_number(pid, "CapPrm", 16) & ~status_number(getpid(), "CapPrm", 16))
		return refuse(err, pid, "it has capabilities that heaptap has not; run heaptap as root");
	if (yama == 3)
		return refuse(err, pid,
			      "kernel.yama.ptrace_scope is 3, which forbids it to everybody until the machine is "
			      "started again; record it from its "
			      "launch (heaptap record -- CMD)");
	if (yama == 2 && !strong)
		return refuse(err, pid, "kernel.yama.ptrace_scope is 2: only root may; run heaptap as root");
	if (yama == 1 && !strong)
		return refuse(err, pid,
			      "kernel.yama.ptrace_scope is 1: only its parents may; run heaptap as root, or set it to "
			      "0 (sysctl -w "
			      "kernel.yama.ptrace_scope=0)");
	if (!same_user_namespace(pid))
		return refuse(err, pid,
			      "it is in another user namespace, in which heaptap has no rights; run heaptap as root "
			      "outside of it");
	return refuse(err, pid,
		      "the kernel's security module (SELinux, AppArmor) does not allow it, or the container that "
		      "heaptap runs in has no "
		      "CAP_SYS_PTRACE");
}

static int ask_kernel(pid_t pid, struct ht_err *err)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	ht_auto(fd) int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0)
		return 0;
	if (errno == EACCES || errno == EPERM)
		return explain(pid, err);
	if (errno == ENOENT || errno == ESRCH)
		return ht_err_set(err, HT_ENOTFOUND, "there is no process %d any more", (int)pid);
	return ht_err_sys(err, "cannot open the memory of process %d", (int)pid);
}

/* ---- the question ------------------------------------------------------------------------------------------ */

static int check(pid_t pid, struct ht_err *err)
{
	static int (*const checks[])(pid_t, struct ht_err *) = {
		check_kind, check_state, check_tracer, check_machine, ask_kernel, check_seccomp, check_shadow_stack,
	};
	int rc = 0;

	for (size_t i = 0; !rc && i < sizeof(checks) / sizeof(*checks); i++)
		rc = checks[i](pid, err);
	return rc;
}

int ht_rights_check(pid_t pid, struct ht_err *err)
{
	struct stat st;
	int rc;

	if (stat("/proc/self/status", &st))
		return ht_err_set(err, HT_ESYSTEM, "/proc is not mounted, and without it no process can be looked at");
	ht_auto(fd) int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	/* not for the number of a thread that is no process: who it belongs to can be said */
	if (pidfd < 0 && (errno == ESRCH || (pid <= 0 && errno == EINVAL)))
		return ht_err_set(err, HT_ENOTFOUND, "there is no process %d", (int)pid);
	rc = check(pid, err);
	if (!rc && pidfd >= 0 && poll(&(struct pollfd){ pidfd, POLLIN, 0 }, 1, 0) == 1)
		return ht_err_set(err, HT_ENOTFOUND, "there is no process %d any more", (int)pid);
	return rc;
}
