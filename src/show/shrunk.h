/* SPDX-License-Identifier: Apache-2.0 */
/* shrunk.h -- a mapped file that becomes shorter reads as zeros from there on, and does not end heaptap
 *
 * Called by answer.c before the first question. heaptap itself maps no file that can change, but libdw maps the .dwo files that it opens,
 * and a compiler may be writing them anew. A library has no business catching signals, so libheaptap does not do this.
 *
 *   [ mapped page ][ mapped page ][ behind the end ]      a read there: SIGBUS -> a page of zeros is laid over it, and the read goes on
 *
 * Always true:
 *   a SIGBUS of any other origin ends heaptap as if this were not here
 *   what is executed afterwards has SIGBUS as heaptap found it, unless it was ignored
 */
#ifndef HT_SHRUNK_H
#define HT_SHRUNK_H

void ht_shrunk_survive(void);

#endif
