/* SPDX-License-Identifier: Apache-2.0 */
/* library-more.c -- answers timeline, errors, block, diff and budget as the commands do, by libheaptap alone
 *
 *   library-more timeline --json FILE [--points=N]        library-more errors --json FILE
 *   library-more block --json FILE ADDRESS|EVENT          library-more diff --json BEFORE AFTER [--by=MEASURE]
 *   library-more budget --json FILE [--max-peak=SIZE]... [--in=FUNCTION]... [--budget=FILE] [--baseline=FILE]
 *   library-more wrong FILE                               what must be refused, on an intact trace
 *
 * Called by library.sh; by `answered` of lib.sh and by limits.sh in the place of heaptap. The exit status is the command's.
 */
#include "library.h"

static int is_broken(struct heaptap_trace *t)
{
	const struct heaptap_facts *facts;

	return heaptap_facts(t, &facts, &error) || facts->broken;
}

static void put_call(const char *key, const struct heaptap_call *c)
{
	printf("\"%s\":", key);
	if (!c) {
		printf("null,");
		return;
	}
	putchar('{');
	put_number("time_ns", c->time_ns);
	put_number("thread", c->thread);
	put_name("function", c->function);
	put_hex("caller", c->has_caller, c->caller);
	put_frames(c->frame, c->frames);
	printf("},");
}

/* ---- timeline ---------------------------------------------------------------------------------------------- */

static int timeline(struct heaptap_trace *t, size_t points)
{
	struct heaptap_timeline *line;
	const struct heaptap_point *p;

	if (heaptap_timeline(t, points, &line, &error))
		return complain();
	putchar('{');
	put_number("step_ns", heaptap_timeline_peak(line)->step_ns);
	put_number("peak_bytes", heaptap_timeline_peak(line)->bytes);
	put_number("peak_blocks", heaptap_timeline_peak(line)->blocks);
	put_if("peak_ns", heaptap_timeline_peak(line)->known, heaptap_timeline_peak(line)->time_ns);
	printf("\"points\":[");
	for (size_t i = 0; (p = heaptap_timeline_get(line, i)); i++) {
		printf(i ? ",{" : "{");
		put_number("start_ns", p->start_ns);
		put_number("bytes", p->bytes);
		put_number("blocks", p->blocks);
		put_number("most_bytes", p->most_bytes);
		put_number("most_blocks", p->most_blocks);
		put_number("allocs", p->allocs);
		put_number("frees", p->frees);
		put_number("allocated_bytes", p->allocated_bytes);
		printf("\"released_bytes\":%" PRIu64 "}", p->released_bytes);
	}
	printf("]}\n");
	heaptap_timeline_release(&line);
	return is_broken(t) ? 4 : 0;
}

/* ---- errors ------------------------------------------------------------------------------------------------ */

static void put_misuse(const struct heaptap_misuse *m)
{
	static const char *const kinds[] = { "double-free", "free-inside-block", "free-of-unknown", "mismatch" };

	put_name("kind", kinds[m->kind]);
	put_number("count", m->count);
	put_hex("block_address", m->born != NULL, m->block_address);
	put_if("block_size", m->born != NULL, m->block_size);
	put_call("here", m->here);
	put_call("handed_out", m->born);
	put_call("released", m->before);
	printf("\"address\":\"0x%" PRIx64 "\"", m->address);
}

static int errors(struct heaptap_trace *t)
{
	const struct heaptap_misuse_sums *sums;
	struct heaptap_misuses *m;
	int found;

	if (heaptap_misuses(t, &m, &error))
		return complain();
	sums = heaptap_misuses_sums(m);
	putchar('{');
	put_number("errors", sums->errors);
	put_number("judged", sums->judged);
	put_number("unjudged", sums->unjudged);
	put_number("inverted", sums->inverted);
	printf("\"places\":[");
	for (size_t i = 0; heaptap_misuses_get(m, i); i++) {
		printf(i ? ",{" : "{");
		put_misuse(heaptap_misuses_get(m, i));
		printf("}");
	}
	printf("]}\n");
	found = sums->errors > 0;
	heaptap_misuses_release(&m);
	return is_broken(t) ? 4 : found;
}

/* ---- block ------------------------------------------------------------------------------------------------- */

static int put_lifetime(void *state, const struct heaptap_lifetime *l)
{
	static const char *const ends[] = { "freed", "moved", "kept", "exec", "forgotten" };
	int *told = state, has_ended = l->end == HEAPTAP_LIFE_FREED || l->end == HEAPTAP_LIFE_MOVED;
	uint64_t lived = has_ended && l->ended->time_ns > l->born->time_ns ? l->ended->time_ns - l->born->time_ns : 0;

	printf((*told)++ ? ",{" : "{");
	put_number("event", l->event);
	put_hex("address", 1, l->address);
	put_hex("from", l->has_from, l->from_address);
	put_name("end", ends[l->end]);
	put_hex("to", l->end == HEAPTAP_LIFE_MOVED, l->to_address);
	put_if("lived_ns", has_ended, lived);
	put_call("handed_out", l->born);
	put_call("ended", l->ended);
	printf("\"size\":%" PRIu64 "}", l->size);
	return 0;
}

static int block(struct heaptap_trace *t, const char *word)
{
	uint64_t number = strtoull(word, NULL, 0);
	const struct heaptap_facts *facts;
	int told = 0, rc;

	if (heaptap_facts(t, &facts, &error))
		return complain();
	printf("{\"free_stacks\":%s,\"lifetimes\":[", facts->free_stacks ? "true" : "false");
	rc = strncmp(word, "0x", 2) ? heaptap_story_of_event(t, number, put_lifetime, &told, &error)
				    : heaptap_story_of_address(t, number, put_lifetime, &told, &error);
	if (rc)
		return complain();
	printf("]}\n");
	return facts->broken ? 4 : !told;
}

/* ---- diff -------------------------------------------------------------------------------------------------- */

/* Both traces are closed before the answer is read: it holds them. */
static int diff(struct heaptap_trace **before, const char *path, const char *by)
{
	struct heaptap_question question = { .size = sizeof(question), .by = by };
	struct heaptap_changes *changes;
	struct heaptap_trace *after;
	int broken;

	if (heaptap_open(path, &opening, &after, &error))
		return complain();
	broken = is_broken(*before) || is_broken(after);
	if (heaptap_changes(*before, after, &question, &changes, &error)) {
		heaptap_close(&after);
		return complain();
	}
	heaptap_close(before);
	heaptap_close(&after);
	printf("{\"same\":%zu,\"changes\":[", heaptap_changes_same(changes));
	for (size_t i = 0; i < heaptap_changes_count(changes); i++) {
		const struct heaptap_change *c = heaptap_changes_get(changes, i);

		printf(i ? ",{" : "{");
		put_number("before_bytes", c->before.bytes);
		put_number("before_count", c->before.count);
		put_number("after_bytes", c->after.bytes);
		put_number("after_count", c->after.count);
		put_frames(c->frame, c->frames);
		printf("}");
	}
	printf("]}\n");
	heaptap_changes_release(&changes);
	return broken ? 4 : 0;
}

/* ---- budget ------------------------------------------------------------------------------------------------ */

static struct heaptap_limits limits = { .size = sizeof(limits) };

static void put_culprit(const struct heaptap_culprit *c, int growth)
{
	printf("{\"bytes\":%" PRIu64 ",\"count\":%" PRIu64 ",", c->value.bytes, c->value.count);
	if (growth)
		put_number("before_bytes", c->before.bytes);
	if (growth)
		put_number("before_count", c->before.count);
	put_frames(c->frame, c->frames);
	printf("}");
}

static void put_finding(struct heaptap_verdict *v, size_t i)
{
	const struct heaptap_finding *f = heaptap_verdict_get(v, i);
	int growth = !strcmp(f->limit, "max-growth");

	put_name("limit", f->limit);
	put_name("of", f->of);
	put_name("within", f->within);
	put_name("unit", f->unit);
	put_number("value", f->value);
	put_number("allowed", f->allowed);
	if (f->is_share)
		printf("\"percent\":%" PRIu64 ".%02" PRIu64 ",", f->share_millionths / 10000,
		       f->share_millionths / 100 % 100);
	else
		printf("\"percent\":null,");
	put_if("whole", f->is_share && !growth, f->whole);
	put_if("before", growth, f->before);
	put_flag("exceeded", f->exceeded);
	put_number("places", f->culprits);
	printf("\"worst\":[");
	for (size_t k = 0; heaptap_verdict_culprit(v, i, k); k++) {
		if (k)
			putchar(',');
		put_culprit(heaptap_verdict_culprit(v, i, k), growth);
	}
	printf("]");
}

/* All traces are closed before the answer is read: it holds them. */
static int budget(struct heaptap_trace **t, const char *baseline)
{
	const struct heaptap_verdict_sums *sums;
	struct heaptap_trace *before = NULL;
	struct heaptap_verdict *v;
	int status;

	if (baseline && heaptap_open(baseline, &opening, &before, &error))
		return complain();
	if (heaptap_verdict(*t, before, &limits, &v, &error)) {
		heaptap_close(&before);
		return complain();
	}
	heaptap_close(&before);
	heaptap_close(t);
	sums = heaptap_verdict_sums(v);
	for (size_t i = 0; heaptap_verdict_unseen(v, i); i++)
		fprintf(stderr, "library: nothing was allocated in a function named %s\n",
			heaptap_verdict_unseen(v, i));
	putchar('{');
	put_number("exceeded", sums->exceeded);
	put_flag("complete", sums->complete);
	printf("\"limits\":[");
	for (size_t i = 0; i < sums->findings; i++) {
		printf(i ? ",{" : "{");
		put_finding(v, i);
		printf("}");
	}
	printf("]}\n");
	status = sums->complete ? sums->exceeded > 0 : 4;
	heaptap_verdict_release(&v);
	return status;
}

/* ---- what is wrong ----------------------------------------------------------------------------------------- */

static int stop(void *state, const struct heaptap_lifetime *l)
{
	struct heaptap_misuses *m = NULL;

	(void)l;
	return heaptap_misuses(state, &m, NULL) == HEAPTAP_EUSAGE ? 42 : 1;
}

static void ask_nothing(void)
{
	struct heaptap_timeline *line = NULL;
	struct heaptap_misuses *misuses = NULL;
	struct heaptap_changes *changes = NULL;
	struct heaptap_verdict *verdict = NULL;

	EXPECT(heaptap_timeline(NULL, 5, &line, &error) == HEAPTAP_EUSAGE && !line);
	EXPECT(!heaptap_timeline_peak(NULL) && !heaptap_timeline_get(NULL, 0));
	EXPECT(heaptap_misuses(NULL, &misuses, &error) == HEAPTAP_EUSAGE && !misuses);
	EXPECT(!heaptap_misuses_sums(NULL) && !heaptap_misuses_get(NULL, 0));
	EXPECT(heaptap_story_of_address(NULL, 1, stop, NULL, &error) == HEAPTAP_EUSAGE);
	EXPECT(heaptap_changes(NULL, NULL, NULL, &changes, &error) == HEAPTAP_EUSAGE && !changes);
	EXPECT(!heaptap_changes_get(NULL, 0) && !heaptap_changes_count(NULL) && !heaptap_changes_same(NULL));
	EXPECT(heaptap_verdict(NULL, NULL, NULL, &verdict, &error) == HEAPTAP_EUSAGE && !verdict);
	EXPECT(!heaptap_verdict_get(NULL, 0) && !heaptap_verdict_culprit(NULL, 0, 0));
	EXPECT(!heaptap_verdict_sums(NULL) && !heaptap_verdict_unseen(NULL, 0));
	heaptap_timeline_release(NULL);
	heaptap_timeline_release(&line);
	heaptap_misuses_release(&misuses);
	heaptap_changes_release(&changes);
	heaptap_verdict_release(NULL);
	heaptap_verdict_release(&verdict);
}

/* Whether these limits are refused with this code, and words in the reason. */
static int refused(struct heaptap_trace *t, struct heaptap_trace *baseline, struct heaptap_limits l, int code,
		   const char *says)
{
	struct heaptap_verdict *v = NULL;

	l.size = sizeof(l);
	return heaptap_verdict(t, baseline, &l, &v, &error) == code && !v && strstr(error.text, says);
}

static void judge_wrongly(struct heaptap_trace *t, const char *file)
{
	struct heaptap_open_options window = { .size = sizeof(window), .from = "0us", .to = "1us" };
	const char *const nameless[] = { "", NULL };
	const struct heaptap_limits peak = { .size = sizeof(peak), .max_peak = "16000000T" };
	struct heaptap_verdict *v = NULL;
	struct heaptap_trace *part;

	EXPECT(heaptap_verdict(t, NULL, NULL, &v, &error) == HEAPTAP_EUSAGE && !v);
	EXPECT(refused(t, NULL, (struct heaptap_limits){ 0 }, HEAPTAP_EUSAGE, "no limit is given"));
	EXPECT(refused(t, NULL, (struct heaptap_limits){ .max_peak = "5%" }, HEAPTAP_EUSAGE, "--max-peak=5%"));
	EXPECT(refused(t, NULL, (struct heaptap_limits){ .max_peak = "1", .in = nameless }, HEAPTAP_EUSAGE, "a name"));
	EXPECT(refused(t, NULL, (struct heaptap_limits){ .max_growth = "1%" }, HEAPTAP_EUSAGE, "needs a baseline"));
	EXPECT(refused(t, t, (struct heaptap_limits){ .max_peak = "1" }, HEAPTAP_EUSAGE, "needs max-growth"));
	EXPECT(refused(t, NULL, (struct heaptap_limits){ .budget = "absent" }, HEAPTAP_ESYSTEM, "absent: cannot open"));
	EXPECT(refused(t, NULL, (struct heaptap_limits){ .budget = file }, HEAPTAP_EUSAGE, "line 1"));
	EXPECT(refused(t, NULL, (struct heaptap_limits){ .budget = "growth.budget" }, HEAPTAP_EUSAGE, "earlier.htap"));
	EXPECT(!heaptap_open(file, &window, &part, &error));
	EXPECT(refused(part, NULL, peak, HEAPTAP_EUSAGE, "window"));
	EXPECT(refused(t, part, peak, HEAPTAP_EUSAGE, "window"));
	heaptap_close(&part);
	EXPECT(!heaptap_verdict(t, NULL, &peak, &v, &error));
	EXPECT(!heaptap_verdict_get(v, 1) && !heaptap_verdict_culprit(v, 0, 0) && !heaptap_verdict_culprit(v, 1, 0));
	heaptap_verdict_release(&v);
	EXPECT(!v);
}

static int wrong(struct heaptap_trace *t, const char *file)
{
	struct heaptap_question q = { .size = sizeof(q), .by = "live" };
	struct heaptap_timeline *line = NULL;
	struct heaptap_changes *changes = NULL;

	ask_nothing();
	EXPECT(heaptap_timeline(t, 0, &line, &error) == HEAPTAP_EUSAGE && !line);
	EXPECT(heaptap_story_of_event(t, 1, NULL, NULL, &error) == HEAPTAP_EUSAGE);
	EXPECT(heaptap_story_of_event(t, UINT64_MAX, stop, t, &error) == HEAPTAP_EUSAGE);
	EXPECT(heaptap_story_of_event(t, 1, stop, t, &error) == 42);
	EXPECT(heaptap_changes(t, t, &q, &changes, &error) == HEAPTAP_EUSAGE && !changes);
	q.by = NULL;
	q.group = "size";
	EXPECT(heaptap_changes(t, t, &q, &changes, &error) == HEAPTAP_EUSAGE && !changes);
	EXPECT(!heaptap_changes(t, t, NULL, &changes, &error) && !heaptap_changes_count(changes));
	heaptap_changes_release(&changes);
	judge_wrongly(t, file);
	return bad;
}

/* "--max-peak=64M" into the field that is called so. */
static int take_limit(const char *word)
{
	static const char *in[16];
	const struct {
		const char *name;
		const char **to;
	} known[] = {
		{ "--max-peak=", &limits.max_peak },
		{ "--max-leaked=", &limits.max_leaked },
		{ "--max-leaked-blocks=", &limits.max_leaked_blocks },
		{ "--max-allocated=", &limits.max_allocated },
		{ "--max-allocs=", &limits.max_allocs },
		{ "--max-temporary=", &limits.max_temporary },
		{ "--max-growth=", &limits.max_growth },
		{ "--budget=", &limits.budget },
	};
	static size_t functions;

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (!strncmp(word, known[i].name, strlen(known[i].name))) {
			*known[i].to = word + strlen(known[i].name);
			return 1;
		}
	if (strncmp(word, "--in=", 5) || functions == sizeof(in) / sizeof(*in) - 1)
		return 0;
	in[functions++] = word + 5;
	limits.in = in;
	return 1;
}

int main(int argc, char **argv)
{
	const char *word[2] = { NULL, NULL }, *what = argc > 1 ? argv[1] : "", *by = NULL, *baseline = NULL;
	size_t words = 0, points = 500;
	struct heaptap_trace *t;
	int status = 2;

	for (int i = 2; i < argc; i++)
		if (!strncmp(argv[i], "--points=", 9))
			points = strtoul(argv[i] + 9, NULL, 10);
		else if (!strncmp(argv[i], "--by=", 5))
			by = argv[i] + 5;
		else if (!strncmp(argv[i], "--baseline=", 11))
			baseline = argv[i] + 11;
		else if (take_limit(argv[i]))
			continue;
		else if (strcmp(argv[i], "--json") && words < 2)
			word[words++] = argv[i];
	if (heaptap_open(word[0], &opening, &t, &error))
		return complain();
	if (!strcmp(what, "timeline"))
		status = timeline(t, points);
	else if (!strcmp(what, "errors"))
		status = errors(t);
	else if (!strcmp(what, "block") && word[1])
		status = block(t, word[1]);
	else if (!strcmp(what, "diff"))
		status = diff(&t, word[1], by);
	else if (!strcmp(what, "budget"))
		status = budget(&t, baseline);
	else if (!strcmp(what, "wrong"))
		status = wrong(t, word[0]);
	heaptap_close(&t);
	return status;
}
