/* SPDX-License-Identifier: MIT */
/* The keys of the sections [machine] and [partition]: see keys.h. */
#include "tools/muxpack/keys.h"

#include <stdlib.h>
#include <string.h>

#include "tools/muxpack/linux_boot.h"
#include "tools/muxpack/memory.h"
#include "tools/muxpack/text.h"

#define START_ORDER_MAX 1000U
#define RESTART_MAX	1000000U

struct key {
	const char *name;
	bool is_repeatable;
	void (*set)(const struct keys_context *context, char *value);
};

#define expect(context, ...) report_error((context)->report, (context)->line, __VA_ARGS__)

static void set_time_slice(const struct keys_context *context, char *value)
{
	uint64_t time;

	if (!text_parse_time(value, &time) || time < MUX_TIME_SLICE_MIN ||
	    time > MUX_TIME_SLICE_MAX) {
		expect(context, "time-slice is a time from %uus to %ums, not \"%s\"",
		       MUX_TIME_SLICE_MIN, MUX_TIME_SLICE_MAX / 1000, value);
		return;
	}
	context->model->time_slice_us = (uint32_t)time;
}

static void set_poll_cpu(const struct keys_context *context, char *value)
{
	uint64_t cpu = MUX_POLL_CPU_NONE;

	if (strcmp(value, "none") != 0 && !text_parse_number(value, 0, MUX_CPUS_MAX - 1, &cpu)) {
		expect(context, "poll-cpu is a CPU number from 0 to %u, or none, not \"%s\"",
		       MUX_CPUS_MAX - 1, value);
		return;
	}
	context->model->poll_cpu = (uint32_t)cpu;
}

static bool parse_field(const struct keys_context *context, const char *key, const char *value,
			uint32_t min, uint32_t max, uint32_t *field)
{
	uint64_t number;

	if (!text_parse_number(value, min, max, &number)) {
		expect(context, "%s is a number from %u to %u, not \"%s\"", key, min, max, value);
		return false;
	}
	*field = (uint32_t)number;
	return true;
}

static void set_path(const struct keys_context *context, const char *value, const char *what,
		     char **field)
{
	if (*value == '\0') {
		expect(context, "%s", what);
		return;
	}
	*field = model_path(context->model, value);
}

static void set_image(const struct keys_context *context, char *value)
{
	set_path(context, value, "image is the path of an ELF file", &context->partition->image);
}

static void set_kernel(const struct keys_context *context, char *value)
{
	set_path(context, value, "kernel is the path of a bzImage or an ELF vmlinux",
		 &context->partition->kernel);
}

static void set_initrd(const struct keys_context *context, char *value)
{
	set_path(context, value, "initrd is the path of a file", &context->partition->initrd);
}

static void set_command_line(const struct keys_context *context, char *value)
{
	char *text = memory_alloc(LINUX_COMMAND_LINE_SIZE);

	if (text_parse_quoted(value, text, LINUX_COMMAND_LINE_SIZE)) {
		context->partition->command_line = text;
	} else {
		expect(context, "cmdline is text in double quotes, up to %u bytes",
		       LINUX_COMMAND_LINE_SIZE - 1);
		free(text);
	}
}

static void set_memory(const struct keys_context *context, char *value)
{
	uint64_t size;

	if (!text_parse_size(value, &size) || size == 0 || size > MUX_MEMORY_MAX ||
	    size % MUX_PIECE_SIZE != 0) {
		expect(context, "memory is a multiple of 2M up to %lluG, such as 64M, not \"%s\"",
		       MUX_MEMORY_MAX >> 30, value);
		return;
	}
	context->partition->memory = size;
}

static void set_vcpus(const struct keys_context *context, char *value)
{
	parse_field(context, "vcpus", value, 1, MUX_VCPUS_MAX, &context->partition->vcpus);
}

static void add_cpu(const struct keys_context *context, const char *word)
{
	struct model_partition *partition = context->partition;
	uint32_t cpu;

	if (!parse_field(context, "a CPU", word, 0, MUX_CPUS_MAX - 1, &cpu)) {
		return;
	}
	if (partition->cpu_count == MUX_VCPUS_MAX) {
		expect(context, "cpus names more than %u CPUs", MUX_VCPUS_MAX);
		return;
	}
	partition->cpus[partition->cpu_count++] = cpu;
}

static void set_cpus(const struct keys_context *context, char *value)
{
	char *position = NULL;
	char *word = strtok_r(value, " \t,", &position);

	if (word == NULL) {
		expect(context, "cpus is a list of CPU numbers, such as 0 1");
	}
	for (; word != NULL; word = strtok_r(NULL, " \t,", &position)) {
		add_cpu(context, word);
	}
}

static void set_cid(const struct keys_context *context, char *value)
{
	uint64_t cid = MODEL_CID_AUTO;

	if (strcmp(value, "auto") != 0 &&
	    !text_parse_number(value, MUX_CID_MIN, MUX_CID_MAX, &cid)) {
		expect(context, "cid is a number from %u to %u, or auto, not \"%s\"", MUX_CID_MIN,
		       MUX_CID_MAX, value);
		return;
	}
	context->partition->cid = (uint32_t)cid;
}

static void set_rights(const struct keys_context *context, char *value)
{
	if (strcmp(value, "manager") == 0) {
		context->partition->rights = MUX_RIGHT_MANAGER;
	} else if (strcmp(value, "none") != 0) {
		expect(context, "rights is manager or none, not \"%s\"", value);
	}
}

/* Sets or clears a flag by one of two words. */
static void set_flag(const struct keys_context *context, const char *key, const char *value,
		     uint32_t flag, const char *word_set, const char *word_clear)
{
	if (strcmp(value, word_set) == 0) {
		context->partition->flags |= flag;
	} else if (strcmp(value, word_clear) == 0) {
		context->partition->flags &= ~flag;
	} else {
		expect(context, "%s is %s or %s, not \"%s\"", key, word_set, word_clear, value);
	}
}

static void set_console(const struct keys_context *context, char *value)
{
	set_flag(context, "console", value, MUX_PARTITION_CONSOLE, "yes", "no");
}

static void set_vsock(const struct keys_context *context, char *value)
{
	set_flag(context, "vsock", value, MUX_PARTITION_VSOCK, "yes", "no");
}

static void set_stops_machine(const struct keys_context *context, char *value)
{
	set_flag(context, "stops-machine", value, MUX_PARTITION_STOPS_MACHINE, "yes", "no");
}

static void set_start(const struct keys_context *context, char *value)
{
	set_flag(context, "start", value, MUX_PARTITION_START_OFF, "manual", "boot");
}

static void set_start_order(const struct keys_context *context, char *value)
{
	parse_field(context, "start-order", value, 0, START_ORDER_MAX,
		    &context->partition->start_order);
}

static void set_weight(const struct keys_context *context, char *value)
{
	parse_field(context, "weight", value, 1, MUX_WEIGHT_MAX, &context->partition->weight);
}

static void set_restart_max(const struct keys_context *context, char *text)
{
	const char *number = text_split_word(text);

	if (strcmp(text, "max") != 0 || context->partition->restart == MUX_RESTART_NEVER) {
		expect(context,
		       "after the restart policy only \"max N\" may stand, not after never");
		return;
	}
	parse_field(context, "restart max", number, 1, RESTART_MAX,
		    &context->partition->restart_max);
}

static void set_restart(const struct keys_context *context, char *value)
{
	static const char *const words[] = {
		[MUX_RESTART_NEVER] = "never",
		[MUX_RESTART_ON_FAIL] = "on-failure",
		[MUX_RESTART_ALWAYS] = "always",
	};
	char *rest = text_split_word(value);

	for (uint32_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(value, words[i]) != 0) {
			continue;
		}
		context->partition->restart = i;
		if (*rest != '\0') {
			set_restart_max(context, rest);
		}
		return;
	}
	expect(context, "restart is never, on-failure or always, not \"%s\"", value);
}

static void set_args(const struct keys_context *context, char *value)
{
	if (!text_parse_quoted(value, context->partition->args, sizeof(context->partition->args))) {
		expect(context, "args is text in double quotes, up to %zu bytes",
		       sizeof(context->partition->args) - 1);
	}
}

static bool module_exists(const struct model_partition *partition, const char *name)
{
	for (uint32_t i = 0; i < partition->module_count; i++) {
		if (strcmp(partition->modules[i].name, name) == 0) {
			return true;
		}
	}
	return false;
}

static void set_module(const struct keys_context *context, char *value)
{
	struct model_partition *partition = context->partition;
	struct model_module *module = &partition->modules[partition->module_count];
	const char *path = text_split_word(value);

	if (*value == '\0' || *path == '\0') {
		expect(context, "module is a name and a path");
	} else if (strlen(value) >= sizeof(module->name)) {
		expect(context, "a module's name has at most %zu bytes", sizeof(module->name) - 1);
	} else if (module_exists(partition, value)) {
		expect(context, "module \"%s\" is there already", value);
	} else if (partition->module_count == MUX_GUEST_MODULES_MAX) {
		expect(context, "a partition has at most %u modules", MUX_GUEST_MODULES_MAX);
	} else {
		strcpy(module->name, value);
		module->path = model_path(context->model, path);
		module->line = context->line;
		partition->module_count++;
	}
}

static const struct key machine_keys[] = {
	{"time-slice", false, set_time_slice},
	{"poll-cpu", false, set_poll_cpu},
	{NULL, false, NULL},
};

static const struct key partition_keys[] = {
	{"image", false, set_image},
	{"memory", false, set_memory},
	{"vcpus", false, set_vcpus},
	{"cpus", false, set_cpus},
	{"cid", false, set_cid},
	{"rights", false, set_rights},
	{"console", false, set_console},
	{"vsock", false, set_vsock},
	{"start", false, set_start},
	{"start-order", false, set_start_order},
	{"restart", false, set_restart},
	{"stops-machine", false, set_stops_machine},
	{"weight", false, set_weight},
	{"args", false, set_args},
	{"module", true, set_module},
	{"kernel", false, set_kernel},
	{"initrd", false, set_initrd},
	{"cmdline", false, set_command_line},
	{NULL, false, NULL},
};

_Static_assert(sizeof(partition_keys) / sizeof(partition_keys[0]) <= MODEL_KEYS_MAX, "keys");

static const struct key *find_key(const struct key *keys, const char *name)
{
	for (; keys->name != NULL; keys++) {
		if (strcmp(keys->name, name) == 0) {
			return keys;
		}
	}
	return NULL;
}

static void report_unknown_key(const struct keys_context *context, const struct key *keys,
			       const char *name)
{
	char list[512] = "";

	for (; keys->name != NULL; keys++) {
		strcat(strcat(list, " "), keys->name);
	}
	expect(context, "unknown key \"%s\"; keys here are:%s", name, list);
}

void keys_set(const struct keys_context *context, const char *key, char *value)
{
	struct model_partition *partition = context->partition;
	const struct key *keys = partition == NULL ? machine_keys : partition_keys;
	const struct key *found = find_key(keys, key);
	unsigned int *first;

	if (found == NULL) {
		report_unknown_key(context, keys, key);
		return;
	}
	first = partition == NULL ? context->model->machine_key_line : partition->key_line;
	first += found - keys;
	if (*first != 0 && !found->is_repeatable) {
		expect(context, "\"%s\" is given already, on line %u", key, *first);
		return;
	}
	*first = context->line;
	found->set(context, value);
}

unsigned int keys_line_of(const struct model_partition *partition, const char *key)
{
	unsigned int line = partition->key_line[find_key(partition_keys, key) - partition_keys];

	return line == 0 ? partition->line : line;
}
