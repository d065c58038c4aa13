/* SPDX-License-Identifier: MIT */
/*
 * The switch's policy (struct mux_rule_record says what a rule means): default deny. Rules are kept
 * in one chain per (source port, destination port), which starts at vsock_port.rules, so that a
 * packet meets those of its own pair only. Private to hv/vsock; the calls for others are in
 * switch.h.
 *
 * Locking: the switch lock.
 */
#ifndef HV_VSOCK_POLICY_H
#define HV_VSOCK_POLICY_H

#include "hv/vsock/port.h"

struct vsock_rule {
	uint32_t port_first;
	uint32_t port_count; /* less one: last - first */
	uint16_t next;	     /* in its chain, or in the list of free rules; 0 ends it */
	uint64_t packets;    /* permitted by it */
};

struct vsock_policy {
	uint16_t free;				    /* first unused rule */
	struct vsock_rule rule[MUX_RULES_MAX + 1U]; /* 0 is no rule */
};

extern struct vsock_policy vsock_policy;

void vsock_policy_init(void);

/* The rule of a chain that has `port`, or NULL. */
static inline struct vsock_rule *vsock_policy_match(uint16_t index, uint32_t port)
{
	while (index != 0) {
		struct vsock_rule *rule = &vsock_policy.rule[index];

		if (port - rule->port_first <= rule->port_count) {
			return rule;
		}
		index = rule->next;
	}
	return NULL;
}

/* The rule by which a packet may go from `source` to `destination`, or NULL. */
static inline struct vsock_rule *vsock_policy_permits(const struct vsock_port *source,
						      const struct vsock_port *destination,
						      const struct vsock_header *header)
{
	struct vsock_rule *rule =
		vsock_policy_match(source->rules[destination->index], header->dst_port);

	if (rule == NULL && header->op != VSOCK_OP_REQUEST) {
		rule = vsock_policy_match(destination->rules[source->index], header->src_port);
	}
	return rule;
}

#endif
