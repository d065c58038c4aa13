/* SPDX-License-Identifier: MIT */
/* String views and names for logs. */
#include "lib/wire/wire.h"

#include <string.h>

#define NAME_OF(table, index) \
	((index) < sizeof(table) / sizeof((table)[0]) && (table)[index] ? (table)[index] : "?")

struct wire_string wire_string_of(const char *text)
{
	size_t size = text ? strlen(text) : 0;

	/* Longer than any message can hold: the encoder refuses it as such. */
	if (size > UINT32_MAX) {
		size = UINT32_MAX;
	}
	return (struct wire_string){.data = text ? text : "", .size = (uint32_t)size};
}

bool wire_string_copy(char *to, size_t size, struct wire_string string)
{
	size_t length = string.size;

	if (!size) {
		return false;
	}
	if (length > size - 1) {
		length = size - 1;
	}
	if (length) {
		memcpy(to, string.data, length);
	}
	to[length] = '\0';
	return length == string.size;
}

bool wire_string_equals(struct wire_string string, const char *text)
{
	size_t size = strlen(text);

	return size == string.size && (size == 0 || memcmp(string.data, text, size) == 0);
}

const char *wire_type_name(uint16_t type)
{
	static const char *const names[] = {
		[MUX_MSG_HELLO] = "HELLO",
		[MUX_MSG_WELCOME] = "WELCOME",
		[MUX_MSG_CONFIGURE] = "CONFIGURE",
		[MUX_MSG_CONFIGURED] = "CONFIGURED",
		[MUX_MSG_EVENT] = "EVENT",
		[MUX_MSG_VERDICT] = "VERDICT",
		[MUX_MSG_ACCESS] = "ACCESS",
		[MUX_MSG_RESPONSE] = "RESPONSE",
		[MUX_MSG_HEARTBEAT] = "HEARTBEAT",
		[MUX_MSG_SERVICE_UP] = "SERVICE_UP",
		[MUX_MSG_SERVICE_DOWN] = "SERVICE_DOWN",
		[MUX_MSG_BYE] = "BYE",
		[MUX_MSG_ERROR] = "ERROR",
		[MUX_MSG_AUDIT] = "AUDIT",
		[MUX_MSG_AGENT_STATE] = "AGENT_STATE",
	};

	return NAME_OF(names, type);
}

const char *wire_event_name(uint16_t kind)
{
	static const char *const names[MUX_EVENT_KINDS] = {
		[MUX_EVENT_OPEN] = "open",
		[MUX_EVENT_CLOSE] = "close",
		[MUX_EVENT_WRITE] = "write",
		[MUX_EVENT_CREATE] = "create",
		[MUX_EVENT_DELETE] = "delete",
		[MUX_EVENT_RENAME] = "rename",
		[MUX_EVENT_EXECUTE] = "execute",
		[MUX_EVENT_PROCESS_START] = "process-start",
		[MUX_EVENT_PROCESS_STOP] = "process-stop",
		[MUX_EVENT_MEMORY] = "memory",
		[MUX_EVENT_CONFIG] = "config",
		[MUX_EVENT_LOGON] = "logon",
		[MUX_EVENT_NETWORK] = "network",
		[MUX_EVENT_READ] = "read",
	};

	return NAME_OF(names, kind);
}

const char *wire_verb_name(uint16_t verb)
{
	static const char *const names[MUX_VERBS] = {
		[MUX_VERB_READ] = "read",
		[MUX_VERB_WRITE] = "write",
		[MUX_VERB_CREATE] = "create",
		[MUX_VERB_DELETE] = "delete",
		[MUX_VERB_RENAME] = "rename",
		[MUX_VERB_LIST] = "list",
		[MUX_VERB_STAT] = "stat",
		[MUX_VERB_QUARANTINE] = "quarantine",
		[MUX_VERB_RESTORE] = "restore",
		[MUX_VERB_PROCESSES] = "processes",
		[MUX_VERB_PROCESS_STOP] = "process-stop",
		[MUX_VERB_PROCESS_RESUME] = "process-resume",
		[MUX_VERB_PROCESS_KILL] = "process-kill",
	};

	return NAME_OF(names, verb);
}

bool wire_verb_is_process(uint16_t verb)
{
	return verb >= MUX_VERB_PROCESS_STOP && verb <= MUX_VERB_PROCESS_KILL;
}

const char *wire_error_name(uint32_t code)
{
	static const char *const names[] = {
		[MUX_ERR_NONE] = "no error",	   [MUX_ERR_VERSION] = "version not spoken",
		[MUX_ERR_MALFORMED] = "malformed", [MUX_ERR_UNEXPECTED] = "unexpected message",
		[MUX_ERR_LIMIT] = "limit reached", [MUX_ERR_RULE] = "bad rule",
		[MUX_ERR_DENIED] = "denied",	   [MUX_ERR_SHUTDOWN] = "orderly end",
		[MUX_ERR_LOST] = "lost",	   [MUX_ERR_REPLACED] = "replaced",
	};

	return NAME_OF(names, code);
}

const char *wire_audit_name(uint16_t kind)
{
	static const char *const names[] = {
		[MUX_AUDIT_DEADLINE] = "deadline passed",
		[MUX_AUDIT_DISCONNECT] = "service went away",
		[MUX_AUDIT_LOST] = "events lost",
		[MUX_AUDIT_DENIED] = "denied",
		[MUX_AUDIT_ACCESS] = "guest changed",
		[MUX_AUDIT_REFUSED] = "request refused",
	};

	return NAME_OF(names, kind);
}
