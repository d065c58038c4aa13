/* SPDX-License-Identifier: MIT */
/* A set of rules being put together; its strings are its own. */
#ifndef APPLIANCE_LIB_RULES_H
#define APPLIANCE_LIB_RULES_H

#include "lib/wire/wire.h"

struct mux_rules {
	int error; /* of the first builder call that failed, a negative errno value */
	size_t count;
	struct wire_rule rule[MUX_RULES_PER_SESSION];
};

#endif
