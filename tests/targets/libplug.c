/* SPDX-License-Identifier: Apache-2.0 */
/* libplug.c -- a library that is loaded and unloaded by reload.c; built many times, with another NUMBER each
 *
 * Each number gives other frame sizes and another order of functions, so that unwind rows and names of one are wrong for another that is
 * loaded at the same address. plug_work() calls back through two of its own frames.
 *
 * Built with ROOM=24 or ROOM=40, it calls back once, by the same instructions at the same place, but out of frames of that size.
 */
#include <stdlib.h>
#include <string.h>

#ifndef NUMBER
#define NUMBER 0
#endif

typedef void callback(void *);

void plug_work(callback *back, void *with);
int plug_number(void);

#ifdef ROOM
#define TEXT(x) #x
#define NUMBER_TEXT(x) TEXT(x)
__asm__(".globl plug_work\n.type plug_work, @function\nplug_work:\n.cfi_startproc\n"
	"sub $" NUMBER_TEXT(ROOM) ", %rsp\n.cfi_adjust_cfa_offset " NUMBER_TEXT(
		ROOM) "\n"
		      "mov %rdi, %rax\nmov %rsi, %rdi\ncall *%rax\nadd $" NUMBER_TEXT(
			      ROOM) ", %rsp\n"
				    ".cfi_adjust_cfa_offset -" NUMBER_TEXT(
					    ROOM) "\nret\n.cfi_endproc\n.size plug_work, .-plug_work\n");
#else
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
#endif
