/* SPDX-License-Identifier: Apache-2.0 */
/* perfmap.c -- reads the map of a compiler's code, and finds the one name of an address
 *
 * perfmap.h says whose file is read. It is read, not mapped: the process may still be writing it. What it appends
 * meanwhile is not waited for.
 *
 *   text   1000 20 main\n1020 8 twice\n...      entries point into it, sorted by start
 */
#include "inspect/perfmap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "util/cleanup.h"

#define MAX_BYTES ((size_t)64 << 20)
#define MAX_ENTRIES ((size_t)1 << 20)
#define LOOK_BACK 4096

/* ---- the text ---------------------------------------------------------------------------------------------- */

/* A hexadecimal number, with or without 0x, and the spaces behind it. */
static bool take_number(const char **at, const char *end, uint64_t *ret)
{
	const char *p = *at;
	uint64_t n = 0;
	int digits = 0;

	if (end - p > 2 && p[0] == '0' && (p[1] | 0x20) == 'x')
		p += 2;
	for (; p < end; p++, digits++) {
		int low = *p | 0x20;

		if (*p >= '0' && *p <= '9')
			n = n << 4 | (uint64_t)(*p - '0');
		else if (low >= 'a' && low <= 'f')
			n = n << 4 | (uint64_t)(low - 'a' + 10);
		else
			break;
	}
	if (!digits || digits > 16 || p == end || *p != ' ')
		return false;
	while (p < end && *p == ' ')
		p++;
	*at = p;
	*ret = n;
	return true;
}

static bool take_line(const char *at, const char *end, struct ht_perfmap_entry *ret)
{
	uint64_t start, size;

	if (end > at && end[-1] == '\r')
		end--;
	if (!take_number(&at, end, &start) || !take_number(&at, end, &size) || at == end)
		return false;
	if (!size || size > UINT64_MAX - start || memchr(at, 0, (size_t)(end - at)))
		return false;
	*ret = (struct ht_perfmap_entry){ start, start + size, 0, { at, (size_t)(end - at) } };
	return true;
}

static int by_start(const void *a, const void *b)
{
	const struct ht_perfmap_entry *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

int ht_perfmap_parse(struct ht_perfmap *m, char *text, size_t len, struct ht_err *err)
{
	const char *at = text, *end = text + len;
	uint64_t reach = 0;

	m->text = text;
	while (at < end) {
		struct ht_perfmap_entry entry, *new;
		const char *stop = memchr(at, '\n', (size_t)(end - at));

		/* A line that is still being written has no end, and perhaps half a name. */
		if (!stop || !take_line(at, stop, &entry)) {
			m->malformed++;
		} else if (m->entries.count == MAX_ENTRIES) {
			m->is_cut = true;
			break;
		} else {
			new = HT_LIST_ADD(&m->entries);
			if (!new)
				return ht_err_set(err, HT_ESYSTEM, "out of memory");
			*new = entry;
		}
		at = stop ? stop + 1 : end;
	}
	if (m->entries.count)
		qsort(m->entries.at, m->entries.count, sizeof(*m->entries.at), by_start);
	for (size_t i = 0; i < m->entries.count; i++) {
		if (m->entries.at[i].end > reach)
			reach = m->entries.at[i].end;
		m->entries.at[i].reach = reach;
	}
	return 0;
}

/* ---- the file ---------------------------------------------------------------------------------------------- */

static int check(int fd, struct ht_perfmap *m, uint64_t not_before_ns, struct stat *st, struct ht_err *err)
{
	if (fstat(fd, st))
		return ht_err_sys(err, "cannot be looked at");
	if (!S_ISREG(st->st_mode))
		return ht_err_set(err, HT_ESYSTEM, "is not a regular file");
	if (st->st_uid && st->st_uid != geteuid())
		return ht_err_set(err, HT_ESYSTEM, "belongs to another user");
	m->written_ns = (uint64_t)st->st_mtim.tv_sec * 1000000000u + (uint64_t)st->st_mtim.tv_nsec;
	if (m->written_ns < not_before_ns)
		return ht_err_set(err, HT_ESYSTEM, "was last written before the recording started");
	return 0;
}

int ht_perfmap_open(struct ht_perfmap *m, const char *path, uint64_t not_before_ns, struct ht_err *err)
{
	ht_auto(fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	ht_auto(memory) char *text = NULL;
	size_t size, len = 0;
	struct stat st;
	ssize_t got;
	int rc;

	*m = (struct ht_perfmap){ 0 };
	if (fd < 0)
		return errno == ENOENT ? 0 : ht_err_sys(err, "cannot be opened");
	rc = check(fd, m, not_before_ns, &st, err);
	if (rc)
		return rc;
	m->is_cut = (uint64_t)st.st_size > MAX_BYTES;
	size = m->is_cut ? MAX_BYTES : (size_t)st.st_size;
	text = malloc(size + 1);
	if (!text)
		return ht_err_set(err, HT_ESYSTEM, "out of memory");
	while (len < size && (got = read(fd, text + len, size - len))) {
		if (got < 0)
			return ht_err_sys(err, "cannot be read");
		len += (size_t)got;
	}
	return ht_perfmap_parse(m, ht_take(text), len, err);
}

void ht_perfmap_close(struct ht_perfmap *m)
{
	free(m->entries.at);
	free(m->text);
	*m = (struct ht_perfmap){ 0 };
}

/* ---- the answer -------------------------------------------------------------------------------------------- */

static bool is_same(struct ht_str a, struct ht_str b)
{
	return a.len == b.len && !memcmp(a.at, b.at, a.len);
}

const struct ht_perfmap_entry *ht_perfmap_find(const struct ht_perfmap *m, uint64_t pc)
{
	const struct ht_perfmap_entry *found = NULL, *e;
	size_t low = 0, high = m->entries.count, looks = 0;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (m->entries.at[mid].start <= pc)
			low = mid + 1;
		else
			high = mid;
	}
	while (low && (e = &m->entries.at[--low])->reach > pc) {
		if (++looks > LOOK_BACK || (e->end > pc && found && !is_same(found->name, e->name)))
			return NULL;
		if (e->end > pc && !found)
			found = e;
	}
	return found;
}
