/* SPDX-License-Identifier: Apache-2.0 */
/* outside.c -- tells of a process, from outside, what the blob in it would have to be told: outside PID [FIFO]
 *
 * Used by: outside.sh. Linked with everything but main, so that the real finders are what is asked. The process is visited once, and nothing in it changed.
 * With FIFO, somebody may change what is loaded before the visit, until it is closed.
 *
 * Prints:   module START END UNWIND      file OFFSET BUILD-ID PATH      for each module, out of the channel's table
 *           function ADDRESS             for each that the table which was made for it has, in its order
 *           thread ID THREAD-POINTER     for each thread that was held; then   distance N,   loader yes|no,   same yes|no
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "attach/entries.h"
#include "attach/loaded.h"
#include "attach/tid.h"

#define VISIT_NS 20000000000u
#define ROOM 4096u
#define TABLE_WORDS (1u << 18)

struct seen {
	const struct ht_loaded *loaded;
	uint32_t distance;
	bool same;
};

static struct {
	struct ht_channel head;
	struct ht_module table[ROOM];
	uint64_t frames[TABLE_WORDS];
} channel;

static int look(struct ht_visit *v, void *with, struct ht_err *err)
{
	struct seen *s = with;

	for (size_t i = 0; i < v->threads; i++)
		if (v->thread[i].state == HT_VISIT_HELD)
			printf("thread %d 0x%llx\n", (int)v->thread[i].tid, v->thread[i].regs.fs_base);
	fflush(stdout);
	s->same = ht_loaded_is_same(v->process, s->loaded);
	return ht_tid_offset(v, &s->distance, err);
}

static void print_made(const struct ht_module *m)
{
	if ((m->unwind_at & ~HT_MODULE_TABLE) != channel.head.table_at || m->unwind_from >= m->unwind_to)
		printf("FAILED: a table that is nowhere\n");
	for (uint64_t i = 0; i < channel.frames[1]; i++)
		printf("function %" PRIx64 "\n", channel.frames[2 + 2 * i]);
}

static void print_modules(const struct ht_gate *gate)
{
	for (uint32_t n = gate->modules; n; n = channel.table[n - 1].next) {
		const struct ht_module *m = &channel.table[n - 1];

		if (m->unwind_at & HT_MODULE_TABLE)
			print_made(m);
		printf("module %" PRIx64 " %" PRIx64 " %" PRIx64 "\nfile %" PRIx64 " ", m->start, m->end,
		       m->unwind_at & HT_MODULE_TABLE ? 0 : m->unwind_at, m->offset);
		for (unsigned i = 0; i < m->build_id_len; i++)
			printf("%02x", m->build_id[i]);
		printf(" %s\n", m->path);
		if (m->image != 7 || HT_SLOT_STATE(m->state) != HT_MODULE_LIVE ||
		    (m->unwind_at && !(m->unwind_at & HT_MODULE_TABLE) &&
		     (m->unwind_at < m->unwind_from || m->unwind_at >= m->unwind_to)))
			printf("FAILED: an entry that makes no sense\n");
	}
}

static void wait_for(const char *fifo)
{
	FILE *f = fopen(fifo, "re");

	while (f && getc(f) != EOF)
		;
	if (f)
		fclose(f);
}

int main(int argc, char **argv)
{
	struct ht_entry entry[HT_ENTRIES_MOST];
	struct ht_process p;
	struct ht_loaded loaded;
	struct seen s = { .loaded = &loaded };
	struct ht_gate gate = { 0 };
	struct ht_err err;
	size_t entries, loaders = 0;

	channel.head.modules_at = offsetof(__typeof__(channel), table);
	channel.head.module_limit = ROOM;
	channel.head.table_at = offsetof(__typeof__(channel), frames);
	channel.head.table_bytes = sizeof(channel.frames);
	if (argc < 2 || ht_process_open((pid_t)atoi(argv[1]), &p, &err) || ht_loaded_find(&p, true, &loaded, &err)) {
		printf("FAILED: %s\n", argc < 2 ? "no process" : err.text);
		return 1;
	}
	if (argc > 2)
		wait_for(argv[2]);
	if (ht_visit_run(&p, &(struct ht_visit_task){ look, &s, sizeof(s), VISIT_NS }, NULL, &err)) {
		printf("FAILED: %s\n", err.text);
		return 1;
	}
	ht_loaded_tell(&loaded, &channel.head, 7, 1, &gate);
	print_modules(&gate);
	entries = ht_entries_find(&p, entry);
	for (size_t i = 0; i < entries; i++)
		loaders += entry[i].function == HT_FN_NONE;
	printf("distance %u\nloader %s\nsame %s\n", s.distance, loaders == 1 ? "yes" : "no", s.same ? "yes" : "no");
	ht_loaded_fini(&loaded);
	ht_process_close(&p);
	return 0;
}
