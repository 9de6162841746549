/* SPDX-License-Identifier: Apache-2.0 */
/* loaded.h -- the code that a process has mapped when it is entered, told to the blob and to the recorder by the table in the channel
 *
 * Used by: whoever enters a process.
 *
 *   ht_loaded_find      while it runs: its modules, with their unwind information and build-ids
 *   ht_loaded_tell      into the channel's table and the blob's gate, before the process has either
 *   ht_loaded_is_same   in the visit in which the entries become jumps: nothing was loaded or unloaded since it was found
 *
 * From then on the blob tells itself what comes and goes (agent/loader.c), at the moment at which it does: the loader's function for debuggers is one
 * of the entries (entries.h). So no address is ever looked up in a module that is not there any more, or that another one has followed.
 *
 * Always true:
 *   D1  what the table says lies in mapped memory of that module: code in executable, unwind information in readable mappings
 *   D2  without a function of the loader that can be entered, only modules are told that nothing can unload: the program, what it was linked
 *       with, and the vdso; stacks through others end there, with that reason
 */
#ifndef HT_LOADED_H
#define HT_LOADED_H

#include "attach/fdes.h"
#include "attach/loader.h"
#include "channel/blob.h"

struct ht_loaded {
	struct ht_loader loader;
	uint64_t list;      /* ht_loader_list(), as it was when the modules were found */
	uint64_t stack_top; /* of the first thread */
	struct ht_module *module;
	size_t modules, cap;
	unsigned left_out;   /* D2 */
	struct ht_fdes fdes; /* of a program that was linked without a table of them */
};

/* `told`: the loader's function will be entered, if it can be. HT_ETARGET: its loader is at work; look again. */
int ht_loaded_find(struct ht_process *p, bool told, struct ht_loaded *ret, struct ht_err *err);
void ht_loaded_fini(struct ht_loaded *l);

/* `channel` as it is mapped here; nobody else reads it yet, and what an earlier call told is forgotten. `image` is the number by which the recorder knows the program. Fills what `gate` says of
 * modules; those that the table has no room for are counted in the channel. */
void ht_loaded_tell(const struct ht_loaded *l, struct ht_channel *channel, uint32_t image, uint64_t ticks,
		    struct ht_gate *gate);

bool ht_loaded_is_same(const struct ht_process *p, const struct ht_loaded *l);

#endif
