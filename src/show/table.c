/* SPDX-License-Identifier: Apache-2.0 */
/* table.c -- lays tables out: columns, facts, JSON
 *
 * Numbers stand right, words left. The width of a column is that of its widest value, in characters, after escaping.
 * When memory runs out there is no answer to give: the program says so and ends.
 */
#include "show/table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "show/command.h"
#include "show/escape.h"
#include "show/figures.h"
#include "show/out.h"

#define CELL_BYTES 512
#define GAP "  "

void ht_table_fini(struct ht_table *t)
{
	free(t->value);
	t->value = NULL;
	t->values = t->cap = 0;
}

void ht_table_clear(struct ht_table *t)
{
	t->values = 0;
}

void ht_table_add(struct ht_table *t, struct ht_value v)
{
	if (t->values == t->cap) {
		size_t cap = t->cap ? t->cap * 2 : 64;
		struct ht_value *more = reallocarray(t->value, cap, sizeof(*more));
		struct ht_err err;

		if (!more) {
			ht_err_sys(&err, "no memory for a table of %zu values", cap);
			exit(ht_complain(NULL, &err));
		}
		t->value = more;
		t->cap = cap;
	}
	t->value[t->values++] = v;
}

struct ht_value ht_name(const char *s)
{
	return s ? ht_string((struct ht_str){ s, strlen(s) }) : ht_null();
}

static const struct ht_value *value_at(const struct ht_table *t, size_t row, size_t field)
{
	return &t->value[row * t->fields + field];
}

/* ---- text -------------------------------------------------------------------------------------------------- */

/* Words that a shell would split are shown in quotes. */
static void write_words(char *to, struct ht_str s)
{
	size_t used = 0;

	for (size_t at = 0; at < s.len && used + 8 < CELL_BYTES;) {
		size_t len = strnlen(s.at + at, s.len - at);
		bool quote = !len || memchr(s.at + at, ' ', len);

		used += (size_t)snprintf(to + used, CELL_BYTES - used, "%s%s", at ? " " : "", quote ? "'" : "");
		ht_escape(to + used, CELL_BYTES - used - 1, s.at + at, len);
		used += strlen(to + used);
		used += (size_t)snprintf(to + used, CELL_BYTES - used, "%s", quote ? "'" : "");
		at += len + 1;
	}
	to[used] = 0;
}

static void write_raw(char *to, struct ht_str s)
{
	size_t len = s.len < CELL_BYTES / 2 ? s.len : CELL_BYTES / 2 - 1;

	for (size_t i = 0; i < len; i++)
		snprintf(to + 2 * i, 3, "%02x", (unsigned char)s.at[i]);
	to[2 * len] = 0;
}

static const char *write_text(char *to, const struct ht_field *f, const struct ht_value *v)
{
	switch (v->kind) {
	case HT_VALUE_NULL:
		return strcpy(to, "?");
	case HT_VALUE_NUMBER:
		if (f->form == HT_FORM_BYTES)
			ht_figure_bytes(to, v->number);
		else if (f->form == HT_FORM_NS)
			snprintf(to, CELL_BYTES, "%.6f s", (double)v->number / 1e9);
		else
			snprintf(to, CELL_BYTES, "%" PRIu64, v->number);
		return to;
	case HT_VALUE_SIGNED:
		snprintf(to, CELL_BYTES, "%" PRId64, (int64_t)v->number);
		return to;
	case HT_VALUE_HUNDREDTHS:
		snprintf(to, CELL_BYTES, "%" PRIu64 ".%02" PRIu64, v->number / 100, v->number % 100);
		return to;
	case HT_VALUE_HEX:
		snprintf(to, CELL_BYTES, "0x%" PRIx64, v->number);
		return to;
	case HT_VALUE_FLAG:
		return strcpy(to, v->number ? "yes" : "no");
	case HT_VALUE_STRING:
		return ht_escape(to, CELL_BYTES, v->string.at, v->string.len);
	case HT_VALUE_WORDS:
		write_words(to, v->string);
		return to;
	case HT_VALUE_RAW:
		write_raw(to, v->string);
		return to;
	}
	return to;
}

/* Characters, not bytes; good enough for names that are not of double width. */
static size_t width_of(const char *s)
{
	size_t width = 0;

	for (; *s; s++)
		width += (*s & 0xc0) != 0x80;
	return width;
}

static void pad(size_t n)
{
	while (n--)
		ht_out_text(" ");
}

static bool stands_right(const struct ht_table *t, size_t field)
{
	for (size_t row = 0; row < t->values / t->fields; row++) {
		enum ht_value_kind kind = value_at(t, row, field)->kind;

		if (kind != HT_VALUE_NULL)
			return kind < HT_VALUE_FLAG;
	}
	return false;
}

static void put_cell(const char *text, size_t width, bool right, bool last)
{
	size_t gap = width - width_of(text);

	if (right)
		pad(gap);
	ht_out_text(text);
	if (!last && !right)
		pad(gap);
	ht_out_text(last ? "\n" : GAP);
}

void ht_table_text(const struct ht_table *t)
{
	size_t rows = t->values / t->fields, last = t->fields - 1;
	size_t *width = calloc(t->fields, sizeof(*width));
	char cell[CELL_BYTES];

	if (!width)
		return;
	while (last && !t->field[last].title)
		last--;
	for (size_t f = 0; f < t->fields; f++) {
		width[f] = t->field[f].title ? width_of(t->field[f].title) : 0;
		for (size_t row = 0; t->field[f].title && row < rows; row++) {
			size_t w = width_of(write_text(cell, &t->field[f], value_at(t, row, f)));

			if (w > width[f])
				width[f] = w;
		}
	}
	for (size_t f = 0; f < t->fields; f++)
		if (t->field[f].title)
			put_cell(t->field[f].title, width[f], stands_right(t, f), f == last);
	for (size_t row = 0; row < rows; row++)
		for (size_t f = 0; f < t->fields; f++)
			if (t->field[f].title)
				put_cell(write_text(cell, &t->field[f], value_at(t, row, f)), width[f],
					 stands_right(t, f), f == last);
	free(width);
}

void ht_table_facts(const struct ht_table *t)
{
	size_t width = 0;
	char cell[CELL_BYTES];

	for (size_t f = 0; f < t->fields; f++)
		if (t->field[f].title && width_of(t->field[f].title) > width)
			width = width_of(t->field[f].title);
	for (size_t f = 0; f < t->fields; f++) {
		if (!t->field[f].title)
			continue;
		ht_out_text(t->field[f].title);
		pad(width - width_of(t->field[f].title));
		ht_out_text(GAP);
		ht_out_text(write_text(cell, &t->field[f], value_at(t, 0, f)));
		ht_out_text("\n");
	}
}

/* ---- JSON -------------------------------------------------------------------------------------------------- */

static void put_words(struct ht_str s)
{
	ht_out_text("[");
	for (size_t at = 0; at < s.len;) {
		size_t len = strnlen(s.at + at, s.len - at);

		if (at)
			ht_out_text(",");
		ht_out_json(s.at + at, len);
		at += len + 1;
	}
	ht_out_text("]");
}

static void put_json(const struct ht_value *v)
{
	char digits[CELL_BYTES];

	switch (v->kind) {
	case HT_VALUE_NULL:
		ht_out_text("null");
		break;
	case HT_VALUE_NUMBER:
		ht_out_number(v->number);
		break;
	case HT_VALUE_SIGNED:
		ht_outf("%" PRId64, (int64_t)v->number);
		break;
	case HT_VALUE_HUNDREDTHS:
		ht_outf("%" PRIu64 ".%02" PRIu64, v->number / 100, v->number % 100);
		break;
	case HT_VALUE_HEX:
		ht_out_text("\"");
		ht_out_hex(v->number);
		ht_out_text("\"");
		break;
	case HT_VALUE_FLAG:
		ht_out_text(v->number ? "true" : "false");
		break;
	case HT_VALUE_STRING:
		ht_out_json(v->string.at, v->string.len);
		break;
	case HT_VALUE_WORDS:
		put_words(v->string);
		break;
	case HT_VALUE_RAW:
		write_raw(digits, v->string);
		ht_outf("\"%s\"", digits);
		break;
	}
}

void ht_table_json(const struct ht_table *t, size_t row)
{
	const char *comma = "\"";

	for (size_t f = 0; f < t->fields; f++) {
		if (!t->field[f].name)
			continue;
		ht_out_text(comma);
		ht_out_text(t->field[f].name);
		ht_out_text("\":");
		put_json(value_at(t, row, f));
		comma = ",\"";
	}
}

void ht_table_json_rows(struct ht_table *t, bool more)
{
	for (size_t row = 0; row < t->values / t->fields; row++) {
		ht_out_text(row || more ? ",{" : "{");
		ht_table_json(t, row);
		ht_out_text("}");
	}
	ht_table_clear(t);
}
