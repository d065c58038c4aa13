/* SPDX-License-Identifier: MIT */
#include "appliance/av/av_service.h"
#include "appliance/av/av_text.h"
#include "lib/wire/wire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void add_rule(struct mux_rules *rules, const struct av_policy_rule *rule)
{
	switch (rule->action) {
	case MUX_ACTION_VERDICT:
		mux_rules_verdict(rules, rule->number, rule->events, rule->path, rule->deadline_ms,
				  rule->fallback);
		break;
	case MUX_ACTION_REPORT:
		mux_rules_report(rules, rule->number, rule->events, rule->path);
		break;
	default: mux_rules_ignore(rules, rule->number, rule->events, rule->path);
	}
	if (rule->exclude[0] != '\0') {
		mux_rules_exclude(rules, rule->exclude);
	}
	if (rule->size_min != 0 || rule->size_max != UINT64_MAX) {
		mux_rules_size(rules, rule->size_min, rule->size_max);
	}
}

/* What the policy asks for and this agent has no notion of: nobody should think it is watched. */
static void say_missing(const struct mux_agent_info *info, uint64_t events)
{
	for (uint16_t kind = 0; kind < MUX_EVENT_KINDS; kind++) {
		if ((events & ~info->events & MUX_EVENTS(kind)) != 0) {
			printf("%s: its agent cannot report %s, which the policy asks for\n",
			       av_text_escape(info->name), wire_event_name(kind));
		}
	}
}

static void on_agent_up(struct mux_agent *agent, void *context)
{
	const struct mux_agent_info *info = mux_agent_info(agent);
	const struct av_policy_rule *rule = NULL;
	struct mux_rules *rules = mux_rules_create();
	const struct av_service *av = context;
	unsigned int count = 0;
	uint64_t events = 0;
	int64_t result;

	while ((rule = av_policy_next(av->policy, info->name, rule)) != NULL) {
		add_rule(rules, rule);
		events |= rule->action != MUX_ACTION_IGNORE ? rule->events : 0;
		count++;
	}
	say_missing(info, events);
	result = mux_agent_set_rules(agent, rules);
	mux_rules_free(rules);
	printf("%s: joined (CID %u), %u rules%s%s\n", av_text_escape(info->name),
	       (unsigned int)info->cid, count, result < 0 ? ": " : "",
	       result < 0 ? strerror((int)-result) : "");
}

static void on_agent_down(struct mux_agent *agent, enum mux_error reason, void *context)
{

	(void)context;
	printf("%s: left (%s)\n", av_text_escape(mux_agent_info(agent)->name),
	       reason == MUX_ERR_SHUTDOWN ? "in order" : "lost");
}

static void on_configured(struct mux_agent *agent, uint32_t generation, enum mux_error result,
			  const char *text, void *context)
{

	(void)context;
	(void)generation;
	if (result != MUX_ERR_NONE) {
		printf("%s: refuses its rules: %s\n", av_text_escape(mux_agent_info(agent)->name),
		       av_text_escape(text));
	}
}

int av_service_open(struct av_service *av, struct mux_service_options options,
		    const struct av_policy *policy, struct av_engine *engine)
{
	int error;

	options.context = av;
	options.on_agent_up = on_agent_up;
	options.on_agent_down = on_agent_down;
	options.on_configured = on_configured;
	*av = (struct av_service){.policy = policy};
	error = mux_service_create(&options, &av->service);
	if (error != 0) {
		printf("cannot start the service: %s\n", strerror(-error));
		return error;
	}
	av->scanner = av_scanner_create(av->service, engine, policy);
	if (av->scanner == NULL) {
		puts("cannot start the scanner: out of memory");
		mux_service_destroy(av->service);
		return -ENOMEM;
	}
	for (unsigned int kind = 0; kind < MUX_EVENT_KINDS; kind++) {
		(void)mux_on_event(av->service, (enum mux_event_kind)kind, av_scanner_take_event,
				   av->scanner);
	}
	return 0;
}

void av_service_close(struct av_service *av)
{
	av_scanner_destroy(av->scanner);
	mux_service_destroy(av->service);
}
