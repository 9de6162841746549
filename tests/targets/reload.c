/* SPDX-License-Identifier: Apache-2.0 */
/* reload.c -- loads one library after another, so that they come to lie at the same address, and says which one each call stood in
 *
 *   reload ROUNDS LIBRARY...
 *
 * In round i the library i % n is loaded, its plug_work() calls back three times, the callback allocates 1000 + i bytes and frees them, and the
 * library is unloaded. The confession (HT_CONFESS) has a line for each round: size, path, load address. A second thread allocates all the
 * time, so that there is somebody who did not make the change.
 */
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

typedef void callback(void *);

static atomic_int over;
static void *volatile sink;

static void allocate(void *size)
{
	void *p = malloc(*(size_t *)size);

	sink = p;
	free(p);
}

static void *bystander(void *unused)
{
	size_t size = 7;

	while (!over)
		for (int i = 0; i < 100; i++)
			allocate(&size);
	return unused;
}

int main(int argc, char **argv)
{
	const char *name = getenv("HT_CONFESS");
	FILE *confession = name ? fopen(name, "w") : NULL;
	int rounds = argc > 2 ? atoi(argv[1]) : 0;
	pthread_t thread;

	if (!rounds || !confession || pthread_create(&thread, NULL, bystander, NULL))
		return 2;
	for (int i = 0; i < rounds; i++) {
		const char *path = argv[2 + i % (argc - 2)];
		void *plug = dlopen(path, RTLD_NOW | RTLD_LOCAL);
		void (*work)(callback *, void *) = plug ? (void (*)(callback *, void *))dlsym(plug, "plug_work") : NULL;
		size_t size = 1000 + (size_t)i;
		struct link_map *map;

		if (!work || dlinfo(plug, RTLD_DI_LINKMAP, &map)) {
			fprintf(stderr, "reload: %s\n", dlerror());
			return 3;
		}
		fprintf(confession, "%zu %s %#lx\n", size, path, (unsigned long)map->l_addr);
		work(allocate, &size);
		dlclose(plug);
	}
	over = 1;
	pthread_join(thread, NULL);
	return fclose(confession) != 0;
}
