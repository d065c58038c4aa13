/* SPDX-License-Identifier: MIT */
/* Whether the firmware starts only what carries a signature that it trusts. */
#ifndef ARCH_X86_64_BOOT_SECURE_BOOT_H
#define ARCH_X86_64_BOOT_SECURE_BOOT_H

#include "arch/x86_64/boot/loader.h"

/* By the firmware's variable SecureBoot. True also when the firmware can't tell. */
bool secure_boot_is_on(const struct loader *loader);

#endif
