/* SPDX-License-Identifier: Apache-2.0 */
/* err.c -- formats an error into its fixed storage
 *
 * Called everywhere outside the agent, at the place where a failure is first understood. The text is made aside and
 * copied, so that an argument may point into the error that is being replaced:
 *
 *   return ht_err_set(err, err->code, "%s: %s", path, err->text);
 *
 * Always true: the text is terminated; one that is too long is cut.
 */
#include "util/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void set_text(struct ht_err *err, const char *format, va_list args)
{
	char text[sizeof(err->text)];

	vsnprintf(text, sizeof(text), format, args);
	strcpy(err->text, text);
}

int ht_err_set(struct ht_err *err, int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	set_text(err, format, args);
	va_end(args);
	err->code = code;
	err->sys = 0;
	return code;
}

int ht_err_sys(struct ht_err *err, const char *format, ...)
{
	int sys = errno;
	char why[128];
	va_list args;
	size_t len;

	va_start(args, format);
	set_text(err, format, args);
	va_end(args);
	len = strlen(err->text);
	snprintf(err->text + len, sizeof(err->text) - len, ": %s", strerror_r(sys, why, sizeof(why)));
	err->code = HT_ESYSTEM;
	err->sys = sys;
	return HT_ESYSTEM;
}
