/* SPDX-License-Identifier: Apache-2.0 */
/* mapped-find.c -- an address is given to the module that had it then, or to none
 *
 * The histories are the ones of src/inspect/mapped.h: one library behind another at the same addresses.
 */
#include "unit.h"

#include "inspect/mapped.h"

#define A "/lib/a.so"
#define B "/lib/b.so"

static struct ht_model model;
static struct ht_mapped mapped;

static void add(uint64_t change, uint64_t generation, const char *path)
{
	struct ht_meta_module *m = HT_LIST_ADD(&model.modules);

	*m = (struct ht_meta_module){ .change = change,
				      .generation = generation,
				      .image = 1,
				      .start = 0x1000,
				      .end = 0x2000,
				      .path = { path, strlen(path) } };
}

static void expect(uint64_t generation, uint64_t pc, const char *path)
{
	const struct ht_meta_module *m = ht_mapped_find(&mapped, 1, generation, pc);

	if (!path) {
		assert_null(m);
		return;
	}
	assert_non_null(m);
	assert_int_equal(m->path.len, strlen(path));
	assert_memory_equal(m->path.at, path, m->path.len);
}

static int end(void **state)
{
	(void)state;
	ht_mapped_fini(&mapped);
	free(model.modules.at);
	model = (struct ht_model){ 0 };
	return 0;
}

static void generations_tell_modules_apart(void **state)
{
	(void)state;
	add(HT_MODULE_MAPPED, 1, A);
	add(HT_MODULE_UNMAPPED, 2, A);
	add(HT_MODULE_MAPPED, 3, B);
	assert_true(ht_mapped_init(&mapped, &model));
	expect(1, 0x1000, A);
	expect(2, 0x1000, NULL);
	expect(3, 0x1fff, B);
	expect(9, 0x1000, B);
	expect(3, 0x2000, NULL);
	expect(3, 0xfff, NULL);
	assert_null(ht_mapped_find(&mapped, 2, 3, 0x1000));
}

static void one_generation_for_two_modules_is_neither(void **state)
{
	(void)state;
	add(HT_MODULE_MAPPED, 0, A);
	add(HT_MODULE_UNMAPPED, 0, A);
	add(HT_MODULE_MAPPED, 0, B);
	assert_true(ht_mapped_init(&mapped, &model));
	expect(0, 0x1000, NULL);
}

static void the_only_module_there_ever_was_is_it(void **state)
{
	(void)state;
	add(HT_MODULE_MAPPED, 5, A);
	add(HT_MODULE_UNMAPPED, 6, A);
	assert_true(ht_mapped_init(&mapped, &model));
	expect(1, 0x1000, A);
	expect(7, 0x1000, A);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(generations_tell_modules_apart, end),
		cmocka_unit_test_teardown(one_generation_for_two_modules_is_neither, end),
		cmocka_unit_test_teardown(the_only_module_there_ever_was_is_it, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
