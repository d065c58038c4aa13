/* SPDX-License-Identifier: MIT */
/*
 * CRC-32C (Castagnoli, reflected polynomial 0x82f63b78): the checksum of the packed manifest.
 * Portable over the loader, ring 0 and the host tools. No state, no locking.
 */
#ifndef HV_CRC32C_H
#define HV_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* CRC of `size` bytes that follow bytes with the CRC `crc`; 0 for the first. Any CPU. */
uint32_t crc32c(uint32_t crc, const void *data, size_t size);

/* The same without the CPU's instruction: what crc32c() uses where SSE4.2 is missing. */
uint32_t crc32c_bitwise(uint32_t crc, const void *data, size_t size);

#endif
