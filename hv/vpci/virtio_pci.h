/* SPDX-License-Identifier: MIT */
/*
 * Modern virtio-pci transport (virtio 1.2, 4.1) for one device. All virtio structures are in I/O
 * BAR 0, each queue with a notify port of its own, so that neither needs instruction decoding;
 * MSI-X table and pending bits are in memory BAR 1. No legacy interface, no INTx, no
 * NOTIFICATION_DATA, no RING_RESET.
 *
 * Locks: the function's operations (through vpci_*) run with the device lock held, which guards
 * all fields but the atomics, which interrupt functions (virtio_device.h) and the notify path use
 * without it. virtio_pci_is_notify and virtio_pci_notify take no lock.
 */
#ifndef HV_VPCI_VIRTIO_PCI_H
#define HV_VPCI_VIRTIO_PCI_H

#include "hv/vpci/msix.h"
#include "hv/vpci/virtio_device.h"
#include "hv/vpci/vpci.h"

#include <stdatomic.h>

/* BAR 0 (I/O): PCI 3.0 limits an I/O BAR to 256 ports. */
#define VIRTIO_PCI_IO_SIZE	0x100U
#define VIRTIO_PCI_COMMON	0x00U
#define VIRTIO_PCI_COMMON_SIZE	0x40U
#define VIRTIO_PCI_ISR		0x40U
#define VIRTIO_PCI_DEVICE	0x80U
#define VIRTIO_PCI_DEVICE_SIZE	0x40U
#define VIRTIO_PCI_NOTIFY	0xc0U
#define VIRTIO_PCI_NOTIFY_SHIFT 2U /* notify_off_multiplier is 4: 4.1.4.4.1 wants an even power */

#define VIRTIO_STATUS_ACKNOWLEDGE 0x01U
#define VIRTIO_STATUS_DRIVER	  0x02U
#define VIRTIO_STATUS_DRIVER_OK	  0x04U
#define VIRTIO_STATUS_FEATURES_OK 0x08U
#define VIRTIO_STATUS_NEEDS_RESET 0x40U
#define VIRTIO_STATUS_FAILED	  0x80U
#define VIRTIO_F_VERSION_1	  (1ULL << 32)

/* notify_base while kicks are not taken on the fast path: no port is that high. */
#define VIRTIO_PCI_NO_NOTIFY 0x10000U

struct virtio_pci_settings {
	const struct virtio_device_ops *ops;
	void *device;	      /* argument of ops */
	uint32_t class_code;  /* 24 bits; 0x078000 for vsock */
	uint16_t io_base;     /* of BAR 0 after reset */
	uint32_t memory_base; /* of BAR 1 after reset */
	msix_send_fn send;
	void *send_owner;
};

struct virtio_pci_queue {
	uint16_t size;
	uint32_t address[6]; /* as the registers: descriptors, driver, device; low half first */
	bool is_enabled;
	_Atomic uint16_t vector;
};

struct virtio_pci {
	struct vpci_function function;
	const struct virtio_device_ops *ops; /* constant, like the next two */
	void *device;
	uint32_t notify_size;
	_Atomic uint32_t notify_base; /* first notify port, or VIRTIO_PCI_NO_NOTIFY */
	_Atomic uint8_t status;
	_Atomic uint8_t isr;
	_Atomic uint16_t config_vector;
	uint32_t device_feature_select;
	uint32_t driver_feature_select;
	uint64_t driver_features;
	uint16_t queue_select;
	struct virtio_pci_queue queue[VIRTIO_QUEUES_MAX];
	struct msix msix;
};

/* Build phase: prepares transport->function for vpci_add. ops->queue_count is
 * 1..VIRTIO_QUEUES_MAX, ops->queue_size_max a power of two, ops->features holds VERSION_1. */
void virtio_pci_init(struct virtio_pci *transport, const struct virtio_pci_settings *settings);

/*
 * The hot path: whether a write to `port` (any size; the value does not matter) is a kick, and of
 * which queue. Only while DRIVER_OK is set and BAR 0 is enabled; otherwise the write goes through
 * vpci_io. No lock.
 */
static inline bool virtio_pci_is_notify(const struct virtio_pci *transport, uint16_t port,
					uint16_t *queue)
{
	/* Pairs with the release in update_notify_base: the device saw driver_ok before. */
	uint32_t base = atomic_load_explicit(&transport->notify_base, memory_order_acquire);
	uint32_t offset = port - base;

	if (offset >= transport->notify_size) {
		return false;
	}
	*queue = (uint16_t)(offset >> VIRTIO_PCI_NOTIFY_SHIFT);
	return true;
}

/* The device's notify operation, for a queue from virtio_pci_is_notify. No lock. */
static inline void virtio_pci_notify(const struct virtio_pci *transport, uint16_t queue)
{
	transport->ops->notify(transport->device,
			       (uint16_t)index_clamp(queue, transport->ops->queue_count));
}

#endif
