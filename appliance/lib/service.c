/* SPDX-License-Identifier: MIT */
/* A service's life, its event loop and its counters. */
#include "appliance/lib/service.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ACCEPTS_MAX 8 /* a turn */

static bool is_valid(const struct mux_service_options *options)
{
	if (options->size < sizeof(*options) || !options->name || !options->name[0]) {
		return false;
	}
	return strlen(options->name) <= SERVICE_STRING_MAX &&
	       (!options->version || strlen(options->version) <= SERVICE_STRING_MAX);
}

int service_create(const struct mux_service_options *options, const struct transport *transport,
		   struct mux_service **out)
{
	struct mux_service *service;
	int error;

	if (!is_valid(options)) {
		return -EINVAL;
	}
	service = calloc(1, sizeof(*service));
	if (!service) {
		return -ENOMEM;
	}
	service->options = *options;
	wire_string_copy(service->name, sizeof(service->name), wire_string_of(options->name));
	wire_string_copy(service->version, sizeof(service->version),
			 wire_string_of(options->version));
	service->options.name = service->name;
	service->options.version = service->version;
	service->options.port = options->port ? options->port : MUX_PORT_SERVICE;
	service->transport = transport;
	service->start_ms = mux_time_ms();
	error = manager_link_init(&service->manager);
	if (error) {
		free(service);
		return error;
	}
	service->listener = transport->listen(transport, service->options.port);
	if (service->listener < 0) {
		error = service->listener;
		manager_link_free(&service->manager);
		free(service);
		return error;
	}
	*out = service;
	return 0;
}

int mux_service_create(const struct mux_service_options *options, struct mux_service **service)
{
	return service_create(options, &transport_vsock, service);
}

void mux_service_destroy(struct mux_service *service)
{
	if (!service) {
		return;
	}
	while (service->agents) {
		struct mux_agent *agent = service->agents;

		service->agents = agent->next;
		agent->state = REMOTE_GONE;
		agent->info.is_connected = false;
		agent->service = NULL;
		remote_drop(agent);
	}
	manager_link_free(&service->manager);
	timers_free(&service->timers);
	if (service->listener >= 0) {
		close(service->listener);
	}
	free(service);
}

static void accept_agents(struct mux_service *service, uint64_t now_ms)
{
	for (int i = 0; i < ACCEPTS_MAX; i++) {
		uint32_t cid = 0;
		int fd = service->transport->accept(service->transport, service->listener, &cid);

		if (fd < 0) {
			return;
		}
		remote_accept(service, fd, cid, now_ms);
	}
}

/* The last part of the poll table. */
static void fill_watches(struct mux_service *service, struct pollfd *polled)
{
	for (size_t i = 0; i < service->watch_count; i++) {
		struct service_watch *watch = &service->watch[i];

		watch->is_polled = watch->fd >= 0;
		polled[i] = (struct pollfd){.fd = watch->fd, .events = POLLIN};
	}
}

/* A callback may end any watch, or begin another one in its place, which was not polled. */
static void run_watches(struct mux_service *service, const struct pollfd *polled)
{
	for (size_t i = 0; i < service->watch_count; i++) {
		const struct service_watch *watch = &service->watch[i];

		if (watch->is_polled && polled[i].revents) {
			watch->callback(service, watch->fd, watch->context);
		}
	}
}

/* All but the watches. A negative descriptor is ignored by poll. */
static nfds_t fill_polled(struct mux_service *service)
{
	short events = manager_link_poll_events(&service->manager);
	nfds_t count = 2;

	service->polled[0] = (struct pollfd){.fd = service->listener, .events = POLLIN};
	service->polled[1] = (struct pollfd){.fd = events ? service->manager.connection.fd : -1,
					     .events = events};
	for (struct mux_agent *agent = service->agents; agent; agent = agent->next) {
		service->polled_agent[count] = agent;
		service->polled[count] = (struct pollfd){.fd = agent->connection.fd,
							 .events = remote_poll_events(agent)};
		count++;
	}
	return count;
}

static uint64_t earlier(uint64_t one, uint64_t other)
{
	return one < other ? one : other;
}

/* The caller's limit, or less where something is due before. */
static int poll_timeout(const struct mux_service *service, int timeout_ms, uint64_t now_ms)
{
	uint64_t due = earlier(timers_next_due(&service->timers),
			       manager_link_next_due(&service->manager));
	uint64_t wait;

	for (const struct mux_agent *agent = service->agents; agent; agent = agent->next) {
		due = earlier(due, remote_next_due(agent));
	}
	if (service->stop_ms) {
		due = earlier(due, service->stop_ms);
	}
	if (due == UINT64_MAX) {
		return timeout_ms;
	}
	wait = due > now_ms ? due - now_ms : 0;
	if (timeout_ms >= 0 && (uint64_t)timeout_ms < wait) {
		return timeout_ms;
	}
	return wait > INT32_MAX ? INT32_MAX : (int)wait;
}

static void tick_agents(struct mux_service *service, uint64_t now_ms)
{
	struct mux_agent **place = &service->agents;

	for (struct mux_agent *agent = service->agents; agent; agent = agent->next) {
		remote_tick(agent, now_ms);
	}
	while (*place) {
		struct mux_agent *agent = *place;

		if (!remote_finish(agent, now_ms)) {
			place = &agent->next;
			continue;
		}
		*place = agent->next;
		service->agent_count--;
		remote_drop(agent);
	}
}

static bool is_stopped(const struct mux_service *service, uint64_t now_ms)
{
	if (!service->stop_ms) {
		return false;
	}
	return now_ms >= service->stop_ms ||
	       (!service->agents && service->manager.state == MANAGER_LINK_OFF);
}

/* The manager tells the agents that the service is gone, and that must not overtake the verdicts
 * on their way: so it learns of it when they have closed. */
static void stop_manager_link(struct mux_service *service, uint64_t now_ms)
{
	if (service->stop_ms && !service->agents) {
		manager_link_stop(service, now_ms);
	}
}

int mux_service_step(struct mux_service *service, int timeout_ms)
{
	uint64_t now_ms = mux_time_ms();
	nfds_t count;

	if (is_stopped(service, now_ms)) {
		return -ECANCELED;
	}
	/* Sends first what calls between two turns have queued. */
	tick_agents(service, now_ms);
	stop_manager_link(service, now_ms);
	manager_link_tick(service, now_ms);
	count = fill_polled(service);
	fill_watches(service, &service->polled[count]);
	if (poll(service->polled, count + service->watch_count,
		 poll_timeout(service, timeout_ms, now_ms)) < 0) {
		return errno == EINTR ? 0 : -errno;
	}
	now_ms = mux_time_ms();
	if (service->polled[1].revents) {
		manager_link_ready(service, service->polled[1].revents, now_ms);
	}
	for (nfds_t i = 2; i < count; i++) {
		if (service->polled[i].revents) {
			remote_ready(service->polled_agent[i], service->polled[i].revents, now_ms);
		}
		remote_check_silence(service->polled_agent[i], now_ms);
	}
	if (service->polled[0].revents) {
		accept_agents(service, now_ms);
	}
	run_watches(service, &service->polled[count]);
	timers_run(service, &service->timers, now_ms);
	now_ms = mux_time_ms();
	tick_agents(service, now_ms);
	stop_manager_link(service, now_ms);
	manager_link_tick(service, now_ms);
	return is_stopped(service, now_ms) ? -ECANCELED : 0;
}

int mux_service_run(struct mux_service *service)
{
	int result;

	do {
		result = mux_service_step(service, -1);
	} while (result == 0);
	return result == -ECANCELED ? 0 : result;
}

void mux_service_stop(struct mux_service *service)
{
	uint64_t now_ms = mux_time_ms();

	if (service->stop_ms) {
		return;
	}
	service->stop_ms = now_ms + SERVICE_STOP_MS;
	close(service->listener);
	service->listener = -1;
	for (struct mux_agent *agent = service->agents; agent; agent = agent->next) {
		remote_end(agent, MUX_ERR_SHUTDOWN);
	}
	stop_manager_link(service, now_ms);
}

bool mux_service_is_registered(const struct mux_service *service)
{
	return service->manager.state == MANAGER_LINK_REGISTERED;
}

size_t mux_service_known_agents(const struct mux_service *service, struct mux_known_agent *agents,
				size_t count)
{
	const struct manager_link *link = &service->manager;

	for (size_t i = 0; i < count && i < link->known_count; i++) {
		agents[i] = link->known[i];
	}
	return link->known_count;
}

int mux_on_event(struct mux_service *service, enum mux_event_kind kind, mux_event_callback callback,
		 void *context)
{
	if ((unsigned)kind >= MUX_EVENT_KINDS) {
		return -EINVAL;
	}
	service->handler[kind] = (struct service_handler){callback, context};
	return 0;
}

/* The watch of fd, or with -1 a free place among those that were used; NULL: there is none. */
static struct service_watch *find_watch(struct mux_service *service, int fd)
{
	for (size_t i = 0; i < service->watch_count; i++) {
		if (service->watch[i].fd == fd) {
			return &service->watch[i];
		}
	}
	return NULL;
}

int mux_watch(struct mux_service *service, int fd, mux_watch_callback callback, void *context)
{
	struct service_watch *watch;

	if (fd < 0) {
		return -EINVAL;
	}
	watch = find_watch(service, fd);
	if (!callback) {
		if (!watch) {
			return -ENOENT;
		}
		*watch = (struct service_watch){.fd = -1};
		return 0;
	}
	watch = watch ? watch : find_watch(service, -1);
	if (!watch && service->watch_count == MUX_WATCHES_MAX) {
		return -ENOSPC;
	}
	watch = watch ? watch : &service->watch[service->watch_count++];
	*watch = (struct service_watch){.fd = fd, .callback = callback, .context = context};
	return 0;
}

static struct wire_counter *find_counter(const struct mux_service *service, uint32_t key)
{
	for (size_t i = 0; i < service->counter_count; i++) {
		if (service->counter[i].key == key) {
			return (struct wire_counter *)&service->counter[i];
		}
	}
	return NULL;
}

static int change_counter(struct mux_service *service, uint32_t key, uint64_t value, bool is_added)
{
	struct wire_counter *counter = find_counter(service, key);

	if (!counter) {
		if (service->counter_count == SERVICE_COUNTERS_MAX) {
			return -ENOSPC;
		}
		counter = &service->counter[service->counter_count++];
		*counter = (struct wire_counter){.key = key, .value = 0};
	}
	counter->value = is_added ? counter->value + value : value;
	return 0;
}

int mux_counter_set(struct mux_service *service, uint32_t key, uint64_t value)
{
	return change_counter(service, key, value, false);
}

int mux_counter_add(struct mux_service *service, uint32_t key, uint64_t amount)
{
	return change_counter(service, key, amount, true);
}

uint64_t mux_counter_get(const struct mux_service *service, uint32_t key)
{
	const struct wire_counter *counter = find_counter(service, key);

	return counter ? counter->value : 0;
}
