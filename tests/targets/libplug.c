/* SPDX-License-Identifier: Apache-2.0 */
/* libplug.c -- a library that is loaded and unloaded by reload.c; built many times, with another NUMBER each
 *
 * Each number gives other frame sizes and another order of functions, so that unwind rows and names of one are wrong for another that is
 * loaded at the same address. plug_work() calls back through two of its own frames.
 */
#include <stdlib.h>
#include <string.h>

#ifndef NUMBER
#define NUMBER 0
#endif

typedef void callback(void *);

void plug_work(callback *back, void *with);
int plug_number(void);

__attribute__((noinline)) static int inner(callback *back, void *with, int n)
{
	volatile char room[16 + NUMBER * 48];

	memset((char *)room, n, sizeof(room));
	back(with);
	return room[n % sizeof(room)];
}

#if NUMBER % 2
int plug_number(void)
{
	return NUMBER;
}
#endif

__attribute__((noinline)) void plug_work(callback *back, void *with)
{
	volatile char room[8 + NUMBER * 16];

	room[0] = 1;
	for (int i = 0; i < 3; i++)
		room[i] = (char)inner(back, with, i + room[0]);
}

#if NUMBER % 2 == 0
int plug_number(void)
{
	return NUMBER;
}
#endif
