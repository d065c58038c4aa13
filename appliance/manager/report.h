/* SPDX-License-Identifier: MIT */
/* The table at the end of a run: what agents and services counted. Prints to stdout. */
#ifndef APPLIANCE_MANAGER_REPORT_H
#define APPLIANCE_MANAGER_REPORT_H

#include "appliance/manager/registry.h"

/* Agents that ended badly: lost, or gone with another reason than an orderly end. */
size_t report_failed_agents(const struct registry *registry);

/* The table, and one line "result: key=value ..." for programs. */
void report_print(const struct registry *registry, size_t failed);

#endif
