/* SPDX-License-Identifier: Apache-2.0 */
/* columns.c -- packs event rows into columns and takes them apart again
 *
 * Called for every event: put by collect/drain.c while recording, survey by model.c and next by merge.c in every replay. So
 * all three are straight lines: one small table of bits tells which columns a kind of row has, numbers take the inline ways of
 * buf.h. Reading goes by batches, column after column, so that the cursor of the column stays in registers. A survey makes no
 * rows: eight bytes at a time it sees that there are as many numbers as there must be, and none so long that it could be wrong.
 *
 *   address   d = address - previous      d % 16 == 0     zigzag(d / 16) << 1
 *                                         else, it fits   zigzag(d) << 1 | 1
 *                                         else            1, then the address as a u64
 *
 * Always true:
 *   L1  the kind and the place column have exactly one byte a row, so the reader takes them without a check
 *   L2  every number is read through a cursor that ends with its column: never another column's byte
 *   L3  after the last row every column is used up; bytes left over are damage
 *   L4  a survey accepts exactly what reading accepts: what it cannot be sure of, it reads
 */
#include "format/columns.h"

#include <inttypes.h>

enum { KIND, TIME, CONTEXT, ADDRESS, SIZE, PLACE };

#define BIT(kind) (1u << (kind))
#define KINDS_WITH_ADDRESS                                                                                             \
	(BIT(HT_ROW_ALLOC) | BIT(HT_ROW_FREE) | BIT(HT_ROW_REALLOC_BEGIN) | BIT(HT_ROW_REALLOC_END) |                  \
	 BIT(HT_ROW_EXISTING))
#define KINDS_WITH_SIZE                                                                                                \
	(BIT(HT_ROW_ALLOC) | BIT(HT_ROW_ALLOC_FAILED) | BIT(HT_ROW_REALLOC_END) | BIT(HT_ROW_REALLOC_FAILED) |         \
	 BIT(HT_ROW_EXISTING))

static const char *const column_name[HT_EVENT_COLUMNS] = { "kind", "time", "context", "address", "size", "place" };

/* ---- writing ----------------------------------------------------------------------------------------------- */

void ht_columns_fini(struct ht_columns *c)
{
	for (int i = 0; i < HT_EVENT_COLUMNS; i++)
		ht_buf_fini(&c->column[i]);
	*c = (struct ht_columns){ 0 };
}

void ht_columns_clear(struct ht_columns *c)
{
	for (int i = 0; i < HT_EVENT_COLUMNS; i++)
		ht_buf_clear(&c->column[i]);
	c->rows = 0;
	c->first_time_ticks = c->last_time_ticks = 0;
	c->last_address = 0;
}

static void put_address(struct ht_buf *b, uint64_t address, uint64_t last)
{
	int64_t d = (int64_t)(address - last);
	uint64_t z;

	if (d % 16 == 0) {
		ht_buf_varint(b, ht_zigzag(d / 16) << 1);
		return;
	}
	z = ht_zigzag(d);
	if (z >> 63) {
		ht_buf_u8(b, 1);
		ht_buf_u64(b, address);
		return;
	}
	ht_buf_varint(b, z << 1 | 1);
}

void ht_columns_put(struct ht_columns *c, const struct ht_row *r)
{
	uint64_t time = r->time_ticks;

	if (c->rows == 0)
		c->first_time_ticks = c->last_time_ticks = time;
	if (time < c->last_time_ticks)
		time = c->last_time_ticks;
	ht_buf_u8(&c->column[KIND], (uint8_t)r->kind);
	ht_buf_varint(&c->column[TIME], time - c->last_time_ticks);
	ht_buf_varint(&c->column[CONTEXT], r->context);
	if (BIT(r->kind) & KINDS_WITH_ADDRESS) {
		put_address(&c->column[ADDRESS], r->address, c->last_address);
		c->last_address = r->address;
	}
	if (BIT(r->kind) & KINDS_WITH_SIZE)
		ht_buf_varint(&c->column[SIZE], r->size);
	ht_buf_u8(&c->column[PLACE], (uint8_t)(r->source << 4 | (r->heap & 0xf)));
	c->last_time_ticks = time;
	c->rows++;
}

size_t ht_columns_bytes(const struct ht_columns *c)
{
	size_t bytes = HT_EVENT_COLUMNS * sizeof(uint32_t);

	for (int i = 0; i < HT_EVENT_COLUMNS; i++)
		bytes += c->column[i].len;
	return bytes;
}

bool ht_columns_payload(const struct ht_columns *c, struct ht_buf *to)
{
	if (!ht_buf_reserve(to, ht_columns_bytes(c)))
		return false;
	for (int i = 0; i < HT_EVENT_COLUMNS; i++) {
		if (!ht_buf_ok(&c->column[i]))
			return false;
		ht_buf_u32(to, (uint32_t)c->column[i].len);
	}
	for (int i = 0; i < HT_EVENT_COLUMNS; i++)
		ht_buf_bytes(to, c->column[i].at, c->column[i].len);
	return true;
}

/* ---- reading ----------------------------------------------------------------------------------------------- */

int ht_column_reader_init(struct ht_column_reader *r, struct ht_cursor payload, uint32_t rows,
			  uint64_t first_time_ticks, struct ht_err *err)
{
	struct ht_cursor column[HT_EVENT_COLUMNS];
	uint32_t len[HT_EVENT_COLUMNS];
	uint64_t total = 0;
	int rc;

	for (int i = 0; i < HT_EVENT_COLUMNS; i++) {
		rc = ht_cursor_u32(&payload, &len[i], err);
		if (rc)
			return rc;
		total += len[i];
	}
#ifndef HT_PLANT_BUG /* tests/fuzz/run.sh leaves this bound out to prove that the fuzzer misses it */
	if (total != ht_cursor_left(&payload))
		return ht_err_set(err, HT_EDAMAGED, "byte %" PRIu64 ": columns of %" PRIu64 " bytes, %zu are there",
				  ht_cursor_at(&payload), total, ht_cursor_left(&payload));
#endif
	if (len[KIND] != rows || len[PLACE] != rows)
		return ht_err_set(err, HT_EDAMAGED, "%" PRIu32 " rows, but %" PRIu32 " kinds and %" PRIu32 " places",
				  rows, len[KIND], len[PLACE]);
	for (int i = 0; i < HT_EVENT_COLUMNS; i++) {
		column[i] = ht_cursor_of(payload.at, len[i], ht_cursor_at(&payload));
		payload.at += len[i];
	}
	memcpy(r->column, column, sizeof(column));
	r->left = rows;
	r->time_ticks = first_time_ticks;
	r->address = 0;
	r->next = r->ready = 0;
	return 0;
}

static int end(const struct ht_column_reader *r, struct ht_err *err)
{
	for (int i = 0; i < HT_EVENT_COLUMNS; i++)
		if (ht_cursor_left(&r->column[i]))
			return ht_err_set(err, HT_EDAMAGED, "byte %" PRIu64 ": %zu bytes too many in the %s column",
					  ht_cursor_at(&r->column[i]), ht_cursor_left(&r->column[i]), column_name[i]);
	return 0;
}

/* ---- a batch ----------------------------------------------------------------------------------------------- */

static int take_kinds(struct ht_column_reader *r, uint32_t n, struct ht_err *err)
{
	const uint8_t *kind = r->column[KIND].at, *place = r->column[PLACE].at;

	for (uint32_t i = 0; i < n; i++) {
		if (kind[i] < HT_ROW_ALLOC || kind[i] > HT_ROW_EXISTING)
			return ht_err_set(err, HT_EDAMAGED, "byte %" PRIu64 ": there is no row kind %d",
					  ht_cursor_at(&r->column[KIND]) + i, kind[i]);
		r->batch[i] = (struct ht_row){ .kind = kind[i], .heap = place[i] & 0xf, .source = place[i] >> 4 };
	}
	r->column[KIND].at += n;
	r->column[PLACE].at += n;
	return 0;
}

static int take_times(struct ht_column_reader *r, uint32_t n, struct ht_err *err)
{
	struct ht_cursor c = r->column[TIME];
	uint64_t ticks, time = r->time_ticks;

	for (uint32_t i = 0; i < n; i++) {
		int rc = ht_cursor_varint(&c, &ticks, err);

		if (rc)
			return rc;
		if (__builtin_add_overflow(time, ticks, &time))
			return ht_err_set(err, HT_EDAMAGED, "byte %" PRIu64 ": the time is beyond 64 bits",
					  ht_cursor_at(&c));
		r->batch[i].time_ticks = time;
	}
	r->column[TIME] = c;
	r->time_ticks = time;
	return 0;
}

static int take_contexts(struct ht_column_reader *r, uint32_t n, struct ht_err *err)
{
	struct ht_cursor c = r->column[CONTEXT];
	uint64_t context;

	for (uint32_t i = 0; i < n; i++) {
		int rc = ht_cursor_varint(&c, &context, err);

		if (rc)
			return rc;
		if (context > UINT32_MAX)
			return ht_err_set(err, HT_EDAMAGED,
					  "byte %" PRIu64 ": context %" PRIu64 " has more than 32 bits",
					  ht_cursor_at(&c), context);
		r->batch[i].context = (uint32_t)context;
	}
	r->column[CONTEXT] = c;
	return 0;
}

static int take_addresses(struct ht_column_reader *r, uint32_t n, struct ht_err *err)
{
	struct ht_cursor c = r->column[ADDRESS];
	uint64_t v, address = r->address;
	int rc;

	for (uint32_t i = 0; i < n; i++) {
		if (!(BIT(r->batch[i].kind) & KINDS_WITH_ADDRESS))
			continue;
		rc = ht_cursor_varint(&c, &v, err);
		if (!rc && v == 1)
			rc = ht_cursor_u64(&c, &address, err);
		else
			address += (uint64_t)ht_unzigzag(v >> 1) << (v & 1 ? 0 : 4);
		if (rc)
			return rc;
		r->batch[i].address = address;
	}
	r->column[ADDRESS] = c;
	r->address = address;
	return 0;
}

static int take_sizes(struct ht_column_reader *r, uint32_t n, struct ht_err *err)
{
	struct ht_cursor c = r->column[SIZE];

	for (uint32_t i = 0; i < n; i++) {
		int rc = BIT(r->batch[i].kind) & KINDS_WITH_SIZE ? ht_cursor_varint(&c, &r->batch[i].size, err) : 0;

		if (rc)
			return rc;
	}
	r->column[SIZE] = c;
	return 0;
}

int ht_column_reader_batch(struct ht_column_reader *r, struct ht_err *err)
{
	uint32_t n = r->left < HT_COLUMN_BATCH ? r->left : HT_COLUMN_BATCH;
	int rc;

	if (n == 0)
		return end(r, err);
	rc = take_kinds(r, n, err);
	if (!rc)
		rc = take_times(r, n, err);
	if (!rc)
		rc = take_contexts(r, n, err);
	if (!rc)
		rc = take_addresses(r, n, err);
	if (!rc)
		rc = take_sizes(r, n, err);
	if (rc)
		return rc;
	r->left -= n;
	r->next = 0;
	r->ready = n;
	return 1;
}

/* ---- a survey ---------------------------------------------------------------------------------------------- */

#define ONES 0x0101010101010101u
#define TOPS 0x8080808080808080u /* set in a byte: another one of the number follows */

/* What the numbers of a column look like. */
struct looks {
	uint64_t count;
	bool has_5_bytes, has_9_bytes; /* so many at least */
	bool has_odd;                  /* a number 1, or one with more bytes than it needs */
	bool is_cut;                   /* the last number is */
};

static inline uint64_t zero_bytes(uint64_t w)
{
	return ~(((w & ~TOPS) + ~TOPS) | w) & TOPS;
}

static struct looks look_at(const struct ht_cursor *column)
{
	size_t len = ht_cursor_left(column);
	uint64_t ends_before = 0x80, five = 0, nine = 0, odd = 0, count = 0;
	uint32_t goes_on = 0; /* a bit a byte: of the word before, and above them of this one */

	for (size_t i = 0; i < len; i += 8) {
		uint64_t w = 0, ends, four;

		memcpy(&w, column->at + i, len - i < 8 ? len - i : 8);
		ends = ~w & TOPS;
		count += (ends >> 7) * ONES >> 56;
		goes_on = goes_on >> 8 | (uint32_t)(((w & TOPS) >> 7) * 0x0102040810204080u >> 56) << 8;
		four = goes_on & goes_on >> 1;
		four &= four >> 2;
		five |= four;
		nine |= four & four >> 4;
		ends_before |= ends << 8;
		odd |= (zero_bytes(w ^ ONES) & ends_before) | (zero_bytes(w) & ~ends_before);
		ends_before = ends >> 56;
	}
	return (struct looks){
		.count = count - (8 - len % 8) % 8, /* the zeros behind the end */
		.has_5_bytes = five,
		.has_9_bytes = nine,
		.has_odd = odd,
		.is_cut = len && column->at[len - 1] >= 0x80,
	};
}

/* All numbers of a column together, none of which has more than eight bytes. */
static unsigned __int128 add_up(const struct ht_cursor *column)
{
	unsigned __int128 sum = 0;
	unsigned shift = 0;

	for (const uint8_t *at = column->at; at < column->end; at++) {
		sum += (uint64_t)(*at & 0x7f) << shift;
		shift = (shift + 7) & -(unsigned)(*at >> 7);
	}
	return sum;
}

static bool is_plain(struct looks l, uint64_t numbers)
{
	return l.count == numbers && !l.has_9_bytes && !l.is_cut;
}

/* The sums, if they can be had without reading: then there is no doubt about any row. */
static bool see_through(const struct ht_column_reader *r, uint32_t rows, struct ht_column_sums *ret)
{
	uint32_t of_byte[UINT8_MAX + 1] = { 0 };
	uint64_t known = 0, addresses = 0, sizes = 0;
	struct looks context = look_at(&r->column[CONTEXT]), address = look_at(&r->column[ADDRESS]);
	unsigned __int128 last;

	for (uint32_t i = 0; i < rows; i++)
		of_byte[r->column[KIND].at[i]]++;
	for (uint32_t kind = HT_ROW_ALLOC; kind <= HT_ROW_EXISTING; kind++) {
		ret->rows[kind] = of_byte[kind];
		known += of_byte[kind];
		addresses += BIT(kind) & KINDS_WITH_ADDRESS ? of_byte[kind] : 0;
		sizes += BIT(kind) & KINDS_WITH_SIZE ? of_byte[kind] : 0;
	}
	if (known != rows || !is_plain(context, rows) || context.has_5_bytes || !is_plain(address, addresses) ||
	    address.has_odd || !is_plain(look_at(&r->column[SIZE]), sizes) ||
	    !is_plain(look_at(&r->column[TIME]), rows))
		return false;
	last = r->time_ticks + add_up(&r->column[TIME]);
	ret->last_time_ticks = (uint64_t)last;
	return last <= UINT64_MAX;
}

int ht_columns_survey(struct ht_cursor payload, uint32_t rows, uint64_t first_time_ticks, struct ht_column_sums *ret,
		      struct ht_err *err)
{
	struct ht_column_sums sums = { 0 };
	struct ht_column_reader r;
	int rc = ht_column_reader_init(&r, payload, rows, first_time_ticks, err);

	if (rc)
		return rc;
	if (see_through(&r, rows, &sums)) {
		*ret = sums;
		return 0;
	}
	memset(&sums, 0, sizeof(sums));
	while ((rc = ht_column_reader_batch(&r, err)) > 0)
		for (uint32_t i = 0; i < r.ready; i++)
			sums.rows[r.batch[i].kind]++;
	if (rc)
		return rc;
	sums.last_time_ticks = r.time_ticks;
	*ret = sums;
	return 0;
}
