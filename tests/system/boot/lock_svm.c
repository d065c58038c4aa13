/* SPDX-License-Identifier: MIT */
/*
 * Plays a firmware that has locked AMD-V off. No emulator here keeps VM_CR (QEMU's TCG drops writes
 * and reads 0), so the answer to RDMSR is played: each RDMSR in the loader's code becomes a UD2,
 * which is as long, and a handler of #UD does the RDMSR in its place and sets SVMDIS in what VM_CR
 * gives.
 */
#include <efi.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "arch/x86_64/boot/console.h"
#include "tests/system/boot/chain.h"

#define VECTOR_UD	6U
#define PE_OFFSET_FIELD 0x3cU /* PE/COFF specification 3.1, 3.4.1 */
#define PE_SIZE_OF_CODE 28U   /* from the PE signature on */
#define PE_BASE_OF_CODE 44U
#define OPCODE_LENGTH	2U

struct idt_register {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

struct idt_gate {
	uint16_t offset_low;
	uint16_t selector;
	uint16_t flags;
	uint16_t offset_middle;
	uint32_t offset_high;
	uint32_t reserved;
};

EFI_STATUS efi_main(EFI_HANDLE handle, EFI_SYSTEM_TABLE *system);

void emulate_rdmsr(void);

/* ECX, EAX and EDX are the RDMSR's own; RIP is at the top of the stack. */
__asm__(".text\n"
	"emulate_rdmsr:\n"
	"	rdmsr\n"
	"	cmp $0xc0010114, %ecx\n" /* VM_CR: AMD APM 2, 15.30.1 */
	"	jne 1f\n"
	"	or $0x10, %eax\n" /* SVMDIS */
	"1:	addq $2, (%rsp)\n"
	"	iretq\n");

static void set_gate(uint32_t vector, void (*handler)(void))
{
	struct idt_register idt;
	struct idt_gate *gate;
	uint64_t address = (uintptr_t)handler;

	__asm__ volatile("sidt %0" : "=m"(idt));
	gate = (struct idt_gate *)idt.base + vector;
	gate->offset_low = (uint16_t)address;
	gate->offset_middle = (uint16_t)(address >> 16);
	gate->offset_high = (uint32_t)(address >> 32);
}

static uint32_t field(const uint8_t *base, uint32_t offset)
{
	uint32_t value;

	memcpy(&value, base + offset, sizeof(value));
	return value;
}

/* How many there were. */
static uint64_t replace_rdmsr(uint8_t *image)
{
	static const uint8_t rdmsr_opcode[OPCODE_LENGTH] = {0x0f, 0x32};
	static const uint8_t ud2_opcode[OPCODE_LENGTH] = {0x0f, 0x0b};
	uint32_t pe = field(image, PE_OFFSET_FIELD);
	uint8_t *code = image + field(image, pe + PE_BASE_OF_CODE);
	uint32_t size = field(image, pe + PE_SIZE_OF_CODE);
	uint64_t count = 0;

	for (uint32_t i = 0; i + OPCODE_LENGTH <= size; i++) {
		if (memcmp(code + i, rdmsr_opcode, OPCODE_LENGTH) == 0) {
			memcpy(code + i, ud2_opcode, OPCODE_LENGTH);
			count++;
		}
	}
	return count;
}

EFI_STATUS efi_main(EFI_HANDLE handle, EFI_SYSTEM_TABLE *system)
{
	static EFI_GUID guid = LOADED_IMAGE_PROTOCOL;
	EFI_BOOT_SERVICES *boot = system->BootServices;
	EFI_LOADED_IMAGE *image;
	EFI_HANDLE loader;
	EFI_STATUS status = chain_load(handle, system, &loader);

	if (!EFI_ERROR(status)) {
		status = boot->HandleProtocol(loader, &guid, (void **)&image);
	}
	if (EFI_ERROR(status)) {
		return status;
	}
	console_init(system);
	console_print("lock_svm: answers %u RDMSR of the loader\n",
		      replace_rdmsr(image->ImageBase));
	set_gate(VECTOR_UD, emulate_rdmsr);
	return boot->StartImage(loader, NULL, NULL);
}
