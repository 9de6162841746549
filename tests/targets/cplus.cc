/* SPDX-License-Identifier: Apache-2.0 */
/* cplus.cc -- eight threads that use every form of operator new and delete, and count each use (API-04)
 *
 *   cplus SEED THREADS OPS
 *
 * Also: bad_alloc thrown through the recorder and caught, a class with its own operators (they end in malloc and free),
 * and blocks deleted by another thread. Counts go to the tally (tally.h).
 */
#include <atomic>
#include <cstdio>
#include <cstring>
#include <new>
#include <pthread.h>

#include "tally.h"

/* docs/trace-format.md, section 6.3 */
enum { FN_MALLOC = 1, FN_FREE = 5, FN_NEW = 13, FN_DELETE = 21 };
enum { PLAIN = 0, ARRAY, NOTHROW, ARRAY_NOTHROW, ALIGNED, ARRAY_ALIGNED, ALIGNED_NOTHROW, ARRAY_ALIGNED_NOTHROW, NEWS };
enum { SIZED = 4, ARRAY_SIZED, AL, ARRAY_AL, SIZED_AL, ARRAY_SIZED_AL, AL_NOTHROW, ARRAY_AL_NOTHROW };

constexpr std::align_val_t TO{ 64 };
constexpr size_t IMPOSSIBLE = static_cast<size_t>(-1) / 2;

struct own {
	char bytes[40];
	static thread_local tally_thread *me;

	static void *operator new(size_t n)
	{
		tally_enter(me, FN_MALLOC);
		void *p = malloc(n);
		tally_got(me, p, n);
		return p;
	}
	static void operator delete(void *p)
	{
		tally_enter(me, FN_FREE);
		free(p);
		tally_gave(me, p);
	}
};
thread_local tally_thread *own::me;

static struct tally *tally;
static std::atomic<uint64_t> box[NEWS]; /* blocks of one form, in transit between threads */
static std::atomic<int> ready;
static uint64_t seed, ops;
static int threads;

static void *make(int form, size_t n)
{
	switch (form) {
	case PLAIN:
		return operator new(n);
	case ARRAY:
		return operator new[](n);
	case NOTHROW:
		return operator new(n, std::nothrow);
	case ARRAY_NOTHROW:
		return operator new[](n, std::nothrow);
	case ALIGNED:
		return operator new(n, TO);
	case ARRAY_ALIGNED:
		return operator new[](n, TO);
	case ALIGNED_NOTHROW:
		return operator new(n, TO, std::nothrow);
	default:
		return operator new[](n, TO, std::nothrow);
	}
}

/* `way` picks one of the deletes that fit the form; the answer is its number counted from FN_DELETE. */
static int pick_delete(int form, unsigned way)
{
	static const int fits[4][3] = { { PLAIN, NOTHROW, SIZED },
					{ ARRAY, ARRAY_NOTHROW, ARRAY_SIZED },
					{ AL, SIZED_AL, AL_NOTHROW },
					{ ARRAY_AL, ARRAY_SIZED_AL, ARRAY_AL_NOTHROW } };

	return fits[form % 2 + (form >= ALIGNED ? 2 : 0)][way % 3];
}

static void unmake(int how, void *p, size_t n)
{
	switch (how) {
	case PLAIN:
		return operator delete(p);
	case ARRAY:
		return operator delete[](p);
	case NOTHROW:
		return operator delete(p, std::nothrow);
	case ARRAY_NOTHROW:
		return operator delete[](p, std::nothrow);
	case SIZED:
		return operator delete(p, n);
	case ARRAY_SIZED:
		return operator delete[](p, n);
	case AL:
		return operator delete(p, TO);
	case ARRAY_AL:
		return operator delete[](p, TO);
	case SIZED_AL:
		return operator delete(p, n, TO);
	case ARRAY_SIZED_AL:
		return operator delete[](p, n, TO);
	case AL_NOTHROW:
		return operator delete(p, TO, std::nothrow);
	default:
		return operator delete[](p, TO, std::nothrow);
	}
}

/* The size travels in the block, so that a sized delete in another thread tells the truth. */
static void *counted_new(tally_thread *me, int form, size_t n)
{
	tally_enter(me, FN_NEW + form);
	void *p = make(form, n);
	tally_got(me, p, n);
	memcpy(p, &n, sizeof(n));
	return p;
}

static void counted_delete(tally_thread *me, int form, unsigned way, void *p)
{
	int how = pick_delete(form, way);
	size_t n = 0;

	if (p)
		memcpy(&n, p, sizeof(n));
	tally_enter(me, FN_DELETE + how);
	unmake(how, p, n);
	tally_gave(me, p);
}

/* The exception object comes from malloc inside libstdc++, with 128 bytes in front of it, and goes back to free: two more calls. */
static void count_exception(tally_thread *me, const std::bad_alloc &e)
{
	me->by_function[FN_MALLOC]++;
	me->by_function[FN_FREE]++;
	me->entered += 2;
	me->returned += 2;
	me->size_sum += 128 + sizeof(e);
	me->address_sum += reinterpret_cast<uint64_t>(&e) - 128;
}

static void impossible(tally_thread *me)
{
	try {
		tally_enter(me, FN_NEW);
		(void)operator new(IMPOSSIBLE);
		_exit(97);
	} catch (const std::bad_alloc &e) {
		tally_got(me, nullptr, IMPOSSIBLE);
		count_exception(me, e);
	}
	tally_enter(me, FN_NEW + NOTHROW);
	if (operator new(IMPOSSIBLE, std::nothrow))
		_exit(97);
	tally_got(me, nullptr, IMPOSSIBLE);
}

static void *run(void *arg)
{
	tally_thread *me = tally_join(tally);
	uint64_t random = (seed + 1) * 0x9e3779b97f4a7c15ull + reinterpret_cast<uint64_t>(arg);

	own::me = me;
	ready++;
	while (ready < threads)
		usleep(100);
	for (uint64_t i = 0; i < ops; i++) {
		random = random * 6364136223846793005ull + 1442695040888963407ull;
		int form = static_cast<int>(random >> 40) % NEWS;
		void *p = counted_new(me, form, 8 + (random >> 50) % 500);

		p = reinterpret_cast<void *>(box[form].exchange(reinterpret_cast<uint64_t>(p)));
		counted_delete(me, form, static_cast<unsigned>(random >> 33), p);
		if (i % 16 == 0)
			delete new own;
		if (i % 1000 == 0)
			impossible(me);
	}
	return nullptr;
}

int main(int argc, char **argv)
{
	pthread_t thread[TALLY_THREADS];

	if (argc != 4)
		return 2;
	seed = strtoull(argv[1], nullptr, 10);
	threads = atoi(argv[2]);
	ops = strtoull(argv[3], nullptr, 10);
	tally = tally_open();
	for (int i = 0; i < threads; i++)
		if (pthread_create(&thread[i], nullptr, run, reinterpret_cast<void *>(static_cast<intptr_t>(i))))
			return 3;
	for (int i = 0; i < threads; i++)
		pthread_join(thread[i], nullptr);
	tally->head.done = 1;
	return 0;
}
