/* SPDX-License-Identifier: MIT */
/* What is kept of a file in quarantine: see quarantine_record.h. */
#include "agent-guest/linux/quarantine_record.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define HEADER "muxvisor-quarantine 1\n"

enum { HAS_PATH = 1, HAS_MODE = 2, HAS_OWNER = 4, HAS_ATIME = 8, HAS_MTIME = 16, HAS_ALL = 31 };

static size_t encode_path(char *to, const char *path)
{
	size_t used = 0;

	for (; *path != '\0'; path++) {
		unsigned char c = (unsigned char)*path;

		if (c < ' ' || c == '\\' || c == 0x7f) {
			used += (size_t)sprintf(to + used, "\\x%02x", c);
		} else {
			to[used++] = (char)c;
		}
	}
	to[used] = '\0';
	return used;
}

size_t quarantine_record_encode(const struct quarantine_record *record,
				char text[QUARANTINE_RECORD_MAX])
{
	size_t used = (size_t)sprintf(text, HEADER "path=");

	/* At most four characters each: the buffer holds the longest path. */
	used += encode_path(text + used, record->path);
	used += (size_t)sprintf(text + used,
				"\nmode=%o\nowner=%" PRIu32 ":%" PRIu32 "\natime=%lld.%09ld\n"
				"mtime=%lld.%09ld\n",
				record->mode, record->uid, record->gid,
				(long long)record->atime.tv_sec, record->atime.tv_nsec,
				(long long)record->mtime.tv_sec, record->mtime.tv_nsec);
	if (record->capability_size > 0) {
		used += (size_t)sprintf(text + used, "capability=");
		for (size_t i = 0; i < record->capability_size; i++) {
			used += (size_t)sprintf(text + used, "%02x", record->capability[i]);
		}
		used += (size_t)sprintf(text + used, "\n");
	}
	return used;
}

/* ---- reading ---- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Two digits, or -1. */
static int hex_byte(const char *text)
{
	int high = hex_digit(text[0]);
	int low = high < 0 ? -1 : hex_digit(text[1]);

	return low < 0 ? -1 : high * 16 + low;
}

static bool decode_path(struct quarantine_record *record, const char *text, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < size; i++) {
		int c = (unsigned char)text[i];

		if (c == '\\') {
			c = size - i > 3 && text[i + 1] == 'x' ? hex_byte(text + i + 2) : -1;
			i += 3;
		}
		if (c <= 0 || used + 1 >= sizeof(record->path)) {
			return false;
		}
		record->path[used++] = (char)c;
	}
	record->path[used] = '\0';
	return record->path[0] == '/';
}

static bool decode_capability(struct quarantine_record *record, const char *text, size_t size)
{
	if (size % 2 != 0 || size / 2 > sizeof(record->capability)) {
		return false;
	}
	for (size_t i = 0; i < size / 2; i++) {
		int byte = hex_byte(text + 2 * i);

		if (byte < 0) {
			return false;
		}
		record->capability[i] = (uint8_t)byte;
	}
	record->capability_size = size / 2;
	return true;
}

static bool decode_time(struct timespec *time, const char *text, size_t size)
{
	long long seconds;
	long nanoseconds;
	int used = -1;

	if (sscanf(text, "%lld.%9ld%n", &seconds, &nanoseconds, &used) != 2 || used < 0 ||
	    (size_t)used != size || nanoseconds < 0 || nanoseconds > 999999999) {
		return false;
	}
	*time = (struct timespec){.tv_sec = (time_t)seconds, .tv_nsec = nanoseconds};
	return true;
}

static bool decode_numbers(struct quarantine_record *record, const char *key, const char *text,
			   size_t size)
{
	int used = -1;

	if (strncmp(key, "mode=", 5) == 0) {
		return sscanf(text, "%" SCNo32 "%n", &record->mode, &used) == 1 &&
		       (size_t)used == size && record->mode <= 07777;
	}
	return sscanf(text, "%" SCNu32 ":%" SCNu32 "%n", &record->uid, &record->gid, &used) == 2 &&
	       (size_t)used == size;
}

/* The bit of the key, 0 for one that is not essential, or -1. */
static int decode_line(struct quarantine_record *record, const char *line, size_t size)
{
	const char *equals = memchr(line, '=', size);
	const char *value = equals != NULL ? equals + 1 : line;
	size_t left = size - (size_t)(value - line);

	if (strncmp(line, "path=", 5) == 0) {
		return decode_path(record, value, left) ? HAS_PATH : -1;
	}
	if (strncmp(line, "mode=", 5) == 0) {
		return decode_numbers(record, line, value, left) ? HAS_MODE : -1;
	}
	if (strncmp(line, "owner=", 6) == 0) {
		return decode_numbers(record, line, value, left) ? HAS_OWNER : -1;
	}
	if (strncmp(line, "atime=", 6) == 0) {
		return decode_time(&record->atime, value, left) ? HAS_ATIME : -1;
	}
	if (strncmp(line, "mtime=", 6) == 0) {
		return decode_time(&record->mtime, value, left) ? HAS_MTIME : -1;
	}
	if (strncmp(line, "capability=", 11) == 0) {
		return decode_capability(record, value, left) ? 0 : -1;
	}
	return -1;
}

int quarantine_record_decode(struct quarantine_record *record, const char *text)
{
	int has = 0;

	memset(record, 0, sizeof(*record));
	if (strncmp(text, HEADER, strlen(HEADER)) != 0) {
		return -EINVAL;
	}
	text += strlen(HEADER);
	while (*text != '\0') {
		size_t size = strcspn(text, "\n");
		int bit = decode_line(record, text, size);

		if (bit < 0 || (has & bit) != 0 || text[size] != '\n') {
			return -EINVAL;
		}
		has |= bit;
		text += size + 1;
	}
	return has == HAS_ALL ? 0 : -EINVAL;
}
