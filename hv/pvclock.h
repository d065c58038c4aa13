/* SPDX-License-Identifier: MIT */
/*
 * The paravirtual clock that Linux guests know as kvm-clock: the TSC's frequency and the time of
 * day, written once to where the guest says. Linux takes an x2APIC without interrupt remapping, and
 * on AMD CPUs the TSC's frequency, only from a hypervisor that it knows (docs/guest-interface.md).
 * Interface: Linux, Documentation/virt/kvm/x86/msr.rst and cpuid.rst. No lock: it keeps no state.
 */
#ifndef HV_PVCLOCK_H
#define HV_PVCLOCK_H

#include "hv/guest_mem.h"

/* CPUID leaves, the second place where a guest looks; MUX_CPUID_SIGNATURE is the first. */
#define PVCLOCK_CPUID_SIGNATURE 0x40000100U
#define PVCLOCK_CPUID_FEATURES	0x40000101U
/* No delay by port 0x80 is needed; the MSRs below; the TSCs of all vCPUs agree. */
#define PVCLOCK_FEATURES ((1U << 1) | (1U << 3) | (1U << 24))

#define PVCLOCK_MSR_WALL   0x4b564d00U
#define PVCLOCK_MSR_SYSTEM 0x4b564d01U

/* A guest's write to one of the two MSRs. -EINVAL: the place is not in its RAM. */
int pvclock_msr_write(const struct guest_mem *mem, uint32_t msr, uint64_t value);

#endif
