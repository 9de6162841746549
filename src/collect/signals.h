/* SPDX-License-Identifier: Apache-2.0 */
/* signals.h -- the recorder's part in job control: it is not to be noticed between the shell and the target
 *
 * Used by: recording.c.
 *
 *   from the terminal   both get it: the target does what it does, we go on until it has ended
 *   from a process      sent to us alone: handed on
 *   target stops by ^Z  we stop likewise, so that the shell sees its job stopped; SIGCONT wakes both
 *
 * Always true: what was ignored when we were started stays ignored, here and in the target.
 */
#ifndef HT_SIGNALS_H
#define HT_SIGNALS_H

#include <stdbool.h>
#include <sys/types.h>

#include "util/err.h"

/* From here on signals are read from a descriptor, not delivered. To be called when the target was forked
 * already, so that it keeps what the shell gave. Returns the descriptor. */
int ht_signals_take(int *ret, struct ht_err *err);

/* Hands on to `target`. Without one (0: it has ended, its children are waited for) a signal is for us: true, to end the recording. */
bool ht_signals_forward(int fd, pid_t target);

/* For SIGTSTP, SIGTTIN, SIGTTOU. Comes back when we are continued. */
void ht_signals_stop_by(int number, pid_t target);

#endif
