/* SPDX-License-Identifier: Apache-2.0 */
/* launch.c -- the child between fork and exec, and the agent's path
 *
 * The child is forked before this process touches its own signals, so that it inherits what the user's shell
 * gave. It waits for the session's address on a pipe; both pipes close by themselves at exec.
 */
#include "collect/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "channel/channel.h"
#include "collect/target.h"

#define AGENT "libheaptap-agent.so"

static void set_preload(const char *agent)
{
	const char *users = getenv("LD_PRELOAD");
	char *both = NULL;

	if (!users || !users[0])
		setenv("LD_PRELOAD", agent, 1);
	else if (asprintf(&both, "%s:%s", agent, users) > 0)
		setenv("LD_PRELOAD", both, 1);
	free(both);
}

/* As execvp does with a script that names no interpreter. */
static void run_by_shell(const char *path, char *const argv[])
{
	size_t argc = 0;
	char **more;

	while (argv[argc])
		argc++;
	more = calloc(argc + 2, sizeof(*more));
	if (!more)
		return;
	more[0] = (char *)HT_TARGET_SHELL;
	more[1] = (char *)path;
	for (size_t i = 1; i < argc; i++)
		more[i + 1] = argv[i];
	execv(HT_TARGET_SHELL, more);
}

/* In the child. Never returns. */
static void run(const char *path, char *const argv[], const char *agent, int hold, int fate)
{
	char session[64];
	ssize_t n = read(hold, session, sizeof(session) - 1);
	int why;

	if (n <= 0)
		_exit(125);
	session[n] = 0;
	setenv(HT_CHANNEL_ENV, session, 1);
	set_preload(agent);
	execv(path, argv);
	if (errno == ENOEXEC)
		run_by_shell(path, argv);
	why = errno;
	n = write(fate, &why, sizeof(why));
	_exit(n == sizeof(why) ? 126 : 125);
}

int ht_launch_hold(const char *path, char *const argv[], const char *agent, struct ht_launch *ret, struct ht_err *err)
{
	int hold[2], fate[2];
	pid_t pid;

	if (pipe2(hold, O_CLOEXEC) || pipe2(fate, O_CLOEXEC))
		return ht_err_sys(err, "cannot make a pipe");
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return ht_err_sys(err, "cannot start a process");
	if (pid == 0) {
		close(hold[1]);
		close(fate[0]);
		run(path, argv, agent, hold[0], fate[1]);
	}
	close(hold[0]);
	close(fate[1]);
	*ret = (struct ht_launch){ .pid = pid, .hold = hold[1], .fate = fate[0] };
	return 0;
}

int ht_launch_go(struct ht_launch *l, const char *session, struct ht_err *err)
{
	int why = 0;
	ssize_t n = write(l->hold, session, strlen(session));

	close(l->hold);
	l->hold = -1;
	if (n != (ssize_t)strlen(session))
		return ht_err_sys(err, "cannot let the program start");
	do
		n = read(l->fate, &why, sizeof(why));
	while (n < 0 && errno == EINTR);
	close(l->fate);
	l->fate = -1;
	if (n == sizeof(why)) {
		errno = why;
		waitpid(l->pid, NULL, 0);
		return ht_err_set(err, why == ENOENT ? HT_ENOTFOUND : HT_ENOTRUN, "cannot be run: %s", strerror(why));
	}
	return 0;
}

void ht_launch_drop(struct ht_launch *l)
{
	if (l->hold < 0)
		return;
	close(l->hold);
	close(l->fate);
	waitpid(l->pid, NULL, 0);
}

int ht_launch_find_agent(char *ret, size_t room, struct ht_err *err)
{
	static const char *const places[] = { "", "../lib/heaptap/" };
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (n <= 0)
		return ht_err_sys(err, "cannot find this program's own folder");
	self[n] = 0;
	slash = strrchr(self, '/');
	slash[1] = 0;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if ((size_t)snprintf(ret, room, "%s%s" AGENT, self, places[i]) >= room || access(ret, R_OK))
			continue;
		if (strpbrk(ret, " :\t\n"))
			return ht_err_set(
				err, HT_ESYSTEM,
				"%s: LD_PRELOAD cannot name a path with a space or colon; install heaptap elsewhere",
				ret);
		return 0;
	}
	return ht_err_set(err, HT_ESYSTEM,
			  "%s" AGENT ": not found, nor in ../lib/heaptap; install heaptap with its agent", self);
}
