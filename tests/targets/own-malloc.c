/* SPDX-License-Identifier: Apache-2.0 */
/* own-malloc.c -- a program that brings its own malloc: no preloaded library sees its calls (LDR-03, LDR-07)
 *
 * Exits with 0 if the allocator it used is its own.
 */
#include <stddef.h>
#include <stdint.h>

static _Alignas(16) char memory[1 << 20];
static size_t used;

void *malloc(size_t size)
{
	void *p = memory + used;

	used += (size + 15) & ~(size_t)15;
	return used <= sizeof(memory) ? p : NULL;
}

void *calloc(size_t n, size_t m)
{
	return malloc(n * m);
}

void *realloc(void *p, size_t size)
{
	char *q = malloc(size);
	size_t i;

	for (i = 0; p && q && i < size && (char *)p + i < q; i++)
		q[i] = ((char *)p)[i];
	return q;
}

void free(void *p)
{
	(void)p;
}

int main(void)
{
	char *p = malloc(100);

	free(p);
	return p < memory || p >= memory + sizeof(memory);
}
