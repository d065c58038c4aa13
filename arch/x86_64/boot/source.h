/* SPDX-License-Identifier: MIT */
/*
 * Where the hypervisor and the manifest come from: sections of the loader's own PE image (`.hv`,
 * `.blob`, `.syms`), so that one signature covers everything; for development, when the image has
 * neither section, loose files in \muxvisor of the volume that the loader was started from. With
 * Secure Boot on, loose files are refused: no signature covers them.
 */
#ifndef ARCH_X86_64_BOOT_SOURCE_H
#define ARCH_X86_64_BOOT_SOURCE_H

#include "arch/x86_64/boot/loader.h"

/* Fills loader->hv, blob and symbols, and says whether Secure Boot is on and which source it was.
 * Prints what is missing. */
EFI_STATUS source_find(struct loader *loader);

#endif
