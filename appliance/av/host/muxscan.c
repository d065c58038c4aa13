/* SPDX-License-Identifier: MIT */
/*
 * muxscan: the antivirus appliance's engine as a host program, with output like clamscan's, so that
 * the two can be compared. Directories are walked in name order; links are not followed.
 *
 * Exit status as clamscan's: 0 nothing found, 1 something found, 2 an error.
 */
#include "appliance/av/engine/av_scan.h"

#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct options {
	bool all_matches;
	bool infected_only;
	bool statistics;
	size_t chunk; /* bytes handed to the engine at once */
};

struct muxscan {
	struct options options;
	struct av_signatures *set;
	struct av_scan *scan;
	uint8_t *chunk;
	uint64_t files;
	uint64_t bytes;
	uint64_t infected;
	uint64_t errors;
	uint64_t work;
};

static void usage(FILE *out)
{
	fputs("usage: muxscan -d DATABASE [-d DATABASE]... [OPTION]... FILE-OR-DIRECTORY...\n"
	      "  -d, --database=FILE|DIR  *.hdb, *.hsb and *.ndb signature files\n"
	      "  -z, --allmatch           report every signature of a file\n"
	      "  -i, --infected           print infected files only\n"
	      "      --chunk=N            hand files to the engine N bytes at a time\n"
	      "      --statistics         print what the engine did, to standard error\n",
	      out);
}

static void *must(void *memory)
{
	if (memory == NULL) {
		fputs("muxscan: out of memory\n", stderr);
		exit(2);
	}
	return memory;
}

static char *join(const char *directory, const char *name)
{
	char *path = NULL;

	if (asprintf(&path, "%s/%s", directory, name) < 0) {
		path = NULL;
	}
	return must(path);
}

typedef void visit_function(struct muxscan *muxscan, const char *path);

/* Calls visit for each regular file below path. */
static void walk(struct muxscan *muxscan, const char *path, visit_function *visit)
{
	struct dirent **entry = NULL;
	struct stat status;
	int count;

	if (lstat(path, &status) != 0) {
		fprintf(stderr, "muxscan: %s: %s\n", path, strerror(errno));
		muxscan->errors++;
		return;
	}
	if (S_ISREG(status.st_mode)) {
		visit(muxscan, path);
	}
	if (!S_ISDIR(status.st_mode)) {
		return;
	}
	count = scandir(path, &entry, NULL, alphasort);
	for (int i = 0; i < count; i++) {
		if (strcmp(entry[i]->d_name, ".") != 0 && strcmp(entry[i]->d_name, "..") != 0) {
			char *child = join(path, entry[i]->d_name);

			walk(muxscan, child, visit);
			free(child);
		}
		free(entry[i]);
	}
	free(entry);
}

static char *read_whole(const char *path, size_t *length)
{
	FILE *file = fopen(path, "rb");
	char *text = NULL;
	size_t capacity = 0, got = 1;

	*length = 0;
	if (file == NULL) {
		return NULL;
	}
	while (got > 0) {
		if (*length == capacity) {
			capacity = capacity * 2 + 65536;
			text = must(realloc(text, capacity));
		}
		got = fread(text + *length, 1, capacity - *length, file);
		*length += got;
	}
	if (ferror(file)) {
		free(text);
		text = NULL;
	}
	fclose(file);
	return text;
}

static void report_line(void *context, const char *file, unsigned int line, const char *reason)
{
	struct muxscan *muxscan = context;

	(void)muxscan;
	fprintf(stderr, "%s:%u: %s\n", file, line, reason);
}

static void load_database(struct muxscan *muxscan, const char *path)
{
	size_t length;
	char *text;

	if (!av_signatures_is_file(path)) {
		return;
	}
	text = read_whole(path, &length);
	if (text == NULL) {
		fprintf(stderr, "muxscan: %s: %s\n", path, strerror(errno));
		exit(2);
	}
	if (av_signatures_load(muxscan->set, path, text, length, report_line, muxscan) != 0) {
		exit(2);
	}
	free(text);
}

static int feed_file(struct muxscan *muxscan, FILE *file)
{
	int status = 0;

	while (status == 0) {
		size_t got = fread(muxscan->chunk, 1, muxscan->options.chunk, file);

		if (got == 0) {
			return ferror(file) ? -EIO : 0;
		}
		muxscan->bytes += got;
		status = av_scan_feed(muxscan->scan, muxscan->chunk, got);
	}
	return status < 0 ? status : 0;
}

static void print_result(struct muxscan *muxscan, const char *path, int error,
			 const struct av_result *result)
{
	uint32_t shown = muxscan->options.all_matches || result->count < 1 ? result->count : 1;

	for (uint32_t i = 0; i < shown; i++) {
		printf("%s: %s FOUND\n", path,
		       av_signatures_name(muxscan->set, result->signature[i]));
	}
	if (error != 0) {
		printf("%s: %s ERROR\n", path,
		       error == -E2BIG ? "scan limit exceeded" : strerror(-error));
		muxscan->errors++;
	} else if (shown == 0 && !muxscan->options.infected_only) {
		printf("%s: OK\n", path);
	}
}

static void scan_file(struct muxscan *muxscan, const char *path)
{
	FILE *file = fopen(path, "rb");
	struct av_result result = {NULL, 0};
	struct stat status;
	int error, end;

	if (file == NULL || fstat(fileno(file), &status) != 0) {
		fprintf(stderr, "muxscan: %s: %s\n", path, strerror(errno));
		muxscan->errors++;
		if (file != NULL) {
			fclose(file);
		}
		return;
	}
	av_scan_begin(muxscan->scan, (uint64_t)status.st_size,
		      muxscan->options.all_matches ? AV_SCAN_ALL : 0);
	error = feed_file(muxscan, file);
	end = av_scan_end(muxscan->scan, &result);
	fclose(file);
	muxscan->files++;
	muxscan->work += av_scan_work(muxscan->scan);
	muxscan->infected += result.count > 0;
	print_result(muxscan, path, error != 0 ? error : end, &result);
}

static void print_statistics(const struct muxscan *muxscan)
{
	const struct av_counts *counts = &muxscan->set->counts;

	fprintf(stderr, "signatures: %u hashes, %u patterns, %u of other levels, %u refused\n",
		counts->hashes, counts->patterns, counts->other_level, counts->refused);
	fprintf(stderr, "automaton: %u states, %u with rows, %zu bytes\n",
		muxscan->set->automaton.state_count, muxscan->set->automaton.row_count,
		av_automaton_memory(&muxscan->set->automaton));
	fprintf(stderr, "memory: %zu bytes, and %zu a scan\n", av_signatures_memory(muxscan->set),
		av_scan_memory(muxscan->set));
	fprintf(stderr, "scanned: %llu files, %llu bytes, %llu infected, %llu work units\n",
		(unsigned long long)muxscan->files, (unsigned long long)muxscan->bytes,
		(unsigned long long)muxscan->infected, (unsigned long long)muxscan->work);
}

static void parse_options(struct muxscan *muxscan, int argc, char **argv)
{
	static const struct option names[] = {{"database", required_argument, NULL, 'd'},
					      {"allmatch", no_argument, NULL, 'z'},
					      {"infected", no_argument, NULL, 'i'},
					      {"chunk", required_argument, NULL, 'c'},
					      {"statistics", no_argument, NULL, 's'},
					      {"help", no_argument, NULL, 'h'},
					      {NULL, 0, NULL, 0}};
	int option;

	while ((option = getopt_long(argc, argv, "d:zih", names, NULL)) != -1) {
		switch (option) {
		case 'd': walk(muxscan, optarg, load_database); break;
		case 'z': muxscan->options.all_matches = true; break;
		case 'i': muxscan->options.infected_only = true; break;
		case 'c': muxscan->options.chunk = strtoul(optarg, NULL, 10); break;
		case 's': muxscan->options.statistics = true; break;
		case 'h': usage(stdout); exit(0);
		default: usage(stderr); exit(2);
		}
	}
	if (optind == argc || muxscan->options.chunk == 0) {
		usage(stderr);
		exit(2);
	}
}

int main(int argc, char **argv)
{
	struct muxscan muxscan = {.options = {.chunk = 61440}};

	muxscan.set = must(av_signatures_create());
	parse_options(&muxscan, argc, argv);
	if (muxscan.errors != 0 || av_signatures_finish(muxscan.set) != 0) {
		return 2;
	}
	if (muxscan.set->signature_count == 0) {
		fputs("muxscan: no signatures\n", stderr);
		return 2;
	}
	muxscan.scan = must(av_scan_create(muxscan.set));
	muxscan.chunk = must(malloc(muxscan.options.chunk));
	for (int i = optind; i < argc; i++) {
		walk(&muxscan, argv[i], scan_file);
	}
	if (muxscan.options.statistics) {
		print_statistics(&muxscan);
	}
	free(muxscan.chunk);
	av_scan_destroy(muxscan.scan);
	av_signatures_destroy(muxscan.set);
	if (muxscan.errors != 0) {
		return 2;
	}
	return muxscan.infected != 0 ? 1 : 0;
}
