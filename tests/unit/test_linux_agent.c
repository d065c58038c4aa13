/* SPDX-License-Identifier: MIT */
/* muxagentd: configuration file, which marks the rules need, quarantine records. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <cmocka.h>

#include "agent-guest/linux/config.h"
#include "agent-guest/linux/plan.h"
#include "agent-guest/linux/quarantine_record.h"

#define BIT(kind) (1ULL << (kind))

/* ---- configuration ---- */

static struct config config;
static char error[CONFIG_ERROR_MAX];

static int parse(const char *text)
{
	config_init(&config);
	error[0] = '\0';
	return config_parse(&config, "f", text, error);
}

static void test_config_defaults(void **state)
{
	(void)state;
	assert_int_equal(parse(""), 0);
	assert_int_equal(config.manager_cid, 2);
	assert_int_equal(config.manager_port, 7000);
	assert_true(config.grants.forbidden == 0);
	assert_true(grants_of(&config.grants, 16) == GRANTS_OTHERS);
	assert_int_equal(config.watch_count, 0);
	assert_int_equal(config.directory_count, 1);
	assert_string_equal(config.directory[0], "/etc");
	assert_true(config.remember);
	assert_false(config.report_forks);
	assert_string_equal(config.test_folder, "");
}

static void test_config_values(void **state)
{
	(void)state;
	assert_int_equal(parse("# all keys\n"
			       "name = web one # behind it, too\n"
			       "\n"
			       "manager-cid=7\r\n"
			       "  manager-port\t=  7100\n"
			       "watch-mount = /srv/\n"
			       "watch-filesystem = /\n"
			       "config-directory = /etc\n"
			       "config-directory = /usr/local/etc\n"
			       "logons = none\n"
			       "quarantine = /q\n"
			       "status-socket = /run/s\n"
			       "forbid = write, DELETE\n"
			       "forbid = process-stop\n"
			       "grant = 16 read, WRITE process-kill # the antivirus\n"
			       "grant = others none\n"
			       "report-forks = yes\n"
			       "remember = no"),
			 0);
	assert_string_equal(config.name, "web one");
	assert_int_equal(config.manager_cid, 7);
	assert_int_equal(config.manager_port, 7100);
	assert_int_equal(config.watch_count, 2);
	assert_string_equal(config.watch[0].path, "/srv");
	assert_false(config.watch[0].is_filesystem);
	assert_string_equal(config.watch[1].path, "/");
	assert_true(config.watch[1].is_filesystem);
	assert_int_equal(config.directory_count, 2);
	assert_string_equal(config.logons, "");
	assert_string_equal(config.quarantine, "/q");
	assert_int_equal(config.grants.forbidden,
			 BIT(MUX_VERB_WRITE) | BIT(MUX_VERB_DELETE) | BIT(MUX_VERB_PROCESS_STOP));
	assert_int_equal(grants_of(&config.grants, 16),
			 BIT(MUX_VERB_READ) | BIT(MUX_VERB_PROCESS_KILL));
	assert_int_equal(grants_of(&config.grants, 17), 0);
	assert_true(config.report_forks);
	assert_false(config.remember);
}

static void test_config_errors(void **state)
{
	static const struct {
		const char *text;
		const char *error;
	} cases[] = {
		{"nonsense", "f:1: \"key = value\" is expected"},
		{"\n\nname =\n", "f:3: the value is missing"},
		{"name = a\ncolour = red\n", "f:2: there is no key \"colour\""},
		{"manager-cid = -1", "f:1: the value must be a number from 0 to 4294967295"},
		{"manager-cid = 4294967296",
		 "f:1: the value must be a number from 0 to 4294967295"},
		{"manager-cid = 3x", "f:1: the value must be a number from 0 to 4294967295"},
		{"watch-mount = srv", "f:1: the path must begin with '/'"},
		{"watch-mount = /a/../b", "f:1: the path must not have '.', '..' or '//' in it"},
		{"watch-mount = /a/..", "f:1: the path must not have '.', '..' or '//' in it"},
		{"watch-mount = /.", "f:1: the path must not have '.', '..' or '//' in it"},
		{"watch-mount = //", "f:1: the path must not have '.', '..' or '//' in it"},
		{"watch-mount = /a\nwatch-filesystem = /a/", "f:2: this path is watched already"},
		{"remember = maybe", "f:1: the value must be yes or no"},
		{"\ngrant = antivirus read",
		 "f:2: a grant is the service's CID, or \"others\", and verbs"},
		{"grant = 16", "f:1: verbs are missing"},
	};
	char text[2048];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(parse(cases[i].text) < 0);
		assert_string_equal(error, cases[i].error);
	}
	assert_true(parse("forbid = read, reed") < 0);
	assert_non_null(strstr(error, "f:1: there is no verb \"reed\""));
	assert_true(parse("grant = 16 read\ngrant = 16 process-stopp") < 0);
	assert_non_null(strstr(error, "f:2: there is no verb \"process-stopp\" (read, "));
	snprintf(text, sizeof(text), "name = %0200d", 0);
	assert_true(parse(text) < 0);
	assert_string_equal(error, "f:1: the value is too long");
	snprintf(text, sizeof(text), "# %01500d", 0);
	assert_true(parse(text) < 0);
	assert_string_equal(error, "f:1: the line is too long");
}

static void test_config_lists_end(void **state)
{
	char text[4096] = "";
	size_t used = 0;

	(void)state;
	for (unsigned i = 0; i <= CONFIG_WATCHES_MAX; i++) {
		assert_int_equal(parse(text), 0);
		used += (size_t)sprintf(text + used, "watch-mount = /m%u\n", i);
	}
	assert_true(parse(text) < 0);
	assert_string_equal(error, "f:17: more than 16 watch lines");
}

static void test_below(void **state)
{
	(void)state;
	assert_true(config_is_below("/srv/a", "/srv"));
	assert_true(config_is_below("/srv", "/srv"));
	assert_false(config_is_below("/srv2", "/srv"));
	assert_false(config_is_below("/sr", "/srv"));
	assert_true(config_is_below("/a", "/"));
}

/* ---- marks ---- */

static struct agent agent;
static struct plan plan;

static struct service *add_service(unsigned slot, uint32_t generation)
{
	struct service *service = &agent.service[slot];

	service->is_used = true;
	service->has_rules = true;
	service->is_ready = true;
	service->id = slot + 1;
	service->filter.rules = (struct rule_set){.generation = generation};
	return service;
}

static void add_rule(struct service *service, enum mux_action action, uint64_t events,
		     const char *include, uint32_t deadline_ms, enum mux_verdict fallback)
{
	struct rule_set *rules = &service->filter.rules;
	struct rule *rule = &rules->rule[rules->count++];

	*rule = (struct rule){.action = (uint8_t)action,
			      .fallback = (uint8_t)fallback,
			      .deadline_ms = deadline_ms,
			      .events = events,
			      .size_max = UINT64_MAX,
			      .include = rules->text_used};
	strcpy(rules->text + rules->text_used, include);
	rules->text_used = (uint16_t)(rules->text_used + strlen(include) + 1);
}

static void prepare(const char *text)
{
	memset(&agent, 0, sizeof(agent));
	assert_int_equal(parse(text), 0);
}

static void test_plan_nothing(void **state)
{
	struct plan empty;

	(void)state;
	memset(&empty, 0, sizeof(empty));
	prepare("watch-mount = /\n");
	add_rule(add_service(0, 1), MUX_ACTION_IGNORE, UINT64_MAX, "**", 0, MUX_VERDICT_ALLOW);
	plan_make(&plan, &config, &agent);
	assert_memory_equal(&plan, &empty, sizeof(plan));
}

static void test_plan_union(void **state)
{
	struct service *one, *two;

	(void)state;
	prepare("remember = no\nwatch-mount = /srv\nwatch-filesystem = /home\n");
	one = add_service(0, 1);
	two = add_service(5, 1);
	add_rule(one, MUX_ACTION_VERDICT, BIT(MUX_EVENT_OPEN), "/srv/**", 1000, MUX_VERDICT_ALLOW);
	add_rule(one, MUX_ACTION_VERDICT, BIT(MUX_EVENT_EXECUTE), "/srv/**", 300, MUX_VERDICT_DENY);
	add_rule(two, MUX_ACTION_VERDICT, BIT(MUX_EVENT_OPEN), "/srv/x", 2000, MUX_VERDICT_DENY);
	add_rule(two, MUX_ACTION_REPORT,
		 BIT(MUX_EVENT_OPEN) | BIT(MUX_EVENT_WRITE) | BIT(MUX_EVENT_DELETE), "**", 0,
		 MUX_VERDICT_ALLOW);
	plan_make(&plan, &config, &agent);
	assert_int_equal(plan.watch[0].permission, FAN_OPEN_PERM | FAN_OPEN_EXEC_PERM);
	/* The open is asked about, and so not told of as well. */
	assert_int_equal(plan.watch[0].names, FAN_CLOSE_WRITE | FAN_DELETE | FAN_ONDIR);
	assert_int_equal(plan.watch[1].permission, 0);
	assert_int_equal(plan.watch[1].names, FAN_OPEN | FAN_CLOSE_WRITE | FAN_DELETE | FAN_ONDIR);
	assert_int_equal(plan.open.deadline_ms, 2000);
	assert_int_equal(plan.open.verdict, MUX_VERDICT_DENY);
	assert_int_equal(plan.execute.deadline_ms, 300);
	assert_false(plan.processes || plan.memory || plan.configuration || plan.logons);
}

/* Reads have a permission, a notification and a fallback of their own. */
static void test_plan_reads(void **state)
{
	struct service *one;

	(void)state;
	prepare("remember = no\nwatch-mount = /srv\nwatch-mount = /home\n");
	one = add_service(0, 1);
	add_rule(one, MUX_ACTION_REPORT, BIT(MUX_EVENT_READ), "**", 0, MUX_VERDICT_ALLOW);
	plan_make(&plan, &config, &agent);
	assert_int_equal(plan.watch[0].permission, 0);
	assert_int_equal(plan.watch[0].names, FAN_ACCESS);
	add_rule(one, MUX_ACTION_VERDICT, BIT(MUX_EVENT_READ), "/srv/**", 700, MUX_VERDICT_DENY);
	plan_make(&plan, &config, &agent);
	assert_int_equal(plan.watch[0].permission, FAN_ACCESS_PERM);
	assert_int_equal(plan.watch[0].names, 0);
	assert_int_equal(plan.watch[1].names, FAN_ACCESS);
	assert_int_equal(plan.read.deadline_ms, 700);
	assert_int_equal(plan.read.verdict, MUX_VERDICT_DENY);
	assert_int_equal(plan.open.deadline_ms, 0);
}

static void test_plan_remember(void **state)
{
	(void)state;
	prepare("watch-mount = /srv\n");
	add_rule(add_service(0, 1), MUX_ACTION_VERDICT, BIT(MUX_EVENT_OPEN), "**", 10,
		 MUX_VERDICT_ALLOW);
	plan_make(&plan, &config, &agent);
	/* What would make a remembered file another one is seen. */
	assert_int_equal(plan.watch[0].names, FAN_CLOSE_WRITE | FAN_RENAME | FAN_ONDIR);
}

static void test_plan_sources(void **state)
{
	struct service *service;

	(void)state;
	prepare("");
	service = add_service(2, 1);
	add_rule(service, MUX_ACTION_REPORT, BIT(MUX_EVENT_PROCESS_STOP), "**", 0, 0);
	plan_make(&plan, &config, &agent);
	assert_true(plan.processes && !plan.memory && !plan.configuration && !plan.logons);
	add_rule(service, MUX_ACTION_REPORT, BIT(MUX_EVENT_MEMORY) | BIT(MUX_EVENT_LOGON), "**", 0,
		 0);
	plan_make(&plan, &config, &agent);
	assert_true(plan.processes && plan.memory && !plan.configuration && plan.logons);
	service->has_rules = false;
	plan_make(&plan, &config, &agent);
	assert_false(plan.processes || plan.memory || plan.logons);
}

static void test_plan_globs(void **state)
{
	(void)state;
	assert_true(plan_glob_reaches("**", "/srv"));
	assert_true(plan_glob_reaches("/**.exe", "/srv"));
	assert_true(plan_glob_reaches("/srv/**", "/srv"));
	assert_true(plan_glob_reaches("/srv/a/b", "/srv"));
	assert_true(plan_glob_reaches("/srv**", "/srv"));
	assert_true(plan_glob_reaches("/s?v/x", "/srv"));
	assert_true(plan_glob_reaches("/home/**", "/"));
	assert_false(plan_glob_reaches("/srv2/**", "/srv"));
	assert_false(plan_glob_reaches("/home/**", "/srv"));
	assert_false(plan_glob_reaches("/srw**", "/srv"));
}

static void test_plan_fingerprint(void **state)
{
	struct service *service;
	uint64_t none, one, two;

	(void)state;
	prepare("");
	none = plan_fingerprint(&agent);
	service = add_service(0, 1);
	one = plan_fingerprint(&agent);
	service->filter.rules.generation = 2;
	two = plan_fingerprint(&agent);
	assert_true(none != one && one != two && none != two);
	service->is_ready = false;
	assert_true(plan_fingerprint(&agent) != two);
	service->is_used = false;
	assert_true(plan_fingerprint(&agent) == none);
}

/* ---- quarantine records ---- */

static struct quarantine_record sample(void)
{
	struct quarantine_record record = {.mode = 04755,
					   .uid = 1000,
					   .gid = UINT32_MAX - 1,
					   .atime = {.tv_sec = 1, .tv_nsec = 999999999},
					   .mtime = {.tv_sec = -5, .tv_nsec = 0},
					   .capability_size = 3,
					   .capability = {0, 0x7f, 0xff}};

	strcpy(record.path, "/srv/a\nb=\\x\x01\xff c");
	return record;
}

static void test_record_round_trip(void **state)
{
	struct quarantine_record record = sample(), back;
	char text[QUARANTINE_RECORD_MAX];
	size_t size;

	(void)state;
	size = quarantine_record_encode(&record, text);
	assert_int_equal(size, strlen(text));
	assert_int_equal(quarantine_record_decode(&back, text), 0);
	assert_memory_equal(&back, &record, sizeof(record));
	record.capability_size = 0;
	memset(record.capability, 0, sizeof(record.capability));
	/* The longest path, of characters that take the most room. */
	memset(record.path, 1, sizeof(record.path) - 1);
	record.path[0] = '/';
	record.path[sizeof(record.path) - 1] = '\0';
	quarantine_record_encode(&record, text);
	assert_int_equal(quarantine_record_decode(&back, text), 0);
	assert_string_equal(back.path, record.path);
	assert_int_equal(back.capability_size, 0);
}

/* Cut anywhere, it is refused: a half-written record must not bring a file back wrongly. */
static void test_record_cut(void **state)
{
	struct quarantine_record record = sample(), back;
	char text[QUARANTINE_RECORD_MAX];
	size_t size, essential;

	(void)state;
	size = quarantine_record_encode(&record, text);
	essential = (size_t)(strstr(text, "capability=") - text);
	for (size_t cut = 0; cut < size; cut++) {
		char *part = strndup(text, cut);

		if (cut != essential) {
			assert_true(quarantine_record_decode(&back, part) < 0);
		}
		free(part);
	}
}

static void test_record_errors(void **state)
{
	static const char *const bad[] = {
		"mode=10000",	 "mode=9",	  "mode=",	   "owner=1",
		"owner=1:2x",	 "atime=1",	  "atime=1.-5",	   "mtime=x.0",
		"capability=0",	 "capability=zz", "path=relative", "path=/a\\x0",
		"path=/a\\x00b", "path=/a\\y41",  "unknown=1",	   "mode=644\nmode=644",
	};
	struct quarantine_record back;
	char text[512];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "muxvisor-quarantine 1\n%s\n", bad[i]);
		assert_true(quarantine_record_decode(&back, text) < 0);
		snprintf(text, sizeof(text),
			 "muxvisor-quarantine 1\npath=/a\nmode=644\nowner=0:0\natime=1.0\n"
			 "mtime=1.0\n%s\n",
			 bad[i]);
		assert_true(quarantine_record_decode(&back, text) < 0);
	}
	assert_true(quarantine_record_decode(&back, "muxvisor-quarantine 2\n") < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_config_defaults),
		cmocka_unit_test(test_config_values),
		cmocka_unit_test(test_config_errors),
		cmocka_unit_test(test_config_lists_end),
		cmocka_unit_test(test_below),
		cmocka_unit_test(test_plan_nothing),
		cmocka_unit_test(test_plan_union),
		cmocka_unit_test(test_plan_reads),
		cmocka_unit_test(test_plan_remember),
		cmocka_unit_test(test_plan_sources),
		cmocka_unit_test(test_plan_globs),
		cmocka_unit_test(test_plan_fingerprint),
		cmocka_unit_test(test_record_round_trip),
		cmocka_unit_test(test_record_cut),
		cmocka_unit_test(test_record_errors),
	};

	return cmocka_run_group_tests_name("muxagentd", tests, NULL, NULL);
}
