/* SPDX-License-Identifier: MIT */
/*
 * The agent-service protocol: messages on vsock streams between agents, services and the manager.
 *
 * Every message is a header of 24 bytes and a body of `length` bytes. All numbers are
 * little-endian and unaligned; the layouts below are wire layouts that lib/wire encodes and decodes
 * field by field in the order given here (no struct is overlaid on the buffer).
 *   str16: u16 length, then that many bytes, no NUL inside, at most MUX_STRING_MAX.
 *   bytes32: u32 length, then that many bytes.
 * A reserved field is sent as zero and refused otherwise. Bytes after the last field are refused.
 *
 * Who connects: agents and services connect to the manager (CID 2, MUX_PORT_MANAGER); agents
 * connect to each service that a SERVICE_UP names. The connecting end sends HELLO first, the other
 * answers WELCOME or ERROR. The sender's CID is the one that the hypervisor stamped, never a field.
 *
 * Versions: a peer that gets a header with another version answers ERROR (MUX_ERR_VERSION, header
 * version MUX_PROTOCOL_VERSION) and closes. Malformed input: ERROR with a code, then that session
 * alone is closed.
 */
#ifndef MUXVISOR_PROTOCOL_H
#define MUXVISOR_PROTOCOL_H

#include "muxvisor/types.h"

#define MUX_PROTOCOL_MAGIC    0x3158554dU /* "MUX1" */
#define MUX_PROTOCOL_VERSION  2U
#define MUX_HEADER_SIZE	      24U
#define MUX_BODY_MAX	      65536U /* bytes of a body; longer data is streamed in several messages */
#define MUX_DATA_MAX	      61440U /* bytes of data in one ACCESS or RESPONSE */
#define MUX_STRING_MAX	      1024U
#define MUX_RULES_PER_SESSION 64U

#define MUX_PORT_MANAGER 7000U
#define MUX_PORT_SERVICE 7001U /* default listening port of a service */

/*
 * Header: u32 magic, u8 version, u8 reserved, u16 type, u16 flags, u16 reserved, u32 length,
 * u64 request.
 * `request` pairs an answer with its question: chosen by the asking side, unique among its
 * outstanding ones, not 0. 0 where no answer is expected.
 */

/* Flags. */
#define MUX_FLAG_MORE (1U << 0) /* RESPONSE: further RESPONSEs with the same request follow */

enum mux_message_type {
	/* First message of the connecting end:
	 * u32 role (enum mux_role), u32 reserved, u64 verbs (agent: bit per enum mux_verb that it
	 * can do), u64 granted (agent: those of verbs that the other end may use), u64 events
	 * (agent: bit per enum mux_event_kind that it can report), u32 port (service: where it
	 * listens), str16 name, str16 version (free text). */
	MUX_MSG_HELLO = 1,
	/* Answer to HELLO: u32 heartbeat_ms (the HELLO sender sends HEARTBEAT at least so often; 0:
	 * none), u32 id (agent id or service id that the manager gave; 0 from a service), str16
	 * name. */
	MUX_MSG_WELCOME = 2,
	/* Service to agent, replaces all rules of that service at once:
	 * u32 generation, u16 count (<= MUX_RULES_PER_SESSION), u16 reserved, then per rule:
	 *   u32 rule, u8 action (enum mux_action), u8 fallback (enum mux_verdict, when the deadline
	 *   passes), u16 reserved, u32 deadline_ms (verdict rules: 1..600000, others 0), u64 events
	 * (bit per kind), u64 size_min, u64 size_max (inclusive), str16 include (glob), str16
	 * exclude (glob or ""). First rule that matches an event decides. Answer: CONFIGURED, or
	 * ERROR (the old rules stay). */
	MUX_MSG_CONFIGURE = 3,
	/* Agent to service: u32 generation, u32 reserved. */
	MUX_MSG_CONFIGURED = 4,
	/* Agent to service: u64 sequence (per session, from 1, without gaps), u32 rule, u16 kind
	 * (enum mux_event_kind), u16 flags (MUX_EVENT_*), u64 time_us (agent's monotonic clock),
	 * u32 deadline_ms, u32 pid, u64 start_us (when pid started, as in PROCESSES; 0: not known),
	 * u64 handle (names the file object, and for PROCESS_* the process, for ACCESS until the
	 * verdict; 0: none), u64 size, str16 path, str16 path2 (new name of a rename, else ""),
	 * str16 process (image path of pid, or ""). header.request != 0 where a verdict is wanted
	 * (MUX_EVENT_VERDICT). */
	MUX_MSG_EVENT = 5,
	/* Service to agent, header.request of the EVENT: u8 verdict (enum mux_verdict), u8 flags
	 * (MUX_VERDICT_*), u16 reserved, u32 reason (service's own code), str16 text (e.g.
	 * signature). */
	MUX_MSG_VERDICT = 6,
	/* Service to agent: u16 verb (enum mux_verb), u16 flags, u32 reserved, u64 handle (or 0:
	 * use path, or pid and start), u64 offset (PROCESS_*: pid), u64 length (PROCESS_*: start_us
	 * of that process), str16 path, str16 path2, bytes32 data. PROCESS_* have a handle or pid
	 * and start_us, neither 0, and nothing else. Answer: RESPONSE. */
	MUX_MSG_ACCESS = 7,
	/* Agent to service: u16 verb, u16 reserved, i32 status (0 or -errno, Linux numbers), u64
	 * offset (READ: of this data), u64 total (READ: size of the file; WRITE: bytes written;
	 * LIST, PROCESSES: entries), bytes32 data. With MUX_FLAG_MORE further ones follow. data:
	 * READ bytes; STAT and LIST entries: u64 size, u64 mtime_us, u32 mode, u32 flags
	 * (MUX_STAT_*), str16 name; PROCESSES entries: u32 pid, u32 parent, u64 start_us, str16
	 * image; QUARANTINE: str16 quarantine id (use it as path in RESTORE). */
	MUX_MSG_RESPONSE = 8,
	/* u64 uptime_ms, u16 count, u16 reserved, u32 reserved, then count times u32 key (enum
	 * mux_counter), u32 reserved, u64 value. No answer. */
	MUX_MSG_HEARTBEAT = 9,
	/* Manager to agent: u32 service, u32 cid, u32 port, u32 reserved, str16 name, str16
	   version. */
	MUX_MSG_SERVICE_UP = 10,
	/* Manager to agent: u32 service, u32 reason (enum mux_error). */
	MUX_MSG_SERVICE_DOWN = 11,
	/* Orderly end by either side, then close: u32 reason (enum mux_error), body as HEARTBEAT
	   after. */
	MUX_MSG_BYE = 12,
	/* u32 code (enum mux_error), u16 type of the message that it is about (0: none), u16
	 * reserved, str16 text. header.request as in the message it is about. */
	MUX_MSG_ERROR = 13,
	/* Agent to manager (and to the service concerned while connected): u16 kind (enum
	 * mux_audit), u16 event kind, u32 rule, u64 sequence (of the event; 0: none), u64 time_us,
	 * u64 count (events that this record stands for), u32 service, u8 verdict applied, u8[3]
	 * reserved, str16 path, str16 text. */
	MUX_MSG_AUDIT = 14,
	/* Manager to agent (peer list for services): u32 agent, u32 cid, u32 state (1 up, 0 down, 2
	 * silent), u32 reserved, str16 name. Sent to services. */
	MUX_MSG_AGENT_STATE = 15,
};

enum mux_role { MUX_ROLE_AGENT = 1, MUX_ROLE_SERVICE = 2 };

enum mux_event_kind {
	MUX_EVENT_OPEN = 0, /* before the open completes */
	MUX_EVENT_CLOSE = 1,
	MUX_EVENT_WRITE = 2, /* content changed (close after write) */
	MUX_EVENT_CREATE = 3,
	MUX_EVENT_DELETE = 4,  /* before the delete */
	MUX_EVENT_RENAME = 5,  /* path -> path2 */
	MUX_EVENT_EXECUTE = 6, /* before a file is mapped for execution */
	MUX_EVENT_PROCESS_START = 7,
	MUX_EVENT_PROCESS_STOP = 8,
	MUX_EVENT_MEMORY = 9,  /* executable memory mapping */
	MUX_EVENT_CONFIG = 10, /* configuration key or file changed */
	MUX_EVENT_LOGON = 11,
	MUX_EVENT_NETWORK = 12,
	MUX_EVENT_READ = 13, /* before a read of an open file completes */
	MUX_EVENT_KINDS
};

#define MUX_EVENT_VERDICT (1U << 0) /* EVENT.flags: the guest waits for a VERDICT */

enum mux_action { MUX_ACTION_IGNORE = 0, MUX_ACTION_REPORT = 1, MUX_ACTION_VERDICT = 2 };
enum mux_verdict { MUX_VERDICT_ALLOW = 0, MUX_VERDICT_DENY = 1 };
#define MUX_VERDICT_REMEMBER (1U << 0) /* VERDICT.flags: valid until the file changes */

enum mux_verb {
	MUX_VERB_READ = 0,
	MUX_VERB_WRITE = 1,
	MUX_VERB_CREATE = 2, /* empty file, or directory with MUX_ACCESS_DIRECTORY */
	MUX_VERB_DELETE = 3,
	MUX_VERB_RENAME = 4,
	MUX_VERB_LIST = 5,
	MUX_VERB_STAT = 6,
	MUX_VERB_QUARANTINE = 7,
	MUX_VERB_RESTORE = 8,
	MUX_VERB_PROCESSES = 9,
	/* These three name a process by pid and start, or by the handle of an event that waits: a
	 * process that got the same pid later is never hit. */
	MUX_VERB_PROCESS_STOP = 10,   /* it runs no more, until RESUME */
	MUX_VERB_PROCESS_RESUME = 11, /* after STOP, whoever stopped it */
	MUX_VERB_PROCESS_KILL = 12,   /* ends it */
	MUX_VERBS
};

#define MUX_ACCESS_DIRECTORY (1U << 0)
#define MUX_ACCESS_TRUNCATE  (1U << 1) /* WRITE: the file ends after this data */
#define MUX_STAT_DIRECTORY   (1U << 0)
#define MUX_STAT_QUARANTINED (1U << 1)

enum mux_error {
	MUX_ERR_NONE = 0,
	MUX_ERR_VERSION = 1,	/* protocol version not spoken */
	MUX_ERR_MALFORMED = 2,	/* header or body breaks the layout */
	MUX_ERR_UNEXPECTED = 3, /* type not allowed now, or not from this side */
	MUX_ERR_LIMIT = 4,	/* too many rules, sessions, outstanding requests */
	MUX_ERR_RULE = 5,	/* a rule's field is out of range */
	MUX_ERR_DENIED = 6,	/* not allowed to this peer */
	MUX_ERR_SHUTDOWN = 7,	/* orderly end */
	MUX_ERR_LOST = 8,	/* connection lost or heartbeat silent */
	MUX_ERR_REPLACED = 9,	/* the same peer registered again */
};

enum mux_audit {
	MUX_AUDIT_DEADLINE = 1,	  /* no verdict in time: the fallback was applied */
	MUX_AUDIT_DISCONNECT = 2, /* the service went away: the fallback was applied */
	MUX_AUDIT_LOST = 3,	  /* events could not be queued or sent; count says how many */
	MUX_AUDIT_DENIED = 4,	  /* a verdict denied an operation */
	MUX_AUDIT_ACCESS = 5,	  /* a service changed the guest, or a process of it */
	MUX_AUDIT_REFUSED = 6, /* a service asked for what it may not do; text says what and why */
	MUX_AUDIT_KINDS
};

/* Counters in HEARTBEAT and BYE. MUX_COUNTER_EVENT_BASE + kind: events reported of that kind. */
enum mux_counter {
	MUX_COUNTER_FILES_SEEN = 1,
	MUX_COUNTER_EVENTS = 2,
	MUX_COUNTER_VERDICTS = 3,
	MUX_COUNTER_DENIED = 4,
	MUX_COUNTER_FALLBACKS = 5,
	MUX_COUNTER_EVENTS_LOST = 6,
	MUX_COUNTER_QUARANTINED = 7,
	MUX_COUNTER_LATENCY_P50 = 8, /* event to verdict, TSC ticks (bare) or ns (Linux) */
	MUX_COUNTER_LATENCY_P99 = 9,
	MUX_COUNTER_SCANNED = 10, /* files scanned (service) */
	MUX_COUNTER_SCANNED_BYTES = 11,
	MUX_COUNTER_INFECTED = 12,
	MUX_COUNTER_SIGNATURES = 13,
	MUX_COUNTER_ACCESSES = 14,
	MUX_COUNTER_REFUSED = 15, /* access requests that the service may not make */
	MUX_COUNTER_EVENT_BASE = 256,
	MUX_COUNTER_RULE_BASE = 512, /* + rule id (below 256): events by rule */
};

#endif
