/* SPDX-License-Identifier: MIT */
/*
 * How the access library and the manager reach their peers: vsock, or what a test puts in its
 * place. Descriptors are non-blocking, and ordinary ones for send, recv, poll and close.
 */
#ifndef APPLIANCE_LIB_TRANSPORT_H
#define APPLIANCE_LIB_TRANSPORT_H

#include <stdint.h>

struct transport {
	/* A descriptor whose connection is made or on its way (POLLOUT and SO_ERROR tell its end),
	 * or a negative errno value. */
	int (*connect)(const struct transport *transport, uint32_t cid, uint32_t port);
	/* A listening descriptor, or a negative errno value. */
	int (*listen)(const struct transport *transport, uint32_t port);
	/* A connection from *cid; -EAGAIN: none waits; or another negative errno value. */
	int (*accept)(const struct transport *transport, int listener, uint32_t *cid);
	void *context;
};

/* AF_VSOCK. The peer's CID is the one that the hypervisor stamped. */
extern const struct transport transport_vsock;

#endif
