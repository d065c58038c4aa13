// SPDX-License-Identifier: MIT
/*
 * Hypercalls (muxvisor/hypercall.h) as functions. Error numbers of the ABI equal those of the C
 * library where both have one; ENOSYS does not.
 */
#include "appliance/runtime/runtime.h"

#include <errno.h>
#include <stdio.h>

_Static_assert(MUX_EPERM == EPERM && MUX_ENOENT == ENOENT && MUX_EAGAIN == EAGAIN &&
		       MUX_EFAULT == EFAULT && MUX_EBUSY == EBUSY && MUX_EEXIST == EEXIST &&
		       MUX_EINVAL == EINVAL && MUX_ENOSPC == ENOSPC,
	       "error numbers");

static bool uses_vmmcall;

void hypercalls_init(void)
{
	uint32_t a = MUX_CPUID_FEATURES, b, c = 0, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	uses_vmmcall = (b & MUX_FEATURE_VMMCALL) != 0;
}

static int64_t hypercall(uint64_t number, uint64_t first, uint64_t second, uint64_t third)
{
	int64_t result;

	if (uses_vmmcall) {
		__asm__ volatile("vmmcall"
				 : "=a"(result)
				 : "a"(number), "D"(first), "S"(second), "d"(third)
				 : "memory");
	} else {
		__asm__ volatile("vmcall"
				 : "=a"(result)
				 : "a"(number), "D"(first), "S"(second), "d"(third)
				 : "memory");
	}
	return result == -(int64_t)MUX_ENOSYS ? -ENOSYS : result;
}

static uint64_t address_of(const void *data)
{
	return (uint64_t)(uintptr_t)data; /* identity map */
}

int mux_abi_version(void)
{
	return (int)hypercall(MUX_HC_VERSION, 0, 0, 0);
}

void mux_exit(int code)
{
	for (;;) {
		hypercall(MUX_HC_EXIT, (uint64_t)(code & 0xff), 0, 0);
	}
}

void mux_yield(void)
{
	hypercall(MUX_HC_YIELD, 0, 0, 0);
}

int mux_stats(uint32_t cid, struct mux_stats *out)
{
	int64_t result = hypercall(MUX_HC_STATS, cid, address_of(out), sizeof(*out));

	return result < 0 ? (int)result : 0;
}

int mux_partition_info(uint32_t index, struct mux_partition_info *out)
{
	int64_t result = hypercall(MUX_HC_PARTITION_INFO, index, address_of(out), sizeof(*out));

	return result < 0 ? (int)result : 0;
}

int mux_partition_control(uint32_t cid, enum mux_control control)
{
	return (int)hypercall(MUX_HC_PARTITION_CONTROL, cid, (uint64_t)control, 0);
}

int mux_policy_add(const struct mux_rule_record *rule)
{
	return (int)hypercall(MUX_HC_POLICY, address_of(rule), MUX_POLICY_ADD, 0);
}

int mux_policy_remove(const struct mux_rule_record *rule)
{
	return (int)hypercall(MUX_HC_POLICY, address_of(rule), MUX_POLICY_REMOVE, 0);
}

int64_t mux_policy_count(const struct mux_rule_record *rule)
{
	return hypercall(MUX_HC_POLICY, address_of(rule), MUX_POLICY_COUNT, 0);
}

int mux_machine_off(int code)
{
	fflush(NULL);
	return (int)hypercall(MUX_HC_MACHINE_OFF, (uint64_t)(code & 0xff), 0, 0);
}
