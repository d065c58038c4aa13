/* SPDX-License-Identifier: MIT */
/*
 * Instructions that the antivirus engine runs per byte, and what its signatures take in memory:
 * exact counts, by single steps (the parent process steps the child between two marks). A repeated
 * string instruction counts once for each iteration, as it does in Bochs.
 *
 * Signatures: 5,000 random patterns from a fixed seed and one for each kind of hash.
 */
#include "appliance/av/engine/av_scan.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATTERNS 5000U
#define SAMPLE	 4096U /* bytes scanned between the marks */
#define LINE_MAX 256U

struct sample {
	const char *name;
	const char *file; /* NULL: made by fill */
	void (*fill)(uint8_t *data);
	const char *hash; /* line of an .hsb file whose size fits, or NULL */
};

static volatile struct {
	bool counting;
} * shared;

static uint32_t random_state = 20261120;

static uint8_t random_byte(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return (uint8_t)(random_state >> 8);
}

static void fill_random(uint8_t *data)
{
	for (unsigned int i = 0; i < SAMPLE; i++) {
		data[i] = random_byte();
	}
}

static void fill_zero(uint8_t *data)
{
	memset(data, 0, SAMPLE);
}

static const struct sample samples[] = {
	{"program (/proc/self/exe)", "/proc/self/exe", NULL, NULL},
	{"text (GPL-3)", "/usr/share/common-licenses/GPL-3", NULL, NULL},
	{"random bytes", NULL, fill_random, NULL},
	{"zeros, MD5 wanted", NULL, fill_zero, "00000000000000000000000000000000:4096:Hash\n"},
	{"zeros, SHA-1 wanted", NULL, fill_zero,
	 "0000000000000000000000000000000000000000:4096:Hash\n"},
	{"zeros, SHA-256 wanted", NULL, fill_zero,
	 "0000000000000000000000000000000000000000000000000000000000000000:4096:Hash\n"},
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void refuse(void *context, const char *file, unsigned int line, const char *reason)
{
	(void)context;
	fprintf(stderr, "%s:%u: %s\n", file, line, reason);
	exit(1);
}

static void load(struct av_signatures *set, const char *file, const char *text)
{
	if (av_signatures_load(set, file, text, strlen(text), refuse, NULL) != 0) {
		die("load");
	}
}

static struct av_signatures *make_signatures(const char *hash)
{
	struct av_signatures *set = av_signatures_create();
	char line[LINE_MAX];

	if (set == NULL) {
		die("malloc");
	}
	for (unsigned int i = 0; i < PATTERNS; i++) {
		size_t at = (size_t)snprintf(line, sizeof(line), "Pattern-%u:0:*:", i);
		for (unsigned int j = 0; j < 24; j++) {
			at += (size_t)snprintf(line + at, sizeof(line) - at, "%02x%s",
					       random_byte(), i % 3 == 0 && j == 11 ? "*" : "");
		}
		load(set, "bench.ndb", line);
	}
	if (hash != NULL) {
		load(set, "bench.hsb", hash);
	}
	if (av_signatures_finish(set) != 0) {
		die("finish");
	}
	return set;
}

static void read_sample(const struct sample *sample, uint8_t *data)
{
	size_t got = 0, part = 1;
	FILE *file;

	if (sample->file == NULL) {
		sample->fill(data);
		return;
	}
	file = fopen(sample->file, "rb");
	if (file == NULL) {
		die(sample->file);
	}
	while (part > 0 && got < SAMPLE) {
		part = fread(data + got, 1, SAMPLE - got, file);
		got += part;
	}
	fclose(file);
	for (size_t i = 0; got > 0 && i + got < SAMPLE; i++) {
		data[got + i] = data[i]; /* a short file goes on from its start */
	}
}

/* The child: scans the sample twice; the second time counts, when all pages are there. */
static void run(const struct sample *sample)
{
	struct av_signatures *set = make_signatures(sample->hash);
	struct av_scan *scan = av_scan_create(set);
	uint8_t *data = malloc(SAMPLE);
	struct av_result result;

	if (scan == NULL || data == NULL) {
		die("malloc");
	}
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	read_sample(sample, data);
	for (unsigned int round = 0; round < 2; round++) {
		if (round == 1) {
			shared->counting = true;
			raise(SIGTRAP);
		}
		av_scan_begin(scan, SAMPLE, 0);
		(void)av_scan_feed(scan, data, SAMPLE);
		(void)av_scan_end(scan, &result);
	}
	shared->counting = false;
	_exit(result.count == 0 ? 0 : 1);
}

static unsigned long measure(const struct sample *sample)
{
	unsigned long steps = 0;
	pid_t child = fork();
	int status;

	if (child == 0) {
		run(sample);
	}
	while (waitpid(child, &status, 0) == child && WIFSTOPPED(status)) {
		while (shared->counting) {
			if (ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) != 0 ||
			    waitpid(child, &status, 0) != child || !WIFSTOPPED(status)) {
				die("single step");
			}
			steps++;
		}
		ptrace(PTRACE_CONT, child, NULL, NULL);
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		die("scan failed");
	}
	return steps;
}

int main(void)
{
	struct av_signatures *set = make_signatures(NULL);

	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED) {
		die("mmap");
	}
	printf("antivirus, %u patterns: %zu KiB, automaton %zu KiB (%u states, %u with rows), "
	       "%zu KiB a scan\n",
	       PATTERNS, av_signatures_memory(set) / 1024,
	       av_automaton_memory(&set->automaton) / 1024,
	       (unsigned int)set->automaton.state_count, (unsigned int)set->automaton.row_count,
	       av_scan_memory(set) / 1024);
	printf("%-45s %12s\n", "antivirus, instructions per byte", "");
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		unsigned long tenths = measure(&samples[i]) * 10 / SAMPLE;

		printf("%-45s %10lu.%lu\n", samples[i].name, tenths / 10, tenths % 10);
	}
	av_signatures_destroy(set);
	return 0;
}
