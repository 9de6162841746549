/* SPDX-License-Identifier: Apache-2.0 */
/* join.c -- puts what the other files find out in order, and tries again where a process must not be disturbed just now
 *
 * Called by: show/running.c.
 */
#include "attach/join.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "attach/outfit.h"
#include "attach/payload.h"
#include "attach/rights.h"
#include "attach/threads.h"
#include "attach/tid.h"
#include "util/cleanup.h"

#define MS 1000000ull
#define VISIT_MOST_NS (2000 * MS)
#define CENSUS_NS (100 * MS)     /* it may take so long, */
#define CENSUS_GB_NS (1000 * MS) /* and for each GB in use so much more */
#define TRYING_NS (10000 * MS)   /* to get in, and to get out */
#define PASSING_NS (200 * MS)    /* to take away what others left, before it is entered */
#define MOMENTS 32u              /* that are looked at for one in which no thread changes a heap */
#define CHEAP_NS (20 * MS)       /* a census that is made again when it met such a thread all the same */
#define PAUSE_LEAST_NS MS        /* between two visits */
#define PAUSE_MOST_NS (64 * MS)
#define ADDRESS_SHARE 8 /* of a limit on its address space, the channel takes at most one in so many */

static const struct ht_blob_head *head(void)
{
	return (const struct ht_blob_head *)ht_payload;
}

/* Pauses grow from try to try. False: it was tried long enough: TRYING_NS, if nothing else is said. */
struct patience {
	uint64_t most_ns, until_ns, pause_ns;
};

static bool wait_for_more(struct patience *p)
{
	if (!p->until_ns)
		*p = (struct patience){ .until_ns = ht_visit_now_ns() + (p->most_ns ? p->most_ns : TRYING_NS),
					.pause_ns = PAUSE_LEAST_NS };
	if (ht_visit_now_ns() > p->until_ns)
		return false;
	nanosleep(&(struct timespec){ .tv_nsec = (long)p->pause_ns }, NULL);
	if (p->pause_ns < PAUSE_MOST_NS)
		p->pause_ns *= 2;
	return true;
}

/* ---- out --------------------------------------------------------------------------------------------------- */

static int take_out(struct ht_process *p, const struct ht_patch_note *note, struct ht_patch_visit *v,
		    struct ht_err *err)
{
	v->note = *note;
	return ht_visit_run(p, &(struct ht_visit_task){ ht_patch_take_out, v, sizeof(*v), VISIT_MOST_NS }, NULL, err);
}

/* The place at `at`, until it is gone, or was tried long enough. */
static int leave_one(struct ht_process *p, uint64_t at, uint64_t most_ns, enum ht_left *ret, struct ht_err *err)
{
	struct ht_patch_visit v = { .outcome = HT_PATCH_DONE };
	struct ht_patch_note note;
	struct patience patience = { .most_ns = most_ns };

	for (;;) {
		int rc = ht_process_look(p, err);

		if (rc)
			return rc;
		if (!ht_patch_find(p, at, head()->end_at, &note) || note.foothold.at != at)
			return 0;
		rc = take_out(p, &note, &v, err);
		*ret = rc || v.outcome == HT_PATCH_DONE ? HT_LEFT_CLEAN : v.foreign ? HT_LEFT_FOREIGN : HT_LEFT_BUSY;
		if (rc && ht_process_has_ended(p))
			return rc;
		if ((rc || *ret != HT_LEFT_CLEAN) && !wait_for_more(&patience))
			return rc;
	}
}

/* Every place. `thorough`: for as long as it takes; and no thread is still to map one for a visitor that died. `ret`: the worst. */
static int leave_all(struct ht_process *p, bool thorough, enum ht_left *ret, struct ht_err *err)
{
	struct ht_patch_visit v = { .outcome = HT_PATCH_DONE };
	struct patience patience = { 0 };
	struct ht_patch_note note;
	int rc = ht_process_look(p, err);

	*ret = HT_LEFT_NOTHING;
	for (uint64_t at = 0; !rc && ht_patch_find(p, at, head()->end_at, &note); at = note.foothold.at + 1) {
		enum ht_left one = HT_LEFT_NOTHING;

		rc = leave_one(p, note.foothold.at, thorough ? TRYING_NS : PASSING_NS, &one, err);
		*ret = one > *ret ? one : *ret;
	}
	while (!rc && thorough) {
		rc = take_out(p, &note, &v, err);
		thorough = v.outcome != HT_PATCH_DONE && wait_for_more(&patience);
	}
	return rc;
}

int ht_join_leave(struct ht_join *j, enum ht_left *ret, struct ht_err *err)
{
	int rc;

	*ret = HT_LEFT_NOTHING;
	rc = leave_one(&j->process, j->plan.note.foothold.at, TRYING_NS, ret, err);
	return rc && ht_process_has_ended(&j->process) ? 0 : rc;
}

/* Another recorder is in it for a moment; it may be one whose own was killed. */
static int wait_for_right(pid_t pid, struct ht_err *err)
{
	struct patience patience = { 0 };
	char tracer[32] = "0", name[32] = "";
	int rc;

	while ((rc = ht_rights_check(pid, err)) == HT_ETARGET &&
	       ht_process_status(pid, 0, "TracerPid", tracer, sizeof(tracer)) && strcmp(tracer, "0") != 0 &&
	       ht_process_status((pid_t)atoi(tracer), 0, "Name", name, sizeof(name)) && !strcmp(name, "heaptap") &&
	       wait_for_more(&patience))
		;
	return rc;
}

static bool is_owned(const struct ht_patch_note *n, const struct ht_process_identity *itself)
{
	return n->count && n->started == itself->started && ht_process_lives(&n->owner);
}

/* What is there is of a recorder that lives, and meant for this process. */
static int check_owner(const struct ht_process *p, struct ht_err *err)
{
	struct ht_process_identity itself;
	struct ht_patch_note n;

	if (!ht_process_identify(p->pid, &itself))
		return 0;
	for (uint64_t at = 0; ht_patch_find(p, at, head()->end_at, &n); at = n.foothold.at + 1)
		if (is_owned(&n, &itself))
			return ht_err_set(err, HT_ETARGET,
					  "process %d is being recorded by process %d: end that first (kill -INT %d, "
					  "or wait for it)",
					  (int)p->pid, (int)n.owner.pid, (int)n.owner.pid);
	return 0;
}

int ht_join_clean(pid_t pid, enum ht_left *ret, struct ht_err *err)
{
	struct ht_process p;
	int rc = wait_for_right(pid, err);

	if (!rc)
		rc = ht_process_open(pid, &p, err);
	if (rc)
		return rc;
	rc = check_owner(&p, err);
	if (!rc)
		rc = leave_all(&p, true, ret, err);
	ht_process_close(&p);
	return rc;
}

/* ---- may it, can it? --------------------------------------------------------------------------------------- */

static int check_filters(pid_t pid, struct ht_err *err)
{
	char mode[16];

	if (!ht_process_status(pid, 0, "Seccomp", mode, sizeof(mode)) || !strcmp(mode, "0"))
		return 0;
	return ht_err_set(err, HT_ETARGET,
			  "process %d cannot be recorded: it has a seccomp filter, which may kill it for a system call "
			  "that recording makes in it",
			  (int)pid);
}

/* The ids of its threads must mean the same to both. */
static int check_namespace(pid_t pid, struct ht_err *err)
{
	char ids[256];

	if (!ht_process_status(pid, 0, "NSpid", ids, sizeof(ids)) || !strchr(ids, '\t'))
		return 0;
	return ht_err_set(err, HT_ETARGET,
			  "process %d cannot be recorded from here: it is in a pid namespace (a container) of its own; "
			  "run heaptap inside: nsenter -t %d -p -m heaptap record -p ...",
			  (int)pid, (int)pid);
}

int ht_join_look(pid_t pid, struct ht_join *ret, struct ht_err *err)
{
	struct ht_join j = { .shared_at = 0 };
	enum ht_left left;
	int rc = wait_for_right(pid, err);

	if (!rc)
		rc = check_filters(pid, err);
	if (!rc)
		rc = check_namespace(pid, err);
	if (!rc)
		rc = ht_process_open(pid, &j.process, err);
	if (rc)
		return rc;
	rc = check_owner(&j.process, err);
	if (!rc)
		rc = leave_all(&j.process, false, &left, err);
	if (!rc)
		rc = ht_serving_find(&j.process, &j.serving, err);
	if (rc)
		ht_process_close(&j.process);
	else
		*ret = j;
	return rc;
}

void ht_join_fini(struct ht_join *j)
{
	ht_patch_plan_fini(&j->plan);
	ht_loaded_fini(&j->loaded);
	if (j->before.taken)
		ht_census_fini(&j->before.census);
	ht_process_close(&j->process);
}

/* ---- in ---------------------------------------------------------------------------------------------------- */

uint64_t ht_join_most_bytes(const struct ht_join *j)
{
	struct rlimit addresses;

	if (prlimit(j->process.pid, RLIMIT_AS, NULL, &addresses) || addresses.rlim_cur == RLIM_INFINITY)
		return UINT64_MAX;
	return addresses.rlim_cur / ADDRESS_SHARE;
}

static int plan_with(struct ht_join *j, const struct ht_patch_part *part, struct ht_err *err)
{
	struct ht_patch_function f[HT_ENTRIES_MOST];

	for (size_t i = 0; i < j->serving.count; i++)
		f[i] = (struct ht_patch_function){ j->serving.entry[i].at, j->serving.entry[i].bytes,
						   head()->hook[j->serving.entry[i].function] };
	return ht_patch_plan(&j->process, f, j->serving.count, part, &j->plan, err);
}

/* An allocator in the program itself may be too far from the loader for one place: then without the loader's function (loaded.h, D2). */
static int plan(struct ht_join *j, struct ht_err *err)
{
	const struct ht_patch_part part = {
		.code = ht_payload,
		.bytes = (uintptr_t)ht_payload_end - (uintptr_t)ht_payload,
		.data_at = head()->data_at,
		.end_at = head()->end_at,
		.door_at = head()->data_at + offsetof(struct ht_blob, door),
	};
	int rc = ht_process_look(&j->process, err);

	if (!rc)
		rc = ht_serving_find(&j->process, &j->serving, err);
	ht_patch_plan_fini(&j->plan);
	if (!rc)
		rc = plan_with(j, &part, err);
	if (rc == HT_ETARGET && ht_serving_forget_loader(&j->serving))
		rc = plan_with(j, &part, err);
	return rc;
}

static int receive(int post, int *fd, struct ht_err *err)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	char byte;
	struct iovec one = { &byte, sizeof(byte) };
	struct msghdr m = {
		.msg_iov = &one, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof(control.room)
	};
	const struct cmsghdr *c;

	if (recvmsg(post, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) != sizeof(byte))
		return ht_err_sys(err, "the memory to share did not arrive");
	c = CMSG_FIRSTHDR(&m);
	if (!c || c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof(*fd)))
		return ht_err_set(err, HT_ESYSTEM, "the memory to share did not arrive: no descriptor is free");
	memcpy(fd, CMSG_DATA(c), sizeof(*fd));
	return 0;
}

/* Whatever failed because of it, that is the reason. */
static int unless_ended(const struct ht_join *j, int rc, struct ht_err *err)
{
	if (!rc || !ht_process_has_ended(&j->process))
		return rc;
	return ht_err_set(err, HT_ETARGET, "process %d ended before it could be recorded", (int)j->process.pid);
}

int ht_join_lend(struct ht_join *j, uint64_t bytes, int *fd, struct ht_err *err)
{
	struct ht_patch_visit v = { .shared.bytes = bytes, .outcome = HT_PATCH_AGAIN };
	struct patience patience = { 0 };
	int post[2], rc;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, post))
		return ht_err_sys(err, "cannot make a socket");
	ht_auto(fd) int here = post[0], there = post[1];
	v.shared.post = there;
	do {
		rc = plan(j, err);
		v.plan = j->plan;
		if (!rc)
			rc = ht_visit_run(&j->process,
					  &(struct ht_visit_task){ ht_patch_map, &v, sizeof(v), VISIT_MOST_NS }, NULL,
					  err);
	} while (!rc && v.outcome == HT_PATCH_AGAIN && wait_for_more(&patience));
	if (!rc && v.outcome == HT_PATCH_AGAIN)
		rc = ht_err_set(err, HT_ETARGET, "process %d maps memory faster than a place can be found in it",
				(int)j->process.pid);
	j->shared_at = v.shared.at;
	if (!rc)
		rc = receive(here, fd, err);
	return unless_ended(j, rc, err);
}

struct entering {
	struct ht_patch_visit patch;
	const struct ht_loaded *loaded;
	uint64_t blob_at;
	struct ht_census *census; /* NULL: none is wanted */
	int census_fd;            /* where it is stored */
	unsigned moments;         /* that may still be let pass */
	bool noisy;               /* this one was */
	bool stirred;             /* a thread that was left asleep woke up between the census and the entries */
	uint64_t census_most_ns, census_ns;
};

/* `noisy`: another moment would be better. */
static int take_census(struct ht_visit *v, struct entering *e, struct ht_err *err)
{
	uint64_t since_ns = ht_visit_now_ns();
	int rc;

	e->noisy = e->moments && !ht_threads_are_quiet(v, e->census);
	rc = e->noisy ? 0 : ht_threads_take_census(v, e->census, e->census_most_ns, e->census_fd, err);
	e->census_ns = ht_visit_now_ns() - since_ns;
	if (!rc && !e->noisy)
		e->noisy = e->moments && e->census->verdict == HT_CENSUS_BUSY && e->census_ns < CHEAP_NS;
	e->moments -= e->noisy;
	return rc;
}

/* The work of the second visit. */
static int enter(struct ht_visit *v, void *with, struct ht_err *err)
{
	struct entering *e = with;
	const uint8_t active = HT_DOOR_ACTIVE;
	uint32_t tid_offset;
	size_t woken;
	int rc;

	e->patch.outcome = HT_PATCH_AGAIN;
	if (!ht_loaded_is_same(v->process, e->loaded))
		return 0;
	rc = e->census ? take_census(v, e, err) : 0;
	if (rc || e->noisy)
		return rc;
	woken = v->woken;
	rc = ht_tid_offset(v, &tid_offset, err);
	if (!rc && !ht_process_write(v->process, e->blob_at + offsetof(struct ht_blob, tid_offset), &tid_offset,
				     sizeof(tid_offset)))
		rc = ht_err_sys(err, "cannot write into process %d", (int)v->process->pid);
	if (!rc)
		rc = ht_patch_put_in(v, &e->patch, err);
	e->stirred = v->woken != woken;
	if (!rc && e->patch.outcome == HT_PATCH_DONE)
		ht_process_write(v->process, e->blob_at + offsetof(struct ht_blob, door), &active, sizeof(active));
	return rc;
}

/* Everything that the visit finds ready. A library that is just being loaded is waited for. */
static int prepare(struct ht_join *j, struct ht_channel *channel, struct ht_err *err)
{
	uint64_t blob_at = ht_patch_part_at(&j->plan) + head()->data_at;
	struct ht_blob blob;
	struct ht_loaded fresh;
	int rc = ht_loaded_find(&j->process, ht_serving_watches_loader(&j->serving), &fresh, err);

	if (rc)
		return rc;
	ht_loaded_fini(&j->loaded);
	j->loaded = fresh;
	ht_outfit_blob(&j->serving, &j->plan, channel, j->shared_at, &blob);
	blob.debug_at = fresh.loader.debug;
	if (blob.gate.stacks)
		ht_loaded_tell(&fresh, channel, HT_OUTFIT_IMAGE, ht_outfit_ticks(channel), &blob.gate);
	ht_outfit_image(&j->process, &j->serving, channel);
	if (!ht_process_write(&j->process, blob_at, &blob, sizeof(blob)))
		return ht_err_sys(err, "cannot write into process %d", (int)j->process.pid);
	return 0;
}

/* By what it has in memory: heaps are no larger. */
static uint64_t longest_census_ns(pid_t pid)
{
	char kb[32];

	return CENSUS_NS +
	       (ht_process_status(pid, 0, "RssAnon", kb, sizeof(kb)) ? strtoull(kb, NULL, 10) * CENSUS_GB_NS >> 20 : 0);
}

/* Where there is none to be had, recording goes on without, and says why. */
static void prepare_census(struct ht_join *j, struct entering *e)
{
	struct ht_err err;

	e->census_most_ns = longest_census_ns(j->process.pid);

	snprintf(j->before.why, sizeof(j->before.why), "no census was wanted");
	if (!j->before.wanted)
		return;
	e->census_fd = memfd_create("heaptap-census", MFD_CLOEXEC);
	if (e->census_fd < 0)
		snprintf(j->before.why, sizeof(j->before.why), "there was no memory for the census");
	else if (ht_census_find(&j->process, &j->before.census, &err))
		snprintf(j->before.why, sizeof(j->before.why), "%s", err.text);
	else
		e->census = &j->before.census;
}

static int load_census(struct ht_join *j, const struct entering *e, struct ht_err *err)
{
	int rc = e->census ? ht_census_load(&j->before.census, e->census_fd, err) : 0;

	if (rc || !e->census)
		return rc;
	j->before.taken = true;
	j->before.ns = e->census_ns;
	if (e->stirred && j->before.census.verdict == HT_CENSUS_WHOLE) {
		j->before.census.verdict = HT_CENSUS_BUSY;
		snprintf(j->before.census.why, sizeof(j->before.census.why), "a thread woke up behind the census");
	}
	snprintf(j->before.why, sizeof(j->before.why), "%s",
		 j->before.census.verdict == HT_CENSUS_WHOLE ? "" : j->before.census.why);
	return 0;
}

uint64_t ht_join_unknown_blocks(const struct ht_join *j, const char **why)
{
	*why = j->before.why;
	/* a realloc under way: the old block may be gone, the new one is not listed */
	return j->before.taken && j->before.census.verdict == HT_CENSUS_WHOLE ? 2ull * j->before.census.inside
									      : UINT64_MAX;
}

static int try_to_enter(struct ht_join *j, struct ht_channel *channel, struct entering *e, struct ht_err *err)
{
	struct ht_visit_task task = { enter, e, sizeof(*e), VISIT_MOST_NS + e->census_most_ns };
	struct patience patience = { 0 };
	int rc = ht_patch_fill(&j->process, &j->plan, err);

	while (!rc) {
		rc = prepare(j, channel, err);
		e->patch.outcome = HT_PATCH_AGAIN;
		if (e->census && (ftruncate(e->census_fd, 0) || lseek(e->census_fd, 0, SEEK_SET)))
			rc = ht_err_sys(err, "no memory for the census");
		if (!rc)
			rc = ht_visit_run(&j->process, &task, &j->stopped_ns, err);
		else if (rc == HT_ETARGET && wait_for_more(&patience))
			rc = 0;
		if (rc || e->patch.outcome == HT_PATCH_DONE)
			break;
		if (e->noisy)
			patience.pause_ns = PAUSE_LEAST_NS;
		if (!wait_for_more(&patience))
			rc = ht_err_set(
				err, HT_ETARGET,
				"process %d was never at a moment at which it could be entered; try again in a moment",
				(int)j->process.pid);
	}
	return rc;
}

int ht_join_enter(struct ht_join *j, struct ht_channel *channel, struct ht_err *err)
{
	struct entering e = { .patch.plan = j->plan,
			      .loaded = &j->loaded,
			      .blob_at = ht_patch_part_at(&j->plan) + head()->data_at,
			      .moments = MOMENTS,
			      .census_fd = -1 };
	int rc;

	prepare_census(j, &e);
	rc = try_to_enter(j, channel, &e, err);
	if (!rc)
		rc = load_census(j, &e, err);
	if (e.census_fd >= 0)
		close(e.census_fd);
	return unless_ended(j, rc, err);
}
