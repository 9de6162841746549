/* SPDX-License-Identifier: Apache-2.0 */
/* shrunk.c -- lays zeros over what is no longer in a file
 *
 * shrunk.h says why. Zeros are no debug information: libdw says so, and names are missing, as if the file had not been there.
 */
#include "show/shrunk.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#define PAGE_BYTES 4096u

/* On return the read is tried again. Of another origin, or with no page to lay, the signal comes once more, and ends the program. */
static void lay_zeros(int number, siginfo_t *info, void *context)
{
	void *page = (void *)((uintptr_t)info->si_addr & ~(uintptr_t)(PAGE_BYTES - 1));
	int saved = errno;

	(void)context;
	if (info->si_code != BUS_ADRERR || mmap(page, PAGE_BYTES, PROT_READ | PROT_WRITE,
						MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED) {
		signal(number, SIG_DFL);
		raise(number);
	}
	errno = saved;
}

void ht_shrunk_survive(void)
{
	struct sigaction action = { .sa_sigaction = lay_zeros, .sa_flags = SA_SIGINFO | SA_RESTART };

	sigaction(SIGBUS, &action, NULL);
}
