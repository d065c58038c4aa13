/* SPDX-License-Identifier: MIT */
#include "hv/vpci/msix.h"

#define CONTROL_MASKED	1U
#define ADDRESS_ALIGNED (~3ULL) /* PCI 3.0, 6.8.2.7: the low two bits are 0 */

static void deliver_pending(struct msix *msix)
{
	if (!msix->is_enabled || msix->is_blocked) {
		return;
	}
	for (uint32_t i = 0; i < msix->count; i++) {
		const struct msix_entry *entry = &msix->entry[i];

		if ((msix->pending & (1U << i)) != 0 && (entry->control & CONTROL_MASKED) == 0) {
			msix->pending &= ~(1U << i);
			msix->send(msix->owner, entry->address, entry->data);
		}
	}
}

void msix_init(struct msix *msix, uint32_t count, msix_send_fn send, void *owner)
{
	*msix = (struct msix){.send = send, .owner = owner, .count = count};
	msix_reset(msix);
}

void msix_reset(struct msix *msix)
{
	spin_lock(&msix->lock);
	msix->is_enabled = false;
	msix->is_blocked = true;
	msix->pending = 0;
	for (uint32_t i = 0; i < MSIX_VECTORS_MAX; i++) {
		msix->entry[i] = (struct msix_entry){.control = CONTROL_MASKED};
	}
	spin_unlock(&msix->lock);
}

void msix_set_control(struct msix *msix, bool is_enabled, bool is_blocked)
{
	spin_lock(&msix->lock);
	msix->is_enabled = is_enabled;
	msix->is_blocked = is_blocked;
	deliver_pending(msix);
	spin_unlock(&msix->lock);
}

bool msix_raise(struct msix *msix, uint32_t vector)
{
	bool is_raised = false;

	if (vector >= msix->count) {
		return false;
	}
	vector = (uint32_t)index_clamp(vector, MSIX_VECTORS_MAX);
	spin_lock(&msix->lock);
	if (msix->is_enabled) {
		const struct msix_entry *entry = &msix->entry[vector];

		is_raised = true;
		if (msix->is_blocked || (entry->control & CONTROL_MASKED) != 0) {
			msix->pending |= 1U << vector;
		} else {
			msix->send(msix->owner, entry->address, entry->data);
		}
	}
	spin_unlock(&msix->lock);
	return is_raised;
}

void msix_clear_pending(struct msix *msix)
{
	spin_lock(&msix->lock);
	msix->pending = 0;
	spin_unlock(&msix->lock);
}

/* The dword at `offset`, which is aligned. */
static uint32_t read_dword(const struct msix *msix, uint32_t offset)
{
	const struct msix_entry *entry;

	if (offset == MSIX_PENDING) {
		return msix->pending;
	}
	if (offset >= msix->count * MSIX_ENTRY_SIZE) {
		return 0;
	}
	entry = &msix->entry[index_clamp(offset / MSIX_ENTRY_SIZE, MSIX_VECTORS_MAX)];
	switch (offset % MSIX_ENTRY_SIZE) {
	case 0: return (uint32_t)entry->address;
	case 4: return (uint32_t)(entry->address >> 32);
	case 8: return entry->data;
	default: return entry->control;
	}
}

static void write_dword(struct msix *msix, uint32_t offset, uint32_t value)
{
	struct msix_entry *entry;

	if (offset >= msix->count * MSIX_ENTRY_SIZE) {
		return; /* the pending bits are read-only */
	}
	entry = &msix->entry[index_clamp(offset / MSIX_ENTRY_SIZE, MSIX_VECTORS_MAX)];
	switch (offset % MSIX_ENTRY_SIZE) {
	case 0: entry->address = ((entry->address >> 32) << 32) | (value & ADDRESS_ALIGNED); return;
	case 4: entry->address = (uint32_t)entry->address | (uint64_t)value << 32; return;
	case 8: entry->data = value; return;
	default: entry->control = value & CONTROL_MASKED; return;
	}
}

static bool is_valid_access(uint32_t offset, uint32_t size)
{
	return (size == 4 || size == 8) && offset % size == 0 && offset < MSIX_BAR_SIZE;
}

uint64_t msix_mmio_read(struct msix *msix, uint32_t offset, uint32_t size)
{
	uint64_t value;

	if (!is_valid_access(offset, size)) {
		return 0;
	}
	spin_lock(&msix->lock);
	value = read_dword(msix, offset);
	if (size == 8) {
		value |= (uint64_t)read_dword(msix, offset + 4) << 32;
	}
	spin_unlock(&msix->lock);
	return value;
}

void msix_mmio_write(struct msix *msix, uint32_t offset, uint32_t size, uint64_t value)
{
	if (!is_valid_access(offset, size)) {
		return;
	}
	spin_lock(&msix->lock);
	write_dword(msix, offset, (uint32_t)value);
	if (size == 8) {
		write_dword(msix, offset + 4, (uint32_t)(value >> 32));
	}
	deliver_pending(msix);
	spin_unlock(&msix->lock);
}
