/* SPDX-License-Identifier: Apache-2.0 */
/* err.h -- what went wrong, where and how much, without memory and without printing
 *
 * Every function outside the agent that can fail returns 0 or a negative HT_E code and takes `struct ht_err *` last.
 * The code decides the exit status; the text is one line for the user, without a trailing full stop. Only show/
 * prints it. A result parameter is untouched on failure.
 */
#ifndef HT_ERR_H
#define HT_ERR_H

enum ht_err_code {
	HT_ESYSTEM = -1,   /* the system refused: exit 3 */
	HT_EDAMAGED = -2,  /* bytes that are not what they should be: exit 4 */
	HT_EUSAGE = -3,    /* a wrong question: exit 2 */
	HT_ETARGET = -4,   /* the target cannot be recorded; record exits 125 */
	HT_ENOTFOUND = -5, /* record exits 127 */
	HT_ENOTRUN = -6,   /* record exits 126 */
	HT_EFORMAT = -7,   /* no trace, or one of a newer version: exit 3 */
};

struct ht_err {
	int code;
	int sys; /* errno, or 0 */
	char text[512];
};

/* Sets code and text; returns the code. The arguments may point into err->text. */
int ht_err_set(struct ht_err *err, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same for HT_ESYSTEM with errno: ": No such file or directory" is appended. */
int ht_err_sys(struct ht_err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
