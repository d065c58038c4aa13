/* SPDX-License-Identifier: MIT */
/* Parser of policy.conf. Each line is read into one rule, which enters the policy when it is whole.
 */
#include "appliance/av/av_policy.h"
#include "appliance/av/av_quantity.h"
#include "lib/wire/wire.h"

#include <string.h>

struct word {
	const char *text;
	uint64_t value;
};

static const struct word action_words[] = {{"ignore", MUX_ACTION_IGNORE},
					   {"report", MUX_ACTION_REPORT},
					   {"verdict", MUX_ACTION_VERDICT},
					   {NULL, 0}};
static const struct word fallback_words[] = {
	{"allow", MUX_VERDICT_ALLOW}, {"deny", MUX_VERDICT_DENY}, {NULL, 0}};
static const struct word measure_words[] = {{"report", AV_MEASURE_REPORT},
					    {"quarantine", AV_MEASURE_QUARANTINE},
					    {"delete", AV_MEASURE_DELETE},
					    {NULL, 0}};

static bool look_up(const struct word *words, struct av_slice text, uint64_t *value)
{
	for (; words->text != NULL; words++) {
		if (av_line_equals(text, words->text)) {
			*value = words->value;
			return true;
		}
	}
	return false;
}

/* Cuts off the text up to the first of the separators, which it drops. false: nothing is left. */
static bool cut(struct av_slice *rest, const char *separators, struct av_slice *part)
{
	size_t length = 0;

	while (rest->length > 0 && strchr(separators, rest->data[0]) != NULL) {
		rest->data++;
		rest->length--;
	}
	while (length < rest->length && strchr(separators, rest->data[length]) == NULL) {
		length++;
	}
	part->data = rest->data;
	part->length = length;
	rest->data += length;
	rest->length -= length;
	return length > 0;
}

static bool copy_text(char *to, size_t room, struct av_slice text)
{
	if (text.length >= room) {
		return false;
	}
	memcpy(to, text.data, text.length);
	to[text.length] = '\0';
	return true;
}

/* MIN..MAX, either of which may be left out. */
static const char *parse_sizes(struct av_policy_rule *rule, struct av_slice text)
{
	static const char wrong[] = "size= takes MIN..MAX, such as 1K..64M";
	struct av_slice low = {text.data, 0}, high;

	while (low.length + 1 < text.length && memcmp(text.data + low.length, "..", 2) != 0) {
		low.length++;
	}
	if (low.length + 1 >= text.length) {
		return wrong;
	}
	high.data = text.data + low.length + 2;
	high.length = text.length - low.length - 2;
	if ((low.length > 0 && !av_quantity_size(low, &rule->size_min)) ||
	    (high.length > 0 && !av_quantity_size(high, &rule->size_max))) {
		return wrong;
	}
	return rule->size_min > rule->size_max ? "size= has its minimum above its maximum" : NULL;
}

/* The event's bit; 0: there is none of that name. */
static uint64_t event_of(struct av_slice name)
{
	for (uint16_t kind = 0; kind < MUX_EVENT_KINDS; kind++) {
		if (av_line_equals(name, wire_event_name(kind))) {
			return 1ULL << kind;
		}
	}
	return 0;
}

static const char *parse_events(struct av_policy_rule *rule, struct av_slice text)
{
	struct av_slice event;

	while (cut(&text, ",", &event)) {
		if (event_of(event) == 0) {
			return "unknown event; there are: open close write create delete rename "
			       "execute read process-start process-stop memory config logon "
			       "network";
		}
		rule->events |= event_of(event);
	}
	return rule->events == 0 ? "no event" : NULL;
}

static const char *parse_deadline(struct av_policy_rule *rule, struct av_slice text)
{
	uint64_t value;

	if (!av_quantity_time(text, &value) || value < 1 || value > 600000) {
		return "deadline= takes 1ms to 600s";
	}
	rule->deadline_ms = (uint32_t)value;
	return NULL;
}

static const char *parse_option(struct av_policy_rule *rule, struct av_slice key,
				struct av_slice value)
{
	uint64_t word;

	if (av_line_equals(key, "path") || av_line_equals(key, "exclude")) {
		char *to = av_line_equals(key, "path") ? rule->path : rule->exclude;

		return copy_text(to, sizeof(rule->path), value) ? NULL
								: "a glob of over 255 characters";
	}
	if (av_line_equals(key, "size")) {
		return parse_sizes(rule, value);
	}
	if (av_line_equals(key, "deadline") && rule->action == MUX_ACTION_VERDICT) {
		return parse_deadline(rule, value);
	}
	if (av_line_equals(key, "fallback") && rule->action == MUX_ACTION_VERDICT) {
		if (!look_up(fallback_words, value, &word)) {
			return "fallback= takes allow or deny";
		}
		rule->fallback = (enum mux_verdict)word;
		return NULL;
	}
	if (av_line_equals(key, "infected") && rule->action != MUX_ACTION_IGNORE) {
		if (!look_up(measure_words, value, &word)) {
			return "infected= takes quarantine, delete or report";
		}
		rule->infected = (enum av_measure)word;
		return NULL;
	}
	return "unknown key for this action; there are: path exclude size, with report and verdict "
	       "also infected, with verdict also deadline fallback";
}

static const char *parse_options(struct av_policy_rule *rule, struct av_slice rest)
{
	struct av_slice option;

	while (cut(&rest, " \t", &option)) {
		struct av_slice value = option, key;
		const char *reason;

		if (memchr(option.data, '=', option.length) == NULL || !cut(&value, "=", &key) ||
		    value.length < 2) {
			return "an option is not KEY=VALUE";
		}
		value.data++;
		value.length--;
		reason = parse_option(rule, key, value);
		if (reason != NULL) {
			return reason;
		}
	}
	return NULL;
}

static const char *parse_rule(struct av_policy_rule *rule, struct av_slice rest)
{
	struct av_slice word;
	uint64_t action;
	const char *reason;

	if (!cut(&rest, " \t", &word) || !av_line_equals(word, "guest")) {
		return "a line begins with: guest NAME:";
	}
	if (!cut(&rest, " \t", &word) || word.length < 2 || word.data[word.length - 1] != ':') {
		return "after guest comes a name and a colon";
	}
	word.length--;
	if (!copy_text(rule->guest, sizeof(rule->guest), word)) {
		return "a guest's name of over 63 characters";
	}
	if (!cut(&rest, " \t", &word)) {
		return "no event";
	}
	reason = parse_events(rule, word);
	if (reason != NULL) {
		return reason;
	}
	if (!cut(&rest, " \t", &word) || !look_up(action_words, word, &action)) {
		return "after the events comes ignore, report or verdict";
	}
	rule->action = (enum mux_action)action;
	return parse_options(rule, rest);
}

static void set_defaults(struct av_policy_rule *rule, uint32_t number)
{
	*rule = (struct av_policy_rule){.number = number,
					.fallback = MUX_VERDICT_DENY,
					.deadline_ms = AV_POLICY_DEADLINE_MS,
					.infected = AV_MEASURE_REPORT,
					.size_max = UINT64_MAX,
					.path = "/**"};
}

static bool is_comment(struct av_slice line)
{
	struct av_slice word;

	return !cut(&line, " \t", &word) || word.data[0] == '#';
}

unsigned int av_policy_parse(struct av_policy *policy, const char *text, size_t length,
			     av_policy_report_function *report, void *context)
{
	struct av_slice rest = {text, length}, line;
	unsigned int wrong = 0;

	policy->count = 0;
	for (unsigned int number = 1; av_line_next(&rest, &line); number++) {
		const char *reason = "more than 64 rules";

		if (is_comment(line)) {
			continue;
		}
		if (policy->count < AV_POLICY_RULES_MAX) {
			set_defaults(&policy->rule[policy->count], policy->count + 1);
			reason = parse_rule(&policy->rule[policy->count], line);
		}
		if (reason == NULL) {
			policy->count++;
		} else {
			wrong++;
			report(context, number, reason);
		}
	}
	return wrong;
}

static bool names_guest(const struct av_policy *policy, const char *guest)
{
	for (unsigned int i = 0; i < policy->count; i++) {
		if (strcmp(policy->rule[i].guest, guest) == 0) {
			return true;
		}
	}
	return false;
}

const struct av_policy_rule *av_policy_next(const struct av_policy *policy, const char *guest,
					    const struct av_policy_rule *after)
{
	unsigned int first = after == NULL ? 0 : (unsigned int)(after - policy->rule) + 1;
	const char *wanted = names_guest(policy, guest) ? guest : "*";

	for (unsigned int i = first; i < policy->count; i++) {
		if (strcmp(policy->rule[i].guest, wanted) == 0) {
			return &policy->rule[i];
		}
	}
	return NULL;
}

const struct av_policy_rule *av_policy_rule(const struct av_policy *policy, uint32_t number)
{
	return number >= 1 && number <= policy->count ? &policy->rule[number - 1] : NULL;
}

const char *av_policy_measure_name(enum av_measure measure)
{
	return measure_words[measure].text;
}
