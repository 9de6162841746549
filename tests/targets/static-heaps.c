/* SPDX-License-Identifier: Apache-2.0 */
/* static-heaps.c -- heaps.c as a static program, in which malloc's state stands among the program's own data
 */
#include "heaps.c"
