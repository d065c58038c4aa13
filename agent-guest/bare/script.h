/* SPDX-License-Identifier: MIT */
/*
 * The language of workload scripts: one command a line, words separated by blanks, "..." around
 * words with blanks (inside: \n, \t, \", \\), # starts a comment. docs/agent.md is its reference.
 * This part knows words, commands and their arguments; task.c and commands.c carry them out. No
 * state, no locking.
 */
#ifndef AGENT_BARE_SCRIPT_H
#define AGENT_BARE_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCRIPT_MAGIC	"#!mux" /* a file that starts so is executed as a script */
#define SCRIPT_ARGS_MAX 24U
#define SCRIPT_LINE_MAX 512U
#define SCRIPT_DEPTH	4U /* of repeat */

enum script_command {
	SCRIPT_APPEND,
	SCRIPT_CHECK,
	SCRIPT_COPY,
	SCRIPT_CREATE,
	SCRIPT_DELETE,
	SCRIPT_END,
	SCRIPT_EXEC,
	SCRIPT_EXPECT, /* alone: about the last command */
	SCRIPT_LOG,
	SCRIPT_MKDIR,
	SCRIPT_OPEN,
	SCRIPT_READ,
	SCRIPT_RENAME,
	SCRIPT_REPEAT,
	SCRIPT_SLEEP,
	SCRIPT_START,
	SCRIPT_STATS,
	SCRIPT_STOP,
	SCRIPT_WAIT,
	SCRIPT_WALK,
	SCRIPT_WRITE,
	SCRIPT_NOTHING, /* empty line */
};

enum script_result {
	SCRIPT_OK,
	SCRIPT_DENIED,	/* -EACCES, -EPERM */
	SCRIPT_MISSING, /* -ENOENT */
	SCRIPT_EXISTS,	/* -EEXIST */
	SCRIPT_FAILED,	/* any other error */
	SCRIPT_ANY,	/* no expectation */
};

struct script_line {
	unsigned number; /* from 1 */
	enum script_command command;
	enum script_result expected;
	unsigned argc;
	const char *argv[SCRIPT_ARGS_MAX]; /* without the command, in text */
	bool is_quoted[SCRIPT_ARGS_MAX];
	char text[SCRIPT_LINE_MAX];
};

/* Reads the line at *at, which moves on to the next: 1; 0 at the end of the script; -EINVAL: the
 * line is wrong, and *message says why. */
int script_read_line(const char *script, size_t size, size_t *at, struct script_line *line,
		     const char **message);

/* Checks a whole script before it runs: 0, or the number of the first wrong line and *message. */
unsigned script_check(const char *script, size_t size, struct script_line *scratch,
		      const char **message);

/* A number with an optional k or M (times 1024); false: it is none. */
bool script_number(const char *word, uint64_t *number);

/* Compares by ==, !=, <, <=, > or >=; false also where the operator is none of these. */
bool script_compare(uint64_t left, const char *operation, uint64_t right);

enum script_result script_result_of(int error);
const char *script_result_name(enum script_result result);
const char *script_command_name(enum script_command command);

#endif
