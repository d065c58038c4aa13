/* SPDX-License-Identifier: MIT */
/*
 * The gate with a main thread that takes nothing, as if it were stuck: its own opens and reads
 * pass, those of others get the fallback in time, and an end with operations that wait leaves
 * nobody waiting. Argument: a mount of the test's own. Exit status 0, 1, or 77: no permission
 * events here.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent-guest/linux/clock.h"
#include "agent-guest/linux/gate.h"

#define FALLBACK_US 300000U
#define SKIP_STATUS 77

static struct gate gate;
static char file[256];

static int open_file(void)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	int error = fd < 0 ? errno : 0;

	if (fd >= 0) {
		close(fd);
	}
	return error;
}

/* Another process that opens the file and ends with the errno. */
static pid_t start_opener(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		alarm(20);
		_exit(open_file());
	}
	return pid;
}

static int end_of(pid_t pid)
{
	int status = 0;

	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int check(bool is_good, const char *what)
{
	printf("%s: %s\n", is_good ? "good" : "not good", what);
	return is_good ? 0 : 1;
}

static int check_fallback(void)
{
	uint64_t from_us = clock_now().us;
	struct gate_operation operation;
	uint64_t cookie, took_us;
	pid_t pid = start_opener();
	int failed = check(end_of(pid) == EPERM, "the fallback denies");

	took_us = clock_now().us - from_us;
	failed |= check(took_us >= FALLBACK_US && took_us < 10 * FALLBACK_US, "in time");
	failed |= check(gate_take(&gate, &operation, &cookie), "the operation is still told");
	failed |= check(operation.is_late && operation.pid == (uint32_t)pid, "as late");
	failed |= check(!gate_answer(&gate, cookie, MUX_VERDICT_ALLOW), "an answer is too late");
	return failed | check(!gate_take(&gate, &operation, &cookie), "and once");
}

static int read_file(int fd)
{
	char byte;

	return pread(fd, &byte, 1, 0) == 1 ? 0 : errno;
}

/* Of a file that is open. Reads have a fallback of their own. */
static int check_read(void)
{
	struct gate_fallback deny = {.us = FALLBACK_US, .verdict = MUX_VERDICT_DENY};
	struct gate_fallback allow = {.us = FALLBACK_US, .verdict = MUX_VERDICT_ALLOW};
	struct gate_operation operation;
	uint64_t cookie;
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	int failed = check(read_file(fd) == 0, "its own reads pass");
	pid_t pid;

	gate_set_fallbacks(&gate, allow, allow, deny);
	pid = fork();
	if (pid == 0) {
		alarm(20);
		_exit(read_file(fd));
	}
	failed |= check(end_of(pid) == EPERM, "the fallback denies a read");
	gate_set_fallbacks(&gate, deny, deny, allow);
	close(fd);
	failed |= check(gate_take(&gate, &operation, &cookie), "which is told");
	failed |= check(operation.mask == FAN_ACCESS_PERM && operation.is_late, "as a late read");
	return failed | check(!gate_answer(&gate, cookie, MUX_VERDICT_ALLOW), "and forgotten");
}

static int check_answer(void)
{
	struct gate_operation operation;
	uint64_t cookie;
	pid_t pid = start_opener();
	bool is_taken;

	while (!(is_taken = gate_take(&gate, &operation, &cookie)) &&
	       waitpid(pid, NULL, WNOHANG) == 0) {
		usleep(1000);
	}
	return check(is_taken, "taken") |
	       check(gate_answer(&gate, cookie, MUX_VERDICT_ALLOW), "answered") |
	       check(end_of(pid) == 0, "allowed");
}

static int check_end(void)
{
	uint64_t from_us;
	pid_t pid = start_opener();

	while (gate_waiting(&gate) == 0) {
		usleep(1000);
	}
	from_us = clock_now().us;
	gate_stop(&gate);
	return check(end_of(pid) == 0, "the end allows what waits") |
	       check(clock_now().us - from_us < FALLBACK_US / 2, "at once");
}

int main(int argc, char **argv)
{
	struct gate_fallback fallback = {.us = FALLBACK_US, .verdict = MUX_VERDICT_DENY};
	int fd, error, failed;

	alarm(30);
	if (argc != 2) {
		return 2;
	}
	snprintf(file, sizeof(file), "%s/gate-test", argv[1]);
	fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (write(fd, "x", 1) != 1) {
		return 2;
	}
	close(fd);
	error = gate_start(&gate);
	if (error != 0) {
		printf("%s\n", strerror(-error));
		return SKIP_STATUS;
	}
	gate_set_fallbacks(&gate, fallback, fallback, fallback);
	if (fd < 0 || fanotify_mark(gate.fanotify, FAN_MARK_ADD | FAN_MARK_MOUNT,
				    FAN_OPEN_PERM | FAN_ACCESS_PERM, AT_FDCWD, argv[1]) < 0) {
		printf("%s: %s\n", argv[1], strerror(errno));
		return SKIP_STATUS;
	}
	failed = check(open_file() == 0, "its own accesses pass");
	failed |= check_fallback() | check_read() | check_answer() | check_end();
	unlink(file);
	return failed;
}
