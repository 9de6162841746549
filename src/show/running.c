/* SPDX-License-Identifier: Apache-2.0 */
/* running.c -- `heaptap record -p`: hands the recorder a process that was looked at
 *
 * Called by: record.c, detach.c.
 */
#include "show/running.h"

#include <stdio.h>

#include "show/command.h"
#include "show/figures.h"

static int lend(void *with, uint64_t bytes, int *fd, struct ht_err *err)
{
	struct ht_running *r = with;

	return ht_join_lend(&r->join, bytes, fd, err);
}

static int enter(void *with, struct ht_channel *channel, struct ht_err *err)
{
	struct ht_running *r = with;

	return ht_join_enter(&r->join, channel, err);
}

static uint64_t unknown(void *with, const char **why)
{
	const struct ht_running *r = with;

	return ht_join_unknown_blocks(&r->join, why);
}

static bool next(void *with, struct ht_before_block *ret)
{
	struct ht_running *r = with;
	struct ht_live_block b;

	if (!r->join.before.taken || !ht_census_next(&r->join.before.census, &r->at, &b))
		return false;
	*ret = (struct ht_before_block){ b.address, b.bytes,
					 b.arena == 1 ? HT_HEAP_MAIN
					 : b.arena    ? HT_HEAP_OTHER
						      : HT_HEAP_UNKNOWN };
	return true;
}

static void leave(void *with)
{
	struct ht_running *r = with;

	ht_join_leave(&r->join, &r->left, &r->why_not);
}

int ht_running_open(pid_t pid, bool census, struct ht_running *ret, struct ht_err *err)
{
	int rc;

	*ret = (struct ht_running){ .left = HT_LEFT_NOTHING };
	rc = ht_join_look(pid, &ret->join, err);
	ret->join.before.wanted = census;
	ret->door = (struct ht_recording_door){
		.pid = pid,
		.lender = { .most_bytes = rc ? 0 : ht_join_most_bytes(&ret->join), .lend = lend, .with = ret },
		.enter = enter,
		.unknown = unknown,
		.next = next,
		.leave = leave,
		.with = ret,
	};
	return rc;
}

void ht_running_close(struct ht_running *r)
{
	ht_join_fini(&r->join);
}

void ht_running_tell_left(pid_t pid, enum ht_left left)
{
	if (left == HT_LEFT_BUSY)
		ht_warn(NULL,
			"process %d: a thread may come back to the recorder's code, which stays there and does "
			"nothing; later: heaptap detach %d",
			(int)pid, (int)pid);
	else if (left == HT_LEFT_FOREIGN)
		ht_warn(NULL,
			"process %d: somebody else wrote over the beginnings of its allocation functions meanwhile; "
			"the recorder's code stays there and does nothing",
			(int)pid);
}

void ht_running_tell(const struct ht_running *r, bool talkative)
{
	char time[HT_FIGURE_BYTES];
	pid_t pid = r->join.process.pid;

	if (r->why_not.code)
		ht_warn(NULL, "process %d could not be left: %s; later: heaptap detach %d", (int)pid, r->why_not.text,
			(int)pid);
	else
		ht_running_tell_left(pid, r->left);
	if (r->join.serving.others)
		ht_warn(NULL, "process %d has %u other allocators, whose calls are not recorded", (int)pid,
			r->join.serving.others);
	if (!talkative || !r->join.stopped_ns)
		return;
	fprintf(stderr, "heaptap: entered process %d: it stood still for %s", (int)pid,
		ht_figure_time(time, r->join.stopped_ns));
	if (r->join.before.taken)
		fprintf(stderr, ", %s of that for the census", ht_figure_time(time, r->join.before.ns));
	fputs("\n", stderr);
	if (r->join.before.why[0])
		fprintf(stderr, "heaptap: of its blocks from before not all are known: %s\n", r->join.before.why);
}
