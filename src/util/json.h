/* SPDX-License-Identifier: Apache-2.0 */
/* json.h -- writes JSON as it comes, one call a token, nothing kept
 *
 * Caller: show/, for every --json answer.
 *
 *   ht_json_init(&j, stdout);
 *   ht_json_object(&j);                      {
 *   ht_json_key(&j, "name");                 "name":
 *   ht_json_text(&j, "malloc");              "malloc"
 *   ht_json_end(&j);                         }            and a newline, as nothing is open any more: JSON Lines
 *
 * Always true:
 *   J1  commas, colons and quotes are this writer's business; the caller calls in a sensible order, which is asserted
 *   J2  what comes out is valid JSON in valid UTF-8, whatever bytes a string holds: those that are not UTF-8 become
 *       U+FFFD one by one
 *   J3  write errors stay in the FILE: the caller looks at ferror() and fclose() once, at the end
 */
#ifndef HT_JSON_H
#define HT_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "util/buf.h"

#define HT_JSON_DEPTH_MAX 32

struct ht_json {
	FILE *to;
	unsigned depth;     /* open objects and arrays */
	uint32_t is_object; /* bit n: what is open at depth n + 1 */
	bool comma;         /* something stands before the next element */
	bool keyed;         /* a key waits for its value */
};

void ht_json_init(struct ht_json *j, FILE *to);
void ht_json_object(struct ht_json *j);
void ht_json_array(struct ht_json *j);
void ht_json_end(struct ht_json *j); /* of the innermost object or array */
void ht_json_key(struct ht_json *j, const char *key);

void ht_json_str(struct ht_json *j, struct ht_str s); /* untrusted bytes */
void ht_json_text(struct ht_json *j, const char *text);
void ht_json_u64(struct ht_json *j, uint64_t v);
void ht_json_i64(struct ht_json *j, int64_t v);
void ht_json_address(struct ht_json *j, uint64_t v); /* "0x7f00" */
void ht_json_double(struct ht_json *j, double v);    /* null if it is no number */
void ht_json_bool(struct ht_json *j, bool v);
void ht_json_null(struct ht_json *j);

#endif
