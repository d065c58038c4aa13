/* SPDX-License-Identifier: MIT */
#include "appliance/clamav/clamav_worker.h"
#include "appliance/clamav/clamav_confine.h"
#include "appliance/clamav/clamav_message.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define SOCKET	      3
#define TRY_PATH_SIZE 512

/* A scan under way. */
struct scan {
	const struct clamav_worker *worker;
	uint64_t size;
	uint64_t window_offset; /* what the window holds of the file */
	uint64_t window_length;
};

static bool take_order(struct clamav_order *order)
{
	ssize_t got;

	do {
		got = recv(SOCKET, order, sizeof(*order), 0);
	} while (got < 0 && errno == EINTR);
	return got == (ssize_t)sizeof(*order);
}

static void send_reply(const struct clamav_reply *reply)
{
	while (send(SOCKET, reply, sizeof(*reply), MSG_NOSIGNAL) < 0) {
		if (errno != EINTR) {
			_exit(0);
		}
	}
}

/* Has the service put the part from offset on into the window, as much as fits: libclamav reads on
 * behind what it has read. */
static bool fill_window(struct scan *scan, uint64_t offset)
{
	uint64_t left = scan->size - offset;
	struct clamav_reply reply = {.kind = CLAMAV_REPLY_READ,
				     .offset = offset,
				     .length = left < CLAMAV_WINDOW ? left : CLAMAV_WINDOW};
	struct clamav_order order;

	send_reply(&reply);
	if (!take_order(&order) || order.kind != CLAMAV_ORDER_DATA) {
		_exit(0);
	}
	scan->window_offset = offset;
	scan->window_length = order.size < reply.length ? 0 : reply.length;
	return scan->window_length > 0;
}

static bool is_in_window(const struct scan *scan, uint64_t offset)
{
	return offset >= scan->window_offset && offset - scan->window_offset < scan->window_length;
}

static bool read_file(void *context, void *buffer, uint64_t offset, uint64_t length)
{
	struct scan *scan = context;
	uint8_t *to = buffer;

	if (offset > scan->size || length > scan->size - offset) {
		return false;
	}
	while (length > 0) {
		uint64_t part, at;

		if (!is_in_window(scan, offset) && !fill_window(scan, offset)) {
			return false;
		}
		at = offset - scan->window_offset;
		part = scan->window_length - at;
		part = part < length ? part : length;
		memcpy(to, scan->worker->window + at, part);
		to += part;
		offset += part;
		length -= part;
	}
	return true;
}

static void scan_file(const struct clamav_worker *worker, const struct clamav_order *order)
{
	struct scan scan = {.worker = worker, .size = order->size};
	struct av_outcome outcome =
		clamav_engine_scan(worker->engine, order->size, order->time_ms, read_file, &scan);
	struct clamav_reply reply = {.kind = CLAMAV_REPLY_RESULT,
				     .outcome = (uint32_t)outcome.kind};

	snprintf(reply.text, sizeof(reply.text), "%s", outcome.text);
	send_reply(&reply);
}

/* Nothing of the service's stays: its sockets, signals, and place in a terminal. */
static int detach(int fd)
{
	sigset_t none;

	sigemptyset(&none);
	if ((fd != SOCKET && dup2(fd, SOCKET) != SOCKET) || close_range(SOCKET + 1, ~0U, 0) != 0 ||
	    setpgid(0, 0) != 0 || sigprocmask(SIG_SETMASK, &none, NULL) != 0) {
		return -errno;
	}
	return 0;
}

/* libclamav calls files clean that it could not look into because it cannot write. The folders
 * above must let another user pass, too. */
static int try_directory(const char *directory)
{
	char path[TRY_PATH_SIZE];

	snprintf(path, sizeof(path), "%s/try", directory);
	if (mkdir(path, 0700) != 0 || rmdir(path) != 0) {
		return -errno;
	}
	return 0;
}

static void refuse_start(const char *what, int error)
{
	dprintf(STDERR_FILENO, "a scan process cannot start: %s: %s\n", what, strerror(-error));
	_exit(1);
}

void clamav_worker_run(struct clamav_worker worker)
{
	struct clamav_order order;
	int error = detach(worker.fd);

	error = error != 0 ? error : clamav_engine_settle(worker.engine, worker.directory);
	error = error != 0 ? error : clamav_confine_process(worker.parent, worker.unpacked_max);
	if (error != 0) {
		refuse_start("it cannot be confined", error);
	}
	error = try_directory(worker.directory);
	if (error != 0) {
		refuse_start(worker.directory, error);
	}
	while (take_order(&order) && order.kind == CLAMAV_ORDER_SCAN) {
		scan_file(&worker, &order);
	}
	_exit(0);
}
