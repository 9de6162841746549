/* SPDX-License-Identifier: Apache-2.0 */
/* filter.c -- reads the restrictions, judges blocks by them, and knows what to say if none passes
 *
 * filter.h has the picture. An answer without any restriction pays one test for a block.
 */
#include "inspect/filter.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/facts.h"
#include "util/quantity.h"

#define THREADS_NAMED 8

const char *ht_filter_name(enum ht_filter_word w)
{
	static const char *const names[HT_FILTER_WORDS] = {
		[HT_FILTER_THREAD] = "thread",
		[HT_FILTER_MIN_SIZE] = "min-size",
		[HT_FILTER_MAX_SIZE] = "max-size",
		[HT_FILTER_STACK] = "stack",
		[HT_FILTER_MODULE] = "module",
		[HT_FILTER_MIN_LIFETIME] = "min-lifetime",
		[HT_FILTER_MAX_LIFETIME] = "max-lifetime",
		[HT_FILTER_FROM] = "from",
		[HT_FILTER_TO] = "to",
		[HT_FILTER_AT] = "at",
	};

	return names[w];
}

void ht_filter_init(struct ht_filter *f)
{
	*f = (struct ht_filter){
		.most_bytes = UINT64_MAX,
		.most_ns = UINT64_MAX,
		.to_ns = UINT64_MAX,
		.to_ticks = UINT64_MAX,
		.smallest = UINT64_MAX,
	};
}

void ht_filter_fini(struct ht_filter *f)
{
	ht_stackmatch_fini(&f->stacks);
	free(f->thread_passes);
	ht_filter_init(f);
}

/* ---- reading ----------------------------------------------------------------------------------------------- */

/* Puts the option's name in front of what is wrong with its value. */
static int named(int rc, enum ht_filter_word w, struct ht_err *err)
{
	return rc ? ht_err_set(err, rc, "--%s=%s", ht_filter_name(w), err->text) : 0;
}

int ht_filter_set(struct ht_filter *f, enum ht_filter_word w, const char *word, struct ht_err *err)
{
	int rc = 0;

	switch (w) {
	case HT_FILTER_MIN_SIZE:
		rc = ht_quantity_bytes(word, &f->least_bytes, err);
		break;
	case HT_FILTER_MAX_SIZE:
		rc = ht_quantity_bytes(word, &f->most_bytes, err);
		break;
	case HT_FILTER_MIN_LIFETIME:
		rc = ht_quantity_ns(word, &f->least_ns, err);
		break;
	case HT_FILTER_MAX_LIFETIME:
		rc = ht_quantity_ns(word, &f->most_ns, err);
		break;
	case HT_FILTER_STACK:
		rc = ht_stackmatch_want_stack(&f->stacks, word, err);
		break;
	case HT_FILTER_MODULE:
		rc = ht_stackmatch_want_module(&f->stacks, word, err);
		break;
	case HT_FILTER_FROM:
		rc = ht_quantity_ns(word, &f->from_ns, err);
		break;
	case HT_FILTER_TO:
		rc = ht_quantity_ns(word, &f->to_ns, err);
		break;
	case HT_FILTER_AT:
		rc = ht_quantity_ns(word, &f->to_ns, err);
		f->from_ns = f->to_ns;
		break;
	default:
		break;
	}
	if (rc)
		return named(rc, w, err);
	f->word[w] = word;
	if (f->word[HT_FILTER_AT] && (f->word[HT_FILTER_FROM] || f->word[HT_FILTER_TO]))
		return ht_err_set(err, HT_EUSAGE, "--at is one moment; it does not go with --from or --to");
	return 0;
}

/* ---- binding ----------------------------------------------------------------------------------------------- */

/* Writes behind what is there already; what does not fit is cut. */
static void append(char *to, size_t cap, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void append(char *to, size_t cap, const char *format, ...)
{
	size_t used = strlen(to);
	va_list args;

	va_start(args, format);
	vsnprintf(to + used, cap - used, format, args);
	va_end(args);
}

static bool is_thread(const struct ht_stream *s, const char *word)
{
	char number[24];

	snprintf(number, sizeof(number), "%" PRIu64, s->number);
	return !strcmp(number, word) || (s->name.len == strlen(word) && !memcmp(s->name.at, word, s->name.len));
}

static int bind_thread(struct ht_filter *f, struct ht_err *err)
{
	struct ht_model *t = f->model;
	char known[256] = "";
	size_t found = 0;

	f->thread_passes = calloc(t->streams.count + 1, 1);
	if (!f->thread_passes)
		return ht_err_set(err, HT_ESYSTEM, "out of memory for %zu threads", t->streams.count);
	for (size_t i = 0; i < t->streams.count; i++)
		found += f->thread_passes[i] = is_thread(&t->streams.at[i], f->word[HT_FILTER_THREAD]);
	if (found)
		return 0;
	for (size_t i = 0; i < t->streams.count && i < THREADS_NAMED; i++) {
		const struct ht_stream *s = &t->streams.at[i];

		append(known, sizeof(known), "%s%" PRIu64 " (%.*s)", i ? ", " : "", s->number, (int)s->name.len,
		       s->name.at ? (const char *)s->name.at : "");
	}
	return ht_err_set(err, HT_EUSAGE, "--thread=%s: no such thread; there %s %s%s", f->word[HT_FILTER_THREAD],
			  t->streams.count == 1 ? "is" : "are", known,
			  t->streams.count > THREADS_NAMED ? " and more: see heaptap info" : "");
}

static int bind_window(struct ht_filter *f, struct ht_err *err)
{
	struct ht_clock *c = &f->model->clock;
	uint64_t end_ns = ht_clock_time_ns(c, ht_facts_end_ticks(f->model));
	bool is_at = f->word[HT_FILTER_AT];

	if (f->from_ns > f->to_ns)
		return ht_err_set(err, HT_EUSAGE, "--from=%s is after --to=%s: nothing lies between",
				  f->word[HT_FILTER_FROM], f->word[HT_FILTER_TO]);
	if (f->from_ns > end_ns)
		return ht_err_set(err, HT_EUSAGE, "--%s=%s: the recording ends at %.6f s", is_at ? "at" : "from",
				  f->word[is_at ? HT_FILTER_AT : HT_FILTER_FROM], (double)end_ns / 1e9);
	if (f->from_ns)
		f->from_ticks = ht_clock_ticks_at(c, f->from_ns);
	if (f->to_ns < end_ns)
		f->to_ticks = ht_clock_ticks_at(c, f->to_ns + 1) - 1;
	return 0;
}

int ht_filter_bind(struct ht_filter *f, struct ht_model *t, struct ht_symbols *s, struct ht_err *err)
{
	int rc = 0;

	f->model = f->stacks.model = t;
	f->stacks.symbols = s;
	if (f->least_bytes > f->most_bytes)
		return ht_err_set(err, HT_EUSAGE, "--min-size=%s is more than --max-size=%s: nothing lies between",
				  f->word[HT_FILTER_MIN_SIZE], f->word[HT_FILTER_MAX_SIZE]);
	if (f->least_ns > f->most_ns)
		return ht_err_set(err, HT_EUSAGE,
				  "--min-lifetime=%s is more than --max-lifetime=%s: nothing lies between",
				  f->word[HT_FILTER_MIN_LIFETIME], f->word[HT_FILTER_MAX_LIFETIME]);
	if (f->word[HT_FILTER_THREAD])
		rc = bind_thread(f, err);
	if (!rc && ht_filter_is_window(f))
		rc = bind_window(f, err);
	return rc;
}

bool ht_filter_restricts(const struct ht_filter *f)
{
	for (int w = 0; w < HT_FILTER_FROM; w++)
		if (f->word[w])
			return true;
	return false;
}

bool ht_filter_is_window(const struct ht_filter *f)
{
	return f->word[HT_FILTER_FROM] || f->word[HT_FILTER_TO] || f->word[HT_FILTER_AT];
}

/* ---- judging ----------------------------------------------------------------------------------------------- */

/* By each of the first restrictions. */
static int judge(struct ht_filter *f, const struct ht_filter_block *b, bool pass[HT_FILTER_BIRTH_WORDS],
		 struct ht_err *err)
{
	uint64_t image = f->model->streams.at[b->stream].image;
	int stack = ht_stackmatch_stack(&f->stacks, image, b->context, err), module;

	if (stack < 0)
		return stack;
	module = ht_stackmatch_module(&f->stacks, image, b->context, err);
	if (module < 0)
		return module;
	pass[HT_FILTER_THREAD] = !f->thread_passes || f->thread_passes[b->stream];
	pass[HT_FILTER_MIN_SIZE] = b->size >= f->least_bytes;
	pass[HT_FILTER_MAX_SIZE] = b->size <= f->most_bytes;
	pass[HT_FILTER_STACK] = stack;
	pass[HT_FILTER_MODULE] = module;
	return 0;
}

int ht_filter_again(struct ht_filter *f, const struct ht_filter_block *b, struct ht_err *err)
{
	bool pass[HT_FILTER_BIRTH_WORDS];
	int rc = judge(f, b, pass, err);

	for (int w = 0; !rc && w < HT_FILTER_BIRTH_WORDS; w++)
		if (!pass[w])
			return 0;
	return rc ? rc : 1;
}

int ht_filter_birth(struct ht_filter *f, const struct ht_filter_block *b, struct ht_err *err)
{
	bool pass[HT_FILTER_BIRTH_WORDS];
	int rc = judge(f, b, pass, err), all = 1;

	if (rc)
		return rc;
	for (int w = 0; w < HT_FILTER_BIRTH_WORDS; w++) {
		f->alone[w] += pass[w];
		all &= pass[w];
	}
	f->born++;
	f->fit += (uint64_t)all;
	if (!ht_filter_restricts_life(f))
		f->passed += (uint64_t)all;
	if (b->size < f->smallest)
		f->smallest = b->size;
	if (b->size > f->largest)
		f->largest = b->size;
	return all;
}

bool ht_filter_life(struct ht_filter *f, uint64_t lifetime_ns, bool ended)
{
	bool least = lifetime_ns >= f->least_ns, most = ended ? lifetime_ns <= f->most_ns : f->most_ns == UINT64_MAX;

	f->alone[HT_FILTER_MIN_LIFETIME] += least;
	f->alone[HT_FILTER_MAX_LIFETIME] += most;
	if (lifetime_ns > f->longest_ns)
		f->longest_ns = lifetime_ns;
	f->passed += least && most;
	return least && most;
}

/* ---- if nothing passed ------------------------------------------------------------------------------------- */

static void say_names(char *to, size_t cap, const char *const list[])
{
	for (size_t i = 0; i < HT_STACKMATCH_NAMES && list[i]; i++)
		append(to, cap, "%s%.60s", i ? ", " : " ", list[i]);
	if (!list[0])
		append(to, cap, " none with a name");
}

static void say_what_was(const struct ht_filter *f, enum ht_filter_word w, char *to, size_t cap)
{
	switch (w) {
	case HT_FILTER_THREAD:
		append(to, cap, "this thread made no block");
		break;
	case HT_FILTER_MIN_SIZE:
		append(to, cap, "the largest block has %" PRIu64 " bytes", f->largest);
		break;
	case HT_FILTER_MAX_SIZE:
		append(to, cap, "the smallest block has %" PRIu64 " bytes", f->smallest);
		break;
	case HT_FILTER_STACK:
		append(to, cap, "no stack holds such a function; among those that allocate are:");
		say_names(to, cap, f->stacks.function_seen);
		break;
	case HT_FILTER_MODULE:
		append(to, cap, "no such module allocates; those that do are, among others:");
		say_names(to, cap, f->stacks.module_seen);
		break;
	case HT_FILTER_MIN_LIFETIME:
		append(to, cap, "the longest that a block lived is %.9f s", (double)f->longest_ns / 1e9);
		break;
	default:
		append(to, cap, "every block lived longer, or was never freed");
		break;
	}
}

bool ht_filter_why_nothing(const struct ht_filter *f, char *to, size_t cap)
{
	int words = f->fit ? HT_FILTER_FROM : HT_FILTER_BIRTH_WORDS;
	int given = 0;

	*to = 0;
	if (f->passed || !ht_filter_restricts(f))
		return false;
	if (!f->born) {
		append(to, cap, "nothing matches: no block was made at all");
		return true;
	}
	for (int w = 0; w < words; w++) {
		if (!f->word[w] || f->alone[w])
			continue;
		append(to, cap, "nothing matches --%s=%s: ", ht_filter_name((enum ht_filter_word)w), f->word[w]);
		say_what_was(f, (enum ht_filter_word)w, to, cap);
		return true;
	}
	append(to, cap, "no block meets all of these; of %" PRIu64 " blocks alone:", f->born);
	for (int w = 0; w < words; w++)
		if (f->word[w])
			append(to, cap, "%s --%s=%s %" PRIu64, given++ ? "," : "",
			       ht_filter_name((enum ht_filter_word)w), f->word[w], f->alone[w]);
	return true;
}
