/* SPDX-License-Identifier: Apache-2.0 */
/* foothold.c -- mmap, memfd_create and their opposites, called in the process by a thread that is borrowed for them
 *
 * Called by: patch.c.
 */
#include "attach/foothold.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/cleanup.h"

#define PAGE 4096u

#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24 /* Linux 5.18; before that locked pages cannot be given back */
#endif

static bool is_error(int64_t result)
{
	return result < 0 && result > -4096;
}

static int cannot(const struct ht_visit *v, const char *what, int64_t result, struct ht_err *err)
{
	if (result == HT_BORROW_BROKEN)
		return ht_err_set(err, HT_ETARGET, "process %d did not answer in time, or is ending",
				  (int)v->process->pid);
	return ht_err_set(err, HT_ETARGET, "process %d was not allowed to %s: %s", (int)v->process->pid, what,
			  strerror((int)-result));
}

/* One call that must not fail. */
static int call(struct ht_borrow *b, long number, const uint64_t arg[6], const char *what, struct ht_err *err)
{
	int64_t result = ht_borrow_call(b, number, arg);

	return result == HT_BORROW_BROKEN || is_error(result) ? cannot(b->visit, what, result, err) : 0;
}

/* ---- the place --------------------------------------------------------------------------------------------- */

static int prepare_data(struct ht_borrow *b, const struct ht_foothold *p, struct ht_err *err)
{
	const uint64_t no_dump[6] = { p->at, p->bytes, MADV_DONTDUMP };
	const uint64_t data[6] = { p->at + p->code_bytes, p->bytes - p->code_bytes, PROT_READ | PROT_WRITE };
	const uint64_t wipe[6] = { p->door_at, PAGE, MADV_WIPEONFORK };
	int rc = call(b, SYS_madvise, no_dump, "keep memory out of core files", err);

	if (!rc && data[1])
		rc = call(b, SYS_mprotect, data, "make memory writable", err);
	if (!rc && p->door_at)
		rc = call(b, SYS_madvise, wipe, "hide memory from its children (MADV_WIPEONFORK, Linux 4.14)", err);
	return rc;
}

int ht_foothold_map(struct ht_visit *v, const struct ht_gadgets *g, const struct ht_foothold *foothold,
		    const void *note, size_t note_bytes, struct ht_err *err)
{
	const uint64_t where[6] = { foothold->at,          foothold->bytes,
				    PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
				    (uint64_t)-1,          0 };
	struct ht_borrow b;
	int64_t result;
	int rc = ht_borrow_begin(v, g, &b, err);

	if (rc)
		return rc;
	result = ht_borrow_call(&b, SYS_mmap, where);
	if (result == -EEXIST)
		rc = HT_FOOTHOLD_TAKEN;
	else if (result != (int64_t)foothold->at)
		rc = cannot(v, "map memory", result, err);
	else if (!ht_process_write(v->process, foothold->at, note, note_bytes))
		rc = ht_err_sys(err, "cannot write into process %d", (int)v->process->pid);
	else
		rc = prepare_data(&b, foothold, err);
	ht_borrow_end(&b);
	return rc;
}

/* ---- shared memory ----------------------------------------------------------------------------------------- */

static int send_descriptor(int post, int fd, struct ht_err *err)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { .head = { CMSG_LEN(sizeof(fd)), SOL_SOCKET, SCM_RIGHTS } };
	char byte = 0;
	struct iovec one = { &byte, sizeof(byte) };
	struct msghdr m = {
		.msg_iov = &one, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof(control.room)
	};

	memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	return sendmsg(post, &m, MSG_NOSIGNAL) == sizeof(byte) ? 0 : ht_err_sys(err, "cannot hand memory on");
}

static int fetch(const struct ht_visit *v, int64_t number, int post, struct ht_err *err)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)v->process->pid, (int)number);
	ht_auto(fd) int fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? ht_err_sys(err, "cannot open the memory that process %d made", (int)v->process->pid)
		      : send_descriptor(post, fd, err);
}

/* While the file has no bytes yet: nothing is made resident, whatever the process has locked (mlockall). */
static int map_shared(struct ht_borrow *b, int64_t fd, struct ht_shared *shared, struct ht_err *err)
{
	const uint64_t where[6] = { 0, shared->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, (uint64_t)fd, 0 };
	int64_t result = ht_borrow_call(b, SYS_mmap, where);
	const uint64_t arg[6] = { (uint64_t)result, shared->bytes, MADV_DONTDUMP };
	int rc;

	if (result == HT_BORROW_BROKEN || is_error(result))
		return cannot(b->visit, "map shared memory", result, err);
	shared->at = (uint64_t)result;
	rc = call(b, SYS_munlock, arg, "unlock memory", err);
	return rc ? rc : call(b, SYS_madvise, arg, "keep memory out of core files", err);
}

int ht_foothold_share(struct ht_visit *v, const struct ht_gadgets *g, struct ht_shared *shared, struct ht_err *err)
{
	const uint64_t make[6] = { shared->name_at, MFD_CLOEXEC | MFD_ALLOW_SEALING };
	struct ht_borrow b;
	int64_t fd;
	int rc = ht_borrow_begin(v, g, &b, err);

	if (rc)
		return rc;
	fd = ht_borrow_call(&b, SYS_memfd_create, make);
	if (fd == HT_BORROW_BROKEN || is_error(fd)) {
		rc = cannot(v, fd == -EMFILE ? "open one descriptor more (ulimit -n)" : "make memory to share", fd,
			    err);
	} else {
		const uint64_t shut[6] = { (uint64_t)fd };

		rc = map_shared(&b, fd, shared, err);
		if (!rc)
			rc = fetch(v, fd, shared->post, err);
		ht_borrow_call(&b, SYS_close, shut); /* or by ht_foothold_unmap */
	}
	ht_borrow_end(&b);
	return rc;
}

/* ---- and back ---------------------------------------------------------------------------------------------- */

/* As the kernel shows it, of a mapping or of a descriptor. */
static void link_of(const struct ht_foothold *p, char ret[HT_FOOTHOLD_NAME_BYTES + 32])
{
	snprintf(ret, HT_FOOTHOLD_NAME_BYTES + 32, "/memfd:%.*s (deleted)", (int)sizeof(p->memory), p->memory);
}

static int unmap_shared(struct ht_borrow *b, const char *link, struct ht_err *err)
{
	const struct ht_process *p = b->visit->process;
	int rc = 0;

	for (size_t i = 0; !rc && i < p->regions; i++) {
		const struct ht_region *r = &p->region[i];
		const uint64_t arg[6] = { r->start, r->end - r->start };

		if (!strcmp(r->path, link))
			rc = call(b, SYS_munmap, arg, "unmap memory", err);
	}
	return rc;
}

/* Of a visitor that was killed before it could: at most one. */
static int close_descriptors(struct ht_borrow *b, const char *link, struct ht_err *err)
{
	char path[64], to[HT_FOOTHOLD_NAME_BYTES + 33];
	const struct dirent *d;
	DIR *fds;
	int rc = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)b->visit->process->pid);
	fds = opendir(path);
	if (!fds)
		return ht_err_sys(err, "cannot see what process %d has open", (int)b->visit->process->pid);
	while (!rc && (d = readdir(fds))) {
		const uint64_t arg[6] = { strtoull(d->d_name, NULL, 10) };
		ssize_t n = readlinkat(dirfd(fds), d->d_name, to, sizeof(to) - 1);

		to[n > 0 ? n : 0] = 0;
		if (!strcmp(to, link))
			rc = call(b, SYS_close, arg, "close a descriptor", err);
	}
	closedir(fds);
	return rc;
}

int ht_foothold_unmap(struct ht_visit *v, const struct ht_gadgets *g, const struct ht_foothold *foothold,
		      struct ht_err *err)
{
	const uint64_t whole[6] = { foothold->at, foothold->bytes };
	char link[HT_FOOTHOLD_NAME_BYTES + 32];
	struct ht_borrow b;
	int rc = ht_borrow_begin(v, g, &b, err);

	if (rc)
		return rc;
	link_of(foothold, link);
	if (foothold->memory[0])
		rc = unmap_shared(&b, link, err);
	if (!rc && foothold->memory[0])
		rc = close_descriptors(&b, link, err);
	if (!rc)
		rc = call(&b, SYS_munmap, whole, "unmap memory", err);
	ht_borrow_end(&b);
	return rc;
}

int ht_foothold_give_back(struct ht_visit *v, const struct ht_gadgets *g, const uint64_t *page, size_t count,
			  struct ht_err *err)
{
	struct ht_borrow b;
	int rc = count ? ht_borrow_begin(v, g, &b, err) : 0;

	if (rc || !count)
		return rc;
	for (size_t i = 0; i < count; i++) {
		uint64_t arg[6] = { page[i], PAGE, MADV_DONTNEED_LOCKED };

		if (ht_borrow_call(&b, SYS_madvise, arg) != -EINVAL)
			continue;
		arg[2] = MADV_DONTNEED;
		ht_borrow_call(&b, SYS_madvise, arg);
	}
	ht_borrow_end(&b);
	return rc;
}
