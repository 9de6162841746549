/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_api.c -- whatever a trace file holds, every question of libheaptap ends, in its own memory, and says what it says twice
 *
 * Property: each question is answered or refused with a reason; asked again, it gives the same figures; beside itself nothing grows.
 *
 * An input is a whole file; its last byte also chooses the words of the questions. Checksums are repaired by fuzz_trace.c, whose
 * corpus is worth giving to this one; here it is the questions that are many.
 */
#include <heaptap/heaptap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int file;
static char path[64];

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	file = memfd_create("fuzz", MFD_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	return file < 0 ? abort(), 0 : 0;
}

static void judge(int rc, const struct heaptap_error *error)
{
	if (rc && (rc != error->code || !*error->text))
		abort();
}

static int count(void *state, const struct heaptap_event *event)
{
	const uint64_t *pc;
	const char *cut;

	(void)event;
	return heaptap_event_stack(*(struct heaptap_trace **)state, &pc, &cut) > 4096;
}

static int see(void *state, const struct heaptap_lifetime *life)
{
	(void)state;
	return !life->born && life->made_by != HEAPTAP_EXISTING ? abort(), 1 : 0;
}

/* All that a place says, folded into one number. */
static uint64_t places(struct heaptap_trace *t, const struct heaptap_question *q)
{
	struct heaptap_places *p = NULL;
	const struct heaptap_place *place;
	struct heaptap_error error;
	uint64_t sum = 0;

	judge(heaptap_places(t, q, &p, &error), &error);
	for (size_t i = 0; (place = heaptap_places_get(p, i)); i++) {
		sum = sum * 31 + (uint64_t)place->bytes * 7 + (uint64_t)place->count + place->frames;
		for (size_t n = 0; n < place->frames; n++)
			sum += place->frame[n]->offset;
	}
	heaptap_places_release(&p);
	return sum;
}

/* By a budget that allows nothing, beside itself. */
static void sentence(struct heaptap_trace *t)
{
	const struct heaptap_limits l = { .size = sizeof(l), .max_peak = "0", .max_allocs = "0", .max_growth = "0%" };
	const struct heaptap_finding *f;
	struct heaptap_verdict *v = NULL;
	struct heaptap_error error;

	judge(heaptap_verdict(t, t, &l, &v, &error), &error);
	for (size_t i = 0; (f = heaptap_verdict_get(v, i)); i++) {
		size_t culprits = f->culprits;

		if (f->exceeded != (f->value > f->allowed) || (f->exceeded && !strcmp(f->limit, "max-growth")))
			abort();
		for (size_t k = 0; k < culprits; k++)
			if (!heaptap_verdict_culprit(v, i, k))
				abort();
	}
	heaptap_verdict_release(&v);
}

static void ask(struct heaptap_trace *t, unsigned choice)
{
	static const char *const by[] = { NULL, "peak", "temporary", "growth" };
	static const char *const group[] = { NULL, "thread", "size", "allocator-function" };
	struct heaptap_question q = { .size = sizeof(q), .by = by[choice % 4], .group = group[choice / 4 % 4] };
	const struct heaptap_account *account;
	const struct heaptap_facts *facts;
	struct heaptap_timeline *line = NULL;
	struct heaptap_misuses *misuses = NULL;
	struct heaptap_changes *changes = NULL;
	struct heaptap_error error;

	q.to = choice & 16 ? "1ms" : NULL;
	judge(heaptap_facts(t, &facts, &error), &error);
	judge(heaptap_account(t, &account, &error), &error);
	judge(heaptap_events(t, count, &t, &error), &error);
	judge(heaptap_timeline(t, 7, &line, &error), &error);
	judge(heaptap_misuses(t, &misuses, &error), &error);
	judge(heaptap_changes(t, t, NULL, &changes, &error), &error);
	judge(heaptap_story_of_event(t, 3, see, NULL, &error), &error);
	if (changes && heaptap_changes_count(changes))
		abort();
	for (size_t i = 0; heaptap_misuses_get(misuses, i); i++)
		;
	if (places(t, &q) != places(t, &q))
		abort();
	sentence(t);
	heaptap_changes_release(&changes);
	heaptap_misuses_release(&misuses);
	heaptap_timeline_release(&line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct heaptap_open_options o = { .size = sizeof(o), .no_symbols = 1 };
	struct heaptap_trace *t = NULL;
	struct heaptap_error error;

	if (!size || ftruncate(file, 0) || pwrite(file, data, size, 0) != (ssize_t)size)
		return 0;
	o.to = data[size - 1] & 32 ? "1ms" : NULL;
	judge(heaptap_open(path, &o, &t, &error), &error);
	if (t)
		ask(t, data[size - 1]);
	heaptap_close(&t);
	return 0;
}
