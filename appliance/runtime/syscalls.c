// SPDX-License-Identifier: MIT
/*
 * What newlib asks of its system: heap, file descriptors, the end of the program. Descriptors 0 to
 * 2 are the console, the rest are sockets (sockets.c). There are no files: open() fails.
 */
#include "appliance/runtime/runtime.h"
#include "appliance/runtime/sockets.h"
#include "appliance/runtime/vsock_port.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>

#define CONSOLE_DESCRIPTORS 3
#define CONSOLE_BUFFER	    256 /* bytes that stdio collects, lines being shorter */

static uint64_t heap_start, heap_next, heap_end;

void syscalls_set_heap(uint64_t start, uint64_t end)
{
	heap_start = start;
	heap_next = start;
	heap_end = end;
}

uint64_t syscalls_heap_size(void)
{
	return heap_end - heap_start;
}

void *sbrk(ptrdiff_t increment)
{
	uint64_t old = heap_next;

	if (increment < 0 ? (uint64_t)-increment > heap_next - heap_start
			  : (uint64_t)increment > heap_end - heap_next) {
		errno = ENOMEM;
		return (void *)-1;
	}
	heap_next += (uint64_t)increment;
	return (void *)(uintptr_t)old;
}

ssize_t write(int fd, const void *data, size_t size)
{
	if (fd == STDOUT_FILENO || fd == STDERR_FILENO) {
		console_write(data, size);
		return (ssize_t)size;
	}
	return send(fd, data, size, 0);
}

ssize_t read(int fd, void *data, size_t size)
{
	if (fd == STDIN_FILENO) {
		return 0; /* nobody types */
	}
	return recv(fd, data, size, 0);
}

int close(int fd)
{
	if (fd >= 0 && fd < CONSOLE_DESCRIPTORS) {
		return 0;
	}
	return sockets_close(fd);
}

int fcntl(int fd, int command, ...)
{
	__builtin_va_list arguments;
	int value;

	__builtin_va_start(arguments, command);
	value = __builtin_va_arg(arguments, int);
	__builtin_va_end(arguments);
	return sockets_control(fd, command, value);
}

int fstat(int fd, struct stat *out)
{
	*out = (struct stat){
		.st_mode = fd >= 0 && fd < CONSOLE_DESCRIPTORS ? S_IFCHR : S_IFSOCK,
		.st_blksize = CONSOLE_BUFFER,
	};
	return 0;
}

int isatty(int fd)
{
	if (fd >= 0 && fd < CONSOLE_DESCRIPTORS) {
		return 1;
	}
	errno = ENOTTY;
	return 0;
}

off_t lseek(int fd, off_t offset, int whence)
{
	(void)fd;
	(void)offset;
	(void)whence;
	errno = ESPIPE;
	return -1;
}

int open(const char *path, int flags, ...)
{
	(void)path;
	(void)flags;
	errno = ENOENT;
	return -1;
}

int stat(const char *restrict path, struct stat *restrict out)
{
	(void)path;
	(void)out;
	errno = ENOENT;
	return -1;
}

int unlink(const char *path)
{
	(void)path;
	errno = ENOENT;
	return -1;
}

pid_t getpid(void)
{
	return 1;
}

/* clock(): all time is this program's. */
clock_t times(struct tms *out)
{
	clock_t ticks = (clock_t)(clock_now_us() / (1000000 / CLOCKS_PER_SEC));

	*out = (struct tms){.tms_utime = ticks};
	return ticks;
}

/* abort() and assert() come by here; there is only this process, and no handler. */
int kill(pid_t pid, int signal)
{
	(void)pid;
	mux_exit(128 + signal);
}

/* What was sent goes out before the partition ends. */
void _exit(int code)
{
	sockets_close_all();
	vsock_port_drain();
	mux_exit(code);
}
