/* SPDX-License-Identifier: MIT */
/*
 * End to end on the host: the manager's and the example service's own programs as processes, and
 * the test as a guest's agent, over AF_UNIX. Only the transport differs from a booted image.
 */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "appliance/lib/connection.h"
#include "tests/unit/transport_unix.h"

#define TIME_LIMIT_S 60
#define EXAMPLE_CID  16
#define GUEST_CID    3

int e2e_manager_main(int argc, char **argv);
int e2e_example_main(void);

/* Stands in for vsock: each process is one partition. */
static struct transport_unix partition;

static int do_connect(const struct transport *transport, uint32_t cid, uint32_t port)
{
	(void)transport;
	return partition.transport.connect(&partition.transport, cid, port);
}

static int do_listen(const struct transport *transport, uint32_t port)
{
	(void)transport;
	return partition.transport.listen(&partition.transport, port);
}

static int do_accept(const struct transport *transport, int listener, uint32_t *cid)
{
	(void)transport;
	return partition.transport.accept(&partition.transport, listener, cid);
}

const struct transport transport_vsock = {do_connect, do_listen, do_accept, NULL};

struct program {
	pid_t pid;
	int output;
	char text[32768];
	size_t size;
};

static int run_manager(void)
{
	char *arguments[] = {"manager", "--expect-agents=1", "--finish", NULL};

	return e2e_manager_main(3, arguments);
}

static void start(struct program *program, const char *folder, uint32_t cid, int (*run)(void))
{
	int pipes[2];

	memset(program, 0, sizeof(*program));
	assert_int_equal(pipe(pipes), 0);
	program->pid = fork();
	assert_true(program->pid >= 0);
	if (program->pid == 0) {
		alarm(TIME_LIMIT_S);
		dup2(pipes[1], STDOUT_FILENO);
		setvbuf(stdout, NULL, _IOLBF, 0);
		close(pipes[0]);
		close(pipes[1]);
		transport_unix_init(&partition, folder, cid);
		/* No exit handlers: those of the test's process are not this one's. */
		_exit(run());
	}
	close(pipes[1]);
	program->output = pipes[0];
}

/* Reads the program's output until `text` is in it. */
static void expect_output(struct program *program, const char *text)
{
	while (!strstr(program->text, text)) {
		ssize_t count = read(program->output, program->text + program->size,
				     sizeof(program->text) - program->size - 1);

		if (count <= 0) {
			fail_msg("\"%s\" is not in:\n%s", text, program->text);
		}
		program->size += (size_t)count;
	}
}

static void read_to_end(struct program *program)
{
	ssize_t count;

	while ((count = read(program->output, program->text + program->size,
			     sizeof(program->text) - program->size - 1)) > 0) {
		program->size += (size_t)count;
	}
}

static void wait_readable(const struct connection *connection)
{
	struct pollfd polled = {.fd = connection->fd, .events = POLLIN};

	assert_int_equal(poll(&polled, 1, TIME_LIMIT_S * 1000), 1);
}

static struct wire_message expect(struct connection *connection, uint16_t type)
{
	struct wire_message message;

	while (connection_next(connection, &message) == 0) {
		wait_readable(connection);
		assert_true(connection_receive(connection) >= 0);
	}
	assert_string_equal(wire_type_name(message.header.type), wire_type_name(type));
	return message;
}

static void send_now(struct connection *connection, const struct wire_writer *writer, int result)
{
	assert_int_equal(result, 0);
	connection_queue(connection, writer, 0);
	assert_int_equal(connection_flush(connection, 0), 0);
	assert_int_equal(connection_waiting(connection), 0);
}

static void join(struct connection *connection, uint32_t cid, uint32_t port)
{
	struct wire_hello hello = {.role = MUX_ROLE_AGENT,
				   .verbs = UINT64_MAX,
				   .events = UINT64_MAX,
				   .name = wire_string_of("web"),
				   .version = wire_string_of("e2e")};
	struct wire_writer writer;
	int fd = -1;

	/* The other process may not listen yet. */
	for (int i = 0; i < 1000 && fd < 0; i++) {
		fd = do_connect(NULL, cid, port);
		if (fd < 0) {
			usleep(10000);
		}
	}
	assert_true(fd >= 0);
	assert_int_equal(connection_init(connection, 4 * WIRE_MESSAGE_MAX), 0);
	connection_open(connection, fd);
	writer = connection_writer(connection);
	send_now(connection, &writer, wire_encode_hello(&writer, 1, &hello));
	expect(connection, MUX_MSG_WELCOME);
}

static void send_event(struct connection *service, uint64_t sequence, uint32_t rule,
		       uint64_t request, const char *path)
{
	struct wire_event event = {.sequence = sequence,
				   .rule = rule,
				   .kind = MUX_EVENT_OPEN,
				   .flags = request ? MUX_EVENT_VERDICT : 0,
				   .deadline_ms = request ? 60000 : 0,
				   .path = wire_string_of(path),
				   .process = wire_string_of("/bin/sh")};
	struct wire_writer writer = connection_writer(service);

	send_now(service, &writer, wire_encode_event(&writer, request, &event));
}

/* The guest's life with the service: rules, events, a verdict. */
static void work_with_service(struct connection *service)
{
	struct wire_configure configure;
	struct wire_verdict verdict;
	struct wire_message message;
	struct wire_writer writer;
	struct wire_rule rule;

	message = expect(service, MUX_MSG_CONFIGURE);
	assert_int_equal(wire_decode_configure(&message, &configure), 0);
	assert_int_equal(configure.count, 2);
	assert_int_equal(wire_next_rule(&configure.rules, &rule), 1);
	assert_int_equal(rule.action, MUX_ACTION_VERDICT);
	writer = connection_writer(service);
	send_now(service, &writer,
		 wire_encode_configured(&writer, message.header.request,
					&(struct wire_configured){configure.generation}));
	send_event(service, 1, 2, 0, "/etc/shadow");
	send_event(service, 2, 1, 77, "/srv/game.blocked");
	message = expect(service, MUX_MSG_VERDICT);
	assert_int_equal(message.header.request, 77);
	assert_int_equal(wire_decode_verdict(&message, &verdict), 0);
	assert_int_equal(verdict.verdict, MUX_VERDICT_DENY);
	assert_true(wire_string_equals(verdict.text, "blocked by name"));
}

static void leave(struct connection *manager)
{
	struct wire_counter counters[] = {{MUX_COUNTER_FILES_SEEN, 2},
					  {MUX_COUNTER_DENIED, 1},
					  {MUX_COUNTER_EVENT_BASE + MUX_EVENT_OPEN, 2},
					  {MUX_COUNTER_RULE_BASE + 1, 1}};
	struct wire_writer writer = connection_writer(manager);

	send_now(manager, &writer, wire_encode_bye(&writer, MUX_ERR_SHUTDOWN, 1, counters, 4));
}

/* Ends the process by its id, and gives its exit status. */
static int finish(struct program *program, int signal_number)
{
	int status;

	if (signal_number) {
		kill(program->pid, signal_number);
	}
	assert_int_equal(waitpid(program->pid, &status, 0), program->pid);
	close(program->output);
	return status;
}

static void test_whole_way(void **state)
{
	static struct program manager_program, example_program;
	const char *folder = transport_unix_make_folder();
	struct connection manager, service;
	struct wire_service_down down;
	struct wire_message message;
	struct wire_service_up up;
	int status;

	(void)state;
	alarm(TIME_LIMIT_S);
	transport_unix_init(&partition, folder, GUEST_CID);
	start(&manager_program, folder, MUX_CID_MANAGER, run_manager);
	start(&example_program, folder, EXAMPLE_CID, e2e_example_main);
	join(&manager, MUX_CID_MANAGER, MUX_PORT_MANAGER);
	message = expect(&manager, MUX_MSG_SERVICE_UP);
	assert_int_equal(wire_decode_service_up(&message, &up), 0);
	assert_true(wire_string_equals(up.name, "example"));
	join(&service, up.cid, up.port);
	work_with_service(&service);
	expect_output(&example_program, "web: /bin/sh opens /etc/shadow");
	expect_output(&example_program, "web: /bin/sh opens /srv/game.blocked");

	/* The service dies and comes again: the agent hears of both. */
	assert_true(WIFSIGNALED(finish(&example_program, SIGKILL)));
	message = expect(&manager, MUX_MSG_SERVICE_DOWN);
	assert_int_equal(wire_decode_service_down(&message, &down), 0);
	assert_int_equal(down.service, up.service);
	assert_int_equal(down.reason, MUX_ERR_LOST);
	connection_free(&service);
	start(&example_program, folder, EXAMPLE_CID, e2e_example_main);
	message = expect(&manager, MUX_MSG_SERVICE_UP);
	assert_int_equal(wire_decode_service_up(&message, &up), 0);
	assert_int_equal(up.service, down.service);
	join(&service, up.cid, up.port);
	work_with_service(&service);

	leave(&manager);
	read_to_end(&manager_program);
	status = finish(&manager_program, 0);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	expect_output(&manager_program, "service example 1.0 (CID 16, port 7001) joined");
	expect_output(&manager_program, "agent web e2e (CID 3) joined");
	expect_output(&manager_program, "result: files_seen=2 events=0 verdicts=0 denied=1 ");
	expect_output(&manager_program, "failed=0");
	assert_true(WIFSIGNALED(finish(&example_program, SIGKILL)));
	connection_free(&service);
	connection_free(&manager);
	transport_unix_remove_folder(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_way),
	};

	return cmocka_run_group_tests_name("services end to end", tests, NULL, NULL);
}
