/* SPDX-License-Identifier: MIT */
/*
 * A service for testing agents. Arguments: its rules, with "--" between them:
 *   verdict RULE KINDS GLOB DEADLINE_MS allow|deny      report RULE KINDS GLOB
 * KINDS is a list of event names as in wire_event_name(), with commas.
 * It denies files whose name has "denied" or whose content begins with "EVIL" (read by the event's
 * handle), quarantines by handle those with "EVILQ", kills by handle who opens names with "killer",
 * never answers about names with "slow", and calls the others clean, to be remembered. Programs
 * with "doomed" in their names are killed when it hears that they started. Commands on standard
 * input, a line each: VERB PATH [PATH2|DATA], or "ps", "bye", and "stop", "resume" or "kill" with
 * PID START. Prints a line for each event and each result.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "appliance/lib/include/muxaccess.h"
#include "lib/wire/wire.h"

#define STEP_MS 20

static struct mux_rules *rules;
static struct mux_agent *guest; /* the only one, or NULL */

/* ---- rules ---- */

static uint64_t kinds_of(const char *list)
{
	uint64_t kinds = 0;

	while (*list != '\0') {
		size_t length = strcspn(list, ",");

		for (uint16_t kind = 0; kind < MUX_EVENT_KINDS; kind++) {
			const char *name = wire_event_name(kind);

			if (strlen(name) == length && strncmp(list, name, length) == 0) {
				kinds |= MUX_EVENTS(kind);
			}
		}
		list += length + (list[length] == ',' ? 1 : 0);
	}
	return kinds;
}

static void add_rules(int count, char **words)
{
	rules = mux_rules_create();
	for (int i = 1; i < count; i++) {
		bool is_verdict = strcmp(words[i], "verdict") == 0;

		if (i + (is_verdict ? 5 : 3) >= count) {
			fprintf(stderr, "rule: words are missing\n");
			exit(2);
		}
		if (is_verdict) {
			mux_rules_verdict(rules, (uint32_t)atoi(words[i + 1]),
					  kinds_of(words[i + 2]), words[i + 3],
					  (uint32_t)atoi(words[i + 4]),
					  strcmp(words[i + 5], "deny") == 0 ? MUX_VERDICT_DENY
									    : MUX_VERDICT_ALLOW);
		} else {
			mux_rules_report(rules, (uint32_t)atoi(words[i + 1]),
					 kinds_of(words[i + 2]), words[i + 3]);
		}
		i += is_verdict ? 6 : 4;
	}
}

/* ---- events ---- */

/* A file that is being looked at. */
struct look {
	struct mux_event *event;
	char head[5];
	size_t size;
};

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

static void decide(struct look *look, enum mux_verdict verdict, const char *text)
{
	mux_verdict(look->event, verdict, 0, text,
		    verdict == MUX_VERDICT_ALLOW ? MUX_VERDICT_REMEMBER : 0);
	free(look);
}

static void on_quarantined(const struct mux_result *result, void *context)
{
	printf("quarantined %d %s\n", result->status,
	       result->quarantine_id ? result->quarantine_id : "-");
	decide(context, MUX_VERDICT_DENY, "evil, quarantined");
}

static void on_head(const struct mux_result *result, void *context)
{
	struct look *look = context;
	struct mux_call call = {.done = on_quarantined, .context = look};

	if (result->status != 0 && result->status != -ECANCELED) {
		printf("read by handle failed: %d\n", result->status);
		decide(look, MUX_VERDICT_ALLOW, "unreadable");
	} else if (look->size == 5 && memcmp(look->head, "EVILQ", 5) == 0) {
		if (mux_quarantine(result->agent, mux_file_event(look->event), &call) < 0) {
			decide(look, MUX_VERDICT_DENY, "evil");
		}
	} else {
		decide(look,
		       look->size >= 4 && memcmp(look->head, "EVIL", 4) == 0 ? MUX_VERDICT_DENY
									     : MUX_VERDICT_ALLOW,
		       "content");
	}
}

static void on_killed(const struct mux_result *result, void *context)
{
	printf("killed by handle: %d\n", result->status);
	decide(context, MUX_VERDICT_DENY, "killed");
}

static void kill_opener(struct look *look, struct mux_agent *agent)
{
	struct mux_call call = {.done = on_killed, .context = look};

	if (mux_process_kill(agent, mux_process_event(look->event), &call) < 0) {
		decide(look, MUX_VERDICT_DENY, "cannot be killed");
	}
}

static void judge(struct mux_event *event, const struct mux_event_info *info)
{
	struct look *look = calloc(1, sizeof(*look));
	struct mux_call call = {.done = on_head, .context = look};

	look->event = event;
	if (strstr(info->path, "denied") != NULL) {
		decide(look, MUX_VERDICT_DENY, "name");
	} else if (strstr(info->path, "killer") != NULL) {
		kill_opener(look, info->agent);
	} else if (mux_read(info->agent, mux_file_event(event), 0, 5, take_head, &call) < 0) {
		decide(look, MUX_VERDICT_ALLOW, "cannot be asked");
	}
}

static void on_done(const struct mux_result *result, void *context);

static void on_event(struct mux_event *event, void *context)
{
	const struct mux_event_info *info = mux_event_info(event);

	(void)context;
	printf("event %llu %s pid %u size %llu rule %u %s|%s|%s%s\n",
	       (unsigned long long)info->sequence, wire_event_name((uint16_t)info->kind), info->pid,
	       (unsigned long long)info->size, info->rule, info->path, info->path2, info->process,
	       info->wants_verdict ? " ?" : "");
	if (info->wants_verdict && strstr(info->path, "slow") == NULL) {
		judge(event, info);
	}
	if (info->kind == MUX_EVENT_PROCESS_START) {
		printf("started %u %llu\n", info->pid, (unsigned long long)info->start_us);
		if (strstr(info->path, "doomed") != NULL) {
			mux_process_kill(info->agent, mux_process_event(event),
					 &(struct mux_call){.done = on_done});
		}
	}
}

static void on_agent_up(struct mux_agent *agent, void *context)
{
	(void)context;
	guest = agent;
	printf("agent up: %s, granted 0x%llx\n", mux_agent_info(agent)->name,
	       (unsigned long long)mux_agent_info(agent)->granted);
	mux_agent_set_rules(agent, rules);
}

static void on_agent_down(struct mux_agent *agent, enum mux_error reason, void *context)
{
	(void)context;
	guest = guest == agent ? NULL : guest;
	printf("agent down: %s\n", wire_error_name((uint32_t)reason));
}

static void on_configured(struct mux_agent *agent, uint32_t generation, enum mux_error result,
			  const char *text, void *context)
{
	(void)agent;
	(void)generation;
	(void)context;
	printf("configured: %s %s\n", wire_error_name((uint32_t)result), text);
}

/* ---- commands ---- */

static void on_done(const struct mux_result *result, void *context)
{
	(void)context;
	printf("result %s %d total %llu", wire_verb_name((uint16_t)result->verb), result->status,
	       (unsigned long long)result->total);
	if (result->quarantine_id != NULL) {
		printf(" id %s", result->quarantine_id);
	}
	if (result->stat != NULL) {
		printf(" stat %s size %llu mode %o flags %u", result->stat->name,
		       (unsigned long long)result->stat->size, result->stat->mode,
		       result->stat->flags);
	}
	printf("\n");
}

static bool on_data(struct mux_agent *agent, uint64_t offset, const void *data, size_t size,
		    void *context)
{
	(void)agent;
	(void)context;
	printf("data %llu %.*s\n", (unsigned long long)offset, size < 60 ? (int)size : 60,
	       (const char *)data);
	return true;
}

static void on_entry(struct mux_agent *agent, const struct mux_stat_info *entry, void *context)
{
	(void)agent;
	(void)context;
	printf("entry %s size %llu mode %o\n", entry->name, (unsigned long long)entry->size,
	       entry->mode);
}

static void on_process(struct mux_agent *agent, const struct mux_process_info *process,
		       void *context)
{
	(void)agent;
	(void)context;
	printf("process %u parent %u %s start %llu\n", process->pid, process->parent,
	       process->image, (unsigned long long)process->start_us);
}

static struct mux_process process_of(const char *pid, const char *start)
{
	return (struct mux_process){.pid = (uint32_t)strtoul(pid, NULL, 10),
				    .start_us = strtoull(start, NULL, 10)};
}

static int64_t carry_out(const char *verb, const char *path, const char *more)
{
	static char data[256];
	const struct mux_call call = {.done = on_done};
	struct mux_file file = mux_file_path(path);

	if (strcmp(verb, "read") == 0) {
		return mux_read(guest, file, 0, MUX_READ_ALL, on_data, &call);
	} else if (strcmp(verb, "write") == 0) {
		snprintf(data, sizeof(data), "%s", more);
		return mux_write(guest, file, 0, data, strlen(data), MUX_ACCESS_TRUNCATE, &call);
	} else if (strcmp(verb, "create") == 0) {
		return mux_create(guest, path, 0, &call);
	} else if (strcmp(verb, "delete") == 0) {
		return mux_delete(guest, file, &call);
	} else if (strcmp(verb, "rename") == 0) {
		return mux_rename(guest, file, more, &call);
	} else if (strcmp(verb, "list") == 0) {
		return mux_list(guest, path, on_entry, &call);
	} else if (strcmp(verb, "stat") == 0) {
		return mux_stat(guest, file, &call);
	} else if (strcmp(verb, "quarantine") == 0) {
		return mux_quarantine(guest, file, &call);
	} else if (strcmp(verb, "restore") == 0) {
		return mux_restore(guest, path, &call);
	} else if (strcmp(verb, "ps") == 0) {
		return mux_processes(guest, on_process, &call);
	} else if (strcmp(verb, "stop") == 0) {
		return mux_process_stop(guest, process_of(path, more), &call);
	} else if (strcmp(verb, "resume") == 0) {
		return mux_process_resume(guest, process_of(path, more), &call);
	} else if (strcmp(verb, "kill") == 0) {
		return mux_process_kill(guest, process_of(path, more), &call);
	}
	return -EINVAL;
}

static void take_command(struct mux_service *service, char *line)
{
	char *verb = strsep(&line, " \n");
	char *path = strsep(&line, " \n");
	char *more = strsep(&line, "\n");
	int64_t result;

	if (strcmp(verb, "bye") == 0) {
		mux_service_stop(service);
		return;
	}
	result = guest != NULL ? carry_out(verb, path ? path : "", more ? more : "") : -ENOTCONN;
	if (result < 0) {
		printf("refused %s %d\n", verb, (int)result);
	}
}

/* Whole lines that wait on standard input. */
static void take_commands(struct mux_service *service)
{
	static char text[4096];
	static size_t used;
	struct pollfd polled = {.fd = STDIN_FILENO, .events = POLLIN};
	char *end;

	while (poll(&polled, 1, 0) > 0 && (polled.revents & POLLIN) != 0) {
		ssize_t size = read(STDIN_FILENO, text + used, sizeof(text) - used - 1);

		if (size <= 0) {
			return;
		}
		used += (size_t)size;
		text[used] = '\0';
		while ((end = strchr(text, '\n')) != NULL) {
			*end = '\0';
			take_command(service, text);
			used -= (size_t)(end + 1 - text);
			memmove(text, end + 1, used + 1);
		}
	}
}

int main(int argc, char **argv)
{
	struct mux_service_options options = {.size = sizeof(options),
					      .name = "test",
					      .version = "1",
					      .on_agent_up = on_agent_up,
					      .on_agent_down = on_agent_down,
					      .on_configured = on_configured};
	struct mux_service *service;
	int error;

	setvbuf(stdout, NULL, _IOLBF, 0);
	add_rules(argc, argv);
	error = mux_service_create(&options, &service);
	if (error != 0) {
		fprintf(stderr, "cannot start: %s\n", strerror(-error));
		return 1;
	}
	for (unsigned kind = 0; kind < MUX_EVENT_KINDS; kind++) {
		mux_on_event(service, (enum mux_event_kind)kind, on_event, NULL);
	}
	while (error == 0) {
		take_commands(service);
		error = mux_service_step(service, STEP_MS);
	}
	mux_service_destroy(service);
	mux_rules_free(rules);
	return error == -ECANCELED ? 0 : 1;
}
