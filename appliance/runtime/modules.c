// SPDX-License-Identifier: MIT
/*
 * Boot information and modules, as tools/muxpack wrote them.
 */
#include "appliance/runtime/runtime.h"

#include <string.h>

static const struct mux_guest_boot *boot_information;

void modules_init(const struct mux_guest_boot *boot)
{
	boot_information = boot;
}

const struct mux_guest_boot *mux_boot(void)
{
	return boot_information;
}

const char *mux_partition_name(void)
{
	return boot_information->name;
}

uint32_t mux_cid(void)
{
	return boot_information->cid;
}

const void *mux_module_at(size_t index, const char **name, size_t *size)
{
	const struct mux_guest_module *module;

	if (index >= boot_information->module_count) {
		return NULL;
	}
	module = &boot_information->module[index];
	if (name != NULL) {
		*name = module->name;
	}
	if (size != NULL) {
		*size = module->size;
	}
	return (const void *)(uintptr_t)module->gpa;
}

const void *mux_module(const char *name, size_t *size)
{
	for (size_t i = 0; i < boot_information->module_count; i++) {
		if (strncmp(boot_information->module[i].name, name,
			    sizeof(boot_information->module[i].name)) == 0) {
			return mux_module_at(i, NULL, size);
		}
	}
	return NULL;
}
