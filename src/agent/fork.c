/* SPDX-License-Identifier: Apache-2.0 */
/* fork.c -- a process that fork made: a new image of the session, with rings of its own from its first call on
 *
 * Called by: libc's fork, before it locks the heap and first thing in the child; else, in a child that was made behind libc's back, by its
 * first hook call, which finds the door at LOOK.
 *
 *   parent     ... malloc  free  [TIME]─fork─────────────────────► malloc ...          its ring: no child ever writes there
 *                                  │      │
 *   child                       fork_ticks └─► door is wiped ─► adopt: new image, no slot ─► its first call claims one
 *                                                               ticks
 *
 * The child's heap is the parent's as it was at some moment between fork_ticks and ticks: of the thread that forked nothing happened in
 * between, of the others replay looks at what did (docs/trace-format.md, section 7).
 *
 * Always true: until the child has adopted itself nothing is written through what it has of its parent's; a child whose copied state could
 * still be written through, because the fork came in the middle of the agent's own few instructions, loses the channel and stays dormant.
 */
#include "agent/agent.h"

static bool watched;  /* the image, or the one it was forked from, belongs to a session */
static bool stranger; /* this process does not, nor will its children */

/* In the parent. The stamp says that all this thread did came before the fork. */
static void before_fork(void)
{
	struct ht_thread *t = ht_thread_self();
	uint64_t now = ht_ticks();

	if (ht_door_state() != HT_DOOR_ACTIVE || t->inside)
		return;
	ht_call_is(t, (uintptr_t)__builtin_frame_address(0), __builtin_return_address(0));
	ht_thread_find_room(t); /* a thread that only forks makes room nowhere else */
	if (now > t->last_ticks && (!t->slot || t->cell < t->limit)) {
		t->last_ticks = now;
		if (t->slot) {
			*t->cell++ = (struct ht_cell){ { ht_cell_word0(HT_CELL_TIME, 0, 0), now } };
			ht_bump(&t->slot->head, 1); /* publish: C2 */
			ht_slot_settle(t->slot);
		}
	}
	ht_signal_fence();
	t->inside = 0;
}

static void in_child(void)
{
	ht_start(HT_FN_MALLOC);
}

void ht_fork_watch(void)
{
	int (*register_atfork)(void (*)(void), void (*)(void), void (*)(void), void *) =
		ht_next_symbol("__register_atfork");

	watched = true;
	if (register_atfork)
		register_atfork(before_fork, NULL, in_child, NULL);
}

static enum ht_door_state stay_out(_Atomic uint32_t *counter)
{
	stranger = true;
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
	return HT_DOOR_DORMANT;
}

static bool be_an_image(struct ht_channel *ch, uint64_t since)
{
	uint32_t number;
	struct ht_image *image = ht_session_announce(ch, &number);

	if (!image)
		return false;
	image->status = HT_IMAGE_RECORDING;
	image->pid = ht_gate.pid = ht_sys_getpid();
	image->glibc = ht_gate.glibc;
	image->ticks = ht_ticks();
	image->fork_ticks = since && since < image->ticks ? since : image->ticks;
	image->parent = ht_gate.image;
	image->exe[0] = image->allocator[0] = image->command[0] = 0;
	ht_gate.image = number;
	atomic_store_explicit(&ht_gate.modules, 0, memory_order_relaxed); /* this thread is alone */
	ht_gate.left_out = 0;
	if (ht_gate.stacks)
		ht_loader_begin();
	ht_session_announced(image, number);
	return true;
}

enum ht_door_state ht_fork_adopt(void)
{
	struct ht_channel *ch = ht_gate.channel;
	struct ht_thread *t = ht_thread_self();
	uint64_t since = t->last_ticks;
	bool torn = t->inside && !t->calling, wanted;

	if (!watched || stranger)
		return HT_DOOR_DORMANT;
	wanted = ch->flags & HT_SESSION_FOLLOW_FORK;
	if (torn) {
		stay_out(wanted ? &ch->unheard : &ch->forked_children);
		ht_thread_cut_off(ch);
		return HT_DOOR_DORMANT;
	}
	*t = (struct ht_thread){ 0 };
	if (!wanted)
		return stay_out(&ch->forked_children);
	/* The words of the thread that forked, which is the child's first, are out of reach for any other. */
	if (ht_sys_gettid() != ht_sys_getpid() || !ht_session_same_pids(ch))
		return stay_out(&ch->unheard);
	if (!be_an_image(ch, since)) {
		stranger = true;
		return HT_DOOR_DORMANT;
	}
	/* relaxed: see ht_recording */
	return atomic_load_explicit(&ch->recording, memory_order_relaxed) ? HT_DOOR_ACTIVE : HT_DOOR_DORMANT;
}
