/* SPDX-License-Identifier: Apache-2.0 */
/* target.h -- what the user wants to run: found as the shell would find it, and looked at before it runs
 *
 * Used by: recording.c, launch.c.
 *
 *   "redis" ──PATH──► file ──"#!", or text──► interpreter ──ELF──► can the agent be loaded into it?
 *
 * Always true: nothing was executed, nothing was changed; a refusal says which file, why, and what to do.
 */
#ifndef HT_TARGET_H
#define HT_TARGET_H

#include "util/err.h"

#define HT_TARGET_SHELL "/bin/sh" /* runs scripts that name no interpreter */

struct ht_target {
	char path[4096]; /* what is executed first */
};

/* HT_ENOTFOUND, HT_ENOTRUN, or HT_ETARGET: it would run, but not be recorded. */
int ht_target_find(const char *command, struct ht_target *ret, struct ht_err *err);

#endif
