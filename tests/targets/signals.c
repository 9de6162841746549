/* SPDX-License-Identifier: Apache-2.0 */
/* signals.c -- threads that allocate while a timer interrupts them, at any instruction, thousands of times a second
 *
 *   signals nest THREADS MILLISECONDS    the handler allocates, and hands blocks to the interrupted code to free (SIG-01)
 *   signals jump THREADS MILLISECONDS    the handler leaves by siglongjmp, out of malloc if need be (SIG-02)
 *   signals within COUNT                 each of COUNT mallocs and frees is interrupted in the middle of the allocator
 *
 * Run over libbump, which stands all. Tally: thread 2n counts the loop of worker n, thread 2n+1 its handler; `failures` of the
 * latter counts jumps.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>

#include "channel/channel.h"
#include "tally.h"

static struct tally *tally;
static __thread sigjmp_buf again;
static __thread volatile sig_atomic_t armed;
static __thread struct tally_thread *handler_tally;
static __thread void *volatile gift;
static int jumping, milliseconds;

static void count_malloc(struct tally_thread *t, void *volatile *p, size_t size)
{
	tally_enter(t, HT_FN_MALLOC);
	*p = malloc(size);
	tally_got(t, *p, size);
}

static void count_free(struct tally_thread *t, void *p)
{
	tally_enter(t, HT_FN_FREE);
	free(p);
	tally_gave(t, p);
}

static void on_timer(int signal)
{
	void *volatile p;

	(void)signal;
	if (!armed)
		return;
	if (jumping) {
		handler_tally->failures++;
		siglongjmp(again, 1);
	}
	count_malloc(handler_tally, &p, 24);
	count_free(handler_tally, p);
	if (!gift) {
		count_malloc(handler_tally, &p, 40);
		gift = p;
	}
}

static void *run(void *arg)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1 };
	struct itimerspec every = { { 0, 100000 }, { 0, 100000 } };
	struct tally_thread *me = &tally->thread[2 * (intptr_t)arg];
	struct timespec now;
	void *volatile p = NULL;
	volatile uint64_t end;
	timer_t timer;

	handler_tally = me + 1;
	me->tid = handler_tally->tid = (uint64_t)syscall(SYS_gettid);
	event._sigev_un._tid = (int)me->tid;
	clock_gettime(CLOCK_MONOTONIC, &now);
	end = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000 + (uint64_t)milliseconds;
	if (syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer))
		_exit(95);
	sigsetjmp(again, 1);
	armed = 1;
	syscall(SYS_timer_settime, timer, 0, &every, NULL);
	do {
		void *taken = gift;

		count_malloc(me, &p, 100);
		count_free(me, p);
		if (taken) {
			gift = NULL;
			count_free(me, taken);
		}
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while ((uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000 < end);
	armed = 0;
	syscall(SYS_timer_delete, timer);
	count_malloc(me, &p, 12345); /* the slot still works: the last thing this thread says */
	return NULL;
}

/* Called by libbump in the middle of each call; not while the handler runs, which calls it too. */
static void interrupt_now(void)
{
	static volatile sig_atomic_t raised;

	if (!armed || raised)
		return;
	raised = 1;
	raise(SIGUSR1);
	raised = 0;
}

static int run_within(int count)
{
	void (*volatile * inside)(void) = dlsym(RTLD_DEFAULT, "bump_inside");
	struct tally_thread *me = &tally->thread[0];
	void *volatile p;

	if (!inside)
		return 4;
	tally->head.threads = 2;
	handler_tally = me + 1;
	me->tid = handler_tally->tid = (uint64_t)syscall(SYS_gettid);
	*inside = interrupt_now;
	armed = 1;
	for (int i = 0; i < count; i++) {
		void *taken = gift;

		count_malloc(me, &p, 100);
		gift = NULL;
		count_free(me, p);
		if (taken)
			count_free(me, taken);
	}
	armed = 0;
	count_malloc(me, &p, 12345);
	tally->head.done = 1;
	return 0;
}

int main(int argc, char **argv)
{
	struct sigaction act = { .sa_handler = on_timer };
	pthread_t thread[16];
	intptr_t i, threads;

	if (argc == 3 && !strcmp(argv[1], "within")) {
		tally = tally_open();
		sigaction(SIGUSR1, &act, NULL);
		return run_within(atoi(argv[2]));
	}
	if (argc != 4 || (threads = atoi(argv[2])) > 16)
		return 2;
	jumping = !strcmp(argv[1], "jump");
	milliseconds = atoi(argv[3]);
	tally = tally_open();
	tally->head.threads = (uint64_t)threads * 2;
	sigaction(SIGUSR1, &act, NULL);
	for (i = 0; i < threads; i++)
		if (pthread_create(&thread[i], NULL, run, (void *)i))
			return 3;
	for (i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	tally->head.done = 1;
	return 0;
}
