/* SPDX-License-Identifier: Apache-2.0 */
/* launch.h -- starts the target, held back until the session is ready for it
 *
 * Used by: recording.c.
 *
 *   ht_launch_hold: fork ──► child waits on a pipe     session, trace file made     ht_launch_go ──► exec, or why not
 *
 * Always true: for the target nothing differs from a start by the shell but LD_PRELOAD and HEAPTAP_SESSION: no
 * descriptor, signal disposition, mask, group or limit; it is this process's child.
 */
#ifndef HT_LAUNCH_H
#define HT_LAUNCH_H

#include <sys/types.h>

#include "util/err.h"

struct ht_launch {
	pid_t pid;
	int hold; /* writing end: a byte lets the child go, closing it makes it exit */
	int fate; /* reading end: errno of a failed exec; end of file: it runs */
};

/* `path` is executed with `argv`; `agent` goes in front of LD_PRELOAD. Call it before any signal is handled or
 * blocked. The environment's session is told to ht_launch_go. */
int ht_launch_hold(const char *path, char *const argv[], const char *agent, struct ht_launch *ret, struct ht_err *err);
int ht_launch_go(struct ht_launch *l, const char *session, struct ht_err *err);

/* Ends a child that was not let go. */
void ht_launch_drop(struct ht_launch *l);

/* The agent beside this program, or where `make install` puts it. HT_ESYSTEM: it is not there, or LD_PRELOAD
 * cannot name it. */
int ht_launch_find_agent(char *ret, size_t room, struct ht_err *err);

#endif
