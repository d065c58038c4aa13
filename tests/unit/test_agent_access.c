/* SPDX-License-Identifier: MIT */
/* Unit tests of the agent's core: access requests, and who may ask for what. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/agent_world.h"

static struct wire_access access_of(enum mux_verb verb, const char *path)
{
	return (struct wire_access){.verb = (uint16_t)verb,
				    .length = verb == MUX_VERB_READ ? UINT64_MAX : 0,
				    .path = wire_string_of(path),
				    .path2 = wire_string_of("")};
}

static int32_t ask(struct wire_access access)
{
	net_access(world->service[0], &access);
	net_pump(&world->net);
	return world->log[1].status;
}

static void test_read_of_any_size(void **state)
{
	(void)state;
	join(0, MUX_ACTION_REPORT, OPENS, MUX_VERDICT_ALLOW);
	world->os.file_size = 3000001;
	assert_int_equal(ask(access_of(MUX_VERB_READ, "/big")), 0);
	assert_int_equal(world->log[1].data_bytes, 3000001);
	assert_int_equal(world->log[1].total, 3000001);
	assert_int_equal(world->log[1].ends, 1);
	assert_int_equal(world->log[1].responses, 3000001 / MUX_DATA_MAX + 1);
	struct wire_access range = access_of(MUX_VERB_READ, "/big");
	range.offset = 2999999;
	assert_int_equal(ask(range), 0);
	assert_int_equal(world->log[1].data_bytes, 3000003);
	range.offset = 5000000;
	assert_int_equal(ask(range), 0);
	assert_int_equal(world->log[1].ends, 3);
}

static void test_reads_take_turns(void **state)
{
	struct wire_access big = access_of(MUX_VERB_READ, "/big");
	struct wire_access small = access_of(MUX_VERB_READ, "/small");
	uint64_t request;

	(void)state;
	join(0, MUX_ACTION_REPORT, OPENS, MUX_VERDICT_ALLOW);
	world->os.file_size = 8000000;
	small.length = 10;
	net_access(world->service[0], &big);
	request = net_access(world->service[0], &small);
	net_pump(&world->net);
	assert_int_equal(world->log[1].ends, 2);
	assert_int_equal(world->log[1].ended[0], request);
	assert_int_equal(world->log[1].data_bytes, 8000010);
}

static void test_events_pass_a_long_read(void **state)
{
	struct wire_access big = access_of(MUX_VERB_READ, "/big");

	(void)state;
	join(0, MUX_ACTION_REPORT, OPENS, MUX_VERDICT_ALLOW);
	world->os.file_size = 8000000;
	world->service[0]->is_reading = false;
	net_access(world->service[0], &big);
	net_pump(&world->net);
	for (unsigned i = 0; i < 600; i++) {
		notify(MUX_EVENT_OPEN, i + 1, "/a");
	}
	world->service[0]->is_reading = true;
	world->service[0]->read_max = 1000;
	net_pump(&world->net);
	assert_int_equal(world->log[1].events, 600);
	assert_int_equal(world->log[0].audits[MUX_AUDIT_LOST], 0);
	assert_int_equal(world->log[1].data_bytes, 8000000);
}

static void test_too_many_requests(void **state)
{
	struct wire_access big = access_of(MUX_VERB_READ, "/big");

	(void)state;
	join(0, MUX_ACTION_REPORT, OPENS, MUX_VERDICT_ALLOW);
	world->os.file_size = 800000;
	world->service[0]->is_reading = false;
	for (unsigned i = 0; i < AGENT_ACCESS_MAX + 1; i++) {
		net_access(world->service[0], &big);
	}
	net_pump(&world->net);
	world->service[0]->is_reading = true;
	net_pump(&world->net);
	assert_int_equal(world->log[1].ends, AGENT_ACCESS_MAX + 1);
	assert_int_equal(world->log[1].data_bytes, AGENT_ACCESS_MAX * 800000);
}

static void test_requests_end_with_the_session(void **state)
{
	struct wire_access big = access_of(MUX_VERB_READ, "/big");

	(void)state;
	join(0, MUX_ACTION_REPORT, OPENS, MUX_VERDICT_ALLOW);
	world->os.file_size = 800000;
	world->service[0]->is_reading = false;
	net_access(world->service[0], &big);
	net_pump(&world->net);
	assert_int_equal(world->os.open_files, 1);
	net_break(&world->net, world->service[0]);
	assert_int_equal(world->os.open_files, 0);
}

static void test_verbs(void **state)
{
	struct wire_access access;

	(void)state;
	join(0, MUX_ACTION_REPORT, OPENS, MUX_VERDICT_ALLOW);
	assert_int_equal(ask(access_of(MUX_VERB_STAT, "/a")), 0);
	assert_int_equal(world->log[1].entries, 1);
	assert_int_equal(ask(access_of(MUX_VERB_LIST, "/")), 0);
	assert_int_equal(world->log[1].entries, 1001);
	assert_int_equal(world->log[1].total, 1000);
	assert_int_equal(ask(access_of(MUX_VERB_PROCESSES, "")), 0);
	assert_int_equal(world->log[1].entries, 1003);
	access = access_of(MUX_VERB_WRITE, "/a");
	access.data = (struct wire_bytes){.data = (const uint8_t *)"text", .size = 4};
	assert_int_equal(ask(access), 0);
	assert_int_equal(world->log[1].total, 4);
	assert_int_equal(ask(access_of(MUX_VERB_DELETE, "/a")), 0);
	assert_int_equal(ask(access_of(MUX_VERB_DELETE, "/missing")), -ENOENT);
	assert_int_equal(ask(access_of(MUX_VERB_CREATE, "/new")), 0);
	access = access_of(MUX_VERB_RENAME, "/a");
	assert_int_equal(ask(access), -EINVAL);
	access.path2 = wire_string_of("/b");
	assert_int_equal(ask(access), 0);
	assert_int_equal(ask(access_of(MUX_VERB_QUARANTINE, "/a")), 0);
	assert_string_equal(world->log[1].id, "/q/1");
	assert_int_equal(ask(access_of(MUX_VERB_RESTORE, "/q/1")), 0);
	assert_int_equal(ask(access_of(MUX_VERB_READ, "relative")), -EINVAL);
	assert_int_equal(ask(access_of(MUX_VERB_READ, "")), -EINVAL);
	assert_int_equal(ask(access_of(MUX_VERB_READ, "/a/../a")), -EINVAL);
	assert_int_equal(ask(access_of(MUX_VERB_READ, "/./a")), -EINVAL);
	assert_int_equal(ask(access_of(MUX_VERB_CREATE, "/a/..")), -EINVAL);
	assert_int_equal(ask(access_of(MUX_VERB_READ, "/...")), 0);
	assert_int_equal(ask(access_of(MUX_VERB_READ, "//.a/b..")), 0);
	access = access_of(MUX_VERB_RENAME, "/a");
	access.path2 = wire_string_of("/b/../c");
	assert_int_equal(ask(access), -EINVAL);
	/* write, delete, create, rename, quarantine, restore */
	assert_int_equal(world->log[0].audits[MUX_AUDIT_ACCESS], 6);
	assert_int_equal(world->log[0].audits[MUX_AUDIT_REFUSED], 0);
}

static struct wire_access process_of(uint16_t verb, uint32_t pid, uint64_t start_us)
{
	struct wire_access access = access_of(verb, "");

	access.offset = pid;
	access.length = start_us;
	return access;
}

static void test_process_verbs(void **state)
{
	static const char *const texts[] = {"process-stop pid 7", "process-resume pid 7",
					    "process-kill pid 7"};

	(void)state;
	join(0, MUX_ACTION_REPORT, OPENS, MUX_VERDICT_ALLOW);
	for (uint16_t verb = MUX_VERB_PROCESS_STOP; verb <= MUX_VERB_PROCESS_KILL; verb++) {
		assert_int_equal(ask(process_of(verb, FAKE_PID, FAKE_START)), 0);
		assert_int_equal(world->os.control, verb);
		assert_string_equal(world->log[0].audit_path, "/bin/x");
		assert_string_equal(world->log[0].audit_text, texts[verb - MUX_VERB_PROCESS_STOP]);
		/* The same pid, but another process. */
		assert_int_equal(ask(process_of(verb, FAKE_PID, FAKE_START + 1)), -ESTALE);
		assert_int_equal(ask(process_of(verb, 1, FAKE_START)), -ESRCH);
		assert_int_equal(ask(process_of(verb, FAKE_PID_PROTECTED, FAKE_START)),
				 -EOPNOTSUPP);
		assert_string_equal(world->log[0].audit_path, "/bin/x");
	}
	assert_string_equal(world->log[0].audit_text, "process-kill pid 8: protected");
	assert_int_equal(world->log[0].audits[MUX_AUDIT_ACCESS], 3);
	assert_int_equal(world->log[0].audits[MUX_AUDIT_REFUSED], 3);
	assert_int_equal(world->agent.counters.refused, 3);
}

/* The handle of a waiting event names the process that waits, for the service that was asked. */
static void test_process_by_handle(void **state)
{
	struct wire_access access = access_of(MUX_VERB_PROCESS_KILL, "");
	struct agent_event event = fake_event(MUX_EVENT_OPEN, 1, "/a");
	struct agent_decision decision;

	(void)state;
	join(0, MUX_ACTION_VERDICT, OPENS, MUX_VERDICT_ALLOW);
	join(1, MUX_ACTION_REPORT, OPENS, MUX_VERDICT_ALLOW);
	event.alive_us = FAKE_START + 5;
	agent_notify(&world->agent, &event, world->net.now, &decision);
	net_pump(&world->net);
	access.handle = world->log[1].handle;
	assert_int_equal(ask(access), 0);
	assert_int_equal(world->os.controlled.pid, FAKE_PID);
	assert_int_equal(world->os.controlled.start_us, 0);
	assert_int_equal(world->os.controlled.alive_us, FAKE_START + 5);
	net_access(world->service[1], &access);
	net_pump(&world->net);
	assert_int_equal(world->log[2].status, -ENOENT); /* it was not asked */
	net_verdict(world->service[0], world->log[1].request[0], MUX_VERDICT_ALLOW, 0, "");
	assert_int_equal(ask(access), -ENOENT);
	/* A process that is younger than the event got its pid. */
	event.alive_us = FAKE_START - 1;
	event.cookie = 2;
	agent_notify(&world->agent, &event, world->net.now, &decision);
	net_pump(&world->net);
	access.handle = world->log[1].handle;
	assert_int_equal(ask(access), -ESTALE);
	/* An OS that knows the start need not know more. */
	event.alive_us = 0;
	event.start_us = FAKE_START;
	event.cookie = 3;
	agent_notify(&world->agent, &event, world->net.now, &decision);
	net_pump(&world->net);
	access.handle = world->log[1].handle;
	assert_int_equal(ask(access), 0);
}

/* A request of that verb, with what it needs to be well-formed. */
static struct wire_access any_access(uint16_t verb)
{
	return wire_verb_is_process(verb) ? process_of(verb, FAKE_PID, FAKE_START)
					  : access_of(verb, "/a");
}

static void test_forbidden_verb(void **state)
{
	(void)state;
	world->agent.config.grants.forbidden = GRANTS_ALL & ~(1ULL << MUX_VERB_STAT);
	join(0, MUX_ACTION_REPORT, OPENS, MUX_VERDICT_ALLOW);
	assert_true(world->log[1].verbs == GRANTS_ALL);
	assert_true(world->log[1].granted == 1ULL << MUX_VERB_STAT);
	assert_true(world->log[0].granted == 0); /* the manager asks for nothing */
	for (uint16_t verb = 0; verb < MUX_VERBS; verb++) {
		world->log[0].audit_text[0] = '\0';
		assert_int_equal(ask(any_access(verb)), verb == MUX_VERB_STAT ? 0 : -EPERM);
		assert_int_equal(verb == MUX_VERB_STAT,
				 strstr(world->log[0].audit_text, ": forbidden here") == NULL);
	}
	assert_string_equal(world->log[0].audit_text, "process-kill pid 7: forbidden here");
	assert_int_equal(world->log[0].audits[MUX_AUDIT_ACCESS], 0);
	assert_int_equal(world->log[0].audits[MUX_AUDIT_REFUSED], MUX_VERBS - 1);
	assert_int_equal(world->log[1].audits[MUX_AUDIT_REFUSED], MUX_VERBS - 1);
	assert_int_equal(world->agent.counters.refused, MUX_VERBS - 1);
	assert_int_equal(world->os.controlled.pid, 0); /* nothing reached the OS */
	assert_int_equal(world->os.writes, 0);
}

/* Services are told apart by their CIDs: 16 has a grant of its own, 17 has what others have. */
static void test_grants(void **state)
{
	struct wire_access access = access_of(MUX_VERB_QUARANTINE, "/a");

	(void)state;
	grants_init(&world->agent.config.grants);
	world->agent.config.grants.count = 1;
	world->agent.config.grants.entry[0] =
		(struct grants_entry){.cid = 16, .verbs = 1ULL << MUX_VERB_PROCESS_KILL};
	join(0, MUX_ACTION_REPORT, OPENS, MUX_VERDICT_ALLOW);
	join(1, MUX_ACTION_REPORT, OPENS, MUX_VERDICT_ALLOW);
	assert_true(world->log[1].granted == 1ULL << MUX_VERB_PROCESS_KILL);
	assert_true(world->log[2].granted == GRANTS_OTHERS);
	for (uint16_t verb = 0; verb < MUX_VERBS; verb++) {
		assert_int_equal(ask(any_access(verb)),
				 verb == MUX_VERB_PROCESS_KILL ? 0 : -EACCES);
	}
	assert_int_equal(ask(access_of(MUX_VERB_RENAME, "/some/file")), -EACCES);
	assert_string_equal(world->log[0].audit_path, "/some/file");
	assert_string_equal(world->log[0].audit_text, "rename: not granted");
	assert_int_equal(world->agent.counters.refused, MUX_VERBS);
	net_access(world->service[1], &access);
	net_pump(&world->net);
	assert_int_equal(world->log[2].status, 0);
	access = process_of(MUX_VERB_PROCESS_KILL, FAKE_PID, FAKE_START);
	net_access(world->service[1], &access);
	net_pump(&world->net);
	assert_int_equal(world->log[2].status, -EACCES);
	/* What is forbidden stays forbidden. */
	world->agent.config.grants.forbidden = 1ULL << MUX_VERB_PROCESS_KILL;
	assert_int_equal(ask(access), -EPERM);
	/* What the OS can't do is neither. */
	world->agent.config.verbs = 0;
	assert_int_equal(ask(access), -ENOSYS);
}

/* Refusals are merged where they are many, and all are counted. */
static void test_flood_of_refusals(void **state)
{
	(void)state;
	grants_init(&world->agent.config.grants);
	join(0, MUX_ACTION_REPORT, OPENS, MUX_VERDICT_ALLOW);
	world->manager->is_reading = false;
	for (unsigned i = 0; i < 1000; i++) {
		assert_int_equal(ask(access_of(MUX_VERB_DELETE, "/a")), -EACCES);
	}
	world->manager->is_reading = true;
	net_pump(&world->net);
	assert_int_equal(world->log[0].audits[MUX_AUDIT_REFUSED], 1000);
	assert_int_equal(world->agent.counters.refused, 1000);
}

static void test_handle_lives_until_the_verdict(void **state)
{
	struct wire_access access = access_of(MUX_VERB_READ, "");

	(void)state;
	join(0, MUX_ACTION_VERDICT, OPENS, MUX_VERDICT_ALLOW);
	join(1, MUX_ACTION_REPORT, OPENS, MUX_VERDICT_ALLOW);
	notify(MUX_EVENT_OPEN, 1, "/a");
	net_pump(&world->net);
	access.handle = world->log[1].handle;
	assert_true(access.handle != 0);
	assert_int_equal(ask(access), 0);
	assert_int_equal(world->log[1].data_bytes, 10000);
	/* It is no other service's handle. */
	net_access(world->service[1], &access);
	net_pump(&world->net);
	assert_int_equal(world->log[2].status, -ENOENT);
	net_verdict(world->service[0], world->log[1].request[0], MUX_VERDICT_ALLOW, 0, "");
	assert_int_equal(ask(access), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_read_of_any_size),
		TEST(test_reads_take_turns),
		TEST(test_events_pass_a_long_read),
		TEST(test_too_many_requests),
		TEST(test_requests_end_with_the_session),
		TEST(test_verbs),
		TEST(test_process_verbs),
		TEST(test_process_by_handle),
		TEST(test_grants),
		TEST(test_flood_of_refusals),
		TEST(test_forbidden_verb),
		TEST(test_handle_lives_until_the_verdict),
	};

	return cmocka_run_group_tests_name("agent access", tests, NULL, NULL);
}
