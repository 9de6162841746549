/* SPDX-License-Identifier: Apache-2.0 */
/* call.h -- one remembered call, as text and as JSON: who, when, from where
 *
 *   text   1.000123456 s  thread 1 (main)  malloc from 0x401000
 *   JSON   {"time_ns":1000123456,"thread":1,"function":"malloc","caller":"0x401000"}        null: not seen
 *
 * Used by the commands that answer about single blocks.
 */
#ifndef HT_CALL_H
#define HT_CALL_H

#include "inspect/moment.h"

void ht_call_text(struct ht_model *t, const struct ht_moment *m); /* no line end */
void ht_call_json(struct ht_model *t, const struct ht_moment *m);

#endif
