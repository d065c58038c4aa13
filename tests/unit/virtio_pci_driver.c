/* SPDX-License-Identifier: MIT */
#include "tests/unit/virtio_pci_driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define BDF	    (1U << 3)
#define MEMORY_BASE 0xfe000000U

/* --- the device behind the transport --- */

struct fake_device device;

static bool device_features_ok(void *d, uint64_t features)
{
	assert_ptr_equal(d, &device);
	device.features = features;
	return !device.refuse_features;
}

static int device_queue_enable(void *d, uint16_t queue, const struct virtio_queue_config *config)
{
	assert_ptr_equal(d, &device);
	device.queue[queue] = *config;
	device.enables++;
	return device.enable_result;
}

static void device_driver_ok(void *d)
{
	assert_ptr_equal(d, &device);
	device.driver_oks++;
}

static void device_reset(void *d)
{
	assert_ptr_equal(d, &device);
	device.resets++;
}

static void device_notify(void *d, uint16_t queue)
{
	assert_ptr_equal(d, &device);
	assert_true(queue < 3);
	device.notifies[queue]++;
}

static uint32_t device_config_read(void *d, uint32_t offset, uint32_t size)
{
	static const uint8_t cid[8] = {0x15, 0xcd, 0x5b, 0x07};
	uint32_t value = 0;

	assert_ptr_equal(d, &device);
	for (uint32_t i = 0; i < size; i++) {
		value |= (uint32_t)(offset + i < 8 ? cid[offset + i] : 0) << (8 * i);
	}
	return value;
}

static const struct virtio_device_ops ops = {
	.device_id = 19,
	.queue_count = 3,
	.queue_size_max = 256,
	.features = FEATURES,
	.features_ok = device_features_ok,
	.queue_enable = device_queue_enable,
	.driver_ok = device_driver_ok,
	.reset = device_reset,
	.notify = device_notify,
	.config_read = device_config_read,
};

/* --- the machine --- */

struct vpci bus;
struct virtio_pci transport;
uint32_t messages;
uint64_t message_address;
uint32_t message_data;

static void on_message(void *owner, uint64_t address, uint32_t data)
{
	assert_ptr_equal(owner, &bus);
	messages++;
	message_address = address;
	message_data = data;
}

bool guest_out(uint32_t port, uint32_t size, uint32_t value)
{
	uint16_t queue;

	if (virtio_pci_is_notify(&transport, (uint16_t)port, &queue)) {
		virtio_pci_notify(&transport, queue);
		return true;
	}
	return vpci_io(&bus, true, (uint16_t)port, size, &value);
}

uint32_t guest_in(uint32_t port, uint32_t size)
{
	uint32_t value = 0;

	assert_true(vpci_io(&bus, false, (uint16_t)port, size, &value));
	return value;
}

uint32_t config_in(uint32_t offset, uint32_t size)
{
	guest_out(0xcf8, 4, 0x80000000U | BDF << 8 | (offset & ~3U));
	return guest_in(0xcfc + (offset & 3), size);
}

void config_out(uint32_t offset, uint32_t size, uint32_t value)
{
	guest_out(0xcf8, 4, 0x80000000U | BDF << 8 | (offset & ~3U));
	guest_out(0xcfc + (offset & 3), size, value);
}

/* --- the driver --- */

struct driver drv;

uint32_t common_in(uint32_t offset, uint32_t size)
{
	return guest_in(drv.common + offset, size);
}

void common_out(uint32_t offset, uint32_t size, uint32_t value)
{
	assert_true(guest_out(drv.common + offset, size, value));
}

void add_status(uint32_t bits)
{
	common_out(STATUS, 1, common_in(STATUS, 1) | bits);
}

/* virtio_pci_find_capability(): the first of that type in a BAR that exists, as a port. */
static uint32_t find_capability(uint32_t type, uint32_t min_length, uint32_t *at)
{
	uint32_t hops = 0;

	for (uint32_t pos = config_in(0x34, 1); pos != 0; pos = config_in(pos + 1, 1)) {
		uint32_t bar;

		assert_true(++hops < 48 && pos >= 0x40 && pos % 4 == 0);
		if (config_in(pos, 1) != 9 || config_in(pos + 3, 1) != type) {
			continue;
		}
		*at = pos;
		bar = config_in(pos + 4, 1);
		assert_true(bar <= 5);
		assert_true(config_in(pos + 12, 4) >= min_length);
		assert_int_equal(config_in(0x10 + 4 * bar, 4) & 1, 1);
		return (config_in(0x10 + 4 * bar, 4) & ~3U) + config_in(pos + 8, 4);
	}
	return 0;
}

static void driver_find(void)
{
	uint32_t at = 0;
	uint32_t bir;

	assert_int_equal(config_in(0x00, 2), 0x1af4);
	assert_int_equal(config_in(0x02, 2), 0x1040 + 19);
	assert_int_equal(config_in(0x06, 2) & 0x10, 0x10);
	assert_int_equal(config_in(0x08, 4), 0x07800001);
	assert_int_equal(config_in(0x0e, 1), 0);
	assert_int_equal(config_in(0x3d, 1), 0);
	drv.common = find_capability(1, 56, &at);
	drv.isr = find_capability(3, 1, &at);
	drv.notify = find_capability(2, 2, &at);
	assert_int_equal(config_in(at + 2, 1), 20);
	drv.multiplier = config_in(at + 16, 4);
	drv.config = find_capability(4, 8, &at);
	drv.access = 0;
	find_capability(5, 0, &drv.access);
	assert_true(drv.common != 0 && drv.isr != 0 && drv.notify != 0 && drv.config != 0);
	assert_int_equal(drv.common % 4, 0);
	assert_int_not_equal(drv.access, 0);
	assert_int_equal(config_in(drv.access + 2, 1), 20);
	drv.msix = config_in(0x34, 1);
	while (config_in(drv.msix, 1) != 0x11) {
		drv.msix = config_in(drv.msix + 1, 1);
		assert_int_not_equal(drv.msix, 0);
	}
	bir = config_in(drv.msix + 4, 4);
	drv.table = (config_in(0x10 + 4 * (bir & 7), 4) & ~15U) + (bir & ~7U);
	bir = config_in(drv.msix + 8, 4);
	drv.pending = (config_in(0x10 + 4 * (bir & 7), 4) & ~15U) + (bir & ~7U);
}

void mmio_out(uint64_t address, uint32_t size, uint64_t value)
{
	assert_true(vpci_memory(&bus, true, gpa(address), size, &value));
}

uint64_t mmio_in(uint64_t address, uint32_t size)
{
	uint64_t value = 0;

	assert_true(vpci_memory(&bus, false, gpa(address), size, &value));
	return value;
}

/* __pci_enable_msix_range(): function masked while the table is written. */
static void driver_enable_msix(void)
{
	uint32_t control = config_in(drv.msix + 2, 2);
	uint32_t count = (control & 0x7ff) + 1;

	assert_int_equal(count, 4);
	config_out(drv.msix + 2, 2, control | 0xc000);
	for (uint32_t i = 0; i < count; i++) {
		assert_int_equal(mmio_in(drv.table + 16 * i + 12, 4) & 1, 1);
		mmio_out(drv.table + 16 * i, 4, 0xfee01000 + (i << 12));
		mmio_out(drv.table + 16 * i + 4, 4, 0);
		mmio_out(drv.table + 16 * i + 8, 4, 0x40 + i);
		mmio_out(drv.table + 16 * i + 12, 4, 0);
	}
	config_out(drv.msix + 2, 2, (control & ~0x4000U) | 0x8000);
	assert_int_equal(messages, 0);
}

void driver_negotiate(uint64_t want)
{
	uint64_t offered;

	common_out(STATUS, 1, 0);
	assert_int_equal(common_in(STATUS, 1), 0);
	add_status(VIRTIO_STATUS_ACKNOWLEDGE);
	add_status(VIRTIO_STATUS_DRIVER);
	common_out(DFSELECT, 4, 0);
	offered = common_in(DF, 4);
	common_out(DFSELECT, 4, 1);
	offered |= (uint64_t)common_in(DF, 4) << 32;
	assert_true(offered == FEATURES);
	common_out(GFSELECT, 4, 0);
	common_out(GF, 4, (uint32_t)want);
	common_out(GFSELECT, 4, 1);
	common_out(GF, 4, (uint32_t)(want >> 32));
	add_status(VIRTIO_STATUS_FEATURES_OK);
}

void write64(uint32_t offset, uint64_t value)
{
	common_out(offset, 4, (uint32_t)value);
	common_out(offset + 4, 4, (uint32_t)(value >> 32));
}

uint32_t driver_queue(uint32_t i, uint32_t size, bool enable)
{
	common_out(Q_SELECT, 2, i);
	assert_int_equal(common_in(Q_SIZE, 2), 256);
	assert_int_equal(common_in(Q_ENABLE, 2), 0);
	common_out(Q_SIZE, 2, size);
	write64(Q_DESC, 0x100000000ULL + i * 0x10000);
	write64(Q_DRIVER, 0x100004000ULL + i * 0x10000);
	write64(Q_DEVICE, 0x100008000ULL + i * 0x10000);
	common_out(Q_VECTOR, 2, i + 1);
	assert_int_equal(common_in(Q_VECTOR, 2), i + 1);
	if (enable) {
		common_out(Q_ENABLE, 2, 1);
	}
	return drv.notify + common_in(Q_NOTIFY_OFF, 2) * drv.multiplier;
}

uint32_t notify_port[3];

void driver_start_device(void)
{
	driver_negotiate(FEATURES);
	assert_int_equal(common_in(STATUS, 1), 0x0b);
	common_out(CONFIG_VECTOR, 2, 0);
	assert_int_equal(common_in(CONFIG_VECTOR, 2), 0);
	for (uint32_t i = 0; i < 3; i++) {
		notify_port[i] = driver_queue(i, 64U << i, true);
	}
	add_status(VIRTIO_STATUS_DRIVER_OK);
}

static void driver_start(void)
{
	driver_find();
	config_out(4, 2, 0x407);
	driver_enable_msix();
	driver_start_device();
}

static int setup(void **state)
{
	static const struct virtio_pci_settings settings = {
		.ops = &ops,
		.device = &device,
		.class_code = 0x078000,
		.io_base = IO_BASE,
		.memory_base = MEMORY_BASE,
		.send = on_message,
		.send_owner = &bus,
	};

	(void)state;
	memset(&device, 0, sizeof(device));
	messages = 0;
	vpci_init(&bus);
	virtio_pci_init(&transport, &settings);
	vpci_add(&bus, 1, &transport.function);
	return 0;
}

int setup_found(void **state)
{
	setup(state);
	driver_find();
	config_out(4, 2, 0x407);
	return 0;
}

int setup_started(void **state)
{
	setup(state);
	driver_start();
	return 0;
}
