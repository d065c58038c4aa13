/* SPDX-License-Identifier: MIT */
/* Sizes of the agent's fixed memory: everything that a peer or the guest can fill has an end. */
#ifndef AGENT_CORE_LIMITS_H
#define AGENT_CORE_LIMITS_H

#include "muxvisor/protocol.h"

#define AGENT_SERVICES_MAX 8U /* services at once, absent ones with kept rules included */
#ifndef AGENT_PENDING_MAX     /* a guest with many processes gives more */
#define AGENT_PENDING_MAX 64U /* operations that wait for verdicts */
#endif
#define AGENT_GRANTS_MAX     16U   /* services with a grant of their own */
#define AGENT_ACCESS_MAX     16U   /* outstanding access requests of one service */
#define AGENT_AUDIT_MAX	     64U   /* audit records that wait, per link; then they are merged */
#define AGENT_REMEMBERED_MAX 512U  /* remembered verdicts per service, a power of two */
#define AGENT_RULE_TEXT_MAX  8192U /* characters of all globs of one service */
#define AGENT_NAME_MAX	     64U
#define AGENT_PATH_MAX	     (MUX_STRING_MAX + 1U)		     /* with NUL */
#define AGENT_OUTPUT_SIZE    (4U * (MUX_HEADER_SIZE + MUX_BODY_MAX)) /* bytes queued on a link */
#define AGENT_LIST_CHUNK     16384U /* bytes of one RESPONSE to LIST or PROCESSES */
#define AGENT_BACKLOG_SIZE   32768U /* bytes of reports kept for a service that is away */

/* Room in a link's output queue that RESPONSEs leave to events, verdict questions and audits. */
#define AGENT_OUTPUT_RESERVE (MUX_HEADER_SIZE + MUX_BODY_MAX)

#define AGENT_AWAY_HOLD_US \
	5000000ULL /* how long operations are held back for a service that is away */

/* Waiting times of links, microseconds. */
#define AGENT_BACKOFF_MIN_US 20000ULL
#define AGENT_BACKOFF_MAX_US 2000000ULL
#define AGENT_WELCOME_US     10000000ULL /* from the start of connecting to WELCOME */
#define AGENT_CLOSE_US	     5000000ULL	 /* of a link being closed: last output sent, BYE taken */

#endif
