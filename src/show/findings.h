/* SPDX-License-Identifier: Apache-2.0 */
/* findings.h -- what a check-up found: one line each, good or not, and what to do where something is missing
 *
 * Filled by machine.c and patient.c, printed by doctor.c.
 */
#ifndef HT_FINDINGS_H
#define HT_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "inspect/arena.h"
#include "show/table.h"

enum ht_finding_state {
	HT_FINDING_GOOD,
	HT_FINDING_NOTE,    /* less than it could be; what matters works */
	HT_FINDING_MISSING, /* something that matters does not work */
};

struct ht_finding_line {
	enum ht_finding_state state;
	const char *name;
	const char *remedy; /* NULL: none */
	char *says;
};

struct ht_findings {
	struct ht_finding_line *line;
	size_t count, cap;
};

void ht_findings_fini(struct ht_findings *f);
void ht_findings_add(struct ht_findings *f, enum ht_finding_state state, const char *name, const char *remedy,
		     const char *format, ...) __attribute__((format(printf, 5, 6)));
bool ht_findings_miss(const struct ht_findings *f);

void ht_findings_text(const struct ht_findings *f);
void ht_findings_json(const struct ht_findings *f); /* rows of an array */

/* What this machine lets heaptap do. */
void ht_machine_check(struct ht_findings *f);

/* The modules of a process, with what their strings are kept in. */
struct ht_modules_seen {
	struct ht_table table;
	struct ht_arena strings;
};

/* What can be recorded of a process; 0, or a code if there is none. */
int ht_patient_check(pid_t pid, struct ht_findings *f, struct ht_modules_seen *seen, struct ht_err *err);

#endif
