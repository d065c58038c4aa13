/* SPDX-License-Identifier: MIT */
/* Virtual PCI: configuration mechanism #1 as Linux probes it, BAR sizing, relocation, windows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "hv/vpci/vpci.h"

enum { IO_BASE = 0x2000, IO_SIZE = 0x40, DEVICE = 2 };
#define MEM_BASE 0xfe000000U
#define MEM_SIZE 0x2000U
#define BDF	 (DEVICE << 3)

static struct vpci bus;
static struct vpci_function function;
static uint32_t resets;
static uint64_t last_value;
static uint32_t last[4]; /* bar, offset, size, is_write */

static uint64_t bar_read(struct vpci_function *f, uint32_t bar, uint32_t offset, uint32_t size)
{
	assert_ptr_equal(f, &function);
	memcpy(last, (uint32_t[]){bar, offset, size, 0}, sizeof(last));
	return 0x8877665544332211ULL;
}

static void bar_write(struct vpci_function *f, uint32_t bar, uint32_t offset, uint32_t size,
		      uint64_t value)
{
	assert_ptr_equal(f, &function);
	memcpy(last, (uint32_t[]){bar, offset, size, 1}, sizeof(last));
	last_value = value;
}

static void on_reset(struct vpci_function *f)
{
	(void)f;
	resets++;
}

static const struct vpci_function_ops ops = {
	.bar_read = bar_read, .bar_write = bar_write, .reset = on_reset};

static int setup(void **state)
{
	(void)state;
	memset(last, 0xff, sizeof(last));
	resets = 0;
	function = (struct vpci_function){
		.ops = &ops,
		.bar = {{IO_SIZE, true, IO_BASE}, {MEM_SIZE, false, MEM_BASE}},
	};
	vpci_function_set(&function, 0, 4, 0x12345678);
	vpci_init(&bus);
	vpci_add(&bus, DEVICE, &function);
	return 0;
}

static uint32_t in(uint16_t port, uint32_t size)
{
	uint32_t value = 0;

	assert_true(vpci_io(&bus, false, port, size, &value));
	return value;
}

static void out(uint16_t port, uint32_t size, uint32_t value)
{
	assert_true(vpci_io(&bus, true, port, size, &value));
}

static uint32_t config_in(uint32_t bdf, uint32_t offset, uint32_t size)
{
	out(0xcf8, 4, 0x80000000U | bdf << 8 | (offset & ~3U));
	return in((uint16_t)(0xcfc + (offset & 3)), size);
}

static void config_out(uint32_t bdf, uint32_t offset, uint32_t size, uint32_t value)
{
	out(0xcf8, 4, 0x80000000U | bdf << 8 | (offset & ~3U));
	out((uint16_t)(0xcfc + (offset & 3)), size, value);
}

static bool io_hit(uint32_t port, uint32_t size)
{
	uint32_t value;

	return vpci_io(&bus, false, (uint16_t)port, size, &value);
}

static bool mmio_hit(uint64_t address, uint32_t size)
{
	uint64_t value;

	return vpci_memory(&bus, false, gpa(address), size, &value);
}

/* pci_check_type1() of Linux, and its sanity check of bus 0. */
static void test_linux_probe(void **state)
{
	(void)state;
	out(0xcfb, 1, 1);
	uint32_t old = in(0xcf8, 4);

	out(0xcf8, 4, 0x80000000U);
	assert_int_equal(in(0xcf8, 4), 0x80000000U);
	out(0xcf8, 4, old);
	assert_int_equal(in(0xcf8, 4), 0);
	assert_int_equal(config_in(0, 0x0a, 2), 0x0600); /* class: host bridge */
	assert_int_equal(config_in(0, 0x0e, 1), 0);
	assert_int_equal(config_in(0, 0, 4), 0x00081b36);
	assert_int_equal(config_in(0, 0x3d, 1), 0);
	assert_int_equal(config_in(0, 0x10, 4), 0);
}

/* A scan of all buses finds two functions, everything else reads as all ones. */
static void test_scan(void **state)
{
	(void)state;
	uint32_t found = 0;

	for (uint32_t bdf = 0; bdf < 0x10000; bdf++) {
		if (config_in(bdf, 0, 4) != 0xffffffff) {
			assert_true(bdf == 0 || bdf == BDF);
			found++;
		} else {
			config_out(bdf, 0x10, 4, 0x1234);
		}
	}
	assert_int_equal(found, 2);
	assert_int_equal(config_in(8, 0, 2), 0xffff);
	assert_int_equal(config_in(8, 3, 1), 0xff);
}

static void test_access_widths(void **state)
{
	(void)state;
	assert_int_equal(config_in(BDF, 0, 4), 0x12345678);
	assert_int_equal(config_in(BDF, 0, 2), 0x5678);
	assert_int_equal(config_in(BDF, 1, 1), 0x56);
	assert_int_equal(config_in(BDF, 1, 2), 0x3456);
	assert_int_equal(config_in(BDF, 3, 1), 0x12);
	config_out(BDF, 0, 4, 0); /* read-only */
	assert_int_equal(config_in(BDF, 0, 4), 0x12345678);
	config_out(BDF, 4, 4, 0xffffffff);
	assert_int_equal(config_in(BDF, 4, 4), 0x0407);
	config_out(BDF, 5, 1, 0);
	assert_int_equal(config_in(BDF, 4, 2), 0x0007);
	/* Parts of CONFIG_ADDRESS are not there; 0xcf9 belongs to somebody else. */
	out(0xcf8, 4, 0x80001000);
	out(0xcf8, 1, 0xff);
	out(0xcfa, 2, 0xffff);
	assert_int_equal(in(0xcf8, 4), 0x80001000);
	assert_int_equal(in(0xcf8, 2), 0xffff);
	assert_false(io_hit(0xcf9, 1));
	assert_false(vpci_io(&bus, true, 0xcf9, 1, &(uint32_t){6}));
	assert_false(io_hit(0xcfe, 4)); /* across the end */
	assert_false(io_hit(0xcf7, 4));
	/* Without the enable bit there is no configuration cycle. */
	out(0xcf8, 4, 0);
	assert_int_equal(in(0xcfc, 4), 0xffffffff);
	/* Past the 256 bytes (for ECAM). */
	assert_int_equal(vpci_config_read(&bus, BDF, 0x100, 4), 0);
	assert_int_equal(vpci_config_read(&bus, BDF, 0x1000, 4), 0xffffffff);
	vpci_config_write(&bus, BDF, 0x100, 4, 1);
}

/* __pci_read_base() of Linux. */
static void test_bar_sizing(void **state)
{
	(void)state;
	assert_int_equal(config_in(BDF, 0x10, 4), IO_BASE | 1);
	config_out(BDF, 0x10, 4, 0xffffffff);
	assert_int_equal(config_in(BDF, 0x10, 4), 0xffffffc1);
	config_out(BDF, 0x10, 4, IO_BASE | 1);
	config_out(BDF, 0x14, 4, 0xffffffff);
	assert_int_equal(config_in(BDF, 0x14, 4), 0xffffe000);
	config_out(BDF, 0x14, 4, MEM_BASE);
	assert_int_equal(config_in(BDF, 0x14, 4), MEM_BASE);
	config_out(BDF, 0x18, 4, 0xffffffff);
	assert_int_equal(config_in(BDF, 0x18, 4), 0);
	config_out(BDF, 0x30, 4, 0xffffffff);
	assert_int_equal(config_in(BDF, 0x30, 4), 0);
}

static void test_bar_access(void **state)
{
	(void)state;
	uint64_t value;

	assert_false(io_hit(IO_BASE, 1)); /* not enabled */
	assert_false(mmio_hit(MEM_BASE, 4));
	config_out(BDF, 4, 2, VPCI_COMMAND_IO);
	assert_false(mmio_hit(MEM_BASE, 4));
	assert_int_equal(in(IO_BASE + 5, 2), 0x2211);
	assert_memory_equal(last, ((uint32_t[]){0, 5, 2, 0}), sizeof(last));
	out(IO_BASE + 0x3c, 4, 0xaabbccdd);
	assert_memory_equal(last, ((uint32_t[]){0, 0x3c, 4, 1}), sizeof(last));
	assert_int_equal(last_value, 0xaabbccdd);
	assert_false(io_hit(IO_BASE + 0x3d, 4)); /* across the end */
	assert_false(io_hit(IO_BASE + IO_SIZE, 1));
	assert_false(io_hit(IO_BASE - 1, 1));
	config_out(BDF, 4, 2, VPCI_COMMAND_MEMORY);
	assert_false(io_hit(IO_BASE, 1));
	assert_true(vpci_memory(&bus, false, gpa(MEM_BASE + 0x1ff8), 8, &value));
	assert_true(value == 0x8877665544332211ULL);
	value = ~0ULL;
	assert_true(vpci_memory(&bus, true, gpa(MEM_BASE), 8, &value));
	assert_memory_equal(last, ((uint32_t[]){1, 0, 8, 1}), sizeof(last));
	assert_false(mmio_hit(MEM_BASE + 0x1ffc, 8));
	assert_false(mmio_hit(MEM_BASE + MEM_SIZE, 1));
	assert_false(mmio_hit((1ULL << 32) + MEM_BASE, 4));
}

/* The same configuration space through memory; it goes before a BAR that was placed over it. */
static void test_ecam(void **state)
{
	(void)state;
	const uint64_t header = VPCI_ECAM_FIRST + (DEVICE << 15);
	uint64_t value = 0;

	assert_true(vpci_memory(&bus, false, gpa(header), 4, &value));
	assert_int_equal(value, 0x12345678);
	assert_true(vpci_memory(&bus, false, gpa(header + 2), 2, &value));
	assert_int_equal(value, 0x1234);
	assert_true(vpci_memory(&bus, false, gpa(header + 0x100), 4, &value));
	assert_int_equal(value, 0); /* no extended capabilities */
	assert_true(vpci_memory(&bus, false, gpa(header + 0x1000), 4, &value));
	assert_int_equal(value, 0xffffffff); /* no function 1 */
	assert_true(vpci_memory(&bus, false, gpa(VPCI_ECAM_FIRST + 0xffffc), 4, &value));
	assert_int_equal(value, 0xffffffff);
	value = VPCI_COMMAND_MEMORY;
	assert_true(vpci_memory(&bus, true, gpa(header + VPCI_COMMAND), 2, &value));
	assert_int_equal(config_in(BDF, VPCI_COMMAND, 2), VPCI_COMMAND_MEMORY);
	assert_true(mmio_hit(MEM_BASE, 4));
	config_out(BDF, VPCI_BAR0 + 4, 4, VPCI_ECAM_FIRST);
	assert_true(vpci_memory(&bus, false, gpa(header), 4, &value));
	assert_int_equal(value, 0x12345678);
	assert_false(mmio_hit(header, 8));
	assert_false(mmio_hit(header + 1, 2));
	assert_false(mmio_hit(header + 2, 4));
	assert_false(mmio_hit(VPCI_ECAM_FIRST - 4, 8));
	assert_false(mmio_hit(VPCI_ECAM_FIRST + VPCI_ECAM_SIZE, 4));
}

static void test_relocation(void **state)
{
	(void)state;
	static const uint32_t bad_io[] = {0, 0xf80, 0x3c0, 0xcc0, 0x10000, 0xffffffc0};
	static const uint32_t bad_memory[] = {0,	  0x100000,   0xbfffe000,
					      0xfec00000, 0xfee00000, 0xffffe000};

	config_out(BDF, 4, 2, VPCI_COMMAND_IO | VPCI_COMMAND_MEMORY);
	config_out(BDF, 0x10, 4, 0xffc0);
	assert_true(io_hit(0xffff, 1));
	assert_false(io_hit(IO_BASE, 1));
	config_out(BDF, 0x10, 4, 0x1000);
	assert_true(io_hit(0x1000, 1));
	config_out(BDF, 0x14, 4, 0xc0000000);
	assert_true(mmio_hit(0xc0000000, 4));
	config_out(BDF, 0x14, 4, 0xfebfe000);
	assert_true(mmio_hit(0xfebffffc, 4));
	for (size_t i = 0; i < ARRAY_COUNT(bad_io); i++) {
		config_out(BDF, 0x10, 4, bad_io[i]);
		assert_int_equal(config_in(BDF, 0x10, 4), bad_io[i] | 1);
		if (bad_io[i] != 0xcc0) { /* that page holds the configuration ports */
			assert_false(io_hit(bad_io[i] & 0xffff, 1));
		}
		assert_false(vpci_function_bar(&function, 0, &(uint32_t){0}));
	}
	for (size_t i = 0; i < ARRAY_COUNT(bad_memory); i++) {
		config_out(BDF, 0x14, 4, bad_memory[i]);
		assert_int_equal(config_in(BDF, 0x14, 4), bad_memory[i]);
		assert_false(mmio_hit(bad_memory[i], 4));
	}
}

static void test_overlap(void **state)
{
	(void)state;
	static struct vpci_function second;

	second = (struct vpci_function){.ops = &ops, .bar = {{IO_SIZE, true, IO_BASE}}};
	vpci_add(&bus, DEVICE + 1, &second);
	config_out(BDF, 4, 2, VPCI_COMMAND_IO);
	config_out(BDF + 8, 4, 2, VPCI_COMMAND_IO);
	assert_int_equal(in(IO_BASE, 1), 0x11); /* bar_read asserts which function */
}

static void test_reset(void **state)
{
	(void)state;
	config_out(BDF, 4, 2, 0x407);
	config_out(BDF, 0x10, 4, 0x5000);
	config_out(BDF, 0x14, 4, 0xd0000000);
	vpci_reset(&bus);
	assert_int_equal(resets, 1);
	assert_int_equal(bus.address, 0);
	assert_int_equal(config_in(BDF, 4, 2), 0);
	assert_int_equal(config_in(BDF, 0x10, 4), IO_BASE | 1);
	assert_int_equal(config_in(BDF, 0x14, 4), MEM_BASE);
	assert_int_equal(config_in(BDF, 0, 4), 0x12345678);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_linux_probe, setup),
		cmocka_unit_test_setup(test_scan, setup),
		cmocka_unit_test_setup(test_access_widths, setup),
		cmocka_unit_test_setup(test_bar_sizing, setup),
		cmocka_unit_test_setup(test_bar_access, setup),
		cmocka_unit_test_setup(test_ecam, setup),
		cmocka_unit_test_setup(test_relocation, setup),
		cmocka_unit_test_setup(test_overlap, setup),
		cmocka_unit_test_setup(test_reset, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
