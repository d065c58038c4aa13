/* SPDX-License-Identifier: MIT */
/* Unit tests of the access library: events, and verdicts on them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/access_service.h"

static void test_event_reported(void **state)
{
	const struct mux_event_info *info;
	struct wire_peer agent;

	(void)state;
	mux_on_event(service, MUX_EVENT_OPEN, on_event, &seen);
	connect_agent(&agent, GUEST_CID, "web");
	send_event(&agent, 1, 0, "/etc/passwd");
	assert_int_equal(seen.events, 1);
	info = mux_event_info(seen.kept[0]);
	assert_ptr_equal(info->agent, seen.agent);
	assert_int_equal(info->kind, MUX_EVENT_OPEN);
	assert_int_equal(info->rule, 5);
	assert_int_equal(info->sequence, 1);
	assert_int_equal(info->time_us, 123);
	assert_int_equal(info->pid, 42);
	assert_int_equal(info->size, 99);
	assert_string_equal(info->path, "/etc/passwd");
	assert_string_equal(info->path2, "");
	assert_string_equal(info->process, "/bin/cat");
	assert_false(info->wants_verdict);
	assert_int_equal(mux_event_time_left_ms(seen.kept[0]), 0);
	assert_int_equal(mux_verdict(seen.kept[0], MUX_VERDICT_DENY, 0, NULL, 0), -EINVAL);
	assert_int_equal(mux_file_event(seen.kept[0]).handle, 0);
	/* It outlives its agent, and the service. */
	wire_peer_close(&agent);
	assert_int_equal(seen.downs, 1);
	assert_string_equal(mux_agent_info(info->agent)->name, "web");
	mux_service_destroy(service);
	service = NULL;
	assert_string_equal(info->path, "/etc/passwd");
	mux_event_release(seen.kept[0]);
}

static void expect_verdict(struct wire_peer *agent, uint64_t request, uint8_t verdict,
			   const char *text)
{
	struct wire_verdict wire;

	wire_peer_expect(agent, MUX_MSG_VERDICT);
	assert_int_equal(agent->message.header.request, request);
	assert_int_equal(wire_decode_verdict(&agent->message, &wire), 0);
	assert_int_equal(wire.verdict, verdict);
	assert_true(wire_string_equals(wire.text, text));
}

static void test_verdict_now_and_later(void **state)
{
	char text[2000];
	struct wire_verdict wire;
	struct wire_peer agent;

	(void)state;
	connect_agent(&agent, GUEST_CID, "web");
	/* Nobody listens: allow. */
	send_event(&agent, 1, 10, "/a");
	expect_verdict(&agent, 10, MUX_VERDICT_ALLOW, "");
	mux_on_event(service, MUX_EVENT_OPEN, on_event, &seen);
	send_event(&agent, 2, 11, "/b");
	expect_verdict(&agent, 11, MUX_VERDICT_DENY, "bad");
	/* Later, in another order than they came. */
	seen.keep_verdicts = true;
	send_event(&agent, 3, 12, "/c");
	send_event(&agent, 4, 13, "/d");
	wire_peer_expect_nothing(&agent);
	assert_int_equal(mux_event_time_left_ms(seen.kept[1]), 500);
	assert_int_equal(mux_file_event(seen.kept[1]).handle, 13);
	memset(text, 't', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(
		mux_verdict(seen.kept[1], MUX_VERDICT_ALLOW, 1, text, MUX_VERDICT_REMEMBER), 0);
	assert_int_equal(mux_verdict(seen.kept[0], MUX_VERDICT_DENY, 2, "x", 0), 0);
	wire_peer_expect(&agent, MUX_MSG_VERDICT);
	assert_int_equal(agent.message.header.request, 13);
	assert_int_equal(wire_decode_verdict(&agent.message, &wire), 0);
	assert_int_equal(wire.text.size, MUX_STRING_MAX);
	assert_int_equal(wire.flags, MUX_VERDICT_REMEMBER);
	expect_verdict(&agent, 12, MUX_VERDICT_DENY, "x");
	assert_int_equal(mux_counter_get(service, MUX_COUNTER_EVENTS), 4);
	assert_int_equal(mux_counter_get(service, MUX_COUNTER_VERDICTS), 4);
	assert_int_equal(mux_counter_get(service, MUX_COUNTER_DENIED), 2);
	/* Nonsense is answered with "deny". */
	send_event(&agent, 5, 14, "/e");
	assert_int_equal(mux_verdict(seen.kept[2], MUX_VERDICT_ALLOW, 2, "y", 128), -EINVAL);
	expect_verdict(&agent, 14, MUX_VERDICT_DENY, "y");
	wire_peer_close(&agent);
}

static void test_verdict_too_late(void **state)
{
	struct wire_peer agent;

	(void)state;
	mux_on_event(service, MUX_EVENT_OPEN, on_event, &seen);
	seen.keep_verdicts = true;
	connect_agent(&agent, GUEST_CID, "web");
	send_event(&agent, 1, 10, "/a");
	send_event(&agent, 2, 11, "/b");
	fake_clock_ms += 499;
	assert_int_equal(mux_event_time_left_ms(seen.kept[0]), 1);
	assert_int_equal(mux_verdict(seen.kept[0], MUX_VERDICT_DENY, 0, NULL, 0), 0);
	expect_verdict(&agent, 10, MUX_VERDICT_DENY, "");
	fake_clock_ms += 1;
	assert_int_equal(mux_event_time_left_ms(seen.kept[1]), 0);
	assert_int_equal(mux_verdict(seen.kept[1], MUX_VERDICT_DENY, 0, NULL, 0), -ETIMEDOUT);
	wire_peer_expect_nothing(&agent);
	/* The agent went away meanwhile. */
	send_event(&agent, 3, 12, "/c");
	wire_peer_close(&agent);
	assert_int_equal(seen.downs, 1);
	assert_int_equal(mux_event_time_left_ms(seen.kept[2]), 0);
	assert_int_equal(mux_verdict(seen.kept[2], MUX_VERDICT_DENY, 0, NULL, 0), -ENOTCONN);
}

static void test_event_sequence(void **state)
{
	struct wire_peer agent;

	(void)state;
	mux_on_event(service, MUX_EVENT_OPEN, on_event, &seen);
	connect_agent(&agent, GUEST_CID, "web");
	send_event(&agent, 1, 10, "/a");
	expect_verdict(&agent, 10, MUX_VERDICT_DENY, "bad");
	send_event(&agent, 3, 0, "/c");
	wire_peer_expect_error(&agent, MUX_ERR_UNEXPECTED);
	assert_int_equal(seen.events, 1);
	assert_int_equal(seen.reason, MUX_ERR_UNEXPECTED);
	wire_peer_expect_closed(&agent);
	assert_int_equal(mux_on_event(service, MUX_EVENT_KINDS, on_event, &seen), -EINVAL);
}

static void test_too_many_waiting_events(void **state)
{
	struct wire_peer agent;
	uint64_t sequence = 0;

	(void)state;
	mux_on_event(service, MUX_EVENT_OPEN, on_event, &seen);
	connect_agent(&agent, GUEST_CID, "web");
	seen.keep_verdicts = true;
	while (sequence < REMOTE_VERDICTS_MAX) {
		sequence++;
		send_event(&agent, sequence, sequence, "/x");
	}
	assert_int_equal(seen.events, REMOTE_VERDICTS_MAX);
	assert_int_equal(seen.downs, 0);
	/* One answer makes room for one. */
	assert_int_equal(mux_verdict(seen.kept[0], MUX_VERDICT_ALLOW, 0, "", 0), 0);
	expect_verdict(&agent, 1, MUX_VERDICT_ALLOW, "");
	send_event(&agent, sequence + 1, sequence + 1, "/x");
	assert_int_equal(seen.downs, 0);
	send_event(&agent, sequence + 2, sequence + 2, "/x");
	wire_peer_expect_error(&agent, MUX_ERR_LIMIT);
	assert_int_equal(seen.reason, MUX_ERR_LIMIT);
	wire_peer_expect_closed(&agent);
	for (size_t i = 1; i < seen.kept_count; i++) {
		assert_int_equal(mux_verdict(seen.kept[i], MUX_VERDICT_ALLOW, 0, "", 0), -ENOTCONN);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_event_reported),	    TEST(test_verdict_now_and_later),
		TEST(test_verdict_too_late),	    TEST(test_event_sequence),
		TEST(test_too_many_waiting_events),
	};

	return cmocka_run_group_tests_name("access library events", tests, NULL, NULL);
}
