/* SPDX-License-Identifier: MIT */
/*
 * A test aid, not for production: the agent's links over AF_UNIX, where CID and port are file names
 * in a folder ("port-CID-PORT"), and the connecting end binds a name that tells its own CID, as
 * nothing stamps it. Main thread only.
 */
#ifndef AGENT_LINUX_CONNECT_UNIX_H
#define AGENT_LINUX_CONNECT_UNIX_H

#include <stdint.h>

/* A links_connect_function; the context is the struct config. */
int connect_unix(void *context, uint32_t cid, uint32_t port);

#endif
