/* SPDX-License-Identifier: Apache-2.0 */
/* relocate-prologue.c -- functions whose beginning was moved do what they did; those that cannot be moved are refused
 *
 * The functions are written here in assembler, as compilers write malloc and free, and run twice: from their beginning, and from its copy.
 */
#include "unit.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "attach/relocate.h"

__attribute__((used)) static long word = 0x1234567;

/* Each between two labels. */
#define CODE(name, text)                                                                                               \
	__asm__(".pushsection .text\n.balign 16\n" #name ":\n" text "\n" #name "_end:\n.balign 16\n.popsection");      \
	extern const uint8_t name[] __attribute__((visibility("hidden")));                                             \
	extern const uint8_t name##_end[] __attribute__((visibility("hidden")))

CODE(pushes, "push %r12; push %rbx; lea 5(%rdi),%rax; mov %rax,%rbx; mov %rbx,%rax; pop %rbx; pop %r12; ret");
CODE(marked, "endbr64; mov %rdi,%rax; add $7,%rax; ret");
CODE(tested, "test %rdi,%rdi; je 1f; lea 1(%rdi),%rax; ret; 1: mov $42,%eax; ret");
CODE(tested_far, "test %rdi,%rdi; .byte 0x0f,0x84; .long 1f-.-4; lea 1(%rdi),%rax; ret; 1: mov $42,%eax; ret");
CODE(loads, "mov word(%rip),%rax; add %rdi,%rax; ret");
CODE(compares, "cmpb $0x67,word(%rip); jne 1f; lea 3(%rdi),%rax; ret; 1: xor %eax,%eax; ret");
CODE(jumps, "jmp pushes");
CODE(jumps_short, "nop; nop; nop; jmp 1f; ud2; 1: mov %rdi,%rax; ret");
CODE(calls, "call pushes; ret");
CODE(too_short, "xor %eax,%eax; ret; nop; nop; nop");
CODE(loops_back, "mov %rdi,%rax; 1: dec %rdi; nop; nop; jne 1b; ret");
CODE(counts_down, "jrcxz 1f; nop; nop; nop; 1: ret");
CODE(empty, "ret; cs nopw 0(%rax,%rax,1)");
CODE(empty_marked, "endbr64; ret; nopl 0(%rax)");
CODE(two, "ret; mov %rdi,%rax; add $1,%rax; ret");
CODE(traps, "syscall; ret; nop; nop");

typedef long function(long);

static uint8_t *near_page; /* within 2 GiB of the functions */

static int relocate(const uint8_t *from, const uint8_t *end, uint64_t to, struct ht_relocated *r, struct ht_err *err)
{
	struct ht_function_bytes f = { from, (size_t)(end - from), true, (uint64_t)from };

	return ht_relocate(&f, to, r, err);
}

static void same(const uint8_t *from, const uint8_t *end)
{
	struct ht_relocated r;
	struct ht_err err;

	expect_ok(relocate(from, end, (uint64_t)near_page, &r, &err), &err);
	assert_in_range(r.taken, HT_JUMP_BYTES, HT_JUMP_BYTES + 14);
	assert_in_range(r.bytes, 1, HT_RELOCATED_MOST);
	assert_int_equal(r.from[0], 0);
	assert_int_equal(r.to[0], 0);
	memcpy(near_page, r.code, r.bytes);
	for (long x = -3; x < 4; x++)
		assert_int_equal(((function *)near_page)(x), ((function *)(uintptr_t)from)(x));
}

#define SAME(name) same(name, name##_end)

static void test_they_do_the_same(void **state)
{
	(void)state;
	SAME(pushes);
	SAME(marked);
	SAME(tested);
	SAME(tested_far);
	SAME(loads);
	SAME(compares);
	SAME(jumps);
	SAME(jumps_short);
}

static void test_places_are_told(void **state)
{
	struct ht_relocated r;
	struct ht_err err;

	(void)state;
	expect_ok(relocate(tested, tested_end, (uint64_t)near_page, &r, &err), &err);
	assert_int_equal(r.count, 2);
	assert_int_equal(r.from[1], 3);
	assert_int_equal(r.to[1], 3);
	assert_int_equal(r.taken, 5);
	assert_int_equal(r.bytes, 3 + 6 + 5); /* the jump on a condition has become a long one */
}

static void refused(const uint8_t *from, const uint8_t *end, const char *why)
{
	struct ht_relocated r;
	struct ht_err err;

	assert_int_equal(relocate(from, end, (uint64_t)near_page, &r, &err), HT_ETARGET);
	assert_non_null(strstr(err.text, why));
}

#define REFUSED(name, why) refused(name, name##_end, why)

static void test_what_cannot_be_moved(void **state)
{
	struct ht_relocated r;
	struct ht_err err;

	(void)state;
	REFUSED(calls, "begins with a call");
	REFUSED(traps, "begins with a call");
	REFUSED(too_short, "shorter than a jump");
	REFUSED(loops_back, "leads back");
	REFUSED(counts_down, "no long form");
	assert_int_equal(relocate(loads, loads_end, (uint64_t)near_page + (1ull << 32), &r, &err), HT_ETARGET);
	assert_non_null(strstr(err.text, "2 GiB"));
	refused(pushes, pushes + 3, "shorter than a jump");
}

/* A return, and padding: where the size is not known, and functions begin at 16 bytes. */
static void test_empty(void **state)
{
	struct ht_function_bytes f = { empty, (size_t)(empty_end - empty), false, (uint64_t)empty };
	struct ht_relocated r;
	struct ht_err err;

	(void)state;
	expect_ok(ht_relocate(&f, (uint64_t)near_page, &r, &err), &err);
	memcpy(near_page, r.code, r.bytes);
	((function *)near_page)(1);
	f.at += 1;
	assert_int_equal(ht_relocate(&f, (uint64_t)near_page, &r, &err), HT_ETARGET);
	f = (struct ht_function_bytes){ empty_marked, (size_t)(empty_marked_end - empty_marked), false,
					(uint64_t)empty_marked };
	expect_ok(ht_relocate(&f, (uint64_t)near_page, &r, &err), &err);
	f = (struct ht_function_bytes){ two, (size_t)(two_end - two), false, (uint64_t)two };
	assert_int_equal(ht_relocate(&f, (uint64_t)near_page, &r, &err), HT_ETARGET);
	assert_non_null(strstr(err.text, "shorter than a jump"));
}

int main(void)
{
	uintptr_t here = (uintptr_t)pushes & ~4095ul;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_they_do_the_same),
		cmocka_unit_test(test_places_are_told),
		cmocka_unit_test(test_what_cannot_be_moved),
		cmocka_unit_test(test_empty),
	};

	for (uintptr_t at = here + (16 << 20); at < here + (1u << 30) && !near_page; at += 1 << 20) {
		void *p = mmap((void *)at, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

		near_page = p == MAP_FAILED ? NULL : p;
	}
	if (!near_page)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
