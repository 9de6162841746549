/* SPDX-License-Identifier: Apache-2.0 */
/* handle.h -- what stands behind a struct heaptap_trace, and how every function of the library begins and fails
 *
 * Used by all files of api/, which put heaptap.h in front of inspect/: they check what strangers give, ask, and translate. Nothing
 * is worked out here.
 *
 *   heaptap_open()        holders 1       an answer of the trace: one more
 *   heaptap_close()       one less        its release:            one less       0: all of it goes
 *
 * Always true:
 *   L1  a handle is busy while a visitor of it runs; then it answers only what visitors may ask
 *   L2  a trace that was opened for a window answers only what the window can tell, whether the file has checkpoints or not
 */
#ifndef HT_HANDLE_H
#define HT_HANDLE_H

#include <heaptap/heaptap.h>

#include "api/frames.h"
#include "inspect/model.h"
#include "inspect/replay.h"
#include "inspect/stack.h"
#include "inspect/symbols.h"

struct heaptap_trace {
	struct ht_model *model;
	struct ht_symbols *symbols;
	struct ht_arena arena; /* words of the options, and names that the model has unterminated */
	size_t holders;
	bool is_busy, is_window;
	const char *from, *to; /* as given; NULL: not */
	uint64_t from_ns, to_ns;

	bool has_facts, has_account;
	struct heaptap_facts facts;
	struct heaptap_process *process;
	const char **command;
	struct heaptap_account account;
	struct heaptap_thread *thread;

	const struct ht_event *event; /* that a visitor looks at */
	struct ht_stack stack;
	uint64_t *pc; /* room for the longest stack */
	struct ht_frames frames;
};

/* Translates; returns the code. */
int ht_handle_fail(struct heaptap_error *error, const struct ht_err *err);

/* Whether the trace can be asked now: 0, or the failure. */
int ht_handle_begin(const struct heaptap_trace *t, struct heaptap_error *error);

/* The same for what the whole recording tells. */
int ht_handle_begin_whole(const struct heaptap_trace *t, struct heaptap_error *error);

/* Copies a struct that begins with its size; what it does not have is 0. */
int ht_handle_read(void *to, size_t bytes, const void *from, struct ht_err *err);

struct heaptap_trace *ht_handle_hold(struct heaptap_trace *t);
void ht_handle_drop(struct heaptap_trace *t);

/* Terminated, in the trace's arena. */
const char *ht_handle_keep(struct heaptap_trace *t, struct ht_str s);

#endif
