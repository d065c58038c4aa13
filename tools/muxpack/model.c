/* SPDX-License-Identifier: MIT */
/* A manifest in memory: see model.h. */
#include "tools/muxpack/model.h"

#include <stdlib.h>
#include <string.h>

#include "tools/muxpack/memory.h"

struct model *model_create(const char *manifest_path)
{
	struct model *model = memory_alloc(sizeof(*model));
	const char *slash = strrchr(manifest_path, '/');
	size_t length = slash == NULL ? 0 : (size_t)(slash - manifest_path) + 1;

	model->folder = memory_alloc(length + 1);
	memcpy(model->folder, manifest_path, length);
	model->time_slice_us = 1000;
	model->poll_cpu = MUX_POLL_CPU_NONE;
	return model;
}

void model_destroy(struct model *model)
{
	for (uint32_t i = 0; i < model->partition_count; i++) {
		struct model_partition *partition = &model->partitions[i];

		free(partition->image);
		free(partition->kernel);
		free(partition->initrd);
		free(partition->command_line);
		for (uint32_t j = 0; j < partition->module_count; j++) {
			free(partition->modules[j].path);
		}
	}
	free(model->folder);
	free(model);
}

char *model_path(const struct model *model, const char *path)
{
	const char *folder = path[0] == '/' ? "" : model->folder;
	size_t size = strlen(folder) + strlen(path) + 1;
	char *joined = memory_alloc(size);

	strcpy(joined, folder);
	strcat(joined, path);
	return joined;
}
