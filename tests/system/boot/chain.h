/* SPDX-License-Identifier: MIT */
/*
 * For test programs that start before the loader, play a firmware with some property, and start the
 * loader then.
 */
#ifndef TESTS_SYSTEM_BOOT_CHAIN_H
#define TESTS_SYSTEM_BOOT_CHAIN_H

#include <efi.h>

/* Loads \EFI\BOOT\LOADER.EFI of the volume that the program `self` was started from. The firmware
 * checks its signature when Secure Boot is on. */
EFI_STATUS chain_load(EFI_HANDLE self, EFI_SYSTEM_TABLE *system, EFI_HANDLE *loader);

#endif
