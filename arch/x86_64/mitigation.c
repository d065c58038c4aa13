/* SPDX-License-Identifier: MIT */
/* Which side channels the CPU has, and the instructions against them. */
#include "arch/x86_64/mitigation.h"

#include "arch/x86_64/cpu_features.h"
#include "arch/x86_64/descriptors.h"
#include "arch/x86_64/msr.h"
#include "hv/format.h"
#include "hv/types.h"

#define RSB_ENTRIES 32

enum state {
	NOT_OFFERED, /* needed, but the CPU or its microcode does not have it */
	NOT_NEEDED,
	ON,
	ON_LITE, /* RSB: the one entry that IBRS does not cover */
};

static const char *const state_names[] = {"not offered", "not needed", "on", "on (one entry)"};

static struct {
	enum state ibrs, stibp, ibpb, rsb, l1d_flush, verw;
} states;

static uint64_t spec_ctrl;
static bool is_spec_ctrl_rewritten; /* after each exit: IBRS that does not last */
struct mitigation_actions mitigation_actions;

static enum state choose(bool is_needed, bool is_offered)
{
	if (!is_needed) {
		return NOT_NEEDED;
	}
	return is_offered ? ON : NOT_OFFERED;
}

static bool has_capability(uint64_t bit)
{
	return (cpu_features_get()->arch_capabilities & bit) != 0;
}

/* IBRS that need not be written again after each exit. */
static bool has_lasting_ibrs(void)
{
	return has_capability(ARCH_CAP_IBRS_ALL) || cpu_features_get()->has_automatic_ibrs;
}

/* AMD CPUs and those that say so have neither L1TF nor MDS. */
static void choose_for_entry(const struct cpu_features *f)
{
	bool is_intel = f->vendor == CPU_VENDOR_INTEL;
	bool has_l1tf = is_intel && !has_capability(ARCH_CAP_RDCL_NO) &&
			!has_capability(ARCH_CAP_SKIP_L1DFL_VMENTRY);
	bool has_mds = is_intel && !has_capability(ARCH_CAP_MDS_NO);
	bool has_taa = is_intel && f->has_rtm && !has_capability(ARCH_CAP_TAA_NO);
	bool has_mmio_stale =
		is_intel && has_capability(ARCH_CAP_FB_CLEAR) && !has_capability(ARCH_CAP_FBSDP_NO);
	bool has_rfds = has_capability(ARCH_CAP_RFDS_CLEAR) && !has_capability(ARCH_CAP_RFDS_NO);

	states.l1d_flush = choose(has_l1tf, f->has_l1d_flush);
	states.verw = choose(has_mds || has_taa || has_mmio_stale || has_rfds,
			     f->has_md_clear || has_mmio_stale || has_rfds);
	mitigation_actions.on_entry = states.l1d_flush == ON || states.verw == ON;
}

/*
 * With IBRS that lasts, returns in ring 0 do not use the guest's entries, but for the one at the
 * exit itself on Intel CPUs without PBRSB_NO (Intel, post-barrier return stack buffer).
 */
static enum state choose_rsb(const struct cpu_features *f)
{
	if (!has_lasting_ibrs()) {
		return ON;
	}
	return f->vendor == CPU_VENDOR_INTEL && !has_capability(ARCH_CAP_PBRSB_NO) ? ON_LITE
										   : NOT_NEEDED;
}

static void choose_for_exit(const struct cpu_features *f)
{
	states.ibrs = choose(true, f->has_ibrs || f->has_automatic_ibrs);
	states.rsb = choose_rsb(f);
	is_spec_ctrl_rewritten = states.ibrs == ON && !has_lasting_ibrs();
	mitigation_actions.on_exit = states.rsb != NOT_NEEDED || is_spec_ctrl_rewritten;
}

void mitigation_init(void)
{
	const struct cpu_features *f = cpu_features_get();

	choose_for_entry(f);
	choose_for_exit(f);
	states.stibp = choose(true, f->has_stibp);
	states.ibpb = choose(true, f->has_ibpb);
	mitigation_actions.on_switch = states.ibpb == ON;
	spec_ctrl = (states.ibrs == ON && f->has_ibrs ? SPEC_CTRL_IBRS : 0) |
		    (states.stibp == ON ? SPEC_CTRL_STIBP : 0) |
		    (f->has_bhi_ctrl ? SPEC_CTRL_BHI_DIS_S : 0);
	mitigation_init_cpu();
}

void mitigation_init_cpu(void)
{
	if (spec_ctrl != 0) {
		wrmsr(MSR_SPEC_CTRL, spec_ctrl);
	}
}

/* VERW overwrites the buffers when its operand is in memory (Intel, MDS guidance); a flush of the
 * L1 cache by MSR does so as well, but not on CPUs where only the fill buffers leak. */
void mitigation_do_entry(void)
{
	static const uint16_t selector = SELECTOR_DATA;

	if (states.l1d_flush == ON) {
		wrmsr(MSR_FLUSH_CMD, FLUSH_CMD_L1D);
	}
	if (states.verw == ON) {
		__asm__ volatile("verw %0" : : "m"(selector) : "cc");
	}
}

/* Each CALL leaves an entry that leads to a trap loop; the stack is put back afterwards. */
static void fill_return_stack_buffer(void)
{
	__asm__ volatile("mov %0, %%ecx\n"
			 "1:\tcall 3f\n"
			 "2:\tpause\n\tlfence\n\tjmp 2b\n"
			 "3:\tcall 5f\n"
			 "4:\tpause\n\tlfence\n\tjmp 4b\n"
			 "5:\tadd $16, %%rsp\n\t"
			 "dec %%ecx\n\t"
			 "jnz 1b\n\t"
			 "lfence"
			 :
			 : "i"(RSB_ENTRIES / 2)
			 : "ecx", "cc", "memory");
}

/* One CALL without its RET, and no speculation past it. */
static void replace_last_return(void)
{
	__asm__ volatile("call 1f\n\t"
			 "int3\n"
			 "1:\tadd $8, %%rsp\n\t"
			 "lfence"
			 :
			 :
			 : "cc", "memory");
}

void mitigation_after_exit(void)
{
	if (!mitigation_actions.on_exit) {
		return;
	}
	if (states.rsb == ON) {
		fill_return_stack_buffer();
	} else if (states.rsb == ON_LITE) {
		replace_last_return();
	}
	if (is_spec_ctrl_rewritten) {
		wrmsr(MSR_SPEC_CTRL, spec_ctrl);
	}
}

void mitigation_do_switch(void)
{
	wrmsr(MSR_PRED_CMD, PRED_CMD_IBPB);
}

size_t mitigation_describe(char *out, size_t size)
{
	const struct {
		const char *name;
		enum state state;
	} list[] = {
		{"ibrs", states.ibrs},	  {"stibp", states.stibp},	   {"ibpb", states.ibpb},
		{"rsb fill", states.rsb}, {"l1d flush", states.l1d_flush}, {"verw", states.verw},
	};
	size_t length = 0;

	for (uint32_t i = 0; i < ARRAY_COUNT(list); i++) {
		length += format_text(out + length, size - length, "%s%s: %s", i > 0 ? ", " : "",
				      list[i].name, state_names[list[i].state]);
	}
	return length;
}
