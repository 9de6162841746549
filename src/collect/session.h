/* SPDX-License-Identifier: Apache-2.0 */
/* session.h -- the collector's end of a channel: its memory, its layout, the words it says to the target
 *
 * Made by: recording.c before the target runs.     Used by: every file of collect/ that reads or writes the channel.
 *
 *   create ──► start (recording = 1) ──► [policy drop] ──► stop (recording = 0) ──► fini
 *
 * Always true:
 *   S1  sizes and places are taken from this struct, never from the channel, which the target can write
 *   S2  the memfd can neither shrink nor grow, so that no access through the mapping can fail for want of a file
 */
#ifndef HT_SESSION_H
#define HT_SESSION_H

#include "channel/channel.h"
#include "util/err.h"

struct ht_session {
	int fd;
	uint64_t id;
	uint32_t flags; /* enum ht_session_flag */
	uint64_t bytes;
	uint32_t slot_count, segment_count, node_capacity, module_count;
	uint64_t modules_at, nodes_at, segments_at;

	struct ht_channel *channel;
	struct ht_image *images;
	struct ht_slot *slots;
	_Atomic uint32_t *seg_next;
	struct ht_module *modules;
	struct ht_node *nodes;
	struct ht_cell *segments;
};

/* A process that runs already lends memory that it has mapped: of `bytes` bytes, at most most_bytes, but still empty. */
struct ht_session_lender {
	uint64_t most_bytes;
	int (*lend)(void *with, uint64_t bytes, int *fd, struct ht_err *err);
	void *with;
};

/* flags: enum ht_session_flag. `lender` NULL: the memory is our own, and whoever is started maps it. */
int ht_session_create(enum ht_policy policy, enum ht_clock clock, uint32_t flags,
		      const struct ht_session_lender *lender, struct ht_session *ret, struct ht_err *err);
void ht_session_fini(struct ht_session *s);

/* Gives the bytes of the channel memory behind them, charged to this process. */
int ht_session_back(const struct ht_session *s, uint64_t at, uint64_t bytes, struct ht_err *err);

void ht_session_start(struct ht_session *s, uint32_t target_pid);
void ht_session_stop(struct ht_session *s);

/* Gives back the memory behind rings and slots. Processes that live on may still have it mapped; they are dormant. */
void ht_session_empty(struct ht_session *s);
void ht_session_never_wait(struct ht_session *s); /* HT_POLICY_DROP from now on */

#endif
