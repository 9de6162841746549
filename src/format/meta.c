/* SPDX-License-Identifier: Apache-2.0 */
/* meta.c -- writes and reads the records of metadata blocks
 *
 * Called by collect/ (put) and read.c (get). Every record is some numbers and then some strings, and so is its
 * struct in meta.h:
 *
 *   file     varint varint ... varint | length bytes | length bytes
 *   struct   uint64_t .......uint64_t | struct ht_str| struct ht_str
 *
 * So one put and one get serve all kinds, given the record's size and how many of its fields are strings. The number of
 * a context and the address of a live block are stored as differences.
 *
 * Always true: a get that fails leaves the cursor and the result as they were. What the numbers mean is the reader's
 * business; that they may say anything at all, too.
 */
#include "format/meta.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

enum { SESSION_STRINGS = 3, IMAGE_STRINGS = 4, PROCESS_STRINGS = 2, MODULE_STRINGS = 2, THREAD_STRINGS = 1 };
#define NUMBERS_MAX 9
#define STRINGS_MAX 4

static size_t count_numbers(size_t record_bytes, size_t strings)
{
	return (record_bytes - strings * sizeof(struct ht_str)) / sizeof(uint64_t);
}

static void put(struct ht_buf *b, const void *record, size_t record_bytes, size_t strings)
{
	size_t numbers = count_numbers(record_bytes, strings);
	const uint64_t *number = record;
	const struct ht_str *string = (const void *)(number + numbers);

	for (size_t i = 0; i < numbers; i++)
		ht_buf_varint(b, number[i]);
	for (size_t i = 0; i < strings; i++)
		ht_buf_str(b, string[i]);
}

static int get(struct ht_cursor *c, void *record, size_t record_bytes, size_t strings, struct ht_err *err)
{
	struct ht_cursor ahead = *c;
	size_t numbers = count_numbers(record_bytes, strings);
	uint64_t number[NUMBERS_MAX];
	struct ht_str string[STRINGS_MAX];
	int rc;

	assert(numbers <= NUMBERS_MAX && strings <= STRINGS_MAX);
	for (size_t i = 0; i < numbers; i++) {
		rc = ht_cursor_varint(&ahead, &number[i], err);
		if (rc)
			return rc;
	}
	for (size_t i = 0; i < strings; i++) {
		rc = ht_cursor_str(&ahead, &string[i], err);
		if (rc)
			return rc;
	}
	memcpy(record, number, numbers * sizeof(*number));
	memcpy((char *)record + numbers * sizeof(*number), string, strings * sizeof(*string));
	*c = ahead;
	return 0;
}

void ht_meta_put_session(struct ht_buf *b, const struct ht_meta_session *m)
{
	put(b, m, sizeof(*m), SESSION_STRINGS);
}

void ht_meta_put_image(struct ht_buf *b, const struct ht_meta_image *m)
{
	put(b, m, sizeof(*m), IMAGE_STRINGS);
}

void ht_meta_put_process(struct ht_buf *b, const struct ht_meta_process *m)
{
	put(b, m, sizeof(*m), PROCESS_STRINGS);
}

void ht_meta_put_module(struct ht_buf *b, const struct ht_meta_module *m)
{
	put(b, m, sizeof(*m), MODULE_STRINGS);
}

void ht_meta_put_thread(struct ht_buf *b, const struct ht_meta_thread *m)
{
	put(b, m, sizeof(*m), THREAD_STRINGS);
}

void ht_meta_put_context(struct ht_buf *b, const struct ht_meta_context *m, uint64_t *previous)
{
	ht_buf_varint(b, ht_zigzag((int64_t)(m->context - *previous)));
	ht_buf_varint(b, m->parent);
	ht_buf_varint(b, m->kind);
	ht_buf_varint(b, m->generation);
	ht_buf_varint(b, m->pc);
	*previous = m->context;
}

void ht_meta_put_live(struct ht_buf *b, const struct ht_meta_live *m, uint64_t *previous)
{
	struct ht_meta_live stored = *m;

	stored.address = ht_zigzag((int64_t)(m->address - *previous));
	*previous = m->address;
	put(b, &stored, sizeof(stored), 0);
}

void ht_meta_put_clock(struct ht_buf *b, const struct ht_meta_clock *m)
{
	put(b, m, sizeof(*m), 0);
}

void ht_meta_put_loss(struct ht_buf *b, const struct ht_meta_loss *m)
{
	put(b, m, sizeof(*m), 0);
}

void ht_meta_put_account(struct ht_buf *b, const struct ht_meta_account *m)
{
	put(b, m, sizeof(*m), 0);
}

void ht_meta_put_end(struct ht_buf *b, const struct ht_meta_end *m)
{
	put(b, m, sizeof(*m), 0);
}

void ht_meta_put_index(struct ht_buf *b, const struct ht_meta_index_entry *e, size_t count, uint64_t offset)
{
	uint64_t previous = 0;
	size_t start = b->len;

	ht_buf_varint(b, count);
	for (size_t i = 0; i < count; i++) {
		ht_buf_varint(b, (e[i].offset - previous) / HT_BLOCK_ALIGN);
		ht_buf_varint(b, e[i].kind);
		ht_buf_varint(b, e[i].stream);
		ht_buf_varint(b, e[i].rows);
		ht_buf_varint(b, e[i].first_time_ticks);
		ht_buf_varint(b, e[i].last_time_ticks);
		previous = e[i].offset;
	}
	while (ht_buf_ok(b) && (b->len - start) % HT_BLOCK_ALIGN)
		ht_buf_u8(b, 0);
	ht_buf_u64(b, offset);
	ht_buf_bytes(b, HT_INDEX_TAIL, HT_BLOCK_ALIGN);
}

static int get_index(struct ht_cursor c, struct ht_meta_index_entry *entry, uint64_t count, struct ht_err *err)
{
	uint64_t at = 0;
	int rc = 0;

	for (uint64_t i = 0; !rc && i < count; i++) {
		rc = get(&c, &entry[i], sizeof(entry[i]), 0, err);
		if (rc)
			break;
		at += entry[i].offset * HT_BLOCK_ALIGN;
		entry[i].offset = at;
	}
	return rc;
}

int ht_meta_get_index(struct ht_cursor c, struct ht_meta_index_entry **ret, size_t *ret_count, uint64_t *ret_offset,
		      struct ht_err *err)
{
	size_t tail = sizeof(uint64_t) + HT_BLOCK_ALIGN;
	struct ht_meta_index_entry *entry;
	uint64_t count, offset;
	int rc;

	if (ht_cursor_left(&c) < tail || ht_cursor_left(&c) % HT_BLOCK_ALIGN ||
	    memcmp(c.end - HT_BLOCK_ALIGN, HT_INDEX_TAIL, HT_BLOCK_ALIGN) != 0)
		return ht_err_set(err, HT_EDAMAGED, "byte %" PRIu64 ": the index has no tail", ht_cursor_at(&c));
	memcpy(&offset, c.end - tail, sizeof(offset));
	c.end -= tail;
	rc = ht_cursor_varint(&c, &count, err);
	if (rc)
		return rc;
	if (count > ht_cursor_left(&c) / 6)
		return ht_err_set(err, HT_EDAMAGED,
				  "byte %" PRIu64 ": the index says %" PRIu64 " blocks, and ends before",
				  ht_cursor_at(&c), count);
	entry = calloc(count + 1, sizeof(*entry));
	if (!entry)
		return ht_err_set(err, HT_ESYSTEM, "out of memory for an index of %" PRIu64 " blocks", count);
	rc = get_index(c, entry, count, err);
	if (rc) {
		free(entry);
		return rc;
	}
	*ret = entry;
	*ret_count = count;
	*ret_offset = offset;
	return 0;
}

int ht_meta_get_session(struct ht_cursor *c, struct ht_meta_session *ret, struct ht_err *err)
{
	return get(c, ret, sizeof(*ret), SESSION_STRINGS, err);
}

int ht_meta_get_image(struct ht_cursor *c, struct ht_meta_image *ret, struct ht_err *err)
{
	return get(c, ret, sizeof(*ret), IMAGE_STRINGS, err);
}

int ht_meta_get_process(struct ht_cursor *c, struct ht_meta_process *ret, struct ht_err *err)
{
	return get(c, ret, sizeof(*ret), PROCESS_STRINGS, err);
}

int ht_meta_get_module(struct ht_cursor *c, struct ht_meta_module *ret, struct ht_err *err)
{
	return get(c, ret, sizeof(*ret), MODULE_STRINGS, err);
}

int ht_meta_get_thread(struct ht_cursor *c, struct ht_meta_thread *ret, struct ht_err *err)
{
	return get(c, ret, sizeof(*ret), THREAD_STRINGS, err);
}

int ht_meta_get_context(struct ht_cursor *c, struct ht_meta_context *ret, uint64_t *previous, struct ht_err *err)
{
	struct ht_meta_context m;
	int rc = get(c, &m, sizeof(m), 0, err);

	if (rc)
		return rc;
	m.context = *previous + (uint64_t)ht_unzigzag(m.context);
	*previous = m.context;
	*ret = m;
	return 0;
}

int ht_meta_get_live(struct ht_cursor *c, struct ht_meta_live *ret, uint64_t *previous, struct ht_err *err)
{
	struct ht_meta_live m;
	int rc = get(c, &m, sizeof(m), 0, err);

	if (rc)
		return rc;
	m.address = *previous + (uint64_t)ht_unzigzag(m.address);
	*previous = m.address;
	*ret = m;
	return 0;
}

int ht_meta_get_clock(struct ht_cursor *c, struct ht_meta_clock *ret, struct ht_err *err)
{
	return get(c, ret, sizeof(*ret), 0, err);
}

int ht_meta_get_loss(struct ht_cursor *c, struct ht_meta_loss *ret, struct ht_err *err)
{
	return get(c, ret, sizeof(*ret), 0, err);
}

int ht_meta_get_account(struct ht_cursor *c, struct ht_meta_account *ret, struct ht_err *err)
{
	return get(c, ret, sizeof(*ret), 0, err);
}

int ht_meta_get_end(struct ht_cursor *c, struct ht_meta_end *ret, struct ht_err *err)
{
	return get(c, ret, sizeof(*ret), 0, err);
}

const char *ht_function_name(uint64_t function)
{
	static const char *const name[HT_FUNCTION_COUNT] = {
		"?",
		"malloc",
		"calloc",
		"realloc",
		"reallocarray",
		"free",
		"posix_memalign",
		"aligned_alloc",
		"memalign",
		"valloc",
		"pvalloc",
		"free_sized",
		"free_aligned_sized",
		"new",
		"new[]",
		"new(nothrow)",
		"new[](nothrow)",
		"new(align)",
		"new[](align)",
		"new(align, nothrow)",
		"new[](align, nothrow)",
		"delete",
		"delete[]",
		"delete(nothrow)",
		"delete[](nothrow)",
		"delete(size)",
		"delete[](size)",
		"delete(align)",
		"delete[](align)",
		"delete(size, align)",
		"delete[](size, align)",
		"delete(align, nothrow)",
		"delete[](align, nothrow)",
	};

	return function < HT_FUNCTION_COUNT ? name[function] : name[0];
}
