/* SPDX-License-Identifier: Apache-2.0 */
/* command.h -- what a command of heaptap is: a record that parsing, --help and the man-page check read
 *
 * One file per command: `const struct ht_command ht_cmd_<name>` at its end. main.c finds the record by name, parses the
 * command line by it, and calls run() with what was given:
 *
 *   heaptap record -o out.htap -- ls -l
 *           name   option        words          given.option[OPT_OUTPUT] = "out.htap", given.word = { "ls", "-l" }
 *
 * Always true when run() is called:
 *   every option was known, had its value if it needs one, and least <= words <= most; --help was answered by main.c
 *
 * run() returns the exit status. Data goes to stdout, everything else to stderr.
 */
#ifndef HT_COMMAND_H
#define HT_COMMAND_H

#include <stdbool.h>

#include "inspect/arena.h"
#include "util/err.h"
#include "util/version.h"

#define HT_OPTIONS_MAX 32

enum ht_status {
	HT_STATUS_OK = 0,
	HT_STATUS_BAD = 1, /* answered, and the answer is bad news */
	HT_STATUS_USAGE = 2,
	HT_STATUS_SYSTEM = 3,
	HT_STATUS_DAMAGED = 4, /* answered from a damaged or incomplete trace */
};

struct ht_option {
	const char *name;  /* long name, without the dashes */
	char letter;       /* short name, or 0 */
	const char *value; /* what --help calls the value, as "FILE"; NULL: a switch */
	const char *says;
};

struct ht_given_option {
	int option; /* its place in the record's options */
	const char *value;
};

struct ht_given {
	const char *option
		[HT_OPTIONS_MAX]; /* by place in the record's options; NULL: not given; "": a switch that was; the last one */
	HT_LIST(struct ht_given_option) each; /* in the order of the command line: some may be given several times */
	char **word;                          /* ends with NULL */
	int words;
};

struct ht_command {
	const char *name;
	const char *args;                /* the words, as --help shows them: "FILE" */
	const char *says;                /* one line, lower case, no full stop */
	const struct ht_option *options; /* ends with a record without name; NULL: none but --help */
	int least, most;                 /* words; most < 0: any number */
	bool words_are_command;          /* options end at the first word */
	int own_failure;                 /* exit status of a wrong command line; 0: HT_STATUS_USAGE */
	int (*run)(const struct ht_given *given);
};

extern const struct ht_command ht_cmd_block;
extern const struct ht_command ht_cmd_budget;
extern const struct ht_command ht_cmd_checkpoint;
extern const struct ht_command ht_cmd_detach;
extern const struct ht_command ht_cmd_diff;
extern const struct ht_command ht_cmd_doctor;
extern const struct ht_command ht_cmd_errors;
extern const struct ht_command ht_cmd_help;
extern const struct ht_command ht_cmd_info;
extern const struct ht_command ht_cmd_lifetimes;
extern const struct ht_command ht_cmd_record;
extern const struct ht_command ht_cmd_report;
extern const struct ht_command ht_cmd_script;
extern const struct ht_command ht_cmd_sizes;
extern const struct ht_command ht_cmd_timeline;
extern const struct ht_command ht_cmd_verify;

/* All of them, in the order of --help; ends with NULL. In help.c. */
extern const struct ht_command *const ht_commands[];

/* Prints `heaptap COMMAND --help`, or `heaptap --help` for NULL, to stdout. */
void ht_help_print(const struct ht_command *command);

/* complain.c: all that goes to stderr. A subject (a file, a word; or NULL) is escaped for the terminal.
 * "heaptap: SUBJECT: TEXT (exit N)"; both return N, the first the status that err's code stands for. */
int ht_complain(const char *subject, const struct ht_err *err);
int ht_complain_as(int status, const char *subject, const struct ht_err *err);
void ht_warn(const char *subject, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
