/* SPDX-License-Identifier: MIT */
/*
 * Types shared by every public ABI header.
 *
 * All structures of the public ABI are little-endian with fixed-width fields, padded explicitly;
 * padding ("reserved") is written as zero and checked to be zero by the receiver.
 */
#ifndef MUXVISOR_TYPES_H
#define MUXVISOR_TYPES_H

#include <stddef.h>
#include <stdint.h>

#define MUX_NAME_SIZE 16U /* bytes of a partition name, NUL-terminated and NUL-padded */

#define MUX_CID_MANAGER 2U    /* the manager partition: the well-known host address of vsock */
#define MUX_CID_MIN	2U    /* smallest CID that a partition may have */
#define MUX_CID_MAX	1023U /* largest; the switch forwards by a flat table */

#endif
