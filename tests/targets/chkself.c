/* SPDX-License-Identifier: Apache-2.0 */
/* chkself.c -- hands stacks to libchkstack.so as the agent would: right ones, and one of each kind of wrong one
 *
 *   chkself        (with libchkstack.so preloaded and HT_CHECK set)
 *
 * The right stacks come from glibc's backtrace(), which is libgcc's unwinder: a third opinion. 100 whole ones and 10 that say they were cut
 * must be found equal; then five are spoiled, each in another way, and each must be noticed.
 */
#include <execinfo.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void heaptap_check_stack(const uint64_t *pcs, uint32_t count, uint32_t reason, uint64_t sp) __attribute__((weak));

enum spoil { RIGHT, CUT, FIRST_PC, INNER_PC, ONE_LESS, ONE_MORE, WRONG_CUT };

__attribute__((noinline)) static void hook(enum spoil how)
{
	void *found[64];
	uint64_t pcs[66];
	uint32_t count = (uint32_t)backtrace(found, 64) - 1;
	uint64_t cfa = (uint64_t)__builtin_frame_address(0) + 16;

	for (uint32_t i = 0; i < count; i++)
		pcs[i] = (uint64_t)found[i + 1];
	if (how == FIRST_PC)
		pcs[0] += 1;
	if (how == INNER_PC || how == WRONG_CUT)
		pcs[count / 2] -= 1;
	if (how == ONE_MORE)
		pcs[count] = pcs[count - 1];
	count += (how == ONE_MORE) - (how == ONE_LESS);
	if (how == CUT)
		count /= 2;
	heaptap_check_stack(pcs, count, how == CUT || how == WRONG_CUT ? 2 : 0, cfa);
}

__attribute__((noinline)) static int deeper(int depth, enum spoil how)
{
	volatile char room[32];

	memset((char *)room, depth, sizeof(room));
	if (depth > 0)
		return deeper(depth - 1, how) + room[0];
	hook(how);
	return room[1];
}

static int compare(const void *a, const void *b)
{
	return deeper(*(const int *)a % 7, RIGHT) * 0 + *(const int *)a - *(const int *)b;
}

int main(void)
{
	int numbers[8] = { 5, 3, 8, 1, 9, 2, 7, 4 };

	if (!heaptap_check_stack)
		return 2;
	for (int i = 0; i < 100; i++)
		deeper(i % 30, RIGHT);
	for (int i = 0; i < 10; i++)
		deeper(20, CUT);
	for (int how = FIRST_PC; how <= WRONG_CUT; how++)
		deeper(10, (enum spoil)how);
	qsort(numbers, 8, sizeof(numbers[0]), compare);
	return 0;
}
