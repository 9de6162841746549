/* SPDX-License-Identifier: Apache-2.0 */
/* enter.c -- goes into a process and out of it again, many times: enter PID TIMES [kill | by COMMAND [ARGUMENT...]]
 *
 * Used by: enter.sh, joined.sh. Linked with everything but main, so that the real doors are what is tried. Every allocation function becomes a jump to its own
 * beginning elsewhere, and again what it was. With `kill`, whoever enters is killed at a random moment, and somebody else cleans up. With `by`,
 * a command goes in and out instead, and has to end with status 0.
 *
 * With ENTER_LIVELY in the environment the process has a life of its own: its descriptors, threads and anonymous code may change, as long as nothing of ours is among them.
 *
 * What the process is before and after must be equal: mappings of files and of code, the text itself, how much of it is private, threads, their signal
 * masks, descriptors, tracer.                              Prints: entries N   in N   out N   killed N   again N   busy N
 */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "attach/entries.h"
#include "attach/patch.h"
#include "util/buf.h"
#include "util/cleanup.h"

#define VISIT_NS 20000000000u
#define TRIES 2000
#define WHOLE_FIRST 3 /* visits that are left whole, to learn how long they take */

static struct ht_process process;
static bool lively;
static unsigned in, out, killed, again, busy;
static pthread_mutex_t deadly = PTHREAD_MUTEX_INITIALIZER;
static _Atomic int killing;       /* whoever enters now is to be killed; becomes 0 under `deadly` */
static _Atomic long visit_us = 1; /* the longest whole visit */

static void die(const char *what, const struct ht_err *err)
{
	printf("FAILED: %s: %s\n", what, err ? err->text : "");
	exit(1);
}

static long now_us(void)
{
	return (long)(ht_visit_now_ns() / 1000);
}

static void pause_us(long us)
{
	nanosleep(&(struct timespec){ us / 1000000, us % 1000000 * 1000 }, NULL);
}

/* ---- what the process is ----------------------------------------------------------------------------------- */

static void put(struct ht_buf *b, const char *key, const char *value)
{
	ht_buf_bytes(b, key, strlen(key));
	ht_buf_bytes(b, " ", 1);
	ht_buf_bytes(b, value, strlen(value));
	ht_buf_bytes(b, "\n", 1);
}

static uint64_t hash_of(const struct ht_region *r)
{
	static uint8_t text[65536];
	uint64_t hash = 14695981039346656037u;

	for (uint64_t at = r->start; at < r->end; at += sizeof(text)) {
		size_t n = r->end - at < sizeof(text) ? (size_t)(r->end - at) : sizeof(text);

		if (!ht_process_read(&process, at, text, n))
			return 0;
		for (size_t i = 0; i < n; i++)
			hash = (hash ^ text[i]) * 1099511628211u;
	}
	return hash;
}

/* What a foothold begins with. */
static bool is_ours(const struct ht_region *r)
{
	char magic[8];

	return strstr(r->path, "heaptap-in-") ||
	       (!r->path[0] && ht_process_read(&process, r->start, magic, sizeof(magic)) &&
		!memcmp(magic, "heaptap ", 8));
}

static void put_mappings(struct ht_buf *b)
{
	struct ht_err err;
	char line[512];

	if (ht_process_look(&process, &err))
		die("mappings", &err);
	for (size_t i = 0; i < process.regions; i++) {
		const struct ht_region *r = &process.region[i];

		if (!r->inode && !r->executable)
			continue; /* its heaps live */
		if (lively && !is_ours(r) && !(r->inode && r->executable))
			continue;
		snprintf(line, sizeof(line), "%" PRIx64 "-%" PRIx64 " %d%d%d %s %016" PRIx64, r->start, r->end,
			 r->readable, r->writable, r->executable, r->path,
			 r->executable && strcmp(r->path, "[vsyscall]") != 0 ? hash_of(r) : 0);
		put(b, "map", line);
	}
}

static void put_private_text(struct ht_buf *b)
{
	char path[64], line[512];
	bool code = false;

	snprintf(path, sizeof(path), "/proc/%d/smaps", (int)process.pid);
	ht_auto(file) FILE *f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		uint64_t from, end;
		char rights[5];

		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s ", &from, &end, rights) == 3)
			code = rights[2] == 'x' && (!lively || strchr(line, '/'));
		else if (code && !strncmp(line, "Anonymous:", 10))
			put(b, "private text", line);
	}
}

static bool is_our_descriptor(const char *which, const char *name)
{
	char path[320], link[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s/%s", (int)process.pid, which, name);
	n = readlink(path, link, sizeof(link) - 1);
	link[n > 0 ? n : 0] = 0;
	return strstr(link, "heaptap-in-") != NULL;
}

/* Of each task, or of each descriptor. */
static void put_folder(struct ht_buf *b, const char *which)
{
	static const char *const key[] = { "SigBlk", "SigCgt", "SigIgn", "TracerPid" };
	char path[64], value[256];
	struct dirent **e;
	int n;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)process.pid, which);
	n = scandir(path, &e, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		if (!lively || is_our_descriptor(which, e[i]->d_name))
			put(b, which, e[i]->d_name);
		for (size_t k = lively ? 4 : 0; k < 4 && !strcmp(which, "task") && e[i]->d_name[0] != '.'; k++)
			if (ht_process_status(process.pid, (pid_t)atoi(e[i]->d_name), key[k], value, sizeof(value)))
				put(b, key[k], value);
		free(e[i]);
	}
	free(e);
}

static struct ht_buf look(void)
{
	struct ht_buf b = { 0 };

	put_mappings(&b);
	put_private_text(&b);
	put_folder(&b, "task");
	put_folder(&b, "fd");
	ht_buf_u8(&b, 0);
	return b;
}

/* The lines of `a` that `b` has not. */
static void print_difference(const char *when, const struct ht_buf *a, const struct ht_buf *b)
{
	char *copy = strdup((const char *)a->at), *rest = copy, *line;

	while ((line = strsep(&rest, "\n")))
		if (!strstr((const char *)b->at, line))
			printf("%s: %s\n", when, line);
	free(copy);
}

/* A thread whose visitor was killed needs a turn of its own to find back. */
static void compare(const struct ht_buf *before, bool may_wait)
{
	struct ht_buf now = look();

	for (int i = 0; may_wait && i < TRIES && strcmp((char *)before->at, (char *)now.at) != 0; i++) {
		pause_us(5000);
		ht_buf_fini(&now);
		now = look();
	}
	if (strcmp((char *)before->at, (char *)now.at) != 0) {
		print_difference("before", before, &now);
		print_difference("after", &now, before);
		die("the process is not what it was", NULL);
	}
	ht_buf_fini(&now);
}

/* ---- in and out -------------------------------------------------------------------------------------------- */

static void set_killing(int now)
{
	pthread_mutex_lock(&deadly);
	killing = now;
	pthread_mutex_unlock(&deadly);
}

/* False: whoever entered was killed. */
static bool visit(ht_visit_work *work, struct ht_patch_visit *v, bool may_die)
{
	struct ht_err err;

	for (int i = 0; i < TRIES; i++) {
		long since_us = now_us();

		if (ht_process_look(&process, &err))
			die("mappings", &err);
		set_killing(may_die);
		if (ht_visit_run(&process, &(struct ht_visit_task){ work, v, sizeof(*v), VISIT_NS }, NULL, &err)) {
			if (!may_die || err.code != HT_ESYSTEM)
				die("a visit", &err);
			set_killing(0);
			killed++;
			return false;
		}
		set_killing(0);
		if (!may_die && now_us() - since_us > visit_us)
			visit_us = now_us() - since_us;
		busy += v->busy;
		if (v->foreign)
			die("bytes that nobody wrote", NULL);
		if (v->outcome == HT_PATCH_DONE)
			return true;
		again++;
		pause_us(1000);
	}
	die("it never came to an end", NULL);
	return false;
}

static void go_in(const struct ht_patch_function *f, size_t count, bool may_die)
{
	const struct ht_patch_part nothing = { .bytes = 0 };
	struct ht_patch_visit v = { .outcome = HT_PATCH_AGAIN };
	struct ht_err err;

	if (ht_process_look(&process, &err) || ht_patch_plan(&process, f, count, &nothing, &v.plan, &err))
		die("the plan", &err);
	if (visit(ht_patch_map, &v, may_die)) {
		if (ht_patch_fill(&process, &v.plan, &err))
			die("the place", &err);
		visit(ht_patch_put_in, &v, may_die);
	}
	in++;
	ht_patch_plan_fini(&v.plan);
}

/* Until there is no place, nor a thread that is about to map one. */
static void go_out(bool may_die)
{
	struct ht_patch_visit v = { .outcome = HT_PATCH_AGAIN };
	struct ht_err err;

	do {
		if (ht_process_look(&process, &err))
			die("mappings", &err);
		out += ht_patch_find(&process, 0, 0, &v.note);
		visit(ht_patch_take_out, &v, may_die);
		if (ht_process_look(&process, &err))
			die("mappings", &err);
	} while (ht_patch_find(&process, 0, 0, &v.note) && !may_die);
}

/* The only child of this process's first thread is whoever enters. */
static void kill_child(void)
{
	char path[64], text[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	ht_auto(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = 0;
	if (atoi(text) > 1)
		kill((pid_t)atoi(text), SIGKILL);
}

static void *kill_now_and_then(void *unused)
{
	unsigned seed = 1;

	for (;;) {
		bool now = killing;

		pause_us(now ? rand_r(&seed) % visit_us : 50);
		pthread_mutex_lock(&deadly);
		if (now && killing)
			kill_child();
		pthread_mutex_unlock(&deadly);
	}
	return unused;
}

static void run(char **command)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		execvp(command[0], command);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		die("the command that goes in", NULL);
	in++;
}

int main(int argc, char **argv)
{
	struct ht_entry entry[HT_ENTRIES_MOST];
	struct ht_patch_function f[HT_ENTRIES_MOST];
	struct ht_buf before;
	struct ht_err err;
	bool by = argc > 4 && !strcmp(argv[3], "by"), may_die = argc > 3 && !by;
	pthread_t killer;
	size_t count;

	if (argc < 3 || ht_process_open((pid_t)atoi(argv[1]), &process, &err))
		die("open", argc < 3 ? NULL : &err);
	count = ht_entries_find(&process, entry);
	for (size_t i = 0; i < count; i++)
		f[i] = (struct ht_patch_function){ .at = entry[i].at, .bytes = entry[i].bytes };
	printf("entries %zu\n", count);
	lively = getenv("ENTER_LIVELY") != NULL;
	before = look();
	if (may_die && pthread_create(&killer, NULL, kill_now_and_then, NULL))
		return 2;
	for (int i = 0; i < atoi(argv[2]); i++) {
		bool now = may_die && i >= WHOLE_FIRST;

		if (by) {
			run(argv + 4);
		} else {
			go_in(f, count, now);
			pause_us(2000);
			go_out(now);
			go_out(false);
		}
		compare(&before, now);
	}
	ht_buf_fini(&before);
	ht_process_close(&process);
	printf("in %u\nout %u\nkilled %u\nagain %u\nbusy %u\n", in, out, killed, again, busy);
	return 0;
}
