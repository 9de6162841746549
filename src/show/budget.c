/* SPDX-License-Identifier: Apache-2.0 */
/* budget.c -- `heaptap budget FILE`: does a program keep to what it may use? for continuous integration
 *
 * Options and the lines of a budget file say the same: inspect/limits.h. Options hold for each function of --in, or for the whole
 * program if there is none, and replace what the file says. show/verdict.h has the answer.
 */
#include <stdlib.h>
#include <string.h>

#include "show/answer.h"
#include "show/command.h"
#include "show/naming.h"
#include "show/subject.h"
#include "show/verdict.h"

#define PLACES_SHOWN 3
#define FRAMES_SHOWN 12

/* The limits come first, in the order of enum ht_limit_kind. */
enum {
	OPT_IN = HT_LIMIT_KINDS,
	OPT_BASELINE,
	OPT_BUDGET,
	OPT_LIMIT,
	OPT_FRAMES,
	OPT_JSON,
	OPT_GITHUB,
	OPT_JUNIT,
	OPT_PROCESS,
	OPT_NAMING,
	OPT_END = OPT_NAMING + HT_NAMING_OPTIONS
};

static const struct ht_option options[] = {
	[HT_LIMIT_PEAK] = { "max-peak", 0, "SIZE", "most bytes live at one moment" },
	[HT_LIMIT_LEAKED] = { "max-leaked", 0, "SIZE", "bytes never freed" },
	[HT_LIMIT_LEAKED_BLOCKS] = { "max-leaked-blocks", 0, "N", "blocks never freed" },
	[HT_LIMIT_ALLOCATED] = { "max-allocated", 0, "SIZE", "bytes allocated in all" },
	[HT_LIMIT_ALLOCS] = { "max-allocs", 0, "N", "calls that allocate, as in 1000 or 1e6" },
	[HT_LIMIT_TEMPORARY] = { "max-temporary", 0, "N|N%", "blocks freed by the thread's next call" },
	[HT_LIMIT_GROWTH] = { "max-growth", 0, "N%", "peak, leaked, allocated and allocs, above the baseline's" },
	[OPT_IN] = { "in", 0, "FUNCTION", "the limits are for what is allocated within it; may be repeated" },
	[OPT_BASELINE] = { "baseline", 0, "FILE", "the trace to compare with" },
	[OPT_BUDGET] = { "budget", 0, "FILE", "read limits from a file, too" },
	[OPT_LIMIT] = { "limit", 'n', "N", "show the N worst places of each; default 3; 0: all" },
	[OPT_FRAMES] = { "frames", 0, "N", "show the N innermost frames of a stack; default 12; 0: all" },
	[OPT_JSON] = { .name = "json", .says = "one object: every limit with its figures and worst places" },
	[OPT_GITHUB] = { .name = "github", .says = "text, and annotations for GitHub Actions" },
	[OPT_JUNIT] = { "junit", 0, "FILE", "write the verdict as JUnit XML, too" },
	[OPT_PROCESS] = HT_OPTION_PROCESS,
	HT_NAMING_AT(OPT_NAMING),
	[OPT_END] = { 0 },
};

/* The words of the limits are the first of the options. */
static int read_limits(const struct ht_given *given, struct ht_limits *l, struct ht_err *err)
{
	bool within = false;
	int rc = 0;

	for (size_t i = 0; !rc && i < given->each.count; i++) {
		if (given->each.at[i].option != OPT_IN)
			continue;
		rc = ht_limits_take(l, given->each.at[i].value, given->option, err);
		within = true;
	}
	if (!within)
		rc = ht_limits_take(l, NULL, given->option, err);
	if (given->option[OPT_BASELINE])
		l->baseline = given->option[OPT_BASELINE];
	return rc ? rc : ht_limits_check(l, err);
}

static int read_form(const struct ht_given *given, struct ht_verdict_ask *ask, struct ht_err *err)
{
	if (given->option[OPT_JSON] && given->option[OPT_GITHUB])
		return ht_err_set(err, HT_EUSAGE, "--json and --github contradict each other");
	if (given->option[OPT_JSON])
		ask->form = HT_VERDICT_JSON;
	if (given->option[OPT_GITHUB])
		ask->form = HT_VERDICT_GITHUB;
	if (ht_subject_read_most("--limit", given->option[OPT_LIMIT], &ask->most_places, err))
		return HT_EUSAGE;
	return ht_subject_read_most("--frames", given->option[OPT_FRAMES], &ask->most_frames, err);
}

static int run(const struct ht_given *given)
{
	const char *file = given->option[OPT_BUDGET];
	struct ht_limits limits;
	struct ht_verdict_ask ask = {
		.path = given->word[0],
		.limits = &limits,
		.given = given,
		.process = given->option[OPT_PROCESS],
		.naming = OPT_NAMING,
		.junit = given->option[OPT_JUNIT],
		.most_places = PLACES_SHOWN,
		.most_frames = FRAMES_SHOWN,
	};
	struct ht_err err;
	int status;

	if (ht_limits_init(&limits, &err))
		return ht_complain(NULL, &err);
	if (file && ht_limits_read(&limits, file, &err))
		status = ht_complain(file, &err);
	else if (read_limits(given, &limits, &err) || read_form(given, &ask, &err))
		status = ht_complain(NULL, &err);
	else
		status = ht_verdict_show(&ask);
	ht_limits_fini(&limits);
	return status;
}

const struct ht_command ht_cmd_budget = {
	.name = "budget",
	.args = "FILE",
	.says = "does a program keep to the memory it may use? for continuous integration",
	.options = options,
	.least = 1,
	.most = 1,
	.run = run,
};
