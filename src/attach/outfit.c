/* SPDX-License-Identifier: Apache-2.0 */
/* outfit.c -- fills struct ht_blob and struct ht_image
 *
 * Called by: join.c.
 */
#include "attach/outfit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <x86intrin.h>

#include "attach/visit.h"
#include "util/cleanup.h"

uint64_t ht_outfit_ticks(const struct ht_channel *channel)
{
	return channel->clock == HT_CLOCK_TSC ? __rdtsc() : ht_visit_now_ns();
}

static struct ht_gate gate_of(const struct ht_serving *s, const struct ht_channel *ch, uint64_t at)
{
	struct ht_gate g = {
		.tsc = ch->clock == HT_CLOCK_TSC,
		.glibc = s->kind == HT_ALLOCATOR_GLIBC,
		.stacks = (ch->flags & HT_SESSION_STACKS) != 0,
		.free_stacks = (ch->flags & HT_SESSION_FREE_STACKS) != 0,
		.image = HT_OUTFIT_IMAGE,
		.pid = ch->target_pid,
		.channel = (struct ht_channel *)at,
		.slots = (struct ht_slot *)(at + ch->slots_at),
		.seg_next = (_Atomic uint32_t *)(at + ch->seg_next_at),
		.nodes = (struct ht_node *)(at + ch->nodes_at),
		.node_index = (_Atomic uint32_t *)(at + ch->node_index_at),
		.segments = (struct ht_cell *)(at + ch->segments_at),
	};

	g.short_alloc = g.tsc && g.glibc && !g.stacks;
	g.short_free = g.tsc && s->plain_free && !g.free_stacks;
	return g;
}

void ht_outfit_blob(const struct ht_serving *s, const struct ht_patch_plan *plan, const struct ht_channel *channel,
		    uint64_t shared_at, struct ht_blob *ret)
{
	*ret = (struct ht_blob){ .head_at = ht_patch_part_at(plan), .gate = gate_of(s, channel, shared_at) };
	for (size_t i = 0; i < s->count; i++) {
		const struct ht_entry *e = &s->entry[i];

		if (ret->next[e->function])
			continue;
		ret->next[e->function] = plan->note.entry[i].moved;
		ret->serves[e->function] = (struct ht_blob_range){ e->from, e->end };
	}
	ret->next[HT_FN_NONE] = 0; /* B6 */
	ret->own = (struct ht_blob_range){ s->own_from, s->own_end };
	atomic_store_explicit(&ret->door.state, HT_DOOR_DORMANT, memory_order_relaxed); /* nobody has it yet */
}

/* Up to room - 1 bytes; what cannot be read is empty. */
static void read_text(pid_t pid, const char *what, char *ret, size_t room)
{
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, what);
	ht_auto(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, ret, room - 1);
	ret[n > 0 ? n : 0] = 0;
}

static void read_exe(pid_t pid, char *ret, size_t room)
{
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	n = readlink(path, ret, room - 1);
	ret[n > 0 ? n : 0] = 0;
}

void ht_outfit_image(const struct ht_process *p, const struct ht_serving *s, struct ht_channel *channel)
{
	struct ht_image *image = (struct ht_image *)((char *)channel + channel->images_at) + HT_OUTFIT_IMAGE;

	/* relaxed: a failed attempt may have described it already, and nobody has read it */
	atomic_store_explicit(&channel->images, HT_OUTFIT_IMAGE, memory_order_relaxed);
	image->status = HT_IMAGE_RECORDING;
	image->pid = (uint32_t)p->pid;
	image->glibc = s->kind == HT_ALLOCATOR_GLIBC;
	image->ticks = ht_outfit_ticks(channel);
	image->fork_ticks = 0;
	image->parent = 0;
	read_exe(p->pid, image->exe, sizeof(image->exe));
	snprintf(image->allocator, sizeof(image->allocator), "%s", s->module);
	read_text(p->pid, "cmdline", image->command, sizeof(image->command));
	/* release: pairs with the acquire in collect/images.c */
	atomic_store_explicit(&image->number, HT_OUTFIT_IMAGE + 1, memory_order_release);
}
