/* SPDX-License-Identifier: MIT */
/* The OS of the agent's tests: see agent_os.h. */
#include "tests/unit/agent_os.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define LIST_ENTRIES 1000U

static char some_file; /* every file object is this one */

uint8_t fake_os_byte(uint64_t offset)
{
	return (uint8_t)(offset * 7 + (offset >> 16));
}

struct agent_event fake_event(enum mux_event_kind kind, uint64_t cookie, const char *path)
{
	return (struct agent_event){.kind = kind,
				    .can_wait = true,
				    .cookie = cookie,
				    .file_id = 1,
				    .file_version = 1,
				    .size = 100,
				    .pid = 7,
				    .path = path,
				    .path2 = "",
				    .process = "/bin/test"};
}

static void fake_decide(void *context, uint64_t cookie, const struct agent_decision *decision)
{
	struct fake_os *os = context;
	struct fake_decision *to = &os->decision[os->decisions++];

	assert_true(os->decisions <= FAKE_DECISIONS);
	for (unsigned i = 0; i + 1 < os->decisions; i++) {
		assert_true(os->decision[i].cookie != cookie); /* decided once */
	}
	to->cookie = cookie;
	to->verdict = decision->verdict;
	to->cause = decision->cause;
	snprintf(to->service, sizeof(to->service), "%s", decision->service);
	snprintf(to->text, sizeof(to->text), "%s", decision->text);
}

static void fake_log(void *context, const char *line)
{
	(void)context;
	assert_true(strlen(line) < 200);
}

static int fake_open_path(void *context, const char *path, void **file)
{
	struct fake_os *os = context;

	if (strcmp(path, "/missing") == 0) {
		return -ENOENT;
	}
	os->open_files++;
	*file = &some_file;
	return 0;
}

static int fake_open_event(void *context, uint64_t cookie, void **file)
{
	(void)cookie;
	return fake_open_path(context, "/event", file);
}

static void fake_hold(void *context, void *file)
{
	struct fake_os *os = context;

	assert_ptr_equal(file, &some_file);
	os->open_files++;
}

static void fake_close(void *context, void *file)
{
	struct fake_os *os = context;

	assert_ptr_equal(file, &some_file);
	assert_true(os->open_files > 0);
	os->open_files--;
}

static int64_t fake_read(void *context, void *file, uint64_t offset, void *buffer, size_t size,
			 const void **data)
{
	const struct fake_os *os = context;
	uint8_t *to = buffer;

	(void)file;
	if (offset >= os->file_size) {
		return 0;
	}
	if (size > os->file_size - offset) {
		size = (size_t)(os->file_size - offset);
	}
	for (size_t i = 0; i < size; i++) {
		to[i] = fake_os_byte(offset + i);
	}
	*data = buffer;
	return (int64_t)size;
}

static int64_t fake_write(void *context, void *file, uint64_t offset, const void *data, size_t size,
			  bool truncate)
{
	struct fake_os *os = context;

	(void)file;
	(void)offset;
	(void)data;
	(void)truncate;
	os->writes++;
	return (int64_t)size;
}

static int fake_stat(void *context, void *file, struct agent_stat *stat)
{
	const struct fake_os *os = context;

	(void)file;
	*stat = (struct agent_stat){.size = os->file_size, .mode = 0100644, .name = "file"};
	return 0;
}

static int fake_list(void *context, void *file, uint64_t *cursor, struct agent_stat *entry)
{
	(void)context;
	(void)file;
	if (*cursor == LIST_ENTRIES) {
		return 0;
	}
	*entry = (struct agent_stat){.size = *cursor};
	snprintf(entry->name, sizeof(entry->name), "entry-%u", (unsigned)*cursor);
	(*cursor)++;
	return 1;
}

static int fake_remove(void *context, void *file)
{
	(void)context;
	(void)file;
	return 0;
}

static int fake_quarantine(void *context, void *file, char *id)
{
	(void)context;
	(void)file;
	snprintf(id, AGENT_ID_MAX, "/q/1");
	return 0;
}

static int fake_create(void *context, const char *path, bool directory)
{
	(void)context;
	(void)path;
	return directory ? -EEXIST : 0;
}

static int fake_rename(void *context, void *file, const char *to)
{
	(void)context;
	(void)file;
	(void)to;
	return 0;
}

static int fake_restore(void *context, const char *id, const char *to)
{
	(void)context;
	(void)to;
	return strcmp(id, "/q/1") == 0 ? 0 : -ENOENT;
}

static int fake_process_next(void *context, uint64_t *cursor, struct agent_process *process)
{
	(void)context;
	if (*cursor == 2) {
		return 0;
	}
	*process = (struct agent_process){.pid = (uint32_t)*cursor + 1, .image = "/bin/x"};
	(*cursor)++;
	return 1;
}

static int fake_process_control(void *context, enum mux_verb verb,
				const struct agent_process_name *name, char *image)
{
	struct fake_os *os = context;

	os->control = verb;
	os->controlled = *name;
	if (name->pid != FAKE_PID && name->pid != FAKE_PID_PROTECTED) {
		return -ESRCH;
	}
	if (!agent_process_is(name, FAKE_START)) {
		return -ESTALE;
	}
	snprintf(image, AGENT_PATH_MAX, "/bin/x");
	return name->pid == FAKE_PID ? 0 : -EOPNOTSUPP;
}

const struct agent_os_ops fake_os_ops = {
	.decide = fake_decide,
	.log = fake_log,
	.open_path = fake_open_path,
	.open_event = fake_open_event,
	.hold = fake_hold,
	.close = fake_close,
	.read = fake_read,
	.write = fake_write,
	.stat = fake_stat,
	.list = fake_list,
	.remove = fake_remove,
	.quarantine = fake_quarantine,
	.create = fake_create,
	.rename = fake_rename,
	.restore = fake_restore,
	.process_next = fake_process_next,
	.process_control = fake_process_control,
};
