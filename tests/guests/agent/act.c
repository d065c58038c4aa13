/* SPDX-License-Identifier: MIT */
/*
 * What a Linux guest's script cannot do or measure itself; each command prints one line.
 *
 *   act open PATH            how opening ends, and after how many milliseconds
 *   act exec PATH            how executing ends
 *   act turn PATH            how reading ends once the content of the open file has become evil
 *   act load DIRECTORY WORKERS SECONDS   processes that open its files, one after the other, all
 * the time act many DIRECTORY WORKERS COUNT     processes that make and remove so many files each
 *   act logon FILE           adds a record of a log-on to a wtmp file
 *   act bomb SECONDS         as nobody, with 60 processes at most: each forks as fast as it can
 *   act churn SECONDS MEBIBYTES          maps, writes and gives back memory
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <utmp.h>

#define FILES	  16U
#define NOBODY	  65534U
#define BOMBS_MAX 60U

/* Shared by all workers. */
struct tally {
	uint64_t allowed, denied, failed;
	uint64_t longest_ms;
};

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static const char *outcome(int error)
{
	return error == 0 ? "allowed" : error == EPERM ? "denied" : strerror(error);
}

static uint64_t number(const char *text)
{
	return strtoul(text, NULL, 10);
}

/* ---- one operation ---- */

static int open_one(const char *path)
{
	uint64_t from = now_ms();
	int fd = open(path, O_RDONLY);
	int error = fd < 0 ? errno : 0;

	printf("open %s: %s after %lu ms\n", path, outcome(error),
	       (unsigned long)(now_ms() - from));
	return error != 0;
}

static int turn_one(const char *path)
{
	static const char evil[] = "EVIL content";
	char text[sizeof(evil)];
	int writer = open(path, O_WRONLY | O_TRUNC);
	int fd = open(path, O_RDONLY);
	int error;

	if (fd < 0 || write(writer, evil, sizeof(evil)) != sizeof(evil)) {
		printf("turn %s: %s\n", path, strerror(errno));
		return 1;
	}
	close(writer);
	error = read(fd, text, sizeof(text)) < 0 ? errno : 0;
	printf("read %s: %s\n", path, outcome(error));
	close(fd);
	return error != 0;
}

static int execute_one(char *path)
{
	char *arguments[] = {path, NULL};
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		execv(path, arguments);
		_exit(errno);
	}
	waitpid(child, &status, 0);
	printf("exec %s: %s\n", path, outcome(WEXITSTATUS(status)));
	return WEXITSTATUS(status);
}

static int log_on(const char *path)
{
	struct utmp record = {.ut_type = USER_PROCESS,
			      .ut_pid = getpid(),
			      .ut_line = "pts/7",
			      .ut_user = "alice",
			      .ut_host = "far.example"};
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT, 0644);

	return fd < 0 || write(fd, &record, sizeof(record)) != sizeof(record);
}

/* ---- workers ---- */

static struct tally *share_tally(void)
{
	void *shared = mmap(NULL, sizeof(struct tally), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (shared == MAP_FAILED) {
		exit(1);
	}
	return shared;
}

static void note(struct tally *tally, int error, uint64_t took_ms)
{
	uint64_t longest = __atomic_load_n(&tally->longest_ms, __ATOMIC_RELAXED);

	__atomic_fetch_add(error == 0	    ? &tally->allowed
			   : error == EPERM ? &tally->denied
					    : &tally->failed,
			   1, __ATOMIC_RELAXED);
	while (took_ms > longest &&
	       !__atomic_compare_exchange_n(&tally->longest_ms, &longest, took_ms, false,
					    __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
	}
}

static void open_all_the_time(struct tally *tally, const char *directory, uint64_t until_ms)
{
	char path[256];

	for (unsigned i = 0; now_ms() < until_ms; i++) {
		uint64_t from = now_ms();
		int fd;

		snprintf(path, sizeof(path), "%s/again%u", directory, i % FILES);
		fd = open(path, O_RDONLY);
		note(tally, fd < 0 ? errno : 0, now_ms() - from);
		close(fd);
	}
}

static int load(const char *directory, uint64_t workers, uint64_t seconds)
{
	struct tally *tally = share_tally();
	uint64_t until_ms = now_ms() + seconds * 1000;

	for (uint64_t i = 0; i < workers; i++) {
		if (fork() == 0) {
			open_all_the_time(tally, directory, until_ms);
			_exit(0);
		}
	}
	while (wait(NULL) > 0) {
	}
	printf("load: %lu allowed, %lu denied, %lu failed, longest %lu ms\n",
	       (unsigned long)tally->allowed, (unsigned long)tally->denied,
	       (unsigned long)tally->failed, (unsigned long)tally->longest_ms);
	return 0;
}

static void make_and_remove(struct tally *tally, const char *directory, uint64_t worker,
			    uint64_t count)
{
	char path[256];

	for (uint64_t i = 0; i < count; i++) {
		int fd;

		snprintf(path, sizeof(path), "%s/%lu-%lu", directory, (unsigned long)worker,
			 (unsigned long)i);
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
		note(tally, fd < 0 ? errno : 0, 0);
		close(fd);
	}
	for (uint64_t i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/%lu-%lu", directory, (unsigned long)worker,
			 (unsigned long)i);
		note(tally, unlink(path) < 0 ? errno : 0, 0);
	}
}

static int many(const char *directory, uint64_t workers, uint64_t count)
{
	struct tally *tally = share_tally();
	uint64_t from = now_ms();

	for (uint64_t i = 0; i < workers; i++) {
		if (fork() == 0) {
			make_and_remove(tally, directory, i, count);
			_exit(0);
		}
	}
	while (wait(NULL) > 0) {
	}
	printf("many: %lu done, %lu failed in %lu ms\n", (unsigned long)tally->allowed,
	       (unsigned long)(tally->denied + tally->failed), (unsigned long)(now_ms() - from));
	return 0;
}

/* ---- stress ---- */

/* Children die with their time; none is waited for before that. */
static void fork_until(uint64_t until_ms, uint64_t *forks)
{
	while (now_ms() < until_ms) {
		pid_t child = fork();

		if (child > 0) {
			__atomic_fetch_add(forks, 1, __ATOMIC_RELAXED);
		}
		while (waitpid(-1, NULL, WNOHANG) > 0) {
		}
		/* Half of the children fork on, the others end at once. */
		if (child == 0 && getpid() % 2 == 0) {
			_exit(0);
		}
	}
}

static int bomb(uint64_t seconds)
{
	struct rlimit limit = {BOMBS_MAX, BOMBS_MAX};
	uint64_t *forks = &share_tally()->allowed;
	pid_t first = getpid();

	if (setrlimit(RLIMIT_NPROC, &limit) < 0 || setgroups(0, NULL) < 0 || setgid(NOBODY) < 0 ||
	    setuid(NOBODY) < 0) {
		return 1;
	}
	fork_until(now_ms() + seconds * 1000, forks);
	if (getpid() != first) {
		_exit(0);
	}
	while (wait(NULL) > 0) {
	}
	printf("bomb: %lu forks\n", (unsigned long)*forks);
	return 0;
}

static int churn(uint64_t seconds, size_t size)
{
	uint64_t until_ms = now_ms() + seconds * 1000;
	uint64_t rounds = 0;

	while (now_ms() < until_ms) {
		unsigned char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
					     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (memory == MAP_FAILED) {
			return 1;
		}
		memset(memory, (int)rounds, size);
		munmap(memory, size);
		rounds++;
	}
	printf("churn: %lu rounds\n", (unsigned long)rounds);
	return 0;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 2 ? argv[1] : "";

	if (strcmp(verb, "open") == 0) {
		return open_one(argv[2]);
	} else if (strcmp(verb, "turn") == 0) {
		return turn_one(argv[2]);
	} else if (strcmp(verb, "exec") == 0) {
		return execute_one(argv[2]);
	} else if (strcmp(verb, "logon") == 0) {
		return log_on(argv[2]);
	} else if (strcmp(verb, "bomb") == 0) {
		return bomb(number(argv[2]));
	} else if (strcmp(verb, "churn") == 0 && argc > 3) {
		return churn(number(argv[2]), number(argv[3]) << 20);
	} else if (strcmp(verb, "load") == 0 && argc > 4) {
		return load(argv[2], number(argv[3]), number(argv[4]));
	} else if (strcmp(verb, "many") == 0 && argc > 4) {
		return many(argv[2], number(argv[3]), number(argv[4]));
	}
	fprintf(stderr, "usage: act open|turn|exec|load|many|logon|bomb|churn ...\n");
	return 2;
}
