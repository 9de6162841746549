/* SPDX-License-Identifier: Apache-2.0 */
/* escape.h -- strings of strangers, made harmless
 *
 * Names of threads, paths and commands come from traced programs and from files. A terminal obeys some bytes.
 *
 *   "a\033[2Jb"   ->  a\x1b[2Jb        printable ASCII and printable UTF-8 stay, a backslash doubles, the rest is \xNN
 *
 * Users: complain.c for stderr, out.c for stdout.
 */
#ifndef HT_ESCAPE_H
#define HT_ESCAPE_H

#include <stddef.h>

enum ht_character { HT_CHARACTER_PLAIN, HT_CHARACTER_CONTROL, HT_CHARACTER_BROKEN };

/* Looks at the character at at[0 .. len), len > 0: *bytes is its length. CONTROL: valid UTF-8, but not to be shown (control
 * codes, line ends of Unicode, marks that turn the direction of writing). BROKEN: one byte that is not UTF-8. */
enum ht_character ht_escape_look(const char *at, size_t len, size_t *bytes);

/* Writes the escaped string to `to`, cut to cap bytes with the NUL, and returns `to`. */
char *ht_escape(char *to, size_t cap, const char *at, size_t len);

#endif
