/* SPDX-License-Identifier: MIT */
/*
 * What a Linux partition is compared with: the same blob on the machine itself. Linked in ring 0's
 * place and started by the same loader, this puts the first partition's segments where they want to
 * be, at physical instead of guest-physical addresses, and starts the kernel in the state that ring
 * 0 would start it in. No hypervisor is there afterwards. Only for Bochs, one CPU; nothing of the
 * firmware works any longer.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "arch/x86_64/boot/handoff.h"
#include "arch/x86_64/io.h"
#include "muxvisor/manifest.h"

#define DEBUG_PORT   0xe9U
#define LINK_BASE    0xffffffff80000000ULL
#define CONVENTIONAL 0xa0000ULL
#define UPPER_MEMORY 0x100000ULL
#define PIC_1_MASK   0x21U
#define PIC_2_MASK   0xa1U
#define PCI_ADDRESS  0xcf8U
#define PCI_DATA     0xcfcU
#define PCI_HOST_PAM \
	0x8000005cU /* 440FX, registers 0x5c to 0x5f, PAM3 to PAM6: 0xd0000 to 0xfffff */
#define PAM_READ_WRITE                                                            \
	0x33333333U /* reads and writes of both halves of each register go to RAM \
		     */

#define COMMAND_LINE_POINTER 0x228U /* in boot_params: the boot protocol's cmd_line_ptr */

void direct_main(uint64_t handoff_address);
__attribute__((noreturn)) void direct_jump(uint64_t offset, uint64_t cr3, uint64_t entry,
					   uint64_t argument);

static void print(const char *text)
{
	while (*text) {
		outb(DEBUG_PORT, (uint8_t)*text++);
	}
}

/* Decimal, to the end of `text`. */
static void append_number(char *text, uint64_t value)
{
	uint64_t weight = 1;

	while (*text) {
		text++;
	}
	while (value / weight > 9) {
		weight *= 10;
	}
	for (; weight > 0; weight /= 10) {
		*text++ = (char)('0' + value / weight % 10);
	}
	*text = '\0';
}

static void print_number(uint64_t value)
{
	char digits[24] = "";

	append_number(digits, value);
	print(digits);
}

__attribute__((noreturn)) static void refuse(const char *why)
{
	print("direct: ");
	print(why);
	print("\n");
	for (;;) {
		__asm__ volatile("hlt");
	}
}

/* What the code below still reads must not be where the kernel goes. */
static void check_memory(const struct handoff *handoff, uint64_t end)
{
	const struct handoff_range *ranges = (const struct handoff_range *)handoff->ranges;

	for (uint32_t i = 0; i < handoff->range_count; i++) {
		bool is_needed =
			ranges[i].type == HANDOFF_LOADER || ranges[i].type == HANDOFF_HYPERVISOR;

		if (is_needed && ranges[i].base >= UPPER_MEMORY && ranges[i].base < end) {
			refuse("the loader's memory is where the kernel's has to be");
		}
	}
}

/* The firmware's interrupt controllers stay silent, and RAM shows below 1 MiB, where ROM was. */
static void prepare_machine(void)
{
	outb(PIC_1_MASK, 0xff);
	outb(PIC_2_MASK, 0xff);
	outl(PCI_ADDRESS, PCI_HOST_PAM);
	outl(PCI_DATA, PAM_READ_WRITE);
}

static void load(const uint8_t *blob, const struct mux_partition_record *partition)
{
	const struct mux_blob_header *header = (const struct mux_blob_header *)blob;
	const struct mux_segment_record *segments =
		(const struct mux_segment_record *)(blob + header->segment_offset) +
		partition->segment_first;

	memset((void *)4096, 0, CONVENTIONAL - 4096);
	memset((void *)UPPER_MEMORY, 0, partition->memory_size - UPPER_MEMORY);
	for (uint32_t i = 0; i < partition->segment_count; i++) {
		memcpy((void *)segments[i].gpa, blob + segments[i].offset, segments[i].size);
	}
}

/* A guest learns the frequency from kvm-clock; the machine itself has no clock that a kernel with
 * this blob's ACPI tables looks for. */
static void tell_frequency(const struct mux_partition_record *partition, uint64_t khz)
{
	static const char option[] = " tsc_early_khz=";
	char *line = (char *)(uint64_t) * (uint32_t *)(partition->argument + COMMAND_LINE_POINTER);
	char *end = line;

	while (*end) {
		end++;
	}
	memcpy(end, option, sizeof(option));
	append_number(end, khz);
}

void direct_main(uint64_t handoff_address)
{
	uint64_t entered = rdtsc();
	const struct handoff *handoff = (const struct handoff *)handoff_address;
	const uint8_t *blob = (const uint8_t *)handoff->blob_base;
	const struct mux_blob_header *header = (const struct mux_blob_header *)blob;
	const struct mux_partition_record *partition =
		(const struct mux_partition_record *)(blob + header->partition_offset);
	uint64_t offset = handoff->image_base - LINK_BASE;

	check_memory(handoff, partition->memory_size);
	prepare_machine();
	load(blob, partition);
	tell_frequency(partition, handoff->tsc_khz);
	print("direct: entered at ");
	print_number(entered);
	print(", kernel starts at ");
	print_number(rdtsc());
	print("\n");
	direct_jump(offset, partition->cr3, partition->entry, partition->argument);
}
