/* SPDX-License-Identifier: MIT */
/* The agent's links over sockets: see links.h. */
#include "agent-guest/driver/links.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define RECEIVES_PER_RUN 8U /* of one link, before the others get their turn */
#define SLEEP_MAX_MS	 60000U

void links_init(struct links *links, struct agent *agent, struct agent_time (*now)(void *clock),
		void *clock, links_connect_function connect_function, void *context)
{
	links->agent = agent;
	links->now = now;
	links->clock = clock;
	links->connect = connect_function;
	links->context = context;
	for (unsigned i = 0; i < AGENT_LINKS; i++) {
		links->fd[i] = -1;
	}
}

static struct agent_time now(const struct links *links)
{
	return links->now(links->clock);
}

static void close_link(struct links *links, unsigned link)
{
	close(links->fd[link]);
	links->fd[link] = -1;
	agent_link_closed(links->agent, link, now(links));
}

static void connect_link(struct links *links, unsigned link)
{
	uint32_t cid;
	uint32_t port;

	if (!agent_link_connect(links->agent, link, &cid, &port, now(links))) {
		return;
	}
	links->fd[link] = links->connect(links->context, cid, port);
	links->is_connecting[link] = true;
	if (links->fd[link] < 0) {
		links->fd[link] = -1;
		agent_link_closed(links->agent, link, now(links));
	}
}

/* The connection was made or refused. */
static void end_connecting(struct links *links, unsigned link)
{
	int error = 0;
	socklen_t size = sizeof(error);

	if (getsockopt(links->fd[link], SOL_SOCKET, SO_ERROR, &error, &size) < 0 || error != 0) {
		close_link(links, link);
		return;
	}
	links->is_connecting[link] = false;
	agent_link_connected(links->agent, link, now(links));
}

static bool is_for_later(int error)
{
	return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

static void send_link(struct links *links, unsigned link)
{
	const uint8_t *data;
	size_t size;

	while ((size = agent_link_output(links->agent, link, &data)) > 0) {
		ssize_t sent = send(links->fd[link], data, size, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent < 0) {
			if (!is_for_later(errno)) {
				close_link(links, link);
			}
			return;
		}
		agent_link_sent(links->agent, link, (size_t)sent);
	}
}

static void receive_link(struct links *links, unsigned link)
{
	for (unsigned i = 0; i < RECEIVES_PER_RUN && links->fd[link] >= 0; i++) {
		ssize_t size =
			recv(links->fd[link], links->buffer, sizeof(links->buffer), MSG_DONTWAIT);

		if (size < 0 && is_for_later(errno)) {
			return;
		}
		if (size <= 0) {
			close_link(links, link);
			return;
		}
		agent_link_input(links->agent, link, links->buffer, (size_t)size, now(links));
		if ((size_t)size < sizeof(links->buffer)) {
			return;
		}
	}
}

void links_prepare(struct links *links, struct pollfd *polls)
{
	const uint8_t *data;

	/* The manager's link last: what ends on the others is told there. */
	for (unsigned i = AGENT_LINKS; i-- > 0;) {
		connect_link(links, i);
		if (links->fd[i] >= 0 && !links->is_connecting[i]) {
			send_link(links, i);
		}
		if (links->fd[i] >= 0 && agent_link_is_finished(links->agent, i, now(links))) {
			close_link(links, i);
		}
		polls[i] = (struct pollfd){.fd = links->fd[i], .events = POLLIN};
		if (links->fd[i] < 0) {
			continue;
		}
		if (links->is_connecting[i]) {
			polls[i].events = POLLOUT;
		} else if (agent_link_output(links->agent, i, &data) > 0) {
			polls[i].events = POLLIN | POLLOUT;
		}
	}
}

int links_sleep_ms(const struct links *links, uint64_t until_us)
{
	uint64_t due = agent_next_deadline(links->agent);
	uint64_t from = now(links).us;

	due = until_us < due ? until_us : due;
	if (due <= from) {
		return 0;
	}
	due = (due - from + 999) / 1000;
	return (int)(due < SLEEP_MAX_MS ? due : SLEEP_MAX_MS);
}

void links_finish(struct links *links, const struct pollfd *polls)
{
	for (unsigned i = 0; i < AGENT_LINKS; i++) {
		if (links->fd[i] < 0 || polls[i].revents == 0) {
			continue;
		}
		if (links->is_connecting[i]) {
			end_connecting(links, i);
		} else if ((polls[i].revents & ~POLLOUT) != 0) {
			receive_link(links, i);
		}
	}
	agent_tick(links->agent, now(links));
}

void links_run(struct links *links, uint64_t until_us)
{
	struct pollfd polls[AGENT_LINKS];

	links_prepare(links, polls);
	if (poll(polls, AGENT_LINKS, links_sleep_ms(links, until_us)) <= 0) {
		for (unsigned i = 0; i < AGENT_LINKS; i++) {
			polls[i].revents = 0;
		}
	}
	links_finish(links, polls);
}
