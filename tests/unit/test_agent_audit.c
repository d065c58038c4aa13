/* SPDX-License-Identifier: MIT */
/*
 * Property test of invariant I8: no event that matched a rule is lost without an audit record that
 * says so, and every operation that waits is decided once and by its deadline. Random events, rule
 * sets, verdicts, slow readers, disconnects and restarts, over many seeds.
 *
 * The books: every event that a service's rules matched when the agent was told of it (the agent's
 * own filter says so: what is tested is what comes after it) has reached that service, or stands in
 * an audit record by its path. Those that do neither are no more than the merged records, which
 * have a count instead of a path, stand for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/agent_net.h"
#include "tests/unit/agent_os.h"

#define SERVICES 3U
#define SEEDS	 60U
#define STEPS	 1500U
#define KINDS	 4U
#define DEADLINE 50U /* ms */
#define COOKIES	 (STEPS + 1)

struct book {
	bool matched[COOKIES]; /* by cookie */
	bool reached[COOKIES]; /* came to the service, or stands in a record */
	uint64_t requests[64]; /* questions not answered yet */
	unsigned open;
};

struct world {
	struct net net;
	struct fake_os os;
	struct agent agent;
	struct net_peer *manager;
	struct net_peer *service[SERVICES];
	struct book book[SERVICES];
	uint64_t audited;	       /* records that name their event */
	uint64_t merged[SERVICES + 1]; /* events in records that do not, by service id */
	uint64_t cookie;
	unsigned waiting;
};

static struct world *world;

static unsigned random_below(unsigned limit)
{
	return (unsigned)rand() % limit;
}

/* The path of each event is its cookie, so that the service can say which one reached it. */
static uint64_t cookie_of(struct wire_string path)
{
	char text[32];

	wire_string_copy(text, sizeof(text), path);
	return strtoull(text + 3, NULL, 10); /* "/x/N" */
}

static void service_message(struct net_peer *peer, const struct wire_message *message)
{
	struct book *book = peer->context;
	struct wire_event event;

	if (message->header.type == MUX_MSG_HELLO) {
		book->open = 0;
	}
	if (message->header.type != MUX_MSG_EVENT) {
		return;
	}
	assert_int_equal(wire_decode_event(message, &event), 0);
	book->reached[cookie_of(event.path)] = true;
	if (message->header.request != 0) {
		book->requests[book->open++ % 64] = message->header.request;
	}
}

static void manager_message(struct net_peer *peer, const struct wire_message *message)
{
	struct wire_audit audit;

	(void)peer;
	if (message->header.type != MUX_MSG_AUDIT) {
		return;
	}
	assert_int_equal(wire_decode_audit(message, &audit), 0);
	assert_true(audit.service <= SERVICES);
	if (audit.kind == MUX_AUDIT_DENIED) {
		return; /* a verdict came, so the event reached its service */
	}
	if (audit.path.size > 0 && audit.service > 0) {
		world->book[audit.service - 1].reached[cookie_of(audit.path)] = true;
		world->audited++;
	} else {
		world->merged[audit.service] += audit.count;
	}
}

static void configure(unsigned index)
{
	struct wire_rule rules[4];
	unsigned count = 1 + random_below(4);

	if (world->service[index]->link < 0) {
		return;
	}
	for (unsigned i = 0; i < count; i++) {
		enum mux_action action = (enum mux_action)random_below(3);

		rules[i] = net_rule(i, action, 1 + random_below((1U << KINDS) - 1), "/x/**",
				    action == MUX_ACTION_VERDICT ? 1 + random_below(DEADLINE) : 0,
				    (enum mux_verdict)random_below(2));
		rules[i].size_min = random_below(50);
	}
	net_configure(world->service[index], rules, count);
}

static void start(unsigned seed)
{
	struct agent_config config = {
		.name = "g", .version = "", .manager_cid = 2, .manager_port = 7000};

	srand(seed);
	world = calloc(1, sizeof(*world));
	assert_non_null(world);
	net_init(&world->net, &world->agent);
	world->manager = net_add(&world->net, 2, 7000, manager_message, NULL);
	agent_init(&world->agent, &config, &fake_os_ops, &world->os, world->net.now);
	net_pump(&world->net);
	for (unsigned i = 0; i < SERVICES; i++) {
		char name[4] = {'s', (char)('0' + i), '\0', '\0'};

		world->service[i] =
			net_add(&world->net, 16 + i, 7001, service_message, &world->book[i]);
		net_service_up(world->manager, i + 1, world->service[i], name);
	}
	net_pump(&world->net);
	for (unsigned i = 0; i < SERVICES; i++) {
		configure(i);
	}
}

/* ---- random steps ---- */

/* Which services have a rule for it that is not "ignore"? The filter is the agent's own: what is
 * tested is that nothing gets lost after it. */
static void enter(const struct agent_event *event)
{
	for (unsigned i = 0; i < SERVICES; i++) {
		const struct service *service = &world->agent.service[i];

		if (service->is_used && service->has_rules &&
		    filter_apply(&service->filter, event).action != FILTER_IGNORE &&
		    filter_apply(&service->filter, event).action != FILTER_REMEMBERED) {
			world->book[i].matched[event->cookie] = true;
		}
	}
}

static void event(void)
{
	struct agent_decision decision;
	struct agent_event event;
	char path[32];

	snprintf(path, sizeof(path), "/x/%llu", (unsigned long long)++world->cookie);
	event = fake_event((enum mux_event_kind)random_below(KINDS), world->cookie, path);
	event.size = random_below(100);
	event.can_wait = random_below(4) != 0;
	event.file_id = 1 + random_below(20);
	enter(&event);
	if (agent_notify(&world->agent, &event, world->net.now, &decision) == AGENT_WAIT) {
		world->waiting++;
		assert_true(event.can_wait);
	}
}

static void verdicts(unsigned index)
{
	struct book *book = &world->book[index];

	while (book->open > 0 && world->service[index]->link >= 0 &&
	       world->service[index]->output.size < 10000) {
		uint64_t request = book->requests[--book->open % 64];

		if (random_below(4) != 0) {
			net_verdict(world->service[index], request,
				    (enum mux_verdict)random_below(2),
				    random_below(3) == 0 ? MUX_VERDICT_REMEMBER : 0, "v");
		}
	}
}

/* X2: nothing waits past its deadline. */
static void sleep_and_check(unsigned us)
{
	net_sleep(&world->net, us);
	for (unsigned i = 0; i < AGENT_PENDING_MAX; i++) {
		const struct pending_op *op = &world->agent.pending.op[i];

		assert_true(op->id == 0 || world->net.now.us < op->asked.us + DEADLINE * 1000);
	}
}

static void random_step(void)
{
	unsigned index = random_below(SERVICES);
	struct net_peer *peer = world->service[index];

	switch (random_below(40)) {
	case 0: configure(index); break;
	case 1: net_break(&world->net, peer); break;
	case 2: peer->is_listening = random_below(2) == 0; break;
	case 3: peer->is_reading = random_below(3) != 0; break;
	case 4: sleep_and_check(random_below(100000)); break;
	case 5: net_break(&world->net, world->manager); break;
	case 6: world->manager->is_reading = random_below(2) == 0; break;
	case 7:
	case 8: verdicts(index); break;
	case 9: sleep_and_check(random_below(3000)); break;
	case 10: peer->read_max = random_below(2) * 77; break;
	default: event(); break;
	}
	if (random_below(3) == 0) {
		net_pump(&world->net);
	}
}

/* ---- the end ---- */

static void settle_down(void)
{
	for (unsigned i = 0; i < SERVICES; i++) {
		world->service[i]->is_listening = true;
		world->service[i]->is_reading = true;
		world->service[i]->read_max = 0;
	}
	world->manager->is_reading = true;
	net_sleep(&world->net, AGENT_BACKOFF_MAX_US + AGENT_WELCOME_US);
	/* Services without rules by now get some, so that their backlogs end somewhere. */
	for (unsigned i = 0; i < SERVICES; i++) {
		configure(i);
	}
	net_sleep(&world->net, 2 * DEADLINE * 1000);
	agent_bye(&world->agent, world->net.now);
	net_sleep(&world->net, 2 * AGENT_CLOSE_US);
	assert_true(agent_is_off(&world->agent));
}

static void check_books(unsigned seed)
{
	uint64_t matched = 0;
	uint64_t missing = 0;
	uint64_t merged = world->merged[0];

	for (unsigned i = 0; i < SERVICES; i++) {
		const struct book *book = &world->book[i];
		uint64_t missing_here = 0;

		for (unsigned c = 0; c < COOKIES; c++) {
			matched += book->matched[c] ? 1 : 0;
			missing_here += book->matched[c] && !book->reached[c] ? 1 : 0;
		}
		if (missing_here > world->merged[i + 1] + world->merged[0]) {
			fail_msg("seed %u service %u: %u missing, %u merged", seed, i,
				 (unsigned)missing_here, (unsigned)world->merged[i + 1]);
		}
		missing += missing_here;
		merged += world->merged[i + 1];
	}
	assert_true(missing <= merged);
	assert_true(matched > STEPS / 4);
	assert_int_equal(world->os.decisions, world->waiting);
	assert_int_equal(world->agent.pending.used, 0);
	assert_int_equal(world->os.open_files, 0);
}

static void test_nothing_is_lost_silently(void **state)
{
	uint64_t audited = 0;
	uint64_t merged = 0;

	(void)state;
	for (unsigned seed = 1; seed <= SEEDS; seed++) {
		start(seed);
		for (unsigned i = 0; i < STEPS; i++) {
			random_step();
		}
		settle_down();
		check_books(seed);
		audited += world->audited;
		merged += world->merged[1];
		net_destroy(&world->net);
		free(world);
	}
	/* The bad days did happen. */
	assert_true(audited > 1000);
	assert_true(merged > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_is_lost_silently),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
