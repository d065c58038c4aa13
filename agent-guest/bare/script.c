/* SPDX-License-Identifier: MIT */
/* The language of workload scripts: see script.h. */
#include "agent-guest/bare/script.h"

#include <errno.h>
#include <string.h>

static const struct command {
	const char *name;
	uint8_t arguments_min;
	uint8_t arguments_max;
} commands[] = {
	[SCRIPT_APPEND] = {"append", 2, 2},
	[SCRIPT_CHECK] = {"check", 3, 3},
	[SCRIPT_COPY] = {"copy", 2, 2},
	[SCRIPT_CREATE] = {"create", 1, 2},
	[SCRIPT_DELETE] = {"delete", 1, 1},
	[SCRIPT_END] = {"end", 0, 0},
	[SCRIPT_EXEC] = {"exec", 1, 1},
	[SCRIPT_EXPECT] = {"expect", 0, 0}, /* its word is taken before */
	[SCRIPT_LOG] = {"log", 1, SCRIPT_ARGS_MAX},
	[SCRIPT_MKDIR] = {"mkdir", 1, 1},
	[SCRIPT_OPEN] = {"open", 1, 1},
	[SCRIPT_READ] = {"read", 1, 1},
	[SCRIPT_RENAME] = {"rename", 2, 2},
	[SCRIPT_REPEAT] = {"repeat", 1, 1},
	[SCRIPT_SLEEP] = {"sleep", 1, 1},
	[SCRIPT_START] = {"start", 1, 1},
	[SCRIPT_STATS] = {"stats", 0, 0},
	[SCRIPT_STOP] = {"stop", 1, 1},
	[SCRIPT_WAIT] = {"wait", 3, 3},
	[SCRIPT_WALK] = {"walk", 2, 2},
	[SCRIPT_WRITE] = {"write", 2, 2},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const char *const results[] = {"ok", "denied", "missing", "exists", "failed", "any"};

/* Words of the line on their way to argv. */
struct words {
	unsigned count;
	const char *word[SCRIPT_ARGS_MAX + 3]; /* expect, its result, the command */
	bool is_quoted[SCRIPT_ARGS_MAX + 3];
};

static char unescape(char c)
{
	switch (c) {
	case 'n': return '\n';
	case 't': return '\t';
	default: return c;
	}
}

/* Takes a quoted word at text, behind its first mark, and undoes its escapes in place. Returns what
 * follows it, or NULL where its second mark is missing. */
static char *take_quoted(char *text)
{
	char *to = text;

	while (*text != '"') {
		if (*text == '\\' && text[1] != '\0') {
			*to++ = unescape(text[1]);
			text += 2;
		} else if (*text != '\0') {
			*to++ = *text++;
		} else {
			return NULL;
		}
	}
	*to = '\0';
	return text + 1;
}

static char *take_plain(char *text)
{
	text += strcspn(text, " \t\r");
	if (*text != '\0') {
		*text++ = '\0';
	}
	return text;
}

static const char *split(char *text, struct words *words)
{
	words->count = 0;
	for (;;) {
		bool is_quoted;

		text += strspn(text, " \t\r");
		if (*text == '\0' || *text == '#') {
			return NULL;
		}
		if (words->count == SCRIPT_ARGS_MAX + 3) {
			return "too many words";
		}
		is_quoted = *text == '"';
		text += is_quoted ? 1 : 0;
		words->is_quoted[words->count] = is_quoted;
		words->word[words->count++] = text;
		text = is_quoted ? take_quoted(text) : take_plain(text);
		if (text == NULL) {
			return "a quotation mark is missing";
		}
	}
}

static bool find_result(const char *word, enum script_result *result)
{
	for (unsigned i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
		if (strcmp(word, results[i]) == 0) {
			*result = (enum script_result)i;
			return true;
		}
	}
	return false;
}

static const char *take_command(struct script_line *line, const struct words *words, unsigned first)
{
	unsigned i = 0;

	while (i < COMMANDS && strcmp(words->word[first], commands[i].name) != 0) {
		i++;
	}
	if (i == COMMANDS) {
		return "unknown command";
	}
	line->command = (enum script_command)i;
	line->argc = words->count - first - 1;
	if (line->argc < commands[i].arguments_min || line->argc > commands[i].arguments_max) {
		return "wrong number of arguments";
	}
	for (i = 0; i < line->argc; i++) {
		line->argv[i] = words->word[first + 1 + i];
		line->is_quoted[i] = words->is_quoted[first + 1 + i];
	}
	return NULL;
}

static const char *parse(struct script_line *line)
{
	struct words words;
	const char *message = split(line->text, &words);

	line->command = SCRIPT_NOTHING;
	line->expected = SCRIPT_ANY;
	line->argc = 0;
	if (message != NULL || words.count == 0) {
		return message;
	}
	if (strcmp(words.word[0], "expect") != 0) {
		return take_command(line, &words, 0);
	}
	if (words.count < 2 || !find_result(words.word[1], &line->expected)) {
		return "expect what? ok, denied, missing, exists, failed or any";
	}
	if (words.count == 2) {
		line->command = SCRIPT_EXPECT;
		return NULL;
	}
	return take_command(line, &words, 2);
}

int script_read_line(const char *script, size_t size, size_t *at, struct script_line *line,
		     const char **message)
{
	const char *start = script + *at;
	const char *end;
	size_t length;

	if (*at >= size) {
		return 0;
	}
	end = memchr(start, '\n', size - *at);
	length = end != NULL ? (size_t)(end - start) : size - *at;
	*at += length + (end != NULL ? 1 : 0);
	line->number++;
	if (length >= SCRIPT_LINE_MAX || memchr(start, '\0', length) != NULL) {
		*message = "the line is too long, or is no text";
		return -EINVAL;
	}
	memcpy(line->text, start, length);
	line->text[length] = '\0';
	*message = parse(line);
	return *message == NULL ? 1 : -EINVAL;
}

/* Every operator holds for one of these pairs. */
static bool is_operation(const char *word)
{
	return script_compare(1, word, 1) || script_compare(1, word, 2) ||
	       script_compare(2, word, 1);
}

static bool is_manner(const char *word)
{
	return strcmp(word, "open") == 0 || strcmp(word, "read") == 0 ||
	       strcmp(word, "write") == 0 || strcmp(word, "exec") == 0;
}

/* Arguments that can be checked without running. */
static const char *check_arguments(const struct script_line *line)
{
	uint64_t number;

	switch (line->command) {
	case SCRIPT_REPEAT:
	case SCRIPT_SLEEP: return script_number(line->argv[0], &number) ? NULL : "not a number";
	case SCRIPT_WAIT:
		return script_number(line->argv[1], &number) &&
				       script_number(line->argv[2], &number)
			       ? NULL
			       : "not a number";
	case SCRIPT_CHECK:
		if (!is_operation(line->argv[1])) {
			return "compare with ==, !=, <, <=, > or >=";
		}
		return script_number(line->argv[2], &number) ? NULL : "not a number";
	case SCRIPT_WALK:
		return is_manner(line->argv[1]) ? NULL : "walk how? open, read, write or exec";
	default: return NULL;
	}
}

unsigned script_check(const char *script, size_t size, struct script_line *scratch,
		      const char **message)
{
	size_t at = 0;
	unsigned depth = 0;
	int result;

	scratch->number = 0;
	while ((result = script_read_line(script, size, &at, scratch, message)) > 0) {
		if (scratch->command == SCRIPT_REPEAT && ++depth > SCRIPT_DEPTH) {
			*message = "repeat is nested too deep";
			return scratch->number;
		}
		if (scratch->command == SCRIPT_END && depth-- == 0) {
			*message = "end without repeat";
			return scratch->number;
		}
		*message = check_arguments(scratch);
		if (*message != NULL) {
			return scratch->number;
		}
	}
	if (result == 0 && depth > 0) {
		*message = "repeat without end";
		return scratch->number;
	}
	return result < 0 ? scratch->number : 0;
}

bool script_number(const char *word, uint64_t *number)
{
	size_t i = 0;

	*number = 0;
	for (; word[i] >= '0' && word[i] <= '9' && i < 15; i++) {
		*number = *number * 10 + (uint64_t)(word[i] - '0');
	}
	if (i == 0) {
		return false;
	}
	if (word[i] == 'k') {
		*number *= 1024;
		i++;
	} else if (word[i] == 'M') {
		*number *= 1024 * 1024;
		i++;
	}
	return word[i] == '\0';
}

bool script_compare(uint64_t left, const char *operation, uint64_t right)
{
	if (strcmp(operation, "==") == 0) {
		return left == right;
	}
	if (strcmp(operation, "!=") == 0) {
		return left != right;
	}
	if (strcmp(operation, "<") == 0) {
		return left < right;
	}
	if (strcmp(operation, "<=") == 0) {
		return left <= right;
	}
	if (strcmp(operation, ">") == 0) {
		return left > right;
	}
	return strcmp(operation, ">=") == 0 && left >= right;
}

enum script_result script_result_of(int error)
{
	switch (error) {
	case 0: return SCRIPT_OK;
	case -EACCES:
	case -EPERM: return SCRIPT_DENIED;
	case -ENOENT: return SCRIPT_MISSING;
	case -EEXIST: return SCRIPT_EXISTS;
	default: return SCRIPT_FAILED;
	}
}

const char *script_result_name(enum script_result result)
{
	return results[result];
}

const char *script_command_name(enum script_command command)
{
	return command < SCRIPT_NOTHING ? commands[command].name : "";
}
