/* SPDX-License-Identifier: MIT */
/*
 * The antivirus service partition: loads signatures and policy from its modules, registers, gives
 * every agent its guest's rules, and hands events to the scanner (av_scanner.h).
 *
 * Modules: any number of *.hdb, *.hsb, *.ndb, and policy.conf. Exit code 1: no signatures, a policy
 * that is missing or wrong, or no memory; each is said on the console.
 */
#include "appliance/av/av_policy.h"
#include "appliance/av/av_scanner.h"
#include "appliance/av/av_text.h"
#include "appliance/runtime/mux.h"

#include <stdio.h>
#include <string.h>

static struct av_policy policy;

static void report_signature(void *context, const char *file, unsigned int line, const char *reason)
{
	(void)context;
	printf("%s:%u: skipped: %s\n", file, line, reason);
}

static void report_policy(void *context, unsigned int line, const char *reason)
{
	(void)context;
	printf("policy.conf:%u: %s\n", line, reason);
}

static bool load_modules(struct av_signatures *set)
{
	const char *name, *text;
	size_t size;

	for (size_t i = 0; (text = mux_module_at(i, &name, &size)) != NULL; i++) {
		if (av_signatures_is_file(name) &&
		    av_signatures_load(set, name, text, size, report_signature, NULL) != 0) {
			printf("no memory for the signatures of %s\n", name);
			return false;
		}
	}
	return true;
}

/* NULL: said why. */
static const struct av_signatures *load_signatures(void)
{
	struct av_signatures *set = av_signatures_create();

	if (set == NULL || !load_modules(set) || av_signatures_finish(set) != 0) {
		puts("cannot load the signatures: out of memory");
		return NULL;
	}
	if (set->signature_count == 0) {
		puts("no signatures: add modules *.hdb, *.hsb or *.ndb to the manifest");
		return NULL;
	}
	printf("%u signatures (%u hashes, %u patterns, %u lines skipped), %zu KiB, "
	       "%zu KiB a scan\n",
	       (unsigned int)set->signature_count, (unsigned int)set->counts.hashes,
	       (unsigned int)set->counts.patterns, (unsigned int)set->counts.refused,
	       av_signatures_memory(set) / 1024, av_scan_memory(set) / 1024);
	return set;
}

static bool load_policy(void)
{
	size_t size;
	const char *text = mux_module("policy.conf", &size);

	if (text == NULL) {
		puts("no policy: add a module policy.conf to the manifest");
		return false;
	}
	return av_policy_parse(&policy, text, size, report_policy, NULL) == 0;
}

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

static void on_agent_up(struct mux_agent *agent, void *context)
{
	const struct mux_agent_info *info = mux_agent_info(agent);
	const struct av_policy_rule *rule = NULL;
	struct mux_rules *rules = mux_rules_create();
	unsigned int count = 0;
	int64_t result;

	(void)context;
	while ((rule = av_policy_next(&policy, info->name, rule)) != NULL) {
		add_rule(rules, rule);
		count++;
	}
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

static int run_service(const struct av_signatures *set)
{
	struct mux_service_options options = {
		.size = sizeof(options),
		.name = "antivirus",
		.version = "1",
		.on_agent_up = on_agent_up,
		.on_agent_down = on_agent_down,
		.on_configured = on_configured,
	};
	struct mux_service *service;
	struct av_scanner *scanner;
	int error = mux_service_create(&options, &service);

	if (error != 0) {
		printf("cannot start the service: %s\n", strerror(-error));
		return 1;
	}
	scanner = av_scanner_create(service, set, &policy);
	if (scanner == NULL) {
		puts("cannot start the scanner: out of memory");
		mux_service_destroy(service);
		return 1;
	}
	for (unsigned int kind = 0; kind < MUX_EVENT_KINDS; kind++) {
		(void)mux_on_event(service, (enum mux_event_kind)kind, av_scanner_take_event,
				   scanner);
	}
	error = mux_service_run(service);
	av_scanner_destroy(scanner);
	mux_service_destroy(service);
	return error == 0 ? 0 : 1;
}

int main(void)
{
	const struct av_signatures *set;

	if (!load_policy()) {
		return 1;
	}
	set = load_signatures();
	return set == NULL ? 1 : run_service(set);
}
