/* SPDX-License-Identifier: Apache-2.0 */
/* choice.h -- the processes a question is about: --process of every command that answers from a trace
 *
 * Caller: show/answer.c, before anything is asked of the model.
 *
 *   4711    the process with this pid; if the system used it again, all that had it
 *   cc1     the processes of this name: the last one they had, or the file name of the last program they ran
 *   #3      the third process of the trace, as `heaptap info` counts them
 *
 * The model stays what it is; its streams are marked, and the replay tells of the chosen ones alone. It still plays all: a
 * child's heap begins as its parent's.
 */
#ifndef HT_CHOICE_H
#define HT_CHOICE_H

#include "inspect/model.h"

/* HT_EUSAGE: nobody is meant; the text says who is there. */
int ht_choice_make(struct ht_model *t, const char *word, struct ht_err *err);

/* True for all as long as no choice was made. */
bool ht_choice_has(const struct ht_model *t, uint64_t process);

/* By number; a stream of unknown threads is always chosen: its calls may be a chosen process's. */
bool ht_choice_has_stream(const struct ht_model *t, uint64_t stream);

#endif
