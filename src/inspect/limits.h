/* SPDX-License-Identifier: Apache-2.0 */
/* limits.h -- a memory budget as it is written: what is allowed, of what, within what
 *
 * Callers: show/budget.c, show/record.c and api/judged.c, which read it; budget.c, which judges by it.
 *
 *   # a file                              option
 *   max-peak = 64M                        --max-peak=64M            of the whole program
 *   baseline = last.htap                  --baseline=last.htap
 *   max-growth = 5%                       --max-growth=5%           of everything that should not grow
 *
 *   [in parse_config]                     --in=parse_config
 *   max-allocs = 1e6                      --max-allocs=1e6          of what is allocated within that function
 *
 * Always true:
 *   a limit stands once for each scope: the later one replaces the earlier
 */
#ifndef HT_LIMITS_H
#define HT_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "inspect/arena.h"

enum ht_limit_kind {
	HT_LIMIT_PEAK,          /* bytes */
	HT_LIMIT_LEAKED,        /* bytes */
	HT_LIMIT_LEAKED_BLOCKS, /* blocks */
	HT_LIMIT_ALLOCATED,     /* bytes */
	HT_LIMIT_ALLOCS,        /* calls */
	HT_LIMIT_TEMPORARY,     /* blocks, or a share of them */
	HT_LIMIT_GROWTH,        /* a share of what the baseline has */
	HT_LIMIT_KINDS,
};

struct ht_limit {
	enum ht_limit_kind kind;
	uint64_t most;
	bool is_share; /* `most` is in millionths */
	size_t scope;
};

#define HT_SCOPE_WHOLE 0

struct ht_limits {
	HT_LIST(struct ht_limit) list;
	HT_LIST(const char *) scopes; /* the functions; that of HT_SCOPE_WHOLE is NULL */
	const char *baseline;         /* NULL: none */
	struct ht_arena arena;
};

/* "max-peak" */
const char *ht_limit_name(enum ht_limit_kind kind);

int ht_limits_init(struct ht_limits *l, struct ht_err *err);
void ht_limits_fini(struct ht_limits *l);

/* What options say: the word of each kind, NULL if it was not given. Within this function; NULL: of the whole program. */
int ht_limits_take(struct ht_limits *l, const char *function, const char *const word[HT_LIMIT_KINDS],
		   struct ht_err *err);

/* A path in the file is taken from the file's folder. What is wrong is said with its line, not with the file's name. */
int ht_limits_read(struct ht_limits *l, const char *path, struct ht_err *err);

/* Whether the limits make a question: there is one, and growth has something to be compared with. */
int ht_limits_check(const struct ht_limits *l, struct ht_err *err);

#endif
