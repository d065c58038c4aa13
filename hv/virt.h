/* SPDX-License-Identifier: MIT */
/*
 * The backend interface: what the generic hypervisor needs of the CPU's virtualisation. VT-x
 * (arch/x86_64/vmx) and AMD-V (arch/x86_64/svm) implement it; the generic code never names a field
 * of VMCS or VMCB.
 *
 * A vCPU is pinned: every operation on it but create runs on its own CPU, so none takes a lock.
 */
#ifndef HV_VIRT_H
#define HV_VIRT_H

#include "hv/types.h"

struct cpu;
struct partition;
struct vcpu;

/* Why the guest stopped running. Each reason names the union member that it fills. */
enum virt_exit_reason {
	VIRT_EXIT_INTERRUPT, /* a physical interrupt is pending: take it and go on */
	VIRT_EXIT_NMI,
	VIRT_EXIT_TIMER,  /* the deadline given to enter */
	VIRT_EXIT_WINDOW, /* the guest can take an interrupt now */
	VIRT_EXIT_HLT,
	VIRT_EXIT_IO, /* io */
	VIRT_EXIT_MSR_READ,
	VIRT_EXIT_MSR_WRITE,
	VIRT_EXIT_CPUID,
	VIRT_EXIT_HYPERCALL,
	VIRT_EXIT_MEMORY, /* memory */
	VIRT_EXIT_XSETBV,
	VIRT_EXIT_CR_WRITE,   /* cr: a write to CR0 or CR4 that changes a bit of ring 0's, or to CR8
			       */
	VIRT_EXIT_CR8_READ,   /* cr.number: the general register that gets it */
	VIRT_EXIT_EXCEPTION,  /* exception: intercepted, to be given back to the guest */
	VIRT_EXIT_UNDEFINED,  /* an instruction that the virtual CPU does not have: #UD */
	VIRT_EXIT_PROTECTION, /* an instruction that is not permitted: #GP */
	VIRT_EXIT_CACHE,      /* WBINVD, INVD: nothing to do */
	VIRT_EXIT_TRIPLE_FAULT,
	VIRT_EXIT_MACHINE_CHECK, /* the machine's, not the guest's */
	VIRT_EXIT_ENTRY_FAILED, /* the CPU refused the guest state: ring 0's or the guest's fault */
	VIRT_EXIT_UNKNOWN,
};

struct virt_exit {
	enum virt_exit_reason reason;
	uint32_t raw;	 /* the backend's own number, for the log */
	uint64_t detail; /* the backend's own qualification, for the log */
	union {
		struct {
			uint16_t port;
			uint8_t size; /* 1, 2, 4 */
			bool is_write;
			bool is_string;
		} io;
		struct {
			gpa_t address;
			bool is_write;
			bool is_fetch;
			bool is_operand; /* of the instruction at RIP; else of a page walk or of
					  * the delivery of an event */
		} memory;
		struct {
			uint8_t number; /* 0, 4 or 8 */
			uint64_t value; /* that the guest wants */
		} cr;
		struct {
			uint8_t vector;
			bool has_error;
			uint32_t error;
		} exception;
	};
};

enum virt_register {
	VIRT_RIP,
	VIRT_RSP,
	VIRT_RFLAGS,
	VIRT_CR0,
	VIRT_CR3,
	VIRT_CR4,
	VIRT_EFER,
	VIRT_CS_BASE,
	VIRT_PAT,
	VIRT_CPL,      /* read only */
	VIRT_IS_64BIT, /* read only: running 64-bit code */
};

/* How a vCPU starts: vCPU 0 in 64-bit mode as the manifest says, others in real mode by SIPI. */
struct virt_start {
	bool is_real_mode;
	uint8_t sipi_vector; /* real mode: CS base is vector << 12 */
	uint64_t rip;	     /* 64-bit mode: this and the following */
	uint64_t cr3;
};

#define VIRT_RFLAGS_IF (1ULL << 9)

struct virt_backend {
	bool uses_vmmcall; /* hypercalls are VMMCALL */

	/* BSP, boot: NULL when this CPU can do it, else the reason and what to do about it. */
	const char *(*check)(void);
	/* BSP, boot, for each CPU; takes memory. */
	void (*cpu_prepare)(struct cpu *cpu);
	/* Each CPU, once, before any vCPU of it runs. 0 or -ENODEV (logged). */
	int (*cpu_enable)(struct cpu *cpu);
	/* BSP, boot; takes memory: nested page tables over partition->mem. */
	void (*partition_create)(struct partition *partition);
	/* BSP, boot; takes memory. */
	void (*vcpu_create)(struct vcpu *vcpu);
	/* Sets the whole guest state to its start. The vCPU need not be loaded. */
	void (*vcpu_reset)(struct vcpu *vcpu, const struct virt_start *start);
	/* Makes it the CPU's current vCPU; unload saves what stays in the CPU. */
	void (*vcpu_load)(struct vcpu *vcpu);
	void (*vcpu_unload)(struct vcpu *vcpu);
	/* Runs the loaded vCPU until an exit, at the latest at TSC value `deadline`. */
	void (*vcpu_enter)(struct vcpu *vcpu, uint64_t deadline, struct virt_exit *exit);
	/* Of the loaded vCPU: moves RIP past the instruction that exited (the only place that
	 * does). `length`: of the instruction, 0 when the CPU said it with the exit. */
	void (*vcpu_advance)(struct vcpu *vcpu, uint32_t length);
	/* Exception for the next entry; false when an event is already to be delivered. */
	bool (*inject_exception)(struct vcpu *vcpu, uint8_t vector, bool has_error, uint32_t error);
	/* Hands pending virtual interrupts of vcpu->lapic to the CPU before an entry, by
	 * virtual-interrupt delivery, by injection, or by asking for a window exit. */
	void (*deliver_interrupts)(struct vcpu *vcpu);
	uint64_t (*register_read)(struct vcpu *vcpu, enum virt_register reg);
	/* Bits of CR4 that a guest may set. */
	uint64_t (*cr4_permitted)(void);
	void (*register_write)(struct vcpu *vcpu, enum virt_register reg, uint64_t value);
	bool (*has_rdtscp)(void);
	/* Line of features in use for the boot log, at most `size` bytes. */
	void (*describe)(char *text, size_t size);
};

/* The backend of this machine; set once at boot. */
extern const struct virt_backend *virt;
extern const struct virt_backend vmx_backend;
extern const struct virt_backend svm_backend;

#endif
