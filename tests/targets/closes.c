/* SPDX-License-Identifier: Apache-2.0 */
/* closes.c -- closes every descriptor, takes their numbers, and looks at what lies behind them (RES-01, RES-02)
 *
 *   closes FILE    FILE is opened on every number from 0 to 63 and must stay empty; then sizes 1..20000 are allocated
 *
 * Prints nothing: all descriptors are gone. Exit: 0 numbers came in order 0, 1, 2, ... and the file is empty; else a step's number.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct stat st;
	size_t i;
	int fd;

	if (argc != 2)
		return 2;
	free(malloc(100));
	if (syscall(SYS_close_range, 0u, ~0u, 0))
		return 3;
	for (fd = 0; fd < 64; fd++)
		if (open(argv[1], O_RDWR | O_CREAT, 0600) != fd)
			return 10 + fd;
	for (i = 1; i <= 20000; i++)
		free(malloc(i));
	if (fstat(0, &st) || st.st_size)
		return 4;
	for (fd = 0; fd < 64; fd++)
		if (lseek(fd, 0, SEEK_CUR))
			return 5;
	return 0;
}
