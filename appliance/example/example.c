/* SPDX-License-Identifier: MIT */
/*
 * A whole security service: it logs every open below /etc and denies to open or execute files
 * named *.blocked. It registers with the manager by itself and serves every guest that comes.
 */
#include <stdio.h>
#include <string.h>

#include "appliance/lib/include/muxaccess.h"

enum { RULE_BLOCKED = 1, RULE_ETC = 2 };

static void on_agent_up(struct mux_agent *agent, void *context)
{
	const struct mux_agent_info *guest = mux_agent_info(agent);
	struct mux_rules *rules = mux_rules_create();
	int64_t result;

	(void)context;
	mux_rules_verdict(rules, RULE_BLOCKED,
			  MUX_EVENTS(MUX_EVENT_OPEN) | MUX_EVENTS(MUX_EVENT_EXECUTE), "/**.blocked",
			  2000, MUX_VERDICT_DENY);
	mux_rules_report(rules, RULE_ETC, MUX_EVENTS(MUX_EVENT_OPEN), "/etc/**");
	result = mux_agent_set_rules(agent, rules);
	mux_rules_free(rules);
	printf("guest %s (CID %u) joined%s\n", guest->name, (unsigned)guest->cid,
	       result < 0 ? ", but rules were refused" : "");
}

static void on_agent_down(struct mux_agent *agent, enum mux_error reason, void *context)
{
	(void)context;
	printf("guest %s left (%d)\n", mux_agent_info(agent)->name, (int)reason);
}

static void on_event(struct mux_event *event, void *context)
{
	const struct mux_event_info *info = mux_event_info(event);

	(void)context;
	printf("%s: %s opens %s\n", mux_agent_info(info->agent)->name, info->process, info->path);
	if (info->wants_verdict) {
		mux_verdict(event, MUX_VERDICT_DENY, RULE_BLOCKED, "blocked by name", 0);
	}
}

int main(void)
{
	struct mux_service_options options = {
		.size = sizeof(options),
		.name = "example",
		.version = "1.0",
		.on_agent_up = on_agent_up,
		.on_agent_down = on_agent_down,
	};
	struct mux_service *service;
	int error = mux_service_create(&options, &service);

	if (error) {
		printf("cannot start: %s\n", strerror(-error));
		return 1;
	}
	mux_on_event(service, MUX_EVENT_OPEN, on_event, NULL);
	mux_on_event(service, MUX_EVENT_EXECUTE, on_event, NULL);
	error = mux_service_run(service);
	mux_service_destroy(service);
	return error ? 1 : 0;
}
