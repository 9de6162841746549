/* SPDX-License-Identifier: Apache-2.0 */
/* proc.c -- reads /proc/PID
 *
 * Called by: images.c, streams.c, recording.c, each at its own pace; nothing is kept here.
 *
 * A file is read in one piece: what the kernel writes in one read is consistent.
 */
#include "collect/proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/cleanup.h"

size_t ht_proc_read(pid_t pid, const char *what, char *text, size_t room)
{
	char path[64];
	ssize_t n;

	text[0] = 0;
	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, what);
	ht_auto(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, text, room - 1);
	if (n < 0)
		n = 0;
	text[n] = 0;
	return (size_t)n;
}

size_t ht_proc_thread_name(pid_t pid, pid_t tid, char *name, size_t room)
{
	char what[32];
	size_t n;

	snprintf(what, sizeof(what), "task/%d/comm", (int)tid);
	n = ht_proc_read(pid, what, name, room);
	if (n && name[n - 1] == '\n')
		name[--n] = 0;
	return n;
}

bool ht_proc_thread_exists(pid_t pid, pid_t tid)
{
	return !syscall(SYS_tgkill, pid, tid, 0) || errno != ESRCH;
}

bool ht_proc_exe(pid_t pid, struct ht_proc_exe *ret)
{
	char path[64];
	struct stat st;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	n = readlink(path, ret->path, sizeof(ret->path) - 1);
	if (n <= 0 || stat(path, &st))
		return false;
	ret->path[n] = 0;
	ret->dev = st.st_dev;
	ret->ino = st.st_ino;
	return true;
}

unsigned ht_proc_filters(pid_t pid)
{
	static const char key[] = "\nSeccomp_filters:";
	char text[4096];
	const char *at;

	ht_proc_read(pid, "status", text, sizeof(text));
	at = strstr(text, key);
	return at ? (unsigned)strtoul(at + sizeof(key) - 1, NULL, 10) : 0;
}

bool ht_proc_maps(pid_t pid, const char *name)
{
	char path[64];
	ht_auto(memory) char *line = NULL;
	size_t cap = 0;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	ht_auto(file) FILE *maps = fopen(path, "re");
	while (maps && getline(&line, &cap, maps) > 0)
		if (strstr(line, name))
			return true;
	return false;
}

/* Field `number` of /proc/PID/stat, numbered as in proc(5), behind the name, which may hold anything; NULL: gone. */
static const char *stat_field(pid_t pid, int number, char *text, size_t room)
{
	const char *at;

	ht_proc_read(pid, "stat", text, room);
	at = strrchr(text, ')');
	for (int i = 2; at && i < number; i++) {
		at = strchr(at, ' ');
		at = at ? at + 1 : NULL;
	}
	return at;
}

char ht_proc_state(pid_t pid)
{
	char text[512];
	const char *at = stat_field(pid, 3, text, sizeof(text));

	return at ? *at : 0;
}

pid_t ht_proc_parent(pid_t pid)
{
	char text[512];
	const char *at = stat_field(pid, 4, text, sizeof(text));

	return at ? (pid_t)strtol(at, NULL, 10) : 0;
}

bool ht_proc_start(pid_t pid, uint64_t *ret)
{
	char text[512];
	const char *at = stat_field(pid, 22, text, sizeof(text));

	if (!at)
		return false;
	*ret = strtoull(at, NULL, 10) * (1000000000u / (uint64_t)sysconf(_SC_CLK_TCK));
	return true;
}

static size_t children_of_thread(pid_t pid, const char *tid, pid_t *ret, size_t room)
{
	char what[64], text[4096];
	size_t n = 0;

	snprintf(what, sizeof(what), "task/%.16s/children", tid);
	ht_proc_read(pid, what, text, sizeof(text));
	for (char *at = text, *end; n < room; at = end) {
		long child = strtol(at, &end, 10);

		if (end == at)
			break;
		ret[n++] = (pid_t)child;
	}
	return n;
}

size_t ht_proc_children(pid_t pid, pid_t *ret, size_t room)
{
	char path[64];
	size_t n = 0;
	DIR *tasks;
	const struct dirent *d;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	tasks = opendir(path);
	while (tasks && n < room && (d = readdir(tasks)))
		if (d->d_name[0] != '.')
			n += children_of_thread(pid, d->d_name, ret + n, room - n);
	if (tasks)
		closedir(tasks);
	return n;
}
