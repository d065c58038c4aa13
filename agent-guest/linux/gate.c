/* SPDX-License-Identifier: MIT */
/* The thread that takes permission events: see gate.h. */
#include "agent-guest/linux/gate.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/resource.h>
#include <unistd.h>

#include "agent-guest/linux/clock.h"
#include "agent-guest/linux/plan.h"

#define EVENTS_PER_READ 64U
#define DESCRIPTORS_MAX 65536U

static void wake(int fd)
{
	uint64_t one = 1;

	/* EAGAIN: it is awake already. */
	(void)!write(fd, &one, sizeof(one));
}

static void drain(int fd)
{
	uint64_t count;

	(void)!read(fd, &count, sizeof(count));
}

/* ---- answers ---- */

static void respond(const struct gate *gate, int fd, enum mux_verdict verdict)
{
	struct fanotify_response response = {
		.fd = fd, .response = verdict == MUX_VERDICT_DENY ? FAN_DENY : FAN_ALLOW};

	/* ENOENT: the process was killed while it waited. */
	(void)!write(gate->fanotify, &response, sizeof(response));
}

static void release(struct gate *gate, struct gate_operation *operation)
{
	close(operation->fd);
	operation->state = GATE_FREE;
	operation->fd = -1;
	gate->free_slot[gate->free_count++] = (uint16_t)(operation - gate->operation);
}

static struct gate_operation *find(struct gate *gate, uint64_t cookie)
{
	struct gate_operation *operation = &gate->operation[cookie % GATE_OPERATIONS];

	return operation->state == GATE_TAKEN && operation->serial == cookie / GATE_OPERATIONS
		       ? operation
		       : NULL;
}

/* ---- the thread ---- */

static const struct gate_fallback *fallback_of(const struct gate *gate, uint64_t mask)
{
	if ((mask & FAN_ACCESS_PERM) != 0) {
		return &gate->read;
	}
	return (mask & FAN_OPEN_EXEC_PERM) != 0 ? &gate->execute : &gate->open;
}

static void enqueue(struct gate *gate, const struct fanotify_event_metadata *event, uint64_t now_us,
		    uint64_t alive_us)
{
	const struct gate_fallback *fallback = fallback_of(gate, event->mask);
	unsigned slot = gate->free_slot[--gate->free_count];
	struct gate_operation *operation = &gate->operation[slot];

	*operation = (struct gate_operation){.state = GATE_QUEUED,
					     .fallback = (uint8_t)fallback->verdict,
					     .fd = event->fd,
					     .pid = (uint32_t)event->pid,
					     .alive_us = alive_us,
					     .mask = event->mask,
					     .serial = ++gate->serial,
					     .arrival_us = now_us,
					     .deadline_us = now_us + fallback->us};
	if (operation->deadline_us < gate->next_due_us) {
		gate->next_due_us = operation->deadline_us;
	}
	gate->queue[(gate->queue_head + gate->queue_used++) % GATE_OPERATIONS] = (uint16_t)slot;
}

static void take_event(struct gate *gate, const struct fanotify_event_metadata *event,
		       uint64_t now_us, uint64_t alive_us)
{
	bool is_permission = (event->mask & PLAN_PERMISSIONS) != 0;

	if (event->fd < 0) {
		return;
	}
	if (is_permission && event->pid != getpid()) {
		gate->counters.events++;
		if (gate->free_count > 0) {
			enqueue(gate, event, now_us, alive_us);
			return;
		}
		gate->counters.full++;
		respond(gate, event->fd, fallback_of(gate, event->mask)->verdict);
	} else if (is_permission) {
		gate->counters.own++;
		respond(gate, event->fd, MUX_VERDICT_ALLOW);
	}
	close(event->fd);
}

static void take_events(struct gate *gate)
{
	struct fanotify_event_metadata buffer[EVENTS_PER_READ];
	const struct fanotify_event_metadata *event = buffer;
	ssize_t size = read(gate->fanotify, buffer, sizeof(buffer));
	/* The kernel takes back events of processes that are killed before they are read. */
	uint64_t alive_us = clock_boot_us();
	uint64_t now_us = clock_now().us;

	pthread_mutex_lock(&gate->mutex);
	if (size < 0 && errno != EAGAIN && errno != EINTR) {
		/* No descriptor for this event: the kernel has denied it. */
		gate->counters.unopened++;
	}
	for (; size > 0 && FAN_EVENT_OK(event, size); event = FAN_EVENT_NEXT(event, size)) {
		take_event(gate, event, now_us, alive_us);
	}
	pthread_mutex_unlock(&gate->mutex);
	wake(gate->wake_main);
}

/* Answers what is due. The main thread finds out when it takes or answers the operation. */
static void expire(struct gate *gate, uint64_t now_us)
{
	uint64_t next = UINT64_MAX;

	if (now_us < gate->next_due_us) {
		return;
	}
	for (unsigned i = 0; i < GATE_OPERATIONS; i++) {
		struct gate_operation *operation = &gate->operation[i];

		if (operation->state == GATE_FREE || operation->is_answered) {
			continue;
		}
		if (operation->deadline_us <= now_us) {
			respond(gate, operation->fd, (enum mux_verdict)operation->fallback);
			operation->is_answered = true;
			operation->is_late = true;
			gate->counters.late++;
		} else if (operation->deadline_us < next) {
			next = operation->deadline_us;
		}
	}
	gate->next_due_us = next;
}

static int sleep_ms(const struct gate *gate, uint64_t now_us)
{
	uint64_t left;

	if (gate->next_due_us == UINT64_MAX) {
		return -1;
	}
	left = gate->next_due_us > now_us ? (gate->next_due_us - now_us + 999) / 1000 : 0;
	return (int)(left < 60000 ? left : 60000);
}

static void *run(void *context)
{
	struct gate *gate = context;
	struct pollfd polls[2] = {{.fd = gate->fanotify, .events = POLLIN},
				  {.fd = gate->wake_gate, .events = POLLIN}};
	int timeout;

	for (;;) {
		uint64_t now_us = clock_now().us;

		pthread_mutex_lock(&gate->mutex);
		expire(gate, now_us);
		timeout = gate->is_ending ? -2 : sleep_ms(gate, now_us);
		pthread_mutex_unlock(&gate->mutex);
		if (timeout == -2) {
			return NULL;
		}
		if (poll(polls, 2, timeout) <= 0) {
			continue;
		}
		if (polls[0].revents != 0) {
			take_events(gate);
		}
		if (polls[1].revents != 0) {
			drain(gate->wake_gate);
		}
	}
}

/* ---- start and end ---- */

static void close_all(struct gate *gate)
{
	close(gate->wake_main);
	close(gate->wake_gate);
	close(gate->fanotify);
	gate->fanotify = -1;
}

/*
 * Gives the group the highest descriptor, so that the kernel ends it before the group of names if
 * this process is killed: ending that one waits for the operations that wait in this one
 * (fsnotify_destroy_group), and a dying process gives up its last descriptors first
 * (task_work_run).
 */
static void put_last(struct gate *gate)
{
	struct rlimit limit;
	int last;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
		return;
	}
	/* More are never open, and the table of descriptors grows with the highest. */
	last = (int)(limit.rlim_cur < DESCRIPTORS_MAX ? limit.rlim_cur : DESCRIPTORS_MAX) - 1;
	last = fcntl(gate->fanotify, F_DUPFD_CLOEXEC, last);
	if (last >= 0) {
		close(gate->fanotify);
		gate->fanotify = last;
	}
}

static int start_thread(struct gate *gate)
{
	sigset_t all, old;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	error = pthread_create(&gate->thread, NULL, run, gate);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -error;
}

int gate_start(struct gate *gate)
{
	int error;

	memset(gate, 0, sizeof(*gate));
	/* The queue has an entry for each waiting thread, which bounds it. */
	gate->fanotify = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC | FAN_NONBLOCK |
					       FAN_UNLIMITED_QUEUE | FAN_UNLIMITED_MARKS,
				       O_RDONLY | O_CLOEXEC | O_LARGEFILE | O_NONBLOCK | O_NOATIME);
	if (gate->fanotify < 0) {
		return -errno;
	}
	put_last(gate);
	gate->wake_main = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	gate->wake_gate = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	gate->next_due_us = UINT64_MAX;
	for (unsigned i = 0; i < GATE_OPERATIONS; i++) {
		gate->free_slot[gate->free_count++] = (uint16_t)i;
	}
	pthread_mutex_init(&gate->mutex, NULL);
	error = gate->wake_main < 0 || gate->wake_gate < 0 ? -EMFILE : start_thread(gate);
	if (error != 0) {
		close_all(gate);
	}
	return error;
}

void gate_stop(struct gate *gate)
{
	if (gate->fanotify < 0) {
		return;
	}
	pthread_mutex_lock(&gate->mutex);
	gate->is_ending = true;
	pthread_mutex_unlock(&gate->mutex);
	wake(gate->wake_gate);
	pthread_join(gate->thread, NULL);
	for (unsigned i = 0; i < GATE_OPERATIONS; i++) {
		struct gate_operation *operation = &gate->operation[i];

		if (operation->state != GATE_FREE) {
			if (!operation->is_answered) {
				respond(gate, operation->fd, MUX_VERDICT_ALLOW);
			}
			release(gate, operation);
		}
	}
	/* The kernel allows what was never read from the group: fanotify(7). */
	close_all(gate);
}

/* ---- the main thread ---- */

void gate_set_fallbacks(struct gate *gate, struct gate_fallback open, struct gate_fallback execute,
			struct gate_fallback read)
{
	pthread_mutex_lock(&gate->mutex);
	gate->open = open;
	gate->execute = execute;
	gate->read = read;
	pthread_mutex_unlock(&gate->mutex);
}

bool gate_take(struct gate *gate, struct gate_operation *operation, uint64_t *cookie)
{
	struct gate_operation *first;
	bool is_there;

	pthread_mutex_lock(&gate->mutex);
	is_there = gate->queue_used > 0;
	if (is_there) {
		first = &gate->operation[gate->queue[gate->queue_head]];
		first->state = GATE_TAKEN;
		gate->queue_head = (gate->queue_head + 1) % GATE_OPERATIONS;
		gate->queue_used--;
		*operation = *first;
		*cookie = first->serial * GATE_OPERATIONS + (uint64_t)(first - gate->operation);
	} else {
		drain(gate->wake_main);
	}
	pthread_mutex_unlock(&gate->mutex);
	return is_there;
}

void gate_set_deadline(struct gate *gate, uint64_t cookie, uint64_t deadline_us,
		       enum mux_verdict verdict)
{
	struct gate_operation *operation;
	bool is_sooner = false;

	pthread_mutex_lock(&gate->mutex);
	operation = find(gate, cookie);
	if (operation != NULL) {
		operation->deadline_us = deadline_us;
		operation->fallback = (uint8_t)verdict;
		is_sooner = deadline_us < gate->next_due_us;
		if (is_sooner) {
			gate->next_due_us = deadline_us;
		}
	}
	pthread_mutex_unlock(&gate->mutex);
	if (is_sooner) {
		wake(gate->wake_gate);
	}
}

bool gate_answer(struct gate *gate, uint64_t cookie, enum mux_verdict verdict)
{
	struct gate_operation *operation;
	bool is_mine = false;

	pthread_mutex_lock(&gate->mutex);
	operation = find(gate, cookie);
	if (operation != NULL) {
		is_mine = !operation->is_answered;
		if (is_mine) {
			respond(gate, operation->fd, verdict);
		}
		release(gate, operation);
	}
	pthread_mutex_unlock(&gate->mutex);
	return is_mine;
}

int gate_descriptor(struct gate *gate, uint64_t cookie)
{
	const struct gate_operation *operation;
	int fd;

	pthread_mutex_lock(&gate->mutex);
	operation = find(gate, cookie);
	fd = operation != NULL ? operation->fd : -1;
	pthread_mutex_unlock(&gate->mutex);
	return fd;
}

struct gate_counters gate_counters(struct gate *gate)
{
	struct gate_counters counters;

	pthread_mutex_lock(&gate->mutex);
	counters = gate->counters;
	pthread_mutex_unlock(&gate->mutex);
	return counters;
}

unsigned gate_waiting(struct gate *gate)
{
	unsigned waiting;

	pthread_mutex_lock(&gate->mutex);
	waiting = GATE_OPERATIONS - gate->free_count;
	pthread_mutex_unlock(&gate->mutex);
	return waiting;
}
