/* SPDX-License-Identifier: MIT */
/*
 * Unit tests of the virtio-pci transport under a driver that does what Linux' does, and under
 * drivers that break the rules.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/virtio_pci_driver.h"

static void test_linux_driver(void **state)
{
	(void)state;
	assert_int_equal(common_in(STATUS, 1), 0x0f);
	assert_int_equal(common_in(NUM_QUEUES, 2), 3);
	assert_int_equal(common_in(GENERATION, 1), 0);
	assert_true(device.features == FEATURES);
	assert_int_equal(device.driver_oks, 1);
	assert_int_equal(device.enables, 3);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(device.queue[i].size, 64U << i);
		assert_true(device.queue[i].descriptors.value == 0x100000000ULL + i * 0x10000);
		assert_true(device.queue[i].driver.value == 0x100004000ULL + i * 0x10000);
		assert_true(device.queue[i].device.value == 0x100008000ULL + i * 0x10000);
		/* Kicks: each queue its own port, 16-bit write of the number. */
		assert_true(guest_out(notify_port[i], 2, i));
		assert_int_equal(device.notifies[i], 1);
		/* Interrupts. */
		virtio_pci_queue_interrupt(&transport, (uint16_t)i);
		assert_int_equal(messages, i + 1);
		assert_true(message_address == 0xfee02000 + (i << 12));
		assert_int_equal(message_data, 0x41 + i);
		common_out(Q_SELECT, 2, i);
		assert_int_equal(common_in(Q_ENABLE, 2), 1);
		assert_int_equal(common_in(Q_DRIVER + 4, 4), 1);
	}
	assert_int_equal(guest_in(drv.config, 4), 123456789);
	assert_int_equal(guest_in(drv.config + 1, 1), 0xcd);
	assert_int_equal(guest_in(drv.config + 8, 4), 0);
	assert_int_equal(guest_in(drv.isr, 1), 0);
}

static void test_notify_only_while_running(void **state)
{
	(void)state;
	uint16_t queue;

	assert_true(virtio_pci_is_notify(&transport, (uint16_t)notify_port[2], &queue));
	assert_int_equal(queue, 2);
	assert_false(virtio_pci_is_notify(&transport, (uint16_t)(notify_port[2] + 4), &queue));
	assert_false(virtio_pci_is_notify(&transport, (uint16_t)(notify_port[0] - 1), &queue));
	/* Moved with the BAR. */
	config_out(0x10, 4, 0xff00);
	assert_false(virtio_pci_is_notify(&transport, (uint16_t)notify_port[0], &queue));
	assert_true(virtio_pci_is_notify(&transport, 0xff00 + VIRTIO_PCI_NOTIFY + 4, &queue));
	assert_int_equal(queue, 1);
	/* Outside the window, and decoding off. */
	config_out(0x10, 4, 0x0100);
	assert_false(virtio_pci_is_notify(&transport, 0x0100 + VIRTIO_PCI_NOTIFY, &queue));
	config_out(0x10, 4, IO_BASE);
	assert_true(virtio_pci_is_notify(&transport, (uint16_t)notify_port[0], &queue));
	config_out(4, 2, 0x406);
	assert_false(virtio_pci_is_notify(&transport, (uint16_t)notify_port[0], &queue));
	assert_false(guest_out(notify_port[0], 2, 0));
	config_out(4, 2, 0x407);
	/* After a reset a kick is a harmless register write. */
	common_out(STATUS, 1, 0);
	assert_false(virtio_pci_is_notify(&transport, (uint16_t)notify_port[0], &queue));
	assert_true(guest_out(notify_port[0], 2, 0));
	assert_int_equal(device.notifies[0], 0);
	for (uint32_t port = 0; port < 0x10000; port++) {
		assert_false(virtio_pci_is_notify(&transport, (uint16_t)port, &queue));
	}
}

static void test_reset_by_driver(void **state)
{
	(void)state;
	uint32_t resets = device.resets;

	common_out(STATUS, 1, 0);
	assert_int_equal(device.resets, resets + 1);
	assert_int_equal(common_in(STATUS, 1), 0);
	assert_int_equal(common_in(CONFIG_VECTOR, 2), 0xffff);
	for (uint32_t i = 0; i < 3; i++) {
		common_out(Q_SELECT, 2, i);
		assert_int_equal(common_in(Q_ENABLE, 2), 0);
		assert_int_equal(common_in(Q_SIZE, 2), 256);
		assert_int_equal(common_in(Q_VECTOR, 2), 0xffff);
		assert_int_equal(common_in(Q_DESC, 4) | common_in(Q_DESC + 4, 4), 0);
	}
	/* MSI-X belongs to PCI: it stays, but nothing is routed. */
	assert_int_equal(config_in(drv.msix + 2, 2), 0x8003);
	virtio_pci_queue_interrupt(&transport, 0);
	assert_int_equal(messages, 0);
	/* And it starts again. */
	driver_start_device();
	virtio_pci_queue_interrupt(&transport, 0);
	assert_int_equal(messages, 1);
}

static void test_reset_of_partition(void **state)
{
	(void)state;
	vpci_reset(&bus);
	assert_int_equal(config_in(4, 2), 0);
	assert_int_equal(config_in(drv.msix + 2, 2), 3);
	config_out(4, 2, 3);
	assert_int_equal(mmio_in(drv.table, 4), 0);
	assert_int_equal(mmio_in(drv.table + 12, 4), 1);
	setup_started(NULL);
	assert_int_equal(common_in(STATUS, 1), 0x0f);
}

static void test_msix_masks(void **state)
{
	(void)state;
	uint64_t entry = drv.table + 16 * 2; /* queue 1 */

	/* Vector mask: pending until unmasked, once however often it was raised. */
	mmio_out(entry + 12, 4, 1);
	virtio_pci_queue_interrupt(&transport, 1);
	virtio_pci_queue_interrupt(&transport, 1);
	assert_int_equal(messages, 0);
	assert_int_equal(mmio_in(drv.pending, 8), 4);
	mmio_out(drv.pending, 4, 0);		   /* read-only */
	mmio_out(entry, 8, 0x1122334455667788ULL); /* the message is made when it is sent */
	mmio_out(entry + 8, 8, 0x99);
	assert_int_equal(messages, 1);
	assert_true(message_address == 0x1122334455667788ULL);
	assert_int_equal(message_data, 0x99);
	assert_int_equal(mmio_in(drv.pending, 4), 0);
	/* Function mask. */
	config_out(drv.msix + 2, 2, 0xc000);
	virtio_pci_queue_interrupt(&transport, 1);
	virtio_pci_queue_interrupt(&transport, 2);
	assert_int_equal(messages, 1);
	assert_int_equal(mmio_in(drv.pending, 4), 0xc);
	config_out(drv.msix + 2, 2, 0x8000);
	assert_int_equal(messages, 3);
	/* No bus master, no message. */
	config_out(4, 2, 3);
	virtio_pci_queue_interrupt(&transport, 1);
	assert_int_equal(messages, 3);
	config_out(4, 2, 7);
	assert_int_equal(messages, 4);
	/* A reset of the device forgets what is pending. */
	config_out(drv.msix + 2, 2, 0xc000);
	virtio_pci_queue_interrupt(&transport, 1);
	common_out(STATUS, 1, 0);
	config_out(drv.msix + 2, 2, 0x8000);
	assert_int_equal(messages, 4);
	/* The table's entries are kept, the low address bits read 0. */
	mmio_out(drv.table, 4, 0xffffffff);
	assert_int_equal(mmio_in(drv.table, 4), 0xfffffffc);
	mmio_out(drv.table + 12, 4, 0xfffffffe);
	assert_int_equal(mmio_in(drv.table + 12, 4), 0);
	/* Other widths, unaligned accesses, and what lies behind the table. */
	mmio_out(drv.table + 8, 2, 0xffff);
	mmio_out(drv.table + 4, 8, ~0ULL);
	assert_int_equal(mmio_in(drv.table + 8, 4), 0x40);
	assert_int_equal(mmio_in(drv.table + 8, 1), 0);
	mmio_out(drv.table + 64, 4, 0xffffffff);
	assert_int_equal(mmio_in(drv.table + 64, 4), 0);
	assert_int_equal(mmio_in(drv.table + 0xff8, 8), 0);
}

static void test_isr_without_msix(void **state)
{
	(void)state;
	config_out(drv.msix + 2, 2, 0);
	virtio_pci_queue_interrupt(&transport, 0);
	assert_int_equal(messages, 0);
	assert_int_equal(guest_in(drv.isr, 1), 1);
	assert_int_equal(guest_in(drv.isr, 1), 0); /* reading clears it */
	virtio_pci_needs_reset(&transport);
	assert_int_equal(guest_in(drv.isr, 1), 2);
}

static void test_vector_rules(void **state)
{
	(void)state;
	common_out(Q_SELECT, 2, 0);
	common_out(Q_VECTOR, 2, 4);
	assert_int_equal(common_in(Q_VECTOR, 2), 0xffff);
	common_out(CONFIG_VECTOR, 2, 0x8000);
	assert_int_equal(common_in(CONFIG_VECTOR, 2), 0xffff);
	virtio_pci_queue_interrupt(&transport, 0);
	virtio_pci_needs_reset(&transport);
	assert_int_equal(messages, 0);
	common_out(Q_VECTOR, 2, 3); /* two queues may share one */
	virtio_pci_queue_interrupt(&transport, 0);
	virtio_pci_queue_interrupt(&transport, 2);
	assert_int_equal(messages, 2);
	assert_int_equal(message_data, 0x43);
}

static void test_needs_reset(void **state)
{
	(void)state;
	virtio_pci_needs_reset(&transport);
	assert_int_equal(common_in(STATUS, 1), 0x4f);
	assert_int_equal(messages, 1);
	assert_int_equal(message_data, 0x40);
	common_out(STATUS, 1, 0x0f); /* the driver cannot clear it but by a reset */
	assert_int_equal(common_in(STATUS, 1), 0x4f);
	driver_start_device();
	assert_int_equal(common_in(STATUS, 1), 0x0f);
}

static void test_features(void **state)
{
	(void)state;
	common_out(DFSELECT, 4, 2);
	assert_int_equal(common_in(DF, 4), 0);
	common_out(DFSELECT, 4, 0xffffffff);
	assert_int_equal(common_in(DF, 4), 0);
	common_out(GFSELECT, 4, 0x80000001);
	common_out(GF, 4, 0xffffffff);
	assert_int_equal(common_in(GF, 4), 0);
	driver_negotiate(FEATURES | 1); /* not offered */
	assert_int_equal(common_in(STATUS, 1), 0x03);
	driver_negotiate(1ULL << 29); /* without VERSION_1 */
	assert_int_equal(common_in(STATUS, 1), 0x03);
	assert_int_equal(device.features, 0);
	device.refuse_features = true;
	driver_negotiate(FEATURES);
	assert_int_equal(common_in(STATUS, 1), 0x03);
	device.refuse_features = false;
	driver_negotiate(VIRTIO_F_VERSION_1);
	assert_int_equal(common_in(STATUS, 1), 0x0b);
	/* Settled: no change any more. */
	common_out(GFSELECT, 4, 0);
	common_out(GF, 4, 1);
	assert_int_equal(common_in(GF, 4), 0);
	common_out(GFSELECT, 4, 1);
	assert_int_equal(common_in(GF, 4), 1);
}

static void test_status_sequences(void **state)
{
	(void)state;
	common_out(STATUS, 1, VIRTIO_STATUS_DRIVER_OK); /* without features */
	assert_int_equal(common_in(STATUS, 1), 0);
	common_out(STATUS, 1, 0x70); /* bits that are not the driver's */
	assert_int_equal(common_in(STATUS, 1), 0);
	driver_negotiate(FEATURES);
	common_out(STATUS, 1, VIRTIO_STATUS_ACKNOWLEDGE); /* cannot take bits back */
	assert_int_equal(common_in(STATUS, 1), 0x0b);
	common_out(STATUS, 1, 0x0f);
	common_out(STATUS, 1, 0x0f);
	assert_int_equal(device.driver_oks, 1);
	common_out(STATUS, 1, 0x8f);
	assert_int_equal(common_in(STATUS, 1), 0x8f);
	common_out(STATUS, 1, 0);
	common_out(STATUS, 1, 0);
	assert_int_equal(common_in(STATUS, 1), 0);
	assert_int_equal(device.driver_oks, 1);
}

static void test_queue_misuse(void **state)
{
	(void)state;
	static const uint32_t bad_sizes[] = {0, 3, 255, 257, 512, 0x8000, 0xffff};

	common_out(Q_ENABLE, 2, 1); /* before FEATURES_OK */
	assert_int_equal(device.enables, 0);
	driver_negotiate(FEATURES);
	for (size_t i = 0; i < ARRAY_COUNT(bad_sizes); i++) {
		common_out(Q_SIZE, 2, bad_sizes[i]);
		assert_int_equal(common_in(Q_SIZE, 2), 256);
	}
	driver_queue(1, 16, false);
	common_out(Q_ENABLE, 2, 2);
	assert_int_equal(device.enables, 0);
	common_out(Q_ENABLE, 2, 1);
	assert_int_equal(device.enables, 1);
	assert_int_equal(device.queue[1].size, 16);
	/* Frozen from now on. */
	common_out(Q_SIZE, 2, 32);
	write64(Q_DESC, 0x5000);
	common_out(Q_ENABLE, 2, 0);
	common_out(Q_ENABLE, 2, 1);
	common_out(Q_RESET, 2, 1);
	assert_int_equal(device.enables, 1);
	assert_int_equal(common_in(Q_SIZE, 2), 16);
	assert_int_equal(common_in(Q_DESC, 4), 0x10000);
	assert_int_equal(common_in(Q_ENABLE, 2), 1);
	assert_int_equal(common_in(Q_RESET, 2), 0);
	/* Queues that do not exist. */
	for (uint32_t i = 3; i < 0x10000; i = 2 * i + 1) {
		common_out(Q_SELECT, 2, i);
		assert_int_equal(common_in(Q_SELECT, 2), i);
		assert_int_equal(common_in(Q_SIZE, 2), 0);
		assert_int_equal(common_in(Q_VECTOR, 2), 0xffff);
		assert_int_equal(common_in(Q_NOTIFY_OFF, 2), 0);
		common_out(Q_SIZE, 2, 16);
		write64(Q_DESC, 0x5000);
		common_out(Q_VECTOR, 2, 1);
		common_out(Q_ENABLE, 2, 1);
	}
	assert_int_equal(device.enables, 1);
	/* Enabling after DRIVER_OK. */
	add_status(VIRTIO_STATUS_DRIVER_OK);
	common_out(Q_SELECT, 2, 0);
	common_out(Q_ENABLE, 2, 1);
	assert_int_equal(device.enables, 1);
}

static void test_queue_refused_by_device(void **state)
{
	(void)state;
	driver_negotiate(FEATURES);
	device.enable_result = -EINVAL;
	driver_queue(0, 16, true);
	assert_int_equal(common_in(Q_ENABLE, 2), 0);
	assert_int_equal(common_in(STATUS, 1), 0x4b);
	device.enable_result = 0;
	common_out(Q_ENABLE, 2, 1);
	add_status(VIRTIO_STATUS_DRIVER_OK);
	assert_int_equal(common_in(STATUS, 1), 0x4b);
	assert_int_equal(device.driver_oks, 0);
	assert_int_equal(device.enables, 1);
}

/* All state but the tickets of the lock. */
static void take_snapshot(uint8_t out[sizeof(transport)])
{
	memcpy(out, &transport, sizeof(transport));
	memset(out + offsetof(struct virtio_pci, msix.lock), 0, sizeof(transport.msix.lock));
}

/* Other widths than a field's own do nothing and harm nothing. */
static void test_wrong_widths(void **state)
{
	(void)state;
	uint8_t before[sizeof(transport)];
	uint8_t after[sizeof(transport)];

	driver_negotiate(FEATURES);
	take_snapshot(before);
	for (uint32_t offset = 0; offset < 0x40; offset++) {
		static const uint8_t width[0x40] = {
			[0] = 4,    [4] = 4,	[8] = 4,    [12] = 4,	[0x10] = 2, [0x12] = 2,
			[0x14] = 1, [0x15] = 1, [0x16] = 2, [0x18] = 2, [0x1a] = 2, [0x1c] = 2,
			[0x1e] = 2, [0x20] = 4, [0x24] = 4, [0x28] = 4, [0x2c] = 4, [0x30] = 4,
			[0x34] = 4, [0x38] = 2, [0x3a] = 2,
		};

		for (uint32_t size = 1; size <= 4; size *= 2) {
			if (width[offset] != size && offset + size <= 0x40) {
				common_out(offset, size, 0xffffffff);
				assert_int_equal(common_in(offset, size), 0);
			}
		}
	}
	common_out(0x3c, 4, 0xffffffff);
	guest_out(drv.isr, 1, 0xff);
	guest_out(drv.config, 4, 0xffffffff);
	take_snapshot(after);
	assert_memory_equal(before, after, sizeof(before));
}

static void access_window(uint32_t bar, uint32_t offset, uint32_t length)
{
	config_out(drv.access + 4, 1, bar);
	config_out(drv.access + 8, 4, offset);
	config_out(drv.access + 12, 4, length);
}

/* VIRTIO_PCI_CAP_PCI_CFG (virtio 1.2, 4.1.4.9): BARs without mapping them. */
static void test_access_capability(void **state)
{
	(void)state;
	uint32_t data = drv.access + 16;

	access_window(0, VIRTIO_PCI_DEVICE, 4);
	assert_int_equal(config_in(data, 4), 123456789);
	access_window(0, VIRTIO_PCI_COMMON + NUM_QUEUES, 2);
	assert_int_equal(config_in(data, 2), 3);
	access_window(0, VIRTIO_PCI_NOTIFY + 4, 2);
	config_out(data, 2, 1);
	assert_int_equal(device.notifies[1], 1);
	access_window(1, MSIX_TABLE + 8, 4);
	config_out(data, 4, 0x77);
	assert_int_equal(config_in(data, 4), 0x77);
	assert_int_equal(mmio_in(drv.table + 8, 4), 0x77);
	access_window(0, VIRTIO_PCI_COMMON + STATUS, 1);
	config_out(data, 1, 0);
	assert_int_equal(common_in(STATUS, 1), 0);
	/* Also with decoding off. */
	config_out(4, 2, 0);
	assert_int_equal(config_in(data, 1), 0);
	config_out(data, 1, 1);
	assert_int_equal(config_in(data, 1), 1);
}

static void test_access_capability_misuse(void **state)
{
	(void)state;
	static const uint32_t bad[][3] = {
		{2, 0, 4},	     {6, 0, 4},		 {255, 0, 4},	     {0, 0, 0},
		{0, 0, 3},	     {0, 0, 8},		 {0, 0, 0xffffffff}, {0, 0x100, 4},
		{0, 0xfffffffc, 4},  {0, 0x13, 2},	 {0, 0x82, 4},	     {1, 0x1000, 4},
		{1, 0x80000000U, 4}, {1, 0xffffffff, 1},
	};
	uint32_t data = drv.access + 16;
	uint8_t before[sizeof(transport)];
	uint8_t after[sizeof(transport)];

	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		access_window(bad[i][0], bad[i][1], bad[i][2]);
		config_out(data, 4, 0);
		take_snapshot(before);
		config_out(data, 4, 0x41424344);
		assert_int_equal(config_in(data, 4), 0x41424344); /* only a scratch register */
		config_out(data, 4, 0);
		take_snapshot(after);
		assert_memory_equal(before, after, sizeof(before));
	}
	assert_int_equal(device.notifies[0], 0);
}

/* The capabilities themselves cannot be changed. */
static void test_config_is_read_only(void **state)
{
	(void)state;
	uint8_t before[256];

	for (uint32_t i = 0; i < 256; i++) {
		before[i] = (uint8_t)config_in(i, 1);
	}
	for (uint32_t i = 0; i < 256; i++) {
		bool is_bar = i >= 0x10 && i < 0x18;
		bool is_access =
			(i >= drv.access + 8 && i < drv.access + 20) || i == drv.access + 4;

		config_out(i, 1, 0xff);
		config_out(i, 1, 0);
		if (i != 4 && i != 5 && i != drv.msix + 3 && !is_bar && !is_access) {
			assert_int_equal(config_in(i, 1), before[i]);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_linux_driver, setup_started),
		cmocka_unit_test_setup(test_notify_only_while_running, setup_started),
		cmocka_unit_test_setup(test_reset_by_driver, setup_started),
		cmocka_unit_test_setup(test_reset_of_partition, setup_started),
		cmocka_unit_test_setup(test_msix_masks, setup_started),
		cmocka_unit_test_setup(test_isr_without_msix, setup_started),
		cmocka_unit_test_setup(test_vector_rules, setup_started),
		cmocka_unit_test_setup(test_needs_reset, setup_started),
		cmocka_unit_test_setup(test_features, setup_found),
		cmocka_unit_test_setup(test_status_sequences, setup_found),
		cmocka_unit_test_setup(test_queue_misuse, setup_found),
		cmocka_unit_test_setup(test_queue_refused_by_device, setup_found),
		cmocka_unit_test_setup(test_wrong_widths, setup_found),
		cmocka_unit_test_setup(test_access_capability, setup_started),
		cmocka_unit_test_setup(test_access_capability_misuse, setup_started),
		cmocka_unit_test_setup(test_config_is_read_only, setup_started),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
