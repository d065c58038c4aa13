/* SPDX-License-Identifier: MIT */
/*
 * What open() costs in a Linux guest; the numbers are TSC ticks.
 *
 *   bench-open make DIRECTORY COUNT           files of 4 KiB named 0, 1, ... that differ
 *   bench-open loop NAME DIRECTORY COUNT PASSES [WORKERS]   opens and closes all of them, PASSES
 * times, by WORKERS processes side by side; prints `BENCH NAME opens ticks`, the ticks from the
 * first open to the last
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILE_SIZE 4096U
#define PATH_SIZE 256

static uint64_t ticks(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

static void fail(const char *path)
{
	perror(path);
	exit(1);
}

static void name_file(char path[PATH_SIZE], const char *directory, unsigned long number)
{
	snprintf(path, PATH_SIZE, "%s/%lu", directory, number);
}

static int make(const char *directory, unsigned long count)
{
	static char content[FILE_SIZE];
	char path[PATH_SIZE];

	mkdir(directory, 0755);
	memset(content, 'x', sizeof(content));
	for (unsigned long i = 0; i < count; i++) {
		int fd;

		name_file(path, directory, i);
		memcpy(content, path, strlen(path));
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
		if (fd < 0 || write(fd, content, sizeof(content)) != (ssize_t)sizeof(content)) {
			fail(path);
		}
		close(fd);
	}
	return 0;
}

/* Every `step`th file from `first` on. */
static void open_files(const char *directory, unsigned long first, unsigned long step,
		       unsigned long count)
{
	char path[PATH_SIZE];

	for (unsigned long i = first; i < count; i += step) {
		int fd;

		name_file(path, directory, i);
		fd = open(path, O_RDONLY);
		if (fd < 0) {
			fail(path);
		}
		close(fd);
	}
}

static int open_side_by_side(const char *directory, unsigned long count, unsigned long workers)
{
	int status, failed = 0;

	for (unsigned long i = 0; i < workers; i++) {
		if (fork() == 0) {
			open_files(directory, i, workers, count);
			_exit(0);
		}
	}
	while (wait(&status) > 0) {
		failed |= status;
	}
	return failed != 0;
}

static int loop(const char *name, const char *directory, unsigned long count, unsigned long passes,
		unsigned long workers)
{
	int failed = 0;
	uint64_t start = ticks();

	for (unsigned long i = 0; i < passes; i++) {
		if (workers > 1) {
			failed |= open_side_by_side(directory, count, workers);
		} else {
			open_files(directory, 0, 1, count);
		}
	}
	printf("BENCH %s %lu %lu\n", name, count * passes, (unsigned long)(ticks() - start));
	return failed;
}

int main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "make") == 0) {
		return make(argv[2], strtoul(argv[3], NULL, 10));
	}
	if ((argc == 6 || argc == 7) && strcmp(argv[1], "loop") == 0) {
		return loop(argv[2], argv[3], strtoul(argv[4], NULL, 10),
			    strtoul(argv[5], NULL, 10), argc == 7 ? strtoul(argv[6], NULL, 10) : 1);
	}
	fprintf(stderr, "usage: bench-open make DIRECTORY COUNT\n"
			"       bench-open loop NAME DIRECTORY COUNT PASSES [WORKERS]\n");
	return 2;
}
