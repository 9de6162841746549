/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint.c -- `heaptap checkpoint FILE`: makes windows of a large trace cheap
 *
 * inspect/checkpoint.h says what is done to the file.
 */
#include <inttypes.h>

#include "inspect/checkpoint.h"
#include "show/command.h"
#include "show/figures.h"
#include "show/out.h"

static int run(const struct ht_given *given)
{
	struct ht_checkpoint_sums sums;
	char bytes[HT_FIGURE_BYTES], count[HT_FIGURE_BYTES];
	struct ht_err err;

	if (ht_checkpoint_add(given->word[0], &sums, &err))
		return ht_complain(given->word[0], &err);
	if (sums.there_before)
		ht_outf("%s there already\n",
			ht_figure_count(count, sums.there_before, "checkpoint was", "checkpoints were"));
	else if (sums.made)
		ht_outf("%s added, %s\n", ht_figure_count(count, sums.made, "checkpoint", "checkpoints"),
			ht_figure_bytes(bytes, sums.bytes));
	else
		ht_out_text("no checkpoint added: the trace is short, or never at rest\n");
	return HT_STATUS_OK;
}

const struct ht_command ht_cmd_checkpoint = {
	.name = "checkpoint",
	.args = "FILE",
	.says = "add live sets to a large trace, so that a part of its time is answered at once",
	.least = 1,
	.most = 1,
	.run = run,
};
