/* SPDX-License-Identifier: MIT */
/*
 * The access library: what a security service needs to watch guests and to act in them. A service
 * is a program in an appliance partition. It registers with the manager by itself, guests' agents
 * connect to it, it gives each agent its rules, gets the events that match, answers those that wait
 * for a verdict, and reads or changes things in the guest. The service sees calls and callbacks
 * only, never messages or sockets. docs/service-author-guide.md shows how; appliance/example is a
 * whole service.
 *
 * Threads: none. All calls on one service, and on its agents, events and requests, come from one
 * thread; all callbacks come from inside mux_service_step() or mux_service_run() on that thread,
 * never from inside another call. A callback may call everything here except these two and
 * mux_service_destroy().
 *
 * Errors: negative errno values. Where a guest or its agent misbehaves, its session alone ends.
 *
 * Strings are NUL-terminated. Strings and structs handed to a callback are valid until it returns,
 * unless said otherwise; those that the service passes in are copied, unless said otherwise.
 *
 * Compatibility: a minor version adds calls, and fields at the end of structs that begin with
 * `size`; nothing else changes before the next major version.
 */
#ifndef MUXACCESS_H
#define MUXACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "muxvisor/protocol.h"

#define MUXACCESS_VERSION_MAJOR 2
#define MUXACCESS_VERSION_MINOR 1

struct mux_service; /* the service itself */
struct mux_agent;   /* a guest's agent that is, or was, connected */
struct mux_event;   /* something that happened, or wants to happen, in a guest */
struct mux_rules;   /* a set of event rules being put together */

/* ---- the service ---- */

struct mux_service_options {
	size_t size;	     /* sizeof(struct mux_service_options) */
	const char *name;    /* not empty, at most 63 bytes; unique among services */
	const char *version; /* free text, at most 63 bytes; NULL: "" */
	uint32_t port;	     /* vsock port to listen on; 0: MUX_PORT_SERVICE */
	void *context;	     /* handed to the callbacks below */

	/* Any of these may be NULL. */

	/* An agent connected. The usual place to call mux_agent_set_rules(); until then it reports
	 * nothing. */
	void (*on_agent_up)(struct mux_agent *agent, void *context);
	/* The session ended: MUX_ERR_SHUTDOWN orderly; MUX_ERR_LOST connection lost or heartbeats
	 * missing; MUX_ERR_REPLACED the same guest connected again; MUX_ERR_MALFORMED,
	 * MUX_ERR_UNEXPECTED, MUX_ERR_VERSION it broke the protocol; MUX_ERR_LIMIT it was too slow
	 * to take what was sent, or asked for too much. Its requests were ended before. The pointer
	 * stays valid until the callback returns, and longer while events hold it. */
	void (*on_agent_down)(struct mux_agent *agent, enum mux_error reason, void *context);
	/* The agent's answer to mux_agent_set_rules(): MUX_ERR_NONE, the rules are in force; else
	 * the old ones stay, and text says why. */
	void (*on_configured)(struct mux_agent *agent, uint32_t generation, enum mux_error result,
			      const char *text, void *context);
	/* The manager's list of agents changed: see mux_service_known_agents(). */
	void (*on_agents_changed)(struct mux_service *service, void *context);
	/* Registered with the manager (true), or the manager was lost (false); the library connects
	 * again by itself, and sessions with agents go on. */
	void (*on_manager)(struct mux_service *service, bool registered, void *context);
};

/*
 * Makes the service and starts to listen. It registers with the manager from the event loop, and
 * retries with growing pauses (50 ms to 5 s) until the manager answers.
 * Returns 0 and *service; -EINVAL: options out of range; -ENOMEM; or what socket(), bind() and
 * listen() give, such as -EADDRINUSE.
 */
int mux_service_create(const struct mux_service_options *options, struct mux_service **service);

/* Ends all sessions without further callbacks (requests' too) and frees everything except events
 * that still want mux_verdict() or mux_event_release(). Not from a callback. NULL is allowed. */
void mux_service_destroy(struct mux_service *service);

/* Runs until mux_service_stop(). Returns 0, or the first error of mux_service_step(). */
int mux_service_run(struct mux_service *service);

/*
 * One turn of the event loop: waits at most timeout_ms (negative: until something happens; 0: not
 * at all), then handles what is ready, a bounded amount of each session. For programs with a loop
 * of their own. Returns 0; -ECANCELED: mux_service_stop() was called and all is sent; else what
 * poll() gives.
 */
int mux_service_step(struct mux_service *service, int timeout_ms);

/* Ends the service in order: BYE to the agents, behind the verdicts that were given; when they have
 * closed, or after 1 s, BYE with the counters to the manager; then mux_service_run() returns. Waits
 * at most 2 s for slow peers. */
void mux_service_stop(struct mux_service *service);

bool mux_service_is_registered(const struct mux_service *service);

/*
 * Counters go to the manager with each heartbeat. key: enum mux_counter, or any other number of the
 * service's own from 4096 on; at most 64 different ones. The library itself counts EVENTS,
 * VERDICTS, DENIED and ACCESSES. Returns 0; -ENOSPC: too many different keys.
 */
int mux_counter_set(struct mux_service *service, uint32_t key, uint64_t value);
int mux_counter_add(struct mux_service *service, uint32_t key, uint64_t amount);
/* 0 where it was never set. */
uint64_t mux_counter_get(const struct mux_service *service, uint32_t key);

/* ---- timers ---- */

typedef void (*mux_timer_callback)(struct mux_service *service, void *context);

/* Calls back once, delay_ms from now or later. Returns an id (> 0); -ENOMEM. */
int64_t mux_timer_start(struct mux_service *service, uint32_t delay_ms, mux_timer_callback callback,
			void *context);
/* -ENOENT: no such timer, or it has fired. */
int mux_timer_cancel(struct mux_service *service, int64_t timer);
/* Milliseconds of the monotonic clock that timers use. */
uint64_t mux_time_ms(void);

/* ---- descriptors of the service's own ---- */

#define MUX_WATCHES_MAX 16U

typedef void (*mux_watch_callback)(struct mux_service *service, int fd, void *context);

/*
 * Calls back from the event loop whenever fd can be read, has ended or has failed, until callback
 * NULL is given for it, which must happen before fd is closed. For what a service has besides its
 * agents: programs of its own, signals, a socket.
 * Returns 0; -EINVAL: fd is negative; -ENOSPC: MUX_WATCHES_MAX are watched; -ENOENT: NULL for one
 * that is not watched.
 */
int mux_watch(struct mux_service *service, int fd, mux_watch_callback callback, void *context);

/* ---- agents ---- */

struct mux_agent_info {
	uint32_t cid;	     /* of its guest, stamped by the hypervisor */
	const char *name;    /* what the agent calls its guest */
	const char *version; /* of the agent, free text */
	uint64_t verbs;	     /* bit per enum mux_verb that it can do */
	uint64_t granted;    /* of these, what this service may use in this guest */
	uint64_t events;     /* bit per enum mux_event_kind that it can report */
	bool is_connected;
};

/* Valid as long as the agent is. */
const struct mux_agent_info *mux_agent_info(const struct mux_agent *agent);
struct mux_service *mux_agent_service(const struct mux_agent *agent);
/* The service's own pointer, NULL at first. */
void mux_agent_set_context(struct mux_agent *agent, void *context);
void *mux_agent_context(const struct mux_agent *agent);

/* Connected agents, one after the other: NULL gives the first; returns NULL after the last. */
struct mux_agent *mux_agent_next(const struct mux_service *service, const struct mux_agent *agent);

/* Ends the session in order; on_agent_down follows from the event loop with `reason`. The agent may
 * connect again. -ENOTCONN. */
int mux_agent_disconnect(struct mux_agent *agent, enum mux_error reason);

struct mux_known_agent {
	uint32_t id;	/* the manager's */
	uint32_t cid;	/* of its guest */
	bool is_silent; /* its heartbeats to the manager stopped coming */
	char name[64];
};

/* All agents that the manager knows, connected here or not: writes up to `count` and returns how
 * many there are. */
size_t mux_service_known_agents(const struct mux_service *service, struct mux_known_agent *agents,
				size_t count);

/* ---- rules ---- */

/*
 * Rules are tried in the order in which they were added; the first one that matches an event
 * decides. Different agents may get different sets, and an agent's set may be replaced at any time.
 *
 *   struct mux_rules *rules = mux_rules_create();
 *   mux_rules_verdict(rules, 1, MUX_EVENTS(MUX_EVENT_OPEN), "/srv/" "**", 2000, MUX_VERDICT_DENY);
 *   mux_rules_size(rules, 1, 64 << 20);
 *   mux_rules_report(rules, 2, MUX_EVENTS(MUX_EVENT_PROCESS_START), "**");
 *   mux_agent_set_rules(agent, rules);
 *   mux_rules_free(rules);
 *
 * The builder calls need no checks: the first error sticks and mux_agent_set_rules() returns it.
 */
#define MUX_EVENTS(kind) (UINT64_C(1) << (kind))
#define MUX_EVENTS_ALL	 (MUX_EVENTS(MUX_EVENT_KINDS) - 1)

/* NULL: no memory; the other calls take NULL and mux_agent_set_rules() then returns -ENOMEM. */
struct mux_rules *mux_rules_create(void);
void mux_rules_free(struct mux_rules *rules);

/* rule: the service's own number, given back with each event; numbers below 256 get counters of
 * their own. events: MUX_EVENTS(...) of the kinds, or-ed. include: path glob, ** crosses slashes.
 */
void mux_rules_ignore(struct mux_rules *rules, uint32_t rule, uint64_t events, const char *include);
void mux_rules_report(struct mux_rules *rules, uint32_t rule, uint64_t events, const char *include);
/* The guest waits for mux_verdict(), at most deadline_ms (1 .. 600000); then fallback applies. */
void mux_rules_verdict(struct mux_rules *rules, uint32_t rule, uint64_t events, const char *include,
		       uint32_t deadline_ms, enum mux_verdict fallback);
/* These narrow the rule that was added last: not these paths; only files of that size (bytes, both
 * ends included). */
void mux_rules_exclude(struct mux_rules *rules, const char *exclude);
void mux_rules_size(struct mux_rules *rules, uint64_t size_min, uint64_t size_max);

/*
 * Sends the set, which replaces the agent's earlier one at once; the caller keeps `rules`. Kinds of
 * events that the agent cannot report (mux_agent_info.events) are left out. The answer comes by
 * on_configured. Returns the generation (> 0); -ENOTCONN; -ENOMEM; -EINVAL: a builder call was
 * wrong (deadline, sizes, events, a string above 1024 bytes); -E2BIG: more than
 * MUX_RULES_PER_SESSION rules, or more than about 60 KiB of globs; -EAGAIN: too much waits to be
 * sent to it.
 */
int64_t mux_agent_set_rules(struct mux_agent *agent, const struct mux_rules *rules);

/* ---- events ---- */

/*
 * Valid while the callback runs, and until mux_verdict() where a verdict is wanted. Every event
 * that wants a verdict must get exactly one mux_verdict(), in the callback or at any later time, be
 * the agent still there or not. mux_event_keep() makes any event outlive that, until
 * mux_event_release().
 */
typedef void (*mux_event_callback)(struct mux_event *event, void *context);

/* Who gets the events of a kind; NULL: nobody, then verdicts are answered with "allow". Returns 0;
 * -EINVAL: no such kind. */
int mux_on_event(struct mux_service *service, enum mux_event_kind kind, mux_event_callback callback,
		 void *context);

struct mux_event_info {
	struct mux_agent *agent; /* stays valid as long as the event */
	enum mux_event_kind kind;
	uint32_t rule;	      /* that matched */
	uint64_t sequence;    /* of the session, from 1, without gaps */
	uint64_t time_us;     /* the guest's monotonic clock */
	bool wants_verdict;   /* the guest waits */
	uint32_t deadline_ms; /* as the rule says; 0 without verdict */
	uint32_t pid;	      /* who does it: see mux_process_event() */
	uint64_t size;	      /* of the file, bytes */
	const char *path;
	const char *path2;   /* new name of a rename, else "" */
	const char *process; /* image path of pid, or "" */
	uint64_t start_us;   /* when pid started, as mux_processes() tells it; 0: not known */
};

/* Valid as long as the event. */
const struct mux_event_info *mux_event_info(const struct mux_event *event);
/* Milliseconds until the guest stops waiting; 0: no verdict is wanted any more. */
uint32_t mux_event_time_left_ms(const struct mux_event *event);
/* One keep, one release. */
struct mux_event *mux_event_keep(struct mux_event *event);
void mux_event_release(struct mux_event *event);

/*
 * Answers an event that wants a verdict, and ends the service's hold on it (whatever the result
 * is). flags: MUX_VERDICT_REMEMBER: the agent need not ask again until the file changes. text: why,
 * for logs and audit (signature name, policy), at most 1024 bytes, longer is cut; NULL: "". reason:
 * the service's own code. Returns 0; -ENOTCONN: the agent is gone; -ETIMEDOUT: the deadline has
 * passed and the fallback was applied; -EINVAL: no verdict is wanted, or verdict or flags are out
 * of range (then "deny" is sent).
 */
int mux_verdict(struct mux_event *event, enum mux_verdict verdict, uint32_t reason,
		const char *text, uint32_t flags);

/* ---- access requests ---- */

/* The file that a request is about: a path, or the very file object of an event that waits for its
 * verdict (it stays the same file if somebody renames things meanwhile). */
struct mux_file {
	const char *path;
	uint64_t handle;
};

struct mux_file mux_file_path(const char *path);
/* Without a verdict wanted, or after it: the event's path. */
struct mux_file mux_file_event(const struct mux_event *event);

/* Entry of a directory, or a file's own data. */
struct mux_stat_info {
	const char *name;
	uint64_t size;
	uint64_t mtime_us;
	uint32_t mode;	/* POSIX st_mode */
	uint32_t flags; /* MUX_STAT_* */
};

struct mux_process_info {
	const char *image;
	uint32_t pid;
	uint32_t parent;
	uint64_t start_us; /* microseconds since the guest's start */
};

/* The process that a request is about: pid and start time, or the process that an event waits for.
 * A process that got the same pid later is never taken for it. */
struct mux_process {
	uint32_t pid;
	uint64_t start_us; /* 0: not known, so that nothing can be done to it */
	uint64_t handle;
};

struct mux_process mux_process_listed(const struct mux_process_info *info);
/* Who does it. While a verdict is wanted it is always known; else start_us may be 0 (an agent knows
 * it for the process events, and on Linux for others while some service has a rule about these). */
struct mux_process mux_process_event(const struct mux_event *event);

/*
 * How a request ended. status: 0; the agent's own errno; -ETIMEDOUT: no answer in time; -ENOTCONN:
 * the agent went away; -ECANCELED: a data callback said stop. Of the agent's, these have one
 * meaning: -EPERM its configuration forbids the verb to all services; -EACCES it is not granted to
 * this service (mux_agent_info.granted says so before); -ESRCH there is no such process any more;
 * -ESTALE another process has that pid, another file that name; -EOPNOTSUPP a process that nobody
 * may touch: the agent itself, the first process, a part of the kernel.
 */
struct mux_result {
	struct mux_agent *agent;
	int64_t request;
	enum mux_verb verb;
	int status;
	uint64_t total;		   /* READ: size of the file; LIST, PROCESSES: number of entries */
	uint64_t bytes;		   /* READ: given to the data callback; WRITE: written */
	const char *quarantine_id; /* QUARANTINE with status 0: for mux_restore(); else NULL */
	const struct mux_stat_info *stat; /* STAT with status 0; else NULL */
};

typedef void (*mux_done_callback)(const struct mux_result *result, void *context);
/* A piece of the file; pieces come in order without gaps. false: stop reading. */
typedef bool (*mux_data_callback)(struct mux_agent *agent, uint64_t offset, const void *data,
				  size_t size, void *context);
typedef void (*mux_stat_callback)(struct mux_agent *agent, const struct mux_stat_info *entry,
				  void *context);
typedef void (*mux_process_callback)(struct mux_agent *agent,
				     const struct mux_process_info *process, void *context);

#define MUX_TIMEOUT_DEFAULT_MS 30000U

/* Who hears of the end of a request. `context` goes to the request's other callback as well. */
struct mux_call {
	mux_done_callback done; /* exactly once, unless cancelled; may be NULL */
	void *context;
	/* Longest time in the queue, and from there on from one answer of the agent to the next; 0:
	 * MUX_TIMEOUT_DEFAULT_MS. */
	uint32_t timeout_ms;
};

/* Requests to one agent that have not ended. The library has at most 16 of them under way at once,
 * and sends the others, in order, as these end. */
#define MUX_REQUESTS_MAX 1024U

#define MUX_READ_ALL UINT64_MAX /* as length: to the end of the file */

/*
 * Each of these asks the agent for one thing, and returns at once: the request's id (> 0), or
 *   -ENOTCONN   the agent is gone
 *   -ENOTSUP    it cannot do this (its HELLO said so)
 *   -EINVAL     a path is NULL or longer than 1024 bytes, or an argument is out of range
 *   -EAGAIN     MUX_REQUESTS_MAX requests to this agent have not ended: try again later
 *   -ENOMEM
 * and then no callback comes. Otherwise `call->done` is called once, later. `call` is copied.
 */
/* Streams length bytes from offset, or up to the end of the file. */
int64_t mux_read(struct mux_agent *agent, struct mux_file file, uint64_t offset, uint64_t length,
		 mux_data_callback data, const struct mux_call *call);
/* `data` is not copied: it must stay until `done`. flags: MUX_ACCESS_TRUNCATE: the file ends after
 * this. */
int64_t mux_write(struct mux_agent *agent, struct mux_file file, uint64_t offset, const void *data,
		  size_t size, uint32_t flags, const struct mux_call *call);
/* An empty file, or with MUX_ACCESS_DIRECTORY a directory. */
int64_t mux_create(struct mux_agent *agent, const char *path, uint32_t flags,
		   const struct mux_call *call);
int64_t mux_delete(struct mux_agent *agent, struct mux_file file, const struct mux_call *call);
int64_t mux_rename(struct mux_agent *agent, struct mux_file file, const char *new_path,
		   const struct mux_call *call);
int64_t mux_list(struct mux_agent *agent, const char *path, mux_stat_callback entry,
		 const struct mux_call *call);
int64_t mux_stat(struct mux_agent *agent, struct mux_file file, const struct mux_call *call);
/* Moves the file where the guest's programs cannot open it; result->quarantine_id names it. */
int64_t mux_quarantine(struct mux_agent *agent, struct mux_file file, const struct mux_call *call);
/* Back to where it was. */
int64_t mux_restore(struct mux_agent *agent, const char *quarantine_id,
		    const struct mux_call *call);
int64_t mux_processes(struct mux_agent *agent, mux_process_callback process,
		      const struct mux_call *call);
/* Halts it where it is; it goes on with mux_process_resume(). A process that waits for a verdict
 * goes on waiting, and stops then. -EINVAL: start_us and handle are 0. */
int64_t mux_process_stop(struct mux_agent *agent, struct mux_process process,
			 const struct mux_call *call);
int64_t mux_process_resume(struct mux_agent *agent, struct mux_process process,
			   const struct mux_call *call);
/* Ends it. Its operation, if that waits, is still to be answered. */
int64_t mux_process_kill(struct mux_agent *agent, struct mux_process process,
			 const struct mux_call *call);

/* No callback comes any more for this request; what the agent still sends is dropped. A change
 * that the agent has begun is not undone. -ENOENT: no such request, or it has ended. */
int mux_cancel(struct mux_agent *agent, int64_t request);

#endif
