/* SPDX-License-Identifier: MIT */
/*
 * Which access verbs a service may use: those that it was granted, less those that are forbidden to
 * all. A service is known by its CID, which the hypervisor gives and proves; its name is only what
 * it says of itself. One that has no grant of its own gets what an antivirus needs. The texts come
 * from the guest's operator. No locking: filled once, then read.
 */
#ifndef AGENT_CORE_GRANTS_H
#define AGENT_CORE_GRANTS_H

#include <stdint.h>

#include "agent-guest/core/limits.h"

#define GRANTS_ALL ((1ULL << MUX_VERBS) - 1)
#define GRANTS_OTHERS                                                            \
	(1ULL << MUX_VERB_READ | 1ULL << MUX_VERB_LIST | 1ULL << MUX_VERB_STAT | \
	 1ULL << MUX_VERB_QUARANTINE)
#define GRANTS_ERROR_MAX 256U

struct grants_entry {
	uint32_t cid;
	uint64_t verbs;
};

struct grants {
	uint64_t forbidden; /* bit per enum mux_verb: to every service */
	uint64_t others;    /* to services without an entry */
	unsigned count;
	struct grants_entry entry[AGENT_GRANTS_MAX];
};

/* Nothing is forbidden, and GRANTS_OTHERS is granted to all. */
void grants_init(struct grants *grants);

/*
 * Both return 0, or -EINVAL and in `error` what is wrong with the text. Verbs are names as
 * wire_verb_name() has them in any case, or "all" or "none", with commas or blanks between them.
 * grants_forbid: VERBS. Adds to what is forbidden.
 * grants_add: CID VERBS or CID:VERBS, "others" for all services that have no grant of their own.
 * The first one for a CID takes the place of what others have, further ones add to it.
 */
int grants_forbid(struct grants *grants, const char *text, char error[GRANTS_ERROR_MAX]);
int grants_add(struct grants *grants, const char *text, char error[GRANTS_ERROR_MAX]);

/* What the service at this CID may use. */
uint64_t grants_of(const struct grants *grants, uint32_t cid);

#endif
