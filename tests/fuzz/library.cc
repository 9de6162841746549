/* SPDX-License-Identifier: Apache-2.0 */
/* library.cc -- a small library whose debug information has a bit of everything: fuzz_symbols.c begins with it
 *
 * Inlined calls in inlined calls, templates, a namespace without a name, a class with methods, a nested function, a function in two
 * parts. It needs no other library, so that it stays small.
 */
template <class T> struct Pile {
	T at[8];
	int count;
	inline __attribute__((always_inline)) void push(T t)
	{
		if (count < 8)
			at[count++] = t;
	}
	template <class F> inline __attribute__((always_inline)) void each(F f)
	{
		for (int i = 0; i < count; i++)
			f(at[i]);
	}
};

namespace
{
struct Hidden {
	long n;
	__attribute__((noinline)) long twice()
	{
		return n * 2;
	}
};
} // namespace

extern "C" {
long total;
long outside(long);
}

namespace outer
{
namespace inner
{
template <class... T> __attribute__((noinline)) long add(T... t)
{
	Pile<long> pile{};
	(pile.push(t), ...);
	pile.each([](long v) { total += v; });
	return total;
}
} // namespace inner
} // namespace outer

long outside(long n)
{
	Hidden hidden{ n };

	if (__builtin_expect(n > 1000000, 0))
		return outer::inner::add(1L, 2, 'c', hidden.twice());
	return outer::inner::add(hidden.twice()) + outer::inner::add(n, n + 1);
}
