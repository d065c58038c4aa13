/* SPDX-License-Identifier: MIT */
/*
 * The VT-x backend: VMX operation on each CPU, creation and switching of vCPUs.
 */
#include "arch/x86_64/vmx/vmx.h"

#include "arch/x86_64/cpu_features.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/msr.h"
#include "arch/x86_64/nested.h"
#include "arch/x86_64/percpu.h"
#include "hv/format.h"
#include "hv/log.h"
#include "hv/mem.h"
#include "hv/partition.h"

#include <errno.h>
#include <string.h>

/* EPT entries, SDM 3C tables 29-1 to 29-7; write-back is memory type 6. */
#define EPT_READ_WRITE_EXECUTE 7ULL
#define EPT_WRITE_BACK	       (6ULL << 3)
#define EPT_LARGE	       (1ULL << 7)
/* EPT pointer, SDM 3C table 25-9. */
#define EPTP_WRITE_BACK 6ULL
#define EPTP_WALK_4	(3ULL << 3)

enum inv_type { INV_ONE = 1, INV_ALL = 2 };

struct vmx_controls vmx_controls;

void vmcs_failed(enum vmcs_field field, uint64_t value)
{
	panic("VMCS access failed: field 0x%x, value 0x%lx", (unsigned int)field, value);
}

static const char *vmx_check(void)
{
	if (!cpu_features_get()->has_vmx) {
		return "no VT-x: this CPU does not offer it";
	}
	return vmx_controls_probe(&vmx_controls);
}

static bool vmx_region_instruction(bool is_vmxon, hpa_t region)
{
	bool failed;

	if (is_vmxon) {
		__asm__ volatile("vmxon %1" : "=@ccbe"(failed) : "m"(region.value) : "memory");
	} else {
		__asm__ volatile("vmclear %1" : "=@ccbe"(failed) : "m"(region.value) : "memory");
	}
	return !failed;
}

static void vmx_make_current(hpa_t vmcs)
{
	bool failed;

	__asm__ volatile("vmptrld %1" : "=@ccbe"(failed) : "m"(vmcs.value) : "memory");
	if (failed) {
		panic("VMPTRLD of 0x%lx failed", vmcs.value);
	}
}

/* SDM 3C 29.4.3: mappings that a CPU may have cached from before are dropped. */
static void vmx_invept_all(void)
{
	struct {
		uint64_t pointer, reserved;
	} descriptor = {0, 0};
	bool failed;

	__asm__ volatile("invept %1, %2"
			 : "=@ccbe"(failed)
			 : "m"(descriptor), "r"((uint64_t)INV_ALL)
			 : "memory");
	if (failed) {
		panic("INVEPT failed");
	}
}

static void vmx_invvpid(enum inv_type type, uint64_t vpid)
{
	struct {
		uint64_t vpid, address;
	} descriptor = {vpid, 0};
	bool failed;

	if (!vmx_controls.has_vpid) {
		return;
	}
	__asm__ volatile("invvpid %1, %2"
			 : "=@ccbe"(failed)
			 : "m"(descriptor), "r"((uint64_t)type)
			 : "memory");
	if (failed) {
		panic("INVVPID failed");
	}
}

uint32_t vmx_vpid(const struct vcpu *vcpu)
{
	return vcpu->partition->index * MUX_VCPUS_MAX + vcpu->index + 1;
}

void vmx_flush_translations(const struct vcpu *vcpu)
{
	vmx_invvpid(INV_ONE, vmx_vpid(vcpu));
}

/* VMXON region and VMCS both begin with the revision identifier (SDM 3C 25.2, 25.11.5). */
static hpa_t vmx_region_alloc(void)
{
	uint32_t *region = mem_alloc(PAGE_SIZE);

	*region = vmx_controls.revision;
	return virt_to_phys(region);
}

static void vmx_cpu_prepare(struct cpu *cpu)
{
	cpu->backend = phys_to_virt(vmx_region_alloc());
}

static int vmx_cpu_enable(struct cpu *cpu)
{
	struct vmx_controls own = {0};
	const char *why = vmx_controls_probe(&own);
	uint64_t feature = rdmsr(MSR_FEATURE_CONTROL);

	if (why != NULL || memcmp(&own, &vmx_controls, sizeof(own)) != 0) {
		log_error("cpu %u: %s", cpu->index,
			  why != NULL ? why : "its VT-x differs from that of CPU 0");
		return -ENODEV;
	}
	if ((feature & FEATURE_CONTROL_LOCK) == 0) {
		wrmsr(MSR_FEATURE_CONTROL, feature | FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX);
	}
	write_cr0((read_cr0() | vmx_controls.cr0_fixed0) & vmx_controls.cr0_fixed1);
	write_cr4((read_cr4() | CR4_OSXSAVE | vmx_controls.cr4_fixed0) & vmx_controls.cr4_fixed1);
	if (!vmx_region_instruction(true, virt_to_phys(cpu->backend))) {
		log_error("cpu %u: VMXON failed", cpu->index);
		return -ENODEV;
	}
	vmx_invept_all();
	vmx_invvpid(INV_ALL, 0);
	return 0;
}

/* A guest that changes the size of a page under its own instruction fetches may stop the machine
 * with a machine check, unless EPT maps what can be executed by 4 KiB pages only (Intel, Machine
 * Check Error on Page Size Change, CVE-2018-12207). */
static unsigned int vmx_leaf_max(void)
{
	const struct cpu_features *f = cpu_features_get();
	bool is_safe = (f->arch_capabilities & ARCH_CAP_PSCHANGE_MC_NO) != 0;

	if (f->vendor == CPU_VENDOR_INTEL && !is_safe) {
		return 0;
	}
	return vmx_controls.has_large_pages_1g ? 2 : 1;
}

static void vmx_partition_create(struct partition *partition)
{
	const struct nested_format ept = {
		.table = EPT_READ_WRITE_EXECUTE,
		.leaf = EPT_READ_WRITE_EXECUTE | EPT_WRITE_BACK,
		.large = EPT_LARGE,
		.leaf_max = vmx_leaf_max(),
	};

	partition->nested_root =
		nested_build(&ept, &partition->mem).value | EPTP_WRITE_BACK | EPTP_WALK_4;
}

static void vmx_vcpu_create(struct vcpu *vcpu)
{
	struct vmx_vcpu *vmx = mem_alloc(sizeof(*vmx));

	vmx->vmcs = vmx_region_alloc();
	vcpu->backend = vmx;
	vmx_msr_bitmap_build();
}

/* Leaves this VMCS current; the caller unloaded the vCPU before. */
static void vmx_vcpu_reset(struct vcpu *vcpu, const struct virt_start *start)
{
	struct vmx_vcpu *vmx = vcpu->backend;
	hpa_t vmcs = vmx->vmcs;

	memset(vmx, 0, sizeof(*vmx));
	vmx->vmcs = vmcs;
	if (!vmx_region_instruction(false, vmcs)) {
		panic("VMCLEAR of 0x%lx failed", vmcs.value);
	}
	vmx_make_current(vmcs);
	vmx_state_reset(vcpu, start);
	vmx_flush_translations(vcpu);
}

bool vmx_has_rdtscp(void)
{
	return (vmx_controls.secondary & CPU2_RDTSCP) != 0;
}

static void vmx_vcpu_load(struct vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vcpu->backend;

	vmx_make_current(vmx->vmcs);
	wrmsr(MSR_KERNEL_GS_BASE, vmx->kernel_gs_base);
	wrmsr(MSR_STAR, vmx->star);
	wrmsr(MSR_LSTAR, vmx->lstar);
	wrmsr(MSR_CSTAR, vmx->cstar);
	wrmsr(MSR_FMASK, vmx->syscall_mask);
	if (vmx_has_rdtscp()) {
		wrmsr(MSR_TSC_AUX, vmx->tsc_aux);
	}
	write_cr2(vmx->cr2);
	debug_addresses_load(vmx->dr);
	write_dr6(vmx->dr6);
}

static void vmx_vcpu_unload(struct vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vcpu->backend;

	vmx->kernel_gs_base = rdmsr(MSR_KERNEL_GS_BASE);
	vmx->star = rdmsr(MSR_STAR);
	vmx->lstar = rdmsr(MSR_LSTAR);
	vmx->cstar = rdmsr(MSR_CSTAR);
	vmx->syscall_mask = rdmsr(MSR_FMASK);
	if (vmx_has_rdtscp()) {
		vmx->tsc_aux = rdmsr(MSR_TSC_AUX);
	}
	vmx->cr2 = read_cr2();
	debug_addresses_save(vmx->dr);
	vmx->dr6 = read_dr6();
}

static void vmx_describe(char *text, size_t size)
{
	static const char *const pages[] = {"4K", "2M", "2M+1G"};

	format_text(text, size, "VT-x: EPT %s, unrestricted guest, %s%s%spreemption timer TSC>>%u",
		    pages[vmx_leaf_max()], vmx_controls.has_vpid ? "VPID, " : "",
		    vmx_controls.has_apicv ? "virtual interrupt delivery, "
					   : "injected interrupts, ",
		    (vmx_controls.secondary & CPU2_INVPCID) != 0 ? "INVPCID, " : "",
		    vmx_controls.timer_shift);
}

const struct virt_backend vmx_backend = {
	.check = vmx_check,
	.cpu_prepare = vmx_cpu_prepare,
	.cpu_enable = vmx_cpu_enable,
	.partition_create = vmx_partition_create,
	.vcpu_create = vmx_vcpu_create,
	.vcpu_reset = vmx_vcpu_reset,
	.vcpu_load = vmx_vcpu_load,
	.vcpu_unload = vmx_vcpu_unload,
	.vcpu_enter = vmx_vcpu_enter,
	.vcpu_advance = vmx_vcpu_advance,
	.inject_exception = vmx_inject_exception,
	.deliver_interrupts = vmx_deliver_interrupts,
	.register_read = vmx_register_read,
	.register_write = vmx_register_write,
	.cr4_permitted = vmx_cr4_permitted,
	.has_rdtscp = vmx_has_rdtscp,
	.describe = vmx_describe,
};
