/* SPDX-License-Identifier: Apache-2.0 */
/* mmapped.h -- blocks so large that glibc gave each a mapping of its own
 *
 * Used by: census.c.
 *
 *   page                                   an aligned one: the header stands further in, where the first one's is left over
 *   ┌───┬─────────┬──────────────┐         ┌───┬─────────┬─ ─ ─ ─┬──────┬────────────┬────────────┐
 *   │ 0 │ bytes|M │ block ...    │         │ 0 │ old     │  lead │ lead │ bytes|M    │ block ...  │
 *   └───┴─────────┴──────────────┘         └───┴─────────┴─ ─ ─ ─┴──────┴────────────┴────────────┘
 *
 * The kernel joins neighbouring mappings, so such a page may stand anywhere in anonymous memory. Only pages that were ever written are looked at,
 * and only until as many blocks and bytes are found as malloc says there are.
 */
#ifndef HT_MMAPPED_H
#define HT_MMAPPED_H

#include "attach/chunks.h"
#include "attach/pages.h"

/* Adds them; true: `blocks` of them with `bytes`, whole mappings, were found, no more and no less. */
bool ht_mmapped_find(struct ht_chunks *c, const struct ht_pages *pages, uint64_t blocks, uint64_t bytes);

#endif
