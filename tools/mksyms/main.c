/* SPDX-License-Identifier: MIT */
/*
 * mksyms: turns `nm -n --defined-only` of the hypervisor (standard input) into the symbol table
 * that ring 0 reads (arch/x86_64/boot/handoff.h), on standard output. Functions only, and the first
 * name of each address.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SYMBOLS_MAX  65536U
#define NAMES_MAX    (4U << 20)
#define LINK_BASE    0xffffffff80000000ULL
#define OFFSET_LIMIT 0x40000000ULL

struct record {
	uint32_t offset; /* from LINK_BASE */
	uint32_t name;	 /* offset in the names */
};

static struct record records[SYMBOLS_MAX];
static char names[NAMES_MAX];
static uint32_t record_count;
static uint32_t names_size;

/* False when the tables are full. */
static bool add_symbol(uint64_t address, const char *name)
{
	size_t size = strlen(name) + 1;
	uint32_t offset = (uint32_t)(address - LINK_BASE);

	if (record_count > 0 && records[record_count - 1].offset == offset) {
		return true;
	}
	if (record_count == SYMBOLS_MAX || size > NAMES_MAX - names_size) {
		return false;
	}
	records[record_count++] = (struct record){offset, names_size};
	memcpy(names + names_size, name, size);
	names_size += (uint32_t)size;
	return true;
}

static bool is_function(char type)
{
	return type == 't' || type == 'T' || type == 'w' || type == 'W';
}

static int read_symbols(void)
{
	static char line[1024];
	static char name[1000];
	char type;
	uint64_t address;

	while (fgets(line, sizeof(line), stdin) != NULL) {
		if (sscanf(line, "%" SCNx64 " %c %999s", &address, &type, name) != 3 ||
		    !is_function(type) || address < LINK_BASE ||
		    address - LINK_BASE >= OFFSET_LIMIT) {
			continue;
		}
		if (!add_symbol(address, name)) {
			fputs("mksyms: too many symbols\n", stderr);
			return 1;
		}
	}
	if (record_count == 0) {
		fputs("mksyms: no function symbols at the link address on standard input\n",
		      stderr);
		return 1;
	}
	return 0;
}

static int write_table(void)
{
	if (fwrite(&record_count, sizeof(record_count), 1, stdout) != 1 ||
	    fwrite(records, sizeof(records[0]), record_count, stdout) != record_count ||
	    fwrite(names, 1, names_size, stdout) != names_size || fflush(stdout) != 0) {
		perror("mksyms: can't write");
		return 1;
	}
	return 0;
}

int main(void)
{
	int status = read_symbols();

	return status != 0 ? status : write_table();
}
