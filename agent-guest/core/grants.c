/* SPDX-License-Identifier: MIT */
/* Which service may use which verbs: see grants.h. */
#include "agent-guest/core/grants.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/wire/wire.h"

#define WORD_MAX   32U
#define SEPARATORS ", \t"

void grants_init(struct grants *grants)
{
	*grants = (struct grants){.others = GRANTS_OTHERS};
}

/* The next word of a list, cut where it is longer than any that is known; false: the end. */
static bool next_word(const char **text, char word[WORD_MAX])
{
	size_t length;

	*text += strspn(*text, SEPARATORS);
	length = strcspn(*text, SEPARATORS);
	snprintf(word, WORD_MAX, "%.*s", (int)(length < WORD_MAX ? length : WORD_MAX), *text);
	*text += length;
	return length > 0;
}

static int no_verb(const char *word, char error[GRANTS_ERROR_MAX])
{
	int used = snprintf(error, GRANTS_ERROR_MAX, "there is no verb \"%s\" (", word);

	for (uint16_t verb = 0; verb < MUX_VERBS && used < (int)GRANTS_ERROR_MAX; verb++) {
		used += snprintf(error + used, GRANTS_ERROR_MAX - (size_t)used, "%s, ",
				 wire_verb_name(verb));
	}
	if (used < (int)GRANTS_ERROR_MAX) {
		snprintf(error + used, GRANTS_ERROR_MAX - (size_t)used, "all or none)");
	}
	return -EINVAL;
}

static int verb_of(const char *word, uint64_t *verbs)
{
	for (uint16_t verb = 0; verb < MUX_VERBS; verb++) {
		if (strcasecmp(word, wire_verb_name(verb)) == 0) {
			*verbs = 1ULL << verb;
			return 0;
		}
	}
	*verbs = strcasecmp(word, "all") == 0 ? GRANTS_ALL : 0;
	return *verbs != 0 || strcasecmp(word, "none") == 0 ? 0 : -EINVAL;
}

static int parse_verbs(const char *text, uint64_t *verbs, char error[GRANTS_ERROR_MAX])
{
	char word[WORD_MAX];
	bool is_empty = true;

	*verbs = 0;
	while (next_word(&text, word)) {
		uint64_t more;

		if (verb_of(word, &more) != 0) {
			return no_verb(word, error);
		}
		*verbs |= more;
		is_empty = false;
	}
	if (is_empty) {
		snprintf(error, GRANTS_ERROR_MAX, "verbs are missing");
		return -EINVAL;
	}
	return 0;
}

int grants_forbid(struct grants *grants, const char *text, char error[GRANTS_ERROR_MAX])
{
	uint64_t verbs;
	int result = parse_verbs(text, &verbs, error);

	if (result == 0) {
		grants->forbidden |= verbs;
	}
	return result;
}

static struct grants_entry *entry_of(struct grants *grants, uint32_t cid)
{
	for (unsigned i = 0; i < grants->count; i++) {
		if (grants->entry[i].cid == cid) {
			return &grants->entry[i];
		}
	}
	if (grants->count == AGENT_GRANTS_MAX) {
		return NULL;
	}
	grants->entry[grants->count] = (struct grants_entry){.cid = cid};
	return &grants->entry[grants->count++];
}

/* Nobody is at CID 0, and a line for it would be a mistake. */
static bool parse_cid(const char *text, char **end, uint32_t *cid)
{
	unsigned long long value = strtoull(text, end, 10);

	*cid = (uint32_t)value;
	return text[0] >= '0' && text[0] <= '9' && value > 0 && value < UINT32_MAX;
}

int grants_add(struct grants *grants, const char *text, char error[GRANTS_ERROR_MAX])
{
	const size_t others_length = strlen("others");
	bool is_others = strncasecmp(text, "others", others_length) == 0;
	char *end = (char *)text + others_length;
	struct grants_entry *entry;
	uint64_t verbs;
	uint32_t cid = 0;

	if ((!is_others && !parse_cid(text, &end, &cid)) || strchr(": \t", *end) == NULL) {
		snprintf(error, GRANTS_ERROR_MAX,
			 "a grant is the service's CID, or \"others\", and verbs");
		return -EINVAL;
	}
	if (parse_verbs(end + (*end == ':' ? 1 : 0), &verbs, error) != 0) {
		return -EINVAL;
	}
	if (is_others) {
		grants->others = verbs;
		return 0;
	}
	entry = entry_of(grants, cid);
	if (entry == NULL) {
		snprintf(error, GRANTS_ERROR_MAX, "grants for more than %u services",
			 AGENT_GRANTS_MAX);
		return -EINVAL;
	}
	entry->verbs |= verbs;
	return 0;
}

uint64_t grants_of(const struct grants *grants, uint32_t cid)
{
	uint64_t verbs = grants->others;

	for (unsigned i = 0; i < grants->count; i++) {
		if (grants->entry[i].cid == cid) {
			verbs = grants->entry[i].verbs;
		}
	}
	return verbs & ~grants->forbidden;
}
