/* SPDX-License-Identifier: Apache-2.0 */
/* images.c -- notices each program that a process of the session runs: by its agent's word, or by the lack of one
 *
 * Called by: recording.c, kin.c, drain.c.
 *
 *   images (counter) ──► image[number % HT_IMAGE_RING] ──► copied, checked ──► IMAGE record
 *   /proc/PID/exe changed; after 100 ms, libc is mapped, or no ───┐
 *   loader, and no agent                                         │
 *   the kernel told of an exec, and the process ended or went on ─┴► a number is taken for it ──► IMAGE record: unseen
 *
 * Several processes describe images at the same time, so descriptions may come out of order. A number without one is waited for; its process
 * may have been killed in between.
 *
 * Always true: what the target writes there is copied before it is looked at; numbers are given out once, by the
 * counter in the channel, whoever takes one. Targets that count images up for nothing are followed no further
 * than IMAGES_MAX.
 */
#include "collect/images.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IMAGES_MAX 4000000u
#define STRANGER_NS 100000000ull
#define STUCK_NS 1000000000ull

enum { UNSETTLED = 0, NEVER = UINT32_MAX };

void ht_images_fini(struct ht_images *im)
{
	free(im->process_of);
	im->process_of = NULL;
	im->cap = 0;
}

struct ht_process *ht_images_process(const struct ht_images *im, uint32_t image)
{
	return image < im->cap ? ht_processes_get(im->processes, im->process_of[image]) : NULL;
}

static bool make_room(struct ht_images *im, uint32_t number)
{
	uint32_t cap = im->cap ? im->cap : 256;
	uint32_t *more;

	while (cap <= number)
		cap *= 2;
	if (cap == im->cap)
		return true;
	more = realloc(im->process_of, cap * sizeof(*more));
	if (!more)
		return false;
	memset(more + im->cap, 0, (cap - im->cap) * sizeof(*more));
	im->process_of = more;
	im->cap = cap;
	return true;
}

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
	if (status == HT_IMAGE_STATE_RECORDED || status == HT_IMAGE_STATE_UNWANTED)
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
static void remember_exe(struct ht_process *p, const char *said)
{
	struct ht_proc_exe now;

	p->stranger_since_ns = 0;
	if (ht_proc_exe(p->pid, &now) && ends_with(now.path, said))
		p->exe = now;
}

/* ---- what agents say --------------------------------------------------------------------------------------- */

/* The process that this image says is its own. */
static struct ht_process *owner(struct ht_images *im, const struct ht_image *said)
{
	struct ht_process *p = ht_processes_latest(im->processes, (pid_t)said->pid);
	const struct ht_process *parent = ht_images_process(im, said->parent);

	if (p && !p->ended && said->parent && p->image)
		/* a fork makes a new process, so the one we know by this pid is gone */
		ht_processes_end(im->processes, p, said->fork_ticks, -1);
	if (p && (!p->ended || said->ticks <= p->end_ticks))
		return p;
	if (!said->parent)
		parent = ht_processes_find(im->processes, ht_proc_parent((pid_t)said->pid));
	p = ht_processes_add(im->processes, (pid_t)said->pid, parent, said->parent ? said->fork_ticks : said->ticks,
			     said->ticks);
	if (p && !said->parent)
		ht_processes_describe(im->processes, p);
	return p;
}

/* The process has gone already; what it said of its last program remains. */
static void describe_by_image(struct ht_process *p, const struct ht_image *said)
{
	const char *slash = strrchr(said->exe, '/');

	snprintf(p->comm, sizeof(p->comm), "%.15s", slash ? slash + 1 : said->exe);
	p->command.len = 0;
	ht_buf_bytes(&p->command, said->command, command_len(said->command, sizeof(said->command)));
}

static void put(struct ht_images *im, struct ht_image *copy, uint32_t number)
{
	struct ht_process *p;

	copy->exe[sizeof(copy->exe) - 1] = copy->allocator[sizeof(copy->allocator) - 1] = 0;
	if (copy->status < HT_IMAGE_RECORDING || copy->status > HT_IMAGE_NO_LIBC)
		copy->status = HT_IMAGE_RECORDING;
	if (copy->parent >= number || !ht_images_process(im, copy->parent))
		copy->parent = 0;
	p = owner(im, copy);
	im->process_of[number] = p ? p->number : (uint32_t)NEVER;
	if (!p)
		return;
	ht_trace_put_image(im->trace,
			   &(struct ht_meta_image){
				   .image = number,
				   .ticks = copy->ticks,
				   .status = copy->status,
				   .pid = (uint64_t)p->pid,
				   .glibc = copy->glibc == 1,
				   .process = p->number,
				   .forked_from = copy->parent,
				   .fork_ticks = copy->parent ? copy->fork_ticks : 0,
				   .before = number == 1 ? im->before : 0,
				   .before_why = as_str(number == 1 && im->before_why ? im->before_why : ""),
				   .exe = as_str(copy->exe),
				   .allocator = as_str(copy->allocator),
				   .command = { copy->command, command_len(copy->command, sizeof(copy->command)) },
			   });
	note_uncaptured(im, copy->status, copy->exe);
	if (im->processes->modules)
		ht_modules_forget(im->processes->modules, p->image);
	p->image = number;
	p->image_ticks = copy->ticks;
	p->status = copy->status;
	if (copy->parent)
		return;
	remember_exe(p, copy->exe);
	if (!ht_processes_describe(im->processes, p))
		describe_by_image(p, copy);
	ht_processes_put(im->processes, p);
	ht_mappings_look(&p->mappings, number);
}

/* True: image `number` is settled. */
static bool read_image(struct ht_images *im, uint32_t number)
{
	struct ht_image *place = &im->session->images[number % HT_IMAGE_RING];
	struct ht_image copy = { 0 };

	if (im->process_of[number] != UNSETTLED)
		return true;
	/* acquire: pairs with the release in agent/session.c:ht_session_announced() */
	if (atomic_load_explicit(&place->number, memory_order_acquire) != number + 1)
		return false;
	memcpy(&copy, place, sizeof(copy));
	put(im, &copy, number);
	return true;
}

/* The one in front of the others was waited for long enough. */
static bool gives_up(struct ht_images *im)
{
	uint64_t now_ns = ht_ticker_monotonic_ns();

	if (!im->stuck_since_ns)
		im->stuck_since_ns = now_ns;
	if (now_ns - im->stuck_since_ns < STUCK_NS)
		return false;
	im->process_of[im->count + 1] = (uint32_t)NEVER;
	im->unheard++;
	return true;
}

void ht_images_read(struct ht_images *im)
{
	struct ht_channel *ch = im->session->channel;
	/* relaxed: the descriptions are released one by one */
	uint32_t newest = atomic_load_explicit(&ch->images, memory_order_relaxed);
	uint32_t until = newest - im->count < HT_IMAGE_RING ? newest : im->count + HT_IMAGE_RING;

	if (newest == im->count)
		return;
	if (until > IMAGES_MAX || !make_room(im, until))
		return;
	for (uint32_t n = im->count + 1; n <= until; n++)
		if (read_image(im, n) && n == im->count + 1) {
			im->count = n;
			im->stuck_since_ns = 0;
		}
	if (im->count < until && gives_up(im)) {
		im->count++;
		im->stuck_since_ns = 0;
	}
	/* relaxed: agents only want to know about */
	atomic_store_explicit(&ch->images_taken, im->count, memory_order_relaxed);
}

/* ---- what has no agent ------------------------------------------------------------------------------------- */

static bool is_wanted(const struct ht_images *im, const struct ht_process *p)
{
	return p->number == 1 || im->session->flags & HT_SESSION_FOLLOW_EXEC;
}

static void put_stranger(struct ht_images *im, struct ht_process *p)
{
	uint32_t number = atomic_fetch_add_explicit(&im->session->channel->images, 1, memory_order_relaxed) + 1;
	uint64_t status = is_wanted(im, p) ? HT_IMAGE_STATE_UNSEEN : HT_IMAGE_STATE_UNWANTED;

	p->stranger_since_ns = 0;
	p->exec_ticks = 0;
	if (number > IMAGES_MAX || !make_room(im, number) || im->process_of[number] != UNSETTLED) {
		im->unheard++; /* the counter is not to be believed */
		return;
	}
	im->process_of[number] = p->number;
	ht_trace_put_image(im->trace, &(struct ht_meta_image){
					      .image = number,
					      .ticks = ht_ticker_now(im->ticker),
					      .status = status,
					      .pid = (uint64_t)p->pid,
					      .process = p->number,
					      .exe = as_str(p->stranger.path),
				      });
	note_uncaptured(im, status, p->stranger.path);
	p->exe = p->stranger;
	p->image = number;
	p->status = (uint32_t)status;
	ht_images_read(im);
}

static bool is_same(const struct ht_proc_exe *a, const struct ht_proc_exe *b)
{
	return a->dev == b->dev && a->ino == b->ino;
}

bool ht_images_is_running(const struct ht_images *im, uint32_t image)
{
	const struct ht_process *p = ht_images_process(im, image);
	struct ht_proc_exe now;

	return p && !p->ended && image == p->image && ht_proc_exe(p->pid, &now) && is_same(&now, &p->exe);
}

void ht_images_expect(struct ht_images *im, struct ht_process *root, const char *path)
{
	(void)im;
	root->stranger_since_ns = ht_ticker_monotonic_ns();
	if (!ht_proc_exe(root->pid, &root->stranger))
		snprintf(root->stranger.path, sizeof(root->stranger.path), "%s", path);
}

/* True: the process runs what it ran, or something that has an agent, which will speak up. */
static bool is_no_stranger(struct ht_process *p, const struct ht_proc_exe *now)
{
	if (!is_same(now, &p->exe) && !ht_proc_maps(p->pid, HT_IMAGES_AGENT))
		return false;
	p->exe = *now;
	p->stranger_since_ns = 0;
	return true;
}

/* The loader maps what is preloaded before libc, and may take long to get there where many wait for a processor. */
static bool is_loading(pid_t pid)
{
	return ht_proc_maps(pid, "/ld-linux-") && !ht_proc_maps(pid, "/libc");
}

/* An agent would have been mapped by now, so whoever looks for one afterwards and finds none may say so. */
static bool is_late(const struct ht_images *im, const struct ht_process *p, const struct ht_proc_exe *now,
		    uint64_t now_ns)
{
	if (!p->stranger_since_ns || !is_same(now, &p->stranger) || now_ns - p->stranger_since_ns < STRANGER_NS)
		return false;
	return (!im->execs_told || p->exec_ticks > p->image_ticks) && !is_loading(p->pid);
}

void ht_images_watch(struct ht_images *im, struct ht_process *p)
{
	uint64_t now_ns = ht_ticker_monotonic_ns();
	struct ht_proc_exe now;
	bool late;

	if (!ht_proc_exe(p->pid, &now))
		return;
	late = is_late(im, p, &now, now_ns);
	if (is_no_stranger(p, &now))
		return;
	if (late) {
		ht_images_ending(im, p); /* it may have spoken up and ended since */
	} else if (!p->stranger_since_ns || !is_same(&now, &p->stranger)) {
		p->stranger = now;
		p->stranger_since_ns = now_ns;
	}
}

void ht_images_executed(struct ht_images *im, struct ht_process *p, uint64_t ticks)
{
	struct ht_proc_exe now;

	if (p->exec_ticks)
		ht_images_ending(im, p);
	p->exec_ticks = ticks;
	if (p->image_ticks > ticks)
		return;
	p->stranger = (struct ht_proc_exe){ 0 };
	if (p->ended) {
		ht_images_ending(im, p);
	} else if (ht_proc_exe(p->pid, &now)) {
		p->stranger = now;
		p->stranger_since_ns = ht_ticker_monotonic_ns();
	}
}

void ht_images_ending(struct ht_images *im, struct ht_process *p)
{
	ht_images_read(im);
	if (p->exec_ticks ? p->exec_ticks > p->image_ticks : p->stranger_since_ns != 0)
		put_stranger(im, p);
}
