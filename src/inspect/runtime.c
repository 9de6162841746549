/* SPDX-License-Identifier: Apache-2.0 */
/* runtime.c -- looks at the inner end of a stack: whose block is it?
 *
 *   frame by frame outwards, while they lie in the runtime's libraries:
 *     in the loader, or a function of the list ──► the runtime's        a frame of anybody else ──► the program's
 *
 * The verdict on a node is that of its stack, so each node is judged once.
 */
#include "inspect/runtime.h"

#include <stdlib.h>
#include <string.h>

#define LEAST_FRAMES 3 /* of a whole stack; a trace may hold nothing but innermost callers */

enum room { OTHER, LIBC, LOADER, LANGUAGE };

/* In libc; those with an underscore in front are reserved names, so they are it also where libc is linked in. */
static const char *const keepers[] = {
	"_IO_file_doallocate",
	"_IO_wfile_doallocate",
	"__cxa_atexit",
	"__new_exitfn",
	"on_exit",
	"__register_atfork",
	"setlocale",
	"tzset",
	"__tz_convert",
	"bindtextdomain",
	"textdomain",
	"__dcigettext",
	"_dl_init",
	"getpwuid",
	"getpwnam",
	"getpwent",
	"getgrgid",
	"getgrnam",
	"getgrent",
	"gethostbyname",
	"gethostbyname2",
	"gethostbyaddr",
	"getservbyname",
	"getservbyport",
	"getprotobyname",
	"getprotobynumber",
};

/* The name service switch: what it read, and the answers it keeps. All functions of libc that begin so. */
static const char *const families[] = { "__nss_", "nss_parse_" };

/* The static constructors of libstdc++ that make its pool, where it is linked into the program. */
static const char *const pools[] = { "__gnu_cxx::__freeres", "_GLOBAL__sub_I__ZN9__gnu_cxx9__freeres" };

static bool begins(const char *s, const char *with)
{
	return !strncmp(s, with, strlen(with));
}

static enum room room_of(const char *module)
{
	const char *slash = module ? strrchr(module, '/') : NULL;
	const char *base = slash ? slash + 1 : module;

	if (!base)
		return OTHER;
	if (begins(base, "ld-linux") || begins(base, "ld-musl") || begins(base, "ld.so") || begins(base, "ld-2."))
		return LOADER;
	if (begins(base, "libc.so") || begins(base, "libc-2.") || begins(base, "libpthread.so"))
		return LIBC;
	return begins(base, "libstdc++.so") || begins(base, "libc++abi.so") || begins(base, "libgcc_s.so") ? LANGUAGE
													   : OTHER;
}

static bool is_keeper(const char *function, enum room room)
{
	if (begins(function, "__GI_")) /* glibc's own name for it, in its debug information */
		function += strlen("__GI_");
	for (size_t i = 0; i < sizeof(keepers) / sizeof(*keepers); i++)
		if ((room == LIBC || function[0] == '_') && !strcmp(function, keepers[i]))
			return true;
	for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++)
		if ((room == LIBC || function[0] == '_') && begins(function, families[i]))
			return true;
	for (size_t i = 0; i < sizeof(pools) / sizeof(*pools); i++)
		if (begins(function, pools[i]))
			return true;
	return false;
}

/* Of the stack whose innermost frame is this node. */
static bool is_runtime(const struct ht_places *p, uint32_t node)
{
	unsigned frames = 0;

	for (; !ht_place_is_root(node); node = p->nodes.at[node].parent) {
		const struct ht_place_frame *f = &p->frames.at[p->nodes.at[node].frame];
		enum room room = room_of(f->module);

		if (room == LOADER || (f->function && is_keeper(f->function, room)))
			return true;
		if (room == OTHER)
			return false;
		frames++;
	}
	return frames >= LEAST_FRAMES && node == HT_STACK_WHOLE;
}

int ht_runtime_set_apart(struct ht_sites *sites, const struct ht_places *places, struct ht_err *err)
{
	enum { NOT_JUDGED, PROGRAM, RUNTIME };
	uint8_t *verdict = calloc(places->nodes.count, 1);

	if (!verdict)
		return ht_err_set(err, HT_ESYSTEM, "out of memory for %zu frames", places->nodes.count);
	for (size_t i = 0; i < sites->list.count; i++) {
		struct ht_site *s = &sites->list.at[i];
		uint8_t *v = &verdict[places->site[i]];

		if (!s->leaked.count)
			continue;
		if (*v == NOT_JUDGED)
			*v = is_runtime(places, places->site[i]) ? RUNTIME : PROGRAM;
		if (*v == PROGRAM)
			continue;
		sites->totals.runtime.bytes += s->leaked.bytes;
		sites->totals.runtime.count += s->leaked.count;
		sites->totals.leaked.bytes -= s->leaked.bytes;
		sites->totals.leaked.count -= s->leaked.count;
		s->leaked = (struct ht_tally){ 0 };
	}
	free(verdict);
	return 0;
}
