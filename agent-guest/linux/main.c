/* SPDX-License-Identifier: MIT */
/*
 * muxagentd: the thin agent of a Linux guest. Command line, start, the loop, and the end. See
 * docs/linux-agent.md. Exit status: 0 ended in order (SIGTERM, SIGINT); 1 could not start; 2 wrong
 * arguments or configuration.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent-guest/linux/clock.h"
#include "agent-guest/linux/connect_unix.h"
#include "agent-guest/linux/daemon.h"
#include "agent-guest/linux/log.h"

#define VERSION_TEXT "muxagentd 1"
#define EXIT_USAGE   2
#define DESCRIPTORS  32768U
#define CONGESTED_MS 20
#define END_US	     6000000U /* for saying goodbye on every link */
#define IDLE_GATE_US 1000000U

static const char usage[] =
	"usage: muxagentd [--config FILE] [--check] [--foreground]\n"
	"       muxagentd [--config FILE] status\n"
	"Tells the services of this machine's hypervisor what happens in this guest, and lets "
	"them\n"
	"decide about opening, reading and executing files.\n"
	"  --config FILE   instead of " CONFIG_FILE_DEFAULT "\n"
	"  --check         only check the configuration: exit status 0, or 2 with what is wrong\n"
	"  --foreground    do not go to the background\n"
	"  --version, --help\n"
	"  status          print the state of the running agent\n";

struct arguments {
	const char *file;
	bool is_check;
	bool is_foreground;
	bool is_status;
};

enum {
	AT_LINKS = 0,
	AT_GATE = AGENT_LINKS,
	AT_NAMES,
	AT_PROCESSES,
	AT_LOGONS,
	AT_SIGNAL,
	AT_STATUS,
	POLL_COUNT
};

static struct daemon agentd;

/* ---- command line ---- */

/* -1: go on; else the exit status. */
static int parse_arguments(int argc, char **argv, struct arguments *arguments)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'}, {"check", no_argument, NULL, 'k'},
		{"foreground", no_argument, NULL, 'f'},	  {"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'v'},	  {NULL, 0, NULL, 0}};
	int option;

	*arguments = (struct arguments){.file = CONFIG_FILE_DEFAULT};
	while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		switch (option) {
		case 'c': arguments->file = optarg; break;
		case 'k': arguments->is_check = true; break;
		case 'f': arguments->is_foreground = true; break;
		case 'h': fputs(usage, stdout); return EXIT_SUCCESS;
		case 'v': puts(VERSION_TEXT); return EXIT_SUCCESS;
		default: fputs(usage, stderr); return EXIT_USAGE;
		}
	}
	if (optind < argc && strcmp(argv[optind], "status") == 0) {
		arguments->is_status = true;
		optind++;
	}
	if (optind < argc) {
		fprintf(stderr, "muxagentd: unknown argument %s\n%s", argv[optind], usage);
		return EXIT_USAGE;
	}
	return -1;
}

/* What parsing cannot see: are the watched paths mount points here? */
static int check_here(const struct config *config)
{
	int status = EXIT_SUCCESS;

	for (unsigned i = 0; i < config->watch_count; i++) {
		int error = watch_check_mount(config->watch[i].path);

		if (error != 0) {
			fprintf(stderr, "watch of %s: %s\n", config->watch[i].path,
				error == -EINVAL ? "it is not a mount point" : strerror(-error));
			status = EXIT_USAGE;
		}
	}
	return status;
}

/* ---- start ---- */

/* sd_notify(3): a datagram to the service manager, if there is one. */
static void tell_service_manager(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	socklen_t size;
	int fd;

	if (path == NULL || strlen(path) >= sizeof(address.sun_path)) {
		return;
	}
	strcpy(address.sun_path, path);
	size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	if (address.sun_path[0] == '@') {
		address.sun_path[0] = '\0';
	}
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0) {
		(void)sendto(fd, state, strlen(state), MSG_DONTWAIT | MSG_NOSIGNAL,
			     (const struct sockaddr *)&address, size);
		close(fd);
	}
}

/* Each waiting operation has a descriptor, and another one where services look at the file. */
static void raise_limits(void)
{
	struct rlimit limit;
	struct rlimit more = {DESCRIPTORS, DESCRIPTORS};

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < DESCRIPTORS) {
		/* Above the hard limit: CAP_SYS_RESOURCE, which root has unless it was taken away.
		 */
		if (limit.rlim_max < DESCRIPTORS && setrlimit(RLIMIT_NOFILE, &more) == 0) {
			return;
		}
		limit.rlim_cur = limit.rlim_max < DESCRIPTORS ? limit.rlim_max : DESCRIPTORS;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
		if (limit.rlim_cur < DESCRIPTORS) {
			log_line(LOG_LEVEL_WARNING, "only %lu descriptors: set LimitNOFILE=%u",
				 (unsigned long)limit.rlim_cur, DESCRIPTORS);
		}
	}
}

static int open_signals(void)
{
	sigset_t set;

	signal(SIGIO, SIG_IGN); /* of leases: somebody else wants to write */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0) {
		return -errno;
	}
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static struct agent_time links_now(void *clock)
{
	(void)clock;
	return clock_now();
}

static void start_agent(struct daemon *daemon)
{
	struct agent_config config = {.name = daemon->config.name,
				      .version = VERSION_TEXT,
				      .manager_cid = daemon->config.manager_cid,
				      .manager_port = daemon->config.manager_port,
				      .verbs = GRANTS_ALL,
				      .events = PLAN_EVENTS,
				      .grants = daemon->config.grants};
	bool is_test = daemon->config.test_folder[0] != '\0';

	agent_init(&daemon->agent, &config, &daemon_agent_ops, daemon, clock_now());
	links_init(&daemon->links, &daemon->agent, links_now, NULL,
		   is_test ? connect_unix : links_connect_vsock, &daemon->config);
	if (is_test) {
		log_line(LOG_LEVEL_WARNING,
			 "test-unix-folder is set: nothing proves who peers are");
	}
}

static int start_sources(struct daemon *daemon)
{
	int error;

	daemon->asked_fd = -1;
	daemon->gate.fanotify = -1;
	if (daemon->config.watch_count > 0) {
		error = gate_start(&daemon->gate);
		if (error != 0) {
			log_line(LOG_LEVEL_ERROR, "no permission events (fanotify): %s",
				 strerror(-error));
			return error;
		}
	}
	error = watch_init(&daemon->watch, &daemon->config, daemon->gate.fanotify);
	if (error != 0) {
		return error;
	}
	error = quarantine_init(&daemon->quarantine, &daemon->config);
	if (error != 0) {
		log_line(LOG_LEVEL_ERROR, "quarantine %s: %s", daemon->config.quarantine,
			 error == -EPERM ? "others than root may enter it" : strerror(-error));
		return error;
	}
	processes_init(&daemon->processes);
	logons_init(&daemon->logons, daemon->config.logons);
	daemon->status_fd = -1;
	if (daemon->config.status_socket[0] != '\0') {
		daemon->status_fd = status_listen(daemon->config.status_socket);
		if (daemon->status_fd < 0) {
			log_line(LOG_LEVEL_WARNING, "status socket %s: %s",
				 daemon->config.status_socket, strerror(-daemon->status_fd));
		}
	}
	return 0;
}

/* ---- the loop ---- */

static struct gate_fallback gate_fallback_of(const struct plan_fallback *from)
{
	uint64_t us = from->deadline_ms > 0 ? from->deadline_ms * 1000ULL : IDLE_GATE_US;

	return (struct gate_fallback){.us = us + GATE_GRACE_US, .verdict = from->verdict};
}

/* Rules came, went or changed: so do the sources. */
static void follow_rules(struct daemon *daemon)
{
	static struct plan plan;
	uint64_t fingerprint = plan_fingerprint(&daemon->agent);

	if (fingerprint == daemon->fingerprint) {
		return;
	}
	daemon->fingerprint = fingerprint;
	plan_make(&plan, &daemon->config, &daemon->agent);
	if (daemon->gate.fanotify >= 0) {
		gate_set_fallbacks(&daemon->gate, gate_fallback_of(&plan.open),
				   gate_fallback_of(&plan.execute), gate_fallback_of(&plan.read));
	}
	watch_notice_all(&daemon->watch);
	watch_apply(&daemon->watch, &plan);
	processes_apply(&daemon->processes, plan.processes, plan.memory);
	logons_apply(&daemon->logons, plan.logons);
}

static int prepare(struct daemon *daemon, struct pollfd *polls, int signals)
{
	uint64_t now_us = clock_now().us;
	uint64_t until_us = processes_next_deadline(&daemon->processes);
	bool is_congested;
	int timeout;

	links_prepare(&daemon->links, polls + AT_LINKS);
	is_congested = notify_is_congested(daemon, now_us);
	polls[AT_GATE].fd = daemon->gate.fanotify >= 0 ? daemon->gate.wake_main : -1;
	polls[AT_NAMES].fd = is_congested ? -1 : daemon->watch.names;
	polls[AT_PROCESSES].fd = is_congested ? -1 : daemon->processes.connector;
	polls[AT_LOGONS].fd = daemon->logons.inotify;
	polls[AT_SIGNAL].fd = signals;
	polls[AT_STATUS].fd = daemon->status_fd;
	for (unsigned i = AT_GATE; i < POLL_COUNT; i++) {
		polls[i].events = POLLIN;
		polls[i].revents = 0;
	}
	timeout = links_sleep_ms(&daemon->links, until_us);
	return is_congested && timeout > CONGESTED_MS ? CONGESTED_MS : timeout;
}

static void serve(struct daemon *daemon, const struct pollfd *polls)
{
	links_finish(&daemon->links, polls + AT_LINKS);
	follow_rules(daemon);
	if (polls[AT_GATE].revents != 0) {
		files_take(daemon);
	}
	if (polls[AT_NAMES].revents != 0) {
		names_take(daemon);
	}
	if (polls[AT_PROCESSES].revents != 0) {
		processes_take(daemon);
	}
	if (polls[AT_LOGONS].revents != 0) {
		logons_take(daemon);
	}
	if (polls[AT_STATUS].revents != 0) {
		status_answer(daemon);
	}
	processes_tick(daemon, clock_now().us);
}

/* One turn; true: a signal asks for the end. */
static bool turn(struct daemon *daemon, int signals)
{
	struct pollfd polls[POLL_COUNT];
	struct signalfd_siginfo info;

	if (poll(polls, POLL_COUNT, prepare(daemon, polls, signals)) < 0) {
		for (unsigned i = 0; i < POLL_COUNT; i++) {
			polls[i].revents = 0;
		}
	}
	serve(daemon, polls);
	return read(signals, &info, sizeof(info)) == sizeof(info);
}

/* Nothing new comes, what waits gets its fallback, peers are told; a second signal cuts it short.
 */
static void end(struct daemon *daemon, int signals)
{
	uint64_t until_us = clock_now().us + END_US;

	log_line(LOG_LEVEL_INFO, "ending");
	tell_service_manager("STOPPING=1");
	agent_bye(&daemon->agent, clock_now());
	follow_rules(daemon);
	while (!agent_is_off(&daemon->agent) && clock_now().us < until_us) {
		if (turn(daemon, signals)) {
			break;
		}
	}
	gate_stop(&daemon->gate);
	watch_close(&daemon->watch);
	if (daemon->status_fd >= 0) {
		close(daemon->status_fd);
		unlink(daemon->config.status_socket);
	}
	log_line(LOG_LEVEL_INFO, "ended");
}

static int run(struct daemon *daemon)
{
	int signals = open_signals();

	if (signals < 0) {
		log_line(LOG_LEVEL_ERROR, "signals: %s", strerror(errno));
		return EXIT_FAILURE;
	}
	raise_limits();
	if (start_sources(daemon) != 0) {
		gate_stop(&daemon->gate);
		return EXIT_FAILURE;
	}
	start_agent(daemon);
	log_line(LOG_LEVEL_INFO, "%s: guest %s, %u watched paths", VERSION_TEXT,
		 daemon->config.name, daemon->config.watch_count);
	tell_service_manager("READY=1");
	while (!turn(daemon, signals)) {
	}
	end(daemon, signals);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	static char error[CONFIG_ERROR_MAX];
	struct arguments arguments;
	int status = parse_arguments(argc, argv, &arguments);

	if (status >= 0) {
		return status;
	}
	if (config_load(&agentd.config, arguments.file, error) != 0) {
		fprintf(stderr, "%s\n", error);
		return EXIT_USAGE;
	}
	if (arguments.is_status) {
		return status_print(agentd.config.status_socket);
	}
	if (arguments.is_check) {
		status = check_here(&agentd.config);
		printf("%s: %s\n", arguments.file, status == EXIT_SUCCESS ? "good" : "not good");
		return status;
	}
	if (!arguments.is_foreground && daemon(0, 1) < 0) {
		fprintf(stderr, "muxagentd: %s\n", strerror(errno));
		return EXIT_FAILURE;
	}
	log_init();
	return run(&agentd);
}
