/* SPDX-License-Identifier: Apache-2.0 */
/* demangle.c -- asks libiberty, which hands out an answer piece by piece, and stops it when there is enough
 *
 * A mangled name of a few hundred bytes can stand for one of gigabytes: every letter may repeat all that came before.
 * libiberty cannot be told to stop, so the piece that fills the buffer does not return to it. That is allowed because
 * its callback forms hold nothing but their stack.
 */
#include "inspect/demangle.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <libiberty/demangle.h>

#define CUT "..."
#define PAIRS_MAX 65536u

struct answer {
	char *to;
	size_t len;
	jmp_buf enough;
};

static void add(const char *piece, size_t len, void *opaque)
{
	struct answer *a = opaque;

	if (len > HT_NAME_MAX - a->len) {
		memcpy(a->to + a->len, piece, HT_NAME_MAX - a->len);
		longjmp(a->enough, 1);
	}
	memcpy(a->to + a->len, piece, len);
	a->len += len;
}

static size_t cut(char *to)
{
	strcpy(to + HT_NAME_MAX - strlen(CUT), CUT);
	return HT_NAME_MAX;
}

/* 0: not a name of that language. Rust's older names look like C++ with a hash behind, and are told by that. */
static size_t translate(const char *mangled, char *to)
{
	int options = DMGL_PARAMS | DMGL_ANSI | DMGL_NO_RECURSE_LIMIT;
	struct answer a = { .to = to };

	if (setjmp(a.enough))
		return cut(to);
	if (!rust_demangle_callback(mangled, options, add, &a)) {
		a.len = 0;
		if (!cplus_demangle_v3_callback(mangled, options, add, &a))
			return 0;
	}
	to[a.len] = 0;
	return a.len;
}

/* libiberty's printer puts an array on its stack with a place for every pair of a template (an I) and a reference (an
 * R or an O): 16 bytes each. */
static bool fits_on_stack(const char *mangled)
{
	uint64_t templates = 1, references = 1;

	for (; *mangled; mangled++) {
		templates += *mangled == 'I';
		references += *mangled == 'R' || *mangled == 'O';
	}
	return templates * references <= PAIRS_MAX;
}

size_t ht_demangle(const char *mangled, char *to)
{
	size_t len = strlen(mangled);

	if (mangled[0] == '_' && len <= HT_MANGLED_MAX && fits_on_stack(mangled)) {
		size_t translated = translate(mangled, to);

		if (translated)
			return translated;
	}
	if (len > HT_NAME_MAX) {
		memcpy(to, mangled, HT_NAME_MAX);
		return cut(to);
	}
	memcpy(to, mangled, len + 1);
	return len;
}
