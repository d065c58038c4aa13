/* SPDX-License-Identifier: MIT */
/* The text of a manifest: parsed and resolved, but no file that it names is opened. */
#include <stdio.h>

#include "tools/muxpack/parse.h"
#include "tools/muxpack/resolve.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct parse_variable items[] = {{"A", "${A}"}, {"B", ""}};
	static FILE *null;
	const struct parse_variables variables = {items, 2};
	struct report report = {0};
	struct model *model = model_create("folder/fuzz.mux");

	if (null == NULL) {
		null = fopen("/dev/null", "w");
	}
	parse_manifest(model, &report, (const char *)data, size, &variables);
	resolve_model(model, &report);
	report_write(&report, null, "fuzz.mux");
	model_destroy(model);
	return 0;
}
