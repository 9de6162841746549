/* SPDX-License-Identifier: Apache-2.0 */
/* loader.c -- reads r_debug and the link maps out of a process
 *
 * Called by: loaded.c, entries.c.
 *
 * Of all modules only the program has a DT_DEBUG, which the dynamic linker fills in.
 */
#include "attach/loader.h"

#include <elf.h>
#include <string.h>

#include "attach/headers.h"

#define DYNAMIC_MOST 256u
#define SPACES_MOST 64u
#define MAPS_MOST 16384u
#define EMPTY_BYTES 16u

/* As glibc 2.35 has it; `next` only if the version is 2 or more. */
struct debug {
	int32_t version, pad;
	uint64_t maps, changed, state, base, next;
};

struct link {
	uint64_t bias, name, dynamic, next;
};

static uint64_t debug_of(const struct ht_process *p, uint64_t dynamic)
{
	Elf64_Dyn d;

	for (unsigned i = 0; dynamic && i < DYNAMIC_MOST && ht_process_read(p, dynamic, &d, sizeof(d)) && d.d_tag;
	     i++, dynamic += sizeof(d))
		if (d.d_tag == DT_DEBUG)
			return d.d_un.d_ptr;
	return 0;
}

/* A return and padding up to the next function, with or without the mark of a branch target in front. */
static bool is_empty_function(const struct ht_process *p, uint64_t at)
{
	static const uint8_t target[] = { 0xf3, 0x0f, 0x1e, 0xfa }, padding[] = { 0x66, 0x0f, 0x2e, 0x90, 0xcc };
	const struct ht_region *r = ht_process_at(p, at);
	uint8_t code[EMPTY_BYTES];
	size_t ret;

	if (!at || at % EMPTY_BYTES || !r || !r->executable || !ht_process_read(p, at, code, sizeof(code)))
		return false;
	ret = memcmp(code, target, sizeof(target)) ? 0 : sizeof(target);
	return code[ret] == 0xc3 && (ret || memchr(padding, code[1], sizeof(padding)));
}

struct ht_loader ht_loader_find(const struct ht_process *p)
{
	struct ht_loader l = { 0 };
	struct ht_headers h;
	struct debug d;

	for (size_t i = 0; i < p->regions && !l.debug; i++)
		if (ht_headers_read(p, &p->region[i], &h))
			l.debug = debug_of(p, h.dynamic);
	if (!l.debug || !ht_process_read(p, l.debug, &d, sizeof(d)))
		return (struct ht_loader){ 0 };
	l.changed = is_empty_function(p, d.changed) ? d.changed : 0;
	return l;
}

unsigned ht_loader_order(const struct ht_process *p, const struct ht_loader *l, uint64_t bias)
{
	struct debug d;
	struct link link;

	if (!l->debug || !ht_process_read(p, l->debug, &d, sizeof(d)))
		return UINT32_MAX;
	for (unsigned i = 0; d.maps && i < MAPS_MOST && ht_process_read(p, d.maps, &link, sizeof(link)); i++) {
		if (link.bias == bias)
			return i;
		d.maps = link.next;
	}
	return UINT32_MAX;
}

static uint64_t mix(uint64_t digest, uint64_t word)
{
	return (digest ^ word) * 0x9e3779b97f4a7c15u;
}

uint64_t ht_loader_list(const struct ht_process *p, const struct ht_loader *l)
{
	uint64_t digest = 1, space = l->debug;

	for (unsigned spaces = 0; space && spaces < SPACES_MOST; spaces++) {
		struct debug d;
		struct link link;

		if (!ht_process_read(p, space, &d, sizeof(d)) || d.state)
			return 0;
		for (unsigned i = 0; d.maps && i < MAPS_MOST; i++, d.maps = link.next) {
			if (!ht_process_read(p, d.maps, &link, sizeof(link)))
				return 0;
			digest = mix(mix(mix(digest, d.maps), link.bias), link.dynamic);
		}
		space = d.version >= 2 ? d.next : 0;
	}
	return digest | 1;
}
