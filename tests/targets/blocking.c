/* SPDX-License-Identifier: Apache-2.0 */
/* blocking.c -- the calls in which programs sleep: whoever enters the process meanwhile, each has to end as it would have
 *
 *   blocking LIMIT_MS           each call in a thread of its own; those without a time limit last until input ends
 *   blocking LIMIT_MS CALL      this one alone, by the only thread
 *
 * Says "ready", and then for each call with a limit how many milliseconds later than that it ended. A call that says EINTR, ends early, or returns what it should not is
 * told, and status 1. Nobody allocates but what starts threads.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long limit_ms;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER, told = PTHREAD_COND_INITIALIZER;
static int over, wrong, quiet_pipe[2], pipes[2], sockets[2], quiet_sockets[2], child_pipe[2];
static pid_t child;
static volatile sig_atomic_t signalled;

static struct timespec limit(void)
{
	return (struct timespec){ limit_ms / 1000, limit_ms % 1000 * 1000000 };
}

static struct timespec at(clockid_t clock)
{
	struct timespec t, l = limit();

	clock_gettime(clock, &t);
	t.tv_nsec += l.tv_nsec;
	t.tv_sec += l.tv_sec + t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

/* ---- each returns 0 if it ended as it should, or -1 and errno ----------------------------------------------- */

static int timed_out(long rc, int why)
{
	return rc < 0 && errno == why ? 0 : -1;
}

static int by_nanosleep(void)
{
	struct timespec t = limit();

	return nanosleep(&t, NULL);
}

static int by_clock_nanosleep(void)
{
	struct timespec t = at(CLOCK_MONOTONIC);

	errno = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
	return errno ? -1 : 0;
}

static int by_timed_cond(void)
{
	struct timespec t = at(CLOCK_REALTIME);

	pthread_mutex_lock(&lock);
	errno = pthread_cond_timedwait(&never, &lock, &t);
	pthread_mutex_unlock(&lock);
	return errno == ETIMEDOUT ? 0 : -1;
}

static int by_poll(void)
{
	struct pollfd f = { quiet_pipe[0], POLLIN, 0 };

	return poll(&f, 1, (int)limit_ms);
}

static int by_ppoll(void)
{
	struct pollfd f = { quiet_pipe[0], POLLIN, 0 };
	struct timespec t = limit();
	sigset_t none;

	sigemptyset(&none);
	return ppoll(&f, 1, &t, &none);
}

static int by_select(void)
{
	struct timeval t = { limit_ms / 1000, limit_ms % 1000 * 1000 };

	return select(0, NULL, NULL, NULL, &t);
}

static int by_epoll_wait(void)
{
	struct epoll_event e;

	return epoll_wait(epoll_create1(0), &e, 1, (int)limit_ms);
}

static int by_epoll_pwait(void)
{
	struct epoll_event e;
	sigset_t none;

	sigemptyset(&none);
	return epoll_pwait(epoll_create1(0), &e, 1, (int)limit_ms, &none);
}

static int by_sigtimedwait(void)
{
	struct timespec t = limit();
	sigset_t one;

	sigemptyset(&one);
	sigaddset(&one, SIGUSR2);
	return timed_out(sigtimedwait(&one, NULL, &t), EAGAIN);
}

static int by_semtimedop(void)
{
	int set = semget(IPC_PRIVATE, 1, 0600), rc;
	struct sembuf down = { 0, -1, 0 };
	struct timespec t = limit();

	rc = timed_out(semtimedop(set, &down, 1, &t), EAGAIN);
	semctl(set, 0, IPC_RMID);
	return rc;
}

static int by_timed_recv(void)
{
	struct timeval t = { limit_ms / 1000, limit_ms % 1000 * 1000 };
	char byte;

	setsockopt(quiet_sockets[0], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	return timed_out(recv(quiet_sockets[0], &byte, 1, 0), EAGAIN);
}

static int by_cond(void)
{
	pthread_mutex_lock(&lock);
	while (!over)
		pthread_cond_wait(&told, &lock);
	pthread_mutex_unlock(&lock);
	return 0;
}

static int by_read(void)
{
	char byte;

	return read(pipes[0], &byte, 1) == 1 && byte == 'r' ? 0 : -1;
}

static int by_recv(void)
{
	char byte;

	return recv(sockets[0], &byte, 1, 0) == 1 && byte == 'v' ? 0 : -1;
}

static int by_waitpid(void)
{
	int status;

	return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 7 ? 0 : -1;
}

static void on_signal(int number)
{
	(void)number;
	signalled = 1;
}

/* EINTR is how it ends, but not before the signal. */
static int by_sigsuspend(void)
{
	sigset_t mask;

	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	sigdelset(&mask, SIGUSR1);
	return sigsuspend(&mask) < 0 && errno == EINTR && signalled ? 0 : -1;
}

static struct call {
	const char *name;
	int (*make)(void);
	int limited;
	pthread_t thread;
} calls[] = { { "nanosleep", by_nanosleep, 1, 0 },
	      { "clock_nanosleep", by_clock_nanosleep, 1, 0 },
	      { "pthread_cond_timedwait", by_timed_cond, 1, 0 },
	      { "poll", by_poll, 1, 0 },
	      { "ppoll", by_ppoll, 1, 0 },
	      { "select", by_select, 1, 0 },
	      { "epoll_wait", by_epoll_wait, 1, 0 },
	      { "epoll_pwait", by_epoll_pwait, 1, 0 },
	      { "sigtimedwait", by_sigtimedwait, 1, 0 },
	      { "semtimedop", by_semtimedop, 1, 0 },
	      { "SO_RCVTIMEO", by_timed_recv, 1, 0 },
	      { "pthread_cond_wait", by_cond, 0, 0 },
	      { "read", by_read, 0, 0 },
	      { "recv", by_recv, 0, 0 },
	      { "waitpid", by_waitpid, 0, 0 },
	      { "sigsuspend", by_sigsuspend, 0, 0 } };
#define CALLS (sizeof(calls) / sizeof(*calls))

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void *make(void *with)
{
	const struct call *c = with;
	long since_ms = now_ms(), late_ms;
	int rc = c->make(), why = errno;

	late_ms = now_ms() - since_ms - limit_ms;
	pthread_mutex_lock(&lock);
	if (rc) {
		printf("%s: wrong: %d, %s, after %ld ms\n", c->name, rc, strerror(why), late_ms + limit_ms);
		wrong = 1;
	} else if (c->limited && late_ms < -2) {
		printf("%s: wrong: %ld ms early\n", c->name, -late_ms);
		wrong = 1;
	} else if (c->limited) {
		printf("%s %ld\n", c->name, late_ms);
	}
	pthread_mutex_unlock(&lock);
	return NULL;
}

static void say_ready(void)
{
	puts("ready");
	fflush(stdout);
}

static void end_others(void)
{
	pthread_mutex_lock(&lock);
	over = 1;
	pthread_cond_broadcast(&told);
	pthread_mutex_unlock(&lock);
	if (write(pipes[1], "r", 1) != 1 || send(sockets[1], "v", 1, 0) != 1 || write(child_pipe[1], "c", 1) != 1)
		wrong = 1;
	pthread_kill(calls[CALLS - 1].thread, SIGUSR1);
}

int main(int argc, char **argv)
{
	struct sigaction on = { .sa_handler = on_signal };
	sigset_t blocked;
	char byte;

	limit_ms = argc > 1 ? atol(argv[1]) : 0;
	if (limit_ms < 1 || pipe(quiet_pipe) || pipe(pipes) || pipe(child_pipe) ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) || socketpair(AF_UNIX, SOCK_STREAM, 0, quiet_sockets))
		return 2;
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	sigaddset(&blocked, SIGUSR2);
	pthread_sigmask(SIG_SETMASK, &blocked, NULL);
	sigaction(SIGUSR1, &on, NULL);
	for (size_t i = 0; argc > 2 && i < CALLS; i++) {
		if (strcmp(calls[i].name, argv[2]) != 0)
			continue;
		say_ready();
		make(&calls[i]);
		return wrong;
	}
	child = fork();
	if (!child)
		_exit(read(child_pipe[0], &byte, 1) == 1 ? 7 : 8);
	for (size_t i = 0; i < CALLS; i++)
		if (pthread_create(&calls[i].thread, NULL, make, &calls[i]))
			return 2;
	say_ready();
	while (read(0, &byte, 1) > 0)
		;
	end_others();
	for (size_t i = 0; i < CALLS; i++)
		pthread_join(calls[i].thread, NULL);
	return wrong;
}
