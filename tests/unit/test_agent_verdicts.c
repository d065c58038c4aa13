/* SPDX-License-Identifier: MIT */
/* Unit tests of the agent's core: reports, verdicts, services that restart or are slow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/agent_world.h"

static void test_reports_only_what_matches(void **state)
{
	(void)state;
	join(0, MUX_ACTION_REPORT, OPENS, MUX_VERDICT_ALLOW);
	join(1, MUX_ACTION_REPORT, CLOSES, MUX_VERDICT_ALLOW);
	assert_int_equal(notify(MUX_EVENT_OPEN, 1, "/a"), AGENT_ALLOW);
	assert_int_equal(notify(MUX_EVENT_CLOSE, 2, "/b"), AGENT_ALLOW);
	assert_int_equal(notify(MUX_EVENT_DELETE, 3, "/c"), AGENT_ALLOW);
	net_pump(&world->net);
	assert_int_equal(world->log[1].events, 1);
	assert_string_equal(world->log[1].last_path, "/a");
	assert_int_equal(world->log[2].events, 1);
	assert_string_equal(world->log[2].last_path, "/b");
}

static void test_verdicts(void **state)
{
	(void)state;
	join(0, MUX_ACTION_VERDICT, OPENS, MUX_VERDICT_ALLOW);
	assert_int_equal(notify(MUX_EVENT_OPEN, 10, "/a"), AGENT_WAIT);
	assert_int_equal(notify(MUX_EVENT_OPEN, 11, "/b"), AGENT_WAIT);
	net_pump(&world->net);
	net_verdict(world->service[0], world->log[1].request[1], MUX_VERDICT_DENY, 0, "Virus");
	net_verdict(world->service[0], world->log[1].request[0], MUX_VERDICT_ALLOW, 0, "");
	net_verdict(world->service[0], world->log[1].request[0], MUX_VERDICT_DENY, 0, "late");
	net_pump(&world->net);
	assert_int_equal(world->os.decisions, 2);
	assert_decision(0, 11, MUX_VERDICT_DENY, AGENT_CAUSE_VERDICT);
	assert_string_equal(world->os.decision[0].text, "Virus");
	assert_string_equal(world->os.decision[0].service, "av");
	assert_decision(1, 10, MUX_VERDICT_ALLOW, AGENT_CAUSE_VERDICT);
	assert_int_equal(world->log[0].audits[MUX_AUDIT_DENIED], 1);
	assert_int_equal(world->log[1].audits[MUX_AUDIT_DENIED], 1);
}

static void test_deny_wins(void **state)
{
	(void)state;
	join(0, MUX_ACTION_VERDICT, OPENS, MUX_VERDICT_ALLOW);
	join(1, MUX_ACTION_VERDICT, OPENS, MUX_VERDICT_ALLOW);
	notify(MUX_EVENT_OPEN, 1, "/a");
	notify(MUX_EVENT_OPEN, 2, "/b");
	net_pump(&world->net);
	assert_int_equal(world->log[1].questions, 2);
	assert_int_equal(world->log[2].questions, 2);
	net_verdict(world->service[0], world->log[1].request[0], MUX_VERDICT_ALLOW, 0, "");
	net_pump(&world->net);
	assert_int_equal(world->os.decisions, 0); /* the other one has not said anything */
	net_verdict(world->service[1], world->log[2].request[0], MUX_VERDICT_DENY, 0, "");
	net_verdict(world->service[1], world->log[2].request[1], MUX_VERDICT_DENY, 0, "");
	net_pump(&world->net);
	assert_int_equal(world->os.decisions, 2);
	assert_decision(0, 1, MUX_VERDICT_DENY, AGENT_CAUSE_VERDICT);
	assert_decision(1, 2, MUX_VERDICT_DENY, AGENT_CAUSE_VERDICT);
	/* The one that still looks at the file keeps its handle until it has answered. */
	assert_int_equal(world->agent.pending.used, 1);
	net_verdict(world->service[0], world->log[1].request[1], MUX_VERDICT_ALLOW, 0, "");
	net_pump(&world->net);
	assert_int_equal(world->agent.pending.used, 0);
	assert_int_equal(world->os.decisions, 2);
}

static void test_deadlines(void **state)
{
	(void)state;
	join(0, MUX_ACTION_VERDICT, OPENS, MUX_VERDICT_ALLOW);
	join(1, MUX_ACTION_VERDICT, CLOSES, MUX_VERDICT_DENY);
	notify(MUX_EVENT_OPEN, 1, "/a");
	notify(MUX_EVENT_CLOSE, 2, "/b");
	assert_true(agent_next_deadline(&world->agent) <= world->net.now.us + DEADLINE * 1000);
	net_sleep(&world->net, DEADLINE * 1000 - 1000);
	assert_int_equal(world->os.decisions, 0);
	net_sleep(&world->net, 1000);
	assert_int_equal(world->os.decisions, 2);
	assert_decision(0, 1, MUX_VERDICT_ALLOW, AGENT_CAUSE_DEADLINE);
	assert_decision(1, 2, MUX_VERDICT_DENY, AGENT_CAUSE_DEADLINE);
	assert_int_equal(world->log[0].audits[MUX_AUDIT_DEADLINE], 2);
	assert_int_equal(world->log[1].audits[MUX_AUDIT_DEADLINE], 1);
}

static void test_restarted_service_is_asked_again(void **state)
{
	struct wire_rule rule =
		net_rule(5, MUX_ACTION_VERDICT, OPENS, "/**", DEADLINE, MUX_VERDICT_DENY);

	(void)state;
	join(0, MUX_ACTION_VERDICT, OPENS, MUX_VERDICT_ALLOW);
	notify(MUX_EVENT_OPEN, 1, "/a");
	net_pump(&world->net);
	net_break(&world->net, world->service[0]);
	notify(MUX_EVENT_OPEN, 2, "/b");
	net_sleep(&world->net, 50000);
	assert_int_equal(world->service[0]->connections, 2);
	assert_int_equal(world->os.decisions, 0);
	net_configure(world->service[0], &rule, 1);
	net_pump(&world->net);
	assert_int_equal(world->log[1].questions, 3); /* /a, then /a and /b again */
	net_verdict(world->service[0], world->log[1].request[1], MUX_VERDICT_DENY, 0, "found");
	net_verdict(world->service[0], world->log[1].request[2], MUX_VERDICT_ALLOW, 0, "");
	net_pump(&world->net);
	assert_decision(0, 1, MUX_VERDICT_DENY, AGENT_CAUSE_VERDICT);
	assert_decision(1, 2, MUX_VERDICT_ALLOW, AGENT_CAUSE_VERDICT);
}

static void test_service_that_stays_away(void **state)
{
	(void)state;
	join(0, MUX_ACTION_VERDICT, OPENS, MUX_VERDICT_DENY);
	notify(MUX_EVENT_OPEN, 1, "/a");
	net_pump(&world->net);
	world->service[0]->is_listening = false;
	net_break(&world->net, world->service[0]);
	net_sleep(&world->net, DEADLINE * 1000);
	assert_decision(0, 1, MUX_VERDICT_DENY, AGENT_CAUSE_DISCONNECT);
	assert_int_equal(world->log[0].audits[MUX_AUDIT_DISCONNECT], 1);
	/* Away for long: nothing is held back for it any more. */
	net_sleep(&world->net, AGENT_AWAY_HOLD_US);
	assert_int_equal(notify(MUX_EVENT_OPEN, 2, "/b"), AGENT_DENY);
	net_pump(&world->net);
	assert_int_equal(world->log[0].audits[MUX_AUDIT_DISCONNECT], 2);
}

static void test_service_that_leaves_takes_its_rules(void **state)
{
	(void)state;
	join(0, MUX_ACTION_VERDICT, OPENS, MUX_VERDICT_DENY);
	notify(MUX_EVENT_OPEN, 1, "/a");
	net_service_down(world->manager, 1, MUX_ERR_SHUTDOWN);
	net_pump(&world->net);
	assert_decision(0, 1, MUX_VERDICT_DENY, AGENT_CAUSE_DISCONNECT);
	assert_int_equal(notify(MUX_EVENT_OPEN, 2, "/b"), AGENT_ALLOW);
	assert_int_equal(world->service[0]->link, -1);
}

static void test_lost_service_keeps_its_rules(void **state)
{
	(void)state;
	join(0, MUX_ACTION_VERDICT, OPENS, MUX_VERDICT_DENY);
	net_service_down(world->manager, 1, MUX_ERR_LOST);
	net_pump(&world->net);
	assert_int_equal(world->service[0]->link, -1);
	assert_int_equal(notify(MUX_EVENT_OPEN, 2, "/b"), AGENT_WAIT);
	net_sleep(&world->net, DEADLINE * 1000);
	assert_decision(0, 2, MUX_VERDICT_DENY, AGENT_CAUSE_DISCONNECT);
}

/* Regression: it went on waiting for a dead service to take what was queued for it. */
static void test_lost_service_that_reads_nothing_is_dropped_at_once(void **state)
{
	(void)state;
	join(0, MUX_ACTION_REPORT, OPENS, MUX_VERDICT_ALLOW);
	world->service[0]->is_reading = false;
	for (uint64_t i = 1; i <= 40; i++) {
		notify(MUX_EVENT_OPEN, i, "/queued");
	}
	net_pump(&world->net);
	assert_int_not_equal(world->service[0]->link, -1);
	net_service_down(world->manager, 1, MUX_ERR_LOST);
	net_pump(&world->net);
	assert_int_equal(world->service[0]->link, -1);
}

static void test_reports_wait_for_a_service_that_is_away(void **state)
{
	struct wire_rule rule = net_rule(1, MUX_ACTION_REPORT, OPENS, "/**", 0, MUX_VERDICT_ALLOW);

	(void)state;
	join(0, MUX_ACTION_REPORT, OPENS, MUX_VERDICT_ALLOW);
	world->service[0]->is_reading = false;
	notify(MUX_EVENT_OPEN, 1, "/queued");
	net_pump(&world->net);
	world->service[0]->is_listening = false;
	net_break(&world->net, world->service[0]);
	notify(MUX_EVENT_OPEN, 2, "/away");
	world->service[0]->is_listening = true;
	world->service[0]->is_reading = true;
	net_sleep(&world->net, 100000);
	net_configure(world->service[0], &rule, 1);
	net_pump(&world->net);
	assert_int_equal(world->log[1].events, 2);
	assert_int_equal(world->log[1].sequence, 2);
	assert_string_equal(world->log[1].last_path, "/away");
	assert_int_equal(world->log[0].audits[MUX_AUDIT_LOST], 0);
}

static void test_remembered_verdict(void **state)
{
	struct agent_event event = fake_event(MUX_EVENT_OPEN, 2, "/a");
	struct agent_decision decision;

	(void)state;
	join(0, MUX_ACTION_VERDICT, OPENS, MUX_VERDICT_ALLOW);
	notify(MUX_EVENT_OPEN, 1, "/a");
	net_pump(&world->net);
	net_verdict(world->service[0], world->log[1].request[0], MUX_VERDICT_DENY,
		    MUX_VERDICT_REMEMBER, "Virus");
	net_pump(&world->net);
	assert_int_equal(agent_notify(&world->agent, &event, world->net.now, &decision),
			 AGENT_DENY);
	assert_int_equal(decision.cause, AGENT_CAUSE_REMEMBERED);
	event.file_version++;
	assert_int_equal(agent_notify(&world->agent, &event, world->net.now, &decision),
			 AGENT_WAIT);
	/* The next instance of the service may judge otherwise. */
	net_break(&world->net, world->service[0]);
	event.file_version--;
	event.cookie++;
	assert_int_equal(agent_notify(&world->agent, &event, world->net.now, &decision),
			 AGENT_WAIT);
}

static void test_full_table_falls_back(void **state)
{
	(void)state;
	join(0, MUX_ACTION_VERDICT, OPENS, MUX_VERDICT_DENY);
	for (unsigned i = 0; i < AGENT_PENDING_MAX; i++) {
		assert_int_equal(notify(MUX_EVENT_OPEN, i + 1, "/a"), AGENT_WAIT);
	}
	assert_int_equal(notify(MUX_EVENT_OPEN, 1000, "/a"), AGENT_DENY);
	net_pump(&world->net);
	assert_int_equal(world->log[0].audits[MUX_AUDIT_LOST], 1);
	net_sleep(&world->net, DEADLINE * 1000);
	assert_int_equal(world->os.decisions, AGENT_PENDING_MAX);
	assert_int_equal(notify(MUX_EVENT_OPEN, 1001, "/a"), AGENT_WAIT);
}

static void test_slow_reader_costs_only_itself(void **state)
{
	unsigned sent = 0;

	(void)state;
	join(0, MUX_ACTION_REPORT, OPENS, MUX_VERDICT_ALLOW);
	join(1, MUX_ACTION_REPORT, OPENS, MUX_VERDICT_ALLOW);
	world->service[0]->is_reading = false;
	for (; sent < 10000; sent++) {
		notify(MUX_EVENT_OPEN, sent + 1, "/some/path/that/takes/room");
		net_pump(&world->net);
	}
	assert_int_equal(world->log[2].events, sent);
	assert_true(world->log[0].audits[MUX_AUDIT_LOST] > 0);
	world->service[0]->is_reading = true;
	net_pump(&world->net);
	assert_int_equal(world->log[1].events + world->log[0].audits[MUX_AUDIT_LOST], sent);
}

static void test_slow_reader_that_breaks(void **state)
{
	struct wire_rule rule = net_rule(1, MUX_ACTION_REPORT, OPENS, "/**", 0, MUX_VERDICT_ALLOW);

	(void)state;
	join(0, MUX_ACTION_REPORT, OPENS, MUX_VERDICT_ALLOW);
	world->service[0]->is_reading = false;
	for (unsigned i = 0; i < 1000; i++) {
		notify(MUX_EVENT_OPEN, i + 1, "/some/path/that/takes/room");
	}
	/* More than the backlog takes. */
	net_break(&world->net, world->service[0]);
	world->service[0]->is_reading = true;
	net_sleep(&world->net, 100000);
	net_configure(world->service[0], &rule, 1);
	net_pump(&world->net);
	assert_true(world->log[1].events > 100);
	assert_int_equal(world->log[1].events + world->log[0].audits[MUX_AUDIT_LOST], 1000);
	assert_int_equal(world->agent.counters.events, world->log[1].events);
}

static void test_audits_wait_for_the_manager(void **state)
{
	(void)state;
	join(0, MUX_ACTION_VERDICT, OPENS, MUX_VERDICT_DENY);
	world->manager->is_listening = false;
	net_break(&world->net, world->manager);
	for (unsigned i = 0; i < 500; i++) {
		notify(MUX_EVENT_OPEN, i + 1, "/a");
		net_sleep(&world->net, 10000);
	}
	net_sleep(&world->net, DEADLINE * 1000);
	assert_int_equal(world->log[0].audits[MUX_AUDIT_DEADLINE], 0);
	world->manager->is_listening = true;
	net_sleep(&world->net, AGENT_BACKOFF_MAX_US);
	assert_int_equal(world->log[0].audits[MUX_AUDIT_DEADLINE], 500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_reports_only_what_matches),
		TEST(test_verdicts),
		TEST(test_deny_wins),
		TEST(test_deadlines),
		TEST(test_restarted_service_is_asked_again),
		TEST(test_service_that_stays_away),
		TEST(test_service_that_leaves_takes_its_rules),
		TEST(test_lost_service_keeps_its_rules),
		TEST(test_lost_service_that_reads_nothing_is_dropped_at_once),
		TEST(test_reports_wait_for_a_service_that_is_away),
		TEST(test_remembered_verdict),
		TEST(test_full_table_falls_back),
		TEST(test_slow_reader_costs_only_itself),
		TEST(test_slow_reader_that_breaks),
		TEST(test_audits_wait_for_the_manager),
	};

	return cmocka_run_group_tests_name("agent verdicts", tests, NULL, NULL);
}
