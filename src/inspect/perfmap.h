/* SPDX-License-Identifier: Apache-2.0 */
/* perfmap.h -- names of code that was made while the program ran, from the file that its compiler wrote for perf
 *
 * Used by symbols.c for addresses outside all modules.
 *
 *   /tmp/perf-PID.map     START SIZE name     hexadecimal, a line for each piece of code, in the order they were made
 *
 * Always true:
 *   P1  only a regular file of this user's or root's is read, never through a link, and never one that was last written
 *       before the recording started: another process had the number then
 *   P2  memory and steps are bounded, whatever the file holds; what was left out is known
 *   P3  the file does not say when code was there: where code of several names had an address, it has no name
 */
#ifndef HT_PERFMAP_H
#define HT_PERFMAP_H

#include <stdbool.h>
#include <stdint.h>

#include "inspect/arena.h"
#include "util/err.h"

struct ht_perfmap_entry {
	uint64_t start, end, reach; /* reach: the highest end up to here */
	struct ht_str name;         /* in the text */
};

struct ht_perfmap {
	char *text;
	HT_LIST(struct ht_perfmap_entry) entries; /* by start */
	uint64_t malformed;                       /* lines that were skipped */
	uint64_t written_ns;                      /* since the epoch: when the file was last written */
	bool is_cut;                              /* the file is longer than what is read of it */
};

/* A file that is not there is an empty map. */
int ht_perfmap_open(struct ht_perfmap *m, const char *path, uint64_t not_before_ns, struct ht_err *err);
void ht_perfmap_close(struct ht_perfmap *m);

/* Takes over the text, which came from malloc(), on failure too. */
int ht_perfmap_parse(struct ht_perfmap *m, char *text, size_t len, struct ht_err *err);

/* NULL: no code, or code of several names. */
const struct ht_perfmap_entry *ht_perfmap_find(const struct ht_perfmap *m, uint64_t pc);

#endif
