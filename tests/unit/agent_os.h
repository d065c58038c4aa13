/* SPDX-License-Identifier: MIT */
/* For tests of the agent's core: an OS with one endless file per path, which notes what it is told.
 */
#ifndef TESTS_UNIT_AGENT_OS_H
#define TESTS_UNIT_AGENT_OS_H

#include "agent-guest/core/agent.h"

#define FAKE_DECISIONS 4096U

/* Processes for PROCESS_STOP, RESUME and KILL. */
#define FAKE_PID	   7U /* of fake_event() too */
#define FAKE_PID_PROTECTED 8U
#define FAKE_START	   100U

struct fake_decision {
	uint64_t cookie;
	enum mux_verdict verdict;
	enum agent_cause cause;
	char service[32];
	char text[64];
};

struct fake_os {
	uint64_t file_size; /* of every file */
	unsigned open_files;
	unsigned writes;
	enum mux_verb control; /* the last one, and for which process */
	struct agent_process_name controlled;
	unsigned decisions;
	struct fake_decision decision[FAKE_DECISIONS];
};

extern const struct agent_os_ops fake_os_ops;

/* What every file holds at an offset. */
uint8_t fake_os_byte(uint64_t offset);

struct agent_event fake_event(enum mux_event_kind kind, uint64_t cookie, const char *path);

#endif
