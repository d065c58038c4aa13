/* SPDX-License-Identifier: MIT */
/*
 * The bare-metal guest as a partition. Arguments (the manifest's "args"):
 *   files=MODULE[:DIRECTORY]  a tar archive, put below DIRECTORY (default /); may be given again
 *   workload=MODULE           the workload script
 *   manager=CID               default 2
 *   forbid=VERB,VERB...       access verbs that no service may use, as in "forbid=write,delete"
 *   grant=CID:VERB,VERB...    all that the service at this CID may use;
 *                             "others" instead of the CID: services without a grant of their own
 * Exit code 0: the workload ended and all its expectations held; 1: not all held; 2: wrong
 * arguments or modules.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent-guest/bare/guest.h"
#include "agent-guest/driver/links.h"
#include "appliance/runtime/mux.h"

#define BYE_US	     20000000ULL /* for saying goodbye on every link */
#define EXIT_FAILED  1
#define EXIT_USAGE   2
#define VERSION_TEXT "bare-metal guest 1"

static struct guest guest;
static struct links links;

static struct agent_time machine_now(void *context)
{
	(void)context;
	return (struct agent_time){.us = mux_time_us(), .ticks = mux_tsc()};
}

static void machine_print(void *context, const char *line)
{
	(void)context;
	puts(line);
}

static const struct guest_machine machine = {.now = machine_now, .print = machine_print};

/* The value of KEY=VALUE, or NULL. */
static const char *value_of(const char *argument, const char *key)
{
	size_t length = strlen(key);

	return strncmp(argument, key, length) == 0 && argument[length] == '='
		       ? argument + length + 1
		       : NULL;
}

static bool configure(int argc, char **argv, struct agent_config *config)
{
	char error[GRANTS_ERROR_MAX];

	*config = (struct agent_config){.name = argv[0],
					.version = VERSION_TEXT,
					.manager_cid = MUX_CID_MANAGER,
					.manager_port = MUX_PORT_MANAGER,
					.verbs = GRANTS_ALL};
	grants_init(&config->grants);
	for (int i = 1; i < argc; i++) {
		const char *cid = value_of(argv[i], "manager");
		const char *forbid = value_of(argv[i], "forbid");
		const char *grant = value_of(argv[i], "grant");

		if (cid != NULL) {
			config->manager_cid = (uint32_t)strtoul(cid, NULL, 10);
		} else if (forbid != NULL || grant != NULL) {
			if ((forbid != NULL ? grants_forbid(&config->grants, forbid, error)
					    : grants_add(&config->grants, grant, error)) != 0) {
				printf("%s: %s\n", argv[i], error);
				return false;
			}
		} else if (value_of(argv[i], "files") == NULL &&
			   value_of(argv[i], "workload") == NULL) {
			printf("unknown argument %s\n", argv[i]);
			return false;
		}
	}
	return true;
}

static const void *find_module(const char *name, size_t *size)
{
	const void *module = mux_module(name, size);

	if (module == NULL) {
		printf("there is no module %s\n", name);
	}
	return module;
}

static bool load_files(const char *value)
{
	char name[64];
	const char *colon = strchr(value, ':');
	const char *at = colon != NULL ? colon + 1 : "";
	const void *module;
	size_t size;
	int files;

	snprintf(name, sizeof(name), "%.*s",
		 colon != NULL ? (int)(colon - value) : (int)strlen(value), value);
	module = find_module(name, &size);
	if (module == NULL) {
		return false;
	}
	files = guest_load_archive(&guest, at, module, size);
	if (files < 0) {
		printf("archive %s: error %d\n", name, files);
		return false;
	}
	printf("archive %s: %d files below %s\n", name, files, at[0] != '\0' ? at : "/");
	return true;
}

static bool load(int argc, char **argv)
{
	const char *workload = NULL;
	const void *module;
	size_t size;

	for (int i = 1; i < argc; i++) {
		const char *files = value_of(argv[i], "files");

		if (files != NULL && !load_files(files)) {
			return false;
		}
		if (value_of(argv[i], "workload") != NULL) {
			workload = value_of(argv[i], "workload");
		}
	}
	if (workload == NULL) {
		puts("usage: files=MODULE[:DIRECTORY]... workload=MODULE [manager=CID] "
		     "[forbid=VERB,...] [grant=CID:VERB,...]");
		return false;
	}
	module = find_module(workload, &size);
	return module != NULL && guest_start_workload(&guest, workload, module, size) == 0;
}

static void say_goodbye(void)
{
	uint64_t until = mux_time_us() + BYE_US;

	agent_bye(&guest.agent, machine_now(NULL));
	while (!agent_is_off(&guest.agent) && mux_time_us() < until) {
		links_run(&links, until);
	}
}

int main(int argc, char **argv)
{
	struct agent_config config;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!configure(argc, argv, &config)) {
		return EXIT_USAGE;
	}
	if (guest_init(&guest, &machine, &config) != 0) {
		puts("too little memory");
		return EXIT_USAGE;
	}
	if (!load(argc, argv)) {
		return EXIT_USAGE;
	}
	links_init(&links, &guest.agent, machine_now, NULL, links_connect_vsock, NULL);
	while (!guest_is_done(&guest)) {
		bool again = guest_run(&guest);

		links_run(&links, again ? 0 : guest_next_deadline(&guest));
	}
	say_goodbye();
	printf("workload done, %u expectations failed\n", guest.failures);
	return guest.failures == 0 ? EXIT_SUCCESS : EXIT_FAILED;
}
