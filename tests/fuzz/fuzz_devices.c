/* SPDX-License-Identifier: MIT */
/*
 * A guest's whole access to its virtual devices: the input is a list of port, memory and MSR
 * accesses. Checked: sanitizers, and what the device behind the transport may rely on.
 */
#include <stdlib.h>
#include <string.h>

#include "hv/vlapic.h"
#include "hv/vpci/virtio_pci.h"
#include "hv/vuart.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool condition)
{
	if (!condition) {
		abort();
	}
}

static struct {
	bool is_enabled[VIRTIO_QUEUES_MAX];
	bool is_driver_ok;
} device;

static bool features_ok(void *d, uint64_t features)
{
	(void)d;
	check((features & VIRTIO_F_VERSION_1) != 0);
	return true;
}

static int queue_enable(void *d, uint16_t queue, const struct virtio_queue_config *config)
{
	(void)d;
	check(queue < 2 && !device.is_enabled[queue] && !device.is_driver_ok);
	check(config->size != 0 && config->size <= 128 && (config->size & (config->size - 1)) == 0);
	if ((config->descriptors.value & 15) != 0) {
		return -1;
	}
	device.is_enabled[queue] = true;
	return 0;
}

static void driver_ok(void *d)
{
	(void)d;
	check(!device.is_driver_ok);
	device.is_driver_ok = true;
}

static void reset(void *d)
{
	(void)d;
	memset(&device, 0, sizeof(device));
}

static void notify(void *d, uint16_t queue)
{
	(void)d;
	check(queue < 2 && device.is_driver_ok);
}

static uint32_t config_read(void *d, uint32_t offset, uint32_t size)
{
	(void)d;
	check(offset + size <= VIRTIO_PCI_DEVICE_SIZE);
	return offset;
}

static const struct virtio_device_ops ops = {
	.device_id = 19,
	.queue_count = 2,
	.queue_size_max = 128,
	.features = VIRTIO_F_VERSION_1 | 3,
	.features_ok = features_ok,
	.queue_enable = queue_enable,
	.driver_ok = driver_ok,
	.reset = reset,
	.notify = notify,
	.config_read = config_read,
};

static struct vpci bus;
static struct virtio_pci transport;
static struct vuart uart;
static struct vlapic apic;
static _Alignas(4096) uint32_t page[1024];

static void on_message(void *owner, uint64_t address, uint32_t data)
{
	struct vlapic_message message;

	(void)owner;
	if (vlapic_msi_decode(address, data, &message) == 0 &&
	    vlapic_is_target(&apic, NULL, &message)) {
		vlapic_post(&apic, message.vector);
	}
}

static void on_line(void *owner, const char *text, uint32_t length)
{
	(void)owner;
	check(length <= VUART_LINE_MAX);
	for (uint32_t i = 0; i < length; i++) {
		check((uint8_t)text[i] >= 0x20 || text[i] == '\t');
		check(text[i] != 0x7f);
	}
}

static void start(void)
{
	static const struct virtio_pci_settings settings = {
		.ops = &ops,
		.class_code = 0x078000,
		.io_base = 0xc000,
		.memory_base = 0xfe000000,
		.send = on_message,
	};

	memset(&device, 0, sizeof(device));
	vpci_init(&bus);
	virtio_pci_init(&transport, &settings);
	vpci_add(&bus, 1, &transport.function);
	vuart_init(&uart, on_line, NULL);
	vlapic_init(&apic, page, 1, true);
}

static void access_io(uint16_t port, uint32_t size, bool is_write, uint32_t value)
{
	uint16_t queue;

	if (is_write && virtio_pci_is_notify(&transport, port, &queue)) {
		virtio_pci_notify(&transport, queue);
	} else {
		vpci_io(&bus, is_write, port, size, &value);
	}
}

static void access_apic(uint32_t msr, bool is_write, uint64_t value, uint64_t now)
{
	struct vlapic_action action;
	int vector;

	if (is_write) {
		vlapic_msr_write(&apic, msr, value, now, &action);
	} else {
		vlapic_msr_read(&apic, msr, now, &value);
	}
	vlapic_timer_expire(&apic, now);
	vlapic_sync(&apic);
	vector = vlapic_next(&apic);
	check(vector == -1 || (vector >= 16 && vector <= 255));
	if (vector >= 0) {
		vlapic_accept(&apic, (uint8_t)vector);
		check(vlapic_svi(&apic) == vector);
	}
}

/* One access: kind, low bits of an address, value. */
struct step {
	uint8_t kind;
	uint8_t size;
	uint16_t address;
	uint32_t value;
};

static void run_step(const struct step *step, uint64_t *now)
{
	uint32_t size = 1U << (step->size & 3U);
	uint32_t io_size = size > 4 ? 4 : size;
	bool is_write = (step->kind & 1U) != 0;
	uint64_t value = step->value;

	switch ((step->kind >> 1) % 7U) {
	case 0: access_io(step->address, io_size, is_write, step->value); return;
	case 1: /* configuration space of the device */
		access_io(0xcf8, 4, true, 0x80000800U | (step->address & 0xfcU));
		access_io((uint16_t)(0xcfc + (step->address & 3U & ~(io_size - 1))), io_size,
			  is_write, step->value);
		return;
	case 2:
		value |= value << 32;
		vpci_memory(&bus, is_write, gpa(0xfe000000ULL + step->address), size, &value);
		return;
	case 3:
		*now += step->address;
		access_apic(step->size == 0xff ? VLAPIC_MSR_TSC_DEADLINE : 0x800U + step->size,
			    is_write, value, *now);
		return;
	case 4: /* ECAM */
		value |= value << 32;
		vpci_memory(&bus, is_write, gpa(VPCI_ECAM_FIRST + step->address), size, &value);
		return;
	case 5:
		if (is_write) {
			vuart_write(&uart, step->address, (uint8_t)step->value);
		} else {
			vuart_read(&uart, step->address);
		}
		return;
	default:
		virtio_pci_queue_interrupt(&transport, step->address);
		if (step->size == 0xff) {
			virtio_pci_needs_reset(&transport);
		}
		return;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t now = 1;

	start();
	for (; size >= sizeof(struct step); size -= sizeof(struct step)) {
		struct step step;

		memcpy(&step, data, sizeof(step));
		data += sizeof(step);
		run_step(&step, &now);
	}
	vuart_flush(&uart);
	vpci_reset(&bus);
	check(!device.is_driver_ok);
	return 0;
}
