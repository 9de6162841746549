/* SPDX-License-Identifier: Apache-2.0 */
/* doctor.c -- `heaptap doctor [PID]`: what works here, or with that process; what does not, and what to do about it
 *
 *   findings   a line each, machine.c or patient.c          ok | note | MISSING
 *   modules    of a process: can stacks be followed through it, what names are there
 *
 * Status 1: something is missing that matters.
 */
#include "show/command.h"
#include "show/findings.h"
#include "show/out.h"
#include "util/quantity.h"

enum { OPT_JSON };

static const struct ht_option options[] = {
	[OPT_JSON] = { .name = "json", .says = "one object: the findings, and for a process its modules" },
	{ .name = NULL },
};

static void print(const struct ht_findings *f, struct ht_table *modules, pid_t pid, bool json)
{
	if (!json) {
		ht_findings_text(f);
		if (modules->values) {
			ht_out_text("\n");
			ht_table_text(modules);
		}
		return;
	}
	ht_out_text("{\"pid\":");
	if (pid)
		ht_out_number((uint64_t)pid);
	else
		ht_out_text("null");
	ht_outf(",\"healthy\":%s,\"findings\":[", ht_findings_miss(f) ? "false" : "true");
	ht_findings_json(f);
	ht_out_text("],\"modules\":[");
	if (modules->values)
		ht_table_json_rows(modules, false);
	ht_out_text("]}\n");
}

static int run(const struct ht_given *given)
{
	struct ht_findings findings = { 0 };
	struct ht_modules_seen seen = { .table.fields = 0 };
	struct ht_err err = { 0 };
	pid_t pid = 0;
	int rc = given->words ? ht_quantity_pid(given->word[0], &pid, &err) : 0, status;

	if (!rc && pid)
		rc = ht_patient_check(pid, &findings, &seen, &err);
	else if (!rc)
		ht_machine_check(&findings);
	if (rc) {
		status = ht_complain_as(rc == HT_EUSAGE ? HT_STATUS_USAGE : HT_STATUS_SYSTEM, NULL, &err);
	} else {
		print(&findings, &seen.table, pid, given->option[OPT_JSON]);
		status = ht_findings_miss(&findings) ? HT_STATUS_BAD : HT_STATUS_OK;
	}
	ht_table_fini(&seen.table);
	ht_arena_fini(&seen.strings);
	ht_findings_fini(&findings);
	return status;
}

const struct ht_command ht_cmd_doctor = {
	.name = "doctor",
	.args = "[PID]",
	.says = "what can be recorded here, or of that process, and what is missing",
	.options = options,
	.least = 0,
	.most = 1,
	.run = run,
};
