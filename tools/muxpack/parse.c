/* SPDX-License-Identifier: MIT */
/* Parses the text of a manifest: lines, sections and policy rules. See parse.h. */
#include "tools/muxpack/parse.h"

#include <stdlib.h>
#include <string.h>

#include "tools/muxpack/expand.h"
#include "tools/muxpack/keys.h"
#include "tools/muxpack/memory.h"
#include "tools/muxpack/text.h"

enum section {
	SECTION_NONE,	 /* before the first one: nothing may stand here */
	SECTION_UNKNOWN, /* after a bad section line: its lines are skipped, for fewer messages */
	SECTION_MACHINE,
	SECTION_PARTITION,
	SECTION_POLICY,
};

struct parser {
	struct model *model;
	struct report *report;
	const struct parse_variables *variables;
	unsigned int line;
	enum section section;
	struct model_partition *partition; /* in SECTION_PARTITION */
};

#define complain(parser, ...) report_error((parser)->report, (parser)->line, __VA_ARGS__)

static const struct model_partition *find_partition(const struct model *model, const char *name)
{
	for (uint32_t i = 0; i < model->partition_count; i++) {
		if (strcmp(model->partitions[i].name, name) == 0) {
			return &model->partitions[i];
		}
	}
	return NULL;
}

static bool partition_may_start(const struct parser *parser, const char *name)
{
	const struct model_partition *other;

	if (!text_is_name(name)) {
		complain(parser,
			 "a partition's name has 1 to %u characters out of a-z 0-9 - _ ., not "
			 "\"%s\"",
			 MUX_NAME_SIZE - 1, name);
		return false;
	}
	other = find_partition(parser->model, name);
	if (other != NULL) {
		complain(parser, "partition \"%s\" is there already, on line %u", name,
			 other->line);
		return false;
	}
	if (parser->model->partition_count == MUX_PARTITIONS_MAX) {
		complain(parser, "a machine has at most %u partitions", MUX_PARTITIONS_MAX);
		return false;
	}
	return true;
}

static void start_partition(struct parser *parser, const char *name)
{
	struct model_partition *partition;

	if (!partition_may_start(parser, name)) {
		return;
	}
	partition = &parser->model->partitions[parser->model->partition_count++];
	strcpy(partition->name, name);
	partition->line = parser->line;
	partition->vcpus = 1;
	partition->weight = 1;
	partition->flags = MUX_PARTITION_CONSOLE | MUX_PARTITION_VSOCK;
	parser->partition = partition;
	parser->section = SECTION_PARTITION;
}

static void start_machine(struct parser *parser)
{
	if (parser->model->machine_line != 0) {
		complain(parser, "[machine] is there already, on line %u",
			 parser->model->machine_line);
		return;
	}
	parser->model->machine_line = parser->line;
	parser->section = SECTION_MACHINE;
}

/* `text` starts with '['. */
static void parse_section(struct parser *parser, char *text)
{
	size_t length = strlen(text);
	char *name;

	parser->section = SECTION_UNKNOWN;
	if (text[length - 1] != ']') {
		complain(parser, "a section ends with \"]\"");
		return;
	}
	text[length - 1] = '\0';
	text = text_trim(text + 1);
	name = text_split_word(text);
	if (strcmp(text, "partition") == 0) {
		start_partition(parser, name);
	} else if (strcmp(text, "machine") == 0 && *name == '\0') {
		start_machine(parser);
	} else if (strcmp(text, "policy") == 0 && *name == '\0') {
		parser->section = SECTION_POLICY;
	} else {
		complain(parser,
			 "unknown section \"%s%s%s\"; sections are: [machine] [partition "
			 "NAME] [policy]",
			 text, *name == '\0' ? "" : " ", name);
	}
}

static void parse_setting(const struct parser *parser, char *text)
{
	const struct keys_context context = {
		.model = parser->model,
		.partition = parser->section == SECTION_PARTITION ? parser->partition : NULL,
		.report = parser->report,
		.line = parser->line,
	};
	char *equals = strchr(text, '=');

	if (equals == NULL) {
		complain(parser, "expected \"key = value\", found \"%s\"", text);
		return;
	}
	*equals = '\0';
	keys_set(&context, text_trim(text), text_trim(equals + 1));
}

static bool parse_ports(char *text, struct model_rule *rule)
{
	char *dash = strchr(text, '-');
	uint64_t first, last;

	if (strcmp(text, "*") == 0) {
		rule->port_first = 0;
		rule->port_last = UINT32_MAX;
		return true;
	}
	if (dash != NULL) {
		*dash = '\0';
	}
	if (!text_parse_number(text_trim(text), 0, UINT32_MAX, &first)) {
		return false;
	}
	last = first;
	if (dash != NULL && !text_parse_number(text_trim(dash + 1), first, UINT32_MAX, &last)) {
		return false;
	}
	rule->port_first = (uint32_t)first;
	rule->port_last = (uint32_t)last;
	return true;
}

/* Cuts `text` at `mark`; returns the trimmed part after it, or NULL without a mark. */
static char *cut_at(char *text, const char *mark)
{
	char *found = strstr(text, mark);

	if (found == NULL) {
		return NULL;
	}
	*found = '\0';
	return text_trim(found + strlen(mark));
}

static void add_rule(const struct parser *parser, const char *source, const char *destination,
		     char *ports)
{
	struct model_rule *rule = &parser->model->rules[parser->model->rule_count];

	if (parser->model->rule_count == MUX_RULES_MAX) {
		complain(parser, "a policy has at most %u rules", MUX_RULES_MAX);
	} else if (!text_is_name(source) || !text_is_name(destination)) {
		complain(parser, "\"%s\" is no partition's name",
			 text_is_name(source) ? destination : source);
	} else if (!parse_ports(ports, rule)) {
		complain(parser, "ports are N, FIRST-LAST with FIRST <= LAST, or *");
	} else {
		strcpy(rule->source, source);
		strcpy(rule->destination, destination);
		rule->line = parser->line;
		parser->model->rule_count++;
	}
}

static void parse_rule(const struct parser *parser, char *text)
{
	char *source = text_split_word(text);
	char *destination = cut_at(source, "->");
	char *ports = destination == NULL ? NULL : cut_at(destination, ":");

	if (strcmp(text, "allow") != 0 || ports == NULL) {
		complain(parser, "expected \"allow SOURCE -> DESTINATION : PORTS\"");
		return;
	}
	add_rule(parser, text_trim(source), text_trim(destination), ports);
}

static void parse_statement(struct parser *parser, char *text)
{
	if (*text == '[') {
		parse_section(parser, text);
		return;
	}
	switch (parser->section) {
	case SECTION_NONE: complain(parser, "the first statement must be a section"); return;
	case SECTION_UNKNOWN: return;
	case SECTION_MACHINE:
	case SECTION_PARTITION: parse_setting(parser, text); return;
	case SECTION_POLICY: parse_rule(parser, text); return;
	}
}

static void parse_line(struct parser *parser, char *text)
{
	char *expanded, *statement;

	text_cut_comment(text);
	expanded = expand_line(parser->report, parser->line, text, parser->variables);
	statement = text_trim(expanded);
	if (*statement != '\0') {
		parse_statement(parser, statement);
	}
	free(expanded);
}

void parse_manifest(struct model *model, struct report *report, const char *text, size_t size,
		    const struct parse_variables *variables)
{
	struct parser parser = {.model = model, .report = report, .variables = variables};
	char *copy = memory_alloc(size + 1);
	char *next = copy;

	memcpy(copy, text, size);
	if (memchr(copy, '\0', size) != NULL) {
		report_error(report, 0, "this is no text: it has a NUL byte");
		free(copy);
		return;
	}
	for (char *line = strsep(&next, "\n"); line != NULL; line = strsep(&next, "\n")) {
		parser.line++;
		parse_line(&parser, line);
	}
	free(copy);
}
