/* SPDX-License-Identifier: MIT */
/*
 * What every antivirus service does with its guests: gives each agent its rules from the policy,
 * says who comes and goes, and hands events to the scanner. The engine behind it is the caller's.
 *
 * Threads: none.
 */
#ifndef AV_SERVICE_H
#define AV_SERVICE_H

#include "appliance/av/av_scanner.h"

struct av_service {
	struct mux_service *service;
	struct av_scanner *scanner;
	const struct av_policy *policy;
};

/* Makes the service, which listens from then on; options: what it says of agents is set here, and
 * its callbacks get `av`. All arguments outlive it. Returns 0, or after saying why -ENOMEM or what
 * mux_service_create() gives. */
int av_service_open(struct av_service *av, struct mux_service_options options,
		    const struct av_policy *policy, struct av_engine *engine);
/* After mux_service_run() has returned. The engine may be destroyed then. */
void av_service_close(struct av_service *av);

#endif
