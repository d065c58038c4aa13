/* SPDX-License-Identifier: MIT */
/*
 * A scan process is idle, or has one scan; a read request is one of its scan's times. Whatever
 * calls into the scanner comes last in its function: the scanner may begin the next scan of the
 * same number at once.
 */
#include "appliance/clamav/clamav_pool.h"
#include "appliance/av/av_scanner.h"
#include "appliance/clamav/clamav_confine.h"
#include "appliance/clamav/clamav_message.h"
#include "appliance/clamav/clamav_time.h"
#include "appliance/clamav/clamav_worker.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DIRECTORY_SIZE 256
#define REMOVE_FDS     16

struct pool;

struct process {
	struct pool *pool;
	unsigned int scan;
	pid_t pid; /* 0: there is none */
	int fd;
	uint8_t *window;
	char directory[DIRECTORY_SIZE];
	bool is_busy;
	bool is_reading;
	bool is_changed; /* the file is not what it was: the result means nothing */
	uint64_t size;	 /* of the file */
	uint64_t offset; /* of the read under way */
	uint64_t length;
	uint64_t got;
	uint32_t kill_ms;
	int64_t timer;
};

struct pool {
	struct av_engine engine; /* first: the calls get it */
	struct clamav_engine *clamav;
	struct clamav_limits limits;
	char directory[DIRECTORY_SIZE / 2];
	struct process process[AV_SCANS_MAX];
};

static struct process *process_of(struct av_engine *engine, unsigned int scan)
{
	return &((struct pool *)engine)->process[scan];
}

static struct mux_service *service_of(const struct process *process)
{
	return av_scanner_service(process->pool->engine.scanner);
}

static void finish(struct process *process, enum av_outcome_kind kind, const char *text)
{
	av_scanner_finish(process->pool->engine.scanner, process->scan,
			  (struct av_outcome){kind, text});
}

/* ---- life of a process ---- */

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *where)
{
	(void)status;
	(void)kind;
	(void)where;
	(void)remove(path);
	return 0;
}

static void remove_tree(const char *path)
{
	(void)nftw(path, remove_entry, REMOVE_FDS, FTW_DEPTH | FTW_PHYS);
}

static int make_directory(struct process *process)
{
	snprintf(process->directory, sizeof(process->directory), "%s/%u", process->pool->directory,
		 process->scan);
	if (mkdir(process->directory, 0700) != 0 ||
	    (geteuid() == 0 &&
	     chown(process->directory, CLAMAV_CONFINE_USER, CLAMAV_CONFINE_USER) != 0)) {
		return -errno;
	}
	return 0;
}

/* In the new process: those of the other scans are not its own, and its own is not to be written.
 */
static void hide_windows(const struct process *own)
{
	struct pool *pool = own->pool;

	for (unsigned int i = 0; i < pool->engine.scans; i++) {
		if (i != own->scan) {
			(void)munmap(pool->process[i].window, CLAMAV_WINDOW);
		}
	}
	(void)mprotect(own->window, CLAMAV_WINDOW, PROT_READ);
}

static int fork_process(struct process *process, const int fd[2])
{
	pid_t parent = getpid();

	fflush(stdout);
	process->pid = fork();
	if (process->pid < 0) {
		process->pid = 0;
		return -errno;
	}
	if (process->pid == 0) {
		hide_windows(process);
		clamav_worker_run((struct clamav_worker){
			.parent = parent,
			.fd = fd[1],
			.window = process->window,
			.engine = process->pool->clamav,
			.directory = process->directory,
			.unpacked_max = process->pool->limits.scan_size,
		});
	}
	return 0;
}

/* Returns its wait status. */
static int reap(struct process *process)
{
	int status = 0;

	(void)kill(process->pid, SIGKILL);
	while (waitpid(process->pid, &status, 0) < 0 && errno == EINTR) {
	}
	process->pid = 0;
	close(process->fd);
	remove_tree(process->directory);
	return status;
}

static void on_reply(struct mux_service *service, int fd, void *context);

static int start_process(struct process *process)
{
	int fd[2];
	int error = make_directory(process);

	if (error != 0) {
		return error;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd) != 0) {
		error = -errno;
		remove_tree(process->directory);
		return error;
	}
	error = fork_process(process, fd);
	close(fd[1]);
	process->fd = fd[0];
	if (error != 0) {
		close(process->fd);
		remove_tree(process->directory);
		return error;
	}
	error = mux_watch(service_of(process), process->fd, on_reply, process);
	if (error != 0) {
		(void)reap(process);
	}
	return error;
}

static void cancel_timer(struct process *process)
{
	if (process->timer > 0) {
		(void)mux_timer_cancel(service_of(process), process->timer);
		process->timer = 0;
	}
}

static int end_process(struct process *process)
{
	cancel_timer(process);
	(void)mux_watch(service_of(process), process->fd, NULL, NULL);
	process->is_busy = false;
	process->is_reading = false;
	return reap(process);
}

/* Ends the process for a reason that is not the file's fault alone, with the scan it may have. */
static void fail(struct process *process, const char *reason)
{
	bool is_busy = process->is_busy;

	(void)end_process(process);
	if (is_busy) {
		finish(process, AV_OUTCOME_UNSCANNED, reason);
	} else {
		puts(reason);
	}
}

/* It has closed its socket, which it does by ending. */
static void mourn(struct process *process)
{
	char text[80];
	bool is_busy = process->is_busy;
	int status = end_process(process);

	if (WIFSIGNALED(status)) {
		snprintf(text, sizeof(text), "the scan process was ended by signal %d",
			 WTERMSIG(status));
	} else {
		snprintf(text, sizeof(text), "the scan process ended with status %d",
			 WEXITSTATUS(status));
	}
	if (is_busy) {
		finish(process, AV_OUTCOME_UNSCANNED, text);
	} else {
		puts(text);
	}
}

/* ---- what a process says ---- */

static void take_read(struct process *process, const struct clamav_reply *reply)
{
	process->is_reading = true;
	process->offset = reply->offset;
	process->length = reply->length;
	process->got = 0;
	av_scanner_read(process->pool->engine.scanner, process->scan, reply->offset, reply->length);
}

static void take_result(struct process *process, const struct clamav_reply *reply)
{
	cancel_timer(process);
	process->is_busy = false;
	finish(process,
	       process->is_changed ? AV_OUTCOME_CHANGED : (enum av_outcome_kind)reply->outcome,
	       reply->text);
}

static void on_reply(struct mux_service *service, int fd, void *context)
{
	struct process *process = context;
	struct clamav_reply reply;
	ssize_t got = recv(fd, &reply, sizeof(reply), MSG_DONTWAIT);

	(void)service;
	if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
		return;
	}
	if (got <= 0) {
		mourn(process);
	} else if (!process->is_busy || process->is_reading ||
		   !clamav_message_check(&reply, (size_t)got, process->size)) {
		fail(process, "the scan process says what it may not");
	} else if (reply.kind == CLAMAV_REPLY_READ) {
		take_read(process, &reply);
	} else {
		take_result(process, &reply);
	}
}

static void on_late(struct mux_service *service, void *context)
{
	struct process *process = context;
	char text[64];

	(void)service;
	process->timer = 0;
	snprintf(text, sizeof(text), "it took longer than %u ms", process->kill_ms);
	fail(process, text);
}

/* ---- what the scanner wants ---- */

static bool send_order(const struct process *process, const struct clamav_order *order)
{
	return send(process->fd, order, sizeof(*order), MSG_DONTWAIT | MSG_NOSIGNAL) ==
	       (ssize_t)sizeof(*order);
}

/* A process that was idle may have ended unnoticed. */
static int hand_out(struct process *process, const struct clamav_order *order)
{
	int error = 0;

	if (process->pid != 0 && send_order(process, order)) {
		return 0;
	}
	if (process->pid != 0) {
		(void)end_process(process);
	}
	error = start_process(process);
	if (error == 0 && !send_order(process, order)) {
		error = -errno;
		(void)end_process(process);
	}
	return error;
}

static void begin_scan(struct process *process, uint64_t size, const struct clamav_time *time)
{
	struct clamav_order order = {
		.kind = CLAMAV_ORDER_SCAN, .time_ms = time->scan_ms, .size = size};
	int error = hand_out(process, &order);
	char text[128];

	if (error != 0) {
		snprintf(text, sizeof(text), "no scan process can be started: %s",
			 strerror(-error));
		finish(process, AV_OUTCOME_UNSCANNED, text);
		return;
	}
	process->is_busy = true;
	process->is_changed = false;
	process->size = size;
	process->kill_ms = time->kill_ms;
	process->timer = mux_timer_start(service_of(process), time->kill_ms, on_late, process);
	if (process->timer < 0) {
		fail(process, "there is no memory for a timer");
	}
}

static void pool_begin(struct av_engine *engine, unsigned int scan, uint64_t size, uint32_t left_ms)
{
	struct process *process = process_of(engine, scan);
	const struct clamav_limits *limits = &process->pool->limits;
	struct clamav_time time;

	if (size == 0) {
		finish(process, AV_OUTCOME_CLEAN, "");
	} else if (size > limits->file_size) {
		finish(process, AV_OUTCOME_UNSCANNED, "it exceeds a limit: MaxFileSize");
	} else if (!clamav_time_split(left_ms, (uint32_t)limits->time_ms, &time)) {
		finish(process, AV_OUTCOME_UNSCANNED, "its deadline is too near");
	} else {
		begin_scan(process, size, &time);
	}
}

static bool pool_take(struct av_engine *engine, unsigned int scan, uint64_t offset,
		      const void *data, size_t size)
{
	struct process *process = process_of(engine, scan);

	if (!process->is_reading || offset != process->offset + process->got ||
	    size > process->length - process->got) {
		return false;
	}
	memcpy(process->window + process->got, data, size);
	process->got += size;
	return true;
}

/* A process that does not take the order has ended; its socket tells. */
static void pool_read_done(struct av_engine *engine, unsigned int scan, uint64_t total)
{
	struct process *process = process_of(engine, scan);
	struct clamav_order order = {.kind = CLAMAV_ORDER_DATA, .size = process->got};

	process->is_reading = false;
	if (total != process->size || process->got < process->length) {
		process->is_changed = true;
		order.size = 0;
	}
	(void)send_order(process, &order);
}

static void pool_abandon(struct av_engine *engine, unsigned int scan)
{
	struct process *process = process_of(engine, scan);

	if (process->is_busy) {
		(void)end_process(process);
	}
}

static const struct av_engine_calls pool_calls = {
	.begin = pool_begin,
	.take = pool_take,
	.read_done = pool_read_done,
	.abandon = pool_abandon,
};

/* ---- life of the pool ---- */

static bool make_root(struct pool *pool, const char *directory)
{
	int length = snprintf(pool->directory, sizeof(pool->directory), "%s/muxclamav-XXXXXX",
			      directory);

	errno = ENAMETOOLONG;
	if ((size_t)length >= sizeof(pool->directory) || mkdtemp(pool->directory) == NULL ||
	    chmod(pool->directory, 0711) != 0) {
		printf("no directory for unpacked files can be made in %s: %s; --temporary names "
		       "another place\n",
		       directory, strerror(errno));
		return false;
	}
	return true;
}

static bool make_windows(struct pool *pool)
{
	for (unsigned int i = 0; i < pool->engine.scans; i++) {
		struct process *process = &pool->process[i];

		*process = (struct process){.pool = pool, .scan = i};
		process->window = mmap(NULL, CLAMAV_WINDOW, PROT_READ | PROT_WRITE,
				       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (process->window == MAP_FAILED) {
			process->window = NULL;
			puts("cannot start: no memory for a scan's window");
			return false;
		}
	}
	return true;
}

struct av_engine *clamav_pool_create(struct clamav_engine *engine, unsigned int scans,
				     const char *directory)
{
	struct pool *pool = calloc(1, sizeof(*pool));

	if (pool == NULL) {
		puts("cannot start: out of memory");
		return NULL;
	}
	pool->engine = (struct av_engine){.calls = &pool_calls,
					  .scans = scans,
					  .signatures = clamav_engine_signatures(engine)};
	pool->clamav = engine;
	pool->limits = clamav_engine_limits(engine);
	if (!make_windows(pool) || !make_root(pool, directory)) {
		pool->directory[0] = '\0';
		clamav_pool_destroy(&pool->engine);
		return NULL;
	}
	return &pool->engine;
}

void clamav_pool_destroy(struct av_engine *engine)
{
	struct pool *pool = (struct pool *)engine;

	if (pool == NULL) {
		return;
	}
	for (unsigned int i = 0; i < AV_SCANS_MAX; i++) {
		if (pool->process[i].pid != 0) {
			(void)reap(&pool->process[i]);
		}
		if (pool->process[i].window != NULL) {
			(void)munmap(pool->process[i].window, CLAMAV_WINDOW);
		}
	}
	if (pool->directory[0] != '\0') {
		remove_tree(pool->directory);
	}
	free(pool);
}
