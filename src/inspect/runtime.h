/* SPDX-License-Identifier: Apache-2.0 */
/* runtime.h -- the blocks that the language's runtime keeps for itself, told by their stacks
 *
 * Caller: show/report.c, between sites and ranking. They are never freed, in every program, and no leak of anybody's.
 *
 *   what                                   its stack, from the inside
 *   stdio's buffers                        _IO_file_doallocate, in libc
 *   lists of exit and fork handlers        __cxa_atexit, on_exit, __register_atfork, in libc
 *   the locale, time zone, messages        setlocale, tzset, bindtextdomain, ..., in libc
 *   users, groups, hosts, services         __nss_*, nss_parse_*, getpwuid, gethostbyname, ..., in libc
 *   the loader's                           anything, in ld-linux or ld-musl
 *   libstdc++'s emergency pool and such    only libstdc++, libc and the loader, out to the end of the stack
 *
 * Always true: a stack that does not prove it is the program's.
 */
#ifndef HT_RUNTIME_H
#define HT_RUNTIME_H

#include "inspect/places.h"

/* Takes the runtime's sites out of what is leaked, into totals.runtime. */
int ht_runtime_set_apart(struct ht_sites *sites, const struct ht_places *places, struct ht_err *err);

#endif
