/* SPDX-License-Identifier: Apache-2.0 */
/* asked.h -- a question of heaptap.h as inspect/ asks it
 *
 * Callers: asked.c; compared.c, which asks two traces the same; judged.c, which asks for everything.
 */
#ifndef HT_ASKED_H
#define HT_ASKED_H

#include "api/handle.h"
#include "inspect/question.h"

/* Reads and settles it; HT_EUSAGE: it is wrong, or the window that the trace was opened for cannot answer it. ht_question_fini() in any
 * case. The words are needed as long as it is asked. */
int ht_asked_read(const struct heaptap_trace *t, const struct heaptap_question *question, struct ht_question *q,
		  struct ht_err *err);

#endif
