/* SPDX-License-Identifier: MIT */
/*
 * Any bytes behind any intercept: the decoder stays inside them, and what it accepts is one whole
 * instruction of that kind.
 */
#include <stdlib.h>
#include <string.h>

#include "arch/x86_64/svm/instruction.h"

#define LENGTH_MAX 15U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool condition)
{
	if (!condition) {
		abort();
	}
}

static void check_kind(const uint8_t *data, uint32_t count, bool is_64bit,
		       enum instruction_kind kind)
{
	bool is_cr = kind == INSTRUCTION_READ_CR || kind == INSTRUCTION_WRITE_CR;
	struct instruction found, again;

	if (instruction_decode(data, count, is_64bit, kind, &found) != 0) {
		return;
	}
	check(found.length >= 1 && found.length <= LENGTH_MAX && found.length <= count);
	check(found.cr < 16 && found.reg < (is_64bit ? 16 : 8));
	check(is_cr || (found.cr == 0 && found.reg == 0));
	check(!found.is_lmsw || (kind == INSTRUCTION_WRITE_CR && found.cr == 0));
	/* Bytes behind the instruction do not matter; one byte less is not enough. */
	check(instruction_decode(data, found.length, is_64bit, kind, &again) == 0);
	check(found.length == again.length && found.cr == again.cr && found.reg == again.reg &&
	      found.is_lmsw == again.is_lmsw);
	check(instruction_decode(data, found.length - 1U, is_64bit, kind, &again) != 0);
	for (enum instruction_kind other = 0; other <= INSTRUCTION_WRITE_CR; other++) {
		check(other == kind ||
		      instruction_decode(data, count, is_64bit, other, &again) != 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t count = size > 64 ? 64 : (uint32_t)size;
	uint8_t *bytes = malloc(count == 0 ? 1 : count); /* so that a read behind them is found */

	memcpy(bytes, data, count);
	for (enum instruction_kind kind = 0; kind <= INSTRUCTION_WRITE_CR; kind++) {
		check_kind(bytes, count, true, kind);
		check_kind(bytes, count, false, kind);
	}
	free(bytes);
	return 0;
}
