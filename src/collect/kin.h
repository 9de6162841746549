/* SPDX-License-Identifier: Apache-2.0 */
/* kin.h -- who is whose child, by the kernel's word
 *
 * Used by: recording.c, when children are followed.
 *
 * The kernel's process events (netlink, CONNECTOR_PROC) tell of each fork, exec and exit on the machine, with its time and its exit code: also
 * of processes that live for a microsecond, and of those in which no agent is. Root may listen, since Linux 6.6 anybody, but only in the first
 * network and user namespaces. Where that is not to be had, known processes are asked for their children every tick.
 */
#ifndef HT_KIN_H
#define HT_KIN_H

#include "collect/images.h"
#include "collect/processes.h"

struct ht_kin {
	struct ht_processes *processes;
	struct ht_images *images;
	int fd;       /* readable when there is news; -1: nobody tells us */
	bool overran; /* news were lost: there may be processes that nobody told of */
};

/* fd is -1 afterwards if the kernel does not let us listen. */
void ht_kin_listen(struct ht_kin *k);
void ht_kin_fini(struct ht_kin *k);

/* Takes what there is. */
void ht_kin_read(struct ht_kin *k);

/* It has ended, `status` as from waitpid; -1: how is not known. What the kernel told of it before comes first. */
void ht_kin_end(struct ht_kin *k, struct ht_process *p, int status);

/* Looks which have ended. `thorough`: also those that no descriptor tells of. */
void ht_kin_look_at_ends(struct ht_kin *k, bool thorough);

/* Asks the known processes for their children: what the kernel did not, or could not, tell. */
void ht_kin_look(struct ht_kin *k);

#endif
