/* SPDX-License-Identifier: MIT */
/* The input is control registers, an address and guest RAM, page tables included. */
#include <stdlib.h>
#include <string.h>

#include "hv/guest_walk.h"

#define PAGES 4U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t head[5];
	uint8_t *ram;
	uint8_t bytes[GUEST_WALK_FETCH_MAX];
	struct guest_mem mem;
	struct guest_walk_state state;
	gpa_t out;
	int walked;
	int fetched;

	if (size < sizeof(head)) {
		return 0;
	}
	memcpy(head, data, sizeof(head));
	data += sizeof(head);
	size -= sizeof(head);
	/* Exactly as large as the guest's RAM, so that ASan sees the first byte outside. */
	ram = calloc(PAGES, PAGE_SIZE);
	if (ram == NULL) {
		return 0;
	}
	memcpy(ram, data, size < PAGES * PAGE_SIZE ? size : PAGES * PAGE_SIZE);
	mem = (struct guest_mem){
		.count = 2,
		.region = {{0, PAGE_SIZE, ram}, {0x100000, 3 * PAGE_SIZE, ram + PAGE_SIZE}},
	};
	state = (struct guest_walk_state){
		.cr0 = head[0],
		.cr3 = head[1],
		.cr4 = head[2],
		.efer = head[3],
	};
	walked = guest_walk_translate(&mem, &state, head[4], &out);
	fetched = guest_walk_fetch(&mem, &state, head[4], bytes);
	/* A fetch fails as the walk of its first byte does, and never gives bytes outside RAM. */
	if (walked != 0 && fetched != walked) {
		abort();
	}
	if (walked == 0 && fetched > 0 && guest_mem_ptr(&mem, out, 1) == NULL) {
		abort();
	}
	free(ram);
	return 0;
}
