/* SPDX-License-Identifier: MIT */
/*
 * MSI-X vectors of one function (PCI 3.0, 6.8.2): table, pending bits, masks. Not the capability in
 * the configuration space, which its owner keeps and reports by msix_set_control.
 *
 * Locks: `lock` (a leaf: lock.h) guards everything here. The message callback runs with it held, so
 * that no message leaves after the guest's write that masks it has returned; it must take no lock
 * but the console lock. All functions are callable from any CPU.
 */
#ifndef HV_VPCI_MSIX_H
#define HV_VPCI_MSIX_H

#include "hv/lock.h"
#include "hv/types.h"

#define MSIX_VECTORS_MAX 4U
#define MSIX_NO_VECTOR	 0xffffU

/* Layout of the 4 KiB memory BAR that msix_mmio_* serve. */
#define MSIX_BAR_SIZE	0x1000U
#define MSIX_TABLE	0x000U
#define MSIX_PENDING	0x800U
#define MSIX_ENTRY_SIZE 16U

/* Sends the message: a write of `data` to guest-physical `address` (vlapic_msi_decode). */
typedef void (*msix_send_fn)(void *owner, uint64_t address, uint32_t data);

struct msix_entry {
	uint64_t address;
	uint32_t data;
	uint32_t control; /* bit 0: masked */
};

struct msix {
	struct spinlock lock;
	msix_send_fn send; /* constant */
	void *owner;	   /* constant */
	uint32_t count;	   /* vectors, constant */
	bool is_enabled;   /* MSI-X enable */
	bool is_blocked;   /* function mask, or no bus master */
	uint32_t pending;  /* a bit for each vector */
	struct msix_entry entry[MSIX_VECTORS_MAX];
};

/* count is 1..MSIX_VECTORS_MAX. Build phase. */
void msix_init(struct msix *msix, uint32_t count, msix_send_fn send, void *owner);

/* State after reset: all vectors masked, nothing pending, disabled. */
void msix_reset(struct msix *msix);

/* The capability's or the command register's bits changed; sends what is pending and unmasked. */
void msix_set_control(struct msix *msix, bool is_enabled, bool is_blocked);

/* Raises `vector`: sends it, or marks it pending while masked. MSI-X disabled or a vector that does
 * not exist (MSIX_NO_VECTOR): false, nothing happened. */
bool msix_raise(struct msix *msix, uint32_t vector);

/* Forgets pending messages. */
void msix_clear_pending(struct msix *msix);

/* Table and pending bits; size 4 or 8 and aligned, else reads 0 and writes are ignored. */
uint64_t msix_mmio_read(struct msix *msix, uint32_t offset, uint32_t size);
void msix_mmio_write(struct msix *msix, uint32_t offset, uint32_t size, uint64_t value);

#endif
