/* SPDX-License-Identifier: Apache-2.0 */
/* servers.h -- files by their build-id, from the debuginfod servers that the user named in DEBUGINFOD_URLS
 *
 * Used by elffile.c, for a file that is not here. libdebuginfod asks, downloads, and keeps what it got in its cache.
 *
 *   build-id --> cache --> first server that has it --> cache        an open file, to be checked like any other
 *
 * Always true:
 *   without DEBUGINFOD_URLS nobody is asked, and the library is not even loaded
 *   servers that do not answer are not asked again: an answer waits for them once, as long as DEBUGINFOD_TIMEOUT says
 */
#ifndef HT_SERVERS_H
#define HT_SERVERS_H

#include <stdbool.h>

#include "util/buf.h"

enum ht_wanted { HT_WANTED_PROGRAM, HT_WANTED_DEBUG, HT_WANTEDS };

struct ht_servers {
	void *library, *client;
	int (*find[HT_WANTEDS])(void *client, const unsigned char *build_id, int len, char **path);
	void (*end)(void *client);
	bool was_tried;    /* the library was loaded, or is not to be */
	char trouble[256]; /* why nobody is asked any more; empty: none */
};

/* An open file, or -1. It may be another one than was wanted. */
int ht_servers_fetch(struct ht_servers *s, enum ht_wanted what, struct ht_str build_id);
void ht_servers_close(struct ht_servers *s);

#endif
