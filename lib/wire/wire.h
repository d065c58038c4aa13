/* SPDX-License-Identifier: MIT */
/*
 * Codec of the agent-service protocol (include/muxvisor/protocol.h): C structs to wire messages
 * and back, and the assembler that cuts a byte stream into messages.
 *
 * It does no I/O, allocates nothing and keeps no state outside the structs that the caller gives,
 * so it needs no locking: one struct, one thread at a time. It knows layouts and value ranges, not
 * who may send what when; that is the business of the sessions above it.
 *
 * Results: 0 (or 1 where said) on success, otherwise a negated enum mux_error, ready to be sent in
 * an ERROR message: -MUX_ERR_MALFORMED layout broken, -MUX_ERR_RULE a rule's field out of range,
 * -MUX_ERR_LIMIT too long or too many, -MUX_ERR_VERSION version not spoken, -MUX_ERR_UNEXPECTED
 * unknown message type.
 */
#ifndef LIB_WIRE_WIRE_H
#define LIB_WIRE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "muxvisor/protocol.h"

#define WIRE_MESSAGE_MAX (MUX_HEADER_SIZE + MUX_BODY_MAX)

/* Strings and data are views: a decoded one points into the message's body and has no NUL. */
struct wire_string {
	const char *data;
	uint32_t size;
};

struct wire_bytes {
	const uint8_t *data;
	uint32_t size;
};

struct wire_header {
	uint16_t type;	 /* enum mux_message_type */
	uint16_t flags;	 /* MUX_FLAG_* */
	uint32_t length; /* of the body */
	uint64_t request;
};

/* A whole message, its header checked, its body not yet. */
struct wire_message {
	struct wire_header header;
	const uint8_t *body;
};

/* Entries inside a body, taken one by one by wire_next_*; copying the struct copies the position.
 */
struct wire_list {
	const uint8_t *data;
	size_t size;
};

/* ---- message contents ---- */

struct wire_hello {
	uint32_t role; /* enum mux_role */
	uint32_t port; /* service: where it listens; agent: 0 */
	uint64_t verbs;
	uint64_t granted; /* a subset of verbs */
	uint64_t events;
	struct wire_string name;
	struct wire_string version;
};

struct wire_welcome {
	uint32_t heartbeat_ms;
	uint32_t id;
	struct wire_string name;
};

struct wire_rule {
	uint32_t rule;
	uint8_t action;	      /* enum mux_action */
	uint8_t fallback;     /* enum mux_verdict */
	uint32_t deadline_ms; /* action VERDICT: 1..600000, otherwise 0 */
	uint64_t events;      /* bit per enum mux_event_kind */
	uint64_t size_min;
	uint64_t size_max;
	struct wire_string include;
	struct wire_string exclude;
};

struct wire_configure {
	uint32_t generation;
	uint16_t count;
	struct wire_list rules; /* every rule was checked: wire_next_rule does not fail */
};

struct wire_configured {
	uint32_t generation;
};

struct wire_event {
	uint64_t sequence;
	uint32_t rule;
	uint16_t kind;	/* enum mux_event_kind */
	uint16_t flags; /* MUX_EVENT_*; MUX_EVENT_VERDICT if and only if header.request != 0 */
	uint64_t time_us;
	uint32_t deadline_ms;
	uint32_t pid;
	uint64_t start_us; /* when pid started, or 0 */
	uint64_t handle;
	uint64_t size;
	struct wire_string path;
	struct wire_string path2;
	struct wire_string process;
};

struct wire_verdict {
	uint8_t verdict; /* enum mux_verdict */
	uint8_t flags;	 /* MUX_VERDICT_* */
	uint32_t reason;
	struct wire_string text;
};

/* For PROCESS_STOP, RESUME and KILL: a handle alone, or offset (pid) and length (start_us) alone.
 */
struct wire_access {
	uint16_t verb;	/* enum mux_verb */
	uint16_t flags; /* MUX_ACCESS_* */
	uint64_t handle;
	uint64_t offset;
	uint64_t length;
	struct wire_string path;
	struct wire_string path2;
	struct wire_bytes data; /* at most MUX_DATA_MAX */
};

/*
 * A decoded one was checked for its verb: LIST, STAT and PROCESSES data holds whole, valid entries
 * (STAT exactly one), QUARANTINE one string. With a status other than 0 there is no data.
 */
struct wire_response {
	uint16_t verb;	/* enum mux_verb */
	int32_t status; /* 0 or -errno (-4095..-1), this C library's numbers: the codec translates
			 */
	uint64_t offset;
	uint64_t total;
	struct wire_bytes data; /* at most MUX_DATA_MAX */
};

/* Entry of STAT and LIST data. */
struct wire_stat {
	uint64_t size;
	uint64_t mtime_us;
	uint32_t mode;
	uint32_t flags; /* MUX_STAT_* */
	struct wire_string name;
};

/* Entry of PROCESSES data. */
struct wire_process {
	uint32_t pid;
	uint32_t parent;
	uint64_t start_us;
	struct wire_string image;
};

struct wire_counter {
	uint32_t key; /* enum mux_counter */
	uint64_t value;
};

struct wire_heartbeat {
	uint64_t uptime_ms;
	uint16_t count;
	struct wire_list counters; /* checked: wire_next_counter does not fail */
};

struct wire_service_up {
	uint32_t service;
	uint32_t cid;
	uint32_t port;
	struct wire_string name;
	struct wire_string version;
};

struct wire_service_down {
	uint32_t service;
	uint32_t reason; /* enum mux_error */
};

struct wire_bye {
	uint32_t reason; /* enum mux_error */
	struct wire_heartbeat heartbeat;
};

struct wire_error {
	uint32_t code; /* enum mux_error */
	uint16_t type; /* message type that it is about, 0: none */
	struct wire_string text;
};

struct wire_audit {
	uint16_t kind;	     /* enum mux_audit */
	uint16_t event_kind; /* enum mux_event_kind */
	uint32_t rule;
	uint64_t sequence;
	uint64_t time_us;
	uint64_t count;
	uint32_t service;
	uint8_t verdict; /* enum mux_verdict */
	struct wire_string path;
	struct wire_string text;
};

enum wire_agent_state { WIRE_AGENT_DOWN = 0, WIRE_AGENT_UP = 1, WIRE_AGENT_SILENT = 2 };

struct wire_agent_state_message {
	uint32_t agent;
	uint32_t cid;
	uint32_t state; /* as on the wire: 1 up, 0 down, 2 silent */
	struct wire_string name;
};

/* ---- encoding ---- */

/* Messages are appended to data[0 .. capacity); size counts what is there. */
struct wire_writer {
	uint8_t *data;
	size_t capacity;
	size_t size;
};

void wire_writer_init(struct wire_writer *writer, void *data, size_t capacity);

/*
 * wire_encode_<message>: appends one whole message, header and body. `request` is the header's
 * request id; messages without one take none. Returns 0; -MUX_ERR_LIMIT: it does not fit in the
 * writer, a string is longer than MUX_STRING_MAX, data than MUX_DATA_MAX, or there are too many
 * entries; -MUX_ERR_MALFORMED, -MUX_ERR_RULE: a field that the decoder would refuse. After an error
 * the writer is as before.
 */
int wire_encode_hello(struct wire_writer *writer, uint64_t request, const struct wire_hello *hello);
int wire_encode_welcome(struct wire_writer *writer, uint64_t request,
			const struct wire_welcome *welcome);
int wire_encode_configure(struct wire_writer *writer, uint64_t request, uint32_t generation,
			  const struct wire_rule *rules, size_t count);
int wire_encode_configured(struct wire_writer *writer, uint64_t request,
			   const struct wire_configured *configured);
/* request: not 0 if and only if event->flags has MUX_EVENT_VERDICT. */
int wire_encode_event(struct wire_writer *writer, uint64_t request, const struct wire_event *event);
int wire_encode_verdict(struct wire_writer *writer, uint64_t request,
			const struct wire_verdict *verdict);
int wire_encode_access(struct wire_writer *writer, uint64_t request,
		       const struct wire_access *access);
/* more: MUX_FLAG_MORE, further RESPONSEs to this request follow. */
int wire_encode_response(struct wire_writer *writer, uint64_t request, bool more,
			 const struct wire_response *response);
int wire_encode_heartbeat(struct wire_writer *writer, uint64_t uptime_ms,
			  const struct wire_counter *counters, size_t count);
int wire_encode_service_up(struct wire_writer *writer, const struct wire_service_up *service);
int wire_encode_service_down(struct wire_writer *writer, const struct wire_service_down *service);
int wire_encode_bye(struct wire_writer *writer, uint32_t reason, uint64_t uptime_ms,
		    const struct wire_counter *counters, size_t count);
/* request: of the message that the error is about, or 0. */
int wire_encode_error(struct wire_writer *writer, uint64_t request, const struct wire_error *error);
int wire_encode_audit(struct wire_writer *writer, const struct wire_audit *audit);
int wire_encode_agent_state(struct wire_writer *writer,
			    const struct wire_agent_state_message *state);

/*
 * Entries of RESPONSE data, without a header: collect them in a writer over a buffer of at most
 * MUX_DATA_MAX bytes, then send that as wire_response.data. An entry is never split over two
 * RESPONSEs. Errors as above.
 */
int wire_encode_stat_entry(struct wire_writer *writer, const struct wire_stat *entry);
int wire_encode_process_entry(struct wire_writer *writer, const struct wire_process *entry);
int wire_encode_string_entry(struct wire_writer *writer, struct wire_string string);

/* ---- decoding ---- */

/* Checks the MUX_HEADER_SIZE bytes at `data`: magic, version, type, flags, reserved, length, and
 * that the request id is there if and only if the type has one. */
int wire_decode_header(const uint8_t *data, struct wire_header *header);

/*
 * wire_decode_<message>: the body of a message whose header.type is that message's. Every field is
 * checked, and the views are valid as long as the message's bytes are. Returns 0,
 * -MUX_ERR_MALFORMED, -MUX_ERR_RULE (CONFIGURE) or -MUX_ERR_LIMIT (CONFIGURE: too many rules);
 * -MUX_ERR_UNEXPECTED: another header.type. After an error *out is not to be used.
 */
int wire_decode_hello(const struct wire_message *message, struct wire_hello *out);
int wire_decode_welcome(const struct wire_message *message, struct wire_welcome *out);
int wire_decode_configure(const struct wire_message *message, struct wire_configure *out);
int wire_decode_configured(const struct wire_message *message, struct wire_configured *out);
int wire_decode_event(const struct wire_message *message, struct wire_event *out);
int wire_decode_verdict(const struct wire_message *message, struct wire_verdict *out);
int wire_decode_access(const struct wire_message *message, struct wire_access *out);
int wire_decode_response(const struct wire_message *message, struct wire_response *out);
int wire_decode_heartbeat(const struct wire_message *message, struct wire_heartbeat *out);
int wire_decode_service_up(const struct wire_message *message, struct wire_service_up *out);
int wire_decode_service_down(const struct wire_message *message, struct wire_service_down *out);
int wire_decode_bye(const struct wire_message *message, struct wire_bye *out);
int wire_decode_error(const struct wire_message *message, struct wire_error *out);
int wire_decode_audit(const struct wire_message *message, struct wire_audit *out);
int wire_decode_agent_state(const struct wire_message *message,
			    struct wire_agent_state_message *out);

/* Starts a walk over the entries of RESPONSE data. */
struct wire_list wire_list_of(struct wire_bytes data);

/* The next entry: 1 and *out, 0 at the end, -MUX_ERR_MALFORMED where the entry is broken. */
int wire_next_rule(struct wire_list *list, struct wire_rule *out);
int wire_next_counter(struct wire_list *list, struct wire_counter *out);
int wire_next_stat(struct wire_list *list, struct wire_stat *out);
int wire_next_process(struct wire_list *list, struct wire_process *out);
int wire_next_string(struct wire_list *list, struct wire_string *out);

/* ---- stream assembler ---- */

struct wire_stream {
	uint8_t *buffer;
	size_t capacity;
	size_t start; /* of the bytes not yet taken */
	size_t end;
	int error; /* sticky: a stream that was wrong once stays wrong */
};

/* buffer: WIRE_MESSAGE_MAX bytes or more; it stays the caller's. */
void wire_stream_init(struct wire_stream *stream, void *buffer, size_t capacity);

/* Where the next bytes are to be received, and how many fit (0 only if a whole message waits). It
 * ends the life of the last message's views. */
size_t wire_stream_space(struct wire_stream *stream, uint8_t **where);

/* `size` bytes were put at that place. */
void wire_stream_commit(struct wire_stream *stream, size_t size);

/* Both in one for callers that hold the bytes already: returns how many were taken, at most size;
 * take the messages out and call again with the rest. */
size_t wire_stream_feed(struct wire_stream *stream, const void *data, size_t size);

/* Takes the next whole message: 1 and *message; 0: more bytes are needed; a negated enum mux_error
 * as soon as the header is seen to be wrong, also before its body came, and from then on always.
 * The views are valid until the next wire_stream_space or wire_stream_feed. */
int wire_stream_next(struct wire_stream *stream, struct wire_message *message);

/* ---- helpers ---- */

/* A view of a NUL-terminated string; NULL gives "". */
struct wire_string wire_string_of(const char *text);

/* Copies to a NUL-terminated string, cut where it does not fit; false if it was cut. */
bool wire_string_copy(char *to, size_t size, struct wire_string string);

bool wire_string_equals(struct wire_string string, const char *text);

/* Names for logs: "HELLO", "open", "read", ...; "?" where there is none. */
const char *wire_type_name(uint16_t type);
const char *wire_event_name(uint16_t kind);
const char *wire_verb_name(uint16_t verb);
/* PROCESS_STOP, RESUME or KILL? */
bool wire_verb_is_process(uint16_t verb);
const char *wire_error_name(uint32_t code);
const char *wire_audit_name(uint16_t kind);

#endif
