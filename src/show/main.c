/* SPDX-License-Identifier: Apache-2.0 */
/* main.c -- finds the command the user named, reads its options by its record, and runs it
 *
 *   heaptap [--version | --help] COMMAND [OPTION...] [WORD...]
 *              here                  command.h records
 *
 * A wrong command line is answered here, in one line, with the exit status of the command's record.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "show/command.h"
#include "show/out.h"

enum { FIRST_LONG = 256, HELP = FIRST_LONG + HT_OPTIONS_MAX };

static const struct ht_command *find_command(const char *name)
{
	for (size_t i = 0; ht_commands[i]; i++)
		if (!strcmp(ht_commands[i]->name, name))
			return ht_commands[i];
	return NULL;
}

/* getopt's tables from the record: a long option's value is FIRST_LONG + its place. */
static void fill_tables(const struct ht_command *command, struct option *longs, char *shorts)
{
	int n = 0;

	if (command->words_are_command)
		*shorts++ = '+';
	*shorts++ = ':';
	for (const struct ht_option *o = command->options; o && o->name; o++, n++) {
		longs[n] = (struct option){ o->name, o->value ? required_argument : no_argument, NULL, FIRST_LONG + n };
		if (!o->letter)
			continue;
		*shorts++ = o->letter;
		if (o->value)
			*shorts++ = ':';
	}
	longs[n] = (struct option){ "help", no_argument, NULL, HELP };
	*shorts = 0;
}

static int place_of(const struct ht_command *command, int got)
{
	if (got >= FIRST_LONG)
		return got - FIRST_LONG;
	for (int n = 0; command->options[n].name; n++)
		if (command->options[n].letter == got)
			return n;
	return -1;
}

static int usage(const struct ht_command *command, const char *what, const char *word)
{
	struct ht_err err;
	int status = command->own_failure ? command->own_failure : HT_STATUS_USAGE;

	ht_err_set(&err, HT_EUSAGE, "%s; see: heaptap help%s%s", what, command == &ht_cmd_help ? "" : " ",
		   command == &ht_cmd_help ? "" : command->name);
	return ht_complain_as(status, word, &err);
}

static int no_memory(void)
{
	struct ht_err err;

	ht_err_sys(&err, "no memory for the command line");
	return ht_complain(NULL, &err);
}

/* 0: *given holds all of it. Else the exit status plus 1: --help was asked for, or a line went to stderr. */
static int read_line(const struct ht_command *command, int argc, char **argv, struct ht_given *given)
{
	struct option longs[HT_OPTIONS_MAX + 2] = { 0 };
	char shorts[2 * HT_OPTIONS_MAX + 3];
	int got;

	fill_tables(command, longs, shorts);
	opterr = 0;
	while ((got = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		struct ht_given_option *new;

		if (got == HELP) {
			ht_help_print(command);
			return 1 + HT_STATUS_OK;
		}
		if (got == ':')
			return 1 + usage(command, "this option needs a value", argv[optind - 1]);
		if (got == '?')
			return 1 + usage(command,
					 optopt >= FIRST_LONG ? "this option takes no value" : "no such option",
					 argv[optind - 1]);
		new = HT_LIST_ADD(&given->each);
		if (!new)
			return 1 + no_memory();
		*new = (struct ht_given_option){ place_of(command, got), optarg ? optarg : "" };
		given->option[new->option] = new->value;
	}
	given->word = argv + optind;
	given->words = argc - optind;
	if (given->words < command->least)
		return 1 + usage(command, "something is missing on the command line", command->name);
	if (command->most >= 0 && given->words > command->most)
		return 1 + usage(command, "one word too many", given->word[command->most]);
	return 0;
}

static int run_command(const struct ht_command *command, int argc, char **argv)
{
	struct ht_given given = { 0 };
	int done = read_line(command, argc, argv, &given);
	int status = done ? done - 1 : command->run(&given);

	free(given.each.at);
	return ht_out_finish(status);
}

int main(int argc, char **argv)
{
	const struct ht_command *command;

	if (argc < 2)
		return usage(&ht_cmd_help, "no command given", NULL);
	if (!strcmp(argv[1], "--version")) {
		ht_outf("heaptap %s\n", HT_VERSION);
		return ht_out_finish(HT_STATUS_OK);
	}
	command = find_command(strcmp(argv[1], "--help") ? argv[1] : "help");
	if (!command)
		return usage(&ht_cmd_help, "no such command", argv[1]);
	return run_command(command, argc - 1, argv + 1);
}
