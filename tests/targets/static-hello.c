/* SPDX-License-Identifier: Apache-2.0 */
/* static-hello.c -- a statically linked program: the recorder must refuse it before it runs
 *
 * If it does run, it leaves the file HT_CONFESS behind.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

int main(void)
{
	const char *path = getenv("HT_CONFESS");

	return path ? close(open(path, O_WRONLY | O_CREAT, 0600)) : 0;
}
