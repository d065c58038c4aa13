/* SPDX-License-Identifier: MIT */
/*
 * Software x2APIC of a vCPU (Intel SDM 3A, 11), over a 4 KiB register page in the architectural
 * layout, which VT-x can use as virtual-APIC page. Always in x2APIC mode; no xAPIC MMIO, no
 * IOAPIC, so all interrupts are edge-triggered. LINT0, LINT1, thermal and performance entries
 * store what is written and never fire. The timer has TSC-deadline mode only: in the other modes
 * it does not count.
 *
 * Locking: the CPU that runs the vCPU owns everything; vlapic_post, vlapic_is_target and
 * vlapic_msi_decode are for any CPU, without lock. All TSC values are the guest's TSC.
 */
#ifndef HV_VLAPIC_H
#define HV_VLAPIC_H

#include "hv/types.h"

#include <stdatomic.h>

#define VLAPIC_MSR_APIC_BASE	0x01bU
#define VLAPIC_MSR_FIRST	0x800U
#define VLAPIC_MSR_LAST		0x83fU
#define VLAPIC_MSR_TSC_DEADLINE 0x6e0U

#define VLAPIC_DESTINATION_ALL 0xffffffffU

enum vlapic_delivery {
	VLAPIC_FIXED = 0,
	VLAPIC_LOWEST = 1, /* to one of the targets, whichever the caller likes */
	VLAPIC_NMI = 4,
	VLAPIC_INIT = 5,
	VLAPIC_STARTUP = 6, /* vector is the page number of the start address */
};

enum vlapic_shorthand {
	VLAPIC_BY_DESTINATION = 0,
	VLAPIC_SELF = 1,
	VLAPIC_ALL = 2,
	VLAPIC_ALL_BUT_SELF = 3,
};

/* An interrupt message, from an ICR write or an MSI. */
struct vlapic_message {
	enum vlapic_delivery delivery;
	enum vlapic_shorthand shorthand;
	bool is_logical;
	uint8_t vector;
	uint32_t destination;
};

/* What the caller has to do after a register write. */
struct vlapic_action {
	bool has_message; /* deliver `message` to every vCPU that vlapic_is_target names */
	struct vlapic_message message;
};

struct vlapic {
	uint32_t *page; /* constant: 4 KiB, page-aligned */
	uint32_t apic_id;
	bool is_bootstrap;
	bool irr_changed; /* a bit was set in IRR; a backend that hands RVI to the CPU clears it */
	uint32_t errors;  /* ESR bits not yet latched by an ESR write */
	uint64_t timer_due;	      /* 0: not running */
	_Atomic uint32_t has_pending; /* any CPU: 1 after a bit in pending was set */
	_Atomic uint64_t pending[4];  /* any CPU: vectors posted, not yet in IRR */
};

/* Build phase; resets too. */
void vlapic_init(struct vlapic *apic, void *page, uint32_t apic_id, bool is_bootstrap);

/* State after INIT or partition reset; also forgets what was posted. Owner. */
void vlapic_reset(struct vlapic *apic);

/*
 * IA32_APIC_BASE, IA32_TSC_DEADLINE and MSRs 0x800-0x83f. `now` is the guest's TSC. 0, or -EINVAL:
 * inject #GP(0) (register absent, read-only or write-only, reserved bits set, other MSR number).
 * A write fills `action`, also when it fails. Owner.
 */
int vlapic_msr_read(struct vlapic *apic, uint32_t msr, uint64_t now, uint64_t *value);
int vlapic_msr_write(struct vlapic *apic, uint32_t msr, uint64_t value, uint64_t now,
		     struct vlapic_action *action);

/* Makes fixed interrupt `vector` pending. Any CPU, lock-free. true: the owner may not have been
 * told yet, so kick it. Vectors below 16 are refused: false. */
bool vlapic_post(struct vlapic *apic, uint8_t vector);

/* Whether `message` of `sender` (NULL: an MSI) goes to `apic`. Nobody sends INIT or STARTUP to
 * itself. Any CPU. */
bool vlapic_is_target(const struct vlapic *apic, const struct vlapic *sender,
		      const struct vlapic_message *message);

/*
 * Message of an MSI write (SDM 3A, 11.11). -EINVAL: address not 0xfeexxxxx, or a delivery mode that
 * is not fixed, lowest priority or NMI: drop it. Destination 0xff means all.
 */
int vlapic_msi_decode(uint64_t address, uint32_t data, struct vlapic_message *message);

void vlapic_sync_pending(struct vlapic *apic);

/* Posted vectors -> IRR. Owner; before vlapic_next or vlapic_rvi. One load when nothing is there.
 */
static inline void vlapic_sync(struct vlapic *apic)
{
	if (atomic_load_explicit(&apic->has_pending, memory_order_relaxed) != 0) {
		vlapic_sync_pending(apic);
	}
}

/* Highest vector in IRR whose class is above PPR, or -1. Looks at the page only, which the CPU
 * changes too (virtual-interrupt delivery, EOI). Owner, after vlapic_sync. */
int vlapic_next(const struct vlapic *apic);

/* The vector from vlapic_next was injected: IRR -> ISR. Owner. */
void vlapic_accept(struct vlapic *apic, uint8_t vector);

/* End of interrupt: clears the highest ISR bit. Owner. */
void vlapic_eoi(struct vlapic *apic);

/* Highest vector in IRR and in ISR, 0 when there is none: RVI and SVI of VT-x. Owner. */
uint8_t vlapic_rvi(const struct vlapic *apic);
uint8_t vlapic_svi(const struct vlapic *apic);

/* TSC at which vlapic_timer_expire must be called (may be past), 0: never. Owner. */
uint64_t vlapic_deadline(const struct vlapic *apic);

/* TSC at which the timer wakes a halted CPU; UINT64_MAX: it does not run, or the task priority
 * holds its interrupt back. Owner. */
uint64_t vlapic_wake_time(const struct vlapic *apic);

/* Fires the timer when it is due at `now`: its vector -> IRR. Harmless when it is not. Owner. */
void vlapic_timer_expire(struct vlapic *apic, uint64_t now);

#endif
