/* SPDX-License-Identifier: MIT */
/* The page tables that ring 0 starts with: RAM at its physical address, the image at its link one.
 */
#ifndef ARCH_X86_64_BOOT_PAGE_TABLES_H
#define ARCH_X86_64_BOOT_PAGE_TABLES_H

#include "arch/x86_64/boot/image.h"
#include "arch/x86_64/boot/loader.h"

/* *cr3: the tables' physical address. Maps at least the first 4 GiB. Prints what is wrong. */
EFI_STATUS page_tables_build(const struct loader *loader, const struct image *image, uint64_t *cr3);

#endif
