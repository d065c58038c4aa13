/* SPDX-License-Identifier: MIT */
/*
 * The line between a virtio device model (hv/vsock) and its transport (hv/vpci/virtio_pci.c).
 *
 * Locks: the transport calls the operations with the partition's device lock held, except notify,
 * which it calls with no lock (or with the device lock, when a driver kicks through the
 * configuration space), perhaps while or after another vCPU resets the device. The device calls the
 * virtio_pci_* functions with the switch lock held or without any lock; they take the msix lock
 * only. Lock order: hv/lock.h.
 */
#ifndef HV_VPCI_VIRTIO_DEVICE_H
#define HV_VPCI_VIRTIO_DEVICE_H

#include "hv/types.h"

#define VIRTIO_QUEUES_MAX 3U

/* What the driver wrote to the common configuration for one queue (virtio 1.2, 4.1.4.3). Not
 * checked by the transport, except that size is a power of two within 1..queue_size_max. */
struct virtio_queue_config {
	uint16_t size;
	gpa_t descriptors; /* descriptor table */
	gpa_t driver;	   /* available ring */
	gpa_t device;	   /* used ring */
};

struct virtio_device_ops {
	uint16_t device_id; /* virtio 1.2, 5 */
	uint16_t queue_count;
	uint16_t queue_size_max;
	uint64_t features; /* offered, transport features included */

	/* FEATURES_OK was written: false refuses the set. */
	bool (*features_ok)(void *device, uint64_t features);
	/* queue_enable was written. -EINVAL: addresses not in RAM or misaligned: the device goes to
	 * DEVICE_NEEDS_RESET. */
	int (*queue_enable)(void *device, uint16_t queue, const struct virtio_queue_config *config);
	/* DRIVER_OK was written. */
	void (*driver_ok)(void *device);
	/* Status 0 was written, or the partition stops: forget all queues. */
	void (*reset)(void *device);
	/* The driver kicked a queue (number already checked against queue_count). */
	void (*notify)(void *device, uint16_t queue);
	/* Device configuration: `size` is 1, 2 or 4; offsets outside read 0. */
	uint32_t (*config_read)(void *device, uint32_t offset, uint32_t size);
};

struct virtio_pci;

/* Device to driver: used buffers in `queue`: raises its MSI-X vector. Callable from any CPU. */
void virtio_pci_queue_interrupt(struct virtio_pci *transport, uint16_t queue);

/* The driver broke the rules: sets DEVICE_NEEDS_RESET and raises the configuration vector. */
void virtio_pci_needs_reset(struct virtio_pci *transport);

#endif
