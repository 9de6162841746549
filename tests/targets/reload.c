/* SPDX-License-Identifier: Apache-2.0 */
/* reload.c -- loads one library after another, so that they come to lie at the same address, and says which one each call stood in
 *
 *   reload ROUNDS LIBRARY...
 *   reload ROUNDS -t LIBRARY...     another thread loads and unloads, so that the caller allocates nothing between two libraries
 *
 * In round i the library i % n is loaded, its plug_work() calls back three times, the callback allocates 1000 + i bytes and frees them, and the
 * library is unloaded. The confession (HT_CONFESS) has a line for each round: size, path, load address. A second thread allocates all the
 * time, so that there is somebody who did not make the change.
 */
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef void callback(void *);

/* The library of this round. */
struct plug {
	const char *path; /* NULL: none */
	void *handle;
	void (*work)(callback *, void *);
	unsigned long address;
	sem_t wanted, there; /* between the thread that calls it and the one that loads it */
};

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

/* In place of that of the round before. */
static void change(struct plug *plug, const char *path)
{
	struct link_map *map = NULL;

	if (plug->handle)
		dlclose(plug->handle);
	plug->handle = path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
	plug->work = plug->handle ? (void (*)(callback *, void *))dlsym(plug->handle, "plug_work") : NULL;
	if (path && (!plug->work || dlinfo(plug->handle, RTLD_DI_LINKMAP, &map))) {
		fprintf(stderr, "reload: %s\n", dlerror());
		exit(3);
	}
	plug->address = map ? map->l_addr : 0;
}

static void *changer(void *arg)
{
	struct plug *plug = arg;
	const char *path;

	do {
		sem_wait(&plug->wanted);
		path = plug->path;
		change(plug, path);
		sem_post(&plug->there);
	} while (path);
	return NULL;
}

static void change_elsewhere(struct plug *plug, const char *path)
{
	plug->path = path;
	sem_post(&plug->wanted);
	sem_wait(&plug->there);
}

int main(int argc, char **argv)
{
	const char *name = getenv("HT_CONFESS");
	FILE *confession = name ? fopen(name, "w") : NULL;
	int rounds = argc > 2 ? atoi(argv[1]) : 0, elsewhere = rounds && !strcmp(argv[2], "-t");
	struct plug plug = { .path = NULL };
	char **library = argv + 2 + elsewhere;
	pthread_t thread[2];

	sem_init(&plug.wanted, 0, 0);
	sem_init(&plug.there, 0, 0);
	if (!*library || !rounds || !confession || pthread_create(&thread[0], NULL, bystander, NULL) ||
	    pthread_create(&thread[1], NULL, changer, &plug))
		return 2;
	for (int i = 0; i < rounds; i++) {
		const char *path = library[i % (argc - 2 - elsewhere)];
		size_t size = 1000 + (size_t)i;

		(elsewhere ? change_elsewhere : change)(&plug, path);
		fprintf(confession, "%zu %s %#lx\n", size, path, plug.address);
		plug.work(allocate, &size);
	}
	change_elsewhere(&plug, NULL);
	over = 1;
	pthread_join(thread[0], NULL);
	pthread_join(thread[1], NULL);
	return fclose(confession) != 0;
}
