/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "image/sandbox.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

/* The numbers of system calls mean nothing without the machine they are of. */
#if defined(__x86_64__)
#define MACHINE AUDIT_ARCH_X86_64
#elif defined(__i386__)
#define MACHINE AUDIT_ARCH_I386
#elif defined(__aarch64__)
#define MACHINE AUDIT_ARCH_AARCH64
#elif defined(__arm__)
#define MACHINE AUDIT_ARCH_ARM
#elif defined(__riscv) && __riscv_xlen == 64
#define MACHINE AUDIT_ARCH_RISCV64
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
#define MACHINE AUDIT_ARCH_PPC64LE
#elif defined(__s390x__)
#define MACHINE AUDIT_ARCH_S390X
#endif

int
os_sandbox_prepare(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 ? 0 : -1;
}

int
os_sandbox_limit_memory(uint64_t bytes)
{
	const struct rlimit limit = {bytes, bytes};

	return setrlimit(RLIMIT_AS, &limit);
}

#ifdef MACHINE

/* Of one architecture, the offset of a field; the lower half of an argument first or last. */
#define FIELD(name) ((uint32_t)offsetof(struct seccomp_data, name))
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define LOW_HALF 0u
#else
#define LOW_HALF 4u
#endif
#define PROTECTION (FIELD(args) + 2u * 8u + LOW_HALF) /* the third argument of mmap and mprotect */

#define LOAD(offset)              BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset)
#define RETURN(value)             BPF_STMT(BPF_RET | BPF_K, value)
#define UNLESS_EQUAL(value, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(value), 0, skip)
#define ALLOW(number)             UNLESS_EQUAL(number, 1), RETURN(SECCOMP_RET_ALLOW)
/* Memory may not be made executable. */
#define ALLOW_DATA(number)                                                                     \
	UNLESS_EQUAL(number, 4), LOAD(PROTECTION), BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 1, 0), \
	    RETURN(SECCOMP_RET_ALLOW), RETURN(SECCOMP_RET_KILL_PROCESS)

/* Reading and writing what is open already, memory for malloc, ending.  seccomp(2), bpf(4). */
static const struct sock_filter filter[] = {
    LOAD(FIELD(arch)),
    UNLESS_EQUAL(MACHINE, 1),
    BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0),
    RETURN(SECCOMP_RET_KILL_PROCESS),
    LOAD(FIELD(nr)),
    ALLOW(__NR_pread64),
    ALLOW(__NR_pwrite64),
    ALLOW(__NR_read),
    ALLOW(__NR_write),
    ALLOW(__NR_brk),
    ALLOW(__NR_munmap),
    ALLOW(__NR_mremap),
    ALLOW(__NR_madvise),
    ALLOW(__NR_getrandom),
    ALLOW_DATA(__NR_mprotect),
#ifdef __NR_mmap
    ALLOW_DATA(__NR_mmap),
#endif
#ifdef __NR_mmap2
    ALLOW_DATA(__NR_mmap2),
#endif
    ALLOW(__NR_sigaltstack), /* the sanitizers look at it before longjmp */
    ALLOW(__NR_rt_sigreturn),
    ALLOW(__NR_rt_sigprocmask),
    ALLOW(__NR_restart_syscall),
    ALLOW(__NR_exit),
    ALLOW(__NR_exit_group),
    RETURN(SECCOMP_RET_KILL_PROCESS),
};

int
os_sandbox_confine(void)
{
	struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), (struct sock_filter *)(uintptr_t)filter};

	/* The helper is killed when it takes too long; the picture's process goes with it. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}

#else

int
os_sandbox_confine(void)
{
	errno = ENOSYS;
	return -1;
}

#endif
