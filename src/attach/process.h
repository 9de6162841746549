/* SPDX-License-Identifier: Apache-2.0 */
/* process.h -- another process's memory and mappings, by /proc
 *
 * Used by: every file of attach/. Nothing here stops the process; what it says about itself may be old by the time it is read.
 *
 * Always true: regions are in order of address and do not overlap.
 */
#ifndef HT_PROCESS_H
#define HT_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/err.h"

struct ht_region {
	uint64_t start, end, offset, inode;
	uint32_t dev_major, dev_minor;
	bool readable, writable, executable, shared;
	char path[256]; /* cut if longer */
};

struct ht_process {
	pid_t pid;
	int pidfd, mem;
	struct ht_region *region;
	size_t regions, cap;
};

int ht_process_open(pid_t pid, struct ht_process *ret, struct ht_err *err);
void ht_process_close(struct ht_process *p);

/* Reads /proc/PID/maps anew. */
int ht_process_look(struct ht_process *p, struct ht_err *err);
const struct ht_region *ht_process_at(const struct ht_process *p, uint64_t address); /* NULL: nothing is mapped there */
bool ht_process_is_readable(const struct ht_process *p, uint64_t from, uint64_t to); /* all of it */

/* All or nothing. Writing goes through page protections, into a private copy of a file's page. */
bool ht_process_read(const struct ht_process *p, uint64_t at, void *to, size_t n);
bool ht_process_write(const struct ht_process *p, uint64_t at, const void *from, size_t n);

/* Which process it is, whoever else has its number later. */
struct ht_process_identity {
	uint64_t pid, started, pid_namespace; /* in ticks of the system; as the inode of /proc/PID/ns/pid */
};

bool ht_process_identify(pid_t pid, struct ht_process_identity *ret);

/* It runs still; one of another pid namespace, of which nothing can be known, is taken to. */
bool ht_process_lives(const struct ht_process_identity *who);

bool ht_process_has_ended(const struct ht_process *p);

/* A line "key:\t..." of /proc/PID/status, or of a thread's with `tid`; its value without blanks in front. False: there is none. */
bool ht_process_status(pid_t pid, pid_t tid, const char *key, char *ret, size_t room);

#endif
