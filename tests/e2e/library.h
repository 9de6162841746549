/* SPDX-License-Identifier: Apache-2.0 */
/* library.h -- JSON as heaptap writes it, for the programs that answer by libheaptap alone
 *
 * Used by library.c and library-more.c. Every pair ends with a comma, so an object has to end with something else.
 */
#ifndef LIBRARY_H
#define LIBRARY_H

#include <heaptap/heaptap.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct heaptap_error error;
static struct heaptap_open_options opening = { .size = sizeof(opening) };

static inline int complain(void)
{
	static const int status[] = {
		[-HEAPTAP_ESYSTEM] = 3, [-HEAPTAP_EDAMAGED] = 4, [-HEAPTAP_EUSAGE] = 2, [-HEAPTAP_EFORMAT] = 3
	};

	fprintf(stderr, "library: %s\n", error.text);
	return status[-error.code];
}

static inline void put_string(const char *s)
{
	if (!s) {
		printf("null");
		return;
	}
	putchar('"');
	for (; *s; s++)
		if (*s == '"' || *s == '\\' || (unsigned char)*s < 32)
			printf("\\u%04x", *s);
		else
			putchar(*s);
	putchar('"');
}

static inline void put_name(const char *key, const char *s)
{
	printf("\"%s\":", key);
	put_string(s);
	putchar(',');
}

static inline void put_number(const char *key, uint64_t n)
{
	printf("\"%s\":%" PRIu64 ",", key, n);
}

static inline void put_if(const char *key, int known, uint64_t n)
{
	if (known)
		put_number(key, n);
	else
		printf("\"%s\":null,", key);
}

static inline void put_hex(const char *key, int known, uint64_t n)
{
	if (known)
		printf("\"%s\":\"0x%" PRIx64 "\",", key, n);
	else
		printf("\"%s\":null,", key);
}

static inline void put_flag(const char *key, int is)
{
	printf("\"%s\":%s,", key, is ? "true" : "false");
}

static inline void put_frames(const struct heaptap_frame *const *frame, size_t count)
{
	printf("\"stack\":[");
	for (size_t i = 0; i < count; i++) {
		printf(i ? ",{" : "{");
		put_name("function", frame[i]->function);
		put_name("file", frame[i]->file);
		put_name("module", frame[i]->module);
		put_if("line", frame[i]->line > 0, frame[i]->line);
		printf("\"inlined\":%s}", frame[i]->inlined ? "true" : "false");
	}
	printf("]");
}

static int bad;

#define EXPECT(what)                                                                                                   \
	do {                                                                                                           \
		if (!(what)) {                                                                                         \
			printf("line %d: %s; the last error was: %s\n", __LINE__, #what, error.text);                  \
			bad = 1;                                                                                       \
		}                                                                                                      \
	} while (0)

#endif
