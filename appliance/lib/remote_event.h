/* SPDX-License-Identifier: MIT */
/* Events of remote agents, from EVENT to mux_verdict(). No locking: one thread. */
#ifndef APPLIANCE_LIB_REMOTE_EVENT_H
#define APPLIANCE_LIB_REMOTE_EVENT_H

#include "appliance/lib/remote.h"

/* Checks and delivers an EVENT. 0; a negated enum mux_error: the session is to end. */
int remote_event_receive(struct mux_agent *agent, const struct wire_message *message,
			 uint64_t now_ms);

#endif
