/* SPDX-License-Identifier: MIT */
/*
 * The thin agent: tells the services what happens in the guest, holds operations back until the
 * services' verdicts, carries out their access requests. Portable: it knows no OS and does no I/O.
 * An OS binding calls agent_notify for every notification, a driver moves bytes of the links, and
 * both give the time.
 *
 * For each connected service it keeps separate state: rules and remembered verdicts (filter.h),
 * access requests (access.h), event sequence, output queue, audit records. All memory is in struct
 * agent, of fixed size (about 4 MiB: give it static storage); see limits.h.
 *
 * What always holds:
 *  - An operation waits no longer than the deadline of the rule that holds it back; then that
 *    rule's fallback decides, and an audit record says so.
 *  - Every event that a rule matched is reported to the service or stands in an audit record to the
 *    manager; records are kept while the manager is away, and merged rather than dropped.
 *  - What one service sends, or fails to read, changes nothing for the others.
 *
 * A service whose connection breaks keeps its rules: its operations are held back up to their
 * deadlines and asked again when it is back, its reports go into a backlog. After
 * AGENT_AWAY_HOLD_US away, the fallback applies at once. A service that leaves in order (BYE or
 * SERVICE_DOWN with MUX_ERR_SHUTDOWN) takes its rules with it.
 *
 * Not thread-safe: all calls on one agent by one thread at a time.
 */
#ifndef AGENT_CORE_AGENT_H
#define AGENT_CORE_AGENT_H

#include "agent-guest/core/access.h"
#include "agent-guest/core/filter.h"
#include "agent-guest/core/grants.h"
#include "agent-guest/core/latency.h"
#include "agent-guest/core/os.h"
#include "agent-guest/core/peer.h"
#include "agent-guest/core/pending.h"
#include "agent-guest/core/service.h"

#define AGENT_LINKS (1U + AGENT_SERVICES_MAX) /* link 0 is the manager's */

struct agent_config {
	const char *name;    /* of the guest; stays valid */
	const char *version; /* free text */
	uint32_t manager_cid;
	uint32_t manager_port;
	uint64_t verbs;	 /* bit per enum mux_verb that the OS can do */
	uint64_t events; /* bit per enum mux_event_kind that the OS notifies of */
	struct grants grants;
};

struct agent_counters {
	uint64_t files_seen; /* kept by the OS binding */
	uint64_t events;     /* reported, questions included */
	uint64_t verdicts;
	uint64_t denied; /* operations */
	uint64_t fallbacks;
	uint64_t lost;
	uint64_t quarantined;
	uint64_t accesses;
	uint64_t refused;    /* of these, as the service may not do that */
	uint64_t remembered; /* events answered by remembered verdicts */
	uint64_t by_kind[MUX_EVENT_KINDS];
	uint64_t by_rule[256];
};

struct agent {
	struct agent_config config;
	const struct agent_os_ops *ops;
	void *os;
	uint64_t start_us;
	struct peer manager;
	struct service service[AGENT_SERVICES_MAX];
	struct pending pending;
	struct latency latency;
	struct agent_counters counters;
	struct rule_set scratch_rules;
	bool is_leaving; /* BYE was said to the services */
	uint8_t scratch[MUX_DATA_MAX];
	char scratch_path[2][AGENT_PATH_MAX];
};

/* Connects to the manager from now on. config, ops and os are kept. */
void agent_init(struct agent *agent, const struct agent_config *config,
		const struct agent_os_ops *ops, void *os, struct agent_time now);

/*
 * The OS's notification of one event. ALLOW and DENY are final and described in *decision; WAIT:
 * agent_os_ops.decide will be called with event->cookie, never during this call, and no later than
 * the deadline (given agent_tick). Events without can_wait always give ALLOW.
 */
enum agent_answer agent_notify(struct agent *agent, const struct agent_event *event,
			       struct agent_time now, struct agent_decision *decision);

/* Does what is due. To be called at agent_next_deadline at the latest. */
void agent_tick(struct agent *agent, struct agent_time now);
/* Microseconds on agent_time.us; UINT64_MAX: nothing is due. */
uint64_t agent_next_deadline(const struct agent *agent);

/* Services that are connected and have set their rules. */
unsigned agent_ready_services(const struct agent *agent);

/* Says BYE on every link and stops reconnecting: drive the links until all are off. */
void agent_bye(struct agent *agent, struct agent_time now);
bool agent_is_off(const struct agent *agent);

/* The verbs that the service on this link may use, bit per enum mux_verb; none for the manager. */
uint64_t agent_granted(const struct agent *agent, const struct peer *peer);

/* Fills counters for HEARTBEAT; returns how many, at most `max`. Zeroes are left out. */
size_t agent_list_counters(const struct agent *agent, struct wire_counter *counters, size_t max);

/* ---- links, for the driver: index below AGENT_LINKS ---- */

/* Must the driver connect this link now? Then the link waits for connected or closed. */
bool agent_link_connect(struct agent *agent, unsigned link, uint32_t *cid, uint32_t *port,
			struct agent_time now);
void agent_link_connected(struct agent *agent, unsigned link, struct agent_time now);
/* The connection ended, failed, or was closed as agent_link_is_finished told. */
void agent_link_closed(struct agent *agent, unsigned link, struct agent_time now);
/* Bytes came in; all are taken. */
void agent_link_input(struct agent *agent, unsigned link, const void *data, size_t size,
		      struct agent_time now);
/* Bytes to send (0: none), and how many of them were. */
size_t agent_link_output(struct agent *agent, unsigned link, const uint8_t **data);
void agent_link_sent(struct agent *agent, unsigned link, size_t size);
/* Must the driver close it now, and call agent_link_closed? */
bool agent_link_is_finished(const struct agent *agent, unsigned link, struct agent_time now);

#endif
