/* SPDX-License-Identifier: Apache-2.0 */
/* out.h -- standard output, or what stands for it: one buffer, the few forms that answers are made of, one look at the end
 *
 * All data of all commands goes through here. A write that fails is remembered; nothing is written after it, long answers
 * ask ht_out_failed() now and then and stop.
 *
 *   ht_out_*()  ->  [buffer 64 KiB]  ->  write(1)      ht_out_finish() flushes and decides the exit status
 */
#ifndef HT_OUT_H
#define HT_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void ht_out_bytes(const void *at, size_t len);
void ht_out_text(const char *s);
void ht_out_number(uint64_t n);
void ht_out_hex(uint64_t n); /* 0x1f */
void ht_outf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A stranger's string: quoted for JSON; or made harmless for a terminal. */
void ht_out_json(const char *at, size_t len);
void ht_out_escaped(const char *at, size_t len);

/* The same for XML; what XML has no form for becomes a question mark. */
void ht_out_xml(const char *at, size_t len);

bool ht_out_failed(void);

/* What follows goes to another descriptor, up to ht_out_return(), which returns the errno of a write that failed, or 0. */
void ht_out_divert(int fd);
int ht_out_return(void);

/* Returns status; or HT_STATUS_SYSTEM if not everything could be written, with a message, unless the reader just went away. */
int ht_out_finish(int status);

#endif
