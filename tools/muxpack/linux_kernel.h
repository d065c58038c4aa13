/* SPDX-License-Identifier: MIT */
/*
 * Reads a Linux kernel for x86-64: a bzImage that has the 64-bit entry point (boot protocol 2.12 or
 * later, Linux 3.8), or its decompressed vmlinux. Sources: Documentation/arch/x86/boot.rst, "The
 * Linux/x86 Boot Protocol" and "64-bit Boot Protocol". Trusts nothing in the file.
 */
#ifndef TOOLS_MUXPACK_LINUX_KERNEL_H
#define TOOLS_MUXPACK_LINUX_KERNEL_H

#include <asm/bootparam.h>

#include "tools/muxpack/elf_image.h"

struct linux_kernel {
	struct elf_image image;	   /* where the parts go; image.end: all that the kernel needs */
	struct setup_header setup; /* for struct boot_params, without what the boot loader fills */
};

/* 0, or -EINVAL with *why naming the fault (static text). */
int linux_kernel_read(const struct memory_file *file, struct linux_kernel *out, const char **why);

#endif
