/* SPDX-License-Identifier: MIT */
/* Links over AF_UNIX for tests: see connect_unix.h. */
#include "agent-guest/linux/connect_unix.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent-guest/linux/config.h"

static struct sockaddr_un address_of(const struct config *config, const char *kind, uint32_t cid,
				     uint32_t number)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	/* A name that is cut is one that nobody listens at. */
	(void)!snprintf(address.sun_path, sizeof(address.sun_path), "%.70s/%s-%u-%u",
			config->test_folder, kind, cid, number);
	return address;
}

int connect_unix(void *context, uint32_t cid, uint32_t port)
{
	static uint32_t serial;
	const struct config *config = context;
	struct sockaddr_un from = address_of(config, "client", config->test_cid, ++serial);
	struct sockaddr_un to = address_of(config, "port", cid, port);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int error = 0;

	if (fd < 0) {
		return -errno;
	}
	unlink(from.sun_path);
	if (bind(fd, (const struct sockaddr *)&from, sizeof(from)) < 0 ||
	    connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0) {
		error = -errno;
		close(fd);
	}
	unlink(from.sun_path);
	return error != 0 ? error : fd;
}
