/* SPDX-License-Identifier: Apache-2.0 */
/* payload.c -- takes the file blob.bin in; the Makefile tells the assembler where it lies
 *
 * Called by: nobody; it is data.
 */
#include "attach/payload.h"

__asm__(".section .rodata\n"
	".balign 16\n"
	".globl ht_payload, ht_payload_end\n"
	".hidden ht_payload, ht_payload_end\n"
	"ht_payload:\n"
	"	.incbin \"blob.bin\"\n"
	"ht_payload_end:\n"
	".text\n");
