/* SPDX-License-Identifier: MIT */
/*
 * The real ones together: agents (agent-guest/core and its driver), a service on the access library
 * and the manager's registry, over AF_UNIX in one process, on a fake clock.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "agent-guest/driver/links.h"
#include "appliance/lib/service.h"
#include "appliance/manager/registry.h"
#include "tests/unit/agent_os.h"
#include "tests/unit/wire_peer.h"

#define SERVICE_CID 16
#define STRICT_CID  3
#define LAX_CID	    4
#define DEADLINE_MS 1000
#define BIG_FILE    ((3U << 20) + 777)

static struct guest {
	struct agent agent;
	struct links links;
	struct fake_os os;
	struct transport_unix transport;
} strict, lax;

static struct registry *registry;
static struct mux_service *service;
static struct transport_unix manager_transport, service_transport;
static char lines[32768];

static struct {
	int ups, downs, configured, reports, questions;
	enum mux_error configure_result;
	struct mux_event *asked;
	char path[64];
	uint64_t bytes;
	bool is_right;
	int done;
	struct mux_result result;
	char quarantine_id[64];
} seen;

/* ---- the service ---- */

/* Different agents, different rules. */
static void on_agent_up(struct mux_agent *agent, void *context)
{
	struct mux_rules *rules = mux_rules_create();

	(void)context;
	seen.ups++;
	if (strcmp(mux_agent_info(agent)->name, "strict") == 0) {
		mux_rules_verdict(rules, 1,
				  MUX_EVENTS(MUX_EVENT_OPEN) | MUX_EVENTS(MUX_EVENT_EXECUTE),
				  "/srv/**", DEADLINE_MS, MUX_VERDICT_DENY);
		mux_rules_exclude(rules, "/srv/log/**");
	} else {
		mux_rules_report(rules, 2, MUX_EVENTS(MUX_EVENT_WRITE), "**");
	}
	assert_true(mux_agent_set_rules(agent, rules) > 0);
	mux_rules_free(rules);
}

static void on_agent_down(struct mux_agent *agent, enum mux_error reason, void *context)
{
	(void)agent;
	(void)reason;
	(void)context;
	seen.downs++;
}

static void on_configured(struct mux_agent *agent, uint32_t generation, enum mux_error result,
			  const char *text, void *context)
{
	(void)agent;
	(void)generation;
	(void)text;
	(void)context;
	seen.configured++;
	seen.configure_result = result;
}

static void on_event(struct mux_event *event, void *context)
{
	const struct mux_event_info *info = mux_event_info(event);

	(void)context;
	snprintf(seen.path, sizeof(seen.path), "%s", info->path);
	if (info->wants_verdict) {
		seen.questions++;
		seen.asked = event;
	} else {
		seen.reports++;
	}
}

static void make_service(void)
{
	struct mux_service_options options = {.size = sizeof(options),
					      .name = "av",
					      .on_agent_up = on_agent_up,
					      .on_agent_down = on_agent_down,
					      .on_configured = on_configured};

	assert_int_equal(service_create(&options, &service_transport.transport, &service), 0);
	for (unsigned kind = 0; kind < MUX_EVENT_KINDS; kind++) {
		mux_on_event(service, (enum mux_event_kind)kind, on_event, NULL);
	}
}

/* ---- the guests ---- */

static struct agent_time fake_now(void *clock)
{
	(void)clock;
	return (struct agent_time){.us = fake_clock_ms * 1000, .ticks = fake_clock_ms};
}

static int guest_connect(void *context, uint32_t cid, uint32_t port)
{
	struct guest *guest = context;

	return guest->transport.transport.connect(&guest->transport.transport, cid, port);
}

static void make_guest(struct guest *guest, const char *name, uint32_t cid)
{
	struct agent_config config = {.name = name,
				      .version = "1",
				      .manager_cid = MUX_CID_MANAGER,
				      .manager_port = MUX_PORT_MANAGER,
				      .verbs = (1U << MUX_VERBS) - 1,
				      .events = MUX_EVENTS_ALL,
				      .grants = {.others = GRANTS_ALL}};

	memset(&guest->os, 0, sizeof(guest->os));
	guest->os.file_size = BIG_FILE;
	transport_unix_init(&guest->transport, world.folder, cid);
	agent_init(&guest->agent, &config, &fake_os_ops, &guest->os, fake_now(NULL));
	links_init(&guest->links, &guest->agent, fake_now, NULL, guest_connect, guest);
}

static enum agent_answer notify(struct guest *guest, enum mux_event_kind kind, uint64_t cookie,
				const char *path)
{
	struct agent_event event = fake_event(kind, cookie, path);
	struct agent_decision decision;
	enum agent_answer answer = agent_notify(&guest->agent, &event, fake_now(NULL), &decision);

	world_run();
	return answer;
}

/* ---- the world ---- */

static void step(void *context)
{
	(void)context;
	assert_int_equal(registry_step(registry, 0), 0);
	if (service) {
		assert_int_equal(mux_service_step(service, 0), 0);
	}
	links_run(&strict.links, fake_clock_ms * 1000);
	links_run(&lax.links, fake_clock_ms * 1000);
}

static void print(void *context, const char *line)
{
	size_t used = strlen(lines);

	(void)context;
	snprintf(lines + used, sizeof(lines) - used, "%s\n", line);
}

static int setup(void **state)
{
	struct registry_options options = {.print = print};

	(void)state;
	memset(&seen, 0, sizeof(seen));
	lines[0] = '\0';
	world_open();
	world.step = step;
	transport_unix_init(&manager_transport, world.folder, MUX_CID_MANAGER);
	transport_unix_init(&service_transport, world.folder, SERVICE_CID);
	make_guest(&strict, "strict", STRICT_CID);
	make_guest(&lax, "lax", LAX_CID);
	assert_int_equal(registry_create(&manager_transport.transport, &options, &registry), 0);
	make_service();
	world_pass_ms(3000, 50);
	assert_int_equal(seen.configured, 2);
	assert_int_equal(seen.configure_result, MUX_ERR_NONE);
	return 0;
}

static void leave(struct guest *guest)
{
	agent_bye(&guest->agent, fake_now(NULL));
	for (int i = 0; i < 100 && !agent_is_off(&guest->agent); i++) {
		world_pass_ms(50, 50);
	}
	assert_true(agent_is_off(&guest->agent));
}

static int teardown(void **state)
{
	(void)state;
	leave(&strict);
	leave(&lax);
	assert_non_null(strstr(lines, "agent strict (CID 3) left: orderly end"));
	assert_non_null(strstr(lines, "agent lax (CID 4) left: orderly end"));
	assert_int_equal(strict.os.open_files, 0);
	mux_service_destroy(service);
	service = NULL;
	registry_destroy(registry);
	world_close();
	return 0;
}

/* ---- tests ---- */

static void test_rules_differ(void **state)
{
	(void)state;
	assert_int_equal(notify(&lax, MUX_EVENT_OPEN, 1, "/srv/a"), AGENT_ALLOW);
	assert_int_equal(notify(&strict, MUX_EVENT_WRITE, 2, "/srv/a"), AGENT_ALLOW);
	assert_int_equal(notify(&strict, MUX_EVENT_OPEN, 3, "/srv/log/a"), AGENT_ALLOW);
	assert_int_equal(seen.reports + seen.questions, 0);
	assert_int_equal(notify(&lax, MUX_EVENT_WRITE, 4, "/srv/b"), AGENT_ALLOW);
	assert_int_equal(seen.reports, 1);
	assert_string_equal(seen.path, "/srv/b");
	assert_int_equal(notify(&strict, MUX_EVENT_OPEN, 5, "/srv/c"), AGENT_WAIT);
	assert_int_equal(seen.questions, 1);
	assert_int_equal(strict.os.decisions, 0);
	assert_int_equal(mux_verdict(seen.asked, MUX_VERDICT_DENY, 1, "Eicar", 0), 0);
	world_run();
	assert_int_equal(strict.os.decisions, 1);
	assert_int_equal(strict.os.decision[0].cookie, 5);
	assert_int_equal(strict.os.decision[0].verdict, MUX_VERDICT_DENY);
	assert_int_equal(strict.os.decision[0].cause, AGENT_CAUSE_VERDICT);
	assert_string_equal(strict.os.decision[0].service, "av");
	assert_string_equal(strict.os.decision[0].text, "Eicar");
}

static void on_done(const struct mux_result *result, void *context)
{
	(void)context;
	seen.done++;
	seen.result = *result;
	if (result->quarantine_id) {
		snprintf(seen.quarantine_id, sizeof(seen.quarantine_id), "%s",
			 result->quarantine_id);
	}
}

static bool on_data(struct mux_agent *agent, uint64_t offset, const void *data, size_t size,
		    void *context)
{
	const uint8_t *bytes = data;

	(void)agent;
	(void)context;
	seen.is_right = seen.is_right && offset == seen.bytes;
	for (size_t i = 0; i < size; i++) {
		seen.is_right = seen.is_right && bytes[i] == fake_os_byte(offset + i);
	}
	seen.bytes += size;
	return true;
}

static const struct mux_call call = {.done = on_done, .timeout_ms = 5000};

/* The main job: a file is read through the handle of the open that waits, then quarantined. */
static void test_scan_and_quarantine(void **state)
{
	struct mux_agent *agent;
	struct mux_file file;

	(void)state;
	seen.is_right = true;
	assert_int_equal(notify(&strict, MUX_EVENT_OPEN, 9, "/srv/big"), AGENT_WAIT);
	agent = mux_event_info(seen.asked)->agent;
	file = mux_file_event(seen.asked);
	assert_int_not_equal(file.handle, 0);
	assert_true(mux_read(agent, file, 0, MUX_READ_ALL, on_data, &call) > 0);
	for (int i = 0; i < 200 && !seen.done; i++) {
		world_run();
	}
	assert_int_equal(seen.done, 1);
	assert_int_equal(seen.result.status, 0);
	assert_int_equal(seen.result.total, BIG_FILE);
	assert_int_equal(seen.bytes, BIG_FILE);
	assert_true(seen.is_right);
	assert_true(mux_quarantine(agent, file, &call) > 0);
	world_run();
	assert_int_equal(seen.done, 2);
	assert_int_equal(seen.result.status, 0);
	assert_string_equal(seen.quarantine_id, "/q/1");
	assert_int_equal(mux_verdict(seen.asked, MUX_VERDICT_DENY, 1, "Eicar", 0), 0);
	world_run();
	assert_int_equal(strict.os.decisions, 1);
	assert_int_equal(strict.os.open_files, 0);
	world_pass_ms(2000, 100);
	assert_non_null(strstr(lines, "audit: strict: guest changed"));
	assert_non_null(strstr(lines, "audit: strict: denied: deny open /srv/big"));
	assert_int_equal(mux_restore(agent, seen.quarantine_id, &call) > 0, 1);
	world_run();
	assert_int_equal(seen.done, 3);
	mux_stat(agent, mux_file_path("/missing"), &call);
	world_run();
	assert_int_equal(seen.result.status, -ENOENT);
}

static void test_deadline(void **state)
{
	(void)state;
	assert_int_equal(notify(&strict, MUX_EVENT_EXECUTE, 11, "/srv/x"), AGENT_WAIT);
	world_pass_ms(DEADLINE_MS - 50, 50);
	assert_int_equal(strict.os.decisions, 0);
	world_pass_ms(100, 50);
	assert_int_equal(strict.os.decisions, 1);
	assert_int_equal(strict.os.decision[0].verdict, MUX_VERDICT_DENY);
	assert_int_equal(strict.os.decision[0].cause, AGENT_CAUSE_DEADLINE);
	assert_int_equal(mux_verdict(seen.asked, MUX_VERDICT_ALLOW, 0, NULL, 0), -ETIMEDOUT);
	world_pass_ms(1000, 100);
	assert_non_null(strstr(lines, "audit: strict: deadline passed: deny execute /srv/x"));
	assert_int_equal(registry_audit_count(registry, MUX_AUDIT_DEADLINE), 1);
}

/* The service dies while a guest waits, comes again within the deadline, and is asked again. */
static void test_service_restarts(void **state)
{
	struct mux_event *old;

	(void)state;
	assert_int_equal(notify(&strict, MUX_EVENT_OPEN, 21, "/srv/x"), AGENT_WAIT);
	old = seen.asked;
	mux_service_destroy(service);
	service = NULL;
	world_run();
	assert_int_equal(mux_verdict(old, MUX_VERDICT_ALLOW, 0, NULL, 0), -ENOTCONN);
	assert_int_equal(strict.os.decisions, 0);
	make_service();
	world_pass_ms(600, 20);
	assert_int_equal(seen.configured, 4);
	assert_int_equal(seen.questions, 2);
	assert_int_equal(mux_verdict(seen.asked, MUX_VERDICT_ALLOW, 0, NULL, 0), 0);
	world_run();
	assert_int_equal(strict.os.decisions, 1);
	assert_int_equal(strict.os.decision[0].cause, AGENT_CAUSE_VERDICT);
	assert_int_equal(strict.os.decision[0].verdict, MUX_VERDICT_ALLOW);
}

/* Everybody stays for minutes with heartbeats alone. */
static void test_quiet_minutes(void **state)
{
	struct mux_known_agent known[4];

	(void)state;
	world_pass_ms(180000, 200);
	assert_int_equal(seen.downs, 0);
	assert_null(strstr(lines, "alarm"));
	assert_int_equal(mux_service_known_agents(service, known, 4), 2);
	assert_true(mux_service_is_registered(service));
	assert_int_equal(agent_ready_services(&strict.agent), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_rules_differ),     TEST(test_scan_and_quarantine), TEST(test_deadline),
		TEST(test_service_restarts), TEST(test_quiet_minutes),
	};

	return cmocka_run_group_tests_name("agents and services", tests, NULL, NULL);
}
