/* SPDX-License-Identifier: MIT */
/*
 * Unit tests of the antivirus service's scans, over an access library made of this file: requests
 * are recorded, and each test answers them as an agent would.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <cmocka.h>

#include "appliance/av/av_scanner.h"
#include "appliance/av/av_stream.h"

/* ---- the access library's part ---- */

struct mux_agent {
	struct mux_agent_info info;
};

struct mux_event {
	struct mux_event_info info;
	uint64_t handle;
	unsigned int references;
	bool answered;
	enum mux_verdict verdict;
	uint32_t reason;
	uint32_t flags;
	unsigned int order; /* of its verdict among all requests and verdicts */
};

struct request {
	enum mux_verb verb;
	struct mux_file file;
	mux_data_callback data;
	struct mux_call call;
	unsigned int order;
	bool is_cancelled;
};

static struct mux_agent agent;
static struct request requests[64];
static unsigned int request_count, clock_count;
static int64_t request_error;
static uint64_t counters[AV_COUNTER_UNSCANNED + 1];

const struct mux_agent_info *mux_agent_info(const struct mux_agent *of)
{
	return &of->info;
}

const struct mux_event_info *mux_event_info(const struct mux_event *event)
{
	return &event->info;
}

struct mux_event *mux_event_keep(struct mux_event *event)
{
	event->references++;
	return event;
}

void mux_event_release(struct mux_event *event)
{
	assert_int_not_equal(event->references, 0);
	event->references--;
}

int mux_verdict(struct mux_event *event, enum mux_verdict verdict, uint32_t reason,
		const char *text, uint32_t flags)
{
	assert_true(event->info.wants_verdict);
	assert_non_null(text);
	assert_int_not_equal(event->references, 0);
	event->info.wants_verdict = false;
	event->handle = 0;
	event->answered = true;
	event->verdict = verdict;
	event->reason = reason;
	event->flags = flags;
	event->order = ++clock_count;
	event->references--;
	return 0;
}

uint32_t mux_event_time_left_ms(const struct mux_event *event)
{
	return event->info.wants_verdict ? 1000 : 0;
}

struct mux_file mux_file_path(const char *path)
{
	return (struct mux_file){.path = path};
}

struct mux_file mux_file_event(const struct mux_event *event)
{
	return (struct mux_file){.path = event->info.path, .handle = event->handle};
}

static int64_t record(enum mux_verb verb, struct mux_file file, mux_data_callback data,
		      const struct mux_call *call)
{
	if (request_error != 0) {
		return request_error;
	}
	assert_true(request_count < 64);
	requests[request_count] = (struct request){verb, file, data, *call, ++clock_count, false};
	return ++request_count;
}

int64_t mux_read(struct mux_agent *of, struct mux_file file, uint64_t offset, uint64_t length,
		 mux_data_callback data, const struct mux_call *call)
{
	assert_ptr_equal(of, &agent);
	assert_int_equal(offset, 0);
	assert_true(length == MUX_READ_ALL);
	return record(MUX_VERB_READ, file, data, call);
}

int64_t mux_stat(struct mux_agent *of, struct mux_file file, const struct mux_call *call)
{
	(void)of;
	return record(MUX_VERB_STAT, file, NULL, call);
}

int64_t mux_quarantine(struct mux_agent *of, struct mux_file file, const struct mux_call *call)
{
	(void)of;
	return record(MUX_VERB_QUARANTINE, file, NULL, call);
}

int64_t mux_delete(struct mux_agent *of, struct mux_file file, const struct mux_call *call)
{
	(void)of;
	return record(MUX_VERB_DELETE, file, NULL, call);
}

int mux_cancel(struct mux_agent *of, int64_t request)
{
	assert_ptr_equal(of, &agent);
	assert_true(request > 0 && request <= request_count);
	requests[request - 1].is_cancelled = true;
	return 0;
}

int mux_counter_set(struct mux_service *service, uint32_t key, uint64_t value)
{
	(void)service;
	counters[key] = value;
	return 0;
}

int mux_counter_add(struct mux_service *service, uint32_t key, uint64_t amount)
{
	(void)service;
	counters[key] += amount;
	return 0;
}

/* ---- the tests' part ---- */

static const char policy_text[] =
	"guest web: open,execute verdict fallback=deny infected=quarantine\n"
	"guest web: write,rename report infected=delete\n"
	"guest web: create verdict fallback=allow infected=report\n"
	"guest web: process-start,delete report\n";

enum { RULE_OPEN = 1, RULE_WRITE, RULE_CREATE, RULE_PROCESS };

static struct av_policy policy;
static struct av_signatures *set;
static struct av_engine *engine;
static struct av_scanner *scanner;
static FILE *console; /* while the scanner's log goes to `log_text` */
static char *log_text;
static size_t log_size;

static bool said(const char *text)
{
	fflush(stdout);
	return strstr(log_text, text) != NULL;
}

static void no_report(void *context, const char *file, unsigned int line, const char *reason)
{
	(void)context;
	fail_msg("%s:%u: %s", file, line, reason);
}

static void no_policy_report(void *context, unsigned int line, const char *reason)
{
	no_report(context, "policy", line, reason);
}

static int set_up(void **state)
{
	static const char signatures[] = "Bad:0:*:626164\n";

	(void)state;
	fflush(stdout);
	console = stdout;
	stdout = open_memstream(&log_text, &log_size);
	assert_non_null(stdout);
	agent.info = (struct mux_agent_info){.cid = 3, .name = "web", .is_connected = true};
	request_count = clock_count = 0;
	request_error = 0;
	memset(counters, 0, sizeof(counters));
	assert_int_equal(av_policy_parse(&policy, policy_text, sizeof(policy_text) - 1,
					 no_policy_report, NULL),
			 0);
	set = av_signatures_create();
	assert_int_equal(av_signatures_load(set, "a.ndb", signatures, sizeof(signatures) - 1,
					    no_report, NULL),
			 0);
	assert_int_equal(av_signatures_finish(set), 0);
	engine = av_stream_create(set);
	assert_non_null(engine);
	scanner = av_scanner_create(NULL, engine, &policy);
	assert_non_null(scanner);
	assert_int_equal(counters[MUX_COUNTER_SIGNATURES], 1);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	av_scanner_destroy(scanner);
	av_stream_destroy(engine);
	av_signatures_destroy(set);
	fclose(stdout);
	free(log_text);
	stdout = console;
	return 0;
}

static struct mux_event make_event(enum mux_event_kind kind, uint32_t rule, uint64_t size)
{
	struct mux_event event = {
		.info = {.agent = &agent,
			 .kind = kind,
			 .rule = rule,
			 .size = size,
			 .path = "/tmp/a file",
			 .path2 = "/tmp/new",
			 .process = "/bin/sh"},
		.references = 1,
	};

	if (policy.rule[rule - 1].action == MUX_ACTION_VERDICT) {
		event.info.wants_verdict = true;
		event.handle = 77;
		event.references++;
	}
	return event;
}

/* As the library does: its own reference ends when the callback returns. */
static void deliver(struct mux_event *event)
{
	av_scanner_take_event(event, scanner);
	mux_event_release(event);
}

static void answer(unsigned int index, int status, const struct mux_stat_info *stat)
{
	struct request request = requests[index];
	struct mux_result result = {
		.agent = &agent, .verb = request.verb, .status = status, .stat = stat};

	request.call.done(&result, request.call.context);
}

/* Sends text as the file's content, in two pieces, then the end. */
static void answer_read(unsigned int index, const char *text)
{
	struct request request = requests[index];
	size_t half = strlen(text) / 2;

	assert_int_equal(request.verb, MUX_VERB_READ);
	if (!request.data(&agent, 0, text, half, request.call.context) ||
	    !request.data(&agent, half, text + half, strlen(text) - half, request.call.context)) {
		answer(index, -ECANCELED, NULL);
		return;
	}
	answer(index, 0, NULL);
}

static void test_clean(void **state)
{
	struct mux_event event = make_event(MUX_EVENT_OPEN, RULE_OPEN, 4);

	(void)state;
	deliver(&event);
	assert_int_equal(av_scanner_busy(scanner), 1);
	assert_int_equal(request_count, 1);
	assert_int_equal(requests[0].file.handle, 77);
	assert_false(event.answered);
	answer_read(0, "good");
	assert_true(event.answered);
	assert_int_equal(event.verdict, MUX_VERDICT_ALLOW);
	assert_int_equal(event.flags, MUX_VERDICT_REMEMBER);
	assert_int_equal(event.references, 0);
	assert_int_equal(av_scanner_busy(scanner), 0);
	assert_int_equal(counters[MUX_COUNTER_SCANNED], 1);
	assert_int_equal(counters[MUX_COUNTER_SCANNED_BYTES], 4);
	assert_int_equal(counters[MUX_COUNTER_INFECTED], 0);
}

static void test_infected(void **state)
{
	struct mux_event event = make_event(MUX_EVENT_READ, RULE_OPEN, 7);

	(void)state;
	deliver(&event);
	answer_read(0, "bad bad");
	/* The very file is put away before the guest goes on. */
	assert_int_equal(request_count, 2);
	assert_int_equal(requests[1].verb, MUX_VERB_QUARANTINE);
	assert_int_equal(requests[1].file.handle, 77);
	assert_true(event.answered);
	assert_int_equal(event.verdict, MUX_VERDICT_DENY);
	assert_int_equal(event.reason, AV_REASON_INFECTED);
	assert_int_equal(event.flags, 0);
	assert_true(requests[1].order < event.order);
	assert_true(said("web: /tmp/a\\x20file: Bad -> deny, quarantine (scan 3 bytes)\n"));
	assert_true(said("INFECTED web /tmp/a\\x20file Bad\n"));
	assert_int_equal(counters[MUX_COUNTER_INFECTED], 1);
	assert_int_equal(av_scanner_busy(scanner), 1);
	answer(1, 0, NULL);
	assert_int_equal(counters[MUX_COUNTER_QUARANTINED], 1);
	assert_int_equal(av_scanner_busy(scanner), 0);
	assert_int_equal(event.references, 0);
}

static void test_measure_again_by_path(void **state)
{
	struct mux_event event = make_event(MUX_EVENT_OPEN, RULE_OPEN, 3);

	(void)state;
	deliver(&event);
	answer_read(0, "bad");
	answer(1, -ENOENT, NULL);
	assert_int_equal(request_count, 3);
	assert_int_equal(requests[2].file.handle, 0);
	assert_string_equal(requests[2].file.path, "/tmp/a file");
	answer(2, -ENOENT, NULL); /* not once more */
	assert_int_equal(request_count, 3);
	assert_int_equal(event.references, 0);
	assert_int_equal(counters[MUX_COUNTER_QUARANTINED], 0);
}

static void test_measure_refused(void **state)
{
	struct mux_event event = make_event(MUX_EVENT_OPEN, RULE_OPEN, 3);

	(void)state;
	deliver(&event);
	request_error = -ENOTSUP;
	answer_read(0, "bad");
	assert_true(event.answered);
	assert_int_equal(event.verdict, MUX_VERDICT_DENY);
	assert_int_equal(event.references, 0);
	assert_int_equal(av_scanner_busy(scanner), 0);
}

static void test_report_only(void **state)
{
	struct mux_event event = make_event(MUX_EVENT_CREATE, RULE_CREATE, 3);

	(void)state;
	deliver(&event);
	answer_read(0, "bad");
	assert_int_equal(request_count, 1);
	assert_int_equal(event.verdict, MUX_VERDICT_DENY);
	assert_int_equal(event.references, 0);
}

static void test_written(void **state)
{
	struct mux_event event = make_event(MUX_EVENT_RENAME, RULE_WRITE, 999);
	struct mux_stat_info stat = {.size = 3};

	(void)state;
	deliver(&event);
	assert_int_equal(requests[0].verb, MUX_VERB_STAT);
	assert_string_equal(requests[0].file.path, "/tmp/new");
	answer(0, 0, &stat);
	answer_read(1, "bad");
	assert_int_equal(requests[2].verb, MUX_VERB_DELETE);
	assert_string_equal(requests[2].file.path, "/tmp/new");
	answer(2, 0, NULL);
	assert_int_equal(event.references, 0);
}

static void test_gone_before_scan(void **state)
{
	struct mux_event event = make_event(MUX_EVENT_WRITE, RULE_WRITE, 3);
	struct mux_event other = make_event(MUX_EVENT_WRITE, RULE_WRITE, 3);
	struct mux_stat_info stat = {.flags = MUX_STAT_DIRECTORY};

	(void)state;
	deliver(&event);
	answer(0, -ENOENT, NULL);
	deliver(&other);
	answer(1, 0, &stat);
	assert_int_equal(request_count, 2);
	assert_int_equal(event.references + other.references, 0);
	assert_int_equal(av_scanner_busy(scanner), 0);
}

/* A file that grows is read again with its new size, but not for ever. */
static void test_changing(void **state)
{
	struct mux_event event = make_event(MUX_EVENT_OPEN, RULE_OPEN, 2);
	struct mux_stat_info stat = {.size = 3};

	(void)state;
	deliver(&event);
	answer_read(0, "goodgood");
	assert_int_equal(requests[1].verb, MUX_VERB_STAT);
	answer(1, 0, &stat);
	answer_read(2, "good");
	answer(3, 0, &stat);
	answer_read(4, "good");
	assert_int_equal(request_count, 5);
	assert_int_equal(event.verdict, MUX_VERDICT_DENY);
	assert_int_equal(event.reason, AV_REASON_UNSCANNED);
	assert_true(said("UNSCANNED web /tmp/a\\x20file it changed while it was read\n"));
	assert_int_equal(counters[AV_COUNTER_UNSCANNED], 1);
	assert_int_equal(event.references, 0);
}

static void test_read_error(void **state)
{
	struct mux_event strict = make_event(MUX_EVENT_OPEN, RULE_OPEN, 2);
	struct mux_event lax = make_event(MUX_EVENT_CREATE, RULE_CREATE, 2);

	(void)state;
	deliver(&strict);
	deliver(&lax);
	answer(0, -EIO, NULL);
	answer(1, -EIO, NULL);
	assert_int_equal(strict.verdict, MUX_VERDICT_DENY);
	assert_int_equal(lax.verdict, MUX_VERDICT_ALLOW);
	assert_int_equal(lax.flags, 0);
	assert_int_equal(strict.references + lax.references, 0);
}

/* The agent goes away: its scans are dropped, waiting ones too, and others can run. */
static void test_disconnect(void **state)
{
	static struct mux_event events[AV_JOBS_MAX];
	struct mux_event later = make_event(MUX_EVENT_OPEN, RULE_OPEN, 4);

	(void)state;
	for (unsigned int i = 0; i < AV_JOBS_MAX; i++) {
		events[i] = make_event(MUX_EVENT_OPEN, RULE_OPEN, 2);
		deliver(&events[i]);
	}
	assert_int_equal(request_count, AV_SCANS_MAX);
	assert_int_equal(av_scanner_busy(scanner), AV_JOBS_MAX);
	request_error = -ENOTCONN;
	for (unsigned int i = 0; i < AV_SCANS_MAX; i++) {
		answer(i, -ENOTCONN, NULL);
	}
	assert_int_equal(av_scanner_busy(scanner), 0);
	for (unsigned int i = 0; i < AV_JOBS_MAX; i++) {
		assert_int_equal(events[i].references, 0);
		assert_int_equal(events[i].verdict, MUX_VERDICT_DENY);
	}
	request_error = 0;
	deliver(&later);
	answer_read(AV_SCANS_MAX, "good");
	assert_int_equal(later.verdict, MUX_VERDICT_ALLOW);
}

static void test_overload(void **state)
{
	static struct mux_event events[AV_JOBS_MAX];
	struct mux_event strict = make_event(MUX_EVENT_OPEN, RULE_OPEN, 2);
	struct mux_event lax = make_event(MUX_EVENT_CREATE, RULE_CREATE, 2);
	struct mux_event report = make_event(MUX_EVENT_WRITE, RULE_WRITE, 2);

	(void)state;
	for (unsigned int i = 0; i < AV_JOBS_MAX; i++) {
		events[i] = make_event(MUX_EVENT_WRITE, RULE_WRITE, 2);
		deliver(&events[i]);
	}
	deliver(&strict);
	deliver(&lax);
	deliver(&report);
	assert_int_equal(strict.verdict, MUX_VERDICT_DENY);
	assert_int_equal(lax.verdict, MUX_VERDICT_ALLOW);
	assert_int_equal(strict.references + lax.references + report.references, 0);
}

/* Those who wait go first. */
static void test_order(void **state)
{
	static struct mux_event events[AV_SCANS_MAX + 2];
	static struct mux_event urgent;
	struct mux_stat_info stat = {.size = 4};

	(void)state;
	urgent = make_event(MUX_EVENT_OPEN, RULE_OPEN, 2);
	for (unsigned int i = 0; i < AV_SCANS_MAX + 2; i++) {
		events[i] = make_event(MUX_EVENT_WRITE, RULE_WRITE, 4);
		deliver(&events[i]);
	}
	deliver(&urgent);
	assert_int_equal(request_count, AV_SCANS_MAX);
	answer(3, 0, &stat);
	answer_read(AV_SCANS_MAX, "good");
	assert_int_equal(request_count, AV_SCANS_MAX + 2);
	assert_int_equal(requests[AV_SCANS_MAX + 1].verb, MUX_VERB_READ);
	assert_int_equal(requests[AV_SCANS_MAX + 1].file.handle, 77);
}

static void test_other_events(void **state)
{
	struct mux_event event = make_event(MUX_EVENT_PROCESS_START, RULE_PROCESS, 0);
	struct mux_event unknown = make_event(MUX_EVENT_OPEN, RULE_OPEN, 0);

	(void)state;
	deliver(&event);
	assert_int_equal(event.references, 0);
	unknown.info.rule = 99; /* an agent may say what it likes */
	deliver(&unknown);
	assert_int_equal(unknown.verdict, MUX_VERDICT_DENY);
	assert_int_equal(unknown.references, 0);
	assert_int_equal(request_count, 0);
}

/* Jobs under way give their events back when the service ends. */
static void test_end(void **state)
{
	static struct mux_event events[12];

	(void)state;
	for (unsigned int i = 0; i < 12; i++) {
		events[i] = make_event(MUX_EVENT_OPEN, RULE_OPEN, 2);
		deliver(&events[i]);
	}
	av_scanner_destroy(scanner);
	for (unsigned int i = 0; i < 12; i++) {
		assert_int_equal(events[i].references, 0);
		assert_int_equal(events[i].verdict, MUX_VERDICT_DENY);
	}
	scanner = av_scanner_create(NULL, engine, &policy);
	assert_non_null(scanner);
}

/* A service that stops answers what waits at once; what was infected is still put away. */
static void test_stop(void **state)
{
	static struct mux_event events[AV_SCANS_MAX + 2];
	struct mux_event infected = make_event(MUX_EVENT_OPEN, RULE_OPEN, 3);
	struct mux_event late = make_event(MUX_EVENT_CREATE, RULE_CREATE, 3);
	struct mux_event report = make_event(MUX_EVENT_WRITE, RULE_WRITE, 3);

	(void)state;
	deliver(&infected);
	answer_read(0, "bad");
	deliver(&report);
	for (unsigned int i = 0; i < AV_SCANS_MAX + 2; i++) {
		events[i] = make_event(MUX_EVENT_OPEN, RULE_OPEN, 2);
		deliver(&events[i]);
	}
	av_scanner_stop(scanner);
	for (unsigned int i = 0; i < AV_SCANS_MAX + 2; i++) {
		assert_int_equal(events[i].references, 0);
		assert_int_equal(events[i].verdict, MUX_VERDICT_DENY);
		assert_int_equal(events[i].reason, AV_REASON_UNSCANNED);
	}
	assert_int_equal(report.references, 0);
	assert_false(requests[1].is_cancelled);
	for (unsigned int i = 2; i < request_count; i++) {
		assert_true(requests[i].is_cancelled);
	}
	deliver(&late);
	assert_int_equal(late.verdict, MUX_VERDICT_ALLOW);
	assert_true(said("UNSCANNED web /tmp/a\\x20file the service stops\n"));
	assert_int_equal(av_scanner_busy(scanner), 1);
	answer(1, 0, NULL);
	assert_int_equal(counters[MUX_COUNTER_QUARANTINED], 1);
	assert_int_equal(infected.references + late.references, 0);
	assert_int_equal(av_scanner_busy(scanner), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_clean),
		TEST(test_infected),
		TEST(test_measure_again_by_path),
		TEST(test_measure_refused),
		TEST(test_report_only),
		TEST(test_written),
		TEST(test_gone_before_scan),
		TEST(test_changing),
		TEST(test_read_error),
		TEST(test_disconnect),
		TEST(test_overload),
		TEST(test_order),
		TEST(test_other_events),
		TEST(test_end),
		TEST(test_stop),
	};

	return cmocka_run_group_tests_name("av_scanner", tests, NULL, NULL);
}
