/* SPDX-License-Identifier: MIT */
#include "hv/vpci/vpci.h"

#include <string.h>

#define CONFIG_ADDRESS	     0xcf8U
#define CONFIG_DATA	     0xcfcU
#define RESET_CONTROL	     0xcf9U
#define ADDRESS_ENABLE	     0x80000000U
#define ADDRESS_VALID	     0x80fffffcU
#define EXTENDED_CONFIG_SIZE 4096U

#define HEADER_CLASS	0x08U /* with the revision in the low byte */
#define BAR_IS_IO	0x1U
#define BAR_IO_MASK	(~0x3U)
#define BAR_MEMORY_MASK (~0xfU)
#define COMMAND_WRITABLE \
	(VPCI_COMMAND_IO | VPCI_COMMAND_MEMORY | VPCI_COMMAND_MASTER | VPCI_COMMAND_INTX_OFF)

/* The generic host bridge that QEMU documents in docs/specs/pci-ids (Red Hat). */
#define HOST_BRIDGE_VENDOR 0x1b36U
#define HOST_BRIDGE_DEVICE 0x0008U
#define HOST_BRIDGE_CLASS  0x06000000U

static uint32_t all_ones(uint32_t size)
{
	return size >= 4 ? 0xffffffffU : (1U << (8U * size)) - 1;
}

uint32_t vpci_function_get(const struct vpci_function *function, uint32_t offset, uint32_t size)
{
	uint32_t value = 0;

	for (uint32_t i = 0; i < size; i++) {
		value |= (uint32_t)function->config[index_clamp(offset + i, VPCI_CONFIG_SIZE)]
			 << (8 * i);
	}
	return value;
}

void vpci_function_set(struct vpci_function *function, uint32_t offset, uint32_t size,
		       uint32_t value)
{
	for (uint32_t i = 0; i < size; i++) {
		function->config[index_clamp(offset + i, VPCI_CONFIG_SIZE)] =
			(uint8_t)(value >> (8 * i));
	}
}

/* --- BARs --- */

static uint32_t bar_offset(uint32_t bar)
{
	return VPCI_BAR0 + 4 * bar;
}

bool vpci_function_bar(const struct vpci_function *function, uint32_t bar, uint32_t *address)
{
	const struct vpci_bar *b = &function->bar[bar];
	uint32_t command = vpci_function_get(function, VPCI_COMMAND, 2);
	uint32_t value = vpci_function_get(function, bar_offset(bar), 4);

	if (b->size == 0) {
		return false;
	}
	/* A BAR is aligned to its size, so one that starts in its window ends there. */
	*address = value & (b->is_io ? BAR_IO_MASK : BAR_MEMORY_MASK);
	if (b->is_io) {
		return (command & VPCI_COMMAND_IO) != 0 && *address >= VPCI_IO_FIRST &&
		       *address <= VPCI_IO_LAST;
	}
	return (command & VPCI_COMMAND_MEMORY) != 0 && *address >= VPCI_MEMORY_FIRST &&
	       *address <= VPCI_MEMORY_LAST;
}

/* A BAR that decodes the whole access; where the guest placed two over each other, the lowest
 * function's. Reads or writes there; false: none. */
static bool bar_access(struct vpci *vpci, bool is_io, bool is_write, uint64_t address,
		       uint32_t size, uint64_t *value)
{
	for (uint32_t i = 0; i < VPCI_DEVICES_MAX * VPCI_BARS_MAX; i++) {
		struct vpci_function *f = vpci->device[i / VPCI_BARS_MAX];
		uint32_t bar = i % VPCI_BARS_MAX;
		uint32_t base;

		if (f == NULL || f->bar[bar].is_io != is_io || !vpci_function_bar(f, bar, &base) ||
		    address < base || address - base >= f->bar[bar].size ||
		    size > f->bar[bar].size - (address - base)) {
			continue;
		}
		if (is_write) {
			f->ops->bar_write(f, bar, (uint32_t)(address - base), size, *value);
		} else {
			*value = f->ops->bar_read(f, bar, (uint32_t)(address - base), size);
		}
		return true;
	}
	return false;
}

/* --- configuration space --- */

static struct vpci_function *find_function(struct vpci *vpci, uint32_t bdf)
{
	/* Bus 0 and function 0 only. */
	if ((bdf & 7U) != 0 || bdf >> 3 >= VPCI_DEVICES_MAX) {
		return NULL;
	}
	return vpci->device[index_clamp(bdf >> 3, VPCI_DEVICES_MAX)];
}

uint32_t vpci_config_read(struct vpci *vpci, uint32_t bdf, uint32_t offset, uint32_t size)
{
	struct vpci_function *function = find_function(vpci, bdf);

	if (function == NULL || offset >= EXTENDED_CONFIG_SIZE) {
		return all_ones(size);
	}
	if (offset + size > VPCI_CONFIG_SIZE) {
		return 0; /* no extended capabilities */
	}
	if (function->ops->config_read != NULL) {
		function->ops->config_read(function, offset, size);
	}
	return vpci_function_get(function, offset, size);
}

void vpci_config_write(struct vpci *vpci, uint32_t bdf, uint32_t offset, uint32_t size,
		       uint32_t value)
{
	struct vpci_function *function = find_function(vpci, bdf);
	uint32_t mask = 0;
	uint32_t old;

	if (function == NULL || offset + size > VPCI_CONFIG_SIZE) {
		return;
	}
	for (uint32_t i = 0; i < size; i++) {
		mask |= (uint32_t)function->writable[index_clamp(offset + i, VPCI_CONFIG_SIZE)]
			<< (8 * i);
	}
	old = vpci_function_get(function, offset, size);
	vpci_function_set(function, offset, size, (old & ~mask) | (value & mask));
	if (function->ops->config_written != NULL) {
		function->ops->config_written(function, offset, size);
	}
}

/* --- ports and memory --- */

static bool is_inside(uint32_t port, uint32_t size, uint32_t first, uint32_t count)
{
	return port >= first && port + size <= first + count;
}

/* Whether CONFIG_ADDRESS takes the access: only a dword reaches the register, the rest of it is
 * not there (PCI 3.0, 3.2.2.3.2), but the reset control port is somebody else's. */
static bool is_config_address(uint16_t port, uint32_t size)
{
	return is_inside(port, size, CONFIG_ADDRESS, 4) && !(port == RESET_CONTROL && size == 1);
}

static void config_access(struct vpci *vpci, bool is_write, uint32_t bdf, uint32_t offset,
			  uint32_t size, uint64_t *value)
{
	if (is_write) {
		vpci_config_write(vpci, bdf, offset, size, (uint32_t)*value);
	} else {
		*value = vpci_config_read(vpci, bdf, offset, size);
	}
}

bool vpci_io(struct vpci *vpci, bool is_write, uint16_t port, uint32_t size, uint32_t *value)
{
	uint64_t wide = (is_write ? *value : UINT32_MAX) & all_ones(size);
	uint32_t bdf = (vpci->address >> 8) & 0xffffU;
	bool is_handled = true;

	if (is_config_address(port, size)) {
		if (size == 4 && is_write) {
			vpci->address = (uint32_t)wide & ADDRESS_VALID;
		} else if (size == 4) {
			wide = vpci->address;
		}
	} else if (!is_inside(port, size, CONFIG_DATA, 4)) {
		is_handled = bar_access(vpci, true, is_write, port, size, &wide);
	} else if ((vpci->address & ADDRESS_ENABLE) != 0) {
		config_access(vpci, is_write, bdf, (vpci->address & 0xfcU) + (port & 3U), size,
			      &wide);
	}
	*value = (uint32_t)wide & all_ones(size);
	return is_handled;
}

bool vpci_memory(struct vpci *vpci, bool is_write, gpa_t address, uint32_t size, uint64_t *value)
{
	uint64_t offset = address.value - VPCI_ECAM_FIRST;

	if (offset >= VPCI_ECAM_SIZE) {
		return bar_access(vpci, false, is_write, address.value, size, value);
	}
	if (size > 4 || offset % size != 0) {
		return false;
	}
	config_access(vpci, is_write, (uint32_t)offset >> 12,
		      (uint32_t)offset % EXTENDED_CONFIG_SIZE, size, value);
	return true;
}

/* --- set-up --- */

static const struct vpci_function_ops no_ops = {0};

static void function_set_bar(struct vpci_function *function, uint32_t bar)
{
	const struct vpci_bar *b = &function->bar[bar];
	uint32_t offset = bar_offset(bar);
	uint32_t writable = ~(b->size - 1) & (b->is_io ? BAR_IO_MASK : BAR_MEMORY_MASK);

	if (b->size == 0) {
		return;
	}
	vpci_function_set(function, offset, 4, b->address | (b->is_io ? BAR_IS_IO : 0));
	for (uint32_t i = 0; i < 4; i++) {
		function->writable[offset + i] = (uint8_t)(writable >> (8 * i));
	}
}

static void header_reset(struct vpci_function *function)
{
	vpci_function_set(function, VPCI_COMMAND, 2, 0);
	function->writable[VPCI_COMMAND] = COMMAND_WRITABLE & 0xffU;
	function->writable[VPCI_COMMAND + 1] = COMMAND_WRITABLE >> 8;
	for (uint32_t bar = 0; bar < VPCI_BARS_MAX; bar++) {
		function_set_bar(function, bar);
	}
}

void vpci_init(struct vpci *vpci)
{
	struct vpci_function *bridge = &vpci->host_bridge;

	memset(vpci, 0, sizeof(*vpci));
	bridge->ops = &no_ops;
	vpci_function_set(bridge, 0, 2, HOST_BRIDGE_VENDOR);
	vpci_function_set(bridge, 2, 2, HOST_BRIDGE_DEVICE);
	vpci_function_set(bridge, HEADER_CLASS, 4, HOST_BRIDGE_CLASS);
	vpci_add(vpci, 0, bridge);
}

void vpci_add(struct vpci *vpci, uint32_t number, struct vpci_function *function)
{
	vpci->device[number] = function;
	header_reset(function);
}

void vpci_reset(struct vpci *vpci)
{
	vpci->address = 0;
	for (uint32_t i = 0; i < VPCI_DEVICES_MAX; i++) {
		struct vpci_function *function = vpci->device[i];

		if (function == NULL) {
			continue;
		}
		header_reset(function);
		if (function->ops->reset != NULL) {
			function->ops->reset(function);
		}
	}
}
