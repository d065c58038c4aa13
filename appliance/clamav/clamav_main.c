/* SPDX-License-Identifier: MIT */
/*
 * muxclamav: the antivirus service on Linux with ClamAV's engine. Policy, events, verdicts and log
 * are those of the bare-metal one (appliance/av); scans happen in processes of their own
 * (clamav_pool.h). docs/clamav.md tells the rest.
 *
 * SIGTERM and SIGINT end it in order: what waits for a verdict gets its fallback at once.
 */
#include "appliance/av/av_service.h"
#include "appliance/clamav/clamav_confine.h"
#include "appliance/clamav/clamav_pool.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define POLICY_MAX	(1U << 20) /* bytes */
#define MANAGER_WAIT_MS 5000U
#define DRAIN_STEP_MS	50U
#define DRAIN_MAX_MS	1000U

static struct clamav_options options;
static struct av_policy policy;
static struct av_service av;

/* ---- policy ---- */

static void report_policy(void *context, unsigned int line, const char *reason)
{
	(void)context;
	printf("%s:%u: %s\n", options.config, line, reason);
}

/* NULL, with errno. */
static char *read_file(const char *path, size_t *length)
{
	FILE *file = fopen(path, "re");
	char *text = malloc(POLICY_MAX);

	if (file == NULL || text == NULL) {
		free(text);
		text = NULL;
	} else {
		errno = 0;
		*length = fread(text, 1, POLICY_MAX, file);
		if (ferror(file) || *length == POLICY_MAX) {
			errno = errno != 0 ? errno : EFBIG;
			free(text);
			text = NULL;
		}
	}
	if (file != NULL) {
		int error = errno;

		fclose(file);
		errno = error;
	}
	return text;
}

static bool load_policy(void)
{
	size_t length = 0;
	char *text = read_file(options.config, &length);
	unsigned int wrong;

	if (text == NULL) {
		printf("no policy: %s: %s; write one (docs/av.md), or name it with --config\n",
		       options.config, strerror(errno));
		return false;
	}
	wrong = av_policy_parse(&policy, text, length, report_policy, NULL);
	free(text);
	if (wrong == 0 && policy.count == 0) {
		printf("no policy: %s has no rule, so that no guest would be protected\n",
		       options.config);
		return false;
	}
	return wrong == 0;
}

/* ---- manager and end ---- */

static void on_manager_missing(struct mux_service *service, void *context)
{
	(void)context;
	if (!mux_service_is_registered(service)) {
		puts("no manager yet, so that no guest finds this service: the manifest must "
		     "permit "
		     "this partition to reach the manager, CID 2 port 7000; trying on");
	}
}

static void on_manager(struct mux_service *service, bool is_registered, void *context)
{
	(void)context;
	puts(is_registered ? "registered with the manager" : "the manager is gone; trying on");
	if (!is_registered) {
		(void)mux_timer_start(service, MANAGER_WAIT_MS, on_manager_missing, NULL);
	}
}

/* Files that are being put away get a moment more. */
static void on_drain(struct mux_service *service, void *context)
{
	static unsigned int waited_ms;

	(void)context;
	if (av_scanner_busy(av.scanner) == 0 || waited_ms >= DRAIN_MAX_MS ||
	    mux_timer_start(service, DRAIN_STEP_MS, on_drain, NULL) < 0) {
		mux_service_stop(service);
	}
	waited_ms += DRAIN_STEP_MS;
}

static void on_signal(struct mux_service *service, int fd, void *context)
{
	struct signalfd_siginfo info;

	(void)context;
	if (read(fd, &info, sizeof(info)) != (ssize_t)sizeof(info)) {
		return;
	}
	printf("ends: %u scans had no result yet\n", av_scanner_busy(av.scanner));
	av_scanner_stop(av.scanner);
	on_drain(service, NULL);
}

/* A descriptor that tells of the signals that end the service, or a negative errno value. */
static int open_signals(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

/* ---- the service ---- */

static void say_start(const struct clamav_engine *engine)
{
	struct clamav_limits limits = clamav_engine_limits(engine);

	printf("ClamAV %s, %u signatures from %s, %u rules\n", clamav_engine_version(),
	       clamav_engine_signatures(engine), options.database, policy.count);
	printf("limits: %u scans at once, %llu bytes a file, %llu bytes and %llu parts a scan, "
	       "%llu archives deep, %llu ms\n",
	       options.scans, (unsigned long long)limits.file_size,
	       (unsigned long long)limits.scan_size, (unsigned long long)limits.files,
	       (unsigned long long)limits.recursion, (unsigned long long)limits.time_ms);
}

static int run_service(struct av_engine *engine)
{
	struct mux_service_options service = {.size = sizeof(service),
					      .name = options.name,
					      .version = clamav_engine_version(),
					      .port = options.port,
					      .on_manager = on_manager};
	int signals = open_signals();
	int error = signals < 0 ? signals : av_service_open(&av, service, &policy, engine);

	if (error != 0) {
		printf("cannot start: %s%s\n", strerror(-error),
		       error == -EAFNOSUPPORT
			       ? "; the kernel has no vsock (vmw_vsock_virtio_transport)"
			       : "");
		return 1;
	}
	(void)mux_watch(av.service, signals, on_signal, NULL);
	(void)mux_timer_start(av.service, MANAGER_WAIT_MS, on_manager_missing, NULL);
	error = mux_service_run(av.service);
	if (error != 0) {
		printf("ends: %s\n", strerror(-error));
	}
	av_service_close(&av);
	close(signals);
	return error == 0 ? 0 : 1;
}

static int run(struct clamav_engine *engine)
{
	struct av_engine *pool;
	int error, status;

	say_start(engine);
	if (options.only_check) {
		return 0;
	}
	error = clamav_confine_service();
	if (error != 0) {
		printf("cannot start: %s\n", strerror(-error));
		return 1;
	}
	pool = clamav_pool_create(engine, options.scans, options.temporary);
	if (pool == NULL) {
		return 1;
	}
	status = run_service(pool);
	clamav_pool_destroy(pool);
	return status;
}

int main(int argc, char **argv)
{
	struct clamav_engine *engine;
	int status;

	switch (clamav_options_parse(&options, argc, argv, stdout, stderr)) {
	case CLAMAV_OPTIONS_RUN: break;
	case CLAMAV_OPTIONS_DONE: return 0;
	default: return 2;
	}
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	if (!load_policy()) {
		return 1;
	}
	engine = clamav_engine_load(options.database, &options.limits);
	if (engine == NULL) {
		return 1;
	}
	status = run(engine);
	clamav_engine_free(engine);
	return status;
}
