/* SPDX-License-Identifier: Apache-2.0 */
/* symbols.h -- what an address of a trace is called: functions, inlined ones too, with file and line
 *
 * Used by every answer that shows stacks, and only for what it shows: nothing is read before the first address of a
 * module is asked for.
 *
 *   (image, generation, pc) --> the module that was mapped there then --> its file, if it is still the same --> frames
 *                                   MODULE records of the trace              build-id
 *                         \--> none: code that was made while the program ran --> the map of its process, for perf
 *
 * Always true:
 *   there is at least one frame; what is not known is NULL or 0
 *   an address that several modules could have had, one after another, is given to none of them
 *   what the files did not tell is in the warnings, a line for each module
 *   the files of a module or process are opened once; an address is looked up once; all strings live until ht_symbols_close()
 */
#ifndef HT_SYMBOLS_H
#define HT_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "inspect/model.h"

#define HT_SYMBOLS_JIT "[jit]"

struct ht_symbols;

struct ht_symbols_options {
	const char *sysroot;   /* put before the path of every file; NULL: none */
	const char *debug_dir; /* of separate debug files; NULL: /usr/lib/debug */
	bool no_files;         /* modules only: no file is opened */
	bool no_servers;       /* what is not here is not asked for elsewhere, though the user may have named servers */
};

struct ht_frame {
	const char *function; /* as people write it */
	const char *file;
	uint32_t line;
	bool inlined;       /* into the function of the next frame */
	const char *module; /* HT_SYMBOLS_JIT: none, the function was made while the program ran */
	uint64_t offset; /* of the address in the module's file, where the module is known; in [jit]: in the function */
};

/* The model must stay, and what the options point to. HT_EUSAGE: the sysroot is no directory. */
int ht_symbols_open(const struct ht_model *model, const struct ht_symbols_options *options, struct ht_symbols **ret,
		    struct ht_err *err);
void ht_symbols_close(struct ht_symbols *s);

struct ht_place {
	uint64_t image, generation, pc;
	bool exact; /* pc is the instruction itself, not the one behind a call */
};

/* The frames at a place, innermost first: their number, at least 1. */
size_t ht_symbols_frames(struct ht_symbols *s, const struct ht_place *place, const struct ht_frame **ret);

/* So far. Each is one line. */
size_t ht_symbols_warnings(const struct ht_symbols *s, const char *const **ret);

#endif
