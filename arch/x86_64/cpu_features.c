/* SPDX-License-Identifier: MIT */
/* CPUID as plain data. */
#include "arch/x86_64/cpu_features.h"

#include <string.h>

#include "arch/x86_64/cpuid.h"
#include "arch/x86_64/msr.h"
#include "hv/format.h"
#include "hv/types.h"

#define BIT(word, n) (((word) >> (n)&1U) != 0)

static struct cpu_features features;

static enum cpu_vendor detect_vendor(void)
{
	struct cpuid_regs r = cpuid(0, 0);
	char name[12];

	memcpy(name, &r.ebx, 4);
	memcpy(name + 4, &r.edx, 4);
	memcpy(name + 8, &r.ecx, 4);
	if (memcmp(name, "GenuineIntel", sizeof(name)) == 0) {
		return CPU_VENDOR_INTEL;
	}
	if (memcmp(name, "AuthenticAMD", sizeof(name)) == 0 ||
	    memcmp(name, "HygonGenuine", sizeof(name)) == 0) {
		return CPU_VENDOR_AMD;
	}
	return CPU_VENDOR_OTHER;
}

static void detect_brand(void)
{
	for (uint32_t i = 0; i < 3; i++) {
		struct cpuid_regs r = cpuid_if_offered(0x80000002U + i, 0);

		memcpy(features.brand + i * sizeof(r), &r, sizeof(r));
	}
}

static void detect_basic(void)
{
	struct cpuid_regs r = cpuid(1, 0);

	features.has_vmx = BIT(r.ecx, 5);
	features.has_pcid = BIT(r.ecx, 17);
	features.has_x2apic = BIT(r.ecx, 21);
	features.has_tsc_deadline = BIT(r.ecx, 24);
	features.has_xsave = BIT(r.ecx, 26);
	features.has_xsaves = BIT(cpuid_if_offered(0xd, 1).eax, 3);
}

static void detect_structured(void)
{
	struct cpuid_regs r = cpuid_if_offered(7, 0);

	features.has_fsgsbase = BIT(r.ebx, 0);
	features.has_smep = BIT(r.ebx, 7);
	features.has_invpcid = BIT(r.ebx, 10);
	features.has_rtm = BIT(r.ebx, 11);
	features.has_smap = BIT(r.ebx, 20);
	features.has_umip = BIT(r.ecx, 2);
	features.has_md_clear = BIT(r.edx, 10);
	features.has_ibrs = BIT(r.edx, 26);
	features.has_ibpb = BIT(r.edx, 26);
	features.has_stibp = BIT(r.edx, 27);
	features.has_l1d_flush = BIT(r.edx, 28);
	features.has_bhi_ctrl = BIT(cpuid_if_offered(7, 2).edx, 4);
	features.has_arch_capabilities = BIT(r.edx, 29);
	if (features.has_arch_capabilities) {
		features.arch_capabilities = rdmsr(MSR_ARCH_CAPABILITIES);
	}
}

static void detect_extended(void)
{
	struct cpuid_regs r = cpuid_if_offered(0x80000001U, 0);

	features.has_svm = BIT(r.ecx, 2);
	features.has_nx = BIT(r.edx, 20);
	features.has_pages_1g = BIT(r.edx, 26);
	features.has_rdtscp = BIT(r.edx, 27);
	features.has_invariant_tsc = BIT(cpuid_if_offered(0x80000007U, 0).edx, 8);
	r = cpuid_if_offered(0x80000008U, 0);
	features.physical_bits = r.eax != 0 ? r.eax & 0xff : 36;
	if (features.vendor == CPU_VENDOR_AMD) {
		features.has_ibpb |= BIT(r.ebx, 12);
		features.has_ibrs |= BIT(r.ebx, 14);
		features.has_stibp |= BIT(r.ebx, 15);
		features.has_automatic_ibrs = BIT(cpuid_if_offered(0x80000021U, 0).eax, 8);
	}
}

void cpu_features_init(void)
{
	features.vendor = detect_vendor();
	detect_brand();
	detect_basic();
	detect_structured();
	detect_extended();
}

const struct cpu_features *cpu_features_get(void)
{
	return &features;
}

size_t cpu_features_describe(char *out, size_t size)
{
	const struct {
		const char *name;
		bool is_there;
	} names[] = {
		{"vmx", features.has_vmx},
		{"svm", features.has_svm},
		{"x2apic", features.has_x2apic},
		{"tsc-deadline", features.has_tsc_deadline},
		{"invariant-tsc", features.has_invariant_tsc},
		{"nx", features.has_nx},
		{"1g-pages", features.has_pages_1g},
		{"smep", features.has_smep},
		{"smap", features.has_smap},
		{"umip", features.has_umip},
		{"xsave", features.has_xsave},
		{"xsaves", features.has_xsaves},
	};
	size_t length = 0;

	out[0] = '\0';
	for (uint32_t i = 0; i < ARRAY_COUNT(names); i++) {
		if (names[i].is_there) {
			length += format_text(out + length, size - length, "%s%s",
					      length > 0 ? " " : "", names[i].name);
		}
	}
	return length;
}
