/* SPDX-License-Identifier: MIT */
/*
 * Processes: the kernel's process connector (netlink: fork, exec, exit) and /proc, and what
 * services do to processes. A process is known by pid and start time, so that none that got the
 * same pid later is taken for it. Main thread only.
 */
#ifndef AGENT_LINUX_PROCESSES_H
#define AGENT_LINUX_PROCESSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent-guest/core/os.h"

#define PROCESSES_TABLE	    4096U /* by pid; a power of two */
#define PROCESSES_MAPS_MAX  256U  /* that wait for a look at their mappings */
#define PROCESSES_LIST_MAX  65536U
#define PROCESSES_IMAGE_MAX 1024U

struct daemon;

struct processes_entry {
	uint32_t pid;	   /* 0: free */
	uint64_t start_us; /* 0: not known */
	char *image;
};

struct processes_maps {
	uint32_t pid;
	uint64_t due_us;
};

struct processes {
	int connector; /* -1: off */
	bool is_told;  /* starts and stops */
	bool is_memory;
	struct processes_entry entry[PROCESSES_TABLE];
	unsigned maps_head;
	unsigned maps_used;
	struct processes_maps maps[PROCESSES_MAPS_MAX];
	size_t list_count; /* of process_next() */
	uint32_t *list;
};

void processes_init(struct processes *processes);

/* Turns the sources on and off as the rules ask. */
void processes_apply(struct processes *processes, bool wants_processes, bool wants_memory);

/* Takes what the connector tells. */
void processes_take(struct daemon *daemon);

/* Looks at mappings that are due, and when the next are (UINT64_MAX: none). */
void processes_tick(struct daemon *daemon, uint64_t now_us);
uint64_t processes_next_deadline(const struct processes *processes);

/* The program's path; "" where it is unknown. */
void processes_image(const struct processes *processes, uint32_t pid,
		     char image[PROCESSES_IMAGE_MAX]);

/* When it started, if events told of it: microseconds since boot, in clock ticks; else 0. */
uint64_t processes_start(const struct processes *processes, uint32_t pid);

/* For the access verbs; see os.h. */
int processes_next(struct processes *processes, uint64_t *cursor, struct agent_process *process);
int processes_control(enum mux_verb verb, const struct agent_process_name *name,
		      char image[PROCESSES_IMAGE_MAX]);

#endif
