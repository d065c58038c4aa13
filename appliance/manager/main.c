/* SPDX-License-Identifier: MIT */
/*
 * The manager partition's program.
 *
 *   manager [--heartbeat-ms=N] [--expect-agents=N --finish]
 *
 * Without --finish it runs for ever. With it, it ends when N agents have come and gone: it waits
 * for the services' last counters, prints the table of results and exits with 0 if every agent
 * ended in order and its partition did not fail, else with 1.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/lib/include/muxaccess.h"
#include "appliance/lib/transport.h"
#include "appliance/manager/partitions.h"
#include "appliance/manager/registry.h"
#include "appliance/manager/report.h"

#define STEP_MS	  200
#define RETURN_MS 30000U /* an agent that is lost for so long is not expected back */
/* Longest wait for the services' last counters, and for the guests' exit codes. */
#define LAST_WORDS_MS 5000U

struct arguments {
	uint32_t heartbeat_ms;
	uint32_t expected_agents;
	bool finish;
};

static bool parse_number(const char *text, const char *name, uint32_t *value)
{
	size_t length = strlen(name);
	unsigned long number;
	char *end;

	if (strncmp(text, name, length) != 0) {
		return false;
	}
	errno = 0;
	number = strtoul(text + length, &end, 10);
	if (errno || end == text + length || *end || number > 1000000) {
		return false;
	}
	*value = (uint32_t)number;
	return true;
}

static bool parse_arguments(int count, char **values, struct arguments *arguments)
{
	for (int i = 1; i < count; i++) {
		if (strcmp(values[i], "--finish") == 0) {
			arguments->finish = true;
		} else if (!parse_number(values[i], "--heartbeat-ms=", &arguments->heartbeat_ms) &&
			   !parse_number(values[i],
					 "--expect-agents=", &arguments->expected_agents)) {
			fprintf(stderr, "bad argument: %s\n", values[i]);
			return false;
		}
	}
	return true;
}

static void print_line(void *context, const char *line)
{
	(void)context;
	puts(line);
	fflush(stdout);
}

static bool has_ended(const struct registry_peer *agent, uint64_t now_ms)
{
	if (agent->state == REGISTRY_LOST) {
		return now_ms - agent->changed_ms >= RETURN_MS;
	}
	return agent->state == REGISTRY_LEFT;
}

static bool is_finished(const struct registry *registry, uint32_t expected)
{
	const struct registry_peer *peer;
	uint64_t now_ms = mux_time_ms();
	uint32_t ended = 0;

	for (size_t i = 0; (peer = registry_peer_at(registry, i)) != NULL; i++) {
		if (peer->role == MUX_ROLE_AGENT) {
			ended += has_ended(peer, now_ms);
		}
	}
	return ended >= expected;
}

/* Has every service that is there told its counters after that time? */
static bool has_last_counters(const struct registry *registry, uint64_t since_ms)
{
	const struct registry_peer *peer;

	for (size_t i = 0; (peer = registry_peer_at(registry, i)) != NULL; i++) {
		if (peer->role == MUX_ROLE_SERVICE && peer->session &&
		    peer->heartbeat_ms < since_ms) {
			return false;
		}
	}
	return true;
}

/* Agents that said goodbye, and whose partitions are in this state. */
static size_t count_partitions(const struct registry *registry, enum partitions_end end)
{
	const struct registry_peer *peer;
	size_t count = 0;

	for (size_t i = 0; (peer = registry_peer_at(registry, i)) != NULL; i++) {
		count += peer->role == MUX_ROLE_AGENT && peer->state == REGISTRY_LEFT &&
			 partitions_end_of(peer->cid) == end;
	}
	return count;
}

/* Is all there that the table is made of? Agents have left; services tell their last counters,
 * guests end with their exit codes, but nobody waits for these for ever. */
static bool has_all(const struct registry *registry, uint64_t interval_ms, uint64_t finished_ms)
{
	if (mux_time_ms() - finished_ms >= LAST_WORDS_MS) {
		return true;
	}
	/* A heartbeat that comes at once may have been on its way before the end. */
	return has_last_counters(registry, finished_ms + interval_ms / 2) &&
	       count_partitions(registry, PARTITIONS_RUNNING) == 0;
}

/* Serves until the run is over, or for ever. Returns what registry_step returns. */
static int serve(struct registry *registry, const struct arguments *arguments)
{
	uint64_t interval_ms =
		arguments->heartbeat_ms ? arguments->heartbeat_ms : REGISTRY_HEARTBEAT_MS;
	uint64_t finished_ms = 0;
	int error;

	do {
		error = registry_step(registry, arguments->finish ? STEP_MS : -1);
		if (!arguments->finish || !is_finished(registry, arguments->expected_agents)) {
			finished_ms = 0;
		} else if (!finished_ms) {
			finished_ms = mux_time_ms();
		}
	} while (!error && !(finished_ms && has_all(registry, interval_ms, finished_ms)));
	return error;
}

static int run(struct registry *registry, const struct arguments *arguments)
{
	int error = serve(registry, arguments);
	size_t failed;

	if (error) {
		fprintf(stderr, "event loop: %s\n", strerror(-error));
		return 1;
	}
	failed = report_failed_agents(registry) + count_partitions(registry, PARTITIONS_FAILED);
	report_print(registry, failed);
	partitions_print();
	return failed ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct registry_options options = {.print = print_line};
	struct arguments arguments = {0};
	struct registry *registry;
	int result;

	if (!parse_arguments(argc, argv, &arguments)) {
		return 2;
	}
	options.heartbeat_ms = arguments.heartbeat_ms;
	result = registry_create(&transport_vsock, &options, &registry);
	if (result) {
		fprintf(stderr, "cannot listen: %s\n", strerror(-result));
		return 1;
	}
	printf("ready for agents and services\n");
	fflush(stdout);
	result = run(registry, &arguments);
	registry_destroy(registry);
	return result;
}
