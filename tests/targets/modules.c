/* SPDX-License-Identifier: Apache-2.0 */
/* modules.c -- says what it has loaded and where its threads are, and checks what it is told about them: modules THREADS [LIBRARY...]
 *
 * Used by: tests/e2e/outside.sh. Prints a line for each executable segment, as the C library's own dl_iterate_phdr has it (and the vdso), and one for each thread:
 *   module START END UNWIND      thread ID THREAD-POINTER      ready
 * Then it loads the libraries whose paths it reads ("loaded"), and reads a number: the distance from the thread pointer at which an id is said to be; "right N" threads found their own there. Ends with its input.
 */
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>

#define THREADS_MOST 64

static pthread_barrier_t told, asked, answered;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned long distance;
static int right;

static char *thread_pointer(void)
{
	char *tp;

	__asm__("mov %%fs:0, %0" : "=r"(tp));
	return tp;
}

static void say_thread(void)
{
	pthread_mutex_lock(&lock);
	printf("thread %ld %p\n", (long)syscall(SYS_gettid), (void *)thread_pointer());
	pthread_mutex_unlock(&lock);
}

static void check_thread(void)
{
	int id;

	memcpy(&id, thread_pointer() + distance, sizeof(id));
	pthread_mutex_lock(&lock);
	right += id == (int)syscall(SYS_gettid);
	pthread_mutex_unlock(&lock);
}

static void *thread(void *unused)
{
	say_thread();
	pthread_barrier_wait(&told);
	pthread_barrier_wait(&asked);
	check_thread();
	pthread_barrier_wait(&answered);
	return unused;
}

static int say_module(struct dl_phdr_info *info, size_t size, void *vdso)
{
	unsigned long unwind = 0;

	(void)size;
	if (info->dlpi_addr == *(unsigned long *)vdso)
		*(unsigned long *)vdso = 0;
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_GNU_EH_FRAME)
			unwind = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		unsigned long start = info->dlpi_addr + p->p_vaddr;

		if (p->p_type == PT_LOAD && p->p_flags & PF_X)
			printf("module %lx %lx %lx\n", start & ~4095ul, (start + p->p_memsz + 4095) & ~4095ul, unwind);
	}
	return 0;
}

/* Static programs of musl do not list the vdso. */
static void say_modules(void)
{
	unsigned long vdso = getauxval(AT_SYSINFO_EHDR);
	struct dl_phdr_info info = { .dlpi_addr = vdso };
	const ElfW(Ehdr) *e = (const ElfW(Ehdr) *)vdso;

	dl_iterate_phdr(say_module, &vdso);
	if (!vdso)
		return;
	info.dlpi_phdr = (const ElfW(Phdr) *)(vdso + e->e_phoff);
	info.dlpi_phnum = e->e_phnum;
	say_module(&info, sizeof(info), &vdso);
}

int main(int argc, char **argv)
{
	int threads = argc > 1 ? atoi(argv[1]) : 1;
	pthread_t id[THREADS_MOST];
	char word[256] = "";

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 2; i < argc; i++)
		if (!dlopen(argv[i], RTLD_NOW)) {
			printf("modules: %s\n", dlerror());
			return 2;
		}
	if (threads < 1 || threads > THREADS_MOST)
		return 2;
	pthread_barrier_init(&told, NULL, (unsigned)threads);
	pthread_barrier_init(&asked, NULL, (unsigned)threads);
	pthread_barrier_init(&answered, NULL, (unsigned)threads);
	for (int i = 1; i < threads; i++)
		if (pthread_create(&id[i], NULL, thread, NULL))
			return 2;
	say_thread();
	pthread_barrier_wait(&told);
	say_modules();
	puts("ready");
	while (scanf("%255s", word) == 1 && *word == '/')
		puts(dlopen(word, RTLD_NOW) ? "loaded" : dlerror());
	if (sscanf(word, "%lu", &distance) != 1)
		return 0;
	pthread_barrier_wait(&asked);
	check_thread();
	pthread_barrier_wait(&answered);
	printf("right %d\n", right);
	return 0;
}
