/* SPDX-License-Identifier: MIT */
/* The agent's link to the manager: which services there are. One thread at a time. */
#ifndef AGENT_CORE_MANAGER_H
#define AGENT_CORE_MANAGER_H

#include "agent-guest/core/event.h"

struct agent;

/* Handles the messages that came in. */
void manager_input(struct agent *agent, struct agent_time now);

#endif
