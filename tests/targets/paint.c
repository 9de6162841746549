/* SPDX-License-Identifier: Apache-2.0 */
/* paint.c -- how much stack an allocation call takes: what it overwrites of a painted stack
 *
 *   paint        prints a line for each kind of call: its name, and the most bytes of stack below the caller's that one of CALLS took
 *
 * Each kind is measured in a thread of its own, so that the thread's first call is among them, on a stack of 16 KiB, the least that there may be; then in
 * a signal handler on an alternate stack of 8 KiB. Between the calls the stack's upper frames change, so that a recorder walks again. Run bare and
 * recorded; the difference is the recorder's. With LD_BIND_NOW, or the loader's is among it.
 */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STACK_BYTES 16384
#define SIGNAL_STACK_BYTES 8192
#define CALLS 60
#define PAINT 0xa5
#define NEAR 128 /* the red zone, and what the painting call itself may use */

static char thread_stack[STACK_BYTES] __attribute__((aligned(4096)));
static char signal_stack[SIGNAL_STACK_BYTES] __attribute__((aligned(16)));
static char *floor_of; /* of the stack in use */
static size_t most;
static void *kept;
static int by_all_registers;

typedef void call(void);

static void by_malloc(void)
{
	kept = malloc(100);
}

static void by_large_malloc(void)
{
	kept = malloc(300000);
}

static void by_free(void)
{
	free(kept);
	kept = NULL;
}

static void by_realloc(void)
{
	kept = realloc(kept, 200);
}

static void by_calloc(void)
{
	kept = calloc(3, 100);
}

static void by_posix_memalign(void)
{
	if (posix_memalign(&kept, 64, 100))
		abort();
}

__attribute__((noinline)) static void measure(call *c)
{
	char *here = __builtin_frame_address(0), *p;

	for (p = floor_of; p < here - NEAR - 64; p++)
		*(volatile char *)p = (char)PAINT;
	c();
	for (p = floor_of; p < here && *(volatile char *)p == (char)PAINT; p++)
		;
	if ((size_t)(here - p) > most)
		most = (size_t)(here - p);
}

/* measure(c), from a frame that is found by rbx: a recorder needs all registers to step out of it. */
void by_rbx(call *c);
__attribute__((used, noinline)) static void measure_again(call *c)
{
	measure(c);
}
__asm__(".text\n"
	"by_rbx:\n"
	"	.cfi_startproc\n"
	"	push %rbx\n"
	"	.cfi_def_cfa_offset 16\n"
	"	.cfi_offset %rbx, -16\n"
	"	mov %rsp, %rbx\n"
	"	.cfi_def_cfa %rbx, 16\n"
	"	sub $32, %rsp\n"
	"	and $-16, %rsp\n"
	"	call measure_again\n"
	"	mov %rbx, %rsp\n"
	"	.cfi_def_cfa %rsp, 16\n"
	"	pop %rbx\n"
	"	.cfi_def_cfa_offset 8\n"
	"	ret\n"
	"	.cfi_endproc\n");

__attribute__((noinline)) static void under(int frames, call *c)
{
	volatile int room = frames;

	if (frames > 0)
		under(frames - 1, c);
	else if (by_all_registers)
		by_rbx(c);
	else
		measure(c);
	room = 0;
	(void)room;
}

static call *const kinds[][2] = {
	{ by_malloc, by_free }, { by_large_malloc, by_free }, { by_calloc, by_realloc }, { by_posix_memalign, by_free }
};
static const char *const names[] = { "malloc, free", "mmap, munmap", "calloc, realloc", "posix_memalign, free" };
static int kind;

static void measure_all(void)
{
	most = 0;
	for (int i = 0; i < CALLS; i++) {
		by_all_registers = i % 3 == 1;
		under(i % 7, kinds[kind][0]);
		under(i % 5, kinds[kind][1]);
		free(kept);
	}
}

static void *in_thread(void *unused)
{
	(void)unused;
	floor_of = thread_stack;
	measure_all();
	return NULL;
}

static void in_handler(int signal)
{
	(void)signal;
	floor_of = signal_stack;
	measure_all();
}

int main(void)
{
	struct sigaction act = { .sa_handler = in_handler, .sa_flags = SA_ONSTACK };
	stack_t alternate = { .ss_sp = signal_stack, .ss_size = sizeof(signal_stack) };
	pthread_attr_t attr;
	pthread_t thread;

	sigaltstack(&alternate, NULL);
	sigaction(SIGUSR1, &act, NULL);
	pthread_attr_init(&attr);
	if (pthread_attr_setstack(&attr, thread_stack, sizeof(thread_stack)))
		return 2;
	for (kind = 0; kind < (int)(sizeof(kinds) / sizeof(kinds[0])); kind++) {
		if (pthread_create(&thread, &attr, in_thread, NULL) || pthread_join(thread, NULL))
			return 3;
		printf("%s, 16 KiB thread\t%zu\n", names[kind], most);
		raise(SIGUSR1);
		printf("%s, 8 KiB signal stack\t%zu\n", names[kind], most);
	}
	return 0;
}
