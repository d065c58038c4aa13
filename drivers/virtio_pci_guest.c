// SPDX-License-Identifier: MIT
/*
 * The guest's side of a modern virtio-pci device (virtio 1.2, 4.1).
 *
 * Accesses to memory BARs are single MOVs of a register, written in assembly: the hypervisor
 * decodes those, and not whatever a compiler may choose.
 */
#include "drivers/virtio_pci_guest.h"

#include <errno.h>
#include <string.h>

/* PCI configuration space, types 0 headers. */
#define PCI_ADDRESS_PORT  0xcf8
#define PCI_DATA_PORT	  0xcfc
#define PCI_SLOTS	  32U
#define PCI_ID		  0x00U
#define PCI_COMMAND	  0x04U
#define PCI_BAR0	  0x10U
#define PCI_CAPABILITIES  0x34U
#define PCI_COMMAND_ON	  0x407U /* I/O, memory, bus master, no INTx */
#define PCI_STATUS_CAPS	  (1U << 20)
#define PCI_CAP_VENDOR	  0x09U
#define PCI_CAP_MSIX	  0x11U
#define PCI_CAPS_MAX	  48U /* a capability takes 4 bytes of 192: bounds a list with a loop */
#define BARS		  6U
#define MSIX_ENABLE	  (1U << 31)
#define MSIX_MASK_ALL	  (1U << 30)
#define MSIX_ENTRY_SIZE	  16U
#define MSIX_MESSAGE_BASE 0xfee00000U

/* virtio 1.2, 4.1.4 */
#define VIRTIO_VENDOR	     0x1af4U
#define VIRTIO_DEVICE_MODERN 0x1040U
#define CAP_COMMON	     1U
#define CAP_NOTIFY	     2U
#define CAP_ISR		     3U
#define CAP_DEVICE	     4U

/* virtio 1.2, 4.1.4.3: the common configuration */
#define COMMON_DEVICE_FEATURE_SELECT 0U
#define COMMON_DEVICE_FEATURE	     4U
#define COMMON_DRIVER_FEATURE_SELECT 8U
#define COMMON_DRIVER_FEATURE	     12U
#define COMMON_CONFIG_VECTOR	     16U
#define COMMON_DEVICE_STATUS	     20U
#define COMMON_QUEUE_SELECT	     22U
#define COMMON_QUEUE_SIZE	     24U
#define COMMON_QUEUE_VECTOR	     26U
#define COMMON_QUEUE_ENABLE	     28U
#define COMMON_QUEUE_NOTIFY_OFFSET   30U
#define COMMON_QUEUE_DESCRIPTORS     32U
#define COMMON_QUEUE_AVAILABLE	     40U
#define COMMON_QUEUE_USED	     48U
#define COMMON_SIZE		     56U

#define STATUS_ACKNOWLEDGE 1U
#define STATUS_DRIVER	   2U
#define STATUS_DRIVER_OK   4U
#define STATUS_FEATURES_OK 8U
#define STATUS_NEEDS_RESET 64U
#define RESET_POLLS	   1000U

static void out32(uint16_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static uint32_t in32(uint16_t port)
{
	uint32_t value;

	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static uint32_t region_read32(const struct virtio_pci_guest_region *region, uint32_t offset)
{
	uint32_t value;

	if (region->is_io) {
		return in32((uint16_t)(region->base + offset));
	}
	__asm__ volatile("movl (%1), %0" : "=r"(value) : "r"(region->base + offset) : "memory");
	return value;
}

static uint16_t region_read16(const struct virtio_pci_guest_region *region, uint32_t offset)
{
	uint16_t value;

	if (region->is_io) {
		__asm__ volatile("inw %1, %0"
				 : "=a"(value)
				 : "d"((uint16_t)(region->base + offset)));
	} else {
		__asm__ volatile("movw (%1), %0"
				 : "=r"(value)
				 : "r"(region->base + offset)
				 : "memory");
	}
	return value;
}

static uint8_t region_read8(const struct virtio_pci_guest_region *region, uint32_t offset)
{
	uint8_t value;

	if (region->is_io) {
		__asm__ volatile("inb %1, %0"
				 : "=a"(value)
				 : "d"((uint16_t)(region->base + offset)));
	} else {
		__asm__ volatile("movb (%1), %0"
				 : "=r"(value)
				 : "r"(region->base + offset)
				 : "memory");
	}
	return value;
}

static void region_write32(const struct virtio_pci_guest_region *region, uint32_t offset,
			   uint32_t value)
{
	if (region->is_io) {
		out32((uint16_t)(region->base + offset), value);
	} else {
		__asm__ volatile("movl %0, (%1)"
				 :
				 : "r"(value), "r"(region->base + offset)
				 : "memory");
	}
}

static void region_write16(const struct virtio_pci_guest_region *region, uint32_t offset,
			   uint16_t value)
{
	if (region->is_io) {
		__asm__ volatile("outw %0, %1"
				 :
				 : "a"(value), "d"((uint16_t)(region->base + offset))
				 : "memory");
	} else {
		__asm__ volatile("movw %0, (%1)"
				 :
				 : "r"(value), "r"(region->base + offset)
				 : "memory");
	}
}

static void region_write8(const struct virtio_pci_guest_region *region, uint32_t offset,
			  uint8_t value)
{
	if (region->is_io) {
		__asm__ volatile("outb %0, %1"
				 :
				 : "a"(value), "d"((uint16_t)(region->base + offset))
				 : "memory");
	} else {
		__asm__ volatile("movb %0, (%1)"
				 :
				 : "q"(value), "r"(region->base + offset)
				 : "memory");
	}
}

/* 64-bit fields as two halves (4.1.3.1). */
static void region_write64(const struct virtio_pci_guest_region *region, uint32_t offset,
			   uint64_t value)
{
	region_write32(region, offset, (uint32_t)value);
	region_write32(region, offset + 4, (uint32_t)(value >> 32));
}

static uint32_t config_read(uint8_t slot, uint32_t offset)
{
	out32(PCI_ADDRESS_PORT, 1U << 31 | (uint32_t)slot << 11 | (offset & 0xfc));
	return in32(PCI_DATA_PORT);
}

static void config_write(uint8_t slot, uint32_t offset, uint32_t value)
{
	out32(PCI_ADDRESS_PORT, 1U << 31 | (uint32_t)slot << 11 | (offset & 0xfc));
	out32(PCI_DATA_PORT, value);
}

/* Region [offset, offset + length) of a BAR. -EIO: no such BAR, or it has no address. */
static int region_of_bar(uint8_t slot, uint32_t bar, uint32_t offset, uint32_t length,
			 struct virtio_pci_guest_region *out)
{
	uint32_t low;
	uint64_t base;

	if (bar >= BARS) {
		return -EIO;
	}
	low = config_read(slot, PCI_BAR0 + bar * 4);
	out->is_io = (low & 1) != 0;
	base = low & (out->is_io ? ~3U : ~15U);
	if (!out->is_io && (low & 6) == 4 && bar + 1 < BARS) {
		base |= (uint64_t)config_read(slot, PCI_BAR0 + bar * 4 + 4) << 32;
	}
	if (base == 0 || (out->is_io && base + offset + length > 0x10000)) {
		return -EIO;
	}
	out->base = base + offset;
	out->length = length;
	return 0;
}

/* struct virtio_pci_cap: 4.1.4. The first structure of a kind that works is the one to use. */
static int read_virtio_capability(struct virtio_pci_guest *device, uint32_t at)
{
	uint32_t kind = config_read(device->slot, at) >> 24;
	uint32_t bar = config_read(device->slot, at + 4) & 0xff;
	uint32_t offset = config_read(device->slot, at + 8);
	uint32_t length = config_read(device->slot, at + 12);
	struct virtio_pci_guest_region *region;

	switch (kind) {
	case CAP_COMMON: region = &device->common; break;
	case CAP_NOTIFY: region = &device->notify; break;
	case CAP_ISR: region = &device->isr; break;
	case CAP_DEVICE: region = &device->config; break;
	default: return 0;
	}
	if (region->length != 0) {
		return 0;
	}
	if (kind == CAP_NOTIFY) {
		device->notify_multiplier = config_read(device->slot, at + 16);
	}
	return region_of_bar(device->slot, bar, offset, length, region);
}

static int read_msix_capability(struct virtio_pci_guest *device, uint32_t at)
{
	uint32_t control = config_read(device->slot, at);
	uint32_t table = config_read(device->slot, at + 4);

	device->msix_at = (uint8_t)at;
	device->msix_vectors = (uint16_t)((control >> 16 & 0x7ff) + 1);
	return region_of_bar(device->slot, table & 7, table & ~7U,
			     device->msix_vectors * MSIX_ENTRY_SIZE, &device->msix_table);
}

static int read_capabilities(struct virtio_pci_guest *device)
{
	uint32_t at = config_read(device->slot, PCI_CAPABILITIES) & 0xfc;
	int error = 0;

	if ((config_read(device->slot, PCI_COMMAND) & PCI_STATUS_CAPS) == 0) {
		return -EIO;
	}
	for (uint32_t i = 0; i < PCI_CAPS_MAX && at != 0 && error == 0; i++) {
		uint32_t header = config_read(device->slot, at);

		if ((header & 0xff) == PCI_CAP_VENDOR) {
			error = read_virtio_capability(device, at);
		} else if ((header & 0xff) == PCI_CAP_MSIX) {
			error = read_msix_capability(device, at);
		}
		at = header >> 8 & 0xfc;
	}
	if (error == 0 && (device->common.length < COMMON_SIZE || device->notify.length < 2)) {
		error = -EIO;
	}
	return error;
}

static uint8_t read_status(const struct virtio_pci_guest *device)
{
	return region_read8(&device->common, COMMON_DEVICE_STATUS);
}

static void add_status(const struct virtio_pci_guest *device, uint8_t bits)
{
	region_write8(&device->common, COMMON_DEVICE_STATUS, read_status(device) | bits);
}

/* The device is reset when it reads back 0 (4.1.4.3.2). */
static int reset(const struct virtio_pci_guest *device)
{
	region_write8(&device->common, COMMON_DEVICE_STATUS, 0);
	for (uint32_t i = 0; i < RESET_POLLS; i++) {
		if (read_status(device) == 0) {
			return 0;
		}
	}
	return -EIO;
}

int virtio_pci_guest_find(struct virtio_pci_guest *device, uint16_t device_id)
{
	uint32_t wanted = VIRTIO_VENDOR | (VIRTIO_DEVICE_MODERN + device_id) << 16;
	int error;

	memset(device, 0, sizeof(*device));
	while (config_read(device->slot, PCI_ID) != wanted) {
		if (++device->slot == PCI_SLOTS) {
			return -ENODEV;
		}
	}
	/* The upper half is the status register, whose bits a 1 clears. */
	config_write(device->slot, PCI_COMMAND, PCI_COMMAND_ON);
	error = read_capabilities(device);
	if (error == 0) {
		error = reset(device);
	}
	return error;
}

static uint64_t read_features(const struct virtio_pci_guest *device)
{
	uint64_t features;

	region_write32(&device->common, COMMON_DEVICE_FEATURE_SELECT, 0);
	features = region_read32(&device->common, COMMON_DEVICE_FEATURE);
	region_write32(&device->common, COMMON_DEVICE_FEATURE_SELECT, 1);
	return features | (uint64_t)region_read32(&device->common, COMMON_DEVICE_FEATURE) << 32;
}

int virtio_pci_guest_negotiate(struct virtio_pci_guest *device, uint64_t features)
{
	add_status(device, STATUS_ACKNOWLEDGE);
	add_status(device, STATUS_DRIVER);
	if ((read_features(device) & features) != features) {
		return -ENOTSUP;
	}
	region_write32(&device->common, COMMON_DRIVER_FEATURE_SELECT, 0);
	region_write32(&device->common, COMMON_DRIVER_FEATURE, (uint32_t)features);
	region_write32(&device->common, COMMON_DRIVER_FEATURE_SELECT, 1);
	region_write32(&device->common, COMMON_DRIVER_FEATURE, (uint32_t)(features >> 32));
	add_status(device, STATUS_FEATURES_OK);
	return (read_status(device) & STATUS_FEATURES_OK) != 0 ? 0 : -ENOTSUP;
}

static void set_msix_entry(const struct virtio_pci_guest *device, uint32_t entry, uint32_t apic_id,
			   uint8_t vector)
{
	uint32_t at = entry * MSIX_ENTRY_SIZE;

	/* Fixed delivery, edge, physical destination (Intel SDM 3A 10.11). */
	region_write32(&device->msix_table, at, MSIX_MESSAGE_BASE | (apic_id & 0xff) << 12);
	region_write32(&device->msix_table, at + 4, 0);
	region_write32(&device->msix_table, at + 8, vector);
	region_write32(&device->msix_table, at + 12, 0); /* not masked */
}

int virtio_pci_guest_set_vectors(struct virtio_pci_guest *device, uint32_t apic_id,
				 uint8_t queue_vector, uint8_t config_vector, uint16_t queues)
{
	const struct virtio_pci_guest_region *common = &device->common;

	if (device->msix_at == 0 || device->msix_vectors < 2) {
		return -ENOTSUP;
	}
	config_write(device->slot, device->msix_at, MSIX_ENABLE | MSIX_MASK_ALL);
	set_msix_entry(device, 0, apic_id, queue_vector);
	set_msix_entry(device, 1, apic_id, config_vector);
	config_write(device->slot, device->msix_at, MSIX_ENABLE);
	/* A vector that the device cannot take reads back as 0xffff (4.1.5.1.2). */
	region_write16(common, COMMON_CONFIG_VECTOR, 1);
	if (region_read16(common, COMMON_CONFIG_VECTOR) != 1) {
		return -ENOTSUP;
	}
	for (uint16_t i = 0; i < queues; i++) {
		region_write16(common, COMMON_QUEUE_SELECT, i);
		region_write16(common, COMMON_QUEUE_VECTOR, 0);
		if (region_read16(common, COMMON_QUEUE_VECTOR) != 0) {
			return -ENOTSUP;
		}
	}
	return 0;
}

uint16_t virtio_pci_guest_queue_size_max(const struct virtio_pci_guest *device, uint16_t queue)
{
	region_write16(&device->common, COMMON_QUEUE_SELECT, queue);
	return region_read16(&device->common, COMMON_QUEUE_SIZE);
}

int virtio_pci_guest_queue_enable(struct virtio_pci_guest *device, uint16_t queue,
				  const struct virtio_pci_guest_queue *setup)
{
	const struct virtio_pci_guest_region *common = &device->common;
	struct virtio_pci_guest_region *notify = &device->queue_notify[queue];
	uint32_t offset;

	region_write16(common, COMMON_QUEUE_SELECT, queue);
	region_write16(common, COMMON_QUEUE_SIZE, setup->size);
	region_write64(common, COMMON_QUEUE_DESCRIPTORS, setup->descriptors);
	region_write64(common, COMMON_QUEUE_AVAILABLE, setup->available);
	region_write64(common, COMMON_QUEUE_USED, setup->used);
	/* 4.1.4.4 */
	offset = region_read16(common, COMMON_QUEUE_NOTIFY_OFFSET) * device->notify_multiplier;
	if (offset > device->notify.length - 2) {
		return -EIO;
	}
	*notify = device->notify;
	notify->base += offset;
	region_write16(common, COMMON_QUEUE_ENABLE, 1);
	return virtio_pci_guest_needs_reset(device) ? -EIO : 0;
}

int virtio_pci_guest_driver_ok(struct virtio_pci_guest *device)
{
	add_status(device, STATUS_DRIVER_OK);
	return virtio_pci_guest_needs_reset(device) ? -EIO : 0;
}

bool virtio_pci_guest_needs_reset(const struct virtio_pci_guest *device)
{
	return (read_status(device) & STATUS_NEEDS_RESET) != 0;
}

void virtio_pci_guest_notify(const struct virtio_pci_guest *device, uint16_t queue)
{
	region_write16(&device->queue_notify[queue], 0, queue);
}

uint32_t virtio_pci_guest_config_read32(const struct virtio_pci_guest *device, uint32_t offset)
{
	return region_read32(&device->config, offset);
}
