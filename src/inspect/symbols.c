/* SPDX-License-Identifier: Apache-2.0 */
/* symbols.c -- from an address of a trace to the frames that are shown
 *
 * symbols.h says for whom.
 *
 *   place   --mapped.c-->  module, file offset   --object.c-->  frames, as bytes   -->  answers, each kept for good
 *          \--perfmap.c->  a piece of code that no module had  --->  one frame   ---/
 *
 * Records of one file (a library has several mappings, and an image after an exec maps it again) share an object.
 *
 * Always true:
 *   an answer is never freed or moved before ht_symbols_close(); when there is no memory for one, the answer is the
 *   frame without a name
 */
#include "inspect/symbols.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "inspect/demangle.h"
#include "inspect/mapped.h"
#include "inspect/object.h"
#include "inspect/perfmap.h"
#include "inspect/strings.h"

#define FIRST_ANSWERS 1024u
#define VDSO "[vdso]"       /* the kernel's: no file */
#define LATE_NS 1000000000u /* a process may write its map while it ends */

struct answer {
	struct ht_place place;
	size_t count; /* 0: the place is empty */
	struct ht_frame *frame;
};

struct known_object {
	struct ht_str path, build_id;
	struct ht_object object;
	bool told_of_splits;
};

struct known_map {
	uint64_t pid;
	struct ht_perfmap map; /* empty where the file cannot be used */
};

struct ht_symbols {
	const struct ht_model *model;
	struct ht_elf_places places;
	struct ht_servers servers;
	bool no_files, told_of_servers;
	struct ht_mapped mapped;
	struct ht_strings strings;
	HT_LIST(struct known_object) objects;
	HT_LIST(struct known_map) maps;
	HT_LIST(const char *)
	warnings; /* the grave ones first: names that may be wrong, or are missing where they were to be */
	size_t grave;
	struct answer *answers;
	size_t answer_places, answer_count;
	struct ht_buf bytes;
	struct ht_frame nameless; /* the answer when there is no memory */
};

int ht_symbols_open(const struct ht_model *model, const struct ht_symbols_options *options, struct ht_symbols **ret,
		    struct ht_err *err)
{
	struct ht_symbols *s;
	struct stat st;

	if (options->sysroot && (stat(options->sysroot, &st) || !S_ISDIR(st.st_mode)))
		return ht_err_set(err, HT_EUSAGE, "--sysroot=%s: not a directory", options->sysroot);
	s = calloc(1, sizeof(*s));
	if (!s || !ht_mapped_init(&s->mapped, model)) {
		free(s);
		return ht_err_set(err, HT_ESYSTEM, "out of memory for symbols");
	}
	s->model = model;
	s->places = (struct ht_elf_places){ options->sysroot, options->debug_dir, &s->servers };
	s->no_files = options->no_files;
	s->servers.was_tried = options->no_servers;
	*ret = s;
	return 0;
}

void ht_symbols_close(struct ht_symbols *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->objects.count; i++)
		ht_object_close(&s->objects.at[i].object);
	for (size_t i = 0; i < s->maps.count; i++)
		ht_perfmap_close(&s->maps.at[i].map);
	ht_servers_close(&s->servers);
	for (size_t i = 0; i < s->answer_places; i++)
		free(s->answers[i].frame);
	free(s->answers);
	free(s->objects.at);
	free(s->maps.at);
	free(s->warnings.at);
	ht_buf_fini(&s->bytes);
	ht_strings_fini(&s->strings);
	ht_mapped_fini(&s->mapped);
	free(s);
}

size_t ht_symbols_warnings(const struct ht_symbols *s, const char *const **ret)
{
	*ret = s->warnings.at;
	return s->warnings.count;
}

static const char *keep(struct ht_symbols *s, struct ht_str text)
{
	return text.len ? ht_strings_keep(&s->strings, text) : NULL;
}

/* ---- objects ----------------------------------------------------------------------------------------------- */

static void warn(struct ht_symbols *s, struct ht_str path, const char *says, bool grave)
{
	char line[1024];
	int len = snprintf(line, sizeof(line), "%.*s: %s", path.len < 400 ? (int)path.len : 400, path.at, says);
	const char **new = len > 0 ? HT_LIST_ADD(&s->warnings) : NULL;

	if (!new)
		return;
	*new = ht_strings_keep(&s->strings, (struct ht_str){ line, strlen(line) });
	if (!*new) {
		s->warnings.count--;
	} else if (grave) {
		const char *mild = s->warnings.at[s->grave];

		s->warnings.at[s->grave++] = *new;
		*new = mild;
	}
}

static void warn_of(struct ht_symbols *s, const struct known_object *k, const struct ht_err *err)
{
	static const char *const says[] = {
		[HT_OBJECT_NO_ALTERNATE] =
			("the file that dwz moved its debug information to was not found: functions are "
			 "named by the symbol table, without lines"),
		[HT_OBJECT_NO_LINES] = "no debug information: functions are named by the symbol table, without lines",
		[HT_OBJECT_NO_NAMES] = "no debug information and no symbols: its functions have no names",
		[HT_OBJECT_REPLACED] =
			"is not the file that was recorded (its build-id differs): its functions have no names",
	};
	char line[512];

	if (k->object.state == HT_OBJECT_ABSENT || k->object.state == HT_OBJECT_DAMAGED) {
		snprintf(line, sizeof(line), "%.400s: its functions have no names", err->text);
		warn(s, k->path, line, true);
	} else if (k->object.state != HT_OBJECT_GOOD) {
		warn(s, k->path, says[k->object.state], k->object.state != HT_OBJECT_NO_LINES);
	}
	if (k->object.unproven && k->object.state <= HT_OBJECT_NO_LINES)
		warn(s, k->path, "has no build-id: if it was replaced since the recording, its names are wrong", true);
}

static void warn_of_splits(struct ht_symbols *s, struct known_object *k)
{
	if (!k->object.units.lacking_splits || k->told_of_splits)
		return;
	k->told_of_splits = true;
	warn(s, k->path,
	     "not all .dwo files were found: some functions have the symbol table's names, without what was inlined",
	     false);
}

static void warn_of_servers(struct ht_symbols *s)
{
	static const char name[] = "DEBUGINFOD_URLS";

	if (*s->servers.trouble && !s->told_of_servers)
		warn(s, (struct ht_str){ name, strlen(name) }, s->servers.trouble, true);
	s->told_of_servers = *s->servers.trouble;
}

static bool is_same(struct ht_str a, struct ht_str b)
{
	return a.len == b.len && (!a.len || !memcmp(a.at, b.at, a.len));
}

/* The object of a module, opened when it is first needed; NULL: it has no file, or there is no memory. */
static struct known_object *object_of(struct ht_symbols *s, const struct ht_meta_module *m)
{
	struct known_object *k;
	struct ht_err err;
	char *path;

	if (s->no_files || is_same(m->path, (struct ht_str){ VDSO, strlen(VDSO) }))
		return NULL;
	for (size_t i = 0; i < s->objects.count; i++)
		if (is_same(s->objects.at[i].path, m->path) && is_same(s->objects.at[i].build_id, m->build_id))
			return &s->objects.at[i];
	path = strndup(m->path.at, m->path.len);
	k = path ? HT_LIST_ADD(&s->objects) : NULL;
	if (k) {
		*k = (struct known_object){ .path = m->path, .build_id = m->build_id };
		ht_object_open(&k->object, &s->places, path, m->build_id, &err);
		warn_of(s, k, &err);
		warn_of_servers(s);
	}
	free(path);
	return k;
}

/* ---- maps of code that was made while the program ran ------------------------------------------------------ */

/* When the recording ended, since the epoch; UINT64_MAX: not known. */
static uint64_t end_ns(const struct ht_model *t)
{
	struct ht_clock clock = t->clock; /* a question moves its latest pair */

	return t->has_end ? t->session.start_realtime_ns + ht_clock_time_ns(&clock, t->end.ticks) : UINT64_MAX;
}

static void warn_of_map(struct ht_symbols *s, const char *path, const struct ht_perfmap *m)
{
	struct ht_str name = { path, strlen(path) };
	uint64_t end = end_ns(s->model);
	char line[128];

	if (m->is_cut)
		warn(s, name, "is too long: only its first part is read, other functions have no names", true);
	if (m->malformed) {
		snprintf(line, sizeof(line), "%llu lines are not START SIZE NAME: skipped",
			 (unsigned long long)m->malformed);
		warn(s, name, line, true);
	}
	if (end < UINT64_MAX - LATE_NS && m->written_ns > end + LATE_NS)
		warn(s, name, "was written after the recording had ended: its names may be of other code", true);
}

static void open_map(struct ht_symbols *s, struct known_map *k)
{
	const char *root = s->places.sysroot ? s->places.sysroot : "";
	char *path = NULL, line[640];
	struct ht_err err;

	if (asprintf(&path, "%s/tmp/perf-%llu.map", root, (unsigned long long)k->pid) < 0)
		return;
	if (!ht_perfmap_open(&k->map, path, s->model->session.start_realtime_ns, &err)) {
		warn_of_map(s, path, &k->map);
	} else {
		snprintf(line, sizeof(line), "%s: code that no module had has no names", err.text);
		warn(s, (struct ht_str){ path, strlen(path) }, line, true);
		ht_perfmap_close(&k->map);
	}
	free(path);
}

/* The map of the image's process; NULL: it cannot have one. The file is its last program's, after an exec. */
static const struct ht_perfmap *map_of(struct ht_symbols *s, uint64_t image)
{
	const struct ht_meta_image *of = ht_model_image(s->model, image);
	struct known_map *k;

	if (s->no_files || !of || !of->pid || !s->model->has_session)
		return NULL;
	for (size_t i = 0; i < s->model->images.count; i++)
		if (s->model->images.at[i].pid == of->pid && s->model->images.at[i].image > image)
			return NULL;
	for (size_t i = 0; i < s->maps.count; i++)
		if (s->maps.at[i].pid == of->pid)
			return &s->maps.at[i].map;
	k = HT_LIST_ADD(&s->maps);
	if (!k)
		return NULL;
	k->pid = of->pid;
	open_map(s, k);
	return &k->map;
}

/* As names of functions are cut elsewhere. */
static const char *keep_short(struct ht_symbols *s, struct ht_str name)
{
	char cut[HT_NAME_MAX];

	if (name.len <= HT_NAME_MAX)
		return keep(s, name);
	memcpy(cut, name.at, sizeof(cut) - 3);
	memcpy(cut + sizeof(cut) - 3, "...", 3);
	return keep(s, (struct ht_str){ cut, sizeof(cut) });
}

/* The frame of code that no module had, as far as it is known. */
static void name_made(struct ht_symbols *s, const struct ht_place *p, struct ht_frame *f)
{
	uint64_t pc = p->exact ? p->pc : p->pc - 1;
	const struct ht_perfmap *map = ht_mapped_covers(&s->mapped, p->image, pc) ? NULL : map_of(s, p->image);
	const struct ht_perfmap_entry *e = map ? ht_perfmap_find(map, pc) : NULL;

	if (!e)
		return;
	f->function = keep_short(s, e->name);
	f->module = HT_SYMBOLS_JIT;
	f->offset = p->pc - e->start;
}

/* ---- frames ------------------------------------------------------------------------------------------------ */

/* Reads what ht_object_put_frames() wrote. */
static bool read_frames(struct ht_symbols *s, struct answer *a, const struct ht_frame *rest)
{
	struct ht_cursor c = ht_cursor_of(s->bytes.at, s->bytes.len, 0);
	uint64_t count, line, inlined;
	struct ht_str function, file;
	struct ht_err err;

	if (!ht_buf_ok(&s->bytes) || ht_cursor_varint(&c, &count, &err) || !count || count > s->bytes.len)
		return false;
	a->frame = calloc(count, sizeof(*a->frame));
	if (!a->frame)
		return false;
	for (a->count = 0; a->count < count; a->count++) {
		struct ht_frame *f = &a->frame[a->count];

		if (ht_cursor_str(&c, &function, &err) || ht_cursor_str(&c, &file, &err) ||
		    ht_cursor_varint(&c, &line, &err) || ht_cursor_varint(&c, &inlined, &err))
			return false;
		*f = *rest;
		f->function = keep(s, function);
		f->file = keep(s, file);
		f->line = (uint32_t)line;
		f->inlined = inlined;
	}
	return true;
}

static bool answer_nameless(struct answer *a, const struct ht_frame *rest)
{
	a->frame = malloc(sizeof(*a->frame));
	if (!a->frame)
		return false;
	*a->frame = *rest;
	a->count = 1;
	return true;
}

/* False: no memory; nothing was kept. */
static bool ask(struct ht_symbols *s, struct answer *a)
{
	const struct ht_place *p = &a->place;
	const struct ht_meta_module *m =
		ht_mapped_find(&s->mapped, p->image, p->generation, p->exact ? p->pc : p->pc - 1);
	struct known_object *k = m ? object_of(s, m) : NULL;
	struct ht_frame rest = { 0 };

	if (m) {
		rest.module = keep(s, m->path);
		rest.offset = p->pc - m->start + m->offset;
	} else {
		name_made(s, p, &rest);
	}
	if (!k)
		return answer_nameless(a, &rest);
	ht_buf_clear(&s->bytes);
	ht_object_put_frames(&k->object, rest.offset, p->exact, &s->bytes);
	warn_of_splits(s, k);
	if (read_frames(s, a, &rest))
		return true;
	free(a->frame);
	return answer_nameless(a, &rest);
}

/* ---- answers ----------------------------------------------------------------------------------------------- */

static struct answer *find(const struct ht_symbols *s, const struct ht_place *p)
{
	uint64_t hash =
		(p->pc * 2 + p->exact) * 0x9e3779b97f4a7c15u ^ (p->image << 32 | p->generation) * 0xc2b2ae3d27d4eb4fu;
	size_t i = (hash >> 20) & (s->answer_places - 1);

	for (;; i = (i + 1) & (s->answer_places - 1)) {
		const struct ht_place *q = &s->answers[i].place;

		if (!s->answers[i].count ||
		    (q->pc == p->pc && q->exact == p->exact && q->image == p->image && q->generation == p->generation))
			return &s->answers[i];
	}
}

static bool grow(struct ht_symbols *s)
{
	struct ht_symbols bigger = { .answer_places = s->answer_places ? s->answer_places * 2 : FIRST_ANSWERS };

	bigger.answers = calloc(bigger.answer_places, sizeof(*bigger.answers));
	if (!bigger.answers)
		return false;
	for (size_t i = 0; i < s->answer_places; i++)
		if (s->answers[i].count)
			*find(&bigger, &s->answers[i].place) = s->answers[i];
	free(s->answers);
	s->answers = bigger.answers;
	s->answer_places = bigger.answer_places;
	return true;
}

size_t ht_symbols_frames(struct ht_symbols *s, const struct ht_place *place, const struct ht_frame **ret)
{
	struct answer *a = NULL, new = { .place = *place };

	*ret = &s->nameless;
	if (s->answer_count * 2 >= s->answer_places && !grow(s))
		return 1;
	a = find(s, place);
	if (!a->count) {
		if (!ask(s, &new))
			return 1;
		*a = new;
		s->answer_count++;
	}
	*ret = a->frame;
	return a->count;
}
