/* SPDX-License-Identifier: MIT */
/*
 * The AMD-V backend: SVM on each CPU, creation and switching of vCPUs, ASIDs.
 */
#include "arch/x86_64/svm/svm.h"

#include "arch/x86_64/cpu_features.h"
#include "arch/x86_64/cpuid.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/msr.h"
#include "arch/x86_64/nested.h"
#include "arch/x86_64/percpu.h"
#include "arch/x86_64/svm/speculation.h"
#include "hv/format.h"
#include "hv/log.h"
#include "hv/mem.h"
#include "hv/partition.h"

#include <errno.h>
#include <string.h>

/* Nested page tables have the format of ordinary ones; the guest's accesses count as user ones (APM
 * 2, 15.25.5). Accessed and dirty are set already, which spares the CPU the writes. */
#define NPT_PRESENT  (1ULL << 0)
#define NPT_WRITABLE (1ULL << 1)
#define NPT_USER     (1ULL << 2)
#define NPT_ACCESSED (1ULL << 5)
#define NPT_DIRTY    (1ULL << 6)
#define NPT_LARGE    (1ULL << 7)
#define NPT_TABLE    (NPT_PRESENT | NPT_WRITABLE | NPT_USER | NPT_ACCESSED)

#define CPUID_SVM	  0x8000000aU
#define SVM_NESTED_PAGING (1U << 0)
#define SVM_NEXT_RIP	  (1U << 3)
#define SVM_FLUSH_BY_ASID (1U << 6)
#define EBX_INVLPGB	  (1U << 3) /* of Fn8000_0008 */

/* QEMU's emulation keeps the vector of an injected interrupt (helper_vmrun), and delivers it again
 * when another of its threads interrupts it before the next exception or exit. */
#define CPUID_EMULATOR 0x40000000U
#define EBX_TCG	       0x54474354U /* "TCGT" */

struct svm_features svm_features;

/* Reads the CPU's features; NULL when it will do. */
static const char *svm_probe(struct svm_features *f)
{
	struct cpuid_regs r;

	if (!cpu_features_get()->has_svm) {
		return "no AMD-V: this CPU does not offer it";
	}
	if ((rdmsr(MSR_VM_CR) & VM_CR_SVMDIS) != 0) {
		return "AMD-V is off: turn SVM on in the firmware's setup";
	}
	r = cpuid_if_offered(CPUID_SVM, 0);
	if ((r.edx & SVM_NESTED_PAGING) == 0 || r.ebx < 2) {
		return "AMD-V without nested paging: use a CPU of 2008 or later";
	}
	f->asid_count = r.ebx;
	f->has_next_rip = (r.edx & SVM_NEXT_RIP) != 0;
	f->has_flush_by_asid = (r.edx & SVM_FLUSH_BY_ASID) != 0;
	f->has_invlpgb = (cpuid_if_offered(0x80000008U, 0).ebx & EBX_INVLPGB) != 0;
	f->repeats_events = cpuid(CPUID_EMULATOR, 0).ebx == EBX_TCG;
	return NULL;
}

static const char *svm_check(void)
{
	svm_speculation_init();
	return svm_probe(&svm_features);
}

static void svm_cpu_prepare(struct cpu *cpu)
{
	struct svm_cpu *svm = mem_alloc(sizeof(*svm));

	svm->host = mem_alloc(sizeof(*svm->host));
	svm->host_address = virt_to_phys(svm->host);
	svm->host_save = virt_to_phys(mem_alloc(PAGE_SIZE));
	cpu->backend = svm;
}

/* APM 2, 15.4, 15.30.4. What VMRUN leaves of ring 0's state (FS, GS, TR, LDTR, system-call MSRs) is
 * constant, so it is saved once. */
static int svm_cpu_enable(struct cpu *cpu)
{
	struct svm_cpu *svm = cpu->backend;
	struct svm_features own = {0};
	const char *why = svm_probe(&own);

	if (why != NULL || memcmp(&own, &svm_features, sizeof(own)) != 0) {
		log_error("cpu %u: %s", cpu->index,
			  why != NULL ? why : "its AMD-V differs from that of CPU 0");
		return -ENODEV;
	}
	write_cr4(read_cr4() | CR4_OSXSAVE);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
	svm_speculation_init_cpu();
	wrmsr(MSR_VM_HSAVE_PA, svm->host_save.value);
	__asm__ volatile("vmsave %0" : : "a"(svm->host_address.value) : "memory");
	svm->generation = 1;
	svm->asid_next = 1;
	svm->flush_all = true; /* what the CPU has cached from before */
	return 0;
}

static void svm_partition_create(struct partition *partition)
{
	const struct nested_format npt = {
		.table = NPT_TABLE,
		.leaf = NPT_TABLE | NPT_DIRTY,
		.large = NPT_LARGE,
		.leaf_max = cpu_features_get()->has_pages_1g ? 2 : 1,
	};

	partition->nested_root = nested_build(&npt, &partition->mem).value;
}

static void svm_vcpu_create(struct vcpu *vcpu)
{
	struct svm_vcpu *svm = mem_alloc(sizeof(*svm));

	svm->vmcb = mem_alloc(sizeof(*svm->vmcb));
	svm->address = virt_to_phys(svm->vmcb);
	vcpu->backend = svm;
	svm_maps_build();
}

static void svm_vcpu_reset(struct vcpu *vcpu, const struct virt_start *start)
{
	struct svm_vcpu *svm = vcpu->backend;

	svm->tsc_aux = 0;
	memset(svm->dr, 0, sizeof(svm->dr));
	svm_state_reset(vcpu, start);
}

/*
 * ASIDs belong to a CPU, as its vCPUs do. A vCPU keeps its own until they run out; then all are
 * given out anew and the TLB is flushed once (APM 2, 15.16.1). An ASID that no vCPU had since then
 * has no translations, so taking one is also how a vCPU's are dropped without FlushByAsid.
 */
void svm_flush_translations(struct vcpu *vcpu)
{
	struct svm_vcpu *svm = vcpu->backend;

	if (svm_features.has_flush_by_asid) {
		svm->vmcb->tlb_control = TLB_FLUSH_GUEST;
	} else {
		svm->generation = 0;
	}
}

void svm_prepare_asid(struct vcpu *vcpu)
{
	struct svm_vcpu *svm = vcpu->backend;
	struct svm_cpu *cpu = vcpu->cpu->backend;

	if (svm->generation != cpu->generation) {
		if (cpu->asid_next == svm_features.asid_count) {
			cpu->generation++;
			cpu->asid_next = 1;
			cpu->flush_all = true;
		}
		svm->generation = cpu->generation;
		svm->vmcb->asid = cpu->asid_next++;
	}
	if (cpu->flush_all) {
		cpu->flush_all = false;
		svm->vmcb->tlb_control = TLB_FLUSH_ALL;
	}
}

static bool svm_has_rdtscp(void)
{
	return cpu_features_get()->has_rdtscp;
}

/* Before Zen 2, XRSTOR leaves the x87's last instruction, operand and opcode as they are unless an
 * exception is pending, so a partition would see the last one's addresses (CVE-2006-1056). */
static void x87_pointers_overwrite(void)
{
	static const int32_t number;

	__asm__ volatile("fnclex\n\temms\n\tfildl %0" : : "m"(number));
}

static void svm_vcpu_load(struct vcpu *vcpu)
{
	struct svm_vcpu *svm = vcpu->backend;

	if (svm_has_rdtscp()) {
		wrmsr(MSR_TSC_AUX, svm->tsc_aux);
	}
	debug_addresses_load(svm->dr);
	x87_pointers_overwrite();
}

static void svm_vcpu_unload(struct vcpu *vcpu)
{
	struct svm_vcpu *svm = vcpu->backend;

	if (svm_has_rdtscp()) {
		svm->tsc_aux = rdmsr(MSR_TSC_AUX);
	}
	debug_addresses_save(svm->dr);
}

static void svm_describe(char *text, size_t size)
{
	format_text(text, size,
		    "AMD-V: nested paging 2M%s, %u ASIDs, %s%sinjected interrupts; returns: %s%s",
		    cpu_features_get()->has_pages_1g ? "+1G" : "", svm_features.asid_count,
		    svm_features.has_flush_by_asid ? "flush by ASID, " : "",
		    svm_features.has_next_rip ? "NRIP save, " : "", svm_speculation_describe(),
		    svm_has_verw_at_entry ? "; VERW" : "");
}

const struct virt_backend svm_backend = {
	.uses_vmmcall = true,
	.check = svm_check,
	.cpu_prepare = svm_cpu_prepare,
	.cpu_enable = svm_cpu_enable,
	.partition_create = svm_partition_create,
	.vcpu_create = svm_vcpu_create,
	.vcpu_reset = svm_vcpu_reset,
	.vcpu_load = svm_vcpu_load,
	.vcpu_unload = svm_vcpu_unload,
	.vcpu_enter = svm_vcpu_enter,
	.vcpu_advance = svm_vcpu_advance,
	.inject_exception = svm_inject_exception,
	.deliver_interrupts = svm_deliver_interrupts,
	.register_read = svm_register_read,
	.register_write = svm_register_write,
	.cr4_permitted = svm_cr4_permitted,
	.has_rdtscp = svm_has_rdtscp,
	.describe = svm_describe,
};
