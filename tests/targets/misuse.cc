/* SPDX-License-Identifier: Apache-2.0 */
/* misuse.cc -- releases blocks wrongly in every way, under an allocator that does not mind, and confesses
 *
 *   misuse [TIMES]      with libbump.so preloaded, whose free does nothing
 *
 * Each wrong release is one call in a loop of TIMES, so it is one place. Right releases stand between them: none of those may
 * be taken for an error. Prints {"kind": count, ...}, the kinds as `heaptap errors --json` calls them.
 */
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <pthread.h>

constexpr std::align_val_t TO{ 64 };

static char *volatile p;
static char *volatile q;
static unsigned long doubles, insides, unknowns, mismatches;

static void right_ones()
{
	p = static_cast<char *>(malloc(24));
	p = static_cast<char *>(realloc(p, 48));
	free(p);
	free(nullptr);
	p = static_cast<char *>(operator new(10, std::nothrow));
	operator delete(p, 10);
	p = static_cast<char *>(operator new[](10));
	operator delete[](p, std::nothrow);
	p = static_cast<char *>(operator new(10, TO, std::nothrow));
	operator delete(p, 10, TO);
	p = static_cast<char *>(operator new[](10, TO));
	operator delete[](p, TO);
	p = static_cast<char *>(aligned_alloc(64, 64));
	free(p);
}

static void *free_elsewhere(void *block)
{
	free(block);
	return nullptr;
}

static void wrong_ones()
{
	p = static_cast<char *>(malloc(100));
	free(p + 16);
	insides++;
	free(p);
	free(p);
	doubles++;
	p = static_cast<char *>(malloc(200));
	q = static_cast<char *>(realloc(p, 300));
	free(p);
	doubles++;
	free(q);
	free(reinterpret_cast<void *>(0x123450));
	unknowns++;

	p = static_cast<char *>(malloc(10));
	operator delete(p);
	mismatches++;
	p = static_cast<char *>(operator new(11));
	free(p);
	mismatches++;
	p = static_cast<char *>(operator new(12));
	operator delete[](p);
	mismatches++;
	p = static_cast<char *>(operator new[](13));
	operator delete(p, 13);
	mismatches++;
	p = static_cast<char *>(operator new(14, TO));
	operator delete(p);
	mismatches++;
	p = static_cast<char *>(operator new(15));
	q = static_cast<char *>(realloc(p, 16));
	mismatches++;
	free(q);
}

int main(int argc, char **argv)
{
	int times = argc > 1 ? atoi(argv[1]) : 3;
	pthread_t thread;

	for (int i = 0; i < times; i++) {
		right_ones();
		wrong_ones();
	}
	/* a block that another thread released first */
	p = static_cast<char *>(malloc(77));
	pthread_create(&thread, nullptr, free_elsewhere, p);
	pthread_join(thread, nullptr);
	free(p);
	doubles++;
	printf("{\"double-free\": %lu, \"free-inside-block\": %lu, \"free-of-unknown\": %lu, \"mismatch\": %lu}\n",
	       doubles, insides, unknowns, mismatches);
	return 0;
}
