/* SPDX-License-Identifier: MIT */
/*
 * Unit tests of the service's side of the scan processes. These processes are real, but what runs
 * in them is this file's: the size of the "file" says what they do. Scanner and event loop are this
 * file's, too.
 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "appliance/av/av_scanner.h"
#include "appliance/clamav/clamav_message.h"
#include "appliance/clamav/clamav_pool.h"
#include "appliance/clamav/clamav_worker.h"

/* What a scan process does about a file of that size. */
enum {
	SIZE_INFECTED = 1000, /* reads it in two parts, says what it read */
	SIZE_CLEAN,
	SIZE_READ_BEYOND,
	SIZE_READ_TOO_MUCH,
	SIZE_READ_TWICE, /* without waiting for the first */
	SIZE_SHORT_REPLY,
	SIZE_BAD_OUTCOME,
	SIZE_TWO_RESULTS,
	SIZE_CRASH,
	SIZE_EXIT,
	SIZE_HANG,
	SIZE_LARGEST,
};

/* ---- in the scan process ---- */

static void say(const struct clamav_worker *worker, struct clamav_reply reply, size_t size)
{
	(void)!send(worker->fd, &reply, size, MSG_NOSIGNAL);
}

static void ask(const struct clamav_worker *worker, uint64_t offset, uint64_t length)
{
	say(worker,
	    (struct clamav_reply){.kind = CLAMAV_REPLY_READ, .offset = offset, .length = length},
	    sizeof(struct clamav_reply));
}

static uint64_t wait_for_data(const struct clamav_worker *worker)
{
	struct clamav_order order;

	if (recv(worker->fd, &order, sizeof(order), 0) != (ssize_t)sizeof(order) ||
	    order.kind != CLAMAV_ORDER_DATA) {
		_exit(3);
	}
	return order.size;
}

static struct clamav_reply result_of(enum av_outcome_kind outcome)
{
	return (struct clamav_reply){.kind = CLAMAV_REPLY_RESULT, .outcome = (uint32_t)outcome};
}

/* Its text is the first byte of both halves. */
static void scan_properly(const struct clamav_worker *worker, uint64_t size)
{
	struct clamav_reply reply =
		result_of(size == SIZE_INFECTED ? AV_OUTCOME_INFECTED : AV_OUTCOME_CLEAN);

	for (unsigned int i = 0; i < 2; i++) {
		ask(worker, i * size / 2, size / 2);
		reply.text[i] = wait_for_data(worker) == size / 2 ? (char)worker->window[0] : '-';
	}
	say(worker, reply, sizeof(reply));
}

static void scan(const struct clamav_worker *worker, uint64_t size)
{
	switch (size) {
	case SIZE_READ_BEYOND: ask(worker, size, 1); break;
	case SIZE_READ_TOO_MUCH: ask(worker, 0, size + 1); break;
	case SIZE_READ_TWICE:
		ask(worker, 0, 10);
		ask(worker, 10, 10);
		break;
	case SIZE_SHORT_REPLY: say(worker, result_of(AV_OUTCOME_CLEAN), 8); break;
	case SIZE_BAD_OUTCOME: say(worker, result_of(AV_OUTCOME_CHANGED), 288); break;
	case SIZE_TWO_RESULTS:
		say(worker, result_of(AV_OUTCOME_CLEAN), sizeof(struct clamav_reply));
		say(worker, result_of(AV_OUTCOME_CLEAN), sizeof(struct clamav_reply));
		break;
	case SIZE_CRASH: raise(SIGKILL); break;
	case SIZE_EXIT: _exit(7);
	case SIZE_HANG: break;
	default: scan_properly(worker, size);
	}
}

void clamav_worker_run(struct clamav_worker worker)
{
	struct clamav_order order;

	while (recv(worker.fd, &order, sizeof(order), 0) == (ssize_t)sizeof(order)) {
		scan(&worker, order.size);
	}
	_exit(0);
}

/* ---- libclamav's, the scanner's and the event loop's part ---- */

static struct {
	struct av_engine *engine;
	int finished;
	enum av_outcome_kind kind;
	char text[CLAMAV_TEXT_SIZE];
	int reads;
	int fd[AV_SCANS_MAX];
	mux_watch_callback on_ready[AV_SCANS_MAX];
	void *context[AV_SCANS_MAX];
	mux_timer_callback on_timer;
	void *timer_context;
	uint32_t timer_ms;
	int timers;
	uint64_t total;	 /* size of the file as the agent says later */
	uint64_t misses; /* bytes that the agent does not have */
	bool gives_up;	 /* the agent goes away instead */
	bool is_slow;	 /* it does not answer */
} seen;

unsigned int clamav_engine_signatures(const struct clamav_engine *engine)
{
	(void)engine;
	return 5;
}

struct clamav_limits clamav_engine_limits(const struct clamav_engine *engine)
{
	(void)engine;
	return (struct clamav_limits){
		.file_size = SIZE_LARGEST, .scan_size = 1 << 20, .time_ms = 4000};
}

struct mux_service *av_scanner_service(const struct av_scanner *scanner)
{
	(void)scanner;
	return NULL;
}

void av_scanner_finish(struct av_scanner *scanner, unsigned int scan_number,
		       struct av_outcome outcome)
{
	(void)scanner;
	assert_int_equal(scan_number, 0);
	seen.finished++;
	seen.kind = outcome.kind;
	snprintf(seen.text, sizeof(seen.text), "%s", outcome.text);
}

/* Answers at once, in two pieces: 'a' in the file's first half, 'b' in its second. */
void av_scanner_read(struct av_scanner *scanner, unsigned int number, uint64_t offset,
		     uint64_t length)
{
	uint8_t data[SIZE_LARGEST];

	(void)scanner;
	seen.reads++;
	if (seen.gives_up) {
		seen.engine->calls->abandon(seen.engine, number);
		return;
	}
	if (seen.is_slow) {
		return;
	}
	memset(data, offset == 0 ? 'a' : 'b', sizeof(data));
	length -= seen.misses;
	assert_true(seen.engine->calls->take(seen.engine, number, offset, data, 1));
	assert_false(seen.engine->calls->take(seen.engine, number, offset, data, 1));
	assert_false(seen.engine->calls->take(seen.engine, number, offset + 1, data,
					      (size_t)(length + seen.misses)));
	assert_true(seen.engine->calls->take(seen.engine, number, offset + 1, data,
					     (size_t)length - 1));
	seen.engine->calls->read_done(seen.engine, number, seen.total);
}

int mux_watch(struct mux_service *service, int fd, mux_watch_callback callback, void *context)
{
	(void)service;
	for (unsigned int i = 0; i < AV_SCANS_MAX; i++) {
		if (seen.fd[i] == (callback != NULL ? 0 : fd)) {
			seen.fd[i] = callback != NULL ? fd : 0;
			seen.on_ready[i] = callback;
			seen.context[i] = context;
			return 0;
		}
	}
	return -ENOENT;
}

int64_t mux_timer_start(struct mux_service *service, uint32_t delay_ms, mux_timer_callback callback,
			void *context)
{
	(void)service;
	seen.timers++;
	seen.timer_ms = delay_ms;
	seen.on_timer = callback;
	seen.timer_context = context;
	return 1;
}

int mux_timer_cancel(struct mux_service *service, int64_t timer)
{
	(void)service;
	assert_int_equal(timer, 1);
	seen.timers--;
	return 0;
}

/* ---- the tests' part ---- */

/* Turns the loop until the scan has ended, or nothing happens. */
static void run(int wait_ms)
{
	struct pollfd polled = {.events = POLLIN};

	while (seen.fd[0] != 0) {
		polled.fd = seen.fd[0];
		if (poll(&polled, 1, seen.finished ? 50 : wait_ms) != 1) {
			return;
		}
		seen.on_ready[0](NULL, seen.fd[0], seen.context[0]);
	}
}

static void begin(uint64_t size)
{
	seen.finished = seen.reads = 0;
	seen.text[0] = '\0';
	seen.total = size;
	seen.engine->calls->begin(seen.engine, 0, size, 10000);
}

static void scan_one(uint64_t size)
{
	begin(size);
	run(10000);
	assert_int_equal(seen.finished, 1);
}

static int set_up(void **state)
{
	(void)state;
	memset(&seen, 0, sizeof(seen));
	seen.engine = clamav_pool_create(NULL, 2, "/tmp");
	assert_non_null(seen.engine);
	assert_int_equal(seen.engine->scans, 2);
	assert_int_equal(seen.engine->signatures, 5);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	clamav_pool_destroy(seen.engine);
	return 0;
}

static void test_scans(void **state)
{
	int fd;

	(void)state;
	assert_int_equal(seen.fd[0], 0);
	scan_one(SIZE_INFECTED);
	assert_int_equal(seen.kind, AV_OUTCOME_INFECTED);
	assert_string_equal(seen.text, "ab");
	assert_int_equal(seen.reads, 2);
	assert_int_equal(seen.timers, 0);
	assert_int_equal(seen.timer_ms, 4500);
	fd = seen.fd[0];
	assert_true(fd > 0);
	scan_one(SIZE_INFECTED);
	assert_int_equal(seen.kind, AV_OUTCOME_INFECTED);
	assert_int_equal(seen.fd[0], fd); /* the same process */
}

static void test_no_process_needed(void **state)
{
	(void)state;
	scan_one(0);
	assert_int_equal(seen.kind, AV_OUTCOME_CLEAN);
	scan_one(SIZE_LARGEST + 1);
	assert_int_equal(seen.kind, AV_OUTCOME_UNSCANNED);
	assert_string_equal(seen.text, "it exceeds a limit: MaxFileSize");
	seen.engine->calls->begin(seen.engine, 0, SIZE_CLEAN, 10);
	assert_int_equal(seen.finished, 2);
	assert_string_equal(seen.text, "its deadline is too near");
	assert_int_equal(seen.fd[0], 0);
}

/* What a process that a file has taken over might try: its scan has no result, and it is replaced.
 */
static void test_hostile(void **state)
{
	static const uint64_t sizes[] = {SIZE_READ_BEYOND, SIZE_READ_TOO_MUCH, SIZE_SHORT_REPLY,
					 SIZE_BAD_OUTCOME};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		scan_one(sizes[i]);
		assert_int_equal(seen.kind, AV_OUTCOME_UNSCANNED);
		assert_string_equal(seen.text, "the scan process says what it may not");
		assert_int_equal(seen.fd[0], 0);
		assert_int_equal(seen.timers, 0);
		scan_one(SIZE_INFECTED);
		assert_int_equal(seen.kind, AV_OUTCOME_INFECTED);
	}
}

/* A second result is one for a file that it has not got. */
static void test_two_results(void **state)
{
	(void)state;
	scan_one(SIZE_TWO_RESULTS);
	assert_int_equal(seen.kind, AV_OUTCOME_CLEAN);
	assert_int_equal(seen.fd[0], 0);
	scan_one(SIZE_INFECTED);
	assert_int_equal(seen.kind, AV_OUTCOME_INFECTED);
}

static void test_read_twice(void **state)
{
	(void)state;
	seen.is_slow = true;
	scan_one(SIZE_READ_TWICE);
	assert_int_equal(seen.reads, 1);
	assert_string_equal(seen.text, "the scan process says what it may not");
	assert_int_equal(seen.fd[0], 0);
}

static void test_crashes(void **state)
{
	(void)state;
	scan_one(SIZE_CRASH);
	assert_int_equal(seen.kind, AV_OUTCOME_UNSCANNED);
	assert_string_equal(seen.text, "the scan process was ended by signal 9");
	scan_one(SIZE_EXIT);
	assert_int_equal(seen.kind, AV_OUTCOME_UNSCANNED);
	assert_string_equal(seen.text, "the scan process ended with status 7");
	scan_one(SIZE_CLEAN - 1);
	assert_int_equal(seen.kind, AV_OUTCOME_INFECTED);
}

static void test_late(void **state)
{
	(void)state;
	begin(SIZE_HANG);
	run(100);
	assert_int_equal(seen.finished, 0);
	seen.on_timer(NULL, seen.timer_context);
	assert_int_equal(seen.finished, 1);
	assert_int_equal(seen.kind, AV_OUTCOME_UNSCANNED);
	assert_string_equal(seen.text, "it took longer than 4500 ms");
	assert_int_equal(seen.fd[0], 0);
	seen.timers = 0; /* it has fired */
	scan_one(SIZE_INFECTED);
	assert_int_equal(seen.kind, AV_OUTCOME_INFECTED);
}

/* A file that is not what it was, whatever the process says about it. */
static void test_changed(void **state)
{
	(void)state;
	begin(SIZE_INFECTED);
	seen.total = SIZE_INFECTED + 1;
	run(10000);
	assert_int_equal(seen.kind, AV_OUTCOME_CHANGED);
	assert_string_equal(seen.text, "--");
	begin(SIZE_INFECTED);
	seen.misses = 3;
	run(10000);
	assert_int_equal(seen.kind, AV_OUTCOME_CHANGED);
	seen.misses = 0;
	scan_one(SIZE_INFECTED);
	assert_int_equal(seen.kind, AV_OUTCOME_INFECTED);
}

static void test_guest_gone(void **state)
{
	(void)state;
	seen.gives_up = true;
	begin(SIZE_INFECTED);
	run(10000);
	assert_int_equal(seen.finished, 0);
	assert_int_equal(seen.timers, 0);
	assert_int_equal(seen.fd[0], 0);
	seen.gives_up = false;
	scan_one(SIZE_INFECTED);
	assert_int_equal(seen.kind, AV_OUTCOME_INFECTED);
}

static void test_no_directory(void **state)
{
	char name[300];

	(void)state;
	assert_null(clamav_pool_create(NULL, 1, "/nonexistent"));
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	assert_null(clamav_pool_create(NULL, 1, name));
	clamav_pool_destroy(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_scans),      TEST(test_no_process_needed),
		TEST(test_hostile),    TEST(test_two_results),
		TEST(test_read_twice), TEST(test_crashes),
		TEST(test_late),       TEST(test_changed),
		TEST(test_guest_gone), cmocka_unit_test(test_no_directory),
	};

	return cmocka_run_group_tests_name("clamav_pool", tests, NULL, NULL);
}
