/* SPDX-License-Identifier: MIT */
#include "appliance/manager/report.h"

#include <inttypes.h>
#include <stdio.h>

#define COLUMNS_MAX 6 /* agents with a column of their own; the total counts all */
#define RULES_MAX   256U

size_t report_failed_agents(const struct registry *registry)
{
	const struct registry_peer *peer;
	size_t failed = 0;

	for (size_t i = 0; (peer = registry_peer_at(registry, i)) != NULL; i++) {
		failed += peer->role == MUX_ROLE_AGENT && peer->state == REGISTRY_LOST;
	}
	return failed;
}

/* Sum of a counter over all peers of a role; the largest where a sum says nothing. */
static uint64_t total_of(const struct registry *registry, enum mux_role role, uint32_t key)
{
	const struct registry_peer *peer;
	uint64_t total = 0;

	for (size_t i = 0; (peer = registry_peer_at(registry, i)) != NULL; i++) {
		uint64_t value = peer->role == role ? totals_get(&peer->totals, key) : 0;

		if (!totals_is_maximum(key)) {
			total += value;
		} else if (value > total) {
			total = value;
		}
	}
	return total;
}

static void print_row(const struct registry *registry, enum mux_role role, const char *title,
		      uint32_t key)
{
	const struct registry_peer *peer;
	int column = 0;

	printf("  %-26s", title);
	for (size_t i = 0; (peer = registry_peer_at(registry, i)) != NULL; i++) {
		if (peer->role == role && column < COLUMNS_MAX) {
			printf(" %14" PRIu64, totals_get(&peer->totals, key));
			column++;
		}
	}
	printf(" %14" PRIu64 "\n", total_of(registry, role, key));
}

static void print_heading(const struct registry *registry, enum mux_role role, const char *title)
{
	const struct registry_peer *peer;
	int column = 0;

	printf("\n  %-26s", title);
	for (size_t i = 0; (peer = registry_peer_at(registry, i)) != NULL; i++) {
		if (peer->role == role && column < COLUMNS_MAX) {
			printf(" %14.14s", peer->name);
			column++;
		}
	}
	printf(" %14s\n", "all");
}

static void print_events(const struct registry *registry)
{
	char title[40];

	for (uint16_t kind = 0; kind < MUX_EVENT_KINDS; kind++) {
		uint32_t key = (uint32_t)MUX_COUNTER_EVENT_BASE + kind;

		if (total_of(registry, MUX_ROLE_AGENT, key)) {
			snprintf(title, sizeof(title), "  kind %s", wire_event_name(kind));
			print_row(registry, MUX_ROLE_AGENT, title, key);
		}
	}
	for (uint32_t rule = 0; rule < RULES_MAX; rule++) {
		uint32_t key = (uint32_t)MUX_COUNTER_RULE_BASE + rule;

		if (total_of(registry, MUX_ROLE_AGENT, key)) {
			snprintf(title, sizeof(title), "  rule %" PRIu32, rule);
			print_row(registry, MUX_ROLE_AGENT, title, key);
		}
	}
}

static void print_agents(const struct registry *registry)
{
	static const struct {
		const char *title;
		uint32_t key;
	} rows[] = {
		{"verdicts", MUX_COUNTER_VERDICTS},
		{"denied", MUX_COUNTER_DENIED},
		{"quarantined", MUX_COUNTER_QUARANTINED},
		{"access requests", MUX_COUNTER_ACCESSES},
		{"access refused", MUX_COUNTER_REFUSED},
		{"deadlines passed", MUX_COUNTER_FALLBACKS},
		{"events lost", MUX_COUNTER_EVENTS_LOST},
		{"event to verdict, p50", MUX_COUNTER_LATENCY_P50},
		{"event to verdict, p99", MUX_COUNTER_LATENCY_P99},
	};

	print_heading(registry, MUX_ROLE_AGENT, "guests");
	print_row(registry, MUX_ROLE_AGENT, "files seen", MUX_COUNTER_FILES_SEEN);
	print_row(registry, MUX_ROLE_AGENT, "events", MUX_COUNTER_EVENTS);
	print_events(registry);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_row(registry, MUX_ROLE_AGENT, rows[i].title, rows[i].key);
	}
	printf("  (event to verdict: TSC ticks of a bare-metal guest, nanoseconds of Linux)\n");
}

static void print_services(const struct registry *registry)
{
	print_heading(registry, MUX_ROLE_SERVICE, "services");
	print_row(registry, MUX_ROLE_SERVICE, "events", MUX_COUNTER_EVENTS);
	print_row(registry, MUX_ROLE_SERVICE, "verdicts", MUX_COUNTER_VERDICTS);
	print_row(registry, MUX_ROLE_SERVICE, "access requests", MUX_COUNTER_ACCESSES);
	print_row(registry, MUX_ROLE_SERVICE, "files scanned", MUX_COUNTER_SCANNED);
	print_row(registry, MUX_ROLE_SERVICE, "bytes scanned", MUX_COUNTER_SCANNED_BYTES);
	print_row(registry, MUX_ROLE_SERVICE, "infected", MUX_COUNTER_INFECTED);
	print_row(registry, MUX_ROLE_SERVICE, "signatures", MUX_COUNTER_SIGNATURES);
}

static void print_audits(const struct registry *registry)
{
	printf("\n  audit records:");
	for (uint16_t kind = MUX_AUDIT_DEADLINE; kind < MUX_AUDIT_KINDS; kind++) {
		printf(" %s %" PRIu64 "%s", wire_audit_name(kind),
		       registry_audit_count(registry, (enum mux_audit)kind),
		       kind == MUX_AUDIT_KINDS - 1 ? "\n" : ",");
	}
}

static void print_result(const struct registry *registry, size_t failed)
{
	static const struct {
		const char *name;
		enum mux_role role;
		uint32_t key;
	} values[] = {
		{"files_seen", MUX_ROLE_AGENT, MUX_COUNTER_FILES_SEEN},
		{"events", MUX_ROLE_AGENT, MUX_COUNTER_EVENTS},
		{"verdicts", MUX_ROLE_AGENT, MUX_COUNTER_VERDICTS},
		{"denied", MUX_ROLE_AGENT, MUX_COUNTER_DENIED},
		{"quarantined", MUX_ROLE_AGENT, MUX_COUNTER_QUARANTINED},
		{"fallbacks", MUX_ROLE_AGENT, MUX_COUNTER_FALLBACKS},
		{"lost", MUX_ROLE_AGENT, MUX_COUNTER_EVENTS_LOST},
		{"p50", MUX_ROLE_AGENT, MUX_COUNTER_LATENCY_P50},
		{"p99", MUX_ROLE_AGENT, MUX_COUNTER_LATENCY_P99},
		{"scanned", MUX_ROLE_SERVICE, MUX_COUNTER_SCANNED},
		{"bytes", MUX_ROLE_SERVICE, MUX_COUNTER_SCANNED_BYTES},
		{"infected", MUX_ROLE_SERVICE, MUX_COUNTER_INFECTED},
	};

	printf("\nresult:");
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		printf(" %s=%" PRIu64, values[i].name,
		       total_of(registry, values[i].role, values[i].key));
	}
	printf(" failed=%zu\n", failed);
}

void report_print(const struct registry *registry, size_t failed)
{
	const struct registry_peer *peer;

	printf("\nmuxvisor: result\n");
	print_agents(registry);
	print_services(registry);
	print_audits(registry);
	for (size_t i = 0; (peer = registry_peer_at(registry, i)) != NULL; i++) {
		if (peer->role == MUX_ROLE_AGENT && peer->state == REGISTRY_LOST) {
			printf("  agent %s (CID %" PRIu32 ") was lost\n", peer->name, peer->cid);
		}
	}
	print_result(registry, failed);
	fflush(stdout);
}
