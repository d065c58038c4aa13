/* SPDX-License-Identifier: MIT */
#include "hv/vrtc.h"

#include "arch/x86_64/io.h"
#include "hv/lock.h"

#define INDEX_MASK 0x7fU /* bit 7 of the port masks NMIs: not a partition's business */

/* Bit n: register n. Seconds, minutes, hours, day of week, day, month, year; A (update in
 * progress), B (format), D (valid); century. */
#define READABLE ((1ULL << 0x32) | 0x2fd5ULL)

static struct spinlock lock;

uint8_t vrtc_read(uint8_t index)
{
	uint8_t value;

	index &= INDEX_MASK;
	if (index >= 64 || ((READABLE >> index) & 1) == 0) {
		return 0;
	}
	spin_lock(&lock);
	outb(VRTC_PORT_INDEX, index);
	value = inb(VRTC_PORT_DATA);
	spin_unlock(&lock);
	return value;
}
