/* SPDX-License-Identifier: Apache-2.0 */
/* answer.h -- what every command that answers from a trace does first and last
 *
 *   ht_answer_open()  ->  the command's own answer  ->  ht_answer_close()
 *   complains             on stdout                     exit status: 4 if the answer may not be the whole one
 *   warns of damages
 */
#ifndef HT_ANSWER_H
#define HT_ANSWER_H

#include "inspect/filter.h"

/* The option that all of them have. */
#define HT_OPTION_PROCESS                                                                                              \
	{                                                                                                              \
		"process", 'p', "PID|NAME", "of these processes alone; #3 is the third of the trace"                   \
	}

/* 0; or the exit status, after a complaint. Every damage is named on stderr. `process` is what that option said, or NULL. */
int ht_answer_open(const char *path, const char *process, struct ht_model **ret);

/* For a question that this part of the time answers: of a trace with checkpoints not much more is read. */
int ht_answer_open_extent(const char *path, const char *process, uint64_t from_ns, uint64_t to_ns,
			  struct ht_model **ret);

/* What was lost while recording, and when, on stderr: for every answer that would be another with it. */
void ht_answer_warn_of_losses(const char *path, struct ht_model *t);

/* HT_STATUS_OK or HT_STATUS_DAMAGED. */
int ht_answer_status(const struct ht_model *t);

#endif
