/* SPDX-License-Identifier: MIT */
/*
 * judge STAGE: the service in the tests of Linux guests. Guests give it commands by making folders
 * below /w/do (script.sh); it answers each by making the file of that name below /w/done:
 *
 *   rules:STAGE  sets the rules of that stage    only:KIND  reports of that kind of event alone
 *   tell         prints what came since          restore    brings back what was quarantined last
 *   kill:PID     ends a process                  crash      ends this partition with a failure
 *
 * A file with "denied" in its name or "EVIL" at its beginning (read by the event's handle) is
 * denied; "catch": also quarantined; "once": denied the first time; "slow": no verdict at all;
 * "again": allowed, and not to be remembered. Sequence numbers are compared with what is due.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/lib/include/muxaccess.h"
#include "lib/wire/wire.h"

#define DO	    "/w/do/"
#define DONE	    "/w/done/"
#define COMMAND_MAX 64
#define WARDS_MAX   8
#define SHORT_MS    700U
#define LONG_MS	    20000U
#define GUARD_MS    3000U
#define CRASH_MS    100U
#define OPENING	    (MUX_EVENTS(MUX_EVENT_OPEN) | MUX_EVENTS(MUX_EVENT_EXECUTE))
#define FILES                                                                                     \
	(MUX_EVENTS(MUX_EVENT_OPEN) | MUX_EVENTS(MUX_EVENT_CLOSE) | MUX_EVENTS(MUX_EVENT_WRITE) | \
	 MUX_EVENTS(MUX_EVENT_CREATE) | MUX_EVENTS(MUX_EVENT_DELETE) |                            \
	 MUX_EVENTS(MUX_EVENT_RENAME) | MUX_EVENTS(MUX_EVENT_EXECUTE) |                           \
	 MUX_EVENTS(MUX_EVENT_READ))
#define PROCESSES                                                                   \
	(MUX_EVENTS(MUX_EVENT_PROCESS_START) | MUX_EVENTS(MUX_EVENT_PROCESS_STOP) | \
	 MUX_EVENTS(MUX_EVENT_MEMORY))
#define SYSTEM (MUX_EVENTS(MUX_EVENT_CONFIG) | MUX_EVENTS(MUX_EVENT_LOGON))

struct stage {
	const char *name;
	void (*add_rules)(struct mux_rules *rules);
	bool prints; /* a line for each event */
};

/* What is known of a guest, over all of its sessions. */
struct ward {
	uint32_t cid;
	const struct stage *stage;
	char command[COMMAND_MAX]; /* that waits for its end, or "" */
	char rules[COMMAND_MAX];   /* the command that set the rules */
	char quarantine_id[256];
	bool was_denied_once;
	uint64_t sequence, gaps;
	uint64_t count[MUX_EVENT_KINDS]; /* since the rules were set */
};

static struct ward wards[WARDS_MAX];
static const struct stage *first_stage;

static struct ward *ward_of(const struct mux_agent *agent)
{
	uint32_t cid = mux_agent_info(agent)->cid;
	unsigned i = 0;

	while (i < WARDS_MAX - 1 && wards[i].cid != 0 && wards[i].cid != cid) {
		i++;
	}
	wards[i].cid = cid;
	return &wards[i];
}

static const char *name_of(const struct mux_agent *agent)
{
	return mux_agent_info(agent)->name;
}

/* ---- stages ---- */

/* Numbers of rules. */
enum { COMMANDS = 1, FAIL_OPEN, FAIL_CLOSED, JUDGED, TOLD, PROGRAMS, WHOLE_SYSTEM, ONLY, MANY };

static void add_nothing(struct mux_rules *rules)
{
	(void)rules;
}

static void add_all(struct mux_rules *rules)
{
	mux_rules_verdict(rules, FAIL_OPEN, OPENING, "/w/open/**", SHORT_MS, MUX_VERDICT_ALLOW);
	mux_rules_verdict(rules, FAIL_CLOSED, OPENING, "/w/closed/**", SHORT_MS, MUX_VERDICT_DENY);
	mux_rules_verdict(rules, JUDGED, OPENING, "/w/files/**", LONG_MS, MUX_VERDICT_DENY);
	mux_rules_verdict(rules, JUDGED, MUX_EVENTS(MUX_EVENT_READ), "/w/files/**", LONG_MS,
			  MUX_VERDICT_DENY);
	mux_rules_report(rules, TOLD, FILES, "/w/told/**");
	mux_rules_report(rules, PROGRAMS, PROCESSES, "/w/bin/**");
	mux_rules_report(rules, WHOLE_SYSTEM, SYSTEM, "**");
}

static void add_load(struct mux_rules *rules)
{
	mux_rules_verdict(rules, JUDGED, OPENING, "/w/files/**", LONG_MS, MUX_VERDICT_DENY);
}

static void add_guard(struct mux_rules *rules)
{
	mux_rules_verdict(rules, JUDGED, OPENING, "/w/files/**", GUARD_MS, MUX_VERDICT_DENY);
}

static void add_many(struct mux_rules *rules)
{
	mux_rules_report(rules, MANY, MUX_EVENTS(MUX_EVENT_CREATE) | MUX_EVENTS(MUX_EVENT_DELETE),
			 "/w/many/**");
}

static const struct stage stages[] = {
	{"none", add_nothing, true}, {"all", add_all, true},	{"load", add_load, false},
	{"guard", add_guard, false}, {"many", add_many, false},
};
static const struct stage only_stage = {"only", add_nothing, true};

static const struct stage *find_stage(const char *name)
{
	for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
		if (strcmp(name, stages[i].name) == 0) {
			return &stages[i];
		}
	}
	printf("there is no stage %s\n", name);
	return NULL;
}

/* Folders below /w/do are told of in every stage, and nothing else of /w/do. */
static void set_rules(struct mux_agent *agent, const struct stage *stage, uint64_t only)
{
	struct mux_rules *rules = mux_rules_create();
	struct ward *ward = ward_of(agent);
	int64_t result;

	mux_rules_report(rules, COMMANDS, MUX_EVENTS(MUX_EVENT_CREATE), DO "**");
	mux_rules_ignore(rules, COMMANDS, MUX_EVENTS_ALL, DO "**");
	stage->add_rules(rules);
	if (only != 0) {
		mux_rules_report(rules, ONLY, only, "**");
	}
	result = mux_agent_set_rules(agent, rules);
	if (result < 0) {
		printf("rules for %s: %s\n", name_of(agent), strerror((int)-result));
	}
	mux_rules_free(rules);
	ward->stage = stage;
}

/* ---- commands ---- */

static void finish_command(struct mux_agent *agent)
{
	static const struct mux_call call;
	struct ward *ward = ward_of(agent);
	char path[sizeof(DONE) + COMMAND_MAX];

	if (ward->command[0] != '\0') {
		snprintf(path, sizeof(path), DONE "%s", ward->command);
		ward->command[0] = '\0';
		(void)mux_create(agent, path, 0, &call);
	}
}

static void on_done(const struct mux_result *result, void *context)
{
	(void)context;
	printf("%s: %s: %s\n", name_of(result->agent), wire_verb_name((uint16_t)result->verb),
	       result->status == 0 ? "done" : strerror(-result->status));
	finish_command(result->agent);
}

/* The process that kill:PID is about, as the list of processes tells it. */
struct target {
	uint32_t pid;
	struct mux_process process;
};

static void on_process(struct mux_agent *agent, const struct mux_process_info *info, void *context)
{
	struct target *target = context;

	(void)agent;
	if (info->pid == target->pid) {
		target->process = mux_process_listed(info);
	}
}

static void on_listed(const struct mux_result *result, void *context)
{
	const struct mux_call call = {.done = on_done};
	struct target *target = context;

	if (mux_process_kill(result->agent, target->process, &call) < 0) {
		printf("%s: there is no process %u\n", name_of(result->agent), target->pid);
		finish_command(result->agent);
	}
	free(target);
}

static int64_t kill_process(struct mux_agent *agent, const char *pid)
{
	struct target *target = calloc(1, sizeof(*target));
	const struct mux_call call = {.done = on_listed, .context = target};
	int64_t result;

	if (target == NULL) {
		return -ENOMEM;
	}
	target->pid = (uint32_t)strtoul(pid, NULL, 10);
	result = mux_processes(agent, on_process, &call);
	if (result < 0) {
		free(target);
	}
	return result;
}

static void tell(const struct mux_agent *agent, const struct ward *ward)
{
	printf("%s: counts of %s:", name_of(agent), ward->rules);
	for (uint16_t kind = 0; kind < MUX_EVENT_KINDS; kind++) {
		if (ward->count[kind] != 0) {
			printf(" %s=%" PRIu64, wire_event_name(kind), ward->count[kind]);
		}
	}
	printf(" gaps=%" PRIu64 "\n", ward->gaps);
}

static uint64_t kind_of(const char *name)
{
	for (uint16_t kind = 0; kind < MUX_EVENT_KINDS; kind++) {
		if (strcmp(wire_event_name(kind), name) == 0) {
			return MUX_EVENTS(kind);
		}
	}
	printf("there is no kind %s\n", name);
	return 0;
}

static void crash(struct mux_service *service, void *context)
{
	(void)service;
	(void)context;
	exit(1);
}

/* -1: there is no such command. 0: it is done; else something ends it later. */
static int carry_out(struct mux_agent *agent, const char *verb, const char *argument)
{
	const struct mux_call call = {.done = on_done};
	struct ward *ward = ward_of(agent);

	if (strcmp(verb, "rules") == 0 && find_stage(argument) != NULL) {
		snprintf(ward->rules, sizeof(ward->rules), "%s", argument);
		set_rules(agent, find_stage(argument), 0);
		return 1;
	}
	if (strcmp(verb, "only") == 0 && kind_of(argument) != 0) {
		snprintf(ward->rules, sizeof(ward->rules), "only %s", argument);
		set_rules(agent, &only_stage, kind_of(argument));
		return 1;
	}
	if (strcmp(verb, "restore") == 0) {
		return mux_restore(agent, ward->quarantine_id, &call) > 0 ? 1 : -1;
	}
	if (strcmp(verb, "kill") == 0) {
		return kill_process(agent, argument) > 0 ? 1 : -1;
	}
	if (strcmp(verb, "tell") == 0) {
		tell(agent, ward);
		return 0;
	}
	if (strcmp(verb, "crash") == 0) {
		return mux_timer_start(mux_agent_service(agent), CRASH_MS, crash, NULL) > 0 ? 0
											    : -1;
	}
	return -1;
}

/* VERB[:ARGUMENT]-NUMBER */
static void take_command(struct mux_agent *agent, const char *text)
{
	char copy[COMMAND_MAX];
	char *argument, *verb = copy;
	struct ward *ward = ward_of(agent);
	int result;

	snprintf(ward->command, sizeof(ward->command), "%s", text);
	snprintf(copy, sizeof(copy), "%s", text);
	if (strrchr(copy, '-') != NULL) {
		*strrchr(copy, '-') = '\0';
	}
	argument = strchr(copy, ':');
	if (argument != NULL) {
		*argument++ = '\0';
	}
	result = carry_out(agent, verb, argument != NULL ? argument : "");
	if (result < 0) {
		printf("%s: command %s: there is none\n", name_of(agent), text);
	} else if (result == 0) {
		finish_command(agent);
	}
}

/* ---- verdicts ---- */

struct look {
	struct mux_event *event;
	char head[4];
	size_t size;
};

static void decide(struct look *look, enum mux_verdict verdict, const char *text, uint32_t flags)
{
	(void)mux_verdict(look->event, verdict, 0, text, flags);
	free(look);
}

static bool take_head(struct mux_agent *agent, uint64_t offset, const void *data, size_t size,
		      void *context)
{
	struct look *look = context;

	(void)agent;
	(void)offset;
	size = size < sizeof(look->head) - look->size ? size : sizeof(look->head) - look->size;
	memcpy(look->head + look->size, data, size);
	look->size += size;
	return look->size < sizeof(look->head);
}

static void on_head(const struct mux_result *result, void *context)
{
	struct look *look = context;
	const char *path = mux_event_info(look->event)->path;
	bool is_evil = look->size == sizeof(look->head) && memcmp(look->head, "EVIL", 4) == 0;

	if (result->status != 0 && result->status != -ECANCELED) {
		printf("%s: read of %s: %s\n", name_of(result->agent), path,
		       strerror(-result->status));
		is_evil = true;
	}
	decide(look, is_evil ? MUX_VERDICT_DENY : MUX_VERDICT_ALLOW, "content",
	       is_evil || strstr(path, "again") != NULL ? 0 : MUX_VERDICT_REMEMBER);
}

static void on_quarantined(const struct mux_result *result, void *context)
{
	struct ward *ward = ward_of(result->agent);

	printf("%s: quarantine: %s\n", name_of(result->agent),
	       result->status == 0 ? "done" : strerror(-result->status));
	if (result->quarantine_id != NULL) {
		snprintf(ward->quarantine_id, sizeof(ward->quarantine_id), "%s",
			 result->quarantine_id);
	}
	decide(context, MUX_VERDICT_DENY, "quarantined", 0);
}

static void judge(struct mux_event *event, const struct mux_event_info *info)
{
	struct mux_agent *agent = info->agent;
	struct ward *ward = ward_of(agent);
	struct look *look = calloc(1, sizeof(*look));
	struct mux_call call = {.done = on_head, .context = look};

	if (look == NULL) {
		(void)mux_verdict(event, MUX_VERDICT_DENY, 0, "no memory", 0);
		return;
	}
	look->event = event;
	if (strstr(info->path, "denied") != NULL) {
		decide(look, MUX_VERDICT_DENY, "name", 0);
	} else if (strstr(info->path, "once") != NULL && !ward->was_denied_once) {
		ward->was_denied_once = true;
		decide(look, MUX_VERDICT_DENY, "the first time", 0);
	} else if (strstr(info->path, "catch") != NULL) {
		call.done = on_quarantined;
		if (mux_quarantine(agent, mux_file_event(event), &call) < 0) {
			decide(look, MUX_VERDICT_DENY, "cannot be quarantined", 0);
		}
	} else if (mux_read(agent, mux_file_event(event), 0, sizeof(look->head), take_head, &call) <
		   0) {
		decide(look, MUX_VERDICT_DENY, "cannot be read", 0);
	}
}

/* ---- events ---- */

static void on_event(struct mux_event *event, void *context)
{
	const struct mux_event_info *info = mux_event_info(event);
	struct ward *ward = ward_of(info->agent);

	(void)context;
	ward->gaps += info->sequence != ward->sequence + 1;
	ward->sequence = info->sequence;
	if (info->rule == COMMANDS) {
		take_command(info->agent, info->path + strlen(DO));
		return;
	}
	ward->count[info->kind]++;
	if (ward->stage->prints) {
		printf("%s: %s %s%s%s by %s\n", name_of(info->agent),
		       wire_event_name((uint16_t)info->kind), info->path,
		       info->path2[0] != '\0' ? " to " : "", info->path2, info->process);
	}
	if (info->wants_verdict && strstr(info->path, "slow") == NULL) {
		judge(event, info);
	}
}

static void on_agent_up(struct mux_agent *agent, void *context)
{
	struct ward *ward = ward_of(agent);

	(void)context;
	printf("%s: agent up\n", name_of(agent));
	ward->sequence = 0;
	ward->command[0] = '\0';
	set_rules(agent, ward->stage != NULL ? ward->stage : first_stage, 0);
}

static void on_agent_down(struct mux_agent *agent, enum mux_error reason, void *context)
{
	(void)context;
	printf("%s: agent down: %s\n", name_of(agent), wire_error_name((uint32_t)reason));
}

static void on_configured(struct mux_agent *agent, uint32_t generation, enum mux_error result,
			  const char *text, void *context)
{
	struct ward *ward = ward_of(agent);

	(void)generation;
	(void)context;
	/* What came before this was told by the old rules. */
	memset(ward->count, 0, sizeof(ward->count));
	if (result != MUX_ERR_NONE) {
		printf("%s: rules refused: %s\n", name_of(agent), text);
	}
	finish_command(agent);
}

int main(int argc, char **argv)
{
	struct mux_service_options options = {.size = sizeof(options),
					      .name = "judge",
					      .version = "1",
					      .on_agent_up = on_agent_up,
					      .on_agent_down = on_agent_down,
					      .on_configured = on_configured};
	struct mux_service *service;
	int error;

	first_stage = find_stage(argc > 1 ? argv[1] : "none");
	if (first_stage == NULL) {
		return 2;
	}
	error = mux_service_create(&options, &service);
	if (error != 0) {
		printf("cannot start: %s\n", strerror(-error));
		return 1;
	}
	for (unsigned kind = 0; kind < MUX_EVENT_KINDS; kind++) {
		(void)mux_on_event(service, (enum mux_event_kind)kind, on_event, NULL);
	}
	error = mux_service_run(service);
	mux_service_destroy(service);
	return error != 0 ? 1 : 0;
}
