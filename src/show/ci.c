/* SPDX-License-Identifier: Apache-2.0 */
/* ci.c -- a verdict as continuous integration reads it: JUnit XML, and annotations for GitHub Actions
 *
 *   JUnit    one suite; a test case for each limit, of the class heaptap or heaptap.FUNCTION; a failure holds the sentence and
 *            the worst places. A case `complete` has an error if the trace is not complete
 *   GitHub   ::error file=src/a.c,line=7,title=max-leaked exceeded::3.7 KiB leaked, 0 B allowed%0A...
 *
 * An annotation is put to the innermost line of the worst place whose file lies in the folder where heaptap runs, or in
 * GITHUB_WORKSPACE; what the compiler wrote as a path may be absolute, an annotation's must not be.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "inspect/budget.h"
#include "show/out.h"
#include "show/verdict.h"
#include "util/cleanup.h"

typedef void put_text(const char *at, size_t len);

/* ---- stacks ------------------------------------------------------------------------------------------------ */

static void put(put_text *write, const char *s)
{
	write(s, strlen(s));
}

static void put_frame(put_text *write, const struct ht_place_frame *f)
{
	const char *source = f->file ? f->file : f->module;
	char number[32];

	put(write, "    ");
	put(write, f->function ? f->function : "?");
	if (source) {
		put(write, " (");
		put(write, source);
		snprintf(number, sizeof(number), ":%" PRIu32, f->line);
		put(write, f->file && f->line ? number : "");
		put(write, ")");
	}
	put(write, "\n");
}

static void put_culprits(put_text *write, const struct ht_verdict_ask *ask, const struct ht_finding *f,
			 const struct ht_places *p)
{
	char text[HT_VERDICT_TEXT_BYTES];

	for (size_t i = 0; i < f->culprits.count && i < ask->most_places; i++) {
		uint32_t node = f->culprits.at[i].place;

		put(write, ht_verdict_culprit(text, f, &f->culprits.at[i]));
		put(write, "\n");
		for (size_t k = 0; !ht_place_is_root(node) && k < ask->most_frames; k++) {
			const struct ht_place_frame *frame = &p->frames.at[p->nodes.at[node].frame];

			put_frame(write, frame);
			if (frame->function && !strcmp(frame->function, "main"))
				break;
			node = p->nodes.at[node].parent;
		}
	}
}

/* ---- JUnit ------------------------------------------------------------------------------------------------- */

static void put_case(const struct ht_verdict_ask *ask, const struct ht_finding *f, const struct ht_places *p)
{
	const char *function = ask->limits->scopes.at[f->limit.scope];
	char text[4 * HT_VERDICT_TEXT_BYTES];

	ht_out_text("  <testcase classname=\"heaptap");
	if (function) {
		ht_out_text(".");
		ht_out_xml(function, strlen(function));
	}
	ht_outf("\" name=\"%s\" time=\"0\"", ht_verdict_title(text, f));
	if (!f->exceeded) {
		ht_out_text("/>\n");
		return;
	}
	ht_verdict_sentence(text, f);
	ht_outf(">\n    <failure type=\"budget\" message=\"%s\">", text);
	put_culprits(ht_out_xml, ask, f, p);
	ht_out_text("</failure>\n  </testcase>\n");
}

int ht_ci_junit(const struct ht_verdict_ask *ask, const struct ht_verdict *v, const struct ht_places *p, bool complete)
{
	ht_auto(fd) int fd = open(ask->junit, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	struct ht_err err;

	if (fd < 0) {
		ht_err_sys(&err, "cannot write the JUnit file");
		return ht_complain(ask->junit, &err);
	}
	ht_out_divert(fd);
	ht_outf("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n<testsuite name=\"heaptap budget\" "
		"tests=\"%zu\" "
		"failures=\"%zu\" errors=\"%d\" skipped=\"0\" time=\"0\">\n",
		v->findings.count + 1, v->exceeded, !complete);
	ht_out_text("  <testcase classname=\"heaptap\" name=\"complete\" time=\"0\"");
	ht_out_text(complete ? "/>\n"
			     : ">\n    <error type=\"incomplete\" message=\"the trace is not complete, so it proves no "
			       "budget\"/>\n  </testcase>\n");
	for (size_t i = 0; i < v->findings.count; i++)
		put_case(ask, &v->findings.at[i], p);
	ht_out_text("</testsuite>\n</testsuites>\n");
	errno = ht_out_return();
	if (!errno && close(ht_take(fd)) == 0)
		return 0;
	ht_err_sys(&err, "cannot write the JUnit file");
	return ht_complain(ask->junit, &err);
}

/* ---- GitHub ------------------------------------------------------------------------------------------------ */

static void put_encoded(const char *at, size_t len, const char *special)
{
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)at[i] < 0x20 || strchr(special, at[i]))
			ht_outf("%%%02X", (unsigned char)at[i]);
		else
			ht_out_bytes(at + i, 1);
	}
}

/* A property of a command ends at a colon or a comma, its message at the line's end. */
static void put_property(const char *at, size_t len)
{
	put_encoded(at, len, "%:,");
}

static void put_message(const char *at, size_t len)
{
	put_encoded(at, len, "%");
}

/* The path as seen from this folder, or NULL if it lies elsewhere. */
static const char *path_from(const char *folder, const char *path)
{
	size_t len = folder ? strlen(folder) : 0;

	if (!len || strncmp(path, folder, len) || path[len] != '/')
		return NULL;
	return path + len + 1;
}

static const char *source_path(const char *file)
{
	char here[PATH_MAX];
	const char *path = path_from(getenv("GITHUB_WORKSPACE"), file);

	if (!path && getcwd(here, sizeof(here)))
		path = path_from(here, file);
	if (path || *file == '/')
		return path;
	return access(file, F_OK) ? NULL : file; /* it may be as some other folder's build has it */
}

static void put_where(const struct ht_places *p, uint32_t node)
{
	for (; !ht_place_is_root(node); node = p->nodes.at[node].parent) {
		const struct ht_place_frame *f = &p->frames.at[p->nodes.at[node].frame];
		const char *path = f->file && f->line ? source_path(f->file) : NULL;

		if (!path)
			continue;
		ht_out_text("file=");
		put_property(path, strlen(path));
		ht_outf(",line=%" PRIu32 ",", f->line);
		return;
	}
}

void ht_ci_github(const struct ht_verdict_ask *ask, const struct ht_verdict *v, const struct ht_places *p,
		  bool complete)
{
	if (!complete)
		ht_out_text("::error title=heaptap::the trace is not complete, so it proves no budget\n");
	for (size_t i = 0; i < v->findings.count; i++) {
		const struct ht_finding *f = &v->findings.at[i];
		const char *function = ask->limits->scopes.at[f->limit.scope];
		char text[4 * HT_VERDICT_TEXT_BYTES];

		if (!f->exceeded)
			continue;
		ht_out_text("::error ");
		if (f->culprits.count)
			put_where(p, f->culprits.at[0].place);
		ht_outf("title=%s exceeded", ht_verdict_title(text, f));
		if (function) {
			ht_out_text(" in ");
			put_property(function, strlen(function));
		}
		ht_out_text("::");
		ht_verdict_sentence(text, f);
		put_message(text, strlen(text));
		put_message("\n", 1);
		put_culprits(put_message, ask, f, p);
		ht_out_text("\n");
	}
}
