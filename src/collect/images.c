/* SPDX-License-Identifier: Apache-2.0 */
/* images.c -- notices each exec of the target: by its agent's word, or by the lack of one
 *
 * Called by: recording.c, drain.c.
 *
 *   images (counter) ──► image[number % HT_IMAGE_RING] ──► copied, checked ──► IMAGE record
 *   /proc/PID/exe changed, and after 100 ms no agent is mapped ──► a number is taken for it ──► IMAGE record: unseen
 *
 * Always true: what the target writes there is copied before it is looked at; numbers are given out once, by the
 * counter in the channel, whoever takes one. A target that counts images up for nothing is followed no further
 * than IMAGES_MAX.
 */
#include "collect/images.h"

#include <stdio.h>
#include <string.h>

#define IMAGES_MAX 100000u
#define STRANGER_NS 100000000ull

static struct ht_str as_str(const char *text)
{
	return (struct ht_str){ text, strlen(text) };
}

/* Arguments, each with its NUL; the array ends with at least one. */
static size_t command_len(const char *command, size_t room)
{
	size_t len = room;

	while (len && !command[len - 1])
		len--;
	return len && len < room ? len + 1 : len;
}

static void note_uncaptured(struct ht_images *im, uint64_t status, const char *exe)
{
	if (status == HT_IMAGE_STATE_RECORDED)
		return;
	im->uncaptured++;
	im->uncaptured_status = (uint32_t)status;
	memccpy(im->uncaptured_exe, exe, 0, sizeof(im->uncaptured_exe) - 1);
}

static bool ends_with(const char *text, const char *end)
{
	size_t a = strlen(text), b = strlen(end);

	return b && a >= b && !strcmp(text + a - b, end);
}

/* What the process runs now is what this image said; or it has gone on already, and the next look finds a stranger. */
static void remember_exe(struct ht_images *im, const char *said)
{
	struct ht_proc_exe now;

	im->stranger_since_ns = 0;
	if (ht_proc_exe(im->pid, &now) && ends_with(now.path, said))
		im->exe = now;
}

static void put(struct ht_images *im, struct ht_image *copy, uint32_t number)
{
	copy->exe[sizeof(copy->exe) - 1] = copy->allocator[sizeof(copy->allocator) - 1] = 0;
	if (copy->status < HT_IMAGE_RECORDING || copy->status > HT_IMAGE_NO_LIBC)
		copy->status = HT_IMAGE_RECORDING;
	ht_trace_put_image(im->trace,
			   &(struct ht_meta_image){
				   .image = number,
				   .ticks = copy->ticks,
				   .status = copy->status,
				   .pid = (uint64_t)im->pid,
				   .glibc = copy->glibc == 1,
				   .exe = as_str(copy->exe),
				   .allocator = as_str(copy->allocator),
				   .command = { copy->command, command_len(copy->command, sizeof(copy->command)) },
			   });
	note_uncaptured(im, copy->status, copy->exe);
	remember_exe(im, copy->exe);
	im->count = number;
}

/* True: image `number` has described itself, or never will. */
static bool read_image(struct ht_images *im, uint32_t number, uint32_t newest)
{
	struct ht_image *place = &im->session->images[number % HT_IMAGE_RING];
	struct ht_image copy = { 0 };
	/* acquire: pairs with the release in agent/session.c:describe() */
	uint32_t there = atomic_load_explicit(&place->number, memory_order_acquire);

	if (there == number + 1)
		memcpy(&copy, place, sizeof(copy));
	else if (number == newest)
		return false; /* it is at it */
	put(im, &copy, number);
	return true;
}

void ht_images_read(struct ht_images *im)
{
	/* relaxed: the descriptions are released one by one */
	uint32_t newest = atomic_load_explicit(&im->session->channel->images, memory_order_relaxed);

	while (im->count < newest && im->count < IMAGES_MAX)
		if (!read_image(im, im->count + 1, newest))
			return;
}

static void put_stranger(struct ht_images *im)
{
	uint32_t number = atomic_fetch_add_explicit(&im->session->channel->images, 1, memory_order_relaxed) + 1;

	ht_images_read(im);
	if (number != im->count + 1)
		return; /* an agent spoke up after all, or the counter is not to be believed */
	ht_trace_put_image(im->trace, &(struct ht_meta_image){
					      .image = number,
					      .ticks = ht_ticker_now(im->ticker),
					      .status = HT_IMAGE_STATE_UNSEEN,
					      .pid = (uint64_t)im->pid,
					      .exe = as_str(im->stranger.path),
				      });
	note_uncaptured(im, HT_IMAGE_STATE_UNSEEN, im->stranger.path);
	im->exe = im->stranger;
	im->stranger_since_ns = 0;
	im->count = number;
}

static bool is_same(const struct ht_proc_exe *a, const struct ht_proc_exe *b)
{
	return a->dev == b->dev && a->ino == b->ino;
}

bool ht_images_is_running(const struct ht_images *im, uint32_t image)
{
	struct ht_proc_exe now;

	return image == im->count && ht_proc_exe(im->pid, &now) && is_same(&now, &im->exe);
}

void ht_images_expect(struct ht_images *im, const char *path)
{
	im->stranger_since_ns = ht_ticker_monotonic_ns();
	if (!ht_proc_exe(im->pid, &im->stranger))
		snprintf(im->stranger.path, sizeof(im->stranger.path), "%s", path);
}

/* True: the process runs what it ran, or something that has an agent, which will speak up. */
static bool is_no_stranger(struct ht_images *im, const struct ht_proc_exe *now)
{
	if (!is_same(now, &im->exe) && !ht_proc_maps(im->pid, HT_IMAGES_AGENT))
		return false;
	im->exe = *now;
	im->stranger_since_ns = 0;
	return true;
}

void ht_images_watch(struct ht_images *im, bool last)
{
	uint64_t now_ns = ht_ticker_monotonic_ns();
	struct ht_proc_exe now;

	ht_images_read(im);
	if (last) {
		if (im->stranger_since_ns || !im->count)
			put_stranger(im);
		return;
	}
	if (!ht_proc_exe(im->pid, &now) || is_no_stranger(im, &now))
		return;
	if (!im->stranger_since_ns || !is_same(&now, &im->stranger)) {
		im->stranger = now;
		im->stranger_since_ns = now_ns;
	} else if (now_ns - im->stranger_since_ns >= STRANGER_NS) {
		put_stranger(im);
	}
}
