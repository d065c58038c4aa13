/* SPDX-License-Identifier: MIT */
/* Value ranges of protocol.h, applied alike by the encoder and the decoder. */
#include "lib/wire/wire_io.h"

#include <string.h>

#define EVENTS_KNOWN	((UINT64_C(1) << MUX_EVENT_KINDS) - 1)
#define DEADLINE_MAX_MS 600000U
#define ERRNO_MAX	4095

int wire_check_string(struct wire_string string)
{
	if (string.size > MUX_STRING_MAX) {
		return -MUX_ERR_LIMIT;
	}
	if (string.size && memchr(string.data, 0, string.size)) {
		return -MUX_ERR_MALFORMED;
	}
	return 0;
}

/* Whether messages of this type carry a request id: always, never, or as the message says. */
enum request_use { REQUEST_NONE, REQUEST_ALWAYS, REQUEST_OPTIONAL };

static enum request_use request_use_of(uint16_t type)
{
	switch (type) {
	case MUX_MSG_HELLO:
	case MUX_MSG_WELCOME:
	case MUX_MSG_CONFIGURE:
	case MUX_MSG_CONFIGURED:
	case MUX_MSG_VERDICT:
	case MUX_MSG_ACCESS:
	case MUX_MSG_RESPONSE: return REQUEST_ALWAYS;
	case MUX_MSG_EVENT:
	case MUX_MSG_ERROR: return REQUEST_OPTIONAL;
	default: return REQUEST_NONE;
	}
}

int wire_check_header(const struct wire_header *header)
{
	enum request_use use = request_use_of(header->type);

	if (header->length > MUX_BODY_MAX) {
		return -MUX_ERR_MALFORMED;
	}
	if (header->type < MUX_MSG_HELLO || header->type > MUX_MSG_AGENT_STATE) {
		return -MUX_ERR_UNEXPECTED;
	}
	if (header->flags & ~(header->type == MUX_MSG_RESPONSE ? MUX_FLAG_MORE : 0U)) {
		return -MUX_ERR_MALFORMED;
	}
	if ((use == REQUEST_ALWAYS && header->request == 0) ||
	    (use == REQUEST_NONE && header->request != 0)) {
		return -MUX_ERR_MALFORMED;
	}
	return 0;
}

int wire_check_rule(const struct wire_rule *rule)
{
	bool wants_verdict = rule->action == MUX_ACTION_VERDICT;

	if (rule->action > MUX_ACTION_VERDICT || rule->fallback > MUX_VERDICT_DENY ||
	    (rule->events & ~EVENTS_KNOWN) || rule->size_min > rule->size_max) {
		return -MUX_ERR_RULE;
	}
	if (wants_verdict ? rule->deadline_ms == 0 || rule->deadline_ms > DEADLINE_MAX_MS
			  : rule->deadline_ms != 0) {
		return -MUX_ERR_RULE;
	}
	return 0;
}

int wire_check_event(const struct wire_event *event)
{
	bool ok = event->sequence != 0 && event->kind < MUX_EVENT_KINDS &&
		  !(event->flags & ~MUX_EVENT_VERDICT);

	return ok ? 0 : -MUX_ERR_MALFORMED;
}

int wire_check_hello(const struct wire_hello *hello)
{
	bool ok = (hello->role == MUX_ROLE_AGENT || hello->role == MUX_ROLE_SERVICE) &&
		  (hello->role == MUX_ROLE_SERVICE) == (hello->port != 0) &&
		  !(hello->granted & ~hello->verbs);

	return ok ? 0 : -MUX_ERR_MALFORMED;
}

/* One process, named in one way: nothing is left for the agent to choose. */
static bool names_process(const struct wire_access *access)
{
	bool by_handle = access->handle && !access->offset && !access->length;
	bool by_start =
		!access->handle && access->offset && access->offset <= UINT32_MAX && access->length;

	return (by_handle || by_start) && !access->flags && !access->path.size &&
	       !access->path2.size && !access->data.size;
}

int wire_check_access(const struct wire_access *access)
{
	bool ok = access->verb < MUX_VERBS &&
		  !(access->flags & ~(MUX_ACCESS_DIRECTORY | MUX_ACCESS_TRUNCATE)) &&
		  (!wire_verb_is_process(access->verb) || names_process(access));

	return ok ? 0 : -MUX_ERR_MALFORMED;
}

/* Walks the entries of a successful answer; their number, or a negated error. */
static int count_entries(const struct wire_response *response)
{
	struct wire_list list = wire_list_of(response->data);
	struct wire_process process;
	struct wire_string string;
	struct wire_stat stat;
	int count = 0;
	int result;

	do {
		switch (response->verb) {
		case MUX_VERB_PROCESSES: result = wire_next_process(&list, &process); break;
		case MUX_VERB_QUARANTINE: result = wire_next_string(&list, &string); break;
		default: result = wire_next_stat(&list, &stat); break;
		}
		count += result > 0;
	} while (result > 0);
	return result < 0 ? result : count;
}

static bool has_valid_data(const struct wire_response *response)
{
	if (response->status != 0) {
		return response->data.size == 0;
	}
	switch (response->verb) {
	case MUX_VERB_READ: return true;
	case MUX_VERB_LIST:
	case MUX_VERB_PROCESSES: return count_entries(response) >= 0;
	case MUX_VERB_STAT:
	case MUX_VERB_QUARANTINE: return count_entries(response) == 1;
	default: return response->data.size == 0;
	}
}

int wire_check_response(const struct wire_response *response)
{
	bool ok = response->verb < MUX_VERBS && response->status <= 0 &&
		  response->status >= -ERRNO_MAX && has_valid_data(response);

	return ok ? 0 : -MUX_ERR_MALFORMED;
}

int wire_check_audit(const struct wire_audit *audit)
{
	bool ok = audit->kind >= MUX_AUDIT_DEADLINE && audit->kind < MUX_AUDIT_KINDS &&
		  audit->event_kind < MUX_EVENT_KINDS && audit->verdict <= MUX_VERDICT_DENY;

	return ok ? 0 : -MUX_ERR_MALFORMED;
}
