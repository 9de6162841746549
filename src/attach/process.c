/* SPDX-License-Identifier: Apache-2.0 */
/* process.c -- reads /proc/PID/maps, status and mem
 *
 * Called by: everything in attach/. The pidfd is opened first and asked last: if it still lives then, everything between was about the
 * same process, however often its number was given away meanwhile.
 */
#include "attach/process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/cleanup.h"

static bool parse_region(const char *line, struct ht_region *r)
{
	char rights[5];
	int at = 0;

	*r = (struct ht_region){ 0 };
	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %x:%x %" SCNu64 " %n", &r->start, &r->end, rights,
		   &r->offset, &r->dev_major, &r->dev_minor, &r->inode, &at) < 7)
		return false;
	r->readable = rights[0] == 'r';
	r->writable = rights[1] == 'w';
	r->executable = rights[2] == 'x';
	r->shared = rights[3] == 's';
	snprintf(r->path, sizeof(r->path), "%.*s", (int)strcspn(line + at, "\n"), line + at);
	return true;
}

static bool append_region(struct ht_process *p, const struct ht_region *r)
{
	if (p->regions == p->cap) {
		size_t cap = p->cap ? p->cap * 2 : 64;
		struct ht_region *more = reallocarray(p->region, cap, sizeof(*more));

		if (!more)
			return false;
		p->region = more;
		p->cap = cap;
	}
	p->region[p->regions++] = *r;
	return true;
}

int ht_process_look(struct ht_process *p, struct ht_err *err)
{
	char path[64];
	ht_auto(memory) char *line = NULL;
	size_t cap = 0;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)p->pid);
	ht_auto(file) FILE *maps = fopen(path, "re");
	if (!maps)
		return ht_err_sys(err, "cannot read the mappings of process %d", (int)p->pid);
	p->regions = 0;
	while (getline(&line, &cap, maps) > 0) {
		struct ht_region r;

		if (parse_region(line, &r) && !append_region(p, &r))
			return ht_err_set(err, HT_ESYSTEM, "out of memory");
	}
	return p->regions ? 0 : ht_err_set(err, HT_ETARGET, "process %d has no memory: it is ending", (int)p->pid);
}

const struct ht_region *ht_process_at(const struct ht_process *p, uint64_t address)
{
	size_t low = 0, high = p->regions;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (address < p->region[mid].start)
			high = mid;
		else if (address >= p->region[mid].end)
			low = mid + 1;
		else
			return &p->region[mid];
	}
	return NULL;
}

bool ht_process_is_readable(const struct ht_process *p, uint64_t from, uint64_t to)
{
	while (from < to) {
		const struct ht_region *r = ht_process_at(p, from);

		if (!r || !r->readable)
			return false;
		from = r->end;
	}
	return true;
}

bool ht_process_read(const struct ht_process *p, uint64_t at, void *to, size_t n)
{
	return pread(p->mem, to, n, (off_t)at) == (ssize_t)n;
}

bool ht_process_write(const struct ht_process *p, uint64_t at, const void *from, size_t n)
{
	return pwrite(p->mem, from, n, (off_t)at) == (ssize_t)n;
}

bool ht_process_status(pid_t pid, pid_t tid, const char *key, char *ret, size_t room)
{
	char path[64];
	ht_auto(memory) char *line = NULL;
	size_t cap = 0, len = strlen(key);

	if (tid)
		snprintf(path, sizeof(path), "/proc/%d/task/%d/status", (int)pid, (int)tid);
	else
		snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	ht_auto(file) FILE *status = fopen(path, "re");
	while (status && getline(&line, &cap, status) > 0) {
		const char *value = line + len + 1;

		if (strncmp(line, key, len) != 0 || line[len] != ':')
			continue;
		value += strspn(value, " \t");
		snprintf(ret, room, "%.*s", (int)strcspn(value, "\n"), value);
		return true;
	}
	return false;
}

bool ht_process_has_ended(const struct ht_process *p)
{
	struct pollfd end = { p->pidfd, POLLIN, 0 };

	return poll(&end, 1, 0) == 1;
}

/* Field 22 of /proc/PID/stat; 0: there is no such process, or it has ended. */
static uint64_t started(pid_t pid)
{
	char path[64], text[1024];
	ssize_t n;
	const char *at;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	ht_auto(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = 0;
	at = strrchr(text, ')');
	if (!at || at[1] != ' ' || at[2] == 'Z' || at[2] == 'X')
		return 0;
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at, NULL, 10) : 0;
}

static uint64_t namespace_of(const char *path)
{
	struct stat st;

	return stat(path, &st) ? 0 : st.st_ino;
}

bool ht_process_identify(pid_t pid, struct ht_process_identity *ret)
{
	*ret = (struct ht_process_identity){ (uint64_t)pid, started(pid), namespace_of("/proc/self/ns/pid") };
	return ret->started;
}

bool ht_process_lives(const struct ht_process_identity *who)
{
	return who->pid_namespace != namespace_of("/proc/self/ns/pid") ||
	       (who->started && started((pid_t)who->pid) == who->started);
}

int ht_process_open(pid_t pid, struct ht_process *ret, struct ht_err *err)
{
	struct ht_process p = { .pid = pid, .pidfd = -1, .mem = -1 };
	char path[64];
	int rc;

	p.pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (p.pidfd < 0)
		return errno == ESRCH ? ht_err_set(err, HT_ENOTFOUND, "there is no process %d", (int)pid)
				      : ht_err_sys(err, "cannot get hold of process %d", (int)pid);
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	p.mem = open(path, O_RDWR | O_CLOEXEC);
	rc = p.mem < 0 ? ht_err_sys(err, "cannot open the memory of process %d", (int)pid) : ht_process_look(&p, err);
	if (rc)
		ht_process_close(&p);
	else
		*ret = p;
	return rc;
}

void ht_process_close(struct ht_process *p)
{
	free(p->region);
	if (p->pidfd >= 0)
		close(p->pidfd);
	if (p->mem >= 0)
		close(p->mem);
	*p = (struct ht_process){ .pidfd = -1, .mem = -1 };
}
