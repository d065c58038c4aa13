/* SPDX-License-Identifier: MIT */
/* The mini OS of the bare-metal guest: see guest.h. */
#include "agent-guest/bare/guest.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent-guest/bare/ustar.h"

#define WAIT_STEP_US 10000U /* how often `wait` looks at its counter */

#define EVENTS_KNOWN                                                                      \
	(1ULL << MUX_EVENT_OPEN | 1ULL << MUX_EVENT_CLOSE | 1ULL << MUX_EVENT_WRITE |     \
	 1ULL << MUX_EVENT_CREATE | 1ULL << MUX_EVENT_DELETE | 1ULL << MUX_EVENT_RENAME | \
	 1ULL << MUX_EVENT_EXECUTE | 1ULL << MUX_EVENT_PROCESS_START |                    \
	 1ULL << MUX_EVENT_PROCESS_STOP)

void guest_print(struct guest *guest, const char *format, ...)
{
	char line[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	/* File names come from archives and services: nothing of them steers the console. */
	for (char *c = line; *c != '\0'; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f) {
			*c = '?';
		}
	}
	guest->machine.print(guest->machine.context, line);
}

int guest_init(struct guest *guest, const struct guest_machine *machine,
	       const struct agent_config *config)
{
	struct agent_config complete = *config;
	int error;

	guest->machine = *machine;
	guest->quarantine_last = 0;
	guest->failures = 0;
	memset(&guest->tasks, 0, sizeof(guest->tasks));
	error = ramfs_init(&guest->fs);
	if (error == 0) {
		error = ramfs_make_path(&guest->fs, VFS_QUARANTINE, &guest->quarantine);
	}
	if (error != 0) {
		return error;
	}
	if (complete.events == 0) {
		complete.events = EVENTS_KNOWN;
	}
	vfs_init(&guest->vfs, &guest->fs, &guest->agent, machine->now, machine->context);
	process_init(&guest->processes, &guest->vfs);
	agent_init(&guest->agent, &complete, &guest_agent_ops, guest,
		   machine->now(machine->context));
	return 0;
}

void guest_destroy(struct guest *guest)
{
	ramfs_destroy(&guest->fs);
}

/* ---- archives ---- */

static const char *strip(const char *name)
{
	while (strncmp(name, "./", 2) == 0 || name[0] == '/') {
		name += name[0] == '/' ? 1 : 2;
	}
	return strcmp(name, ".") == 0 ? "" : name;
}

static int join(char path[RAMFS_PATH_MAX + 1], const char *at, const char *name)
{
	int length = snprintf(path, RAMFS_PATH_MAX + 1, "%s/%s", at, strip(name));

	return length > (int)RAMFS_PATH_MAX ? -ENAMETOOLONG : 0;
}

/* The file at the path, made with its directories; one of that name before it is replaced. */
static int place_file(struct guest *guest, char *path, struct ramfs_node **node)
{
	char *slash = strrchr(path, '/');
	int error;

	*slash = '\0';
	error = ramfs_make_path(&guest->fs, path[0] != '\0' ? path : "/", node);
	*slash = '/';
	if (error != 0) {
		return error;
	}
	error = ramfs_create(&guest->fs, path, false, 0, node);
	return error == -EEXIST ? ramfs_find(&guest->fs, path, node) : error;
}

static int unpack(struct guest *guest, const char *at, const struct ustar_entry *entry)
{
	static char path[RAMFS_PATH_MAX + 1];
	struct ramfs_node *node;
	struct ramfs_node *original;
	int error;

	if (entry->type == USTAR_HARD_LINK) {
		error = join(path, at, entry->link);
		if (error == 0) {
			error = ramfs_find(&guest->fs, path, &original);
		}
		if (error != 0) {
			return error;
		}
	}
	error = join(path, at, entry->name);
	if (error != 0) {
		return error;
	}
	if (entry->type == USTAR_DIRECTORY) {
		return ramfs_make_path(&guest->fs, path, &node);
	}
	error = place_file(guest, path, &node);
	if (error == 0 && node->is_directory) {
		error = -EISDIR;
	}
	if (error == 0 && entry->type == USTAR_HARD_LINK) {
		ramfs_lend(node, original->data, original->size);
	} else if (error == 0) {
		ramfs_lend(node, entry->data, entry->size);
	}
	return error;
}

int guest_load_archive(struct guest *guest, const char *at, const void *archive, size_t size)
{
	static struct ustar_entry entry;
	struct ustar tar;
	int files = 0;
	int more;

	ustar_open(&tar, archive, size);
	while ((more = ustar_next(&tar, &entry)) > 0) {
		int error = unpack(guest, at, &entry);

		if (error != 0) {
			guest_print(guest, "archive entry %s: error %d", entry.name, error);
			return error;
		}
		files += entry.type != USTAR_DIRECTORY ? 1 : 0;
	}
	return more < 0 ? more : files;
}

/* ---- running ---- */

int guest_start_workload(struct guest *guest, const char *name, const char *text, size_t size)
{
	static struct script_line scratch;
	const char *message = NULL;
	struct process *process;
	unsigned wrong = script_check(text, size, &scratch, &message);

	if (wrong != 0) {
		guest_print(guest, "%s line %u: %s", name, wrong, message);
		return -EINVAL;
	}
	process = process_start(&guest->processes, name, 0, true);
	return process != NULL && task_start(guest, process, text, size) != NULL ? 0 : -EINVAL;
}

/* Processes without a task are ended here: who stopped them may not raise notifications. */
static void end_stopped(struct guest *guest)
{
	for (unsigned i = 0; i < PROCESS_MAX; i++) {
		struct process *process = &guest->processes.process[i];

		if (process->pid != 0 && process->stop_wanted && !process->is_task) {
			process_end(&guest->processes, process);
		}
	}
}

bool guest_run(struct guest *guest)
{
	bool again = false;

	end_stopped(guest);
	for (unsigned i = 0; i < TASK_MAX; i++) {
		const struct process *process = guest->tasks.task[i].process;

		if (process != NULL && (!process->is_paused || process->stop_wanted)) {
			again = task_run(guest, &guest->tasks.task[i]) || again;
		}
	}
	return again;
}

static uint64_t task_deadline(const struct task *task, uint64_t now_us)
{
	if (task->process == NULL || !task->is_running || task->process->is_paused) {
		return UINT64_MAX;
	}
	if (task->line.command == SCRIPT_SLEEP) {
		return task->wake_us;
	}
	return task->line.command == SCRIPT_WAIT ? now_us + WAIT_STEP_US : UINT64_MAX;
}

uint64_t guest_next_deadline(const struct guest *guest)
{
	uint64_t now_us = guest->machine.now(guest->machine.context).us;
	uint64_t next = agent_next_deadline(&guest->agent);

	for (unsigned i = 0; i < TASK_MAX; i++) {
		uint64_t deadline = task_deadline(&guest->tasks.task[i], now_us);

		next = deadline < next ? deadline : next;
	}
	return next;
}

/* The workload is the first process; those that it started may outlive it, but not the guest. */
bool guest_is_done(const struct guest *guest)
{
	for (unsigned i = 0; i < PROCESS_MAX; i++) {
		if (guest->processes.process[i].pid == PROCESS_FIRST_PID) {
			return false;
		}
	}
	return true;
}

/* ---- counters ---- */

static uint64_t count_quarantined(const struct guest *guest)
{
	uint64_t count = 0;

	for (const struct ramfs_node *node = guest->quarantine->child; node != NULL;
	     node = node->next) {
		count++;
	}
	return count;
}

bool guest_counter(const struct guest *guest, const char *name, uint64_t *value)
{
	const struct agent_counters *from = &guest->agent.counters;
	const struct {
		const char *name;
		uint64_t value;
	} counters[] = {
		{"services", agent_ready_services(&guest->agent)},
		{"quarantined", count_quarantined(guest)},
		{"files", from->files_seen},
		{"events", from->events},
		{"verdicts", from->verdicts},
		{"denied", from->denied},
		{"fallbacks", from->fallbacks},
		{"lost", from->lost},
		{"accesses", from->accesses},
		{"remembered", from->remembered},
		{"processes", guest->processes.used},
		{"failures", guest->failures},
		{"p50", latency_percentile(&guest->agent.latency, 50)},
		{"p99", latency_percentile(&guest->agent.latency, 99)},
	};

	for (unsigned i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
		if (strcmp(name, counters[i].name) == 0) {
			*value = counters[i].value;
			return true;
		}
	}
	return false;
}
