/* SPDX-License-Identifier: MIT */
/*
 * Adding and removing rules. Locking: takes the switch lock, but for vsock_policy_init.
 */
#include "hv/vsock/policy.h"

#include "hv/vsock/forward.h"
#include "hv/vsock/schedule.h"

#include <errno.h>
#include <string.h>

struct vsock_policy vsock_policy;

void vsock_policy_init(void)
{
	memset(&vsock_policy, 0, sizeof(vsock_policy));
	for (uint16_t i = 1; i < MUX_RULES_MAX; i++) {
		vsock_policy.rule[i].next = (uint16_t)(i + 1);
	}
	vsock_policy.free = 1;
}

/* The link that leads to the rule, or to 0 at the end of the chain. */
static uint16_t *find_link(uint16_t *link, const struct mux_rule_record *record)
{
	while (*link != 0) {
		struct vsock_rule *rule = &vsock_policy.rule[*link];

		if (rule->port_first == record->port_first &&
		    rule->port_count == record->port_last - record->port_first) {
			break;
		}
		link = &rule->next;
	}
	return link;
}

static int add_locked(uint16_t *chain, const struct mux_rule_record *record)
{
	uint16_t index = vsock_policy.free;
	struct vsock_rule *rule = &vsock_policy.rule[index];

	if (*find_link(chain, record) != 0) {
		return -EEXIST;
	}
	if (index == 0) {
		return -ENOSPC;
	}
	vsock_policy.free = rule->next;
	*rule = (struct vsock_rule){
		.port_first = record->port_first,
		.port_count = record->port_last - record->port_first,
		.next = *chain,
	};
	*chain = index;
	return 0;
}

int vsock_policy_add(const struct mux_rule_record *record)
{
	struct vsock_port *source = vsock_port_find(record->source);
	const struct vsock_port *destination = vsock_port_find(record->destination);
	int result;

	if (record->port_first > record->port_last) {
		return -EINVAL;
	}
	if (source == NULL || destination == NULL) {
		return -ENOENT;
	}
	spin_lock(&vsock_switch.lock);
	result = add_locked(&source->rules[destination->index], record);
	spin_unlock(&vsock_switch.lock);
	return result;
}

/* Refuses what waits and is not permitted any more; the rest keeps its order. */
static void filter_waiting(struct vsock_turn *turn, struct vsock_port *from, struct vsock_port *to)
{
	uint8_t last = from->wait[to->index].last;
	bool more = from->wait[to->index].first != VSOCK_SLOT_NONE;

	while (more) {
		struct vsock_slot *slot = vsock_schedule_pop(from, to);

		more = slot->head != last;
		if (slot->is_reset || vsock_policy_permits(from, to, &slot->header) != NULL) {
			vsock_schedule_add(from, slot, to);
		} else {
			from->counters.refused_policy++;
			vsock_schedule_refuse(turn, from, slot);
		}
	}
}

int vsock_policy_remove(const struct mux_rule_record *record)
{
	struct vsock_port *source = vsock_port_find(record->source);
	struct vsock_port *destination = vsock_port_find(record->destination);
	struct vsock_turn turn;
	uint16_t *link;
	uint16_t index;

	if (source == NULL || destination == NULL) {
		return -ENOENT;
	}
	vsock_port_begin(&turn);
	link = find_link(&source->rules[destination->index], record);
	index = *link;
	if (index != 0) {
		vsock_switch.generation++;
		*link = vsock_policy.rule[index].next;
		vsock_policy.rule[index].next = vsock_policy.free;
		vsock_policy.free = index;
		filter_waiting(&turn, source, destination);
		if (source != destination) {
			filter_waiting(&turn, destination, source);
		}
		vsock_forward_resets(&turn);
	}
	vsock_port_end(&turn);
	return index != 0 ? 0 : -ENOENT;
}

int64_t vsock_policy_count(const struct mux_rule_record *record)
{
	struct vsock_port *source = vsock_port_find(record->source);
	const struct vsock_port *destination = vsock_port_find(record->destination);
	int64_t result = -ENOENT;
	uint16_t index;

	if (source == NULL || destination == NULL) {
		return -ENOENT;
	}
	spin_lock(&vsock_switch.lock);
	index = *find_link(&source->rules[destination->index], record);
	if (index != 0) {
		result = (int64_t)vsock_policy.rule[index].packets;
	}
	spin_unlock(&vsock_switch.lock);
	return result;
}
