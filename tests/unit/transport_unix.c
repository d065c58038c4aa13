/* SPDX-License-Identifier: MIT */
#include "tests/unit/transport_unix.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct sockaddr_un address_of(const char *folder, const char *kind, uint32_t cid,
				     uint32_t number)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s-%u-%u", folder, kind, cid,
		 number);
	return address;
}

static int open_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (fd >= 0) {
		fcntl(fd, F_SETFL, O_NONBLOCK);
	}
	return fd < 0 ? -errno : fd;
}

static int close_failed(int fd)
{
	int error = -errno;

	close(fd);
	return error;
}

static int unix_connect(const struct transport *transport, uint32_t cid, uint32_t port)
{
	static uint32_t serial;
	const struct transport_unix *end = transport->context;
	struct sockaddr_un from = address_of(end->folder, "client", end->cid, ++serial);
	struct sockaddr_un to = address_of(end->folder, "port", cid, port);
	int fd = open_socket();

	if (fd < 0) {
		return fd;
	}
	unlink(from.sun_path);
	if (bind(fd, (const struct sockaddr *)&from, sizeof(from)) < 0 ||
	    connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0) {
		return close_failed(fd);
	}
	return fd;
}

static int unix_listen(const struct transport *transport, uint32_t port)
{
	const struct transport_unix *end = transport->context;
	struct sockaddr_un address = address_of(end->folder, "port", end->cid, port);
	int fd = open_socket();

	if (fd < 0) {
		return fd;
	}
	unlink(address.sun_path);
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(fd, 64) < 0) {
		return close_failed(fd);
	}
	return fd;
}

static int unix_accept(const struct transport *transport, int listener, uint32_t *cid)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	socklen_t length = sizeof(address);
	int fd = accept(listener, (struct sockaddr *)&address, &length);
	const char *name;

	(void)transport;
	if (fd < 0) {
		return -errno;
	}
	fcntl(fd, F_SETFL, O_NONBLOCK);
	name = strstr(address.sun_path, "/client-");
	*cid = name ? (uint32_t)strtoul(name + strlen("/client-"), NULL, 10) : 0;
	return fd;
}

void transport_unix_init(struct transport_unix *end, const char *folder, uint32_t cid)
{
	*end = (struct transport_unix){.transport = {unix_connect, unix_listen, unix_accept, NULL},
				       .cid = cid,
				       .folder = folder};
	end->transport.context = end;
}

const char *transport_unix_make_folder(void)
{
	char *name = strdup("/tmp/muxtest-XXXXXX");

	if (!mkdtemp(name)) {
		abort();
	}
	return name;
}

void transport_unix_remove_folder(const char *folder)
{
	DIR *directory = opendir(folder);
	struct dirent *entry;

	while (directory && (entry = readdir(directory)) != NULL) {
		if (entry->d_name[0] != '.') {
			unlinkat(dirfd(directory), entry->d_name, 0);
		}
	}
	if (directory) {
		closedir(directory);
	}
	rmdir(folder);
	free((void *)(uintptr_t)folder);
}
