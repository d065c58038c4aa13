/* SPDX-License-Identifier: MIT */
/*
 * The antivirus service partition: loads signatures and policy from its modules, and runs the
 * service (av_service.h) on the portable engine.
 *
 * Modules: any number of *.hdb, *.hsb, *.ndb, and policy.conf. Exit code 1: no signatures, a policy
 * that is missing or wrong, or no memory; each is said on the console.
 */
#include "appliance/av/av_service.h"
#include "appliance/av/av_stream.h"
#include "appliance/runtime/mux.h"

#include <stdio.h>
#include <string.h>

static struct av_policy policy;

static void report_signature(void *context, const char *file, unsigned int line, const char *reason)
{
	(void)context;
	printf("%s:%u: skipped: %s\n", file, line, reason);
}

static void report_policy(void *context, unsigned int line, const char *reason)
{
	(void)context;
	printf("policy.conf:%u: %s\n", line, reason);
}

static bool load_modules(struct av_signatures *set)
{
	const char *name, *text;
	size_t size;

	for (size_t i = 0; (text = mux_module_at(i, &name, &size)) != NULL; i++) {
		if (av_signatures_is_file(name) &&
		    av_signatures_load(set, name, text, size, report_signature, NULL) != 0) {
			printf("no memory for the signatures of %s\n", name);
			return false;
		}
	}
	return true;
}

/* NULL: said why. */
static const struct av_signatures *load_signatures(void)
{
	struct av_signatures *set = av_signatures_create();

	if (set == NULL || !load_modules(set) || av_signatures_finish(set) != 0) {
		puts("cannot load the signatures: out of memory");
		return NULL;
	}
	if (set->signature_count == 0) {
		puts("no signatures: add modules *.hdb, *.hsb or *.ndb to the manifest");
		return NULL;
	}
	printf("%u signatures (%u hashes, %u patterns, %u lines skipped), %zu KiB, "
	       "%zu KiB a scan\n",
	       (unsigned int)set->signature_count, (unsigned int)set->counts.hashes,
	       (unsigned int)set->counts.patterns, (unsigned int)set->counts.refused,
	       av_signatures_memory(set) / 1024, av_scan_memory(set) / 1024);
	return set;
}

static bool load_policy(void)
{
	size_t size;
	const char *text = mux_module("policy.conf", &size);

	if (text == NULL) {
		puts("no policy: add a module policy.conf to the manifest");
		return false;
	}
	return av_policy_parse(&policy, text, size, report_policy, NULL) == 0;
}

static int run_service(struct av_engine *engine)
{
	struct mux_service_options options = {
		.size = sizeof(options), .name = "antivirus", .version = "1"};
	struct av_service av;
	int error = av_service_open(&av, options, &policy, engine);

	if (error != 0) {
		return 1;
	}
	error = mux_service_run(av.service);
	av_service_close(&av);
	return error == 0 ? 0 : 1;
}

int main(void)
{
	const struct av_signatures *set;
	struct av_engine *engine;
	int status;

	if (!load_policy()) {
		return 1;
	}
	set = load_signatures();
	if (set == NULL) {
		return 1;
	}
	engine = av_stream_create(set);
	if (engine == NULL) {
		puts("cannot start the engine: out of memory");
		return 1;
	}
	status = run_service(engine);
	av_stream_destroy(engine);
	return status;
}
