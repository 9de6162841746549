/* SPDX-License-Identifier: Apache-2.0 */
/* meter.c -- runs a command and has the kernel count its calls into libc, one breakpoint per function
 *
 *   meter OUT CMD [ARG...]      OUT: {"malloc": n, "calloc": n, ...}
 *
 *   meter ──fork──► reader: opens uprobe counters on its parent (this task only, from the next exec on), lets it go,
 *     │             waits for its death, reads the counters, writes OUT
 *     └──exec──► CMD: the process that heaptap records
 *
 * The counters are the reader's own perf events: nothing is registered in tracefs, nothing remains. Threads and children of
 * CMD are not counted. This image itself calls no allocator: only the reader does. Status 77: the kernel does not let us.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <gnu/lib-names.h>
#include <linux/perf_event.h>
#include <link.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* memalign and aligned_alloc are one address in glibc 2.36. */
static const char *const names[] = { "malloc", "calloc", "realloc", "free", "posix_memalign", "memalign" };
enum { COUNTERS = sizeof(names) / sizeof(*names) };

struct place {
	uintptr_t address;
	const char *path;
	uint64_t offset;
};

static int find_place(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct place *p = arg;
	int i;

	(void)size;
	for (i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *h = &info->dlpi_phdr[i];
		uintptr_t start = info->dlpi_addr + h->p_vaddr;

		if (h->p_type == PT_LOAD && p->address >= start && p->address < start + h->p_memsz) {
			p->path = info->dlpi_name;
			p->offset = p->address - start + h->p_offset;
			return 1;
		}
	}
	return 0;
}

static int uprobe_type(void)
{
	FILE *f = fopen("/sys/bus/event_source/devices/uprobe/type", "r");
	int type = -1;

	if (f && fscanf(f, "%d", &type) != 1)
		type = -1;
	if (f)
		fclose(f);
	return type;
}

static int open_counter(int type, pid_t pid, const char *name)
{
	void *libc = dlopen(LIBC_SO, RTLD_NOW | RTLD_NOLOAD);
	struct place p = { .address = (uintptr_t)dlsym(libc, name) };
	struct perf_event_attr attr = {
		.size = sizeof(attr), .type = (uint32_t)type, .disabled = 1, .enable_on_exec = 1
	};

	if (!dl_iterate_phdr(find_place, &p))
		return -1;
	attr.config1 = (uintptr_t)p.path;
	attr.config2 = p.offset;
	return (int)syscall(SYS_perf_event_open, &attr, pid, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

static void read_counters(const char *out, const int *counter)
{
	char part[4096];
	FILE *f;
	int i;

	snprintf(part, sizeof(part), "%s.part", out);
	f = fopen(part, "w");
	for (i = 0; f && i < COUNTERS; i++) {
		uint64_t n = 0;

		if (read(counter[i], &n, sizeof(n)) != sizeof(n))
			_exit(96);
		fprintf(f, "%s\"%s\": %lu", i ? ", " : "{", names[i], n);
	}
	fprintf(f, "}\n");
	if (fclose(f) || rename(part, out))
		_exit(96);
}

static int count(pid_t parent, const char *out, int go)
{
	int type = uprobe_type(), counter[COUNTERS], i;
	struct pollfd death = { .fd = (int)syscall(SYS_pidfd_open, parent, 0), .events = POLLIN };

	for (i = 0; i < COUNTERS; i++) {
		counter[i] = type < 0 ? -1 : open_counter(type, parent, names[i]);
		if (counter[i] < 0)
			return 77;
	}
	if (write(go, "g", 1) != 1)
		return 96;
	close(go);
	/* The command's own descriptors are not ours to keep open. */
	close(0);
	close(1);
	while (poll(&death, 1, -1) != 1)
		continue;
	read_counters(out, counter);
	return 0;
}

int main(int argc, char **argv)
{
	pid_t me = getpid(), child;
	int go[2];
	char c;

	if (argc < 3 || pipe2(go, O_CLOEXEC))
		return 2;
	child = fork();
	if (child < 0)
		return 3;
	if (child == 0) {
		close(go[0]);
		unsetenv("HT_COUNT"); /* the file is for the command's calls */
		_exit(count(me, argv[1], go[1]));
	}
	close(go[1]);
	if (read(go[0], &c, 1) != 1)
		return 77;
	execvp(argv[2], argv + 2);
	return 127;
}
