/* SPDX-License-Identifier: Apache-2.0 */
/* call.h -- one remembered call, as text and as JSON: who, when, and the stack it came from
 *
 *   text   1.000123456 s  thread 1 (main)  malloc
 *                  fill                                        confess.cc:31
 *                  main                                        confess.cc:77
 *   JSON   {"time_ns":1000123456,"thread":1,"function":"malloc","caller":"0x401000","stack":[{"function":...},...]}
 *          null: not seen
 *
 * Used by the commands that answer about single blocks. The frames are those of stacks.h.
 */
#ifndef HT_CALL_H
#define HT_CALL_H

#include "inspect/moment.h"
#include "inspect/symbols.h"

void ht_call_text(struct ht_model *t, const struct ht_moment *m); /* the first line, without its end */
void ht_call_stack(struct ht_model *t, struct ht_symbols *s,
		   const struct ht_moment *m); /* the others, if there are any */
void ht_call_json(struct ht_model *t, struct ht_symbols *s, const struct ht_moment *m);

#endif
