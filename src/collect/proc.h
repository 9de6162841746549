/* SPDX-License-Identifier: Apache-2.0 */
/* proc.h -- what /proc tells about the target
 *
 * Used by: images.c, streams.c, recording.c. Everything here may fail at any moment, because the process may be gone;
 * then the answer is the empty one. Names come from the target and are not to be trusted.
 */
#ifndef HT_PROC_H
#define HT_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Reads /proc/PID/`what` into text, terminated; its length. */
size_t ht_proc_read(pid_t pid, const char *what, char *text, size_t room);

/* A thread's name, without the newline. */
size_t ht_proc_thread_name(pid_t pid, pid_t tid, char *name, size_t room);

bool ht_proc_thread_exists(pid_t pid, pid_t tid);

struct ht_proc_exe {
	dev_t dev;
	ino_t ino;
	char path[256]; /* cut if longer */
};
bool ht_proc_exe(pid_t pid, struct ht_proc_exe *ret);

/* Seccomp filters on the main thread. */
unsigned ht_proc_filters(pid_t pid);

/* Whether a mapping's path contains `name`. */
bool ht_proc_maps(pid_t pid, const char *name);

/* 'R', 'S', 'T', 'Z', ... of the main thread; 0: gone. */
char ht_proc_state(pid_t pid);

#endif
