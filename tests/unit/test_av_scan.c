/* SPDX-License-Identifier: MIT */
/* Unit tests of the signature engine: loader and its reasons, gaps, every cut of the stream,
 * limits. tests/system/oracle.t compares it with clamscan. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <cmocka.h>

#include "appliance/av/engine/av_scan.h"

struct reports {
	unsigned int count;
	unsigned int line;
	char reason[128];
};

static void take_report(void *context, const char *file, unsigned int line, const char *reason)
{
	struct reports *reports = context;

	(void)file;
	reports->count++;
	reports->line = line;
	snprintf(reports->reason, sizeof(reports->reason), "%s", reason);
}

static struct av_signatures *load(const char *file, const char *text, struct reports *reports)
{
	struct av_signatures *set = av_signatures_create();

	assert_non_null(set);
	memset(reports, 0, sizeof(*reports));
	assert_int_equal(av_signatures_load(set, file, text, strlen(text), take_report, reports),
			 0);
	return set;
}

static struct av_signatures *load_ready(const char *file, const char *text)
{
	struct reports reports;
	struct av_signatures *set = load(file, text, &reports);

	assert_int_equal(reports.count, 0);
	assert_int_equal(av_signatures_finish(set), 0);
	return set;
}

/* Names found, joined by blanks. */
static const char *scan_pieces(const struct av_signatures *set, const void *data, size_t length,
			       size_t piece)
{
	static char names[4096];
	struct av_scan *scan = av_scan_create(set);
	struct av_result result;

	assert_non_null(scan);
	av_scan_begin(scan, length, AV_SCAN_ALL);
	for (size_t at = 0; at < length; at += piece) {
		size_t part = length - at < piece ? length - at : piece;

		assert_int_equal(av_scan_feed(scan, (const uint8_t *)data + at, part), 0);
	}
	assert_int_equal(av_scan_end(scan, &result), 0);
	names[0] = '\0';
	for (uint32_t i = 0; i < result.count; i++) {
		snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s",
			 i == 0 ? "" : " ", av_signatures_name(set, result.signature[i]));
	}
	av_scan_destroy(scan);
	return names;
}

/* One body signature, one text. */
static bool matches(const char *offset, const char *hex, const char *text)
{
	char line[2048];
	struct av_signatures *set;
	bool found;

	snprintf(line, sizeof(line), "Name:0:%s:%s\n", offset, hex);
	set = load_ready("test.ndb", line);
	found = strcmp(scan_pieces(set, text, strlen(text), SIZE_MAX), "Name") == 0;
	for (size_t piece = 1; piece < 5; piece++) {
		assert_int_equal(found,
				 strcmp(scan_pieces(set, text, strlen(text), piece), "Name") == 0);
	}
	av_signatures_destroy(set);
	return found;
}

static void test_bytes(void **state)
{
	(void)state;
	assert_true(matches("*", "616263", "xxabcxx"));
	assert_true(matches("*", "616263", "abc"));
	assert_false(matches("*", "616263", "ab"));
	assert_false(matches("*", "616263", "xabxcx"));
	assert_true(matches("*", "6162??64", "ab-d"));
	assert_false(matches("*", "6162??64", "abd"));
	assert_true(matches("*", "??616263", "xabc"));
	assert_false(matches("*", "??616263", "abc"));
	assert_true(matches("*", "616263??", "abcx"));
	assert_false(matches("*", "616263??", "abc"));
	assert_true(matches("*", "61626?", "abo"));
	assert_false(matches("*", "61626?", "abp"));
	assert_true(matches("*", "6162?3", "abs"));
	assert_false(matches("*", "6162?3", "abt"));
	assert_true(matches("*", "6162{3}6364", "ab...cd"));
	assert_false(matches("*", "6162{3}6364", "ab..cd"));
	assert_true(matches("*", "{2}6162", "..ab"));
	assert_false(matches("*", "{2}6162", ".ab"));
}

static void test_choices(void **state)
{
	(void)state;
	assert_true(matches("*", "6162(63|64)65", "abde"));
	assert_false(matches("*", "6162(63|64)65", "abee"));
	assert_true(matches("*", "6162(63|b0|b1)65", "abce"));
	assert_true(matches("*", "6162(6363|64)65", "abde"));
	assert_true(matches("*", "6162(6363|64)65", "abcce"));
	assert_false(matches("*", "6162(6363|64)65", "abce"));
	/* The shorter alternative must not hide the longer one, on either side of the anchor. */
	assert_true(matches("*", "61626364(61|6161)65", "abcdaae"));
	assert_true(matches("*", "65(61|6161)61626364", "eaaabcd"));
	assert_true(matches("*", "616263(61|6161|616161)(62|6262)(63|6363)64", "abcaaabbcd"));
	assert_true(matches("*", "6162(6?|??7a)65", "abxze"));
	assert_true(matches("*", "6162!(63|64)65", "abee"));
	assert_false(matches("*", "6162!(63|64)65", "abde"));
	assert_false(matches("*", "6162!(6363)", "abx"));
	assert_true(matches("*", "6162!(6363)", "abcx"));
}

static void test_gaps(void **state)
{
	(void)state;
	assert_true(matches("*", "6162*6364", "abcd"));
	assert_true(matches("*", "6162*6364", "cdab.........cd"));
	assert_false(matches("*", "6162*6364", "cdab"));
	assert_true(matches("*", "6162{2-4}6364", "ab..cd"));
	assert_true(matches("*", "6162{2-4}6364", "ab....cd"));
	assert_false(matches("*", "6162{2-4}6364", "ab.cd"));
	assert_false(matches("*", "6162{2-4}6364", "ab.....cd"));
	assert_true(matches("*", "6162{-3}6364", "abcd"));
	assert_false(matches("*", "6162{-3}6364", "ab....cd"));
	assert_true(matches("*", "6162{3-}6364", "ab.......cd"));
	assert_false(matches("*", "6162{3-}6364", "ab..cd"));
	/* Each of the chain's links counts from a chain that began rightly. */
	assert_true(matches("*", "6162{2-3}6364{1-2}6566", "ab..cd.ef"));
	assert_false(matches("*", "6162{2-3}6364{1-2}6566", "ab.....cd.ef..ab..cd....ef"));
	/* An earlier and a later candidate: the right one is neither the first nor the last. */
	assert_true(matches("*", "6162{4-5}6364", "ab.ab.ab.cdcd"));
	assert_true(matches("0", "6162{2-4}6364", "ab..cd"));
	assert_false(matches("1", "6162{2-4}6364", "ab..cd"));
}

static void test_offsets(void **state)
{
	(void)state;
	assert_true(matches("0", "616263", "abc..."));
	assert_false(matches("0", "616263", ".abc.."));
	assert_true(matches("2", "616263", "..abc"));
	assert_true(matches("1,3", "616263", "....abc"));
	assert_false(matches("1,2", "616263", "....abc"));
	assert_false(matches("1,2", "616263", "abc...."));
	assert_true(matches("EOF-3", "616263", "..abc"));
	assert_false(matches("EOF-3", "616263", "abc.."));
	assert_false(matches("EOF-9", "616263", "abc.."));
	assert_true(matches("EOF-5,2", "616263", ".abc."));
	assert_true(matches("EOF-5,2", "616263", "..abc"));
	assert_false(matches("EOF-5,1", "616263", "...abc"));
	/* The offset is the pattern's start, not the anchor's. */
	assert_true(matches("1", "??????616263", "....abc"));
	assert_true(matches("EOF-5", "(61|6261)62636465", "xxabcde"));
	assert_true(matches("EOF-6", "(61|6261)62636465", "xbabcde"));
}

struct refusal {
	const char *file;
	const char *line;
	const char *reason; /* a part of it */
};

static const struct refusal refusals[] = {
	{"a.ndb", "Name:0:*", "fields"},
	{"a.ndb", "Name:0:*:616263:1:2:3", "fields"},
	{"a.ndb", ":0:*:616263", "name"},
	{"a.ndb", "Na\tme:0:*:616263", "control"},
	{"a.ndb", "Name:1:*:616263", "target type 0"},
	{"a.ndb", "Name:x:*:616263", "target type is no number"},
	{"a.ndb", "Name:0:EP+0:616263", "offset"},
	{"a.ndb", "Name:0:-1:616263", "offset"},
	{"a.ndb", "Name:0:1,:616263", "shift"},
	{"a.ndb", "Name:0:*:61626", "odd"},
	{"a.ndb", "Name:0:*:6162g3", "no hex digit"},
	{"a.ndb", "Name:0:*:g16263", "no hex digit"},
	{"a.ndb", "Name:0:*:6162", "shorter"},
	{"a.ndb", "Name:0:*:", "empty part"},
	{"a.ndb", "Name:0:*:6162*", "empty part"},
	{"a.ndb", "Name:0:*:6162**6364", "empty part"},
	{"a.ndb", "Name:0:*:61??62", "two literal bytes"},
	{"a.ndb", "Name:0:*:6162*61", "two literal bytes"},
	{"a.ndb", "Name:0:*:6162{0}6364", "0 bytes"},
	{"a.ndb", "Name:0:*:6162{-0}6364", "0 bytes"},
	{"a.ndb", "Name:0:*:6162{5-3}6364", "minimum"},
	{"a.ndb", "Name:0:*:6162{}6364", "malformed"},
	{"a.ndb", "Name:0:*:6162{-}6364", "malformed"},
	{"a.ndb", "Name:0:*:6162{3", "malformed"},
	{"a.ndb", "Name:0:*:6162{99999999999}6364", "above"},
	{"a.ndb", "Name:0:*:6162{100000000-200000000}6364", "more state"},
	{"a.ndb", "Name:0:*:6162()6364", "empty alternative"},
	{"a.ndb", "Name:0:*:6162(61|)6364", "empty alternative"},
	{"a.ndb", "Name:0:*:6162(61|62", "without ')'"},
	{"a.ndb", "Name:0:*:6162(61|(62))63", "bytes and ??"},
	{"a.ndb", "Name:0:*:6162!63", "without '('"},
	{"a.ndb", "Name:0:*:6162!(63|6465)", "one length"},
	{"a.ndb", "Name:0:*:6162!(6?)", "one length"},
	{"a.ndb", "Name:0:*:6162(B)", "classes"},
	{"a.ndb", "Name:0:*:6162[1-2]63", "[n-m]"},
	{"a.ndb", "Name:0:*:616263:x", "level"},
	{"a.ndb", "Name:0:*:616263:1:x", "level"},
	{"a.hdb", "d41d8cd98f00b204e9800998ecf8427e:1", "fields"},
	{"a.hdb", "d41d8cd98f00b204e9800998ecf8427e:0:Name", "size"},
	{"a.hdb", "d41d8cd98f00b204e9800998ecf8427e:4294967295:Name", "size"},
	{"a.hdb", "d41d8cd98f00b204e9800998ecf8427e:*:Name", "73"},
	{"a.hdb", "d41d8cd98f00b204e9800998ecf8427e:*:Name:72", "73"},
	{"a.hdb", "d41d8cd98f00b204e9800998ecf8427:1:Name", "no MD5"},
	{"a.hsb", "x41d8cd98f00b204e9800998ecf8427e:1:Name", "no hex digit"},
	{"a.hsb", "d41d8cd98f00b204e9800998ecf8427e:1:", "name"},
};

static void test_refusals(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		char text[256];
		struct reports reports;
		struct av_signatures *set;

		snprintf(text, sizeof(text), "# a comment\n\n%s\r\n", refusals[i].line);
		set = load(refusals[i].file, text, &reports);
		assert_int_equal(reports.count, 1);
		assert_int_equal(reports.line, 3);
		if (strstr(reports.reason, refusals[i].reason) == NULL) {
			fail_msg("%s: %s", refusals[i].line, reports.reason);
		}
		assert_int_equal(set->signature_count, 0);
		assert_int_equal(set->part_count, 0);
		assert_int_equal(set->link_words, 0);
		assert_int_equal(set->counts.refused, 1);
		av_signatures_destroy(set);
	}
}

static void test_loading(void **state)
{
	struct reports reports;
	struct av_signatures *set =
		load("a.ndb",
		     "One:0:*:616263\nTwo:0:*:61\nThree:0:*:616263:500\nFour:0:*:616263:1:3\n"
		     "Five:0:*:616264:1:300",
		     &reports);
	char *longer = malloc(AV_LINE_MAX + 2);

	(void)state;
	assert_int_equal(reports.count, 1);
	assert_int_equal(reports.line, 2);
	assert_int_equal(set->counts.patterns, 2);
	assert_int_equal(set->counts.other_level, 2);
	assert_int_equal(av_signatures_load(set, "a.txt", "", 0, take_report, &reports), -EINVAL);
	assert_false(av_signatures_is_file(".ndb"));
	assert_true(av_signatures_is_file("x.hsb"));
	assert_non_null(longer);
	memset(longer, 'a', AV_LINE_MAX + 1);
	assert_int_equal(
		av_signatures_load(set, "a.ndb", longer, AV_LINE_MAX + 1, take_report, &reports),
		0);
	assert_string_equal(reports.reason, "longer than 8191 characters");
	assert_int_equal(av_signatures_finish(set), 0);
	assert_string_equal(scan_pieces(set, "abdabc", 6, 6), "Five One");
	free(longer);
	av_signatures_destroy(set);
}

static void test_no_patterns(void **state)
{
	struct av_signatures *set =
		load_ready("a.hdb", "900150983cd24fb0d6963f7d28e17f72:3:Abc\n"
				    "900150983CD24FB0D6963F7D28E17F72:*:Any:73\n"
				    "e1faffb3e614e6c2fba74296962386b7:*:Aaa:73\n");

	(void)state;
	assert_string_equal(scan_pieces(set, "abc", 3, 1), "Abc");
	assert_string_equal(scan_pieces(set, "AAA", 3, 2), "Aaa");
	assert_string_equal(scan_pieces(set, "", 0, 1), "");
	av_signatures_destroy(set);
}

static void test_many(void **state)
{
	/* Shared anchors, anchors inside anchors, one found many times. */
	struct av_signatures *set = load_ready(
		"a.ndb", "A:0:*:61626364\nB:0:*:626364\nC:0:*:61626364\nD:0:*:6263\?\?65\n"
			 "E:0:*:6162*6364*6566\nF:0:EOF-4:65666768\n");

	(void)state;
	assert_string_equal(scan_pieces(set, "abcdefabcdefgh", 14, 3), "D A C B E F");
	av_signatures_destroy(set);
}

static void test_first_only(void **state)
{
	struct av_signatures *set = load_ready("a.ndb", "A:0:*:616263\nB:0:*:646566\n");
	struct av_scan *scan = av_scan_create(set);
	struct av_result result;

	(void)state;
	av_scan_begin(scan, 9, 0);
	assert_int_equal(av_scan_feed(scan, "..def", 5), 1);
	assert_int_equal(av_scan_feed(scan, "abc.", 4), 1);
	assert_int_equal(av_scan_end(scan, &result), 0);
	assert_int_equal(result.count, 1);
	assert_string_equal(av_signatures_name(set, result.signature[0]), "B");
	/* The context is as good as new. */
	av_scan_begin(scan, 3, 0);
	assert_int_equal(av_scan_feed(scan, "xyz", 3), 0);
	assert_int_equal(av_scan_end(scan, &result), 0);
	assert_int_equal(result.count, 0);
	av_scan_destroy(scan);
	av_signatures_destroy(set);
}

static void test_wrong_size(void **state)
{
	struct av_signatures *set = load_ready("a.ndb", "A:0:*:616263\n");
	struct av_scan *scan = av_scan_create(set);
	struct av_result result;

	(void)state;
	av_scan_begin(scan, 3, 0);
	assert_int_equal(av_scan_feed(scan, "ab", 2), 0);
	assert_int_equal(av_scan_end(scan, &result), -ENODATA);
	av_scan_begin(scan, 3, 0);
	assert_int_equal(av_scan_feed(scan, "ab", 2), 0);
	assert_int_equal(av_scan_feed(scan, "cd", 2), -EOVERFLOW);
	assert_int_equal(av_scan_feed(scan, "", 0), -EOVERFLOW);
	assert_int_equal(av_scan_end(scan, &result), -EOVERFLOW);
	assert_int_equal(result.count, 0);
	av_scan_destroy(scan);
	av_signatures_destroy(set);
}

/* A file that nearly matches a long signature everywhere costs a bounded amount of work. */
static void test_work_limit(void **state)
{
	enum { LENGTH = 3000, SIZE = 1 << 20 };
	char *line = malloc(2 * LENGTH + 64), *data = malloc(SIZE);
	struct av_signatures *set;
	struct av_scan *scan;
	struct av_result result;
	size_t at = (size_t)sprintf(line, "Name:0:*:");

	(void)state;
	for (unsigned int i = 0; i < LENGTH; i++) {
		at += (size_t)sprintf(line + at, "61");
	}
	sprintf(line + at, "?2\n"); /* literal, it would be in the anchor */
	set = load_ready("a.ndb", line);
	scan = av_scan_create(set);
	memset(data, 'a', SIZE);
	av_scan_begin(scan, SIZE, 0);
	assert_int_equal(av_scan_feed(scan, data, SIZE), -E2BIG);
	assert_int_equal(av_scan_end(scan, &result), -E2BIG);
	assert_int_equal(result.count, 0);
	assert_true(av_scan_work(scan) > AV_WORK_BASE);
	assert_true(av_scan_work(scan) <
		    AV_WORK_BASE + (uint64_t)SIZE * AV_WORK_PER_BYTE + 2 * LENGTH);
	av_scan_destroy(scan);
	av_signatures_destroy(set);
	free(line);
	free(data);
}

/* ---- links against the definition ---- */

static uint32_t next_random(uint32_t *seed, uint32_t below)
{
	*seed = *seed * 1664525U + 1013904223U;
	return (*seed >> 8) % below;
}

static bool expected_link(const uint64_t *ends, unsigned int count, uint64_t start,
			  uint32_t gap_min, uint32_t gap_max)
{
	for (unsigned int i = 0; i < count; i++) {
		if (start >= ends[i] && start - ends[i] >= gap_min &&
		    (gap_max == AV_GAP_UNBOUNDED || start - ends[i] <= gap_max)) {
			return true;
		}
	}
	return false;
}

static void test_links(void **state)
{
	uint64_t *words = calloc(1024, sizeof(*words));

	(void)state;
	for (uint32_t serial = 1; serial <= 200; serial++) {
		static uint64_t ends[1000];
		uint32_t seed = serial * 7919;
		uint32_t reach = 2 + next_random(&seed, 40), ahead = next_random(&seed, 30);
		uint32_t low = next_random(&seed, 200), high = low + next_random(&seed, 100);
		uint64_t now = 0, work = 0;
		unsigned int count = 0;
		struct av_link link;

		high = serial % 4 == 0 ? AV_GAP_UNBOUNDED : high;
		assert_int_not_equal(av_link_set_up(&link, low, high, reach, ahead, 0, 1024), 0);
		for (unsigned int turn = 0; turn < 1000; turn++) {
			now += next_random(&seed, turn % 300 == 299 ? 2000 : 4);
			if (next_random(&seed, 3) == 0) {
				ends[count] = now + next_random(&seed, ahead + 1);
				av_link_insert(&link, words, serial, now, ends[count++], &work);
			} else {
				uint64_t back = next_random(&seed, reach + 1);
				uint64_t start = now > back ? now - back : 0;

				assert_int_equal(
					av_link_query(&link, words, serial, now, start, &work),
					expected_link(ends, count, start, low, high));
			}
		}
	}
	free(words);
}

/* ---- the automaton with and without rows ---- */

static void test_rows(void **state)
{
	static const char *const text[] = {"he", "she", "his", "hers", "ers", "e", "shershis"};
	struct av_key keys[7];
	struct av_automaton many, few;
	uint32_t state_many = 0, state_few = 0, seed = 5;

	(void)state;
	for (unsigned int i = 0; i < 7; i++) {
		keys[i] = (struct av_key){(const uint8_t *)text[i], (uint32_t)strlen(text[i])};
	}
	assert_int_equal(av_automaton_build(&many, keys, 7, 100), 0);
	assert_int_equal(av_automaton_build(&few, keys, 7, 1), 0);
	assert_int_equal(many.row_count, many.state_count);
	assert_int_equal(few.row_count, 1);
	for (unsigned int i = 0; i < 20000; i++) {
		uint8_t byte = (uint8_t) "hersi."[next_random(&seed, 6)];

		state_many = av_automaton_step(&many, state_many, byte);
		state_few = av_automaton_step(&few, state_few, byte);
		assert_int_equal(state_many, state_few);
	}
	av_automaton_destroy(&many);
	av_automaton_destroy(&few);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),	    cmocka_unit_test(test_choices),
		cmocka_unit_test(test_gaps),	    cmocka_unit_test(test_offsets),
		cmocka_unit_test(test_refusals),    cmocka_unit_test(test_loading),
		cmocka_unit_test(test_no_patterns), cmocka_unit_test(test_many),
		cmocka_unit_test(test_first_only),  cmocka_unit_test(test_wrong_size),
		cmocka_unit_test(test_work_limit),  cmocka_unit_test(test_links),
		cmocka_unit_test(test_rows),
	};

	return cmocka_run_group_tests_name("av_scan", tests, NULL, NULL);
}
