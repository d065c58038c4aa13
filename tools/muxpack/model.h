/* SPDX-License-Identifier: MIT */
/*
 * A manifest in memory, as parsed from its text: what parse.c fills, resolve.c completes and
 * layout.c and blob.c read. Every item keeps the line it came from, for messages.
 */
#ifndef TOOLS_MUXPACK_MODEL_H
#define TOOLS_MUXPACK_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "muxvisor/guest_boot.h"
#include "muxvisor/manifest.h"

#define MODEL_CID_AUTO 0U
#define MODEL_KEYS_MAX 32U /* keys that a section can have */

struct model_module {
	char name[sizeof(((struct mux_guest_module *)0)->name)];
	char *path;
	unsigned int line;
};

struct model_partition {
	char name[MUX_NAME_SIZE];
	unsigned int line;		       /* of the section */
	unsigned int key_line[MODEL_KEYS_MAX]; /* where each key was given; 0: not at all */
	char *image;			       /* this one, */
	char *kernel;			       /* or this one */
	char *initrd;			       /* only with a kernel; may be NULL */
	char *command_line;		       /* only with a kernel; may be NULL */
	uint64_t memory;
	uint32_t vcpus;
	uint32_t cpus[MUX_VCPUS_MAX];
	uint32_t cpu_count; /* entries of cpus[] */
	uint32_t cid;
	uint32_t rights;
	uint32_t flags;
	uint32_t restart;
	uint32_t restart_max;
	uint32_t start_order;
	uint32_t weight;
	char args[MUX_GUEST_ARGS_SIZE];
	struct model_module modules[MUX_GUEST_MODULES_MAX];
	uint32_t module_count;
};

struct model_rule {
	char source[MUX_NAME_SIZE];
	char destination[MUX_NAME_SIZE];
	uint32_t port_first;
	uint32_t port_last;
	unsigned int line;
	struct mux_rule_record record; /* filled by resolve.c */
};

struct model {
	char *folder; /* of the manifest, with a trailing slash, or "" */
	uint32_t time_slice_us;
	uint32_t poll_cpu;
	uint32_t cpu_count_min; /* filled by resolve.c */
	unsigned int machine_line;
	unsigned int machine_key_line[MODEL_KEYS_MAX];
	struct model_partition partitions[MUX_PARTITIONS_MAX];
	uint32_t partition_count;
	struct model_rule rules[MUX_RULES_MAX];
	uint32_t rule_count;
};

/* An empty manifest whose relative paths start at the folder of `manifest_path`. */
struct model *model_create(const char *manifest_path);
void model_destroy(struct model *model);

/* `path` as the manifest means it; the caller frees it. */
char *model_path(const struct model *model, const char *path);

#endif
