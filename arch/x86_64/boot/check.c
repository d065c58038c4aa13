/* SPDX-License-Identifier: MIT */
/* What must be true before ring 0 may start: see check.h. */
#include "arch/x86_64/boot/check.h"

#include <string.h>

#include "arch/x86_64/boot/console.h"
#include "arch/x86_64/boot/memory_map.h"
#include "arch/x86_64/cpuid.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/msr.h"
#include "hv/manifest.h"

#define CPUID_1_ECX_VMX	       (1U << 5)
#define CPUID_EXTENDED	       0x80000001U
#define CPUID_ECX_SVM	       (1U << 2)
#define CPUID_SVM	       0x8000000aU
#define CPUID_SVM_NESTED       (1U << 0)
#define CPUID_1_ECX_SSE42      (1U << 20)
#define CPUID_1_ECX_HYPERVISOR (1U << 31)
#define ALLOWED_1_SECONDARY    (1ULL << 63) /* SDM 3D A.3.2: allowed-1 bits are the high half */
#define ALLOWED_1_EPT	       (1ULL << 33) /* SDM 3D A.3.3 */
#define ALLOWED_1_UNRESTRICTED (1ULL << 39)
#define EPT_CAP_WALK_4	       (1ULL << 6) /* SDM 3D A.10 */
#define EPT_CAP_WRITE_BACK     (1ULL << 14)
#define EPT_CAP_2M	       (1ULL << 16)
#define EPT_CAPS_NEEDED	       (EPT_CAP_WALK_4 | EPT_CAP_WRITE_BACK | EPT_CAP_2M)

#define MIB		0x100000ULL
#define MEMORY_OF_RING0 (32 * MIB)

static bool vendor_is(const char *name)
{
	struct cpuid_regs r = cpuid(0, 0);

	return memcmp(&r.ebx, name, 4) == 0 && memcmp(&r.edx, name + 4, 4) == 0 &&
	       memcmp(&r.ecx, name + 8, 4) == 0;
}

static EFI_STATUS refuse_without_virtualisation(uint32_t features)
{
	bool is_amd = vendor_is("AuthenticAMD") || vendor_is("HygonGenuine");

	if ((features & CPUID_1_ECX_HYPERVISOR) != 0) {
		console_print("This virtual machine has no VT-x and no AMD-V. Turn on nested "
			      "virtualisation for it\n(KVM: kvm_intel or kvm_amd nested=1 and -cpu "
			      "host).\n");
	} else if (is_amd) {
		console_print(
			"This CPU offers no AMD-V. Turn on \"SVM Mode\" (AMD-V) in the "
			"firmware's set-up; if there is\nno such switch, the CPU lacks it.\n");
	} else {
		console_print("This CPU offers no VT-x. Turn on \"Intel Virtualization "
			      "Technology\" (VT-x, VMX) in the firmware's\nset-up; if there is no "
			      "such switch, the CPU lacks it.\n");
	}
	return EFI_UNSUPPORTED;
}

/* AMD APM 2, 15.4: a CPU may offer AMD-V with the firmware's switch off. */
static EFI_STATUS check_svm(void)
{
	if ((rdmsr(MSR_VM_CR) & VM_CR_SVMDIS) != 0) {
		console_print("AMD-V is locked off by the firmware. Turn on \"SVM Mode\" (AMD-V) "
			      "in its set-up, save, and switch\nthe machine off and on.\n");
		return EFI_UNSUPPORTED;
	}
	if ((cpuid_if_offered(CPUID_SVM, 0).edx & CPUID_SVM_NESTED) == 0) {
		console_print("This CPU's AMD-V has no nested paging (NPT).\nUse a CPU made since "
			      "2008 (Barcelona or later); in a virtual machine, turn it on.\n");
		return EFI_UNSUPPORTED;
	}
	return EFI_SUCCESS;
}

/* SDM 3C 23.7: the MSR is 0 after reset; ring 0 may set it as long as it is not locked. */
static bool vmx_is_locked_off(void)
{
	uint64_t control = rdmsr(MSR_FEATURE_CONTROL);

	return (control & FEATURE_CONTROL_LOCK) != 0 && (control & FEATURE_CONTROL_VMX) == 0;
}

static bool has_ept_and_unrestricted_guest(void)
{
	uint64_t secondary;

	if ((rdmsr(MSR_VMX_PROCBASED_CTLS) & ALLOWED_1_SECONDARY) == 0) {
		return false;
	}
	secondary = rdmsr(MSR_VMX_PROCBASED_CTLS2);
	return (secondary & ALLOWED_1_EPT) != 0 && (secondary & ALLOWED_1_UNRESTRICTED) != 0 &&
	       (rdmsr(MSR_VMX_EPT_VPID_CAP) & EPT_CAPS_NEEDED) == EPT_CAPS_NEEDED;
}

static EFI_STATUS check_vmx(void)
{
	if (vmx_is_locked_off()) {
		console_print("VT-x is locked off by the firmware. Turn on \"Intel Virtualization "
			      "Technology\" (VT-x, VMX)\nin its set-up, save, and switch the "
			      "machine off and on.\n");
		return EFI_UNSUPPORTED;
	}
	if (!has_ept_and_unrestricted_guest()) {
		console_print(
			"This CPU's VT-x has no extended page tables (EPT) or no unrestricted "
			"guest mode.\nUse a CPU made since 2010 (Westmere or later); in a "
			"virtual machine, turn both on.\n");
		return EFI_UNSUPPORTED;
	}
	return EFI_SUCCESS;
}

EFI_STATUS check_cpu(void)
{
	uint32_t features = cpuid(1, 0).ecx;
	bool has_svm = (cpuid_if_offered(CPUID_EXTENDED, 0).ecx & CPUID_ECX_SVM) != 0;
	EFI_STATUS status;

	if (!has_svm && (features & CPUID_1_ECX_VMX) == 0) {
		return refuse_without_virtualisation(features);
	}
	status = has_svm ? check_svm() : check_vmx();
	if (EFI_ERROR(status)) {
		return status;
	}
	if ((features & CPUID_1_ECX_SSE42) == 0) {
		console_print("This CPU has no SSE4.2 instructions: use one made since 2011.\n");
		return EFI_UNSUPPORTED;
	}
	if ((read_cr4() & CR4_LA57) != 0) {
		console_print("The firmware runs with 5-level paging, which is not supported. Turn "
			      "it (LA57) off in its set-up.\n");
		return EFI_UNSUPPORTED;
	}
	return EFI_SUCCESS;
}

EFI_STATUS check_blob(const struct loader *loader)
{
	const char *why = "it does not start on a page";

	if ((uintptr_t)loader->blob.data % LOADER_PAGE == 0 &&
	    manifest_check(loader->blob.data, loader->blob.size, &why) == 0) {
		return EFI_SUCCESS;
	}
	console_print("The packed manifest is broken: %s.\nPack it again with muxpack, and make "
		      "the image again with tools/mkimage.\n",
		      why);
	return EFI_COMPROMISED_DATA;
}

EFI_STATUS check_memory(const struct loader *loader)
{
	uint64_t partitions = manifest_memory_total(loader->blob.data);
	uint64_t ring0 = MEMORY_OF_RING0 + partitions / 512; /* nested page tables of 4 KiB pages */
	uint64_t available = 0;
	EFI_STATUS status = memory_map_free_bytes(loader, &available);

	if (EFI_ERROR(status)) {
		console_print("The firmware gives no memory map (EFI status %x).\n",
			      (uint64_t)status);
		return status;
	}
	if (available < partitions + ring0) {
		console_print("Too little memory: the partitions take %u MiB and the hypervisor %u "
			      "MiB, and %u MiB are free.\nAdd memory, or lower \"memory\" in the "
			      "manifest.\n",
			      partitions / MIB, ring0 / MIB, available / MIB);
		return EFI_OUT_OF_RESOURCES;
	}
	return EFI_SUCCESS;
}
