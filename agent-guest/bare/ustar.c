/* SPDX-License-Identifier: MIT */
/* Reader of tar archives: see ustar.h. Format: POSIX.1-2017, pax, "ustar Interchange Format". */
#include "agent-guest/bare/ustar.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 512U

/* Offsets and sizes of header fields. */
#define NAME_AT	    0U
#define NAME_SIZE   100U
#define SIZE_AT	    124U
#define SIZE_SIZE   12U
#define SUM_AT	    148U
#define SUM_SIZE    8U
#define TYPE_AT	    156U
#define LINK_AT	    157U
#define MAGIC_AT    257U
#define PREFIX_AT   345U
#define PREFIX_SIZE 155U

/* Long names that apply to the next entry. */
struct overrides {
	const uint8_t *name;
	size_t name_size;
	const uint8_t *link;
	size_t link_size;
};

void ustar_open(struct ustar *archive, const void *data, size_t size)
{
	*archive = (struct ustar){.data = data, .size = size};
}

static size_t field_length(const uint8_t *field, size_t size)
{
	const void *end = memchr(field, '\0', size);

	return end != NULL ? (size_t)((const uint8_t *)end - field) : size;
}

/* Octal, ended by a space, NUL or the field's end; spaces may come first. */
static bool octal(const uint8_t *field, size_t size, uint64_t *value)
{
	size_t i = 0;

	*value = 0;
	while (i < size && field[i] == ' ') {
		i++;
	}
	for (; i < size && field[i] != '\0' && field[i] != ' '; i++) {
		if (field[i] < '0' || field[i] > '7') {
			return false;
		}
		*value = *value * 8 + (uint64_t)(field[i] - '0');
	}
	return true;
}

static bool checksum_is_right(const uint8_t *header)
{
	uint64_t expected;
	uint64_t sum = 0;

	for (size_t i = 0; i < BLOCK; i++) {
		/* The checksum's own field counts as spaces. */
		sum += i >= SUM_AT && i < SUM_AT + SUM_SIZE ? ' ' : header[i];
	}
	return octal(header + SUM_AT, SUM_SIZE, &expected) && sum == expected;
}

static bool is_zero_block(const uint8_t *header)
{
	return header[0] == '\0' && memcmp(header, header + 1, BLOCK - 1) == 0;
}

/* The next header and its data: 1, 0 at the end, -EBADMSG. */
static int next_block(struct ustar *archive, const uint8_t **header, uint64_t *size)
{
	uint64_t left = archive->size - archive->at;

	*header = archive->data + archive->at;
	if (left == 0 || (left >= BLOCK && is_zero_block(*header))) {
		return 0;
	}
	if (left < BLOCK || !checksum_is_right(*header) ||
	    memcmp(*header + MAGIC_AT, "ustar", 5) != 0 ||
	    !octal(*header + SIZE_AT, SIZE_SIZE, size)) {
		return -EBADMSG;
	}
	/* Hard links and directories have no data whatever their size field says. */
	if ((*header)[TYPE_AT] >= '1' && (*header)[TYPE_AT] <= '6') {
		*size = 0;
	}
	left -= BLOCK;
	if (*size > left) {
		return -EBADMSG;
	}
	archive->at += BLOCK + (size_t)*size;
	left = (BLOCK - *size % BLOCK) % BLOCK;
	archive->at += (size_t)left < archive->size - archive->at ? (size_t)left
								  : archive->size - archive->at;
	return 1;
}

/* pax records: "LENGTH KEY=VALUE\n", where LENGTH counts the whole record. */
static int read_pax(const uint8_t *data, size_t size, struct overrides *overrides)
{
	while (size > 0) {
		size_t length = 0;
		size_t i = 0;

		for (; i < size && i < 10 && data[i] >= '0' && data[i] <= '9'; i++) {
			length = length * 10 + (size_t)(data[i] - '0');
		}
		if (i == size || data[i] != ' ' || length > size || length < i + 3 ||
		    data[length - 1] != '\n') {
			return -EBADMSG;
		}
		i++;
		if (length - i > 5 && memcmp(data + i, "path=", 5) == 0) {
			overrides->name = data + i + 5;
			overrides->name_size = length - i - 6;
		} else if (length - i > 9 && memcmp(data + i, "linkpath=", 9) == 0) {
			overrides->link = data + i + 9;
			overrides->link_size = length - i - 10;
		}
		data += length;
		size -= length;
	}
	return 0;
}

static int copy_name(char *to, const uint8_t *from, size_t size)
{
	if (size > USTAR_NAME_MAX) {
		return -ENAMETOOLONG;
	}
	memcpy(to, from, size);
	to[size] = '\0';
	return 0;
}

static int read_name(const uint8_t *header, const struct overrides *overrides, char *name)
{
	size_t prefix = field_length(header + PREFIX_AT, PREFIX_SIZE);
	size_t length = field_length(header + NAME_AT, NAME_SIZE);

	if (overrides->name != NULL) {
		return copy_name(name, overrides->name, overrides->name_size);
	}
	/* GNU's own format ("ustar  ") keeps times where ustar has the prefix. */
	if (header[MAGIC_AT + 5] == ' ') {
		prefix = 0;
	}
	memcpy(name, header + PREFIX_AT, prefix);
	if (prefix > 0) {
		name[prefix++] = '/';
	}
	memcpy(name + prefix, header + NAME_AT, length);
	name[prefix + length] = '\0';
	return 0;
}

static int read_link(const uint8_t *header, const struct overrides *overrides, char *link)
{
	if (overrides->link != NULL) {
		return copy_name(link, overrides->link, overrides->link_size);
	}
	return copy_name(link, header + LINK_AT, field_length(header + LINK_AT, NAME_SIZE));
}

/* Entries that say something about the next one; false: it is no such entry. */
static bool read_override(const uint8_t *header, const uint8_t *data, size_t size,
			  struct overrides *overrides, int *error)
{
	*error = 0;
	switch (header[TYPE_AT]) {
	case 'L':
		overrides->name = data;
		overrides->name_size = field_length(data, size);
		return true;
	case 'K':
		overrides->link = data;
		overrides->link_size = field_length(data, size);
		return true;
	case 'x': *error = read_pax(data, size, overrides); return true;
	case 'g': return true;
	default: return false;
	}
}

static bool read_type(const uint8_t *header, enum ustar_type *type)
{
	switch (header[TYPE_AT]) {
	case '0':
	case '\0':
	case '7': *type = USTAR_FILE; return true;
	case '1': *type = USTAR_HARD_LINK; return true;
	case '5': *type = USTAR_DIRECTORY; return true;
	default: return false;
	}
}

int ustar_next(struct ustar *archive, struct ustar_entry *entry)
{
	struct overrides overrides = {0};
	const uint8_t *header;
	uint64_t size;
	int result;

	while ((result = next_block(archive, &header, &size)) > 0) {
		const uint8_t *data = header + BLOCK;

		if (read_override(header, data, (size_t)size, &overrides, &result)) {
			if (result != 0) {
				return result;
			}
			continue;
		}
		if (!read_type(header, &entry->type)) {
			archive->skipped++;
			overrides = (struct overrides){0};
			continue;
		}
		entry->data = data;
		entry->size = (size_t)size;
		result = read_name(header, &overrides, entry->name);
		if (result == 0) {
			result = read_link(header, &overrides, entry->link);
		}
		return result == 0 ? 1 : result;
	}
	return result;
}
