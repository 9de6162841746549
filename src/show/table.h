/* SPDX-License-Identifier: Apache-2.0 */
/* table.h -- every answer is a table first; then it is text for people or JSON for programs
 *
 *   fields   name ("recorded", for JSON)   title ("recorded", for people)    one array per kind of answer
 *   rows     values, field by field        ht_table_add() fills them from left to right, row after row
 *
 *   ht_table_text()    aligned columns under their titles
 *   ht_table_facts()   one row, a line for each field: "title   value"
 *   ht_table_json()    one row as an object, without its braces: the caller may put more into it
 *   ht_table_json_rows()  all rows as objects
 *
 * A field without title is only in JSON, one without name only in text. Strings are borrowed until the table is printed.
 */
#ifndef HT_TABLE_H
#define HT_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"

enum ht_form {
	HT_FORM_PLAIN,
	HT_FORM_BYTES, /* text: with the unit that fits */
	HT_FORM_NS,    /* text: seconds */
};

struct ht_field {
	const char *name, *title;
	enum ht_form form;
};

enum ht_value_kind {
	HT_VALUE_NULL,
	HT_VALUE_NUMBER,
	HT_VALUE_SIGNED,
	HT_VALUE_HUNDREDTHS,
	HT_VALUE_HEX,
	HT_VALUE_FLAG,
	HT_VALUE_STRING,
	HT_VALUE_WORDS, /* strings, each followed by a NUL */
	HT_VALUE_RAW,   /* bytes, shown as hexadecimal digits */
};

struct ht_value {
	enum ht_value_kind kind;
	uint64_t number;
	struct ht_str string;
};

struct ht_table {
	const struct ht_field *field;
	size_t fields;
	struct ht_value *value;
	size_t values, cap;
};

#define HT_TABLE(array) ((struct ht_table){ .field = (array), .fields = sizeof(array) / sizeof(*(array)) })

void ht_table_fini(struct ht_table *t);
void ht_table_clear(struct ht_table *t); /* no rows; keeps the memory */
void ht_table_add(struct ht_table *t, struct ht_value v);

static inline struct ht_value ht_null(void)
{
	return (struct ht_value){ .kind = HT_VALUE_NULL };
}

static inline struct ht_value ht_number(uint64_t n)
{
	return (struct ht_value){ .kind = HT_VALUE_NUMBER, .number = n };
}

static inline struct ht_value ht_signed(int64_t n)
{
	return (struct ht_value){ .kind = HT_VALUE_SIGNED, .number = (uint64_t)n };
}

static inline struct ht_value ht_hundredths(uint64_t n)
{
	return (struct ht_value){ .kind = HT_VALUE_HUNDREDTHS, .number = n };
}

static inline struct ht_value ht_hex(uint64_t n)
{
	return (struct ht_value){ .kind = HT_VALUE_HEX, .number = n };
}

static inline struct ht_value ht_flag(bool b)
{
	return (struct ht_value){ .kind = HT_VALUE_FLAG, .number = b };
}

static inline struct ht_value ht_string(struct ht_str s)
{
	return (struct ht_value){ .kind = HT_VALUE_STRING, .string = s };
}

static inline struct ht_value ht_words(struct ht_str s)
{
	return (struct ht_value){ .kind = HT_VALUE_WORDS, .string = s };
}

static inline struct ht_value ht_raw(struct ht_str s)
{
	return (struct ht_value){ .kind = HT_VALUE_RAW, .string = s };
}

struct ht_value ht_name(const char *s); /* NULL: unknown */

static inline struct ht_value ht_if(bool known, struct ht_value v)
{
	return known ? v : ht_null();
}

void ht_table_text(const struct ht_table *t);
void ht_table_facts(const struct ht_table *t);

/* The fields of row `row` as "name":value, with commas between them. */
void ht_table_json(const struct ht_table *t, size_t row);

/* Prints the rows so far as {row},{row} and forgets them: a list may be longer than memory. `more`: others went before. */
void ht_table_json_rows(struct ht_table *t, bool more);

#endif
