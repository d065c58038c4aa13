/* SPDX-License-Identifier: MIT */
/*
 * muxpack: packs a manifest and the files that it names into the blob that a machine boots
 * (docs/manifest.md). This file is the command line.
 */
#include <getopt.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "hv/manifest.h"
#include "tools/muxpack/pack.h"
#include "tools/muxpack/print.h"

#define VARIABLES_MAX 64U

static const char usage_text[] =
	"usage: muxpack [-D NAME=value]... -o BLOB [--depends FILE] MANIFEST\n"
	"       muxpack [-D NAME=value]... --check MANIFEST\n"
	"       muxpack --print BLOB\n"
	"\n"
	"Packs a manifest and the files that it names into one blob.\n"
	"  -o, --output BLOB     where the blob goes\n"
	"  -D NAME=value         replaces ${NAME} in the manifest\n"
	"      --depends FILE    writes a make rule that names every file in the blob\n"
	"      --check           checks only\n"
	"      --print           lists what a packed blob holds\n"
	"      --help            this text\n"
	"Exit status: 0; 1 with messages on stderr; 2 for a wrong command line.\n";

struct options {
	const char *output;
	const char *depends;
	const char *input;
	bool is_check;
	bool is_print;
	struct parse_variable variables[VARIABLES_MAX];
	size_t variable_count;
};

__attribute__((noreturn)) static void usage_error(const char *message)
{
	fprintf(stderr, "muxpack: %s\n\n%s", message, usage_text);
	exit(2);
}

/* `text` is an element of argv: writable, and there until the end. */
static void add_variable(struct options *options, char *text)
{
	char *equals = strchr(text, '=');

	if (equals == NULL || equals == text) {
		usage_error("-D needs NAME=value");
	}
	if (options->variable_count == VARIABLES_MAX) {
		usage_error("too many -D options");
	}
	*equals = '\0';
	options->variables[options->variable_count++] =
		(struct parse_variable){.name = text, .value = equals + 1};
}

static void parse_options(struct options *options, int argc, char **argv)
{
	static const struct option long_options[] = {
		{"output", required_argument, NULL, 'o'}, {"depends", required_argument, NULL, 'd'},
		{"check", no_argument, NULL, 'c'},	  {"print", no_argument, NULL, 'p'},
		{"help", no_argument, NULL, 'h'},	  {NULL, 0, NULL, 0},
	};
	int letter;

	while ((letter = getopt_long(argc, argv, "o:D:h", long_options, NULL)) != -1) {
		switch (letter) {
		case 'o': options->output = optarg; break;
		case 'd': options->depends = optarg; break;
		case 'c': options->is_check = true; break;
		case 'p': options->is_print = true; break;
		case 'D': add_variable(options, optarg); break;
		case 'h': fputs(usage_text, stdout); exit(0);
		default: fputs(usage_text, stderr); exit(2);
		}
	}
	if (optind + 1 != argc) {
		usage_error("name one file");
	}
	options->input = argv[optind];
	if (options->is_check + options->is_print + (options->output != NULL) != 1) {
		usage_error("give one of -o, --check and --print");
	}
}

static int read_input(const struct options *options, struct memory_file *out)
{
	int error = memory_read_file(options->input, out);

	if (error != 0) {
		fprintf(stderr, "muxpack: can't read %s: %s\n", options->input, strerror(-error));
		return 1;
	}
	return 0;
}

static int write_output(const char *path, const void *data, size_t size)
{
	int error = memory_write_file(path, data, size);

	if (error != 0) {
		fprintf(stderr, "muxpack: can't write %s: %s\n", path, strerror(-error));
		return 1;
	}
	return 0;
}

static int run_print(const struct options *options)
{
	struct memory_file blob;
	const char *why;
	int status = read_input(options, &blob);

	if (status != 0) {
		return status;
	}
	if (manifest_check(blob.data, blob.size, &why) == 0) {
		print_blob(stdout, blob.data);
	} else {
		fprintf(stderr, "muxpack: %s is broken: %s\n", options->input, why);
		status = 1;
	}
	free(blob.data);
	return status;
}

static int run_pack(const struct options *options)
{
	struct report report = {0};
	const struct parse_variables variables = {options->variables, options->variable_count};
	struct memory_file text;
	struct pack_result result;
	int status = read_input(options, &text);

	if (status != 0) {
		return status;
	}
	result = pack_manifest(options->input, &text, &variables, options->output, &report);
	status = report.error_count == 0 ? 0 : 1;
	report_write(&report, stderr, options->input);
	if (status == 0 && options->output != NULL) {
		status = write_output(options->output, result.blob.data, result.blob.size);
	}
	if (status == 0 && options->depends != NULL && result.depends != NULL) {
		status = write_output(options->depends, result.depends, strlen(result.depends));
	}
	free(result.depends);
	free(result.blob.data);
	free(text.data);
	return status;
}

int main(int argc, char **argv)
{
	struct options options = {0};

	parse_options(&options, argc, argv);
	return options.is_print ? run_print(&options) : run_pack(&options);
}
