/* SPDX-License-Identifier: MIT */
/*
 * A transport over AF_UNIX for tests on the host: CID and port become file names in a folder of the
 * test's own, and a client binds its socket to a name that tells its CID.
 */
#ifndef TESTS_UNIT_TRANSPORT_UNIX_H
#define TESTS_UNIT_TRANSPORT_UNIX_H

#include "appliance/lib/transport.h"

struct transport_unix {
	struct transport transport;
	uint32_t cid; /* of this end */
	const char *folder;
};

/* Each end (partition) of a test has one. `folder` must exist and stay. */
void transport_unix_init(struct transport_unix *end, const char *folder, uint32_t cid);

/* An empty folder for one test, and its removal with all files. */
const char *transport_unix_make_folder(void);
void transport_unix_remove_folder(const char *folder);

#endif
