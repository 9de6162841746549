/* SPDX-License-Identifier: Apache-2.0 */
/* version.h -- the version of heaptap: of the program, the library and what they write
 *
 * The Makefile reads it for heaptap.pc and for the name of the library.
 */
#ifndef HT_VERSION_H
#define HT_VERSION_H

#define HT_VERSION "0.1.0"

#endif
