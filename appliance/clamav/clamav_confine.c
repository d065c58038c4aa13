/* SPDX-License-Identifier: MIT */
#include "appliance/clamav/clamav_confine.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define OPEN_FILES_MAX 256U
#define X32_BIT	       0x40000000U

/* Part of a filter: that system call fails with that error. */
#define REFUSE(name, error)                                     \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_##name, 0, 1), \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error))
#define LOAD(field) \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned int)offsetof(struct seccomp_data, field))

/* What is not named is allowed: what else libclamav calls depends on its version and on libc's. */
static struct sock_filter filter[] = {
	LOAD(arch),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	LOAD(nr),
	BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	REFUSE(socket, EPERM),
	REFUSE(socketpair, EPERM),
	REFUSE(connect, EPERM),
	REFUSE(bind, EPERM),
	REFUSE(listen, EPERM),
	REFUSE(accept, EPERM),
	REFUSE(accept4, EPERM),
	REFUSE(io_uring_setup, EPERM),
	REFUSE(execve, EPERM),
	REFUSE(execveat, EPERM),
	REFUSE(fork, EPERM),
	REFUSE(vfork, EPERM),
	REFUSE(clone3, ENOSYS), /* libc then takes clone */
	REFUSE(ptrace, EPERM),
	REFUSE(process_vm_readv, EPERM),
	REFUSE(process_vm_writev, EPERM),
	REFUSE(pidfd_getfd, EPERM),
	REFUSE(kill, EPERM),
	REFUSE(setsid, EPERM),
	REFUSE(unshare, EPERM),
	REFUSE(setns, EPERM),
	REFUSE(mount, EPERM),
	REFUSE(bpf, EPERM),
	REFUSE(userfaultfd, EPERM),
	REFUSE(perf_event_open, EPERM),
	REFUSE(keyctl, EPERM),
	/* Threads only. */
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_clone, 0, 3),
	LOAD(args[0]),
	BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 1, 0),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};

static int install_filter(void)
{
	struct sock_fprog program = {.len = sizeof(filter) / sizeof(filter[0]), .filter = filter};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
		return -errno;
	}
	return 0;
}

static int set_resource_limit(enum __rlimit_resource resource, rlim_t value)
{
	struct rlimit limit = {.rlim_cur = value, .rlim_max = value};

	return setrlimit(resource, &limit) == 0 ? 0 : -errno;
}

static int limit_resources(uint64_t file_max)
{
	int error = set_resource_limit(RLIMIT_CORE, 0);

	/* A write that is too large fails, and is no signal. */
	signal(SIGXFSZ, SIG_IGN);
	error = error != 0 ? error : set_resource_limit(RLIMIT_FSIZE, file_max);
	return error != 0 ? error : set_resource_limit(RLIMIT_NOFILE, OPEN_FILES_MAX);
}

/* Where memory runs out, a scan process goes, and not the service. Not possible everywhere (for
 * root alone, as the process is not dumpable), and no condition. */
static void offer_to_oom_killer(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd >= 0) {
		(void)!write(fd, "1000", 4);
		close(fd);
	}
}

static int drop_user(void)
{
	if (geteuid() != 0) {
		return 0;
	}
	if (setgroups(0, NULL) != 0 ||
	    setresgid(CLAMAV_CONFINE_USER, CLAMAV_CONFINE_USER, CLAMAV_CONFINE_USER) != 0 ||
	    setresuid(CLAMAV_CONFINE_USER, CLAMAV_CONFINE_USER, CLAMAV_CONFINE_USER) != 0) {
		return -errno;
	}
	return 0;
}

int clamav_confine_service(void)
{
	return prctl(PR_SET_DUMPABLE, 0) == 0 ? 0 : -errno;
}

int clamav_confine_process(pid_t parent, uint64_t file_max)
{
	int error = limit_resources(file_max);

	offer_to_oom_killer();
	error = error != 0 ? error : drop_user();
	if (error != 0) {
		return error;
	}
	/* Last: a change of user ends it. The parent may have ended before. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) {
		return -errno;
	}
	return getppid() == parent ? install_filter() : -ESRCH;
}
