/* SPDX-License-Identifier: MIT */
/* Unit tests of the agent's core: its links to the manager and to services, and its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/agent_world.h"

static void test_joins_and_finds_services(void **state)
{
	(void)state;
	assert_int_equal(world->manager->connections, 1);
	assert_int_equal(agent_ready_services(&world->agent), 0);
	join(0, MUX_ACTION_REPORT, OPENS, MUX_VERDICT_ALLOW);
	join(1, MUX_ACTION_REPORT, OPENS, MUX_VERDICT_ALLOW);
	assert_int_equal(agent_ready_services(&world->agent), 2);
}

static void test_manager_comes_later(void **state)
{
	(void)state;
	net_break(&world->net, world->manager);
	world->manager->is_listening = false;
	net_sleep(&world->net, 3000000);
	assert_int_equal(world->manager->connections, 1);
	world->manager->is_listening = true;
	net_sleep(&world->net, AGENT_BACKOFF_MAX_US);
	assert_int_equal(world->manager->connections, 2);
	assert_int_equal(world->agent.manager.session.state, SESSION_OPEN);
}

static void test_heartbeats(void **state)
{
	struct wire_welcome welcome = {.heartbeat_ms = 100, .name = wire_string_of("manager")};

	(void)state;
	/* A connection whose WELCOME asks for heartbeats. */
	net_break(&world->net, world->manager);
	world->manager->on_message = NULL;
	world->manager->is_reading = false;
	net_sleep(&world->net, 100000);
	assert_int_equal(wire_encode_welcome(&world->manager->output, 2, &welcome), 0);
	net_pump(&world->net);
	world->manager->on_message = take_message;
	world->agent.manager.session.output.size = 0; /* HELLO, which would be answered again */
	world->agent.manager.session.output_start = 0;
	world->manager->is_reading = true;
	net_sleep(&world->net, 1000000);
	assert_in_range(world->log[0].heartbeats, 15, 25);
}

static void test_silent_service_is_given_up(void **state)
{
	(void)state;
	world->service[0]->is_reading = false;
	net_service_up(world->manager, 1, world->service[0], "av");
	net_sleep(&world->net, AGENT_WELCOME_US + AGENT_CLOSE_US + AGENT_BACKOFF_MAX_US);
	assert_true(world->service[0]->connections >= 2);
}

static void test_malformed_closes_that_session_alone(void **state)
{
	(void)state;
	join(0, MUX_ACTION_REPORT, OPENS, MUX_VERDICT_ALLOW);
	join(1, MUX_ACTION_REPORT, OPENS, MUX_VERDICT_ALLOW);
	memset(world->service[0]->output_buffer, 0x5a, MUX_HEADER_SIZE);
	world->service[0]->output.size = MUX_HEADER_SIZE;
	net_pump(&world->net);
	assert_int_equal(world->log[1].error, MUX_ERR_MALFORMED);
	assert_int_equal(agent_ready_services(&world->agent), 1);
	assert_int_equal(world->manager->connections, 1);
	notify(MUX_EVENT_OPEN, 1, "/a");
	net_pump(&world->net);
	assert_int_equal(world->log[2].events, 1);
	net_sleep(&world->net, AGENT_BACKOFF_MAX_US + 1000);
	assert_int_equal(world->service[0]->connections, 2);
}

static void test_unexpected_message(void **state)
{
	struct wire_configured configured = {.generation = 1};

	(void)state;
	join(0, MUX_ACTION_REPORT, OPENS, MUX_VERDICT_ALLOW);
	assert_int_equal(wire_encode_configured(&world->service[0]->output, 1, &configured), 0);
	net_pump(&world->net);
	assert_int_equal(world->log[1].error, MUX_ERR_UNEXPECTED);
}

static void test_bad_rules_keep_the_old_ones(void **state)
{
	struct wire_rule rule = net_rule(9, MUX_ACTION_REPORT, OPENS, "/[", 0, MUX_VERDICT_ALLOW);

	(void)state;
	join(0, MUX_ACTION_REPORT, OPENS, MUX_VERDICT_ALLOW);
	net_configure(world->service[0], &rule, 1);
	net_pump(&world->net);
	assert_int_equal(world->log[1].error, MUX_ERR_RULE);
	notify(MUX_EVENT_OPEN, 1, "/a");
	net_pump(&world->net);
	assert_int_equal(world->log[1].events, 1);
}

static void test_too_many_services(void **state)
{
	struct net_peer *manager = world->manager;

	(void)state;
	world->service[0]->is_listening = false;
	for (uint32_t i = 0; i < AGENT_SERVICES_MAX + 2; i++) {
		char name[8] = {'s', (char)('0' + i / 10), (char)('0' + i % 10), '\0'};

		net_service_up(manager, i + 1, world->service[0], name);
	}
	net_pump(&world->net);
	assert_int_equal(world->log[0].error, MUX_ERR_LIMIT);
	assert_int_equal(world->log[0].errors, 2);
}

static void test_bye_brings_counters(void **state)
{
	(void)state;
	join(0, MUX_ACTION_VERDICT, OPENS, MUX_VERDICT_DENY);
	notify(MUX_EVENT_OPEN, 1, "/a");
	agent_bye(&world->agent, world->net.now);
	net_pump(&world->net);
	assert_int_equal(world->log[0].byes, 1);
	assert_int_equal(world->log[1].byes, 1);
	assert_decision(0, 1, MUX_VERDICT_DENY, AGENT_CAUSE_DISCONNECT);
	assert_true(agent_is_off(&world->agent));
	assert_int_equal(notify(MUX_EVENT_OPEN, 2, "/b"), AGENT_ALLOW);
}

static void test_bye_to_a_peer_that_hangs(void **state)
{
	(void)state;
	join(0, MUX_ACTION_REPORT, OPENS, MUX_VERDICT_DENY);
	world->service[0]->is_reading = false;
	agent_bye(&world->agent, world->net.now);
	net_pump(&world->net);
	assert_false(agent_is_off(&world->agent));
	net_sleep(&world->net, AGENT_CLOSE_US);
	assert_true(agent_is_off(&world->agent));
	assert_int_equal(world->log[0].byes, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_joins_and_finds_services),
		TEST(test_manager_comes_later),
		TEST(test_heartbeats),
		TEST(test_silent_service_is_given_up),
		TEST(test_malformed_closes_that_session_alone),
		TEST(test_unexpected_message),
		TEST(test_bad_rules_keep_the_old_ones),
		TEST(test_too_many_services),
		TEST(test_bye_brings_counters),
		TEST(test_bye_to_a_peer_that_hangs),
	};

	return cmocka_run_group_tests_name("agent", tests, NULL, NULL);
}
