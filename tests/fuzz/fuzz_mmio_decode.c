/* SPDX-License-Identifier: MIT */
/* Any bytes: the decoder stays inside them, and what it accepts is consistent. */
#include <stdlib.h>

#include "hv/mmio_decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool condition)
{
	if (!condition) {
		abort();
	}
}

static void check_one(const uint8_t *data, size_t size, bool is_64bit)
{
	struct mmio_instruction insn;
	struct mmio_instruction again;
	uint64_t loaded;

	if (mmio_decode(data, size, is_64bit, &insn) != 0) {
		return;
	}
	check(insn.length >= 2 && insn.length <= 15 && insn.length <= size);
	check(insn.size == 4 || (insn.size == 8 && is_64bit));
	check(insn.reg < (is_64bit ? 16 : 8));
	check(insn.is_write || !insn.has_immediate);
	/* Bytes after the instruction do not matter; one byte less is not enough. */
	check(mmio_decode(data, insn.length, is_64bit, &again) == 0);
	check(insn.length == again.length && insn.is_write == again.is_write &&
	      insn.size == again.size && insn.has_immediate == again.has_immediate &&
	      insn.immediate == again.immediate && insn.reg == again.reg);
	check(mmio_decode(data, insn.length - 1U, is_64bit, &again) != 0);
	loaded = mmio_decode_store(&insn, 0x8182838485868788ULL);
	check(insn.size == 8 || loaded >> (8 * insn.size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_one(data, size, true);
	check_one(data, size, false);
	return 0;
}
