/* SPDX-License-Identifier: Apache-2.0 */
/* block-seal.c -- src/format/block: what is sealed opens, and what was touched does not
 *
 * The header is checked against bytes written by hand from docs/trace-format.md, section 3, with libzstd and xxHash
 * as the judges of payload and sums.
 */
#define XXH_INLINE_ALL
#include "unit.h"

#include <xxhash.h>
#include <zstd.h>

#include "format/block.h"

static struct ht_err err;
static struct ht_sealer *sealer;
static struct ht_opener *opener;

static int create(void **state)
{
	(void)state;
	expect_ok(ht_sealer_create(1, &sealer, &err), &err);
	expect_ok(ht_opener_create(&opener, &err), &err);
	return 0;
}

static int destroy(void **state)
{
	(void)state;
	ht_sealer_destroy(sealer);
	ht_opener_destroy(opener);
	return 0;
}

static struct ht_block example(void)
{
	return (struct ht_block){
		.kind = HT_BLOCK_EVENTS,
		.session = 0x1122334455667788,
		.number = 9,
		.stream = 3,
		.rows = 77,
		.first_seq = 1000,
		.first_time_ticks = 5000,
		.last_time_ticks = 6000,
	};
}

static struct ht_buf seal(struct ht_block *b, const void *payload, size_t len)
{
	struct ht_buf to = { 0 };

	expect_ok(ht_sealer_seal(sealer, b, payload, len, &to, &err), &err);
	assert_int_equal(to.len % 8, 0);
	assert_int_equal(to.len, ht_block_span(b));
	return to;
}

static uint64_t get64(const uint8_t *at)
{
	uint64_t v;

	memcpy(&v, at, 8);
	return v;
}

static void header_is_laid_out_as_documented(void **state)
{
	static const uint8_t expected[72] = {
		0x89, 'H',  'T',  'A',  'P',  '\r', '\n', 0x1a, /* magic */
		1,    0,    7,    0,    0,    0,    0,    0,    /* version, kind, flags */
		0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, /* session */
		9,    0,    0,    0,    0,    0,    0,    0,    /* number */
		3,    0,    0,    0,    77,   0,    0,    0,    /* stream, rows */
		0xe8, 3,    0,    0,    0,    0,    0,    0,    /* first_seq */
		0x88, 0x13, 0,    0,    0,    0,    0,    0,    /* first_time */
		0x70, 0x17, 0,    0,    0,    0,    0,    0,    /* last_time */
		3,    0,    0,    0,    3,    0,    0,    0,    /* stored_bytes, plain_bytes */
	};
	struct ht_block b = example();
	struct ht_buf block = seal(&b, "abc", 3);

	(void)state;
	assert_int_equal(block.len, 96);
	assert_memory_equal(block.at, expected, sizeof(expected));
	assert_true(XXH3_64bits("", 0) == 0x2d06800538d394c2); /* xxHash's own test vector */
	assert_true(get64(block.at + 72) == XXH3_64bits("abc", 3));
	assert_true(get64(block.at + 80) == XXH3_64bits(block.at, 80));
	assert_memory_equal(block.at + 88, "abc\0\0\0\0\0", 8);
	ht_buf_fini(&block);
}

static void parsed_header_is_the_sealed_one(void **state)
{
	struct ht_block b = example(), got;
	struct ht_buf block = seal(&b, "abc", 3);

	(void)state;
	expect_ok(ht_block_parse(block.at, &got, &err), &err);
	assert_memory_equal(&got, &b, sizeof(b));
	ht_buf_fini(&block);
}

static void expect_plain(const struct ht_buf *block, const void *payload, size_t len)
{
	struct ht_block b;
	struct ht_cursor c;

	expect_ok(ht_block_parse(block->at, &b, &err), &err);
	expect_ok(ht_opener_open(opener, &b, block->at + HT_BLOCK_HEADER_BYTES, 0, &c, &err), &err);
	assert_int_equal(ht_cursor_left(&c), len);
	if (len)
		assert_memory_equal(c.at, payload, len);
}

/* Around the length from which zstd is used, and long enough that the buffers of both sides grow. */
static void payloads_of_many_lengths_come_back(void **state)
{
	static const size_t lengths[] = { 0, 1, 7, 8, 255, 256, 257, 5000, 3, 1000000, 300 };
	uint8_t *payload = test_malloc(1000000);
	struct random r = { .state = 3 };

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		for (int compressible = 0; compressible < 2; compressible++) {
			struct ht_block b = example();
			struct ht_buf block;

			for (size_t at = 0; at < lengths[i]; at++)
				payload[at] = compressible ? 'x' : (uint8_t)next_random(&r);
			block = seal(&b, payload, lengths[i]);
			assert_int_equal(b.flags, compressible && lengths[i] >= 256 ? HT_BLOCK_ZSTD : 0);
			assert_int_equal(b.plain_bytes, lengths[i]);
			expect_plain(&block, payload, lengths[i]);
			ht_buf_fini(&block);
		}
	}
	test_free(payload);
}

static void packed_payload_is_one_frame_that_libzstd_reads(void **state)
{
	struct ht_block b = example();
	uint8_t payload[4096] = { 0 }, plain[4096];
	struct ht_buf block = seal(&b, payload, sizeof(payload));

	(void)state;
	assert_int_equal(ZSTD_decompress(plain, sizeof(plain), block.at + 88, b.stored_bytes), sizeof(plain));
	assert_memory_equal(plain, payload, sizeof(plain));
	ht_buf_fini(&block);
}

static void index_is_never_packed(void **state)
{
	struct ht_block b = { .kind = HT_BLOCK_INDEX };
	uint8_t payload[4096] = { 0 };
	struct ht_buf block = seal(&b, payload, sizeof(payload));

	(void)state;
	assert_int_equal(b.flags, 0);
	assert_int_equal(b.stored_bytes, sizeof(payload));
	ht_buf_fini(&block);
}

static void blocks_are_appended(void **state)
{
	struct ht_block b = example();
	struct ht_buf to = { 0 };

	(void)state;
	expect_ok(ht_sealer_seal(sealer, &b, "abc", 3, &to, &err), &err);
	expect_ok(ht_sealer_seal(sealer, &b, "defghijkl", 9, &to, &err), &err);
	assert_int_equal(to.len, 96 + 104);
	to.at += 96;
	expect_plain(&to, "defghijkl", 9);
	to.at -= 96;
	ht_buf_fini(&to);
}

static void payload_beyond_the_limit_is_refused(void **state)
{
	struct ht_block b = example();
	struct ht_buf to = { 0 };

	(void)state;
	assert_int_equal(ht_sealer_seal(sealer, &b, "", HT_BLOCK_PAYLOAD_MAX + 1, &to, &err), HT_EUSAGE);
	assert_int_equal(to.len, 0);
	ht_buf_fini(&to);
}

/* ---- damage ------------------------------------------------------------------------------------------------ */

static void every_bit_of_the_header_matters(void **state)
{
	struct ht_block b = example(), got;
	struct ht_buf block = seal(&b, "abc", 3);

	(void)state;
	for (size_t bit = 0; bit < HT_BLOCK_HEADER_BYTES * 8; bit++) {
		block.at[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(ht_block_parse(block.at, &got, &err), HT_EDAMAGED);
		block.at[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	ht_buf_fini(&block);
}

static void every_bit_of_the_payload_matters(void **state)
{
	uint8_t payload[600] = { 1, 2, 3 };
	struct ht_block b = example();
	struct ht_buf block = seal(&b, payload, sizeof(payload));
	struct ht_cursor c = { 0 };

	(void)state;
	assert_int_equal(b.flags, HT_BLOCK_ZSTD);
	for (size_t bit = 88 * 8; bit < (88 + b.stored_bytes) * 8; bit++) {
		block.at[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(ht_opener_open(opener, &b, block.at + 88, 4096, &c, &err), HT_EDAMAGED);
		assert_non_null(strstr(err.text, "4096"));
		block.at[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_null(c.at);
	ht_buf_fini(&block);
}

/* Changes one number in the header and repairs its sum. */
static struct ht_buf seal_and_set(size_t offset, uint32_t value, size_t bytes)
{
	struct ht_block b = example();
	struct ht_buf block = seal(&b, "abc", 3);
	uint64_t sum;

	memcpy(block.at + offset, &value, bytes);
	sum = XXH3_64bits(block.at, 80);
	memcpy(block.at + 80, &sum, 8);
	return block;
}

static void newer_version_is_named(void **state)
{
	struct ht_buf block = seal_and_set(8, 2, 2);
	struct ht_block b;

	(void)state;
	assert_int_equal(ht_block_parse(block.at, &b, &err), HT_EFORMAT);
	assert_non_null(strstr(err.text, "version 2"));
	ht_buf_fini(&block);
}

static void lengths_beyond_the_limit_are_damage(void **state)
{
	static const size_t offsets[] = { 64, 68 };
	struct ht_block b;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct ht_buf over = seal_and_set(offsets[i], HT_BLOCK_PAYLOAD_MAX + 1, 4);
		struct ht_buf at = seal_and_set(offsets[i], HT_BLOCK_PAYLOAD_MAX, 4);

		assert_int_equal(ht_block_parse(over.at, &b, &err), HT_EDAMAGED);
		expect_ok(ht_block_parse(at.at, &b, &err), &err);
		ht_buf_fini(&over);
		ht_buf_fini(&at);
	}
}

static void unknown_kinds_and_flags_are_parsed(void **state)
{
	struct ht_buf kind = seal_and_set(10, 999, 2), flags = seal_and_set(12, 0xfffffffe, 4);
	struct ht_block b;

	(void)state;
	expect_ok(ht_block_parse(kind.at, &b, &err), &err);
	assert_int_equal(b.kind, 999);
	expect_plain(&flags, "abc", 3);
	ht_buf_fini(&kind);
	ht_buf_fini(&flags);
}

static void expect_payload_damage(const void *stored, size_t len, uint32_t plain_bytes, uint32_t flags)
{
	struct ht_block b = { .stored_bytes = (uint32_t)len, .plain_bytes = plain_bytes, .flags = flags };
	struct ht_cursor c;

	b.payload_sum = XXH3_64bits(stored, len);
	assert_int_equal(ht_opener_open(opener, &b, stored, 0, &c, &err), HT_EDAMAGED);
}

static void unpacked_payload_of_two_lengths_is_damage(void **state)
{
	(void)state;
	expect_payload_damage("abc", 3, 4, 0);
	expect_payload_damage("abc", 3, 2, 0);
}

static void payload_that_is_no_single_frame_is_damage(void **state)
{
	uint8_t frame[200], zero[64] = { 0 };
	size_t n = ZSTD_compress(frame, 100, zero, sizeof(zero), 1);

	(void)state;
	assert_true(n < 100);
	expect_payload_damage("", 0, 64, HT_BLOCK_ZSTD);
	expect_payload_damage("no zstd here", 12, 64, HT_BLOCK_ZSTD);
	expect_payload_damage(frame, n - 1, 64, HT_BLOCK_ZSTD);
	memcpy(frame + n, frame, n);
	expect_payload_damage(frame, 2 * n, 128, HT_BLOCK_ZSTD);
	memcpy(frame + n, "\x50\x2a\x4d\x18\0\0\0\0", 8); /* a frame to be skipped: RFC 8878, 3.1.2 */
	expect_payload_damage(frame, n + 8, 64, HT_BLOCK_ZSTD);
}

/* 16 MiB of zeros in half a kilobyte, announced and unannounced. */
static void bomb_does_not_unpack_beyond_what_the_header_says(void **state)
{
	size_t plain = 16u << 20, room = ZSTD_compressBound(plain), n;
	void *zero = calloc(1, plain), *frame = malloc(room);
	ZSTD_CCtx *zstd = ZSTD_createCCtx();

	(void)state;
	for (int announced = 0; announced < 2; announced++) {
		ZSTD_CCtx_setParameter(zstd, ZSTD_c_contentSizeFlag, announced);
		n = ZSTD_compress2(zstd, frame, room, zero, plain);
		assert_true(n < 4096);
		expect_payload_damage(frame, n, 1000, HT_BLOCK_ZSTD);
		if (announced)
			assert_non_null(strstr(err.text, "frame says 16777216"));
		expect_payload_damage(frame, n, (uint32_t)plain + 1, HT_BLOCK_ZSTD);
	}
	ZSTD_freeCCtx(zstd);
	free(zero);
	free(frame);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_is_laid_out_as_documented),
		cmocka_unit_test(parsed_header_is_the_sealed_one),
		cmocka_unit_test(payloads_of_many_lengths_come_back),
		cmocka_unit_test(packed_payload_is_one_frame_that_libzstd_reads),
		cmocka_unit_test(index_is_never_packed),
		cmocka_unit_test(blocks_are_appended),
		cmocka_unit_test(payload_beyond_the_limit_is_refused),
		cmocka_unit_test(every_bit_of_the_header_matters),
		cmocka_unit_test(every_bit_of_the_payload_matters),
		cmocka_unit_test(newer_version_is_named),
		cmocka_unit_test(lengths_beyond_the_limit_are_damage),
		cmocka_unit_test(unknown_kinds_and_flags_are_parsed),
		cmocka_unit_test(unpacked_payload_of_two_lengths_is_damage),
		cmocka_unit_test(payload_that_is_no_single_frame_is_damage),
		cmocka_unit_test(bomb_does_not_unpack_beyond_what_the_header_says),
	};

	return cmocka_run_group_tests(tests, create, destroy);
}
