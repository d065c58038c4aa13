/* SPDX-License-Identifier: MIT */
/* Unit tests of the bare-metal guest's file system, tar reader and script language. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "agent-guest/bare/ramfs.h"
#include "agent-guest/bare/script.h"
#include "agent-guest/bare/ustar.h"

/* ---- file system ---- */

static struct ramfs fs;

static int set_up(void **state)
{
	(void)state;
	return ramfs_init(&fs);
}

static int tear_down(void **state)
{
	(void)state;
	ramfs_destroy(&fs);
	return 0;
}

static struct ramfs_node *make(const char *path, bool is_directory)
{
	struct ramfs_node *node;

	assert_int_equal(ramfs_create(&fs, path, is_directory, 1, &node), 0);
	return node;
}

static struct ramfs_node *find(const char *path)
{
	struct ramfs_node *node;

	return ramfs_find(&fs, path, &node) == 0 ? node : NULL;
}

static void test_paths(void **state)
{
	struct ramfs_node *node;
	char name[RAMFS_NAME_MAX + 3] = "/";
	char path[RAMFS_PATH_MAX + 1];

	(void)state;
	make("/a", true);
	make("/a/b", false);
	assert_non_null(find("/"));
	assert_ptr_equal(find("//a///b"), find("/a/b"));
	assert_ptr_equal(find("/a/"), find("/a"));
	assert_int_equal(ramfs_find(&fs, "a", &node), -EINVAL);
	assert_int_equal(ramfs_find(&fs, "", &node), -EINVAL);
	assert_int_equal(ramfs_find(&fs, "/a/../a", &node), -EINVAL);
	assert_int_equal(ramfs_find(&fs, "/./a", &node), -EINVAL);
	assert_int_equal(ramfs_find(&fs, "/x", &node), -ENOENT);
	assert_int_equal(ramfs_find(&fs, "/x/y", &node), -ENOENT);
	assert_int_equal(ramfs_find(&fs, "/a/b/c", &node), -ENOTDIR);
	assert_int_equal(ramfs_create(&fs, "/a/b", false, 1, &node), -EEXIST);
	assert_int_equal(ramfs_create(&fs, "/x/y", false, 1, &node), -ENOENT);
	assert_int_equal(ramfs_create(&fs, "/", true, 1, &node), -EEXIST);
	memset(name + 1, 'n', RAMFS_NAME_MAX + 1);
	assert_int_equal(ramfs_create(&fs, name, false, 1, &node), -ENAMETOOLONG);
	name[RAMFS_NAME_MAX + 1] = '\0';
	assert_int_equal(ramfs_create(&fs, name, false, 1, &node), 0);
	assert_int_equal(ramfs_path(find("/a/b"), path), 0);
	assert_string_equal(path, "/a/b");
	assert_int_equal(ramfs_path(fs.root, path), 0);
	assert_string_equal(path, "/");
	assert_int_equal(ramfs_make_path(&fs, "/p/q/r", &node), 0);
	assert_ptr_equal(node, find("/p/q/r"));
	assert_int_equal(ramfs_make_path(&fs, "/a/b", &node), -ENOTDIR);
	assert_int_equal(fs.files, 2);
}

static void assert_content(const struct ramfs_node *node, const char *text)
{
	const void *data;
	size_t size = ramfs_read(node, 0, SIZE_MAX, &data);

	assert_int_equal(size, strlen(text));
	if (size > 0) {
		assert_memory_equal(data, text, size);
	}
}

static void test_contents(void **state)
{
	struct ramfs_node *file = make("/f", false);
	const char lent[] = "lent text";
	uint64_t version;
	const void *data;

	(void)state;
	ramfs_lend(file, lent, 9);
	assert_content(file, "lent text");
	assert_int_equal(ramfs_read(file, 5, 2, &data), 2);
	assert_int_equal(ramfs_read(file, 9, 2, &data), 0);
	assert_int_equal(ramfs_read(file, UINT64_MAX, 2, &data), 0);
	version = file->version;
	assert_int_equal(ramfs_write(file, 0, "l", 1, 2), 0);
	assert_int_equal(file->capacity, 0); /* nothing was different: still lent */
	assert_true(file->version != version);
	assert_int_equal(ramfs_write(file, 0, "s", 1, 2), 0);
	assert_content(file, "sent text");
	assert_string_equal(lent, "lent text");
	assert_int_equal(ramfs_write(file, 11, "!", 1, 2), 0);
	assert_int_equal(file->size, 12);
	assert_int_equal(ramfs_truncate(file, 4, 3), 0);
	assert_content(file, "sent");
	assert_int_equal(ramfs_truncate(file, 6, 3), 0);
	assert_int_equal(ramfs_read(file, 0, 10, &data), 6);
	assert_memory_equal(data, "sent\0\0", 6);
	assert_int_equal(ramfs_write(file, RAMFS_SIZE_MAX, "x", 1, 2), -EFBIG);
	assert_int_equal(ramfs_write(file, UINT64_MAX, "x", 1, 2), -EFBIG);
	assert_int_equal(ramfs_write(fs.root, 0, "x", 1, 2), -EISDIR);
}

static void test_rename_and_remove(void **state)
{
	struct ramfs_node *file;
	struct ramfs_node *other;

	(void)state;
	make("/d", true);
	make("/d/e", true);
	file = make("/f", false);
	assert_int_equal(ramfs_rename(&fs, file, "/d/e/g"), 0);
	assert_null(find("/f"));
	assert_ptr_equal(find("/d/e/g"), file);
	assert_int_equal(ramfs_rename(&fs, find("/d"), "/d/e/x"), -EINVAL);
	assert_int_equal(ramfs_rename(&fs, find("/d"), "/d/e/g"), -EINVAL);
	other = make("/h", false);
	ramfs_hold(file);
	assert_int_equal(ramfs_rename(&fs, other, "/d/e/g"), 0); /* replaces it */
	assert_false(ramfs_is_linked(&fs, file));
	assert_int_equal(ramfs_write(file, 0, "x", 1, 1), 0); /* still there for who holds it */
	ramfs_release(file);
	assert_int_equal(ramfs_rename(&fs, other, "/d/e"), -EISDIR);
	assert_int_equal(ramfs_rename(&fs, find("/d/e"), "/z"), 0);
	assert_int_equal(ramfs_remove(&fs, find("/z")), -ENOTEMPTY);
	assert_int_equal(ramfs_remove(&fs, find("/z/g")), 0);
	assert_int_equal(ramfs_remove(&fs, find("/z")), 0);
	assert_int_equal(ramfs_remove(&fs, fs.root), -EBUSY);
	assert_int_equal(fs.files, 0);
}

static void test_walk(void **state)
{
	unsigned count = 0;

	(void)state;
	make("/a", true);
	make("/a/b", true);
	make("/a/b/c", false);
	make("/a/d", false);
	make("/e", false);
	for (struct ramfs_node *node = find("/a"); node != NULL;
	     node = ramfs_next(find("/a"), node)) {
		count++;
	}
	assert_int_equal(count, 4);
	count = 0;
	for (struct ramfs_node *node = fs.root; node != NULL; node = ramfs_next(fs.root, node)) {
		count++;
	}
	assert_int_equal(count, 6);
	assert_null(ramfs_next(find("/e"), find("/e")));
}

/* ---- tar ---- */

/* What the build machine's tar makes of a tree with long names, in the given format. */
static uint8_t *make_archive(const char *format, size_t *size)
{
	char command[1024];
	uint8_t *data;
	FILE *file;

	snprintf(command, sizeof(command),
		 "set -e; d=$(mktemp -d); cd $d; n=$(printf 'n%%.0s' $(seq 90)); mkdir -p t/$n/$n;"
		 "echo hello > t/a; echo deep > t/$n/$n/x; ln t/a t/hard; ln -s a t/soft;"
		 "head -c 70000 /dev/zero > t/zeroes; : > t/empty;"
		 "tar --sort=name --format=%s -cf /dev/stdout t; cd /; rm -r $d",
		 format);
	file = popen(command, "r");
	assert_non_null(file);
	data = malloc(1 << 20);
	assert_non_null(data);
	*size = fread(data, 1, 1 << 20, file);
	assert_int_equal(pclose(file), 0);
	return data;
}

static void check_archive(const char *format)
{
	static struct ustar_entry entry;
	struct ustar archive;
	size_t size;
	uint8_t *data = make_archive(format, &size);
	unsigned files = 0;
	unsigned links = 0;
	unsigned longest = 0;
	int more;

	ustar_open(&archive, data, size);
	while ((more = ustar_next(&archive, &entry)) == 1) {
		files += entry.type == USTAR_FILE ? 1 : 0;
		links += entry.type == USTAR_HARD_LINK ? 1 : 0;
		if (strlen(entry.name) > longest) {
			longest = (unsigned)strlen(entry.name);
		}
		if (strcmp(entry.name, "t/a") == 0) {
			assert_int_equal(entry.size, 6);
			assert_memory_equal(entry.data, "hello\n", 6);
		}
		if (strcmp(entry.name, "t/hard") == 0) {
			assert_string_equal(entry.link, "t/a");
		}
		if (strcmp(entry.name, "t/zeroes") == 0) {
			assert_int_equal(entry.size, 70000);
		}
	}
	assert_int_equal(more, 0);
	assert_int_equal(files, 4);
	assert_int_equal(links, 1);
	assert_int_equal(longest, 2 + 90 + 1 + 90 + 2);
	assert_int_equal(archive.skipped, 1);
	free(data);
}

static void test_tar_formats(void **state)
{
	(void)state;
	check_archive("ustar");
	check_archive("gnu");
	check_archive("pax");
}

static void test_broken_tar(void **state)
{
	static struct ustar_entry entry;
	struct ustar archive;
	size_t size;
	uint8_t *data = make_archive("pax", &size);
	unsigned refused = 0;

	(void)state;
	/* Every length that cuts it, and every byte of its first headers changed. */
	for (size_t cut = 0; cut < 8192; cut += 64) {
		uint8_t *copy = malloc(cut + 1); /* so that reading past it is seen */

		memcpy(copy, data, cut);
		ustar_open(&archive, copy, cut);
		while (ustar_next(&archive, &entry) == 1) {
		}
		free(copy);
	}
	for (size_t at = 0; at < 4096; at++) {
		data[at] = (uint8_t)(data[at] + 1);
		ustar_open(&archive, data, size);
		int more;
		while ((more = ustar_next(&archive, &entry)) == 1) {
		}
		refused += more == -EBADMSG ? 1 : 0;
		data[at] = (uint8_t)(data[at] - 1);
	}
	assert_true(refused > 1000);
	free(data);
}

/* ---- scripts ---- */

static unsigned check(const char *script, const char **message)
{
	static struct script_line scratch;

	*message = NULL;
	return script_check(script, strlen(script), &scratch, message);
}

static void test_script_lines(void **state)
{
	static struct script_line line;
	const char *script = "#!mux\n\n  write /a \"two words\" # comment\nexpect denied open /b";
	const char *message;
	size_t at = 0;

	(void)state;
	assert_int_equal(script_read_line(script, strlen(script), &at, &line, &message), 1);
	assert_int_equal(line.command, SCRIPT_NOTHING);
	assert_int_equal(script_read_line(script, strlen(script), &at, &line, &message), 1);
	assert_int_equal(script_read_line(script, strlen(script), &at, &line, &message), 1);
	assert_int_equal(line.command, SCRIPT_WRITE);
	assert_int_equal(line.argc, 2);
	assert_string_equal(line.argv[1], "two words");
	assert_true(line.is_quoted[1]);
	assert_false(line.is_quoted[0]);
	assert_int_equal(line.expected, SCRIPT_ANY);
	assert_int_equal(script_read_line(script, strlen(script), &at, &line, &message), 1);
	assert_int_equal(line.command, SCRIPT_OPEN);
	assert_int_equal(line.expected, SCRIPT_DENIED);
	assert_int_equal(line.number, 4);
	assert_int_equal(script_read_line(script, strlen(script), &at, &line, &message), 0);
}

static void test_script_quotes(void **state)
{
	static struct script_line line;
	const char *script = "log \"a\\nb\\t\\\"c\\\" \\\\ # d\" \"\" e#f # g";
	const char *message;
	size_t at = 0;

	(void)state;
	assert_int_equal(script_read_line(script, strlen(script), &at, &line, &message), 1);
	assert_int_equal(line.argc, 3);
	assert_string_equal(line.argv[0], "a\nb\t\"c\" \\ # d");
	assert_string_equal(line.argv[1], "");
	assert_string_equal(line.argv[2], "e#f");
	script = "log \"a\\\"";
	at = 0;
	assert_int_equal(script_read_line(script, strlen(script), &at, &line, &message), -EINVAL);
}

static void test_script_errors(void **state)
{
	static const struct {
		const char *script;
		unsigned line;
	} scripts[] = {
		{"open /a\nopen\n", 2},
		{"opne /a\n", 1},
		{"write /a \"x\n", 1},
		{"expect\n", 1},
		{"expect fine open /a\n", 1},
		{"repeat 3\nopen /a\n", 2},
		{"end\n", 1},
		{"repeat x\nend\n", 1},
		{"repeat 1\nrepeat 1\nrepeat 1\nrepeat 1\nrepeat 1\n", 5},
		{"sleep 1h\n", 1},
		{"check a = 3\n", 1},
		{"check a == x\n", 1},
		{"wait services 1 long\n", 1},
		{"walk /a eat\n", 1},
		{"log\n", 1},
		{"log 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5\n", 1},
		{"log 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8\n", 1},
	};
	const char *message;

	(void)state;
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		assert_int_equal(check(scripts[i].script, &message), scripts[i].line);
		assert_non_null(message);
	}
	assert_int_equal(check("repeat 2\nopen /a\nend\ncheck denied >= 3\n", &message), 0);
	assert_int_equal(check("wait services 1 1k\nwalk / open\n", &message), 0);
}

static void test_script_words(void **state)
{
	uint64_t number;

	(void)state;
	assert_true(script_number("12", &number));
	assert_int_equal(number, 12);
	assert_true(script_number("3k", &number));
	assert_int_equal(number, 3072);
	assert_true(script_number("2M", &number));
	assert_int_equal(number, 2 << 20);
	assert_false(script_number("", &number));
	assert_false(script_number("k", &number));
	assert_false(script_number("1x", &number));
	assert_false(script_number("99999999999999999999", &number));
	assert_int_equal(script_result_of(-EACCES), SCRIPT_DENIED);
	assert_int_equal(script_result_of(-EPERM), SCRIPT_DENIED);
	assert_int_equal(script_result_of(-EIO), SCRIPT_FAILED);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_paths),
		TEST(test_contents),
		TEST(test_rename_and_remove),
		TEST(test_walk),
		cmocka_unit_test(test_tar_formats),
		cmocka_unit_test(test_broken_tar),
		cmocka_unit_test(test_script_lines),
		cmocka_unit_test(test_script_quotes),
		cmocka_unit_test(test_script_errors),
		cmocka_unit_test(test_script_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
