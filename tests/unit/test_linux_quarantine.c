/* SPDX-License-Identifier: MIT */
/* muxagentd's quarantine in folders of the test's own: what others can do around it, and ways back
 * that fail. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "agent-guest/linux/quarantine.h"

#define FOLDER_MAX 64U

static char folder[FOLDER_MAX];
static struct config config;
static struct quarantine quarantine;

/* ---- files ---- */

static const char *path_of(const char *name)
{
	static char path[4][OBJECT_PATH_MAX];
	static unsigned turn;

	turn = (turn + 1) % 4;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", folder, name);
	return path[turn];
}

static void spit(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, mode);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void assert_content(const char *path, const char *text)
{
	char got[64] = "";
	int fd = open(path, O_RDONLY);

	assert_true(fd >= 0);
	assert_true(read(fd, got, sizeof(got) - 1) >= 0);
	close(fd);
	assert_string_equal(got, text);
}

static mode_t mode_of(const char *path)
{
	struct stat stat;

	assert_int_equal(lstat(path, &stat), 0);
	return stat.st_mode & 07777;
}

static void put(const char *path, char id[AGENT_ID_MAX])
{
	struct object *object;

	assert_int_equal(object_open_path(path, &object), 0);
	assert_int_equal(quarantine_put(&quarantine, object, id), 0);
	object_close(object);
}

static int set_up(void **state)
{
	(void)state;
	config_init(&config);
	strcpy(folder, "/tmp/quarantine-XXXXXX");
	if (mkdtemp(folder) == NULL) {
		return -1;
	}
	snprintf(config.quarantine, sizeof(config.quarantine), "%s/q", folder);
	return 0;
}

static int tear_down(void **state)
{
	char command[FOLDER_MAX + 16];

	(void)state;
	for (unsigned i = 0; i < quarantine.count; i++) {
		close(quarantine.directory[i].fd);
	}
	quarantine.count = 0;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

/* ---- tests ---- */

static void test_there_and_back(void **state)
{
	char id[AGENT_ID_MAX];

	(void)state;
	assert_int_equal(quarantine_init(&quarantine, &config), 0);
	spit(path_of("file"), "text", 0640);
	put(path_of("file"), id);
	assert_true(access(path_of("file"), F_OK) < 0);
	assert_true(quarantine_has(&quarantine, id));
	assert_int_equal(quarantine_restore(&quarantine, id, ""), 0);
	assert_content(path_of("file"), "text");
	assert_int_equal(mode_of(path_of("file")), 0640);
	assert_int_equal(quarantine_restore(&quarantine, id, ""), -ENOENT);
}

/* Who may write in the root of a watched mount must not keep the agent from starting. */
static void test_name_is_taken(void **state)
{
	(void)state;
	config.watch_count = 1;
	snprintf(config.watch[0].path, sizeof(config.watch[0].path), "%s", folder);
	spit(path_of(QUARANTINE_NAME), "mine", 0644);
	assert_int_equal(quarantine_init(&quarantine, &config), 0);
	assert_int_equal(quarantine.count, 1);
	close(quarantine.directory[0].fd);
	unlink(path_of(QUARANTINE_NAME));
	mkdir(path_of(QUARANTINE_NAME), 0755);
	assert_int_equal(quarantine_init(&quarantine, &config), 0);
	assert_int_equal(quarantine.count, 1);
	close(quarantine.directory[0].fd);
	chmod(path_of(QUARANTINE_NAME), 0700);
	assert_int_equal(quarantine_init(&quarantine, &config), 0);
	assert_int_equal(quarantine.count, 2);
}

static void test_configured_is_open_to_all(void **state)
{
	(void)state;
	mkdir(config.quarantine, 0755);
	assert_int_equal(quarantine_init(&quarantine, &config), -EPERM);
}

/* The longest configured path: its ids lead back. */
static void test_longest_path(void **state)
{
	size_t length = strlen(config.quarantine);
	char id[AGENT_ID_MAX];

	(void)state;
	memset(config.quarantine + length, 'q', CONFIG_QUARANTINE_MAX - 1 - length);
	config.quarantine[CONFIG_QUARANTINE_MAX - 1] = '\0';
	assert_int_equal(quarantine_init(&quarantine, &config), 0);
	spit(path_of("file"), "text", 0600);
	put(path_of("file"), id);
	assert_int_equal(quarantine_restore(&quarantine, id, ""), 0);
	assert_content(path_of("file"), "text");
}

/* Who owns the folder above puts a quarantine of his own in the place of the true one: no file of
 * his gets the owner and mode of the one that was put away. */
static void test_another_directory(void **state)
{
	char id[AGENT_ID_MAX];
	char own[2 * AGENT_ID_MAX];

	(void)state;
	assert_int_equal(quarantine_init(&quarantine, &config), 0);
	spit(path_of("file"), "true", 0600);
	chmod(path_of("file"), 04755);
	put(path_of("file"), id);
	assert_int_equal(rename(config.quarantine, path_of("moved")), 0);
	mkdir(config.quarantine, 0700);
	snprintf(own, sizeof(own), "%s", id);
	spit(own, "false", 0600);
	assert_int_equal(quarantine_restore(&quarantine, id, ""), 0);
	assert_content(path_of("file"), "true");
	assert_int_equal(mode_of(path_of("file")), 04755);
	assert_int_equal(mode_of(own), 0600);
}

/* What cannot be brought back as it was stays locked away. */
static void test_half_back(void **state)
{
	char id[AGENT_ID_MAX];
	char meta[AGENT_ID_MAX + 8];

	(void)state;
	if (geteuid() != 0) {
		skip();
	}
	assert_int_equal(quarantine_init(&quarantine, &config), 0);
	spit(path_of("file"), "text", 0644);
	put(path_of("file"), id);
	assert_int_equal(mode_of(id), 0);
	snprintf(meta, sizeof(meta), "%s.meta", id);
	spit(meta, "capability=00\n", 0600); /* that the kernel does not take */
	assert_true(quarantine_restore(&quarantine, id, "") < 0);
	assert_int_equal(mode_of(id), 0);
	assert_true(access(path_of("file"), F_OK) < 0);
}

/* There are many paths to a directory. */
static void test_same_directory(void **state)
{
	char id[AGENT_ID_MAX];
	int fd;

	(void)state;
	assert_int_equal(quarantine_init(&quarantine, &config), 0);
	fd = open(path_of("q/../q/."), O_PATH | O_DIRECTORY);
	assert_true(quarantine_is(&quarantine, fd));
	close(fd);
	fd = open(folder, O_PATH | O_DIRECTORY);
	assert_false(quarantine_is(&quarantine, fd));
	close(fd);
	spit(path_of("file"), "text", 0600);
	put(path_of("file"), id);
	assert_int_equal(quarantine_restore(&quarantine, id, path_of("q/../q/new")), -EPERM);
	assert_int_equal(quarantine_restore(&quarantine, id, path_of("new")), 0);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_there_and_back),    TEST(test_name_is_taken),
		TEST(test_longest_path),      TEST(test_configured_is_open_to_all),
		TEST(test_another_directory), TEST(test_half_back),
		TEST(test_same_directory),
	};

	return cmocka_run_group_tests_name("quarantine", tests, NULL, NULL);
}
