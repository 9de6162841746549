/* SPDX-License-Identifier: Apache-2.0 */
/* servers.c -- loads libdebuginfod when it is needed, and asks it
 *
 * servers.h says for whom. docs/decisions/0020-debuginfod-loaded.md says why it is loaded and not linked.
 */
#include "inspect/servers.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIBRARY "libdebuginfod.so.1"

/* False: this name is not in it. */
static bool load(const struct ht_servers *s, const char *name, void *function)
{
	void *at = dlsym(s->library, name);

	memcpy(function, &at, sizeof(at));
	return at;
}

static void begin(struct ht_servers *s)
{
	const char *urls = getenv("DEBUGINFOD_URLS");
	void *(*client)(void);

	s->was_tried = true;
	if (!urls || !*urls)
		return;
	s->library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (!s->library) {
		snprintf(s->trouble, sizeof(s->trouble), "no server is asked, as %s is not installed", LIBRARY);
		return;
	}
	if (load(s, "debuginfod_begin", &client) && load(s, "debuginfod_end", &s->end) &&
	    load(s, "debuginfod_find_executable", &s->find[HT_WANTED_PROGRAM]) &&
	    load(s, "debuginfod_find_debuginfo", &s->find[HT_WANTED_DEBUG]))
		s->client = client();
	if (!s->client)
		snprintf(s->trouble, sizeof(s->trouble), "no server is asked, as %s does not work", LIBRARY);
}

int ht_servers_fetch(struct ht_servers *s, enum ht_wanted what, struct ht_str build_id)
{
	int fd;

	if (!s->was_tried)
		begin(s);
	if (!s->client || *s->trouble || !build_id.len || build_id.len > INT16_MAX)
		return -1;
	fd = s->find[what](s->client, (const unsigned char *)build_id.at, (int)build_id.len, NULL);
	if (fd < 0 && fd != -ENOENT)
		snprintf(s->trouble, sizeof(s->trouble), "no server gives an answer (%s), none is asked again",
			 strerror(-fd));
	return fd < 0 ? -1 : fd;
}

void ht_servers_close(struct ht_servers *s)
{
	if (s->client)
		s->end(s->client);
	if (s->library)
		dlclose(s->library);
	*s = (struct ht_servers){ 0 };
}
