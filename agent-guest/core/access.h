/* SPDX-License-Identifier: MIT */
/*
 * The access module of one service: carries out its ACCESS requests with the OS's functions and
 * streams the answers. A request of any size is answered in pieces as the peer drains them;
 * several at once take turns. A handle reaches the very file object of a waiting operation, with no
 * path in between. One thread at a time.
 *
 * Status of a RESPONSE besides what the OS gives: -EPERM the verb is forbidden here, -EACCES it is
 * not granted to this service, -ENOSYS the OS can't do it, -EBUSY more than AGENT_ACCESS_MAX
 * requests outstanding, -ENOENT the handle is not valid (any more), -EINVAL a path that is not
 * absolute or has a component "." or "..", -ENAMETOOLONG. What a service may not do is counted and
 * audited.
 */
#ifndef AGENT_CORE_ACCESS_H
#define AGENT_CORE_ACCESS_H

#include "agent-guest/core/os.h"
#include "agent-guest/core/session.h"

#define ACCESS_RESULT_MAX 512U /* one STAT entry or quarantine id, encoded */

struct access_request {
	uint64_t request; /* 0: free slot */
	uint16_t verb;
	int32_t status;
	void *file;	 /* being streamed, or NULL */
	uint64_t offset; /* READ: of the next piece */
	uint64_t left;	 /* READ: bytes still wanted */
	uint64_t total;
	uint64_t cursor; /* LIST, PROCESSES */
	uint32_t result_size;
	uint8_t result[ACCESS_RESULT_MAX];
};

struct access {
	uint32_t used;
	uint32_t turn; /* slot that is next */
	struct access_request request[AGENT_ACCESS_MAX];
};

struct agent;
struct service;

/* Carries a decoded request out as far as it can without output. */
void access_begin(struct agent *agent, struct service *service, uint64_t request,
		  const struct wire_access *access, struct agent_time now);

/* Queues pieces of answers, in turns, while the output queue has room for them. */
void access_pump(struct agent *agent, struct service *service);

/* Forgets all requests: the session ended. */
void access_drop(struct agent *agent, struct service *service);

#endif
