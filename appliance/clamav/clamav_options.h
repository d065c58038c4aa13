/* SPDX-License-Identifier: MIT */
/* Command line of muxclamav. No allocation; strings point into the arguments. */
#ifndef CLAMAV_OPTIONS_H
#define CLAMAV_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* What one scan may cost. 0: as libclamav has it. */
struct clamav_limits {
	uint64_t file_size; /* bytes, of each file and each part of an archive */
	uint64_t scan_size; /* bytes, all parts of a file together */
	uint64_t files;	    /* parts of a file */
	uint64_t recursion; /* archives in archives */
	uint64_t time_ms;
};

struct clamav_options {
	const char *database;  /* directory or file */
	const char *config;    /* policy (docs/av.md) */
	const char *temporary; /* directory for what is unpacked */
	const char *name;      /* of the service */
	uint32_t port;	       /* 0: the usual one */
	unsigned int scans;    /* at once */
	struct clamav_limits limits;
	bool only_check; /* policy and database */
};

enum clamav_options_result {
	CLAMAV_OPTIONS_RUN,
	CLAMAV_OPTIONS_DONE,  /* --help, --version */
	CLAMAV_OPTIONS_WRONG, /* said why on `errors` */
};

enum clamav_options_result clamav_options_parse(struct clamav_options *options, int argc,
						char **argv, FILE *output, FILE *errors);

#endif
