/* SPDX-License-Identifier: MIT */
/*
 * The whole bare-metal guest on the host: workload scripts run against a small antivirus that reads
 * each file by its handle and denies those that hold the word VIRUS.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "agent-guest/bare/guest.h"
#include "tests/unit/agent_net.h"

#define OPENS	 (1ULL << MUX_EVENT_OPEN)
#define EXECUTES (1ULL << MUX_EVENT_EXECUTE)
#define WRITES	 (1ULL << MUX_EVENT_WRITE)
#define DEADLINE 200U

struct world {
	struct net net;
	struct guest guest;
	struct net_peer *manager;
	struct net_peer *av;
	bool is_quarantining;
	bool is_silent;	   /* answers nothing */
	uint64_t question; /* being scanned: the EVENT's request, and that of the READ */
	uint64_t reading;
	uint64_t handle;
	bool is_infected;
	uint64_t waiting[64]; /* questions that wait for their turn: request and handle are one */
	unsigned waiting_count;
	unsigned events_by_kind[MUX_EVENT_KINDS];
	uint32_t pid; /* of the last process that started */
	uint64_t start_us;
	int32_t status; /* of the last other RESPONSE */
	char id[128];	/* of the last quarantined file */
	char output[65536];
};

static struct world *world;

/* ---- the antivirus ---- */

static void scan_next(void)
{
	struct wire_access access = {.verb = MUX_VERB_READ,
				     .length = UINT64_MAX,
				     .path = wire_string_of(""),
				     .path2 = wire_string_of("")};

	if (world->question != 0 || world->waiting_count == 0) {
		return;
	}
	world->question = world->waiting[0];
	world->waiting_count--;
	memmove(world->waiting, world->waiting + 1, sizeof(world->waiting) - sizeof(uint64_t));
	world->is_infected = false;
	access.handle = world->question;
	world->reading = net_access(world->av, &access);
}

static void quarantine(uint64_t handle, struct wire_string path)
{
	struct wire_access access = {.verb = MUX_VERB_QUARANTINE,
				     .handle = handle,
				     .path = path,
				     .path2 = wire_string_of("")};

	net_access(world->av, &access);
}

static void take_scan(const struct wire_message *message, const struct wire_response *response)
{
	/* The test's files are small: the word is in one piece. */
	if (response->data.size > 0 &&
	    memmem(response->data.data, response->data.size, "VIRUS", 5) != NULL) {
		world->is_infected = true;
	}
	if ((message->header.flags & MUX_FLAG_MORE) != 0) {
		return;
	}
	if (world->is_infected && world->is_quarantining) {
		quarantine(world->question, wire_string_of(""));
	}
	net_verdict(world->av, world->question,
		    world->is_infected ? MUX_VERDICT_DENY : MUX_VERDICT_ALLOW, 0,
		    world->is_infected ? "Test.Virus" : "");
	world->question = 0;
	scan_next();
}

static void take_response(const struct wire_message *message)
{
	struct wire_response response;
	struct wire_list list;
	struct wire_string id;

	assert_int_equal(wire_decode_response(message, &response), 0);
	if (message->header.request == world->reading) {
		take_scan(message, &response);
		return;
	}
	world->status = response.status;
	list = wire_list_of(response.data);
	if (response.verb == MUX_VERB_QUARANTINE && response.status == 0 &&
	    wire_next_string(&list, &id) == 1) {
		wire_string_copy(world->id, sizeof(world->id), id);
	}
}

static void av_message(struct net_peer *peer, const struct wire_message *message)
{
	struct wire_event event;

	(void)peer;
	if (message->header.type == MUX_MSG_RESPONSE) {
		take_response(message);
	}
	if (message->header.type != MUX_MSG_EVENT) {
		return;
	}
	assert_int_equal(wire_decode_event(message, &event), 0);
	world->events_by_kind[event.kind]++;
	if (event.kind == MUX_EVENT_PROCESS_START) {
		world->pid = event.pid;
		world->start_us = event.start_us;
	}
	if (world->is_silent) {
		return;
	}
	if (message->header.request != 0) {
		world->waiting[world->waiting_count++] = event.handle;
		assert_int_equal(event.handle, message->header.request);
		scan_next();
	} else if (world->is_quarantining && event.kind == MUX_EVENT_WRITE) {
		quarantine(0, event.path);
	}
}

/* ---- the guest ---- */

static struct agent_time world_now(void *context)
{
	(void)context;
	return world->net.now;
}

static void world_print(void *context, const char *line)
{
	size_t used = strlen(world->output);

	(void)context;
	snprintf(world->output + used, sizeof(world->output) - used, "%s\n", line);
}

static int set_up(void **state)
{
	static const struct guest_machine machine = {.now = world_now, .print = world_print};
	struct agent_config config = {.name = "guest",
				      .version = "1",
				      .manager_cid = 2,
				      .manager_port = MUX_PORT_MANAGER,
				      .verbs = GRANTS_ALL,
				      .grants = {.others = GRANTS_ALL}};

	(void)state;
	world = calloc(1, sizeof(*world));
	assert_non_null(world);
	net_init(&world->net, &world->guest.agent);
	world->manager = net_add(&world->net, 2, MUX_PORT_MANAGER, NULL, NULL);
	world->av = net_add(&world->net, 16, MUX_PORT_SERVICE, av_message, NULL);
	assert_int_equal(guest_init(&world->guest, &machine, &config), 0);
	net_pump(&world->net);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	agent_bye(&world->guest.agent, world->net.now);
	net_sleep(&world->net, 3 * AGENT_CLOSE_US);
	assert_true(agent_is_off(&world->guest.agent));
	guest_destroy(&world->guest);
	net_destroy(&world->net);
	free(world);
	return 0;
}

static void protect(enum mux_action action, uint64_t events, enum mux_verdict fallback)
{
	struct wire_rule rule = net_rule(1, action, events, "/**",
					 action == MUX_ACTION_VERDICT ? DEADLINE : 0, fallback);

	net_service_up(world->manager, 1, world->av, "av");
	net_pump(&world->net);
	net_configure(world->av, &rule, 1);
	net_pump(&world->net);
}

/* Runs a workload to its end and returns the number of expectations that failed. */
static unsigned run(const char *script)
{
	assert_int_equal(guest_start_workload(&world->guest, "workload", script, strlen(script)),
			 0);
	for (unsigned i = 0; !guest_is_done(&world->guest); i++) {
		assert_true(i < 100000);
		if (!guest_run(&world->guest)) {
			net_sleep(&world->net, 1000);
		} else {
			net_pump(&world->net);
		}
	}
	if (world->guest.failures > 0) {
		print_message("%s", world->output);
	}
	return world->guest.failures;
}

static void assert_told(const char *text)
{
	if (strstr(world->output, text) == NULL) {
		fail_msg("\"%s\" is not in:\n%s", text, world->output);
	}
}

static void test_files_without_services(void **state)
{
	(void)state;
	assert_int_equal(run("expect ok mkdir /d\n"
			     "expect ok create /d/a 10k\n"
			     "expect exists create /d/a\n"
			     "expect ok write /d/b text\n"
			     "expect ok append /d/b \"more text\"\n"
			     "expect ok read /d/b\n"
			     "expect ok copy /d/b /d/c\n"
			     "expect ok rename /d/c /d/e\n"
			     "expect missing open /d/c\n"
			     "expect failed delete /d\n"
			     "expect ok delete /d/e\n"
			     "expect missing delete /d/e\n"
			     "expect failed open /d\n"
			     "expect denied open /.quarantine\n"
			     "expect denied create /.quarantine/x 1\n"
			     "expect denied rename /d/a //.quarantine/x\n"
			     "walk /d open\n"
			     "check walked == 2\n"),
			 0);
}

static void test_failed_expectations_count(void **state)
{
	(void)state;
	assert_int_equal(
		guest_start_workload(&world->guest, "w", "expect ok open /x\ncheck files > 9", 33),
		0);
	while (!guest_is_done(&world->guest)) {
		guest_run(&world->guest);
	}
	assert_int_equal(world->guest.failures, 2);
	assert_told("w line 1: expected ok, got missing");
	assert_told("w line 2: expected files > 9, but it is 0");
}

static void test_wrong_script_does_not_start(void **state)
{
	(void)state;
	assert_int_equal(guest_start_workload(&world->guest, "w", "open\n", 5), -EINVAL);
	assert_told("w line 1: wrong number of arguments");
}

static void test_verdicts(void **state)
{
	(void)state;
	protect(MUX_ACTION_VERDICT, OPENS | EXECUTES, MUX_VERDICT_ALLOW);
	assert_int_equal(run("wait services 1 1000\n"
			     "write /good harmless\n"
			     "write /bad \"this is a VIRUS here\"\n"
			     "expect ok open /good\n"
			     "expect denied open /bad\n"
			     "expect denied read /bad\n"
			     "expect denied copy /bad /copy\n"
			     "expect missing open /copy\n"
			     "expect denied exec /bad\n"
			     "expect denied start /bad\n"
			     "expect ok exec /good\n"
			     "expect denied append /bad x\n"
			     "expect denied walk / open\n"
			     "check walked == 2\n"
			     "check walk_denied == 1\n"
			     "check denied == 7\n"),
			 0);
	assert_told("open /bad: denied by av (Test.Virus) in ");
	assert_told("walk / open: 2 files, 1 ok, 1 denied, 0 failed");
}

static void test_deadline_of_a_silent_service(void **state)
{
	(void)state;
	protect(MUX_ACTION_VERDICT, OPENS, MUX_VERDICT_DENY);
	world->is_silent = true;
	assert_int_equal(run("write /a text\n"
			     "expect denied open /a\n"
			     "check fallbacks == 1\n"),
			 0);
	assert_told("open /a: denied by av (no verdict by the deadline) in ");
}

static void test_quarantine_by_verdict(void **state)
{
	struct wire_access access = {
		.verb = MUX_VERB_RESTORE, .path = {world->id, 0}, .path2 = wire_string_of("")};

	(void)state;
	protect(MUX_ACTION_VERDICT, OPENS, MUX_VERDICT_ALLOW);
	world->is_quarantining = true;
	assert_int_equal(run("write /bad VIRUS\n"
			     "expect denied open /bad\n"
			     "check quarantined == 1\n"
			     "expect missing open /bad\n"
			     "expect denied open /.quarantine/000001\n"
			     "expect ok walk / open\n"
			     "check walked == 0\n"),
			 0);
	assert_string_equal(world->id, "/.quarantine/000001");
	access.path = wire_string_of(world->id);
	net_access(world->av, &access);
	net_pump(&world->net);
	assert_int_equal(world->status, 0);
	assert_told("/.quarantine/000001: restored as /bad");
}

static void test_quarantine_after_report(void **state)
{
	(void)state;
	protect(MUX_ACTION_REPORT, WRITES, MUX_VERDICT_ALLOW);
	world->is_quarantining = true;
	assert_int_equal(run("write /bad VIRUS\n"
			     "wait quarantined 1 1000\n"
			     "expect missing open /bad\n"),
			 0);
	assert_int_equal(world->events_by_kind[MUX_EVENT_WRITE], 1);
}

static void test_every_kind_is_told(void **state)
{
	(void)state;
	protect(MUX_ACTION_REPORT, (1ULL << MUX_EVENT_KINDS) - 1, MUX_VERDICT_ALLOW);
	assert_int_equal(run("write /a text\n"
			     "open /a\n"
			     "rename /a /b\n"
			     "exec /b\n"
			     "start /b\n"
			     "check processes == 2\n"
			     "expect ok stop /b\n"
			     "sleep 5\n"
			     "check processes == 1\n"
			     "delete /b\n"),
			 0);
	net_sleep(&world->net, 1000);
	assert_int_equal(world->events_by_kind[MUX_EVENT_OPEN], 1);
	assert_int_equal(world->events_by_kind[MUX_EVENT_CLOSE], 2);
	assert_int_equal(world->events_by_kind[MUX_EVENT_WRITE], 1);
	assert_int_equal(world->events_by_kind[MUX_EVENT_CREATE], 1);
	assert_int_equal(world->events_by_kind[MUX_EVENT_DELETE], 1);
	assert_int_equal(world->events_by_kind[MUX_EVENT_RENAME], 1);
	assert_int_equal(world->events_by_kind[MUX_EVENT_EXECUTE], 2);
	assert_int_equal(world->events_by_kind[MUX_EVENT_PROCESS_START], 2);
	assert_int_equal(world->events_by_kind[MUX_EVENT_PROCESS_STOP], 2);
}

static void step(unsigned ms)
{
	for (unsigned i = 0; i < ms; i++) {
		while (guest_run(&world->guest)) {
			net_pump(&world->net);
		}
		net_sleep(&world->net, 1000);
	}
}

/* What the service does to a process: its status. */
static int32_t control(enum mux_verb verb, uint32_t pid, uint64_t start_us)
{
	struct wire_access access = {
		.verb = (uint16_t)verb, .offset = pid, .length = start_us, .path = {"", 0}};

	world->status = 1;
	net_access(world->av, &access);
	net_pump(&world->net);
	assert_int_not_equal(world->status, 1);
	return world->status;
}

/* A script that a service holds does nothing until it may go on. */
static void test_service_controls_a_process(void **state)
{
	static const char script[] = "write /script \"#!mux\"\n"
				     "append /script \"sleep 10\"\n"
				     "append /script \"create /made 1\"\n"
				     "append /script \"sleep 100000\"\n"
				     "start /script\n"
				     "sleep 500\n"
				     "expect missing open /made\n"
				     "sleep 500\n"
				     "expect ok open /made\n"
				     "check processes == 2\n"
				     "sleep 500\n"
				     "check processes == 1\n";

	(void)state;
	protect(MUX_ACTION_REPORT, 1ULL << MUX_EVENT_PROCESS_START, MUX_VERDICT_ALLOW);
	assert_int_equal(guest_start_workload(&world->guest, "w", script, sizeof(script) - 1), 0);
	step(5);
	assert_true(world->pid > PROCESS_FIRST_PID && world->start_us != 0);
	assert_int_equal(control(MUX_VERB_PROCESS_STOP, world->pid, world->start_us + 2), -ESTALE);
	assert_int_equal(control(MUX_VERB_PROCESS_STOP, 99, world->start_us), -ESRCH);
	assert_int_equal(control(MUX_VERB_PROCESS_STOP, world->pid, world->start_us), 0);
	step(700);
	assert_int_equal(control(MUX_VERB_PROCESS_RESUME, world->pid, world->start_us), 0);
	step(500);
	assert_int_equal(control(MUX_VERB_PROCESS_STOP, world->pid, world->start_us), 0);
	assert_int_equal(control(MUX_VERB_PROCESS_KILL, world->pid, world->start_us), 0);
	step(1000);
	assert_int_equal(control(MUX_VERB_PROCESS_KILL, world->pid, world->start_us), -ESRCH);
	assert_true(guest_is_done(&world->guest));
	assert_int_equal(world->guest.failures, 0);
}

/* The workload itself is the first process. */
static void test_first_process_is_protected(void **state)
{
	struct process *first;

	(void)state;
	protect(MUX_ACTION_REPORT, OPENS, MUX_VERDICT_ALLOW);
	assert_int_equal(guest_start_workload(&world->guest, "w", "sleep 20\n", 9), 0);
	first = process_find(&world->guest.processes, PROCESS_FIRST_PID);
	assert_non_null(first);
	for (uint16_t verb = MUX_VERB_PROCESS_STOP; verb <= MUX_VERB_PROCESS_KILL; verb++) {
		assert_int_equal(control((enum mux_verb)verb, first->pid, first->start_us),
				 -EOPNOTSUPP);
	}
	assert_int_equal(world->guest.agent.counters.refused, 3);
	step(50);
	assert_true(guest_is_done(&world->guest));
}

/* Only the task that waits for a verdict waits. */
static void test_tasks_go_on(void **state)
{
	(void)state;
	protect(MUX_ACTION_VERDICT, OPENS, MUX_VERDICT_ALLOW);
	world->is_silent = true;
	assert_int_equal(run("write /script \"#!mux\"\n"
			     "append /script \"open /script\"\n" /* waits for its deadline */
			     "start /script\n"
			     "repeat 20\n"
			     "create /f 1\n"
			     "delete /f\n"
			     "end\n"
			     "check fallbacks == 1\n" /* that of append */
			     "sleep 250\n"
			     "check fallbacks == 2\n"),
			 0);
}

static void test_scripts_are_interpreted(void **state)
{
	(void)state;
	assert_int_equal(run("write /good \"#!mux\"\n"
			     "append /good \"write /made text\"\n"
			     "write /wrong \"#!mux\"\n"
			     "append /wrong \"no such command\"\n"
			     "write /loop \"#!mux\"\n"
			     "append /loop \"sleep 1000000\"\n"
			     "expect ok exec /good\n"
			     "expect ok open /made\n"
			     "expect failed exec /wrong\n"
			     "expect ok start /loop\n"
			     "check processes == 2\n"
			     "expect ok stop /loop\n"
			     "sleep 5\n"
			     "check processes == 1\n"
			     "expect denied stop 1\n"),
			 0);
	assert_told("/wrong line 2: unknown command");
}

static void test_restarted_service_scans_again(void **state)
{
	struct wire_rule rule =
		net_rule(1, MUX_ACTION_VERDICT, OPENS, "/**", DEADLINE, MUX_VERDICT_ALLOW);
	const char *script = "write /bad VIRUS\n"
			     "expect denied open /bad\n";

	(void)state;
	protect(MUX_ACTION_VERDICT, OPENS, MUX_VERDICT_ALLOW);
	world->is_silent = true;
	assert_int_equal(guest_start_workload(&world->guest, "w", script, strlen(script)), 0);
	guest_run(&world->guest);
	net_sleep(&world->net, 10000);
	net_break(&world->net, world->av); /* in the middle of the scan */
	world->is_silent = false;
	net_sleep(&world->net, 50000);
	net_configure(world->av, &rule, 1);
	net_sleep(&world->net, 1000);
	while (!guest_is_done(&world->guest)) {
		guest_run(&world->guest);
		net_sleep(&world->net, 1000);
	}
	assert_int_equal(world->guest.failures, 0);
	assert_told("open /bad: denied by av (Test.Virus) in ");
}

/* A long walk leaves time for the links: what it causes is sent, not piled up and lost. */
static void test_walk_gives_turns(void **state)
{
	const char *script = "walk / write\n";
	unsigned turns = 0;

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		struct ramfs_node *node;
		char path[16];

		snprintf(path, sizeof(path), "/f%u", i);
		assert_int_equal(ramfs_create(&world->guest.fs, path, false, 0, &node), 0);
	}
	assert_int_equal(guest_start_workload(&world->guest, "w", script, strlen(script)), 0);
	while (!guest_is_done(&world->guest)) {
		assert_true(guest_run(&world->guest)); /* it never waits */
		turns++;
	}
	assert_in_range(turns, 10, 20);
	assert_told("walk / write: 100 files, 100 ok, 0 denied, 0 failed");
}

static void test_archive(void **state)
{
	static uint8_t archive[1 << 16];
	FILE *file;
	size_t size;

	(void)state;
	file = popen("set -e; d=$(mktemp -d); cd $d; mkdir a; echo VIRUS > a/bad; echo x > a/good;"
		     "ln a/bad a/link; tar -cf /dev/stdout ./a; cd /; rm -r $d",
		     "r");
	assert_non_null(file);
	size = fread(archive, 1, sizeof(archive), file);
	assert_int_equal(pclose(file), 0);
	assert_int_equal(guest_load_archive(&world->guest, "/samples", archive, size), 3);
	protect(MUX_ACTION_VERDICT, OPENS, MUX_VERDICT_ALLOW);
	assert_int_equal(run("expect denied open /samples/a/bad\n"
			     "expect denied open /samples/a/link\n"
			     "expect ok open /samples/a/good\n"
			     "walk /samples exec\n"
			     "expect denied walk /samples write\n"
			     "check walk_denied == 2\n"
			     "check files == 3\n"),
			 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_files_without_services),
		TEST(test_failed_expectations_count),
		TEST(test_wrong_script_does_not_start),
		TEST(test_verdicts),
		TEST(test_deadline_of_a_silent_service),
		TEST(test_quarantine_by_verdict),
		TEST(test_quarantine_after_report),
		TEST(test_every_kind_is_told),
		TEST(test_service_controls_a_process),
		TEST(test_first_process_is_protected),
		TEST(test_tasks_go_on),
		TEST(test_scripts_are_interpreted),
		TEST(test_restarted_service_scans_again),
		TEST(test_walk_gives_turns),
		TEST(test_archive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
