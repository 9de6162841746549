/* SPDX-License-Identifier: Apache-2.0 */
/* mapped.h -- which module an address belonged to
 *
 * Used by symbols.c. The MODULE records of a trace are a history: the same addresses may have held one library after
 * another. A context's generation says how far the history had come when its stack was taken.
 *
 *   records     map A  [g 1]     unmap A  [g 2]     map B  [g 3]          (same addresses)
 *   generation       1 -> A            2 -> none         3 -> B
 *
 * Always true:
 *   M1  the last record of the image, at or before the generation, that covers the address decides; last by
 *       generation, then by place in the file: records of one round are not in the order of time
 *   M2  where it does not tell (the module went, or came later), a module is taken only if no other one ever had the
 *       address; the same holds where two modules had it in one generation
 */
#ifndef HT_MAPPED_H
#define HT_MAPPED_H

#include "inspect/model.h"

struct ht_mapped_at;

struct ht_mapped {
	HT_LIST(struct ht_mapped_at) records;
};

/* False: out of memory. The model must stay. */
bool ht_mapped_init(struct ht_mapped *m, const struct ht_model *model);
void ht_mapped_fini(struct ht_mapped *m);

/* NULL: none, or not certain which. */
const struct ht_meta_module *ht_mapped_find(const struct ht_mapped *m, uint64_t image, uint64_t generation,
					    uint64_t pc);

/* Whether any record of the image, of whatever generation, covers the address. */
bool ht_mapped_covers(const struct ht_mapped *m, uint64_t image, uint64_t pc);

#endif
