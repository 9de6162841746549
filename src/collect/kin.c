/* SPDX-License-Identifier: Apache-2.0 */
/* kin.c -- listens to the kernel's process events, and turns those of our processes into births, execs and ends
 *
 * Called by: recording.c.
 *
 *   FORK   parent is ours            ──► a new process
 *   EXEC   process is ours           ──► what it ran is over; images.c waits for the agent of what it runs now
 *   EXIT   process is ours           ──► its exit code; its end, unless other threads of it run on
 *
 * A process's end may be seen before the news of it are read: by its descriptor, by waitpid. The kernel has told of all that the process
 * executed by then, so the news are read before the end is taken, and an exec finds its process though the pid is another's by now.
 *
 * Always true: only messages of the kernel itself are believed (sender's port 0).
 */
#include "collect/kin.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROOM (64 << 20) /* of the socket: some 100000 events of the whole machine; taken only while they wait */
#define CHILDREN_MAX 4096

/* The kernel tells of every thread of the machine, too. A filter keeps what take() would pass over out of the socket's room; what a field holds is
 * compared in network order, which is how a filter loads it. */
#define AT(member) (uint32_t)(NLMSG_HDRLEN + sizeof(struct cn_msg) + offsetof(struct proc_event, member))
static void keep_threads_out(int fd)
{
	struct sock_filter step[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, AT(what)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(PROC_EVENT_FORK), 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, AT(event_data.fork.child_pid)),
		BPF_STMT(BPF_MISC | BPF_TAX, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, AT(event_data.fork.child_tgid)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_X, 0, 3, 4),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(PROC_EVENT_EXEC), 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(PROC_EVENT_EXIT), 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(PROC_EVENT_NONE), 0, 1), /* the answer to a subscription */
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	const struct sock_fprog filter = { .len = sizeof(step) / sizeof(*step), .filter = step };

	setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)); /* without it there is less room */
}

static bool subscribe(int fd)
{
	const enum proc_cn_mcast_op op = PROC_CN_MCAST_LISTEN;
	const struct cn_msg message = { .id = { CN_IDX_PROC, CN_VAL_PROC }, .len = sizeof(op) };
	const struct nlmsghdr head = { .nlmsg_len = NLMSG_LENGTH(sizeof(message) + sizeof(op)),
				       .nlmsg_type = NLMSG_DONE };
	struct iovec ask[] = { { (void *)&head, NLMSG_HDRLEN },
			       { (void *)&message, sizeof(message) },
			       { (void *)&op, sizeof(op) } };
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = CN_IDX_PROC };
	int room = ROOM;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	keep_threads_out(fd);
	return !bind(fd, (struct sockaddr *)&address, sizeof(address)) && writev(fd, ask, 3) == (ssize_t)head.nlmsg_len;
}

/* The kernel answers a subscription with an event that carries its success; in a namespace of their own nobody answers. */
static bool is_answered(int fd)
{
	struct pollfd p = { fd, POLLIN, 0 };

	return poll(&p, 1, 10) == 1;
}

void ht_kin_listen(struct ht_kin *k)
{
	k->fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_CONNECTOR);
	if (k->fd >= 0 && (!subscribe(k->fd) || !is_answered(k->fd)))
		ht_kin_fini(k);
}

void ht_kin_fini(struct ht_kin *k)
{
	if (k->fd >= 0)
		close(k->fd);
	k->fd = -1;
}

/* ---- news -------------------------------------------------------------------------------------------------- */

static void born(struct ht_kin *k, pid_t parent, pid_t child, uint64_t ticks)
{
	const struct ht_process *from = ht_processes_find(k->processes, parent);
	struct ht_process *p = ht_processes_latest(k->processes, child);

	if (p && p->told && !p->ended)
		ht_processes_end(k->processes, p, ticks, -1); /* its pid is another's now */
	if (p && (p->told || (p->ended && p->end_ticks < ticks)))
		p = NULL;
	if (!p && from)
		p = ht_processes_add(k->processes, child, from, ticks, ticks);
	if (!p)
		return;
	p->told = true;
	p->start_ticks = ticks;
	if (!p->parent && from) { /* its agent was heard of first, when it was too late to ask who its parent is */
		p->parent = from->number;
		p->ppid = from->pid;
	}
}

static void executed(struct ht_kin *k, pid_t pid, uint64_t ticks)
{
	struct ht_process *p = ht_processes_at(k->processes, pid, ticks);

	if (!p)
		return;
	ht_images_executed(k->images, p, ticks);
	ht_processes_executed(k->processes, p, ticks);
}

static void end(struct ht_kin *k, struct ht_process *p, uint64_t ticks, int status)
{
	ht_images_ending(k->images, p);
	if (!p->ended || p->waits_for_code)
		ht_processes_end(k->processes, p, ticks, status);
}

static void exited(struct ht_kin *k, pid_t pid, bool leader, uint64_t ticks, int status)
{
	struct ht_process *p = ht_processes_at(k->processes, pid, ticks);
	struct pollfd ended = { p ? p->pidfd : -1, POLLIN, 0 };

	if (!p)
		return;
	p->leader_ended |= leader;
	p->exit = WIFSIGNALED(status) ? HT_EXIT_SIGNAL : HT_EXIT_CODE;
	p->code = (uint32_t)(WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	if (!p->leader_ended || (p->pidfd >= 0 && poll(&ended, 1, 0) != 1))
		return; /* other threads run on, or it takes another moment: its pidfd tells */
	end(k, p, ticks, status);
}

static void take(struct ht_kin *k, const void *data)
{
	struct proc_event copy, *e = memcpy(&copy, data, sizeof(copy)); /* it is not aligned */
	uint64_t ticks = ht_ticker_at(k->processes->ticker, e->timestamp_ns);

	switch (e->what) {
	case PROC_EVENT_FORK:
		if (e->event_data.fork.child_pid == e->event_data.fork.child_tgid)
			born(k, e->event_data.fork.parent_tgid, e->event_data.fork.child_tgid, ticks);
		break;
	case PROC_EVENT_EXEC:
		executed(k, e->event_data.exec.process_tgid, ticks);
		break;
	case PROC_EVENT_EXIT:
		exited(k, e->event_data.exit.process_tgid,
		       e->event_data.exit.process_pid == e->event_data.exit.process_tgid, ticks,
		       (int)e->event_data.exit.exit_code);
		break;
	default:
		break;
	}
}

static void overrun(struct ht_kin *k)
{
	k->overran = true;
	k->images->execs_told = false;
}

void ht_kin_read(struct ht_kin *k)
{
	union {
		struct nlmsghdr head;
		char bytes[4096];
	} m;
	struct sockaddr_nl from;
	socklen_t len;
	ssize_t n;

	while (k->fd >= 0) {
		len = sizeof(from);
		n = recvfrom(k->fd, &m, sizeof(m), 0, (struct sockaddr *)&from, &len);
		if (n < 0 && errno == ENOBUFS)
			overrun(k);
		else if (n < 0)
			return;
		else if (from.nl_pid == 0 &&
			 n >= (ssize_t)(NLMSG_HDRLEN + sizeof(struct cn_msg) + sizeof(struct proc_event)))
			take(k, m.bytes + NLMSG_HDRLEN + sizeof(struct cn_msg));
	}
}

void ht_kin_end(struct ht_kin *k, struct ht_process *p, int status)
{
	ht_kin_read(k);
	end(k, p, ht_ticker_now(k->processes->ticker), status);
}

void ht_kin_look_at_ends(struct ht_kin *k, bool thorough)
{
	struct ht_process *gone[HT_PROCESSES_GONE];
	size_t n;

	do {
		n = ht_processes_gone(k->processes, thorough, gone);
		for (size_t i = 0; i < n; i++)
			ht_kin_end(k, gone[i], -1);
	} while (n == HT_PROCESSES_GONE);
	ht_processes_tidy(k->processes, thorough);
}

/* ---- without news ------------------------------------------------------------------------------------------ */

void ht_kin_look(struct ht_kin *k)
{
	struct ht_processes *ps = k->processes;
	pid_t child[CHILDREN_MAX];

	for (uint32_t i = 0; i < ps->living; i++) {
		const struct ht_process *p = ht_processes_get(ps, ps->alive[i]);
		size_t n = p->ended ? 0 : ht_proc_children(p->pid, child, CHILDREN_MAX);
		uint64_t now = ht_ticker_now(ps->ticker);

		for (size_t j = 0; j < n; j++)
			if (!ht_processes_find(ps, child[j])) {
				struct ht_process *new = ht_processes_add(ps, child[j], p, now, now);

				if (new)
					ht_processes_describe(ps, new);
			}
	}
}
