/* SPDX-License-Identifier: MIT */
/* Secure Boot's state: see secure_boot.h. */
#include "arch/x86_64/boot/secure_boot.h"

/* UEFI 2.10, 3.3: SecureBoot is one byte, 1 when on; only the firmware can write it. A firmware
 * without Secure Boot has no such variable. */
bool secure_boot_is_on(const struct loader *loader)
{
	static EFI_GUID global_variable = EFI_GLOBAL_VARIABLE;
	static CHAR16 name[] = L"SecureBoot";
	UINT8 value = 0;
	UINTN size = sizeof(value);
	EFI_STATUS status = loader->system->RuntimeServices->GetVariable(name, &global_variable,
									 NULL, &size, &value);

	return status != EFI_NOT_FOUND && (EFI_ERROR(status) || value != 0);
}
