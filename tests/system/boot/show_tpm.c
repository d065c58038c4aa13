/* SPDX-License-Identifier: MIT */
/*
 * Starts the loader, and when that ends boot services, writes to the emulator's debug port what the
 * TPM holds then: the firmware's event log, and PCR 11 and 13 as the TPM itself tells them. Each
 * line: "tpm-log: HEX" or "tpm-pcr N: HEX".
 */
#include <efi.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "arch/x86_64/boot/tcg2.h"
#include "arch/x86_64/io.h"
#include "tests/system/boot/chain.h"

#define PORT_DEBUG	   0xe9U
#define PCR_READ_SIZE	   20U
#define PCR_READ_SELECTION 17U /* 3 bytes of bits */
#define PCR_READ_DIGEST	   30U /* in the response */
#define SHA256_SIZE	   32U

EFI_STATUS efi_main(EFI_HANDLE handle, EFI_SYSTEM_TABLE *system);

static struct tcg2_protocol *tpm;

static void put_text(const char *text)
{
	while (*text != '\0') {
		outb(PORT_DEBUG, (uint8_t)*text++);
	}
}

static void put_hex(const uint8_t *bytes, uint64_t size)
{
	for (uint64_t i = 0; i < size; i++) {
		outb(PORT_DEBUG, (uint8_t) "0123456789abcdef"[bytes[i] >> 4]);
		outb(PORT_DEBUG, (uint8_t) "0123456789abcdef"[bytes[i] & 15]);
	}
}

static uint16_t read_u16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static uint32_t read_u32(const uint8_t *bytes)
{
	return read_u16(bytes) | (uint32_t)read_u16(bytes + 2) << 16;
}

/* TPM 2.0 Library, Part 2, 6.3: TPM_ALG_ID */
static uint32_t digest_size(uint16_t algorithm)
{
	switch (algorithm) {
	case 0x4: return 20;
	case 0xc: return 48;
	case 0xd: return 64;
	default: return 32;
	}
}

/* TCG_PCR_EVENT2: PCR, type, digests, event (Platform Firmware Profile 1.05, 10.2.2). */
static const uint8_t *event_end(const uint8_t *event)
{
	uint32_t count = read_u32(event + 8);
	const uint8_t *position = event + 12;

	for (uint32_t i = 0; i < count; i++) {
		position += 2 + digest_size(read_u16(position));
	}
	return position + 4 + read_u32(position);
}

static void show_log(void)
{
	EFI_PHYSICAL_ADDRESS first;
	EFI_PHYSICAL_ADDRESS last;
	BOOLEAN is_truncated;

	if (EFI_ERROR(
		    tpm->get_event_log(tpm, TCG2_EVENT_LOG_TCG_2, &first, &last, &is_truncated)) ||
	    is_truncated || last == first) {
		put_text("tpm-log: none, or cut short\n");
		return;
	}
	put_text("tpm-log: ");
	put_hex((const uint8_t *)first, (uint64_t)event_end((const uint8_t *)last) - first);
	put_text("\n");
}

/* TPM 2.0 Library, Part 3, 22.4: TPM2_PCR_Read of one PCR's SHA-256 bank; numbers are big-endian.
 */
static void show_pcr(uint32_t pcr, const char *title)
{
	uint8_t command[PCR_READ_SIZE] = {0x80, 0x01, 0, 0, 0,	  PCR_READ_SIZE, 0, 0, 0x01, 0x7e,
					  0,	0,    0, 1, 0x00, 0x0b,		 3, 0, 0,    0};
	uint8_t response[128] = {0};

	command[PCR_READ_SELECTION + pcr / 8] = (uint8_t)(1U << pcr % 8);
	put_text(title);
	if (EFI_ERROR(tpm->submit_command(tpm, sizeof(command), command, sizeof(response),
					  response))) {
		put_text("can't be read\n");
		return;
	}
	put_hex(response + PCR_READ_DIGEST, SHA256_SIZE);
	put_text("\n");
}

static void EFIAPI show(EFI_EVENT event, void *context)
{
	(void)event;
	(void)context;
	show_log();
	show_pcr(11, "tpm-pcr 11: ");
	show_pcr(13, "tpm-pcr 13: ");
}

EFI_STATUS efi_main(EFI_HANDLE handle, EFI_SYSTEM_TABLE *system)
{
	static EFI_GUID guid = TCG2_PROTOCOL_GUID;
	EFI_BOOT_SERVICES *boot = system->BootServices;
	EFI_EVENT event;
	EFI_HANDLE loader;
	EFI_STATUS status = chain_load(handle, system, &loader);

	if (!EFI_ERROR(status)) {
		status = boot->LocateProtocol(&guid, NULL, (void **)&tpm);
	}
	if (!EFI_ERROR(status)) {
		status = boot->CreateEvent(EVT_SIGNAL_EXIT_BOOT_SERVICES, TPL_CALLBACK, show, NULL,
					   &event);
	}
	return EFI_ERROR(status) ? status : boot->StartImage(loader, NULL, NULL);
}
