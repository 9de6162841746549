/* SPDX-License-Identifier: Apache-2.0 */
/* out.c -- collects what goes to standard output and writes it in large pieces
 *
 * out.h says how it is used. There is one standard output, so there is one buffer, static.
 */
#include "show/out.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "show/command.h"
#include "show/escape.h"

static struct {
	int fd;
	size_t len;
	int failed;        /* errno of the first write that failed */
	int failed_before; /* likewise, of standard output, while something else is written */
	char bytes[64u << 10];
} out = { .fd = STDOUT_FILENO };

static void flush(void)
{
	size_t done = 0;

	while (!out.failed && done < out.len) {
		ssize_t n = write(out.fd, out.bytes + done, out.len - done);

		if (n >= 0)
			done += (size_t)n;
		else if (errno != EINTR)
			out.failed = errno;
	}
	out.len = 0;
}

void ht_out_bytes(const void *at, size_t len)
{
	while (len > sizeof(out.bytes) - out.len) {
		size_t part = sizeof(out.bytes) - out.len;

		memcpy(out.bytes + out.len, at, part);
		out.len += part;
		flush();
		at = (const char *)at + part;
		len -= part;
	}
	memcpy(out.bytes + out.len, at, len);
	out.len += len;
}

void ht_out_text(const char *s)
{
	ht_out_bytes(s, strlen(s));
}

void ht_out_number(uint64_t n)
{
	char digits[20], *at = digits + sizeof(digits);

	do
		*--at = (char)('0' + n % 10);
	while (n /= 10);
	ht_out_bytes(at, (size_t)(digits + sizeof(digits) - at));
}

void ht_out_hex(uint64_t n)
{
	char digits[18], *at = digits + sizeof(digits);

	do
		*--at = "0123456789abcdef"[n & 15];
	while (n >>= 4);
	*--at = 'x';
	*--at = '0';
	ht_out_bytes(at, (size_t)(digits + sizeof(digits) - at));
}

void ht_outf(const char *format, ...)
{
	char line[1024];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (len > 0)
		ht_out_bytes(line, (size_t)len < sizeof(line) ? (size_t)len : sizeof(line) - 1);
}

/* JSON has no form for bytes that are not UTF-8: they become the text \xNN. */
void ht_out_json(const char *at, size_t len)
{
	size_t bytes;

	ht_out_bytes("\"", 1);
	for (size_t i = 0; i < len; i += bytes) {
		enum ht_character what = ht_escape_look(at + i, len - i, &bytes);

		if (what == HT_CHARACTER_BROKEN)
			ht_outf("\\\\x%02x", (unsigned char)at[i]);
		else if ((unsigned char)at[i] < 0x20 || at[i] == 0x7f)
			ht_outf("\\u%04x", (unsigned char)at[i]);
		else if (at[i] == '"' || at[i] == '\\')
			ht_outf("\\%c", at[i]);
		else
			ht_out_bytes(at + i, bytes);
	}
	ht_out_bytes("\"", 1);
}

void ht_out_escaped(const char *at, size_t len)
{
	char form[80];
	size_t bytes;

	for (size_t i = 0; i < len; i += bytes) {
		ht_escape_look(at + i, len - i, &bytes);
		ht_out_text(ht_escape(form, sizeof(form), at + i, bytes));
	}
}

void ht_out_xml(const char *at, size_t len)
{
	size_t bytes;

	for (size_t i = 0; i < len; i += bytes) {
		enum ht_character what = ht_escape_look(at + i, len - i, &bytes);

		if (at[i] == '&')
			ht_out_text("&amp;");
		else if (at[i] == '<')
			ht_out_text("&lt;");
		else if (at[i] == '>')
			ht_out_text("&gt;");
		else if (at[i] == '"')
			ht_out_text("&quot;");
		else if (what != HT_CHARACTER_PLAIN && at[i] != '\n')
			ht_out_text("?");
		else
			ht_out_bytes(at + i, bytes);
	}
}

void ht_out_divert(int fd)
{
	flush();
	out.failed_before = out.failed;
	out.failed = 0;
	out.fd = fd;
}

int ht_out_return(void)
{
	int failed;

	flush();
	failed = out.failed;
	out.failed = out.failed_before;
	out.fd = STDOUT_FILENO;
	return failed;
}

bool ht_out_failed(void)
{
	return out.failed;
}

int ht_out_finish(int status)
{
	struct ht_err err;

	flush();
	if (!out.failed)
		return status;
	if (out.failed == EPIPE)
		return HT_STATUS_SYSTEM;
	errno = out.failed;
	ht_err_sys(&err, "cannot write to standard output");
	return ht_complain(NULL, &err);
}
