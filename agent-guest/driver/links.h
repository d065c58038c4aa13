/* SPDX-License-Identifier: MIT */
/*
 * Drives the agent's links over sockets: connects, moves bytes, waits. POSIX calls only, so that
 * the bare-metal runtime, Linux and the tests share it. One thread at a time.
 */
#ifndef AGENT_DRIVER_LINKS_H
#define AGENT_DRIVER_LINKS_H

#include <poll.h>

#include "agent-guest/core/agent.h"

/* A non-blocking stream socket on its way to the address: the descriptor, or -errno. */
typedef int (*links_connect_function)(void *context, uint32_t cid, uint32_t port);

struct links {
	struct agent *agent;
	struct agent_time (*now)(void *clock);
	void *clock;
	links_connect_function connect;
	void *context;	     /* of connect */
	int fd[AGENT_LINKS]; /* -1: none */
	bool is_connecting[AGENT_LINKS];
	uint8_t buffer[16384];
};

void links_init(struct links *links, struct agent *agent, struct agent_time (*now)(void *clock),
		void *clock, links_connect_function connect, void *context);

/* Sends what waits, sleeps until something comes in or `until_us` (agent_time.us), receives, and
 * lets the agent do what is due. */
void links_run(struct links *links, uint64_t until_us);

/* The parts of links_run, for a program that waits for other things too. Sends what waits, and
 * fills polls[AGENT_LINKS] (an entry without a link has fd -1). */
void links_prepare(struct links *links, struct pollfd *polls);
/* How long poll() may sleep until the agent has something to do, or `until_us`; milliseconds. */
int links_sleep_ms(const struct links *links, uint64_t until_us);
/* After poll(): receives, and lets the agent do what is due. */
void links_finish(struct links *links, const struct pollfd *polls);

/* Connects by AF_VSOCK. */
int links_connect_vsock(void *context, uint32_t cid, uint32_t port);

#endif
