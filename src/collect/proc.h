/* SPDX-License-Identifier: Apache-2.0 */
/* proc.h -- what /proc tells about the target
 *
 * Used by: images.c, processes.c, streams.c, recording.c. Everything here may fail at any moment, because the process may be gone;
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

/* When the process started, in nanoseconds of CLOCK_BOOTTIME, rounded down to 10 ms. */
bool ht_proc_start(pid_t pid, uint64_t *ret);

/* Its parent; 0: gone. */
pid_t ht_proc_parent(pid_t pid);

/* Children of all its threads, at most `room`; how many. */
size_t ht_proc_children(pid_t pid, pid_t *ret, size_t room);

/* 'R', 'S', 'T', 'Z', ... of the main thread; 0: gone. */
char ht_proc_state(pid_t pid);

#endif
