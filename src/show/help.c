/* SPDX-License-Identifier: Apache-2.0 */
/* help.c -- `heaptap help [COMMAND]` and every --help, printed from the records of the commands
 *
 * A new command is one file and two lines: its record in command.h, its place in ht_commands below.
 */
#include <stdio.h>
#include <string.h>

#include "show/command.h"
#include "show/out.h"

const struct ht_command *const ht_commands[] = {
	&ht_cmd_record, &ht_cmd_report, &ht_cmd_script, &ht_cmd_timeline, &ht_cmd_lifetimes,
	&ht_cmd_sizes,  &ht_cmd_block,  &ht_cmd_errors, &ht_cmd_diff,     &ht_cmd_budget,
	&ht_cmd_verify, &ht_cmd_info,   &ht_cmd_detach, &ht_cmd_doctor,   &ht_cmd_checkpoint,
	&ht_cmd_help,   NULL,
};

static void print_option(const struct ht_option *o)
{
	char left[64];
	char letter[8] = "    ";

	if (o->letter)
		snprintf(letter, sizeof(letter), "-%c, ", o->letter);
	snprintf(left, sizeof(left), "%s--%s%s%s", letter, o->name, o->value ? "=" : "", o->value ? o->value : "");
	ht_outf("  %-28s%s\n", left, o->says);
}

static void print_command(const struct ht_command *c)
{
	static const struct ht_option help = { .name = "help", .says = "say this" };

	ht_outf("usage: heaptap %s [OPTION...] %s\n%s\n\n", c->name, c->args, c->says);
	for (const struct ht_option *o = c->options; o && o->name; o++)
		print_option(o);
	print_option(&help);
}

void ht_help_print(const struct ht_command *command)
{
	if (command) {
		print_command(command);
		return;
	}
	ht_outf("usage: heaptap COMMAND [OPTION...] [WORD...]\nrecords every heap call of a program, and answers "
		"questions about them\n\n");
	for (size_t i = 0; ht_commands[i]; i++)
		ht_outf("  %-12s%s\n", ht_commands[i]->name, ht_commands[i]->says);
	ht_outf("\n  %-12s%s\n  %-12s%s\n", "--version", "the version of heaptap", "--help", "say this");
}

static int run(const struct ht_given *given)
{
	struct ht_err err;

	if (!given->words) {
		ht_help_print(NULL);
		return HT_STATUS_OK;
	}
	for (size_t i = 0; ht_commands[i]; i++) {
		if (strcmp(ht_commands[i]->name, given->word[0]))
			continue;
		ht_help_print(ht_commands[i]);
		return HT_STATUS_OK;
	}
	ht_err_set(&err, HT_EUSAGE, "no such command; see: heaptap help");
	return ht_complain(given->word[0], &err);
}

const struct ht_command ht_cmd_help = {
	.name = "help",
	.args = "[COMMAND]",
	.says = "what heaptap can do, or what COMMAND does",
	.most = 1,
	.run = run,
};
