/* SPDX-License-Identifier: Apache-2.0 */
/* inside.c -- goes through stacks, word by word, and from a signal's frame to the stack that was interrupted
 *
 * Called by: patch.c.
 *
 *   a signal's frame     address of the restorer │ ucontext: flags, no link, ... │ registers: ... rsp, rip ...
 */
#include "attach/inside.h"

#include <stddef.h>
#include <string.h>
#include <sys/ucontext.h>

#define STACK_MOST (64u << 20) /* bytes of a stack that are searched */
#define STACKS_MOST 8u         /* of a thread, each interrupted on the one before */
#define WORDS 512u             /* at a time, and the two behind them */
#define FLAGS_MOST 7u          /* of a ucontext, as kernels set them */
#define FRAME_RSP (8 + offsetof(ucontext_t, uc_mcontext.gregs) + 8 * REG_RSP)

/* mov $SYS_rt_sigreturn, %rax or %eax; syscall */
static const uint8_t restorer[] = { 0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05 },
		     short_restorer[] = { 0xb8, 0x0f, 0, 0, 0, 0x0f, 0x05 };

struct walk {
	const struct ht_process *process;
	ht_inside_is *is;
	const void *what;
	uint64_t from, end;   /* of the stack's region */
	uint64_t interrupted; /* rsp on another stack; 0: none was met */
};

static bool is_signal_frame(const struct ht_process *p, const uint64_t word[3])
{
	const struct ht_region *r = word[1] > FLAGS_MOST || word[2] ? NULL : ht_process_at(p, word[0]);
	uint8_t code[sizeof(restorer)];

	return r && r->executable && ht_process_read(p, word[0], code, sizeof(code)) &&
	       (!memcmp(code, restorer, sizeof(restorer)) || !memcmp(code, short_restorer, sizeof(short_restorer)));
}

static void note_interrupted(struct walk *w, uint64_t frame)
{
	uint64_t rsp;

	if (ht_process_read(w->process, frame + FRAME_RSP, &rsp, sizeof(rsp)) && (rsp < w->from || rsp >= w->end))
		w->interrupted = rsp;
}

/* Zeros behind the end of the stack. */
static bool read_words(const struct walk *w, uint64_t at, uint64_t word[WORDS + 2])
{
	size_t bytes = (WORDS + 2) * sizeof(*word);

	if (w->end - at < bytes) {
		memset(word, 0, bytes);
		bytes = (size_t)(w->end - at) & ~7ul;
	}
	return ht_process_read(w->process, at, word, bytes);
}

static bool stack_has(struct walk *w, uint64_t at)
{
	uint64_t word[WORDS + 2];

	if (w->end - at > STACK_MOST)
		return true;
	for (; at < w->end; at += WORDS * sizeof(*word)) {
		if (!read_words(w, at, word))
			return true;
		for (size_t i = 0; i < WORDS; i++) {
			if (w->is(w->what, word[i]))
				return true;
			if (is_signal_frame(w->process, word + i))
				note_interrupted(w, at + i * sizeof(*word));
		}
	}
	return false;
}

bool ht_inside(const struct ht_visit *v, const struct ht_visited *t, ht_inside_is *is, const void *what)
{
	struct walk w = { .process = v->process, .is = is, .what = what, .interrupted = t->regs.rsp };

	for (unsigned stacks = 0; w.interrupted; stacks++) {
		uint64_t at = w.interrupted & ~7ull;
		const struct ht_region *r = ht_process_at(v->process, at);

		if (!r || stacks == STACKS_MOST)
			return true;
		w.from = r->start;
		w.end = r->end;
		w.interrupted = 0;
		if (stack_has(&w, at))
			return true;
	}
	return false;
}
