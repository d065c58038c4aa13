/* SPDX-License-Identifier: MIT */
#include "appliance/clamav/clamav_options.h"
#include "appliance/av/av_engine.h"
#include "appliance/av/av_quantity.h"

#include <getopt.h>
#include <string.h>

#define FILE_SIZE_MAX ((2ULL << 30) - 1) /* libclamav's own limit */
#define NAME_MAX_SIZE 63U

enum key {
	KEY_DATABASE = 256,
	KEY_CONFIG,
	KEY_TEMPORARY,
	KEY_NAME,
	KEY_PORT,
	KEY_SCANS,
	KEY_FILE_SIZE,
	KEY_SCAN_SIZE,
	KEY_FILES,
	KEY_RECURSION,
	KEY_TIME,
	KEY_CHECK,
	KEY_VERSION,
	KEY_HELP,
};

static const struct option names[] = {
	{"database", required_argument, NULL, KEY_DATABASE},
	{"config", required_argument, NULL, KEY_CONFIG},
	{"temporary", required_argument, NULL, KEY_TEMPORARY},
	{"name", required_argument, NULL, KEY_NAME},
	{"port", required_argument, NULL, KEY_PORT},
	{"scans", required_argument, NULL, KEY_SCANS},
	{"max-file-size", required_argument, NULL, KEY_FILE_SIZE},
	{"max-scan-size", required_argument, NULL, KEY_SCAN_SIZE},
	{"max-files", required_argument, NULL, KEY_FILES},
	{"max-recursion", required_argument, NULL, KEY_RECURSION},
	{"max-time", required_argument, NULL, KEY_TIME},
	{"check", no_argument, NULL, KEY_CHECK},
	{"version", no_argument, NULL, KEY_VERSION},
	{"help", no_argument, NULL, KEY_HELP},
	{NULL, 0, NULL, 0},
};

static void print_usage(FILE *out)
{
	fputs("usage: muxclamav [OPTION]...\n"
	      "Antivirus service for Muxvisor's guests, with ClamAV's engine.\n"
	      "\n"
	      "  --config FILE         policy: which guest's files, and what becomes of infected "
	      "ones\n"
	      "                        (/etc/muxvisor/policy.conf)\n"
	      "  --database PATH       signatures, a directory or one file (/var/lib/clamav)\n"
	      "  --temporary DIR       where archives are unpacked (/tmp)\n"
	      "  --name NAME           of the service, as the manager and the guests see it "
	      "(clamav)\n"
	      "  --port N              vsock port to listen on (7001)\n"
	      "  --scans N             files scanned at once, each in a process of its own: 1 to 8 "
	      "(2)\n"
	      "  --max-file-size SIZE  of a file, and of each part of an archive (100M)\n"
	      "  --max-scan-size SIZE  of all parts of a file together (400M)\n"
	      "  --max-files N         parts of a file (10000)\n"
	      "  --max-recursion N     archives in archives (17)\n"
	      "  --max-time TIME       of one scan (120s); less where the guest waits less\n"
	      "  --check               load policy and signatures, and end\n"
	      "  --version, --help\n"
	      "SIZE is a number of bytes, with K, M or G; TIME one with ms or s.\n"
	      "A file above a limit counts as not scanned: the policy's fallback= holds for it.\n"
	      "Exit status: 0 ended in order, 1 could not start, 2 wrong arguments.\n",
	      out);
}

static struct av_slice slice_of(const char *text)
{
	return (struct av_slice){text, strlen(text)};
}

static bool parse_number(const char *text, uint64_t low, uint64_t high, uint64_t *value)
{
	uint32_t number;

	if (!av_line_number(slice_of(text), UINT32_MAX, &number) || number < low || number > high) {
		return false;
	}
	*value = number;
	return true;
}

static bool parse_size(const char *text, uint64_t high, uint64_t *value)
{
	return av_quantity_size(slice_of(text), value) && *value > 0 && *value <= high;
}

static bool parse_time(const char *text, uint64_t *value)
{
	return av_quantity_time(slice_of(text), value) && *value >= 100 && *value <= 600000;
}

/* NULL, or what the option takes. */
static const char *set_limit(struct clamav_limits *limits, enum key key, const char *text)
{
	switch (key) {
	case KEY_FILE_SIZE:
		return parse_size(text, FILE_SIZE_MAX, &limits->file_size)
			       ? NULL
			       : "--max-file-size takes 1 to 2047M";
	case KEY_SCAN_SIZE:
		return parse_size(text, 64ULL << 30, &limits->scan_size)
			       ? NULL
			       : "--max-scan-size takes 1 to 64G";
	case KEY_FILES:
		return parse_number(text, 1, 1000000, &limits->files)
			       ? NULL
			       : "--max-files takes 1 to 1000000";
	case KEY_RECURSION:
		return parse_number(text, 1, 100, &limits->recursion)
			       ? NULL
			       : "--max-recursion takes 1 to 100";
	default:
		return parse_time(text, &limits->time_ms) ? NULL : "--max-time takes 100ms to 600s";
	}
}

static const char *set_name(struct clamav_options *options, const char *text)
{
	options->name = text;
	return text[0] != '\0' && strlen(text) <= NAME_MAX_SIZE ? NULL
								: "--name takes 1 to 63 characters";
}

static const char *set_option(struct clamav_options *options, enum key key, const char *text)
{
	uint64_t number = 0;

	switch (key) {
	case KEY_DATABASE: options->database = text; return NULL;
	case KEY_CONFIG: options->config = text; return NULL;
	case KEY_TEMPORARY: options->temporary = text; return NULL;
	case KEY_NAME: return set_name(options, text);
	case KEY_CHECK: options->only_check = true; return NULL;
	case KEY_PORT:
		if (!parse_number(text, 1, UINT32_MAX - 1, &number)) {
			return "--port takes 1 to 4294967294";
		}
		options->port = (uint32_t)number;
		return NULL;
	case KEY_SCANS:
		if (!parse_number(text, 1, AV_SCANS_MAX, &number)) {
			return "--scans takes 1 to 8";
		}
		options->scans = (unsigned int)number;
		return NULL;
	default: return set_limit(&options->limits, key, text);
	}
}

static enum clamav_options_result refuse(FILE *errors, const char *reason, const char *detail)
{
	fprintf(errors, "muxclamav: %s%s (muxclamav --help tells more)\n", reason, detail);
	return CLAMAV_OPTIONS_WRONG;
}

enum clamav_options_result clamav_options_parse(struct clamav_options *options, int argc,
						char **argv, FILE *output, FILE *errors)
{
	int key;

	*options = (struct clamav_options){.database = "/var/lib/clamav",
					   .config = "/etc/muxvisor/policy.conf",
					   .temporary = "/tmp",
					   .name = "clamav",
					   .scans = 2};
	optind = 0; /* glibc: from the beginning */
	opterr = 0;
	while ((key = getopt_long(argc, argv, ":", names, NULL)) != -1) {
		const char *reason;

		if (key == ':' || key == '?') {
			return refuse(errors,
				      key == ':' ? "a value is missing after " : "no such option: ",
				      argv[optind - 1]);
		}
		if (key == KEY_HELP || key == KEY_VERSION) {
			key == KEY_HELP ? print_usage(output)
					: (void)fputs("muxclamav 1\n", output);
			return CLAMAV_OPTIONS_DONE;
		}
		reason = set_option(options, (enum key)key, optarg);
		if (reason != NULL) {
			return refuse(errors, reason, "");
		}
	}
	return optind == argc ? CLAMAV_OPTIONS_RUN
			      : refuse(errors, "no such argument: ", argv[optind]);
}
