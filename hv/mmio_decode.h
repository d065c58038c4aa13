/* SPDX-License-Identifier: MIT */
/*
 * Decodes the MOV forms with which drivers access device registers: 88-8B, A0-A3, C6/0, C7/0,
 * 0F B6/B7/BE/BF; REX, 66, 67 (64-bit code only) and segment prefixes (Intel SDM 2A, 2 and MOV,
 * MOVZX, MOVSX). The memory operand's address is not computed: the exit gives it. No state, no
 * lock.
 */
#ifndef HV_MMIO_DECODE_H
#define HV_MMIO_DECODE_H

#include "hv/types.h"

struct mmio_instruction {
	uint8_t length;
	bool is_write;	       /* to memory */
	uint8_t size;	       /* of the memory access: 1, 2, 4, 8 */
	bool has_immediate;    /* write of `immediate`, not of a register */
	uint64_t immediate;    /* truncated to size */
	uint8_t reg;	       /* 0..15 in encoding order: RAX, RCX, RDX, RBX, RSP, RBP, RSI, ... */
	bool is_high_byte;     /* AH, CH, DH, BH of reg 0..3 */
	uint8_t result_size;   /* read: bytes of the register that are written */
	bool is_sign_extended; /* read: else zero-extended from size to result_size */
};

/* 0, or -ENOSYS: another instruction, no memory operand, or cut off after `count` bytes. */
int mmio_decode(const uint8_t *bytes, size_t count, bool is_64bit, struct mmio_instruction *out);

/* The value that a write stores, given the source register's content. */
uint64_t mmio_decode_store(const struct mmio_instruction *instruction, uint64_t reg);

/* The destination register's new content after a read gave `value`. 32-bit results clear the upper
 * half, smaller ones keep the rest. */
uint64_t mmio_decode_load(const struct mmio_instruction *instruction, uint64_t reg, uint64_t value);

#endif
