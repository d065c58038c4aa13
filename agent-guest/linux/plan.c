/* SPDX-License-Identifier: MIT */
/* What has to be watched: see plan.h. */
#include "agent-guest/linux/plan.h"

#include <string.h>

#define BIT(kind) (1ULL << (kind))

/* Content may change by a mapping, which raises no event of its own, until the file is closed; and
 * a rename may put a file under other rules: where files are remembered both have to be seen. */
#define REMEMBER_NAMES (FAN_CLOSE_WRITE | FAN_RENAME | FAN_ONDIR)

bool plan_glob_reaches(const char *glob, const char *directory)
{
	size_t literal = strcspn(glob, "*?[\\");
	size_t length = strlen(directory);

	if (directory[length - 1] == '/') {
		length--;
	}
	if (literal <= length) {
		return strncmp(glob, directory, literal) == 0;
	}
	return strncmp(glob, directory, length) == 0 && glob[length] == '/';
}

static uint64_t names_of(const struct rule *rule)
{
	uint64_t names = 0;
	uint64_t dirent = 0;
	bool is_report = rule->action == MUX_ACTION_REPORT;

	names |= is_report && (rule->events & BIT(MUX_EVENT_OPEN)) != 0 ? FAN_OPEN : 0;
	names |= is_report && (rule->events & BIT(MUX_EVENT_EXECUTE)) != 0 ? FAN_OPEN_EXEC : 0;
	names |= is_report && (rule->events & BIT(MUX_EVENT_READ)) != 0 ? FAN_ACCESS : 0;
	names |= (rule->events & BIT(MUX_EVENT_CLOSE)) != 0 ? FAN_CLOSE : 0;
	names |= (rule->events & BIT(MUX_EVENT_WRITE)) != 0 ? FAN_CLOSE_WRITE : 0;
	dirent |= (rule->events & BIT(MUX_EVENT_CREATE)) != 0 ? FAN_CREATE : 0;
	dirent |= (rule->events & BIT(MUX_EVENT_DELETE)) != 0 ? FAN_DELETE : 0;
	dirent |= (rule->events & BIT(MUX_EVENT_RENAME)) != 0 ? FAN_RENAME : 0;
	return names | dirent | (dirent != 0 ? FAN_ONDIR : 0);
}

static uint64_t permission_of(const struct rule *rule)
{
	if (rule->action != MUX_ACTION_VERDICT) {
		return 0;
	}
	return ((rule->events & BIT(MUX_EVENT_OPEN)) != 0 ? FAN_OPEN_PERM : 0) |
	       ((rule->events & BIT(MUX_EVENT_EXECUTE)) != 0 ? FAN_OPEN_EXEC_PERM : 0) |
	       ((rule->events & BIT(MUX_EVENT_READ)) != 0 ? FAN_ACCESS_PERM : 0);
}

static void add_fallback(struct plan_fallback *fallback, const struct rule *rule)
{
	if (rule->deadline_ms > fallback->deadline_ms) {
		fallback->deadline_ms = rule->deadline_ms;
	}
	if (rule->fallback == MUX_VERDICT_DENY) {
		fallback->verdict = MUX_VERDICT_DENY;
	}
}

static void add_files(struct plan *plan, const struct config *config, const struct rule_set *rules,
		      const struct rule *rule)
{
	uint64_t permission = permission_of(rule);

	for (unsigned i = 0; i < config->watch_count; i++) {
		struct plan_watch *watch = &plan->watch[i];

		if (!plan_glob_reaches(rules->text + rule->include, config->watch[i].path)) {
			continue;
		}
		watch->permission |= permission;
		watch->names |= names_of(rule);
		if (permission != 0 && config->remember) {
			watch->names |= REMEMBER_NAMES;
		}
	}
	if ((permission & FAN_OPEN_PERM) != 0) {
		add_fallback(&plan->open, rule);
	}
	if ((permission & FAN_OPEN_EXEC_PERM) != 0) {
		add_fallback(&plan->execute, rule);
	}
	if ((permission & FAN_ACCESS_PERM) != 0) {
		add_fallback(&plan->read, rule);
	}
}

void plan_add_rules(struct plan *plan, const struct config *config, const struct rule_set *rules)
{
	for (unsigned i = 0; i < rules->count; i++) {
		const struct rule *rule = &rules->rule[i];
		uint64_t processes = BIT(MUX_EVENT_PROCESS_START) | BIT(MUX_EVENT_PROCESS_STOP);

		if (rule->action == MUX_ACTION_IGNORE) {
			continue;
		}
		add_files(plan, config, rules, rule);
		plan->processes |= (rule->events & processes) != 0;
		plan->memory |= (rule->events & BIT(MUX_EVENT_MEMORY)) != 0;
		plan->configuration |= (rule->events & BIT(MUX_EVENT_CONFIG)) != 0;
		plan->logons |= (rule->events & BIT(MUX_EVENT_LOGON)) != 0;
	}
}

/* What is asked about by a permission event reaches those who only want a report by the same event,
 * so that nobody is told twice. */
static void drop_doubles(struct plan_watch *watch)
{
	if ((watch->permission & FAN_OPEN_PERM) != 0) {
		watch->names &= ~(uint64_t)FAN_OPEN;
	}
	if ((watch->permission & FAN_OPEN_EXEC_PERM) != 0) {
		watch->names &= ~(uint64_t)FAN_OPEN_EXEC;
	}
	if ((watch->permission & FAN_ACCESS_PERM) != 0) {
		watch->names &= ~(uint64_t)FAN_ACCESS;
	}
}

void plan_make(struct plan *plan, const struct config *config, const struct agent *agent)
{
	memset(plan, 0, sizeof(*plan));
	for (unsigned i = 0; i < AGENT_SERVICES_MAX; i++) {
		const struct service *service = &agent->service[i];

		if (service->is_used && service->has_rules) {
			plan_add_rules(plan, config, &service->filter.rules);
		}
	}
	for (unsigned i = 0; i < config->watch_count; i++) {
		drop_doubles(&plan->watch[i]);
	}
}

uint64_t plan_fingerprint(const struct agent *agent)
{
	uint64_t print = 1;

	for (unsigned i = 0; i < AGENT_SERVICES_MAX; i++) {
		const struct service *service = &agent->service[i];
		uint64_t mine = 0;

		if (service->is_used && service->has_rules) {
			mine = (service->is_ready ? 2U : 1U) + 4ULL * service->id +
			       ((uint64_t)service->filter.rules.generation << 32);
		}
		print = (print ^ mine) * 0x9e3779b97f4a7c15ULL;
		print ^= print >> 29;
	}
	return print;
}
