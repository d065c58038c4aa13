/* SPDX-License-Identifier: MIT */
/*
 * The gate: a thread of its own that takes permission events from the kernel. It lets the agent's
 * own accesses pass at once, so that the agent never waits on itself, hands all others to the main
 * thread, and answers by itself what the main thread does not answer in time, be it stuck in a dead
 * file system. It never opens, reads or writes a file, and allocates nothing after its start.
 *
 * Locking: one mutex over all fields; it is held for no system call but the answer to the kernel,
 * which does not sleep. Calls are for the main thread.
 */
#ifndef AGENT_LINUX_GATE_H
#define AGENT_LINUX_GATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "muxvisor/protocol.h"

#define GATE_OPERATIONS 2048U	/* that processes wait in at once; a power of two */
#define GATE_GRACE_US	250000U /* of the main thread after a deadline, before the gate answers */

enum gate_state { GATE_FREE = 0, GATE_QUEUED, GATE_TAKEN };

struct gate_operation {
	uint8_t state; /* enum gate_state */
	bool is_answered;
	bool is_late;	  /* answered by the gate itself */
	uint8_t fallback; /* enum mux_verdict */
	int fd;		  /* of the event */
	uint32_t pid;
	uint64_t alive_us; /* when pid was certainly this process: clock_boot_us() */
	uint64_t mask;
	uint64_t serial;
	uint64_t arrival_us;
	uint64_t deadline_us;
};

/* What an operation gets that nobody has looked at after `us`. */
struct gate_fallback {
	uint64_t us;
	enum mux_verdict verdict;
};

struct gate_counters {
	uint64_t events;   /* permission events of other processes */
	uint64_t own;	   /* of this one */
	uint64_t late;	   /* answered by the gate itself */
	uint64_t full;	   /* answered at once: the table was full */
	uint64_t unopened; /* the kernel could not hand over (and denied) */
};

struct gate {
	int fanotify;
	int wake_main; /* eventfd: there is something to take */
	int wake_gate; /* eventfd: the deadlines changed, or the end */
	pthread_t thread;
	pthread_mutex_t mutex;
	bool is_ending;
	struct gate_fallback open;
	struct gate_fallback execute;
	struct gate_fallback read;
	uint64_t serial;
	uint64_t next_due_us; /* no deadline is before */
	uint32_t free_count;
	uint32_t queue_head;
	uint32_t queue_used;
	struct gate_counters counters;
	uint16_t free_slot[GATE_OPERATIONS];
	uint16_t queue[GATE_OPERATIONS];
	struct gate_operation operation[GATE_OPERATIONS];
};

/* Starts the thread. To be called when RLIMIT_NOFILE is what it stays. -ENOSYS or -EPERM: no
 * permission events here; or what the kernel gives. */
int gate_start(struct gate *gate);

/* Answers everything with ALLOW, ends the thread and closes all. */
void gate_stop(struct gate *gate);

void gate_set_fallbacks(struct gate *gate, struct gate_fallback open, struct gate_fallback execute,
			struct gate_fallback read);

/* The oldest operation that was not taken yet: a copy, and its cookie. false: none. */
bool gate_take(struct gate *gate, struct gate_operation *operation, uint64_t *cookie);

/* The main thread will answer by this time; else the gate does, with `verdict`. */
void gate_set_deadline(struct gate *gate, uint64_t cookie, uint64_t deadline_us,
		       enum mux_verdict verdict);

/* Lets the process go on or fail (EPERM), and forgets the operation. One that the gate has answered
 * already is only forgotten: then false. */
bool gate_answer(struct gate *gate, uint64_t cookie, enum mux_verdict verdict);

/* The event's descriptor while the operation is taken and not answered; -1: it is not. */
int gate_descriptor(struct gate *gate, uint64_t cookie);

struct gate_counters gate_counters(struct gate *gate);
/* Operations that wait. */
unsigned gate_waiting(struct gate *gate);

#endif
