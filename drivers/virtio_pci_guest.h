/* SPDX-License-Identifier: MIT */
/*
 * The guest's side of a modern virtio-pci device (virtio 1.2, 4.1): finds it by configuration
 * mechanism #1 (ports 0xcf8, 0xcfc), follows its capabilities, negotiates, sets queues and MSI-X
 * vectors. Structures may lie in I/O and in memory BARs.
 *
 * One thread. Expects an identity map of BARs in memory space. Every function that can fail returns
 * a negative errno value.
 */
#ifndef DRIVERS_VIRTIO_PCI_GUEST_H
#define DRIVERS_VIRTIO_PCI_GUEST_H

#include <stdbool.h>
#include <stdint.h>

#define VIRTIO_PCI_GUEST_QUEUES 8U

/* Where a structure lies. */
struct virtio_pci_guest_region {
	uint64_t base; /* port, or address */
	uint32_t length;
	bool is_io;
};

struct virtio_pci_guest {
	uint8_t slot;	 /* device number on bus 0 */
	uint8_t msix_at; /* configuration offset of the MSI-X capability, 0: none */
	uint16_t msix_vectors;
	struct virtio_pci_guest_region common, notify, isr, config, msix_table;
	uint32_t notify_multiplier;
	struct virtio_pci_guest_region queue_notify[VIRTIO_PCI_GUEST_QUEUES];
};

struct virtio_pci_guest_queue {
	uint16_t size;
	uint64_t descriptors, available, used; /* guest-physical */
};

/* Finds the first device of that kind (virtio 1.2, 5), enables it on the bus and resets it.
 * -ENODEV: there is none; -EIO: its capabilities lack a structure or point outside their BAR. */
int virtio_pci_guest_find(struct virtio_pci_guest *device, uint16_t device_id);
/* Acknowledges and accepts exactly these features. -ENOTSUP: the device lacks one, or refuses. */
int virtio_pci_guest_negotiate(struct virtio_pci_guest *device, uint64_t features);
/* All queues interrupt by `queue_vector`, changes of configuration by `config_vector`, both at the
 * CPU with that APIC id. -ENOTSUP: no MSI-X with two vectors. */
int virtio_pci_guest_set_vectors(struct virtio_pci_guest *device, uint32_t apic_id,
				 uint8_t queue_vector, uint8_t config_vector, uint16_t queues);
/* 0: there is no such queue. */
uint16_t virtio_pci_guest_queue_size_max(const struct virtio_pci_guest *device, uint16_t queue);
/* -EIO: the device refused it. */
int virtio_pci_guest_queue_enable(struct virtio_pci_guest *device, uint16_t queue,
				  const struct virtio_pci_guest_queue *setup);
/* -EIO: the device went to NEEDS_RESET. */
int virtio_pci_guest_driver_ok(struct virtio_pci_guest *device);
bool virtio_pci_guest_needs_reset(const struct virtio_pci_guest *device);
void virtio_pci_guest_notify(const struct virtio_pci_guest *device, uint16_t queue);
/* Device configuration; offset a multiple of 4. */
uint32_t virtio_pci_guest_config_read32(const struct virtio_pci_guest *device, uint32_t offset);

#endif
