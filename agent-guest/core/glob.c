/* SPDX-License-Identifier: MIT */
/* Path globs: see glob.h. */
#include "agent-guest/core/glob.h"

#include <stdint.h>
#include <string.h>

#define SET_WORDS ((GLOB_LENGTH_MAX + 64U) / 64U)

enum token_kind {
	TOKEN_END,
	TOKEN_CHAR,
	TOKEN_ANY,
	TOKEN_CLASS,
	TOKEN_STAR, /* * */
	TOKEN_DEEP, /* ** */
	TOKEN_DIRS, /* ** and the '/' after it, at the start or after a '/' */
	TOKEN_BROKEN
};

struct token {
	enum token_kind kind;
	size_t length; /* characters of the pattern that it takes */
};

/* Positions in the pattern that the path so far can lead to. */
struct position_set {
	uint64_t word[SET_WORDS];
};

/* The ']' that closes the set at `pattern`, or NULL. A ']' that comes first is a member. */
static const char *class_end(const char *pattern)
{
	const char *at = pattern + 1;

	if (*at == '!' || *at == '^') {
		at++;
	}
	if (*at == ']') {
		at++;
	}
	return strchr(at, ']');
}

static struct token token_of_stars(const char *pattern, size_t at)
{
	size_t stars = 1;

	while (pattern[at + stars] == '*') {
		stars++;
	}
	if (stars == 1) {
		return (struct token){TOKEN_STAR, 1};
	}
	if (pattern[at + stars] == '/' && (at == 0 || pattern[at - 1] == '/')) {
		return (struct token){TOKEN_DIRS, stars + 1};
	}
	return (struct token){TOKEN_DEEP, stars};
}

static struct token token_at(const char *pattern, size_t at)
{
	const char *end;

	switch (pattern[at]) {
	case '\0': return (struct token){TOKEN_END, 0};
	case '?': return (struct token){TOKEN_ANY, 1};
	case '*': return token_of_stars(pattern, at);
	case '\\':
		if (pattern[at + 1] == '\0') {
			return (struct token){TOKEN_BROKEN, 1};
		}
		return (struct token){TOKEN_CHAR, 2};
	case '[':
		end = class_end(pattern + at);
		if (end == NULL) {
			return (struct token){TOKEN_BROKEN, 1};
		}
		return (struct token){TOKEN_CLASS, (size_t)(end - (pattern + at)) + 1};
	default: return (struct token){TOKEN_CHAR, 1};
	}
}

/* `text` is what stands between '[' and ']'. */
static bool class_has(const char *text, size_t length, char c)
{
	bool negated = length > 0 && (text[0] == '!' || text[0] == '^');
	bool found = false;
	size_t i = negated ? 1 : 0;

	while (i < length) {
		unsigned char low = (unsigned char)text[i];
		unsigned char high = low;

		if (i + 2 < length && text[i + 1] == '-') {
			high = (unsigned char)text[i + 2];
			i += 2;
		}
		found = found || ((unsigned char)c >= low && (unsigned char)c <= high);
		i++;
	}
	return found != negated;
}

/* Adds position `at`, and those that tokens matching nothing lead on to. `before` is the path's
 * character before this point ('/' at its start). */
static void set_add(struct position_set *set, const char *pattern, size_t at, char before)
{
	for (;;) {
		struct token token = token_at(pattern, at);

		set->word[at / 64] |= 1ULL << (at % 64);
		if (token.kind != TOKEN_STAR && token.kind != TOKEN_DEEP &&
		    !(token.kind == TOKEN_DIRS && before == '/')) {
			return;
		}
		at += token.length;
	}
}

static void step(struct position_set *next, const char *pattern, size_t at, char c)
{
	struct token token = token_at(pattern, at);
	bool on = false;

	switch (token.kind) {
	case TOKEN_CHAR: on = pattern[at + token.length - 1] == c; break;
	case TOKEN_ANY: on = c != '/'; break;
	case TOKEN_CLASS: on = c != '/' && class_has(pattern + at + 1, token.length - 2, c); break;
	case TOKEN_STAR:
		if (c != '/') {
			set_add(next, pattern, at, c);
		}
		break;
	case TOKEN_DEEP:
	case TOKEN_DIRS: set_add(next, pattern, at, c); break;
	case TOKEN_END:
	case TOKEN_BROKEN: break;
	}
	if (on) {
		set_add(next, pattern, at + token.length, c);
	}
}

static bool set_step(struct position_set *set, const char *pattern, char c)
{
	struct position_set next = {{0}};
	uint64_t any = 0;

	for (size_t i = 0; i < SET_WORDS; i++) {
		for (uint64_t rest = set->word[i]; rest != 0; rest &= rest - 1) {
			step(&next, pattern, i * 64 + (size_t)__builtin_ctzll(rest), c);
		}
	}
	for (size_t i = 0; i < SET_WORDS; i++) {
		any |= next.word[i];
	}
	*set = next;
	return any != 0;
}

bool glob_check(const char *pattern)
{
	size_t at = 0;

	if (strlen(pattern) > GLOB_LENGTH_MAX) {
		return false;
	}
	for (;;) {
		struct token token = token_at(pattern, at);

		if (token.kind == TOKEN_END || token.kind == TOKEN_BROKEN) {
			return token.kind == TOKEN_END;
		}
		at += token.length;
	}
}

bool glob_match(const char *pattern, const char *path)
{
	struct position_set set = {{0}};
	size_t end = strlen(pattern);

	set_add(&set, pattern, 0, '/');
	for (; *path != '\0'; path++) {
		if (!set_step(&set, pattern, *path)) {
			return false;
		}
	}
	return (set.word[end / 64] >> (end % 64) & 1) != 0;
}
