/* SPDX-License-Identifier: Apache-2.0 */
/* torture.cc -- allocates from every shape of stack that compilers and libraries make
 *
 *   torture SEED ROUNDS THREADS
 *
 * Each thread runs ROUNDS rounds of a random walk over the shapes below; each shape allocates, and calls the next shapes, until the depth
 * is used up:
 *
 *   alloca, VLA      frames whose size changes while they stand          realigned   32 and 64 byte aligned locals
 *   tail             chains of tail calls                                 longjmp     out of several frames
 *   throw            C++ exceptions with destructors that allocate        coroutine   swapcontext on malloc'ed stacks
 *   signal           a handler on an alternate stack, with a nested one   qsort       callbacks through libc
 *   recursion        plain, some hundred frames                           function    std::function and lambdas
 *   many             arguments on the stack, saved registers, big frames
 *
 * It prints how often each shape ran: the same for one SEED, whoever watches. Nothing here knows about heaptap.
 */
#include <alloca.h>
#include <csetjmp>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <pthread.h>
#include <string>
#include <ucontext.h>
#include <unistd.h>
#include <vector>

#define NOINLINE __attribute__((noinline))

namespace
{
constexpr int SHAPES = 12;
constexpr size_t COROUTINE_STACK = 256 * 1024, SIGNAL_STACK = 256 * 1024;

struct walker {
	uint64_t random;
	uint64_t ran[SHAPES];
	int in_signal;
	int in_coroutine;
};
thread_local walker *self;

uint64_t roll(uint64_t n)
{
	self->random = self->random * 6364136223846793005ull + 1442695040888963407ull;
	return (self->random >> 33) % n;
}

void use(volatile void *p)
{
	__asm__ volatile("" : : "r"(p) : "memory");
}

NOINLINE void touch(size_t n)
{
	char *p = static_cast<char *>(malloc(n));

	use(p);
	p = static_cast<char *>(realloc(p, n * 2));
	use(p);
	free(p);
}

void walk(int depth);

NOINLINE void with_alloca(int depth)
{
	for (int i = 0; i < 3; i++) {
		char *p = static_cast<char *>(alloca(16 + roll(500)));

		use(p);
		touch(20);
		walk(depth);
	}
}

NOINLINE void with_vla(int depth)
{
	char vla[1 + roll(700)];

	use(vla);
	walk(depth);
	touch(sizeof(vla));
}

NOINLINE void realigned(int depth)
{
	alignas(64) char local[192];

	memset(local, depth, sizeof(local));
	use(local);
	walk(depth);
	touch(30);
	use(local);
}

/* With a varying frame on top of the realignment: the compiler needs a base pointer and saves the old one elsewhere. */
NOINLINE void realigned_alloca(int depth)
{
	alignas(32) volatile double local[8] = { 1.0 * depth, 2, 3, 4, 5, 6, 7, 8 };
	char *p = static_cast<char *>(alloca(32 + roll(300)));

	use(p);
	for (int i = 0; i < 8; i++)
		local[i] = local[i] * 1.5 + local[(i + 1) % 8];
	walk(depth);
	use(local);
	touch(40);
}

NOINLINE int tail3(int depth)
{
	touch(50);
	walk(depth);
	return depth;
}
NOINLINE int tail2(int depth)
{
	use(&depth);
	return tail3(depth);
}
NOINLINE int tail1(int depth)
{
	return tail2(depth);
}

NOINLINE void jump_out(sigjmp_buf *where, int frames)
{
	volatile char room[64];

	use(room);
	touch(60);
	if (frames == 0)
		siglongjmp(*where, 1);
	jump_out(where, frames - 1);
	use(room);
}

NOINLINE void with_longjmp(int depth)
{
	sigjmp_buf where;

	if (sigsetjmp(where, 0) == 0)
		jump_out(&where, static_cast<int>(roll(10)));
	touch(61);
	walk(depth);
}

struct guard {
	size_t n;
	explicit guard(size_t size) : n(size)
	{
		touch(n);
	}
	~guard()
	{
		touch(n + 1);
	}
};

NOINLINE void thrower(int frames)
{
	guard g(70);

	if (frames == 0)
		throw std::string("a string that is too long to stay inside the object itself");
	thrower(frames - 1);
	use(&g);
}

NOINLINE void with_exception(int depth)
{
	try {
		guard outer(71);

		thrower(static_cast<int>(roll(8)));
	} catch (const std::string &s) {
		touch(s.size());
		walk(depth);
	}
}

/* ---- coroutines: two at a time, which hand over to and fro ---------------------------------------------------- */

struct coroutine {
	ucontext_t me, back;
	int depth;
	bool done;
};

void coroutine_main(unsigned high, unsigned low)
{
	coroutine *c = reinterpret_cast<coroutine *>(static_cast<uintptr_t>(high) << 32 | low);

	for (int i = 0; i < 4; i++) {
		touch(80);
		walk(c->depth);
		swapcontext(&c->me, &c->back);
	}
	c->done = true;
	swapcontext(&c->me, &c->back);
}

NOINLINE void with_coroutines(int depth)
{
	coroutine c[2];
	void *stack[2];

	if (self->in_coroutine || self->in_signal)
		return;
	self->in_coroutine = 1;
	for (int i = 0; i < 2; i++) {
		uintptr_t p = reinterpret_cast<uintptr_t>(&c[i]);

		stack[i] = malloc(COROUTINE_STACK);
		c[i].depth = depth < 4 ? depth : 4;
		c[i].done = false;
		getcontext(&c[i].me);
		c[i].me.uc_stack.ss_sp = stack[i];
		c[i].me.uc_stack.ss_size = COROUTINE_STACK;
		c[i].me.uc_link = nullptr;
		makecontext(&c[i].me, reinterpret_cast<void (*)()>(coroutine_main), 2, static_cast<unsigned>(p >> 32),
			    static_cast<unsigned>(p));
	}
	while (!c[0].done || !c[1].done)
		for (auto &each : c)
			if (!each.done) {
				swapcontext(&each.back, &each.me);
				touch(81);
			}
	free(stack[0]);
	free(stack[1]);
	self->in_coroutine = 0;
}

/* ---- signals, raised where they stand, so that each runs at a known place ------------------------------------- */

void handler(int number)
{
	touch(90);
	self->in_signal++;
	if (number == SIGUSR1)
		raise(SIGUSR2);
	walk(3);
	self->in_signal--;
}

NOINLINE void with_signal(int depth)
{
	if (!self->in_signal && !self->in_coroutine)
		raise(roll(2) ? SIGUSR1 : SIGUSR2);
	touch(91);
	walk(depth);
}

int compare(const void *a, const void *b)
{
	int x = *static_cast<const int *>(a), y = *static_cast<const int *>(b);

	touch(100);
	return (x > y) - (x < y);
}

NOINLINE void with_qsort(int depth)
{
	int numbers[12];

	for (int &n : numbers)
		n = static_cast<int>(roll(1000));
	qsort(numbers, 12, sizeof(int), compare);
	walk(depth);
}

NOINLINE int recursion(int n)
{
	if (n % 16 == 0)
		touch(110);
	if (n == 0)
		return 1;
	return recursion(n - 1) + n;
}

NOINLINE void with_function(int depth)
{
	std::vector<std::function<void(int)>> each;
	std::string name(40 + roll(20), 'x');
	std::function<int(int)> self_call = [&](int n) -> int {
		touch(120);
		return n == 0 ? 0 : 1 + self_call(n - 1);
	};

	for (int i = 0; i < 3; i++)
		each.emplace_back([name, i](int n) { touch(name.size() + static_cast<size_t>(i + n)); });
	for (auto &f : each)
		f(depth);
	self_call(static_cast<int>(roll(9)));
	walk(depth);
}

/* Passed by value: on the stack, as a seventh argument would be. */
struct eight {
	uint64_t v[8];
};

NOINLINE uint64_t many(uint64_t a, struct eight e, uint64_t b)
{
	char big[9000];
	uint64_t sum = a;

	use(big);
	touch(e.v[0] + 130);
	walk(static_cast<int>(e.v[7]));
	for (uint64_t v : e.v)
		sum = sum * b + v;
	return sum;
}

void walk(int depth)
{
	if (depth <= 0) {
		touch(8 + roll(200));
		return;
	}
	uint64_t shape = roll(SHAPES);

	self->ran[shape]++;
	depth -= 1 + static_cast<int>(roll(3));
	switch (shape) {
	case 0:
		return with_alloca(depth - 2);
	case 1:
		return with_vla(depth);
	case 2:
		return realigned(depth);
	case 3:
		return realigned_alloca(depth);
	case 4:
		use(reinterpret_cast<void *>(static_cast<intptr_t>(tail1(depth))));
		return;
	case 5:
		return with_longjmp(depth);
	case 6:
		return with_exception(depth);
	case 7:
		return with_coroutines(depth);
	case 8:
		return with_signal(depth);
	case 9:
		return with_qsort(depth);
	case 10:
		return roll(2) ? with_function(depth) : static_cast<void>(recursion(static_cast<int>(roll(400))));
	default:
		many(1, eight{ { 1, 2, 3, 4, 5, 6, 7, depth > 0 ? static_cast<uint64_t>(depth) : 0 } }, 2);
	}
}

struct job {
	walker w;
	int rounds;
};

void *run(void *arg)
{
	job *j = static_cast<job *>(arg);
	stack_t alternate = {};

	self = &j->w;
	alternate.ss_sp = malloc(SIGNAL_STACK);
	alternate.ss_size = SIGNAL_STACK;
	sigaltstack(&alternate, nullptr);
	for (int i = 0; i < j->rounds; i++)
		walk(10);
	alternate.ss_flags = SS_DISABLE;
	sigaltstack(&alternate, nullptr);
	free(alternate.ss_sp);
	return nullptr;
}
} /* namespace */

int main(int argc, char **argv)
{
	struct sigaction action = {};
	int threads = argc > 3 ? atoi(argv[3]) : 1;
	std::vector<pthread_t> thread(static_cast<size_t>(threads));
	std::vector<job> jobs(static_cast<size_t>(threads));

	if (argc != 4)
		return 2;
	action.sa_handler = handler;
	action.sa_flags = SA_ONSTACK | SA_NODEFER;
	sigaction(SIGUSR1, &action, nullptr);
	sigaction(SIGUSR2, &action, nullptr);
	for (size_t i = 0; i < jobs.size(); i++) {
		jobs[i] = job{ walker{ strtoull(argv[1], nullptr, 10) * 1000 + i, {}, 0, 0 }, atoi(argv[2]) };
		if (pthread_create(&thread[i], nullptr, run, &jobs[i]))
			return 3;
	}
	for (size_t i = 0; i < jobs.size(); i++) {
		pthread_join(thread[i], nullptr);
		for (uint64_t n : jobs[i].w.ran)
			printf("%llu ", static_cast<unsigned long long>(n));
		printf("\n");
	}
	return 0;
}
