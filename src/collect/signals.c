/* SPDX-License-Identifier: Apache-2.0 */
/* signals.c -- reads signals from a descriptor and hands on what was meant for the target
 *
 * Called by: recording.c.
 *
 * The kernel marks what it sends itself, for a terminal, with SI_KERNEL; what kill(2) and its kin send has a
 * code of 0 or less.
 */
#include "collect/signals.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "collect/proc.h"

static const int handed_on[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2 };

static int is_ignored(int number)
{
	struct sigaction now;

	return !sigaction(number, NULL, &now) && now.sa_handler == SIG_IGN;
}

int ht_signals_take(int *ret, struct ht_err *err)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	for (size_t i = 0; i < sizeof(handed_on) / sizeof(*handed_on); i++)
		if (!is_ignored(handed_on[i]))
			sigaddset(&set, handed_on[i]);
	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* the file that reaches a limit is ours: an error, not an end */
	signal(SIGTSTP, SIG_IGN);
	signal(SIGTTIN, SIG_IGN);
	signal(SIGTTOU, SIG_IGN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return ht_err_sys(err, "cannot watch signals");
	*ret = fd;
	return 0;
}

bool ht_signals_forward(int fd, pid_t target)
{
	struct signalfd_siginfo info;
	bool asked = false;

	while (read(fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			continue;
		if (!target)
			asked = true;
		else if (info.ssi_code <= 0)
			kill(target, (int)info.ssi_signo);
	}
	return asked;
}

void ht_signals_stop_by(int number, pid_t target)
{
	sigset_t set, old;

	sigemptyset(&set);
	sigaddset(&set, number);
	sigprocmask(SIG_UNBLOCK, &set, &old);
	signal(number, SIG_DFL);
	raise(number);
	signal(number, SIG_IGN);
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (ht_proc_state(target) == 'T')
		kill(target, SIGCONT); /* whoever woke us alone meant the job */
}
