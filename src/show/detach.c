/* SPDX-License-Identifier: Apache-2.0 */
/* detach.c -- `heaptap detach PID`: takes away what a recorder that was killed left in a process
 *
 * Status 0: nothing is left, or nothing was there; 1: something had to stay, and does nothing; 3: it could not be tried.
 */
#include "show/command.h"
#include "show/out.h"
#include "show/running.h"
#include "util/quantity.h"

static const struct ht_option options[] = { { .name = NULL } };

static int run(const struct ht_given *given)
{
	enum ht_left left;
	struct ht_err err;
	pid_t pid;

	if (ht_quantity_pid(given->word[0], &pid, &err))
		return ht_complain(NULL, &err);
	if (ht_join_clean(pid, &left, &err))
		return ht_complain_as(HT_STATUS_SYSTEM, NULL, &err);
	ht_running_tell_left(pid, left);
	if (left == HT_LEFT_CLEAN)
		ht_outf("process %d: what a recorder had left is gone\n", (int)pid);
	else if (left == HT_LEFT_NOTHING)
		ht_outf("process %d: nothing of a recorder is in it\n", (int)pid);
	return left == HT_LEFT_CLEAN || left == HT_LEFT_NOTHING ? HT_STATUS_OK : HT_STATUS_BAD;
}

const struct ht_command ht_cmd_detach = {
	.name = "detach",
	.args = "PID",
	.says = "take away what a recorder that was killed left in that process",
	.options = options,
	.least = 1,
	.most = 1,
	.run = run,
};
