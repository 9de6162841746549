/* SPDX-License-Identifier: Apache-2.0 */
/* confess.cc -- leaks, holds, and throws away known amounts at known lines, and says so
 *
 *   HT_CONFESS=FILE confess     recorded by tests/e2e/report.sh
 *
 * A line of the confession is one place by one measure:
 *
 *   MEASURE BYTES COUNT FUNCTION:LINE [FUNCTION:LINE...]       innermost first: inlined functions, then the one around them
 *
 * For each measure that it names, the places in this program are exactly those.
 */
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <initializer_list>
#include <unistd.h>

#define HERE __attribute__((noinline))
#define INTO __attribute__((always_inline)) static inline

static char said[4096];
static size_t used;
static void *kept[64];
static int count_kept;

static void say(const char *measure, size_t bytes, size_t count, const char *where)
{
	used += (size_t)snprintf(said + used, sizeof(said) - used, "%s %zu %zu %s\n", measure, bytes, count, where);
}

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)
#define LINE(function) function ":" TEXT(__LINE__)

static const char *keep_at, *inner_at, *outer_at, *make_at, *spike_at, *brief_at;

HERE static void keep()
{
	kept[count_kept++] = malloc(1000), keep_at = LINE("keep");
}

INTO void *inner(size_t size)
{
	void *p;

	p = malloc(size), inner_at = LINE("inner");
	return p;
}

HERE static void outer()
{
	kept[count_kept++] = inner(300), outer_at = LINE("outer");
}

template <typename T> HERE static void make()
{
	kept[count_kept++] = new T(), make_at = LINE("make<Widget>");
}

struct Widget {
	char body[48];
};

HERE static void spike(void **to, int count)
{
	for (int i = 0; i < count; i++)
		to[i] = malloc(1 << 20), spike_at = LINE("spike");
}

HERE static void brief()
{
	for (int i = 0; i < 100; i++) {
		void *volatile p;

		p = malloc(77), brief_at = LINE("brief");
		free(p);
	}
}

int main()
{
	const char *path = getenv("HT_CONFESS");
	void *spikes[5];
	char where[128];
	int fd;

	for (int i = 0; i < 3; i++)
		keep();
	for (int i = 0; i < 2; i++)
		outer();
	spike(spikes, 5);
	for (void *p : spikes)
		free(p);
	for (int i = 0; i < 4; i++)
		make<Widget>();
	brief();

	snprintf(where, sizeof(where), "%s %s", inner_at, outer_at);
	for (const char *measure : { "leaked", "allocated", "calls" }) {
		say(measure, 3000, 3, keep_at);
		say(measure, 600, 2, where);
		say(measure, 192, 4, make_at);
	}
	for (const char *measure : { "allocated", "calls" }) {
		say(measure, 5 << 20, 5, spike_at);
		say(measure, 7700, 100, brief_at);
	}
	say("temporary", 7700, 100, brief_at);
	say("peak", 3000, 3, keep_at);
	say("peak", 600, 2, where);
	say("peak", 5 << 20, 5, spike_at);
	fd = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600) : -1;
	return fd < 0 || write(fd, said, used) != (ssize_t)used;
}
