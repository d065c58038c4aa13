/* SPDX-License-Identifier: MIT */
/* Cooperative tasks: see task.h. This file has the interpreter's loop and the commands that steer
 * it; those on files and processes are in commands.c. */
#include "agent-guest/bare/task.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent-guest/bare/commands.h"

#define TURN_COMMANDS 16U /* before other tasks and the agent's links get their turn */

struct task *task_start(struct guest *guest, struct process *process, const char *script,
			size_t size)
{
	for (unsigned i = 0; i < TASK_MAX; i++) {
		struct task *task = &guest->tasks.task[i];

		if (task->process != NULL) {
			continue;
		}
		memset(task, 0, sizeof(*task));
		task->script = malloc(size + 1);
		if (task->script == NULL) {
			return NULL;
		}
		memcpy(task->script, script, size);
		task->size = size;
		task->process = process;
		guest->tasks.used++;
		return task;
	}
	return NULL;
}

static void end_task(struct guest *guest, struct task *task)
{
	if (task->waiter != NULL) {
		task->waiter->child_is_done = true;
		task->waiter->child_failures = task->failures;
	}
	/* Whom this task waits for goes on alone. */
	for (unsigned i = 0; i < TASK_MAX; i++) {
		if (guest->tasks.task[i].waiter == task) {
			guest->tasks.task[i].waiter = NULL;
		}
	}
	process_end(&guest->processes, task->process);
	free(task->script);
	task->script = NULL;
	task->process = NULL;
	guest->tasks.used--;
}

static void fail(struct guest *guest, struct task *task, const char *message)
{
	guest_print(guest, "%s line %u: %s", task->process->image, task->line.number, message);
	task->failures++;
	guest->failures++;
}

/* ---- expectations ---- */

static void check_result(struct guest *guest, struct task *task)
{
	enum script_result got = script_result_of(task->result);
	char message[64];

	if (task->line.expected == SCRIPT_ANY || got == task->line.expected) {
		return;
	}
	snprintf(message, sizeof(message), "expected %s, got %s",
		 script_result_name(task->line.expected), script_result_name(got));
	fail(guest, task, message);
}

static bool counter_of(struct guest *guest, const struct task *task, const char *name,
		       uint64_t *value)
{
	if (strcmp(name, "walked") == 0) {
		*value = task->walked;
	} else if (strcmp(name, "walk_denied") == 0) {
		*value = task->walk_denied;
	} else if (strcmp(name, "walk_failed") == 0) {
		*value = task->walk_failed;
	} else {
		return guest_counter(guest, name, value);
	}
	return true;
}

static void check(struct guest *guest, struct task *task)
{
	const char *const *word = task->line.argv;
	uint64_t value = 0;
	uint64_t wanted = 0;
	char message[128];

	script_number(word[2], &wanted);
	if (!counter_of(guest, task, word[0], &value)) {
		fail(guest, task, "unknown counter");
	} else if (!script_compare(value, word[1], wanted)) {
		snprintf(message, sizeof(message), "expected %s %s %s, but it is %llu", word[0],
			 word[1], word[2], (unsigned long long)value);
		fail(guest, task, message);
	}
}

/* ---- steering ---- */

static uint64_t now_us(struct guest *guest)
{
	return guest->machine.now(guest->machine.context).us;
}

static bool sleep_until(struct guest *guest, struct task *task)
{
	uint64_t ms = 0;

	if (task->stage == 0) {
		script_number(task->line.argv[0], &ms);
		task->wake_us = now_us(guest) + ms * 1000;
		task->stage = 1;
	}
	return now_us(guest) >= task->wake_us;
}

/* wait COUNTER NUMBER MILLISECONDS: until the counter is at least so high. */
static bool wait_for(struct guest *guest, struct task *task)
{
	uint64_t value = 0;
	uint64_t wanted = 0;
	uint64_t ms = 0;
	char message[128];

	script_number(task->line.argv[1], &wanted);
	if (task->stage == 0) {
		script_number(task->line.argv[2], &ms);
		task->wake_us = now_us(guest) + ms * 1000;
		task->stage = 1;
	}
	if (!counter_of(guest, task, task->line.argv[0], &value)) {
		fail(guest, task, "unknown counter");
		return true;
	}
	if (value >= wanted) {
		return true;
	}
	if (now_us(guest) < task->wake_us) {
		return false;
	}
	snprintf(message, sizeof(message), "waited for %s %s, but it is %llu", task->line.argv[0],
		 task->line.argv[1], (unsigned long long)value);
	fail(guest, task, message);
	return true;
}

static void begin_repeat(struct task *task)
{
	struct task_loop *loop = &task->loop[task->depth++]; /* script_check limits the depth */

	*loop = (struct task_loop){.start = task->at, .number = task->line.number};
	script_number(task->line.argv[0], &loop->left);
}

static void end_repeat(struct task *task)
{
	struct task_loop *loop = &task->loop[task->depth - 1];

	if (loop->left > 1) {
		loop->left--;
		task->at = loop->start;
		task->line.number = loop->number;
	} else {
		task->depth--;
	}
}

static void log_words(struct guest *guest, const struct task *task)
{
	char text[SCRIPT_LINE_MAX];
	size_t used = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < task->line.argc && used < sizeof(text); i++) {
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", i > 0 ? " " : "",
					 task->line.argv[i]);
	}
	guest_print(guest, "%s", text);
}

static void print_stats(struct guest *guest)
{
	static const char *const names[] = {"files",	   "events",	"verdicts",
					    "denied",	   "fallbacks", "lost",
					    "quarantined", "p50",	"p99"};
	char text[256];
	size_t used = 0;

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]) && used < sizeof(text); i++) {
		uint64_t value = 0;

		guest_counter(guest, names[i], &value);
		used += (size_t)snprintf(text + used, sizeof(text) - used, " %s %llu", names[i],
					 (unsigned long long)value);
	}
	guest_print(guest, "stats:%s", text);
}

/* true: done. */
static bool run_command(struct guest *guest, struct task *task)
{
	switch (task->line.command) {
	case SCRIPT_SLEEP: return sleep_until(guest, task);
	case SCRIPT_WAIT: return wait_for(guest, task);
	case SCRIPT_CHECK: check(guest, task); return true;
	case SCRIPT_REPEAT: begin_repeat(task); return true;
	case SCRIPT_END: end_repeat(task); return true;
	case SCRIPT_LOG: log_words(guest, task); return true;
	case SCRIPT_STATS: print_stats(guest); return true;
	case SCRIPT_EXPECT:
	case SCRIPT_NOTHING: return true;
	default: return commands_run(guest, task);
	}
}

/* ---- the loop ---- */

/* Reads the next line; false: the task ended. */
static bool fetch(struct guest *guest, struct task *task)
{
	const char *message;

	/* It was checked before it started, so it can't be wrong here. */
	if (task->process->stop_wanted ||
	    script_read_line(task->script, task->size, &task->at, &task->line, &message) <= 0) {
		end_task(guest, task);
		return false;
	}
	task->is_running = true;
	task->stage = 0;
	task->error = 0;
	task->ruling.cause = AGENT_CAUSE_NONE;
	return true;
}

/* A task that is to stop is not kept by a sleep. */
static bool is_cut_short(const struct task *task)
{
	return task->process->stop_wanted &&
	       (task->line.command == SCRIPT_SLEEP || task->line.command == SCRIPT_WAIT ||
		(task->line.command == SCRIPT_EXEC && task->stage == 2));
}

bool task_run(struct guest *guest, struct task *task)
{
	for (unsigned i = 0; i < TURN_COMMANDS; i++) {
		if (!task->is_running && !fetch(guest, task)) {
			return true; /* whoever waits for its end can go on */
		}
		task->has_yielded = false;
		if (!is_cut_short(task) && !run_command(guest, task)) {
			return task->has_yielded;
		}
		task->is_running = false;
		check_result(guest, task);
	}
	return true;
}
