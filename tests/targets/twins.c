/* SPDX-License-Identifier: Apache-2.0 */
/* twins.c -- pairs of stacks that are alike but for one thing: each thing that a remembered stack must be compared by
 *
 *   twins ROUNDS
 *
 * Each pair allocates twice. Whoever remembers the first stack and does not look at that one thing takes the second for it, because the
 * frame it stands in, all other words, and the outermost frames are the same:
 *
 *   play ── call_it ──────────── f          directly: f makes more room below its frame
 *   play ── call_it ── detour ── f          lower, and makes so much less of it that its stack pointer is the same again;
 *                                           where its return address stood before, there is now that of the detour, to the same place
 *
 * stack-conditions.sh takes the comparisons out of the agent one by one; stacks.sh, which leaves them in, finds every stack right. The functions
 * are assembly, so that no compiler moves a word; those without .cfi_startproc have no unwind information on purpose.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#define NOINLINE __attribute__((noinline))
#define AWAY_BYTES 65536

typedef void function(void);

__attribute__((used)) long room;         /* that f makes below its frame */
__attribute__((used)) long shift, lower; /* what the detour makes; how much lower f enters by it */
__attribute__((used)) int which;         /* 0 for the first of a pair, 1 for the second */
__attribute__((used)) function *inner;   /* what the detour leads to */
__attribute__((used)) void *(*allocators[])(size_t) = { malloc, valloc };
__attribute__((used)) void *way_back; /* the stack that stand_away() comes from */
__attribute__((used)) char *away;     /* the top of the stack that it goes to */

#define BEGIN(name) ".globl " #name "\n.type " #name ", @function\n" #name ":\n"
#define CFI_BEGIN(name) BEGIN(name) ".cfi_startproc\n"
#define CFI_END(name) ".cfi_endproc\n.size " #name ", .-" #name "\n"
#define ALLOCATE "mov $16, %edi\ncall malloc@PLT\n"

/* Base pointer, room, then `what`. */
#define FRAMED(name, what)                                                                                             \
	CFI_BEGIN(name)                                                                                                \
	"push %rbp\n.cfi_def_cfa_offset 16\n.cfi_offset %rbp, -16\nmov %rsp, %rbp\n.cfi_def_cfa_register %rbp\n"       \
	"sub room(%rip), %rsp\n" what "leave\n.cfi_def_cfa %rsp, 8\nret\n" CFI_END(name)

/* 8 bytes, then `what`. */
#define PLAIN(name, what)                                                                                              \
	CFI_BEGIN(name)                                                                                                \
	"sub $8, %rsp\n.cfi_def_cfa_offset 16\n" what "add $8, %rsp\n.cfi_def_cfa_offset 8\nret\n" CFI_END(name)

/* As gcc realigns a stack that it must find arguments on. */
#define REALIGNED(name, what)                                                                                          \
	CFI_BEGIN(name)                                                                                                \
	"lea 8(%rsp), %r10\n.cfi_def_cfa %r10, 0\nand $-2048, %rsp\npush -8(%r10)\npush %rbp\nmov %rsp, %rbp\n"        \
	".cfi_escape 0x10, 0x06, 0x02, 0x76, 0x00\npush %r10\n.cfi_escape 0x0f, 0x03, 0x76, 0x78, 0x06\n"              \
	"sub $8, %rsp\n" what "mov -8(%rbp), %r10\n.cfi_def_cfa %r10, 0\nmov %rbp, %rsp\npop %rbp\n"                   \
	"lea -8(%r10), %rsp\n.cfi_def_cfa %rsp, 8\nret\n" CFI_END(name)

/* The frame is found by rbx, which only a walk with all registers knows. */
#define BY_RBX(name, what)                                                                                             \
	CFI_BEGIN(name)                                                                                                \
	"push %rbx\n.cfi_def_cfa_offset 16\n.cfi_offset %rbx, -16\nmov %rsp, %rbx\n.cfi_def_cfa_register %rbx\n"       \
	"sub room(%rip), %rsp\n" what "mov %rbx, %rsp\npop %rbx\n.cfi_def_cfa %rsp, 8\nret\n" CFI_END(name)

void call_it(function *f), call_a(function *f), call_b(function *f), call_aligned(function *f);
function detour, aside, plain, other, either, framed, framed_plain, framed_saves, realigned, realigned_room,
	framed_realigned, trapped, framed_trapped, bare, framed_bare, bare_room, by_rbx, by_rbx_plain, trapped_next,
	trapped_away, stand_away, trapped_one;

__asm__(".text\n" PLAIN(call_it, "call *%rdi\n") PLAIN(call_a, "call *%rdi\n") PLAIN(call_b, "call *%rdi\n")
	/* In the middle of a page, so that detour and all are in one. */
	CFI_BEGIN(
		call_aligned) "push %rbp\n.cfi_def_cfa_offset 16\n.cfi_offset %rbp, -16\nmov %rsp, %rbp\n"
			      ".cfi_def_cfa_register %rbp\nand $-4096, %rsp\nsub $2048, %rsp\ncall *%rdi\n"
			      "leave\n.cfi_def_cfa %rsp, 8\nret\n" CFI_END(call_aligned) CFI_BEGIN(
				      detour) "push %rbp\n.cfi_def_cfa_offset 16\n.cfi_offset %rbp, -16\nmov %rsp, "
					      "%rbp\n"
					      ".cfi_def_cfa_register %rbp\nsub shift(%rip), %rsp\nmov lower(%rip), "
					      "%rax\nsub %rax, room(%rip)\n"
					      "call *inner(%rip)\n"
					      "leave\n.cfi_def_cfa %rsp, 8\nret\n" CFI_END(detour) CFI_BEGIN(
						      aside) "sub $24, %rsp\n.cfi_def_cfa_offset 32\ncall "
							     "*inner(%rip)\nadd $24, %rsp\n"
							     ".cfi_def_cfa_offset 8\nret\n" CFI_END(aside) PLAIN(plain, ALLOCATE) PLAIN(
								     other,
								     ALLOCATE) PLAIN(either,
										     "mov "
										     "allocators(%rip),"
										     " %rax\ncmpl $0, "
										     "which(%rip)"
										     "\ncmovne "
										     "8+allocators(%"
										     "rip), %rax\nmov "
										     "$16, %edi\ncall "
										     "*%rax\n") FRAMED(framed,
												       ALLOCATE) FRAMED(framed_plain,
															"cal"
															"l "
															"pla"
															"in"
															"\n")
								     CFI_BEGIN(
									     saves) "push %rbp\n.cfi_def_cfa_offset "
										    "16\n.cfi_offset %rbp, -16\nxor "
										    "%ebp, %ebp\n" ALLOCATE
										    "pop %rbp\n.cfi_def_cfa_offset "
										    "8\nret\n" CFI_END(saves) FRAMED(framed_saves, "call saves\n") REALIGNED(
											    realigned,
											    ALLOCATE) REALIGNED(realigned_room,
														"sub "
														"room(%"
														"rip), "
														"%rsp"
														"\n" ALLOCATE)
											    FRAMED(framed_realigned,
												   "c"
												   "a"
												   "l"
												   "l"
												   " "
												   "r"
												   "e"
												   "a"
												   "l"
												   "i"
												   "g"
												   "n"
												   "e"
												   "d"
												   "\n") CFI_BEGIN(trapped) "cmpl $0, which(%rip)\njne 1f\nud2\nret\n1: ud2\nret\n" CFI_END(trapped)
												    CFI_BEGIN(trapped_one) "ud2\nret\n" CFI_END(
													    trapped_one) FRAMED(framed_trapped,
																"ud2\n")
													    BEGIN(bare) "push %rbp\nmov %rsp, %rbp\n" ALLOCATE "pop %rbp\nret\n" FRAMED(
														    framed_bare,
														    "ca"
														    "ll"
														    " b"
														    "ar"
														    "e"
														    "\n")
														    BEGIN(bare_room) "push %rbp\nmov %rsp, %rbp\nsub room(%rip), %rsp\n" ALLOCATE
																     "leave\nret\n" BY_RBX(
																	     by_rbx,
																	     ALLOCATE)
																	     BY_RBX(by_rbx_plain,
																		    "call plain\n")
	/* The trap comes where the call before it returns to. */
	PLAIN(trapped_next, "call plain\nud2\n")
	/* On another stack, whose outermost return address is 0. */
	CFI_BEGIN(trapped_away) "ud2\nmov way_back(%rip), %rsp\nret\n" CFI_END(trapped_away)
		CFI_BEGIN(stand_away) "mov %rsp, way_back(%rip)\nmov away(%rip), %rsp\npush $0\njmp "
				      "trapped_away\n" CFI_END(stand_away));

struct act {
	void (*call)(function *f);
	function *f;
};

static void *volatile sink;

static void on_trap(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)info;
	sink = malloc(16);
	((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] += 2; /* ud2 */
}

static void on_stack(int flag)
{
	struct sigaction act = { .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO | flag };

	sigaction(SIGILL, &act, NULL);
}

/* One call for both, so that all outside of it is the same: the compiler must not know how often. */
NOINLINE static void play(const struct act *act, volatile int acts)
{
	for (int i = 0; i < acts; i++) {
		which = i > 0;
		room = 64 + lower;
		act[i].call(act[i].f);
	}
}

/* One after the other; then with an allocation at another place between them, so that the frames of the first are no longer the last ones. */
NOINLINE static void play_both(struct act first, struct act second)
{
	play((const struct act[]){ first, second }, 2);
	play((const struct act[]){ first, { call_it, other }, second }, 3);
}

NOINLINE static void by_detour(void (*call)(function *f), function *f, long bytes)
{
	inner = f;
	lower = bytes;
	shift = bytes - 16; /* rbp and the return address take as much */
	play_both((struct act){ call, f }, (struct act){ call, detour });
}

NOINLINE static void by_calls(void (*call)(function *f), void (*apart)(function *f), function *f)
{
	lower = 0;
	play_both((struct act){ call, f }, (struct act){ apart, f });
}

NOINLINE static void two_places(void)
{
	play((const struct act[]){ { call_it, plain }, { call_it, other } }, 2);
}

/* A detour that leaves rbp alone; what f aligns takes up the difference. */
NOINLINE static void by_turn(void (*call)(function *f), function *f)
{
	lower = 0;
	inner = f;
	play_both((struct act){ call, f }, (struct act){ call, aside });
}

/* What the first stack ended on is gone when the second is taken: words further out may not be looked at before those further in. */
NOINLINE static void with_unmapped_stack(void)
{
	char *stack = mmap(NULL, AWAY_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (stack == MAP_FAILED)
		exit(3);
	away = stack + AWAY_BYTES - 64;
	call_it(stand_away);
	munmap(stack, AWAY_BYTES);
	call_it(trapped_one);
}

/* Allocates where the recursion ends; the first frames are the same each time. */
NOINLINE static int deep(int n)
{
	if (n > 1)
		return deep(n - 1) + n;
	sink = malloc(16);
	return 1;
}

/* Remembered, then beyond 4096 callers; cut, then less deep. */
NOINLINE static void descend(void)
{
	static const volatile int depth[] = { 200, 4200, 5000, 4500, 0 };

	for (const volatile int *d = depth; *d; d++)
		deep(*d);
}

int main(int argc, char **argv)
{
	static char alternate[65536];
	stack_t stack = { .ss_sp = alternate, .ss_size = sizeof(alternate) };

	if (argc != 2 || sigaltstack(&stack, NULL))
		return 2;
	for (int i = 0; i < atoi(argv[1]); i++) {
		by_calls(call_a, call_b, plain);      /* the return address */
		by_calls(call_it, call_it, either);   /* the function */
		by_calls(call_a, call_b, two_places); /* the caller of the frame that both places share */
		by_detour(call_it, framed, 32);       /* rbp, which the frame is found by */
		by_detour(call_it, framed_plain, 32); /* rbp, which it passes on to where it matters */
		by_detour(call_it, framed_saves, 32); /* rbp where it was saved */
		by_calls(call_a, call_b, realigned);
		by_turn(call_aligned, realigned);              /* the word that says where the frame is */
		by_detour(call_aligned, realigned_room, 2048); /* rbp, beside which that word stands */
		by_detour(call_aligned, framed_realigned, 32); /* rbp where it was saved */
		by_calls(call_a, call_b, bare);                /* the return address beside a frame pointer */
		by_detour(call_it, framed_bare, 32);           /* the frame pointer that was saved there */
		by_detour(call_aligned, bare_room, 32);        /* the frame pointer itself */
		by_detour(call_it, by_rbx, 32);                /* another register */
		by_detour(call_it, by_rbx_plain, 32);          /* likewise, further out */
		on_stack(0);
		by_calls(call_it, call_it, trapped); /* the interrupted instruction */
		call_it(trapped_next);               /* interrupted there, or going on there */
		on_stack(SA_ONSTACK);
		by_detour(call_it, trapped_one, 32);    /* the interrupted stack pointer */
		by_detour(call_it, framed_trapped, 32); /* the interrupted rbp */
		with_unmapped_stack();
		descend();
	}
	return 0;
}
