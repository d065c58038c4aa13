/* SPDX-License-Identifier: MIT */
/*
 * For tests of the virtio-pci transport: a device behind it, a bus, and a driver that finds and
 * starts the device as Linux' virtio_pci_modern does (capability walk, BAR sizing, MSI-X, features,
 * queues).
 */
#ifndef TESTS_UNIT_VIRTIO_PCI_DRIVER_H
#define TESTS_UNIT_VIRTIO_PCI_DRIVER_H

#include "hv/vpci/virtio_pci.h"

#define IO_BASE	 0xc000U
#define FEATURES (VIRTIO_F_VERSION_1 | 1ULL << 29 | 1ULL << 28)

/* What the device behind the transport was told, and how it answers. */
extern struct fake_device {
	uint32_t resets;
	uint32_t driver_oks;
	uint32_t enables;
	uint32_t notifies[VIRTIO_QUEUES_MAX];
	uint64_t features;
	bool refuse_features;
	int enable_result;
	struct virtio_queue_config queue[VIRTIO_QUEUES_MAX];
} device;

extern struct vpci bus;
extern struct virtio_pci transport;
/* Interrupts. */
extern uint32_t messages;
extern uint64_t message_address;
extern uint32_t message_data;

/* Where the driver found what. */
extern struct driver {
	uint32_t common; /* ports */
	uint32_t notify;
	uint32_t isr;
	uint32_t config;
	uint32_t multiplier;
	uint32_t access;  /* PCI_CFG capability */
	uint32_t msix;	  /* MSI-X capability */
	uint64_t table;	  /* guest-physical */
	uint64_t pending; /* guest-physical */
} drv;

extern uint32_t notify_port[3]; /* of each queue, once started */

enum { /* common configuration */
       DFSELECT = 0x00,
       DF = 0x04,
       GFSELECT = 0x08,
       GF = 0x0c,
       CONFIG_VECTOR = 0x10,
       NUM_QUEUES = 0x12,
       STATUS = 0x14,
       GENERATION = 0x15,
       Q_SELECT = 0x16,
       Q_SIZE = 0x18,
       Q_VECTOR = 0x1a,
       Q_ENABLE = 0x1c,
       Q_NOTIFY_OFF = 0x1e,
       Q_DESC = 0x20,
       Q_DRIVER = 0x28,
       Q_DEVICE = 0x30,
       Q_RESET = 0x3a,
};

/* The driver has started. */
int setup_started(void **state);
/* For tests of registers alone: found, ports enabled. */
int setup_found(void **state);

/* As the vCPU loop does it: the notify path first. */
bool guest_out(uint32_t port, uint32_t size, uint32_t value);
uint32_t guest_in(uint32_t port, uint32_t size);
uint32_t config_in(uint32_t offset, uint32_t size);
void config_out(uint32_t offset, uint32_t size, uint32_t value);
uint32_t common_in(uint32_t offset, uint32_t size);
void common_out(uint32_t offset, uint32_t size, uint32_t value);
void mmio_out(uint64_t address, uint32_t size, uint64_t value);
uint64_t mmio_in(uint64_t address, uint32_t size);
void add_status(uint32_t bits);
void write64(uint32_t offset, uint64_t value);

void driver_negotiate(uint64_t want);
/* setup_vq() and vp_modern_map_vq_notify(); returns the notify port. */
uint32_t driver_queue(uint32_t i, uint32_t size, bool enable);
void driver_start_device(void);

#endif
