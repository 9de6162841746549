/* SPDX-License-Identifier: Apache-2.0 */
/* naming.h -- where a command looks for the names of addresses, as the user says it, and what it says of names it did not find
 *
 * Used by every command that names places. The command gives its record these options, in this place:
 *
 *   enum { OPT_BY, OPT_JSON, OPT_NAMING, OPT_END = OPT_NAMING + HT_NAMING_OPTIONS };
 *   options[] = { ..., HT_NAMING_AT(OPT_NAMING), [OPT_END] = { 0 } };
 *
 *   ht_naming_open()  ->  inspect/symbols.h, places.h  ->  the answer  ->  ht_naming_warn()
 *
 * docs/symbols.md says how an address gets its name.
 */
#ifndef HT_NAMING_H
#define HT_NAMING_H

#include "inspect/symbols.h"
#include "show/command.h"

#define HT_NAMING_OPTIONS 2

/* The options of a record from `first` on. */
#define HT_NAMING_AT(first)                                                                                            \
	[first] = { "sysroot", 0, "DIR", "look for programs, libraries and debug files below DIR" },                   \
	[(first) + 1] = { .name = "no-symbols", .says = "open no file for names: modules and offsets only" }

/* HT_EUSAGE, HT_ESYSTEM. What was given must stay until ht_symbols_close(). */
int ht_naming_open(const struct ht_model *model, const struct ht_given *given, int first, struct ht_symbols **ret,
		   struct ht_err *err);

/* Which files could not tell names, on stderr: what is shown without is shown as module and offset. */
void ht_naming_warn(const char *path, const struct ht_symbols *s);

#endif
