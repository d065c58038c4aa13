/* SPDX-License-Identifier: MIT */
/*
 * What must be true before ring 0 may start: CPU, memory, manifest. Each failed check prints what
 * is wrong and what to do about it.
 */
#ifndef ARCH_X86_64_BOOT_CHECK_H
#define ARCH_X86_64_BOOT_CHECK_H

#include "arch/x86_64/boot/loader.h"

/* Intel VT-x, not locked off, with EPT and unrestricted guest; SSE4.2; 4-level paging. */
EFI_STATUS check_cpu(void);

/* loader->blob, by manifest_check. Needs SSE4.2 to be quick: after check_cpu. */
EFI_STATUS check_blob(const struct loader *loader);

/* Free memory against what the (checked) manifest asks for. */
EFI_STATUS check_memory(const struct loader *loader);

#endif
