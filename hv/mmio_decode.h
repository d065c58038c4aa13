/* SPDX-License-Identifier: MIT */
/*
 * Decodes the MOV forms with which drivers access device registers of 32 and 64 bits: 89, 8B, C7
 * /0, with REX and segment prefixes (Intel SDM 2A, 2 and MOV). The memory operand's address is not
 * computed: the exit gives it. No state, no lock.
 */
#ifndef HV_MMIO_DECODE_H
#define HV_MMIO_DECODE_H

#include "hv/types.h"

struct mmio_instruction {
	uint8_t length;
	bool is_write;	    /* to memory */
	uint8_t size;	    /* of the memory access: 4 or 8 */
	bool has_immediate; /* write of `immediate`, not of a register */
	uint64_t immediate; /* sign-extended */
	uint8_t reg;	    /* 0..15 in encoding order: RAX, RCX, RDX, RBX, RSP, RBP, RSI, ... */
};

/* 0, or -ENOSYS: another instruction, no memory operand, or cut off after `count` bytes. */
int mmio_decode(const uint8_t *bytes, size_t count, bool is_64bit, struct mmio_instruction *out);

/* The value that a write stores, given the source register's content. */
uint64_t mmio_decode_store(const struct mmio_instruction *instruction, uint64_t reg);

/* The destination register's new content after a read gave `value`: one of 32 bits clears the upper
 * half. */
uint64_t mmio_decode_load(const struct mmio_instruction *instruction, uint64_t value);

#endif
