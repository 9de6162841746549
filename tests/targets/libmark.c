/* SPDX-License-Identifier: Apache-2.0 */
/* libmark.c -- at exit, glibc's own word on what is live, and the moment it was said
 *
 * Preloaded by a test as the user's own entry. Its destructor asks for MARK bytes, which no allocator can give: the failed call
 * stands in the trace and changes no heap. Then it writes to HT_MARK.PID (raw writes, one fact a line):
 *
 *   arena BYTES HBLKHD        mallinfo2: uordblks, hblkhd
 *   heaps N                   arenas beyond the main one
 *   chunk ADDRESS SIZE        every block in use, found by walking the heaps: address as the program knows it, size of the chunk
 *
 * The walk needs glibc.malloc.tcache_count=0 and mxfast=0: cached chunks look like used ones. A chunk is in use if the
 * next one's PREV_INUSE bit says so. Main heap: from the start of [heap]. Other arenas: mappings at multiples of 64 MiB, with a
 * heap_info of 0x30 bytes, and in an arena's first heap the arena itself (2200 bytes). Mapped chunks: the distance from the start
 * of a page, then size|2, and both together fill pages.
 */
#include <errno.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tally.h"

#define MARK 0xfeedface00000001ull
#define HEAP_ALIGN (64ull << 20)
#define HEAP_INFO 0x30
#define ALIGN_MAX 4096 /* no test asks for more */
#define ARENA_BYTES 2200

static int out, heaps;
static char maps[1 << 20];

static void say(const char *what, uint64_t a, uint64_t b)
{
	char line[96];
	int n = snprintf(line, sizeof(line), "%s %#lx %#lx\n", what, a, b);

	if (write(out, line, (size_t)n) != n)
		_exit(98);
}

/* Chunks from `at` up to `end`; the last one is the top, or a fencepost (size 16 or less) closes an older heap. */
static void walk(uint64_t at, uint64_t end)
{
	while (at + 32 <= end) {
		uint64_t size = ((uint64_t *)at)[1] & ~7ull, next = at + size;

		if (size <= 16 || next + 16 > end)
			return;
		if (((uint64_t *)next)[1] & 1)
			say("chunk", at + 16, size);
		at = next;
	}
}

static void walk_arena(uint64_t start)
{
	uint64_t *info = (uint64_t *)start; /* ar_ptr, prev, size */
	uint64_t first = start + HEAP_INFO;

	if (info[0] == first) {
		heaps++;
		first += ARENA_BYTES;
	}
	walk((first + 15) & ~15ull, start + info[2]);
}

/* Bytes of the mapping that belongs to the mapped chunk at `head` in a mapping of its own from `at` on; 0: there is none. */
static uint64_t mapped_bytes(uint64_t at, uint64_t head, uint64_t end)
{
	uint64_t before = ((uint64_t *)head)[0], size = ((uint64_t *)head)[1];
	uint64_t bytes = before + (size & ~7ull);

	return before == head - at && (size & 7) == 2 && bytes >= 4096 && bytes % 4096 == 0 && bytes <= end - at ? bytes
														 : 0;
}

/* The head of an aligned chunk lies further in, up to where its block may begin; one at the very start is then a left-over. */
static void find_mapped(uint64_t at, uint64_t end)
{
	while (at + 4096 <= end) {
		uint64_t head = at + ALIGN_MAX - 16, bytes = 0;

		for (; head >= at && !bytes; head -= 16)
			if (head + 16 <= end && (bytes = mapped_bytes(at, head, end)))
				say("chunk", head + 16, bytes); /* as mallinfo counts it */
		at += bytes ? bytes : 4096;
	}
}

static void read_maps(void)
{
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	ssize_t n;

	while ((n = read(fd, maps + used, sizeof(maps) - 1 - used)) > 0)
		used += (size_t)n;
	close(fd);
}

static void walk_everything(void)
{
	char *line, *end_of_line;

	read_maps();
	for (line = maps; *line; line = end_of_line + 1) {
		char *rest;
		uint64_t start = strtoull(line, &rest, 16), end = strtoull(rest + 1, &rest, 16);

		end_of_line = strchr(line, '\n');
		*end_of_line = 0;
		if (strncmp(rest, " rw-p", 5))
			continue;
		if (strstr(rest, "[heap]"))
			walk(start, end);
		else if (!strchr(rest, '/') && !strchr(rest, '[') && start % HEAP_ALIGN == 0 &&
			 *(uint64_t *)start >> 12 && ((uint64_t *)start)[2] && ((uint64_t *)start)[2] <= end - start)
			walk_arena(start);
		else if (!strchr(rest, '/') && !strchr(rest, '['))
			find_mapped(start, end);
	}
	say("heaps", (uint64_t)heaps, 0);
}

static void mark_moment(void)
{
	volatile size_t impossible = MARK;

	free(malloc(impossible));
}

__attribute__((destructor)) static void mark(void)
{
	const char *base = getenv("HT_MARK");
	struct mallinfo2 info;
	char path[4096];
	int e = errno;

	if (!base)
		return;
	snprintf(path, sizeof(path), "%s.%d", base, getpid());
	out = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	mark_moment();
	info = mallinfo2();
	say("arena", info.uordblks, info.hblkhd);
	walk_everything();
	close(out);
	errno = e;
}
