/* SPDX-License-Identifier: MIT */
/*
 * The machine's real-time clock (MC146818) as partitions read it at ports 0x70 and 0x71: time of
 * day and the registers that say how to read it. Nobody sets it, and it has no alarm or interrupt.
 * The two accesses to the machine's ports are one step under a lock of their own.
 */
#ifndef HV_VRTC_H
#define HV_VRTC_H

#include <stdint.h>

#define VRTC_PORT_INDEX 0x70U
#define VRTC_PORT_DATA	0x71U

/* The register that a guest selected by writing `index` to VRTC_PORT_INDEX; 0 for those that a
 * partition does not see. Any CPU. */
uint8_t vrtc_read(uint8_t index);

#endif
