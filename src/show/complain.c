/* SPDX-License-Identifier: Apache-2.0 */
/* complain.c -- what goes to stderr: errors with their exit status, and warnings
 *
 * One line each, written at once. Nothing that comes from a file or the command line reaches the terminal unescaped.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "show/command.h"
#include "show/escape.h"

#define LINE_BYTES 4096

static const int status_of[] = {
	[-HT_ESYSTEM] = HT_STATUS_SYSTEM,
	[-HT_EDAMAGED] = HT_STATUS_DAMAGED,
	[-HT_EUSAGE] = HT_STATUS_USAGE,
	[-HT_ETARGET] = 125,
	[-HT_ENOTFOUND] = 127,
	[-HT_ENOTRUN] = 126,
	[-HT_EFORMAT] = HT_STATUS_SYSTEM,
};

static void print_line(const char *before, const char *subject, const char *text, const char *after)
{
	char who[LINE_BYTES], what[LINE_BYTES];

	ht_escape(who, sizeof(who), subject ? subject : "", subject ? strlen(subject) : 0);
	ht_escape(what, sizeof(what), text, strlen(text));
	fprintf(stderr, "heaptap: %s%s%s%s%s\n", before, who, subject ? ": " : "", what, after);
}

int ht_complain_as(int status, const char *subject, const struct ht_err *err)
{
	char after[32];

	snprintf(after, sizeof(after), " (exit %d)", status);
	print_line("", subject, err->text, after);
	return status;
}

int ht_complain(const char *subject, const struct ht_err *err)
{
	return ht_complain_as(status_of[-err->code], subject, err);
}

void ht_warn(const char *subject, const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	print_line("warning: ", subject, text, "");
}
