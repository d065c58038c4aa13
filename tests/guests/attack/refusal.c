// SPDX-License-Identifier: MIT
/*
 * What ring 0 refuses with an exception or an error, or ignores: instructions, control registers,
 * MSRs, ports, hypercalls, interrupt messages.
 */
#include "tests/guests/attack/attack.h"

#include <stdio.h>

#define VECTOR_UD 6
#define VECTOR_GP 13
#define CR4_VMXE  (1ULL << 13)
#define RAM_END	  0x400000ULL

static char why[96];

static const char *unexpected(const char *what, uint64_t detail, int64_t got)
{
	snprintf(why, sizeof(why), "%s 0x%lx gave %ld", what, (unsigned long)detail, (long)got);
	return why;
}

/* --- instructions --- */

static void run_bytes(uint64_t address)
{
	static uint64_t operand[2] __attribute__((aligned(4096)));

	/* Memory operands are (%rax). */
	__asm__ volatile("call *%0"
			 :
			 : "r"(address), "a"(operand), "c"(0), "d"(0)
			 : "rbx", "rsi", "rdi", "r8", "memory", "cc");
}

struct code {
	const char *name;
	uint8_t bytes[10]; /* ended by RET */
	int vector;
};

static const struct code codes[] = {
	{"VMXON", {0xf3, 0x0f, 0xc7, 0x30, 0xc3}, VECTOR_UD},
	{"VMXOFF", {0x0f, 0x01, 0xc4, 0xc3}, VECTOR_UD},
	{"VMCLEAR", {0x66, 0x0f, 0xc7, 0x30, 0xc3}, VECTOR_UD},
	{"VMPTRLD", {0x0f, 0xc7, 0x30, 0xc3}, VECTOR_UD},
	{"VMPTRST", {0x0f, 0xc7, 0x38, 0xc3}, VECTOR_UD},
	{"VMLAUNCH", {0x0f, 0x01, 0xc2, 0xc3}, VECTOR_UD},
	{"VMRESUME", {0x0f, 0x01, 0xc3, 0xc3}, VECTOR_UD},
	{"VMREAD", {0x0f, 0x78, 0xc8, 0xc3}, VECTOR_UD},
	{"VMWRITE", {0x0f, 0x79, 0xc8, 0xc3}, VECTOR_UD},
	{"INVEPT", {0x66, 0x0f, 0x38, 0x80, 0x08, 0xc3}, VECTOR_UD},
	{"INVVPID", {0x66, 0x0f, 0x38, 0x81, 0x08, 0xc3}, VECTOR_UD},
	{"VMFUNC", {0x0f, 0x01, 0xd4, 0xc3}, VECTOR_UD},
	{"VMRUN", {0x0f, 0x01, 0xd8, 0xc3}, VECTOR_UD},
	{"VMLOAD", {0x0f, 0x01, 0xda, 0xc3}, VECTOR_UD},
	{"VMSAVE", {0x0f, 0x01, 0xdb, 0xc3}, VECTOR_UD},
	{"STGI", {0x0f, 0x01, 0xdc, 0xc3}, VECTOR_UD},
	{"CLGI", {0x0f, 0x01, 0xdd, 0xc3}, VECTOR_UD},
	{"SKINIT", {0x0f, 0x01, 0xde, 0xc3}, VECTOR_UD},
	{"INVLPGA", {0x0f, 0x01, 0xdf, 0xc3}, VECTOR_UD},
	{"GETSEC", {0x0f, 0x37, 0xc3}, VECTOR_UD},
	{"MONITOR", {0x0f, 0x01, 0xc8, 0xc3}, VECTOR_UD},
	{"MWAIT", {0x0f, 0x01, 0xc9, 0xc3}, VECTOR_UD},
	{"MONITORX", {0x0f, 0x01, 0xfa, 0xc3}, VECTOR_UD},
	{"MWAITX", {0x0f, 0x01, 0xfb, 0xc3}, VECTOR_UD},
	{"RDPRU", {0x0f, 0x01, 0xfd, 0xc3}, VECTOR_UD},
	{"INVLPGB", {0x0f, 0x01, 0xfe, 0xc3}, VECTOR_UD},
	{"RSM", {0x0f, 0xaa, 0xc3}, VECTOR_UD},
	{"RDPMC", {0x0f, 0x33, 0xc3}, VECTOR_GP},
	{"INVD", {0x0f, 0x08, 0xc3}, FAULT_NONE},
	{"WBINVD", {0x0f, 0x09, 0xc3}, FAULT_NONE},
	{"CPUID", {0x0f, 0xa2, 0xc3}, FAULT_NONE},
	{"PAUSE", {0xf3, 0x90, 0xc3}, FAULT_NONE},
};

static const char *instructions(void)
{
	static const uint8_t vmcall[] = {0x0f, 0x01, 0xc1, 0xc3};
	static const uint8_t vmmcall[] = {0x0f, 0x01, 0xd9, 0xc3};
	static uint8_t buffer[16];

	for (size_t i = 0; i < ARRAY_COUNT(codes); i++) {
		int got;

		__builtin_memcpy(buffer, codes[i].bytes, sizeof(codes[i].bytes));
		got = fault_catch(run_bytes, (uint64_t)(uintptr_t)buffer);
		if (got != codes[i].vector) {
			return unexpected(codes[i].name, 0, got);
		}
	}
	/* The hypercall of the other maker's CPUs. */
	__builtin_memcpy(buffer, attack_uses_vmmcall ? vmcall : vmmcall, sizeof(vmcall));
	return fault_catch(run_bytes, (uint64_t)(uintptr_t)buffer) == VECTOR_UD
		       ? NULL
		       : "the other hypercall instruction";
}

/* --- control registers and addresses --- */

static void jump_to(uint64_t address)
{
	((void (*)(void))(uintptr_t)address)();
}

static const char *odd_jumps(void)
{
	static const uint64_t to[] = {0x800000000000ULL, 0xdead000000000000ULL};

	for (size_t i = 0; i < ARRAY_COUNT(to); i++) {
		int got = fault_catch(jump_to, to[i]);

		if (got != VECTOR_GP) {
			return unexpected("jump to", to[i], got);
		}
	}
	return NULL;
}

static void write_cr0(uint64_t value)
{
	__asm__ volatile("mov %0, %%cr0" : : "r"(value));
}

static void write_cr4(uint64_t value)
{
	__asm__ volatile("mov %0, %%cr4" : : "r"(value));
}

static void write_cr8(uint64_t value)
{
	__asm__ volatile("mov %0, %%cr8" : : "r"(value));
}

static const char *control_registers(void)
{
	uint64_t cr0, cr4, after;
	int got;

	__asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	/* QEMU drops these bits without an exception. */
	for (uint32_t bit = 32; bit < 64; bit++) {
		got = fault_catch(write_cr0, cr0 | 1ULL << bit);
		__asm__ volatile("mov %%cr0, %0" : "=r"(after));
		if ((got != VECTOR_GP && !attack_is_in_qemu) || after != cr0) {
			return unexpected("CR0 bit", bit, got);
		}
	}
	got = fault_catch(write_cr0, cr0 & ~1ULL);
	if (got != VECTOR_GP) {
		return unexpected("CR0 without PE", 0, got);
	}
	/* VMXE, SMXE, LA57, and all that nobody knows. */
	for (uint32_t bit = 12; bit < 64; bit++) {
		bool is_known = bit == 16 || bit == 17 || bit == 18 || bit == 20 || bit == 21;

		got = is_known ? VECTOR_GP : fault_catch(write_cr4, cr4 | 1ULL << bit);
		if (got != VECTOR_GP) {
			return unexpected("CR4 bit", bit, got);
		}
	}
	got = fault_catch(write_cr8, 16);
	if (got != VECTOR_GP) {
		return unexpected("CR8", 16, got);
	}
	__asm__ volatile("mov %%cr4, %0" : "=r"(after));
	return after == cr4 && (after & CR4_VMXE) == 0 ? NULL : "CR4 has changed";
}

static void write_efer(uint64_t value)
{
	attack_write_msr(0xc0000080U, value);
}

static const char *efer(void)
{
	uint64_t now = attack_read_msr(0xc0000080U);

	for (uint32_t bit = 1; bit < 64; bit++) {
		int got;

		if (bit == 8 || bit == 10 || bit == 11) {
			continue;
		}
		got = fault_catch(write_efer, now | 1ULL << bit);
		if (got != VECTOR_GP) {
			return unexpected("EFER bit", bit, got);
		}
	}
	if (fault_catch(write_efer, now & ~(1ULL << 8)) != VECTOR_GP) {
		return "LME went off under paging";
	}
	return attack_read_msr(0xc0000080U) == now ? NULL : "EFER has changed";
}

static void xsetbv(uint64_t value)
{
	__asm__ volatile("xsetbv" : : "a"((uint32_t)value), "d"((uint32_t)(value >> 32)), "c"(0));
}

static void xsetbv_other(uint64_t number)
{
	__asm__ volatile("xsetbv" : : "a"(1), "d"(0), "c"((uint32_t)number));
}

static const char *extended_state(void)
{
	static const uint64_t bad[] = {
		0, 2, 4, 5, 0xe7, 0x18, 0x207, 1ULL << 63 | 7, 1ULL << 17 | 7};
	uint64_t cr4;

	if (fault_catch(xsetbv, 3) != VECTOR_UD) {
		return "XSETBV without OSXSAVE";
	}
	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	write_cr4(cr4 | 1ULL << 18);
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		int got = fault_catch(xsetbv, bad[i]);

		if (got != VECTOR_GP) {
			return unexpected("XCR0", bad[i], got);
		}
	}
	if (fault_catch(xsetbv_other, 1) != VECTOR_GP) {
		return "XCR1";
	}
	if (fault_catch_user(xsetbv, 3) != VECTOR_GP) {
		return "XSETBV of a user program";
	}
	/* Only x87 on while ring 0 saves and restores what others use. */
	xsetbv(1);
	attack_spin(4 * mux_tsc_khz());
	xsetbv(3);
	return NULL;
}

/* Breakpoints on all that ring 0 runs and uses must not fire there. */
static const char *debug_registers(void)
{
	static const uint64_t ring0[] = {0xffffffff80000000ULL, 0xffffffff80200000ULL,
					 0xffff800000000000ULL, 0xffffffff81000000ULL};

	__asm__ volatile("mov %0, %%dr0" : : "r"(ring0[0]));
	__asm__ volatile("mov %0, %%dr1" : : "r"(ring0[1]));
	__asm__ volatile("mov %0, %%dr2" : : "r"(ring0[2]));
	__asm__ volatile("mov %0, %%dr3" : : "r"(ring0[3]));
	__asm__ volatile("mov %0, %%dr7" : : "r"(0xfff007ffULL & ~0xf0000000ULL));
	for (uint32_t i = 0; i < 1000; i++) {
		attack_hypercall(MUX_HC_VERSION, 0, 0, 0);
	}
	attack_spin(4 * mux_tsc_khz());
	__asm__ volatile("mov %0, %%dr7" : : "r"(0x400ULL));
	return NULL;
}

/* Flags that ring 0 must not take over: AC, NT, TF, DF, and IOPL. */
static const char *odd_flags(void)
{
	for (uint32_t i = 0; i < 100; i++) {
		__asm__ volatile("pushf; pushf; orq $0x47400, (%%rsp); popf\n\t"
				 "xor %%eax, %%eax; call *%[code]\n\t"
				 "cpuid; popf"
				 :
				 : [code] "m"(attack_hypercall_code)
				 : "rax", "rbx", "rcx", "rdx", "rdi", "rsi", "memory", "cc");
	}
	return NULL;
}

/* --- MSRs --- */

static void read_msr(uint64_t msr)
{
	attack_read_msr((uint32_t)msr);
}

static void zero_msr(uint64_t msr)
{
	attack_write_msr((uint32_t)msr, 0);
}

/* MTRRs, SMBASE, feature control, VMX, debug control, perfmon, microcode, power, speculation
 * control, XSS, PASID, machine check, memory of SGX; and what does not exist. */
static const uint32_t forbidden[] = {
	0x0,	    0x1,	0x3a,	    0x3f,
	0x48,	    0x49,	0x79,	    0x7a,
	0x80,	    0x8c,	0x9b,	    0x9e,
	0xc1,	    0xce,	0xe2,	    0xe7,
	0xfe,	    0x10a,	0x10b,	    0x122,
	0x140,	    0x17c,	0x17b,	    0x186,
	0x198,	    0x199,	0x19a,	    0x19b,
	0x1a2,	    0x1a4,	0x1ad,	    0x1d9,
	0x1f2,	    0x1fc,	0x200,	    0x20f,
	0x250,	    0x2ff,	0x309,	    0x345,
	0x38d,	    0x38f,	0x3f1,	    0x400,
	0x401,	    0x47f,	0x480,	    0x48b,
	0x491,	    0x4c1,	0x500,	    0x560,
	0x570,	    0x600,	0x606,	    0x770,
	0x774,	    0x840,	0xc80,	    0xc90,
	0xd90,	    0xda0,	0xdc0,	    0x1fff,
	0x2000,	    0x40000000, 0xbfffffff, 0xc0000101 + 0x10,
	0xc0001fff, 0xc0010010, 0xc0010111, 0xc0010114,
	0xc0011029, 0xffffffff,
};

static const char *forbidden_msrs(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(forbidden); i++) {
		int got = fault_catch(read_msr, forbidden[i]);

		if (got != VECTOR_GP) {
			return unexpected("read of MSR", forbidden[i], got);
		}
		got = fault_catch(zero_msr, forbidden[i]);
		if (got != VECTOR_GP) {
			return unexpected("write of MSR", forbidden[i], got);
		}
	}
	return NULL;
}

struct msr_value {
	uint32_t msr;
	uint64_t value;
};

static void write_msr(uint64_t address)
{
	const struct msr_value *v = (const void *)(uintptr_t)address;

	attack_write_msr(v->msr, v->value);
}

/* Values that a register does not take. */
static const struct msr_value bad_values[] = {
	{0x1b, 0},
	{0x1b, 0xfee00900},
	{0x1b, 0xfee00d00 | 1ULL << 45},
	{0x1b, 0x3e000d00},
	{0x277, 0x0202020202020202},
	{0x277, 0xff},
	{0x802, 0},
	{0x803, 0},
	{0x808, 0x100},
	{0x808, 1ULL << 32},
	{0x80a, 0},
	{0x80b, 1},
	{0x80b, 1ULL << 63},
	{0x80d, 0},
	{0x80f, 0x10000},
	{0x810, 0},
	{0x820, 0},
	{0x828, 1},
	{0x830, 1ULL << 31},
	{0x830, 0x200},
	{0x830, 0x700},
	{0x830, 0x300},
	{0x832, 0x60041},
	{0x832, 1ULL << 31},
	{0x837, 0x80000},
	{0x838, 1ULL << 32},
	{0x839, 0},
	{0x83e, 0x4},
	{0x83f, 0x100},
	{0xc0000100, 1ULL << 47},
	{0xc0000101, 1ULL << 62},
	{0xc0000102, 1ULL << 47},
	{0xc0000082, 1ULL << 47},
	{0x175, 1ULL << 47},
	{0x800, 0},
	{0x801, 0},
	{0x82f, 0},
	{0x831, 0},
};

/* The vCPU's own MSRs, which do not exit: the CPU refuses addresses that are not canonical, and
 * QEMU does not. */
static bool is_own_msr(uint32_t msr)
{
	return msr == 0x175 || msr >= 0xc0000000U;
}

static const char *bad_msr_values(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(bad_values); i++) {
		int got;

		if (attack_is_in_qemu && is_own_msr(bad_values[i].msr)) {
			continue;
		}
		got = fault_catch(write_msr, (uint64_t)(uintptr_t)&bad_values[i]);

		if (got != VECTOR_GP) {
			return unexpected("bad value for MSR", bad_values[i].msr, got);
		}
	}
	return NULL;
}

/* --- interrupt messages --- */

/* Whom an APIC id names is the partition's own affair: none of these leaves it. */
static const char *messages(void)
{
	for (uint64_t id = 0; id < 256; id++) {
		attack_write_msr(0x830, id << 32 | 0x500 | 0x4000); /* INIT */
		attack_write_msr(0x830, id << 32 | 0x600 | 0x10);   /* start-up */
		attack_write_msr(0x830, id << 32 | 0x400);	    /* NMI */
		if (id != 0) {
			attack_write_msr(0x830, id << 32 | 0xf0); /* fixed: ring 0's own vector */
		}
	}
	attack_write_msr(0x830, 0xffffffffULL << 32 | 0x500 | 0x4000);
	attack_write_msr(0x830, 0xc0000 | 0x500 | 0x4000); /* all but self */
	attack_write_msr(0x830, 0x80000 | 0x400);
	attack_write_msr(0x830, 0x40000 | 0x500 | 0x4000);
	return NULL;
}

/* Vectors below 16 are errors of the sender (SDM 3A 11.5.3). */
static const char *low_vectors(void)
{
	attack_write_msr(0x837, 0x10000);
	for (uint64_t vector = 0; vector < 16; vector++) {
		attack_write_msr(0x83f, vector);
		attack_write_msr(0x830, 0x40000 | vector);
		attack_write_msr(0x832, 0x40000 | vector);
		attack_write_msr(0x6e0, 1);
	}
	attack_write_msr(0x828, 0);
	return (attack_read_msr(0x828) & 0x20) != 0 ? NULL : "no error in the ESR";
}

/* --- ports --- */

static bool is_own_port(uint32_t port)
{
	return (port >= 0x3f8 && port <= 0x3ff) || (port >= 0xcf8 && port <= 0xcff) ||
	       (port >= 0x2000 && port <= 0x20ff);
}

static const char *all_ports(void)
{
	for (uint32_t port = 0; port < 0x10000; port += port < 0x1000 ? 3 : 37) {
		if (is_own_port(port)) {
			continue;
		}
		attack_out8((uint16_t)port, 0xff);
		if (attack_in8((uint16_t)port) != 0xff) {
			return unexpected("port", port, attack_in8((uint16_t)port));
		}
	}
	return NULL;
}

/* The real-time clock is the machine's: it can't be set, and its memory is not shown. */
static const char *clock_ports(void)
{
	uint8_t format;

	attack_out8(0x70, 0x0b);
	format = attack_in8(0x71);
	attack_out8(0x71, format ^ 4U);
	if (attack_in8(0x71) != format || format == 0xff) {
		return unexpected("clock's format", 0x0b, format);
	}
	for (uint8_t index = 0x0e; index < 0x80; index++) {
		attack_out8(0x70, index);
		if (index != 0x32 && attack_in8(0x71) != 0) {
			return unexpected("clock's memory", index, attack_in8(0x71));
		}
	}
	return NULL;
}

/* What ends or changes a machine: the emulator's own, ACPI, keyboard controller, reset control, PCI
 * of devices that the partition does not have, firmware interface, timer, RTC. */
static const char *fatal_ports(void)
{
	static const char shutdown[] = "Shutdown";

	attack_out16(0x8a00, 0x8a00);
	attack_out16(0x8a00, 0x8ae0);
	for (const char *c = shutdown; *c != 0; c++) {
		attack_out8(0x8900, (uint8_t)*c);
	}
	attack_out8(0xcf9, 6);
	attack_out8(0xcf9, 0xe);
	attack_out8(0x64, 0xfe);
	attack_out8(0x92, 1);
	attack_out16(0xb004, 0x2000);
	attack_out16(0x604, 0x2000);
	attack_out32(0xf4, 0x10);
	attack_out8(0xb2, 0);
	attack_out8(0xe9, 'X');
	attack_out8(0x70, 0x8f);
	attack_out8(0x43, 0x30);
	for (uint32_t device = 0; device < 256; device++) {
		if (device == 1) {
			continue;
		}
		attack_out32(0xcf8, 0x80000000U | device << 11 | 4);
		attack_out32(0xcfc, 7);
		attack_out32(0xcf8, 0x80000000U | device << 11);
		if (device > 0 && attack_in32(0xcfc) != 0xffffffffU) {
			return unexpected("PCI device", device, attack_in32(0xcfc));
		}
	}
	return NULL;
}

/* Bytes that would reach the operator's terminal: none comes as it is. The last line imitates
 * another partition. */
static const char *console_controls(void)
{
	static const char text[] =
		"\x1b[2J\x1b]0;owned\x07\r\x9b"
		"31m\xe2\x80\xae\xff\xc0\x80\xed\xa0\x80\b\x7f\v"
		"\nmonitor | attack all done\n[cpu 0 9.999] power off by attack\n";

	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		attack_out8(0x3f8, (uint8_t)text[i]);
	}
	for (uint32_t i = 0; i < 256; i++) {
		attack_out8((uint16_t)(0x3f9 + i % 7), (uint8_t)i);
		attack_in8((uint16_t)(0x3f8 + i % 8));
	}
	attack_out8(0x3fb, 3);
	attack_out8(0x3fc, 0);
	return NULL;
}

/* --- hypercalls --- */

static const char *unknown_hypercalls(void)
{
	static const uint64_t numbers[] = {8,
					   9,
					   100,
					   0x7fffffff,
					   0x80000000,
					   0x100000000ULL,
					   0x8000000000000000ULL,
					   0xffffffffffffffffULL};

	for (size_t i = 0; i < ARRAY_COUNT(numbers); i++) {
		int64_t got = attack_hypercall(numbers[i], 0, 0, 0);

		if (got != -MUX_ENOSYS) {
			return unexpected("hypercall", numbers[i], got);
		}
	}
	return NULL;
}

static const char *missing_rights(void)
{
	static struct mux_rule_record rule = {.port_last = 0xffffffffU};
	static uint64_t out[64];
	uint64_t to = (uint64_t)(uintptr_t)out;
	const struct {
		uint64_t number, a, b, c;
	} calls[] = {
		{MUX_HC_POLICY, (uint64_t)(uintptr_t)&rule, 1, 0},
		{MUX_HC_POLICY, (uint64_t)(uintptr_t)&rule, 0, 0},
		{MUX_HC_POLICY, (uint64_t)(uintptr_t)&rule, 2, 0},
		{MUX_HC_PARTITION_CONTROL, 2, MUX_CONTROL_STOP, 0},
		{MUX_HC_PARTITION_CONTROL, 20, MUX_CONTROL_RESTART, 0},
		{MUX_HC_PARTITION_CONTROL, mux_cid(), MUX_CONTROL_RESTART, 0},
		{MUX_HC_PARTITION_INFO, 0, to, sizeof(out)},
		{MUX_HC_STATS, 2, to, sizeof(out)},
		{MUX_HC_STATS, 20, to, sizeof(out)},
		{MUX_HC_STATS, 0x100000000ULL, to, sizeof(out)},
		{MUX_HC_MACHINE_OFF, 0, 0, 0},
	};

	rule.source = mux_cid();
	rule.destination = 20;
	for (size_t i = 0; i < ARRAY_COUNT(calls); i++) {
		int64_t got = attack_hypercall(calls[i].number, calls[i].a, calls[i].b, calls[i].c);

		if (got != -MUX_EPERM) {
			return unexpected("forbidden hypercall", calls[i].number, got);
		}
	}
	for (size_t i = 0; i < ARRAY_COUNT(out); i++) {
		if (out[i] != 0) {
			return "something was written";
		}
	}
	return NULL;
}

static const char *bad_buffers(void)
{
	static const uint64_t at[] = {RAM_END,	     RAM_END - 8,   RAM_END - 255,  0x3e000000,
				      0xe0000000ULL, 0xfee00000ULL, 0x100000000ULL, 1ULL << 52,
				      1ULL << 63,    ~0ULL,	    ~0ULL - 254,    ~0ULL - 255};
	static const uint64_t sizes[] = {0, 1, 255};
	static uint64_t out[64];

	for (size_t i = 0; i < ARRAY_COUNT(at); i++) {
		int64_t got = attack_hypercall(MUX_HC_STATS, 0, at[i], ~0ULL);

		if (got != -MUX_EFAULT) {
			return unexpected("buffer at", at[i], got);
		}
	}
	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
		int64_t got = attack_hypercall(MUX_HC_STATS, 0, (uint64_t)(uintptr_t)out, sizes[i]);

		if (got != -MUX_EINVAL) {
			return unexpected("size", sizes[i], got);
		}
	}
	return NULL;
}

static void user_hypercall(uint64_t number)
{
	__asm__ volatile("call *%[code]; ud2"
			 :
			 : [code] "r"(attack_hypercall_code), "a"(number), "D"(0), "S"(0), "d"(0)
			 : "memory");
}

/* Only the guest's own ring 0 may call. */
static const char *user_hypercalls(void)
{
	for (uint64_t number = 0; number < 8; number++) {
		int got = fault_catch_user(user_hypercall, number);

		if (got != VECTOR_UD || (int64_t)fault_rax != -MUX_EPERM) {
			return unexpected("hypercall of a user program", number,
					  (int64_t)fault_rax);
		}
	}
	return NULL;
}

static void user_instruction(uint64_t address)
{
	__asm__ volatile("call *%0; ud2" : : "r"(address), "c"(0x10), "d"(0) : "rax", "memory");
}

/* Privileged instructions of a user program are its own kernel's affair. */
static const char *user_instructions(void)
{
	static const struct code user[] = {
		{"RDMSR", {0x0f, 0x32, 0xc3}, VECTOR_GP},
		{"WRMSR", {0x0f, 0x30, 0xc3}, VECTOR_GP},
		{"HLT", {0xf4, 0xc3}, VECTOR_GP},
		{"INVD", {0x0f, 0x08, 0xc3}, VECTOR_GP},
		{"WBINVD", {0x0f, 0x09, 0xc3}, VECTOR_GP},
		{"RDPMC", {0x0f, 0x33, 0xc3}, VECTOR_GP},
		{"VMLAUNCH", {0x0f, 0x01, 0xc2, 0xc3}, VECTOR_UD},
	};
	static uint8_t buffer[16];

	for (size_t i = 0; i < ARRAY_COUNT(user); i++) {
		int got;

		__builtin_memcpy(buffer, user[i].bytes, sizeof(user[i].bytes));
		got = fault_catch_user(user_instruction, (uint64_t)(uintptr_t)buffer);
		if (got != user[i].vector) {
			return unexpected(user[i].name, 3, got);
		}
	}
	return NULL;
}

static const struct attack attacks[] = {
	{"VMX and other instructions", instructions, ATTACK_REFUSED},
	{"jumps to addresses that are not canonical", odd_jumps, ATTACK_REFUSED},
	{"bits of control registers", control_registers, ATTACK_REFUSED},
	{"bits of EFER", efer, ATTACK_REFUSED},
	{"extended state", extended_state, ATTACK_REFUSED},
	{"breakpoints in ring 0", debug_registers, ATTACK_REFUSED | ATTACK_BREAKPOINTS},
	{"odd flags", odd_flags, ATTACK_REFUSED},
	{"forbidden MSRs", forbidden_msrs, ATTACK_REFUSED},
	{"bad values for MSRs", bad_msr_values, ATTACK_REFUSED},
	{"INIT, start-up and NMI to everybody", messages, ATTACK_REFUSED},
	{"interrupt vectors below 16", low_vectors, ATTACK_REFUSED},
	{"all ports", all_ports, ATTACK_REFUSED},
	{"real-time clock", clock_ports, ATTACK_REFUSED},
	{"ports that end the machine", fatal_ports, ATTACK_REFUSED},
	{"control characters on the console", console_controls, ATTACK_REFUSED},
	{"unknown hypercalls", unknown_hypercalls, ATTACK_REFUSED},
	{"hypercalls without the right", missing_rights, ATTACK_REFUSED},
	{"hypercalls with bad buffers", bad_buffers, ATTACK_REFUSED},
	{"hypercalls of a user program", user_hypercalls, ATTACK_REFUSED},
	{"privileged instructions of a user program", user_instructions, ATTACK_REFUSED},
};

const struct attack_family attack_refusal = {"refusal", attacks, ARRAY_COUNT(attacks)};
