/* SPDX-License-Identifier: MIT */
/*
 * EFI_TCG2_PROTOCOL, which GNU-EFI does not have: TCG EFI Protocol Specification, Family "2.0",
 * Revision 00.13, chapter 6. Only declarations.
 */
#ifndef ARCH_X86_64_BOOT_TCG2_H
#define ARCH_X86_64_BOOT_TCG2_H

#include <efi.h>

#define TCG2_PROTOCOL_GUID                                             \
	{                                                              \
		0x607f766c, 0x7455, 0x42be,                            \
		{                                                      \
			0x93, 0x0b, 0xe4, 0xd7, 0x6d, 0xb2, 0x72, 0x0f \
		}                                                      \
	}

#define TCG2_EVENT_HEADER_VERSION 1U
#define TCG2_EVENT_LOG_TCG_2	  2U   /* crypto-agile log format */
#define TCG2_EV_IPL		  0xdU /* TCG PC Client Platform Firmware Profile 1.05, 10.4.1 */

/* Natural alignment; size is the caller's room first, then what was filled. */
struct tcg2_capability {
	UINT8 size;
	UINT8 structure_version[2];
	UINT8 protocol_version[2];
	UINT32 hash_algorithms;
	UINT32 event_logs;
	BOOLEAN tpm_present;
	UINT16 command_size_max;
	UINT16 response_size_max;
	UINT32 manufacturer;
	UINT32 pcr_bank_count;
	UINT32 pcr_banks_active;
};

_Static_assert(sizeof(struct tcg2_capability) == 36, "tcg2_capability");

struct tcg2_event {
	UINT32 size; /* of everything, the text included */
	UINT32 header_size;
	UINT16 header_version;
	UINT32 pcr;
	UINT32 type;
	char text[48]; /* NUL-terminated; `size` ends behind the NUL */
} __attribute__((packed));

#define TCG2_EVENT_HEADER_SIZE 14U /* header_size to type */
_Static_assert(sizeof(struct tcg2_event) == 4 + TCG2_EVENT_HEADER_SIZE + 48, "tcg2_event");

struct tcg2_protocol {
	EFI_STATUS(EFIAPI *get_capability)
	(struct tcg2_protocol *self, struct tcg2_capability *capability);
	EFI_STATUS(EFIAPI *get_event_log)
	(struct tcg2_protocol *self, UINT32 format, EFI_PHYSICAL_ADDRESS *first,
	 EFI_PHYSICAL_ADDRESS *last, BOOLEAN *truncated);
	EFI_STATUS(EFIAPI *hash_log_extend_event)
	(struct tcg2_protocol *self, UINT64 flags, EFI_PHYSICAL_ADDRESS data, UINT64 size,
	 struct tcg2_event *event);
	EFI_STATUS(EFIAPI *submit_command)
	(struct tcg2_protocol *self, UINT32 in_size, UINT8 *in, UINT32 out_size, UINT8 *out);
	/* More follow, which nobody here calls. */
};

#endif
