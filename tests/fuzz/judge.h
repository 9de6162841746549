/* SPDX-License-Identifier: Apache-2.0 */
/* judge.h -- what must be true of every trace that can be opened, as code that aborts
 *
 * Called by the fuzzers; a part of its own because collect/ and inspect/ must not be seen by the same file.
 */
#ifndef HT_JUDGE_H
#define HT_JUDGE_H

/* Any file: it is opened and replayed to the end, or it is no trace. */
void judge_any(const char *path);

/* A file that a recorder wrote: besides, nothing of it is damaged or missing, and its accounts agree with its rows. */
void judge_recorded(const char *path);

#endif
