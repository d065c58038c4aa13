/* SPDX-License-Identifier: MIT */
/* Stands in for vsock on the host: AF_UNIX in the folder $MUX_FOLDER, as the CID $MUX_CID. */
#include <stdlib.h>

#include "tests/unit/transport_unix.h"

static struct transport_unix *end(void)
{
	static struct transport_unix made;

	if (made.folder == NULL) {
		const char *folder = getenv("MUX_FOLDER");
		const char *cid = getenv("MUX_CID");

		if (folder == NULL || cid == NULL) {
			abort();
		}
		transport_unix_init(&made, folder, (uint32_t)strtoul(cid, NULL, 10));
	}
	return &made;
}

static int do_connect(const struct transport *transport, uint32_t cid, uint32_t port)
{
	(void)transport;
	return end()->transport.connect(&end()->transport, cid, port);
}

static int do_listen(const struct transport *transport, uint32_t port)
{
	(void)transport;
	return end()->transport.listen(&end()->transport, port);
}

static int do_accept(const struct transport *transport, int listener, uint32_t *cid)
{
	(void)transport;
	return end()->transport.accept(&end()->transport, listener, cid);
}

const struct transport transport_vsock = {do_connect, do_listen, do_accept, NULL};
