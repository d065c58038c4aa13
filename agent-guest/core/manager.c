/* SPDX-License-Identifier: MIT */
/* The agent's link to the manager: see manager.h. */
#include "agent-guest/core/manager.h"

#include "agent-guest/core/agent.h"

static int take_service_up(struct agent *agent, const struct wire_message *message,
			   struct agent_time now)
{
	struct wire_service_up up;
	int error = wire_decode_service_up(message, &up);

	if (error == 0 && !service_up(agent, &up, now)) {
		session_refuse(&agent->manager.session, MUX_ERR_LIMIT, message,
			       "too many services for this agent");
	}
	return error;
}

static int take_service_down(struct agent *agent, const struct wire_message *message,
			     struct agent_time now)
{
	struct wire_service_down down;
	int error = wire_decode_service_down(message, &down);

	if (error == 0) {
		service_down(agent, &down, now);
	}
	return error;
}

static int take_bye(struct agent *agent, const struct wire_message *message, struct agent_time now)
{
	struct session *session = &agent->manager.session;
	struct wire_bye bye;
	int error = wire_decode_bye(message, &bye);

	if (error == 0) {
		/* It will be back: closed, then connected again with back-off. */
		session_start(session, session->cid, session->port, now.us);
	}
	return error;
}

static void take_message(struct agent *agent, const struct wire_message *message,
			 struct agent_time now)
{
	bool was_open = agent->manager.session.state == SESSION_OPEN;
	int result = peer_message(agent, &agent->manager, message, now);

	if (result == 1 && !was_open && agent->manager.session.state == SESSION_OPEN) {
		agent->ops->log(agent->os, "joined the manager");
	}
	if (result == 0) {
		switch (message->header.type) {
		case MUX_MSG_SERVICE_UP: result = take_service_up(agent, message, now); break;
		case MUX_MSG_SERVICE_DOWN: result = take_service_down(agent, message, now); break;
		case MUX_MSG_BYE: result = take_bye(agent, message, now); break;
		default: result = -MUX_ERR_UNEXPECTED; break;
		}
	}
	if (result < 0) {
		agent->ops->log(agent->os, "manager broke the protocol");
		session_fail(&agent->manager.session, (uint32_t)-result, message,
			     wire_type_name(message->header.type), now.us);
	}
}

void manager_input(struct agent *agent, struct agent_time now)
{
	struct session *session = &agent->manager.session;
	struct wire_message message;

	while (session->state == SESSION_GREETING || session->state == SESSION_OPEN) {
		int result = wire_stream_next(&session->input, &message);

		if (result == 0) {
			return;
		}
		if (result < 0) {
			session_fail(session, (uint32_t)-result, NULL, "header", now.us);
			return;
		}
		take_message(agent, &message, now);
	}
}
