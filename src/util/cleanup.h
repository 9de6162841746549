/* SPDX-License-Identifier: Apache-2.0 */
/* cleanup.h -- values that are given back when their scope ends
 *
 * For the rooms outside the agent. A guarded value leaves its scope only through ht_take:
 *
 *   ht_auto(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);     closed at every return from here on
 *   r->fd = ht_take(fd);                                       but not after this
 *
 * Always true: what has been taken, and what was never there (-1, NULL), is left alone.
 */
#ifndef HT_CLEANUP_H
#define HT_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ht_auto(what) __attribute__((cleanup(ht_auto_##what)))

/* The value of a guarded descriptor or pointer, which is then empty. */
#define ht_take(from)                                                                                                  \
	({                                                                                                             \
		__typeof__(from) taken_ = (from);                                                                      \
		(from) = _Generic((from), int : -1, default : NULL);                                                   \
		taken_;                                                                                                \
	})

static inline void ht_auto_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void ht_auto_file(FILE **file)
{
	if (*file)
		fclose(*file);
}

/* For what malloc gave; `pointer` is the address of the guarded pointer, of whatever type. */
static inline void ht_auto_memory(void *pointer)
{
	free(*(void **)pointer);
}

#endif
