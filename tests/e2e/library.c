/* SPDX-License-Identifier: Apache-2.0 */
/* library.c -- answers as the commands do, by libheaptap alone, so that both can be compared
 *
 *   library script|info|verify|report --json FILE [--OPTION=WORD...]     what heaptap prints, as far as the library tells it
 *   library wrong FILE                                                   what must be refused, on an intact trace
 *   library threads FILE FILE                                            both traces at once, each in a thread, again and again
 *
 * Called by library.sh, and by the decoder's agree.sh in the place of heaptap. The exit status is the command's. It includes
 * nothing of heaptap but the public header, and is linked with the static library.
 */
#include <pthread.h>

#include "library.h"

/* ---- script ------------------------------------------------------------------------------------------------ */

static void put_moved(const struct heaptap_event *e)
{
	put_if("begin_ns", e->has_old, e->begin_ns);
	put_hex("old_address", e->has_old, e->old_address);
	put_if("old_size", e->has_old_size, e->old_size);
	put_hex("new_address", e->has_address, e->address);
	put_number("new_size", e->size);
	put_flag("failed", e->failed);
}

static int put_event(void *state, const struct heaptap_event *e)
{
	static const char *const kinds[] = { "alloc", "free", "realloc", "existing" };
	static const char *const heaps[] = { NULL, "main", "other" };
	const uint64_t *pc = NULL;
	const char *cut = NULL;
	size_t depth = heaptap_event_stack(state, &pc, &cut);

	putchar('{');
	put_number("time_ns", e->time_ns);
	put_number("thread", e->thread);
	put_number("process", e->process);
	put_name("event", kinds[e->kind]);
	put_name("function", e->function);
	put_name("heap", heaps[e->heap]);
	put_number("source", e->source);
	if (e->kind == HEAPTAP_REALLOC) {
		put_moved(e);
	} else {
		put_if("size", e->has_size, e->size);
		put_hex("address", e->has_address, e->address);
	}
	put_hex("caller", depth > 0, depth ? pc[0] : 0);
	put_name("stack_cut", cut);
	printf("\"stack\":[");
	for (size_t i = 0; i < depth; i++)
		printf("%s\"0x%" PRIx64 "\"", i ? "," : "", pc[i]);
	printf("]}\n");
	return 0;
}

static int script(struct heaptap_trace *t)
{
	const struct heaptap_facts *facts;

	if (heaptap_events(t, put_event, t, &error))
		return complain();
	if (opening.from || opening.to)
		return 0;
	return heaptap_facts(t, &facts, &error) ? complain() : facts->broken ? 4 : 0;
}

/* ---- info and verify --------------------------------------------------------------------------------------- */

static void put_process(const struct heaptap_process *p)
{
	put_number("process", p->number);
	put_number("pid", p->pid);
	put_number("ppid", p->parent_pid);
	put_name("comm", p->name);
	put_number("allocated_bytes", p->allocated_bytes);
	put_number("peak_bytes", p->peak_bytes);
	put_number("peak_blocks", p->peak_blocks);
	put_if("peak_ns", p->peak_blocks > 0, p->peak_ns);
	put_number("unfreed_bytes", p->unfreed_bytes);
	printf("\"unfreed_blocks\":%" PRIu64, p->unfreed_blocks);
}

static void put_target(const struct heaptap_facts *f)
{
	int has_session = f->host != NULL;

	printf("{\"command\":");
	for (size_t i = 0; f->command[i]; i++) {
		printf(i ? "," : "[");
		put_string(f->command[i]);
	}
	printf(has_session ? f->command[0] ? "]," : "[]," : "null,");
	put_name("host", f->host);
	put_name("heaptap", f->recorder);
	put_name("end_reason", f->end_reason);
	put_if("pid", has_session, f->pid);
	put_if("start_realtime_ns", has_session, f->start_realtime_ns);
	put_if("duration_ns", has_session, f->duration_ns);
}

static int info(struct heaptap_trace *t)
{
	const struct heaptap_facts *f;

	if (heaptap_facts(t, &f, &error))
		return complain();
	put_target(f);
	put_number("events", f->events);
	put_number("allocs", f->allocs);
	put_number("frees", f->frees);
	put_number("reallocs", f->reallocs);
	put_number("failed", f->failed);
	put_number("existing", f->existing);
	put_number("peak_bytes", f->peak_bytes);
	put_number("peak_blocks", f->peak_blocks);
	put_if("peak_ns", f->peak_blocks > 0, f->peak_ns);
	put_number("unfreed_bytes", f->unfreed_bytes);
	put_number("unfreed_blocks", f->unfreed_blocks);
	put_number("counted_only", f->counted_only_calls);
	put_number("lost", f->lost_calls);
	put_number("blocked_ns", f->blocked_ns);
	put_number("bytes_on_disk", f->file_bytes);
	put_number("damaged_blocks", f->damages);
	put_number("threads", f->threads);
	put_number("contexts", f->contexts);
	put_number("images", f->images);
	put_number("modules", f->modules);
	put_number("modules_left_out", f->modules_left_out);
	put_number("forked_children", f->forked_children);
	if (f->follows)
		put_flag("processes_told", f->processes_told);
	else
		printf("\"processes_told\":null,");
	printf("\"processes\":[");
	for (size_t i = 0; heaptap_process(t, i); i++) {
		printf(i ? ",{" : "{");
		put_process(heaptap_process(t, i));
		printf("}");
	}
	printf("]}\n");
	return f->broken ? 4 : 0;
}

static void put_thread(const struct heaptap_thread *t)
{
	put_number("thread", t->number);
	put_if("tid", t->name != NULL, t->tid);
	put_name("name", t->name);
	put_number("entered", t->entered);
	put_number("recorded", t->recorded);
	put_number("counted_only", t->counted_only);
	put_number("lost", t->lost);
	put_flag("closes", t->closes);
	printf("\"in_flight\":%" PRId64, t->in_flight);
}

static int verify(struct heaptap_trace *t)
{
	const struct heaptap_account *a;

	if (heaptap_account(t, &a, &error))
		return complain();
	putchar('{');
	put_number("entered", a->entered);
	put_number("recorded", a->recorded);
	put_number("counted_only", a->counted_only);
	put_number("lost", a->lost);
	put_number("reordered", a->reordered);
	put_number("history_violations", a->violations);
	put_number("unknown_releases", a->unknown_releases);
	put_number("damaged_blocks", a->damages);
	put_number("missing_sequences", a->missing_events);
	put_number("unrecorded_images", a->unrecorded_images);
	put_number("live_blocks", a->live_blocks);
	put_number("live_bytes", a->live_bytes);
	put_flag("complete", a->complete);
	printf("\"in_flight\":%" PRId64 ",\"threads\":[", a->in_flight);
	for (size_t i = 0; heaptap_thread(t, i); i++) {
		printf(i ? ",{" : "{");
		put_thread(heaptap_thread(t, i));
		printf("}");
	}
	printf("]}\n");
	return a->complete ? 0 : 1;
}

/* ---- report ------------------------------------------------------------------------------------------------ */

static struct heaptap_question question = { .size = sizeof(question) };

static void put_tally(const char *key, int known, const struct heaptap_tally *t)
{
	char name[32];

	snprintf(name, sizeof(name), "%s_bytes", key);
	put_if(name, known, t->bytes);
	snprintf(name, sizeof(name), "%s_count", key);
	put_if(name, known, t->count);
}

static void put_totals(const struct heaptap_totals *t)
{
	int has_peak = !question.min_lifetime && !question.max_lifetime;

	printf("\"totals\":{");
	put_tally("allocated", 1, &t->allocated);
	put_tally("peak", has_peak, &t->peak);
	put_if("peak_time_ns", has_peak, t->peak_ns);
	put_tally("leaked", t->knows_leaks, &t->leaked);
	put_tally("runtime", t->knows_leaks, &t->runtime);
	put_tally("suppressed", t->knows_leaks, &t->suppressed);
	put_tally("late", t->knows_leaks, &t->late);
	put_tally("temporary", 1, &t->temporary);
	put_tally("aifo", 1, &t->aifo);
	put_tally("aifi", 1, &t->aifi);
	put_tally("aofi", 1, &t->aofi);
	put_tally("aofo", 1, &t->aofo);
	put_tally("live", 1, &t->live);
	printf("\"lost_calls\":%" PRIu64 "},", t->lost_calls);
}

static void put_place(const struct heaptap_place *p)
{
	const char *group = question.group ? question.group : "stack";

	if (!strcmp(group, "thread"))
		put_number("thread", p->thread);
	if (!strcmp(group, "thread"))
		put_name("name", p->name);
	if (!strcmp(group, "size"))
		put_number("from_bytes", p->least);
	if (!strcmp(group, "size"))
		put_number("to_bytes", p->most);
	if (!strcmp(group, "function") || !strcmp(group, "allocator-function"))
		put_name("function", p->name);
	if (!strcmp(group, "function"))
		put_name("module", p->frames ? p->frame[0]->module : NULL);
	if (!strcmp(group, "library"))
		put_name("module", p->name);
	if (!strcmp(group, "stack")) {
		put_frames(p->frame, p->frames);
		putchar(',');
	}
	printf("\"bytes\":%" PRId64 ",\"count\":%" PRId64, p->bytes, p->count);
}

/* The trace is closed first: an answer outlives it. */
static int report(struct heaptap_trace **t)
{
	struct heaptap_places *places;
	size_t count;
	int broken;

	if (heaptap_places(*t, &question, &places, &error))
		return complain();
	heaptap_close(t);
	if (heaptap_places_nothing(places))
		fprintf(stderr, "library: %s\n", heaptap_places_nothing(places));
	count = heaptap_places_count(places);
	broken = heaptap_places_totals(places)->broken;
	putchar('{');
	put_totals(heaptap_places_totals(places));
	put_name("group", question.group ? question.group : "stack");
	put_number("places", count);
	printf("\"sites\":[");
	for (size_t i = 0; i < count; i++) {
		printf(i ? ",{" : "{");
		put_place(heaptap_places_get(places, i));
		printf("}");
	}
	printf("]}\n");
	heaptap_places_release(&places);
	return broken ? 4 : 0;
}

/* ---- what is wrong ----------------------------------------------------------------------------------------- */

static int meddle(void *state, const struct heaptap_event *e)
{
	struct heaptap_places *places = NULL;
	const struct heaptap_facts *facts;

	(void)e;
	EXPECT(heaptap_places(state, NULL, &places, &error) == HEAPTAP_EUSAGE && !places);
	EXPECT(heaptap_facts(state, &facts, &error) == HEAPTAP_EUSAGE);
	EXPECT(heaptap_events(state, meddle, state, &error) == HEAPTAP_EUSAGE);
	return 42;
}

static int close_it(void *state, const struct heaptap_event *e)
{
	(void)e;
	heaptap_close(state);
	return 0;
}

static void ask_nothing(void)
{
	struct heaptap_trace *none = NULL;
	struct heaptap_places *places = NULL;
	const struct heaptap_facts *facts = NULL;
	const struct heaptap_account *account = NULL;
	const struct heaptap_frame *const *frames;
	const uint64_t *pc;
	size_t count;

	EXPECT(heaptap_open(NULL, NULL, &none, &error) == HEAPTAP_EUSAGE);
	EXPECT(heaptap_open("/nowhere", NULL, NULL, &error) == HEAPTAP_EUSAGE);
	EXPECT(heaptap_open("/nowhere", NULL, &none, NULL) == HEAPTAP_ESYSTEM && !none);
	EXPECT(heaptap_open("/dev/null", NULL, &none, &error) == HEAPTAP_EFORMAT && !none);
	EXPECT(heaptap_facts(NULL, &facts, &error) == HEAPTAP_EUSAGE && !facts);
	EXPECT(heaptap_account(NULL, &account, NULL) == HEAPTAP_EUSAGE && !account);
	EXPECT(heaptap_events(NULL, meddle, NULL, &error) == HEAPTAP_EUSAGE);
	EXPECT(heaptap_places(NULL, NULL, &places, &error) == HEAPTAP_EUSAGE && !places);
	EXPECT(heaptap_event_frames(NULL, &frames, &count, &error) == HEAPTAP_EUSAGE);
	EXPECT(heaptap_event_stack(NULL, &pc, NULL) == 0);
	EXPECT(!heaptap_process(NULL, 0) && !heaptap_thread(NULL, 0) && !heaptap_damage(NULL, 0) &&
	       !heaptap_warning(NULL, 0));
	EXPECT(!heaptap_places_get(NULL, 0) && !heaptap_places_count(NULL) && !heaptap_places_totals(NULL));
	EXPECT(!heaptap_places_nothing(NULL));
	heaptap_close(NULL);
	heaptap_close(&none);
	heaptap_places_release(NULL);
	heaptap_places_release(&places);
	EXPECT(*heaptap_version());
}

static void ask_wrongly(struct heaptap_trace *t)
{
	struct heaptap_question q = { .size = sizeof(q), .by = "beauty" };
	struct {
		struct heaptap_question q;
		const char *later;
	} longer = { { .size = sizeof(longer) }, "what a later version asks" };
	struct heaptap_places *places = NULL;

	EXPECT(heaptap_places(t, &q, &places, &error) == HEAPTAP_EUSAGE && strstr(error.text, "beauty"));
	q.by = NULL;
	q.from = "5 bananas";
	EXPECT(heaptap_places(t, &q, &places, &error) == HEAPTAP_EUSAGE && strstr(error.text, "bananas"));
	q.size = 0;
	EXPECT(heaptap_places(t, &q, &places, &error) == HEAPTAP_EUSAGE);
	EXPECT(heaptap_places(t, &longer.q, &places, &error) == HEAPTAP_EUSAGE);
	EXPECT(!places);
	longer.later = NULL;
	EXPECT(!heaptap_places(t, &longer.q, &places, &error));
	heaptap_places_release(&places);
	EXPECT(!places);
}

static void ask_within_window(const char *file)
{
	struct heaptap_open_options o = { .size = sizeof(o), .from = "0us", .to = "1us" };
	struct heaptap_question q = { .size = sizeof(q), .by = "leaked" };
	const struct heaptap_account *account = NULL;
	struct heaptap_places *places = NULL;
	struct heaptap_trace *t = NULL;

	EXPECT(!heaptap_open(file, &o, &t, &error));
	EXPECT(heaptap_account(t, &account, &error) == HEAPTAP_EUSAGE && !account);
	EXPECT(heaptap_places(t, &q, &places, &error) == HEAPTAP_EUSAGE && !places);
	q.by = "allocated";
	q.to = "2us";
	EXPECT(heaptap_places(t, &q, &places, &error) == HEAPTAP_EUSAGE && !places);
	q.to = NULL;
	EXPECT(!heaptap_places(t, &q, &places, &error));
	heaptap_places_release(&places);
	heaptap_close(&t);
	o.to = "never";
	EXPECT(heaptap_open(file, &o, &t, &error) == HEAPTAP_EUSAGE && !t);
	o.from = "2us";
	o.to = "1us";
	EXPECT(heaptap_open(file, &o, &t, &error) == HEAPTAP_EUSAGE && !t);
	o.from = o.to = NULL;
	o.process = "nobody-has-this-name";
	EXPECT(heaptap_open(file, &o, &t, &error) == HEAPTAP_EUSAGE && !t);
	o.process = NULL;
	o.sysroot = "/dev/null";
	EXPECT(heaptap_open(file, &o, &t, &error) == HEAPTAP_EUSAGE && !t);
}

static int wrong(const char *file)
{
	struct heaptap_trace *t = NULL;
	const uint64_t *pc;

	ask_nothing();
	EXPECT(!heaptap_open(file, NULL, &t, &error));
	EXPECT(heaptap_events(t, NULL, NULL, &error) == HEAPTAP_EUSAGE);
	EXPECT(heaptap_events(t, meddle, t, &error) == 42);
	EXPECT(heaptap_event_stack(t, &pc, NULL) == 0);
	ask_wrongly(t);
	EXPECT(!heaptap_events(t, close_it, &t, &error) && !t);
	ask_within_window(file);
	return bad;
}

/* ---- two threads ------------------------------------------------------------------------------------------- */

#define ROUNDS 5

static int count_event(void *state, const struct heaptap_event *e)
{
	(void)e;
	++*(uint64_t *)state;
	return 0;
}

/* Asks again and again, and expects the same answers; NULL if so. */
static void *ask_often(void *file)
{
	uint64_t events[ROUNDS] = { 0 }, bytes[ROUNDS] = { 0 };
	struct heaptap_error mine;

	for (int i = 0; i < ROUNDS; i++) {
		struct heaptap_places *places;
		struct heaptap_trace *t;

		if (heaptap_open(file, NULL, &t, &mine) || heaptap_events(t, count_event, &events[i], &mine) ||
		    heaptap_places(t, NULL, &places, &mine))
			return "refused";
		for (size_t n = 0; n < heaptap_places_count(places); n++)
			bytes[i] += (uint64_t)heaptap_places_get(places, n)->bytes;
		heaptap_places_release(&places);
		heaptap_close(&t);
		if (!events[i] || events[i] != events[0] || bytes[i] != bytes[0])
			return "another answer than before";
	}
	return NULL;
}

static int threads(char *const file[2])
{
	pthread_t thread[2];
	void *says;

	for (int i = 0; i < 2; i++)
		if (pthread_create(&thread[i], NULL, ask_often, file[i]))
			return 3;
	for (int i = 0; i < 2; i++) {
		pthread_join(thread[i], &says);
		if (says) {
			printf("%s: %s\n", file[i], (const char *)says);
			bad = 1;
		}
	}
	return bad;
}

/* ---- the command line -------------------------------------------------------------------------------------- */

/* "--by=peak" into the field that is called so. */
static int take_option(const char *word)
{
	const struct {
		const char *name;
		const char **to;
	} known[] = {
		{ "--by=", &question.by },
		{ "--group=", &question.group },
		{ "--thread=", &question.thread },
		{ "--min-size=", &question.min_size },
		{ "--max-size=", &question.max_size },
		{ "--stack=", &question.stack },
		{ "--module=", &question.module },
		{ "--min-lifetime=", &question.min_lifetime },
		{ "--max-lifetime=", &question.max_lifetime },
		{ "--from=", &question.from },
		{ "--to=", &question.to },
		{ "--at=", &question.at },
		{ "--temporary=", &question.temporary },
		{ "--tail-cut=", &question.tail_cut },
		{ "--suppressions=", &question.suppressions },
		{ "--process=", &opening.process },
		{ "--sysroot=", &opening.sysroot },
		{ "--open-from=", &opening.from },
		{ "--open-to=", &opening.to },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (!strncmp(word, known[i].name, strlen(known[i].name))) {
			*known[i].to = word + strlen(known[i].name);
			return 1;
		}
	return !strcmp(word, "--json");
}

int main(int argc, char **argv)
{
	struct heaptap_trace *t;
	const char *file = NULL, *what = argc > 1 ? argv[1] : "";
	int status = 2;

	if (argc == 3 && !strcmp(what, "wrong"))
		return wrong(argv[2]);
	if (argc == 4 && !strcmp(what, "threads"))
		return threads(&argv[2]);
	for (int i = 2; i < argc; i++)
		if (!take_option(argv[i]))
			file = argv[i];
	if (heaptap_open(file, &opening, &t, &error))
		return complain();
	for (size_t i = 0; heaptap_damage(t, i); i++)
		fprintf(stderr, "library: %s\n", heaptap_damage(t, i));
	if (!strcmp(what, "script"))
		status = script(t);
	else if (!strcmp(what, "info"))
		status = info(t);
	else if (!strcmp(what, "verify"))
		status = verify(t);
	else if (!strcmp(what, "report"))
		status = report(&t);
	heaptap_close(&t);
	return status;
}
