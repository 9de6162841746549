/* SPDX-License-Identifier: Apache-2.0 */
/* patient.c -- the check-up of a process: can it be recorded, and what would the recording know
 *
 * Called by: doctor.c.
 *
 *   rights ──► program ──► allocators ──► blocks from before ──► its modules: unwind information, symbols ──► code made at run time
 *
 * Nothing is done to it: files of /proc are read, and its memory. Where the kernel does not let us look, that is the finding.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attach/allocators.h"
#include "attach/census.h"
#include "attach/rights.h"
#include "collect/target.h"
#include "inspect/object.h"
#include "show/figures.h"
#include "show/findings.h"
#include "util/cleanup.h"

#define PATH_BYTES 4096

static const struct ht_field module_fields[] = {
	{ "module", "module", 0 },         { "unwind", "stacks", 0 },     { "symbols", "symbols", 0 },
	{ "debug_file", "debug file", 0 }, { "build_id", "build id", 0 },
};

struct patient {
	struct ht_process process;
	struct ht_findings *f;
	struct ht_table *modules;
	struct ht_arena *strings; /* of the table */
	unsigned without_unwind, without_lines, without_names, replaced;
};

/* ---- who it is --------------------------------------------------------------------------------------------- */

static bool read_link(pid_t pid, const char *what, char *ret, size_t room)
{
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, what);
	n = readlink(path, ret, room - 1);
	ret[n > 0 ? n : 0] = 0;
	return n > 0;
}

static void introduce(struct ht_findings *f, pid_t pid)
{
	char name[64] = "?", threads[32] = "?", rss[32] = "?", exe[PATH_BYTES];

	ht_process_status(pid, 0, "Name", name, sizeof(name));
	ht_process_status(pid, 0, "Threads", threads, sizeof(threads));
	ht_process_status(pid, 0, "VmRSS", rss, sizeof(rss));
	ht_findings_add(f, HT_FINDING_GOOD, "process", NULL, "%d, %s (%s), threads: %s, resident: %s", (int)pid, name,
			read_link(pid, "exe", exe, sizeof(exe)) ? exe : "its program cannot be seen", threads, rss);
}

/* ---- can it be recorded ------------------------------------------------------------------------------------ */

static bool check_entering(struct ht_findings *f, pid_t pid)
{
	struct ht_err err;

	if (ht_rights_check(pid, &err)) {
		ht_findings_add(f, HT_FINDING_MISSING, "attach", NULL, "%s", err.text);
		return false;
	}
	ht_findings_add(f, HT_FINDING_GOOD, "attach", NULL, "it may be entered");
	return true;
}

static void check_launch(struct ht_findings *f, pid_t pid)
{
	char exe[PATH_BYTES];
	struct ht_target target;
	struct ht_err err;

	if (!read_link(pid, "exe", exe, sizeof(exe)))
		return;
	if (ht_target_find(exe, &target, &err))
		ht_findings_add(f, HT_FINDING_NOTE, "launch", NULL, "%s", err.text);
	else
		ht_findings_add(f, HT_FINDING_GOOD, "launch", NULL,
				"`heaptap record -- %s ...` would record it from its beginning", exe);
}

static void check_allocators(struct patient *p)
{
	struct ht_allocator a[HT_ALLOCATORS_MOST];
	size_t n = ht_allocators_find(&p->process, a);

	for (size_t i = 0; i < n; i++)
		if (a[i].kind == HT_ALLOCATOR_UNKNOWN)
			ht_findings_add(p->f, HT_FINDING_NOTE, "allocator", NULL,
					"%s brings a malloc that heaptap does not know", a[i].module->path);
		else
			ht_findings_add(p->f, HT_FINDING_GOOD, "allocator", NULL, "%s (%s)",
					ht_allocators_name(a[i].kind), a[i].module->path);
	if (!n)
		ht_findings_add(p->f, HT_FINDING_NOTE, "allocator", NULL,
				"no module exports a malloc: a static program, or one with an allocator of its own");
}

static void check_census(struct patient *p)
{
	struct ht_census c;
	struct ht_err err;

	if (ht_census_find(&p->process, &c, &err)) {
		ht_findings_add(p->f, HT_FINDING_NOTE, "census", NULL, "blocks from before cannot be listed: %s",
				err.text);
		return;
	}
	if (c.others[0])
		ht_findings_add(p->f, HT_FINDING_NOTE, "census", NULL, "blocks from before cannot all be listed: %s",
				c.others);
	else
		ht_findings_add(p->f, HT_FINDING_GOOD, "census", NULL, "blocks from before can be listed");
	ht_census_fini(&c);
}

/* ---- what its stacks would be ------------------------------------------------------------------------------ */

static struct ht_str keep(struct patient *p, const char *at, size_t len)
{
	struct ht_str s = { at, len };

	return ht_arena_keep(p->strings, &s) ? s : (struct ht_str){ "", 0 };
}

static const char *symbols_of(struct patient *p, const struct ht_object *o, bool is_other)
{
	static const char *const words[] = {
		[HT_OBJECT_GOOD] = "names and lines", [HT_OBJECT_NO_LINES] = "names",
		[HT_OBJECT_NO_NAMES] = "none",        [HT_OBJECT_REPLACED] = "file replaced",
		[HT_OBJECT_ABSENT] = "no file",       [HT_OBJECT_DAMAGED] = "file damaged",
	};
	enum ht_object_state state = is_other && o->state < HT_OBJECT_REPLACED ? HT_OBJECT_REPLACED : o->state;

	p->without_lines += state == HT_OBJECT_NO_LINES;
	p->without_names += state == HT_OBJECT_NO_NAMES;
	p->replaced += state >= HT_OBJECT_REPLACED;
	return words[state];
}

static bool is_other_file(const struct ht_object *o, const struct ht_region *r)
{
	struct stat st;

	return o->file.fd >= 0 && !fstat(o->file.fd, &st) && st.st_ino != r->inode;
}

static void look_at_module(struct patient *p, const struct ht_elf_places *places, const struct ht_region *r)
{
	struct ht_object o;
	struct ht_err err;
	bool unwind;

	ht_object_open(&o, places, r->path, (struct ht_str){ NULL, 0 }, &err);
	unwind = ht_elffile_is_open(&o.file) && ht_elffile_has_unwind(&o.file);
	p->without_unwind += !unwind;
	ht_table_add(p->modules, ht_string(keep(p, r->path, strlen(r->path))));
	ht_table_add(p->modules, ht_name(unwind ? "whole" : "by frame pointers"));
	ht_table_add(p->modules, ht_name(symbols_of(p, &o, is_other_file(&o, r))));
	ht_table_add(p->modules, o.debug.path ? ht_string(keep(p, o.debug.path, strlen(o.debug.path))) : ht_name(""));
	ht_table_add(p->modules, ht_raw(keep(p, o.file.build_id.at, o.file.build_id.len)));
	ht_object_close(&o);
}

/* Code that no file holds. Anything that is executable and was written by the process is. */
static bool is_made(const struct ht_region *r)
{
	return r->executable && !r->inode && r->path[0] != '[';
}

static void check_modules(struct patient *p)
{
	char root[64], link[PATH_BYTES];
	struct ht_elf_places places = { .sysroot = NULL };
	uint64_t made = 0;

	snprintf(root, sizeof(root), "/proc/%d/root", (int)p->process.pid);
	if (read_link(p->process.pid, "root", link, sizeof(link)) && strcmp(link, "/") != 0)
		places.sysroot = root;
	for (size_t i = 0; i < p->process.regions; i++) {
		const struct ht_region *r = &p->process.region[i];

		made += is_made(r) ? r->end - r->start : 0;
		if (r->executable && r->inode && r->path[0] == '/' &&
		    (!i || strcmp(r->path, (r - 1)->path) || !(r - 1)->executable))
			look_at_module(p, &places, r);
	}
	if (p->without_unwind)
		ht_findings_add(p->f, HT_FINDING_NOTE, "stacks",
				"compile without -fno-asynchronous-unwind-tables, or with -fno-omit-frame-pointer",
				"%u modules have no unwind information; stacks through them follow frame pointers, if "
				"there are any",
				p->without_unwind);
	else
		ht_findings_add(p->f, HT_FINDING_GOOD, "stacks", NULL, "all modules have unwind information");
	snprintf(link, sizeof(link), "/tmp/perf-%d.map", (int)p->process.pid);
	if (made && access(link, R_OK))
		ht_findings_add(p->f, HT_FINDING_NOTE, "code made",
				"node --perf-basic-prof, java -XX:+DumpPerfMapAtExit or a perf-map agent",
				"%" PRIu64 " KiB of code were made at run time, and %s names none of it", made >> 10,
				link);
	else if (made)
		ht_findings_add(p->f, HT_FINDING_GOOD, "code made", NULL,
				"%" PRIu64 " KiB at run time, with names in %s", made >> 10, link);
}

static void judge_symbols(struct patient *p)
{
	if (p->replaced)
		ht_findings_add(p->f, HT_FINDING_NOTE, "files",
				"start it again, or keep the old files for the report (--sysroot)",
				"%u modules have no file any more, or another one than when it was started",
				p->replaced);
	if (p->without_names)
		ht_findings_add(p->f, HT_FINDING_NOTE, "symbols",
				"install their debug packages (NAME-dbgsym), or debuginfod (DEBUGINFOD_URLS)",
				"%u modules are stripped: only exported functions have names, or none",
				p->without_names);
	if (p->without_lines)
		ht_findings_add(p->f, HT_FINDING_NOTE, "lines",
				"install their debug packages (NAME-dbgsym, libc6-dbg), or compile with -g",
				"%u modules have names, but no files and lines", p->without_lines);
	if (!p->replaced && !p->without_names && !p->without_lines)
		ht_findings_add(p->f, HT_FINDING_GOOD, "symbols", NULL, "all modules have names, files and lines");
}

int ht_patient_check(pid_t pid, struct ht_findings *f, struct ht_modules_seen *seen, struct ht_err *err)
{
	struct patient p = { .f = f, .modules = &seen->table, .strings = &seen->strings };
	struct stat st;
	char path[64];
	int rc;

	seen->table = HT_TABLE(module_fields);
	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	if (pid <= 0 || stat(path, &st))
		return ht_err_set(err, HT_ENOTFOUND, "there is no process %d", (int)pid);
	introduce(f, pid);
	if (!check_entering(f, pid)) {
		check_launch(f, pid);
		return 0;
	}
	rc = ht_process_open(pid, &p.process, err);
	if (rc)
		return rc;
	check_launch(f, pid);
	check_allocators(&p);
	check_census(&p);
	check_modules(&p);
	judge_symbols(&p);
	ht_process_close(&p.process);
	return 0;
}
