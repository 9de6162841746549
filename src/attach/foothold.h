/* SPDX-License-Identifier: Apache-2.0 */
/* foothold.h -- memory that a process maps for its visitor, and gives back: the place of its code, and memory that both share
 *
 * Used by: patch.c, in a visit.
 *
 *   a place   | note | beginnings that were moved | the caller's code || the caller's data |        private, r-x ││ rw-
 *   shared    a memfd that the process itself makes, so that it may map it whoever it is and whatever it sees of /proc. The visitor has
 *             its descriptor from there and hands it on; the process keeps the mapping alone
 *
 * Always true:
 *   L1  once the note is written, everything that came after it can be found and taken away by whoever reads it, whenever the visitor died
 *   L2  a forked child sees the door's page as zeros, and nothing of all this is in a core file
 */
#ifndef HT_FOOTHOLD_H
#define HT_FOOTHOLD_H

#include "attach/borrow.h"

#define HT_FOOTHOLD_NAME_BYTES 32u

struct ht_foothold {
	uint64_t at, bytes;
	uint64_t code_bytes;                 /* the first ones: they can be executed; the others are data */
	uint64_t door_at;                    /* the page that a fork wipes; 0: none */
	char memory[HT_FOOTHOLD_NAME_BYTES]; /* the shared memory's name */
};

/* Maps the place, and writes the beginning of it: the note, in which the foothold itself lies. HT_FOOTHOLD_TAKEN: something is mapped there. */
#define HT_FOOTHOLD_TAKEN 1
int ht_foothold_map(struct ht_visit *v, const struct ht_gadgets *g, const struct ht_foothold *foothold,
		    const void *note, size_t note_bytes, struct ht_err *err);

/* Memory to share: where in the process its name stands, how many bytes, the socket through which its descriptor is sent; and where it came to lie. */
struct ht_shared {
	uint64_t name_at, bytes, at;
	int post;
};

/* The size of the memory is still to be set. */
int ht_foothold_share(struct ht_visit *v, const struct ht_gadgets *g, struct ht_shared *shared, struct ht_err *err);

/* Takes shared memory, its descriptors, and then the place away. */
int ht_foothold_unmap(struct ht_visit *v, const struct ht_gadgets *g, const struct ht_foothold *foothold,
		      struct ht_err *err);

/* Text pages become the file's again. One that cannot stays a copy with the same bytes. */
int ht_foothold_give_back(struct ht_visit *v, const struct ht_gadgets *g, const uint64_t *page, size_t count,
			  struct ht_err *err);

#endif
