/* SPDX-License-Identifier: MIT */
/* From the text of a manifest to its blob: see pack.h. */
#include "tools/muxpack/pack.h"

#include <stdlib.h>

#include "hv/manifest.h"
#include "tools/muxpack/blob.h"
#include "tools/muxpack/layout.h"
#include "tools/muxpack/resolve.h"

static char *make_rule(const struct files *files, const char *target)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (out == NULL) {
		return memory_string("");
	}
	files_write_rule(files, out, target);
	fclose(out);
	return text;
}

/* The blob, checked by the code that loader and ring 0 check it with. */
static struct memory_file make_blob(const struct model *model, const struct layout *layout,
				    struct report *report)
{
	struct memory_file blob = blob_create(model, layout);
	const char *why;

	if (manifest_check(blob.data, blob.size, &why) != 0) {
		report_error(report, 0, "the packed manifest would be refused: %s", why);
		free(blob.data);
		blob.data = NULL;
	}
	return blob;
}

struct pack_result pack_manifest(const char *path, const struct memory_file *text,
				 const struct parse_variables *variables, const char *target,
				 struct report *report)
{
	struct model *model = model_create(path);
	struct pack_result result = {0};
	struct layout *layout;

	parse_manifest(model, report, (const char *)text->data, text->size, variables);
	resolve_model(model, report);
	layout = layout_create(model, report);
	if (report->error_count == 0) {
		result.blob = make_blob(model, layout, report);
		result.depends = target == NULL ? NULL : make_rule(&layout->files, target);
	}
	layout_destroy(layout);
	model_destroy(model);
	return result;
}
