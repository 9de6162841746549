/* SPDX-License-Identifier: Apache-2.0 */
/* liblinger.c -- an allocator whose free takes its time after the block is gone
 *
 * Preloaded by a test beneath the agent. Every 16th free of a thread sleeps before it returns: meanwhile another thread is handed
 * the address. A recorder that stamps a free before the call does not notice; one that stamps it after the call tells
 * an impossible history.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

void free(void *p)
{
	static void (*real)(void *);
	static __thread unsigned count __attribute__((tls_model("initial-exec")));
	int e = errno;

	if (!real)
		real = (void (*)(void *))dlsym(RTLD_NEXT, "free");
	real(p);
	if (p && count++ % 16 == 0)
		usleep(20);
	errno = e;
}
