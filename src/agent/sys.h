/* SPDX-License-Identifier: Apache-2.0 */
/* sys.h -- the few system calls the agent makes, raw, without touching errno
 *
 * Called by: session.c once at start; thread.c once per thread (getpid, gettid) and when a ring is full (futex).
 * A hook that finds room makes no system call at all. Results are the kernel's: negative errno on failure.
 */
#ifndef HT_SYS_H
#define HT_SYS_H

#include <stddef.h>
#include <stdint.h>

enum {
	HT_SYS_read = 0,
	HT_SYS_close = 3,
	HT_SYS_mmap = 9,
	HT_SYS_mprotect = 10,
	HT_SYS_munmap = 11,
	HT_SYS_rt_sigprocmask = 14,
	HT_SYS_madvise = 28,
	HT_SYS_getpid = 39,
	HT_SYS_readlink = 89,
	HT_SYS_gettid = 186,
	HT_SYS_futex = 202,
	HT_SYS_clock_gettime = 228,
	HT_SYS_openat = 257,
};

struct ht_timespec {
	int64_t sec, nsec;
};

static inline long ht_syscall6(long n, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long rc;

	__asm__ volatile("syscall"
			 : "=a"(rc)
			 : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return rc;
}

static inline long ht_syscall3(long n, long a, long b, long c)
{
	return ht_syscall6(n, a, b, c, 0, 0, 0);
}

static inline long ht_sys_open(const char *path, int flags)
{
	return ht_syscall6(HT_SYS_openat, -100 /* AT_FDCWD */, (long)path, flags, 0, 0, 0);
}

static inline long ht_sys_read(int fd, void *to, size_t len)
{
	return ht_syscall3(HT_SYS_read, fd, (long)to, (long)len);
}

static inline void ht_sys_close(int fd)
{
	ht_syscall3(HT_SYS_close, fd, 0, 0);
}

static inline long ht_sys_readlink(const char *path, char *to, size_t len)
{
	return ht_syscall3(HT_SYS_readlink, (long)path, (long)to, (long)len);
}

static inline uint32_t ht_sys_getpid(void)
{
	return (uint32_t)ht_syscall3(HT_SYS_getpid, 0, 0, 0);
}

static inline uint32_t ht_sys_gettid(void)
{
	return (uint32_t)ht_syscall3(HT_SYS_gettid, 0, 0, 0);
}

static inline uint64_t ht_sys_monotonic_ns(void)
{
	struct ht_timespec t = { 0, 0 };

	ht_syscall3(HT_SYS_clock_gettime, 1 /* CLOCK_MONOTONIC */, (long)&t, 0);
	return (uint64_t)t.sec * 1000000000u + (uint64_t)t.nsec;
}

/* FUTEX_WAIT on memory shared between processes. */
static inline void ht_sys_futex_wait(const void *word, uint32_t value, uint64_t ns)
{
	struct ht_timespec t = { (int64_t)(ns / 1000000000u), (int64_t)(ns % 1000000000u) };

	ht_syscall6(HT_SYS_futex, (long)word, 0, value, (long)&t, 0, 0);
}

#endif
