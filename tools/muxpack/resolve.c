/* SPDX-License-Identifier: MIT */
/* Completes and checks a parsed manifest: see resolve.h. */
#include "tools/muxpack/resolve.h"

#include <string.h>

#include "tools/muxpack/keys.h"

#define CID_AUTO_FIRST 3U /* 2 is the manager's */

static const struct model_partition *find_cid(const struct model *model, uint32_t cid)
{
	for (uint32_t i = 0; i < model->partition_count; i++) {
		if (model->partitions[i].cid == cid) {
			return &model->partitions[i];
		}
	}
	return NULL;
}

static bool is_given(const struct model_partition *partition, const char *key)
{
	return keys_line_of(partition, key) != partition->line;
}

/* A Linux kernel and a bare-metal image take their input in different ways. */
static void check_kind(const struct model_partition *partition, struct report *report)
{
	static const char *const of_image[] = {"image", "args", "module"};
	static const char *const of_kernel[] = {"initrd", "cmdline"};

	for (size_t i = 0; i < 3 && is_given(partition, "kernel"); i++) {
		if (is_given(partition, of_image[i])) {
			report_error(report, keys_line_of(partition, of_image[i]),
				     "%s is not for a partition with a kernel", of_image[i]);
		}
	}
	for (size_t i = 0; i < 2 && !is_given(partition, "kernel"); i++) {
		if (is_given(partition, of_kernel[i])) {
			report_error(report, keys_line_of(partition, of_kernel[i]),
				     "%s is only for a partition with a kernel", of_kernel[i]);
		}
	}
}

static void check_required(const struct model_partition *partition, struct report *report)
{
	/* A key that was given with a bad value was reported then. */
	if (!is_given(partition, "image") && !is_given(partition, "kernel")) {
		report_error(report, partition->line,
			     "partition \"%s\" has neither image nor kernel", partition->name);
	}
	if (!is_given(partition, "memory")) {
		report_error(report, partition->line, "partition \"%s\" has no memory",
			     partition->name);
	}
}

static void check_cids(const struct model *model, struct report *report)
{
	for (uint32_t i = 0; i < model->partition_count; i++) {
		const struct model_partition *partition = &model->partitions[i];
		const struct model_partition *first = find_cid(model, partition->cid);

		if (partition->cid != MODEL_CID_AUTO && first != partition) {
			report_error(report, keys_line_of(partition, "cid"),
				     "CID %u is partition \"%s\"'s already", partition->cid,
				     first->name);
		}
	}
}

static void choose_cids(struct model *model)
{
	uint32_t next = CID_AUTO_FIRST;

	for (uint32_t i = 0; i < model->partition_count; i++) {
		if (model->partitions[i].cid != MODEL_CID_AUTO) {
			continue;
		}
		while (find_cid(model, next) != NULL) {
			next++;
		}
		model->partitions[i].cid = next;
	}
}

/* One CPU for all vCPUs, or one for each. */
static bool spread_cpus(struct model_partition *partition, struct report *report)
{
	if (partition->cpu_count <= 1) {
		for (uint32_t i = 1; i < partition->vcpus; i++) {
			partition->cpus[i] = partition->cpus[0];
		}
	} else if (partition->cpu_count != partition->vcpus) {
		report_error(report, keys_line_of(partition, "cpus"),
			     "cpus names %u CPUs for %u vCPUs; name one, or one for each",
			     partition->cpu_count, partition->vcpus);
		return false;
	}
	return true;
}

static void check_cpus(struct model *model, const struct model_partition *partition,
		       struct report *report)
{
	for (uint32_t i = 0; i < partition->vcpus; i++) {
		if (partition->cpus[i] == model->poll_cpu) {
			report_error(report, keys_line_of(partition, "cpus"),
				     "CPU %u is the polling CPU (poll-cpu) and runs no vCPU",
				     model->poll_cpu);
			return;
		}
		if (partition->cpus[i] >= model->cpu_count_min) {
			model->cpu_count_min = partition->cpus[i] + 1;
		}
	}
}

static void resolve_cpus(struct model *model, struct report *report)
{
	model->cpu_count_min = model->poll_cpu == MUX_POLL_CPU_NONE ? 0 : model->poll_cpu + 1;
	for (uint32_t i = 0; i < model->partition_count; i++) {
		if (spread_cpus(&model->partitions[i], report)) {
			check_cpus(model, &model->partitions[i], report);
		}
	}
}

/* The CID of a partition that a rule names, or 0 after a message. */
static uint32_t resolve_name(const struct model *model, const struct model_rule *rule,
			     const char *name, struct report *report)
{
	for (uint32_t i = 0; i < model->partition_count; i++) {
		const struct model_partition *partition = &model->partitions[i];

		if (strcmp(partition->name, name) != 0) {
			continue;
		}
		if ((partition->flags & MUX_PARTITION_VSOCK) == 0) {
			report_error(report, rule->line, "partition \"%s\" has vsock = no", name);
		}
		return partition->cid;
	}
	report_error(report, rule->line, "there is no partition \"%s\"", name);
	return 0;
}

static void check_repeated(const struct model *model, const struct model_rule *rule,
			   struct report *report)
{
	if (rule->record.source == 0 || rule->record.destination == 0) {
		return;
	}
	for (const struct model_rule *other = model->rules; other < rule; other++) {
		if (memcmp(&other->record, &rule->record, sizeof(rule->record)) == 0) {
			report_error(report, rule->line, "this rule is there already, on line %u",
				     other->line);
			return;
		}
	}
}

static void resolve_rules(struct model *model, struct report *report)
{
	for (uint32_t i = 0; i < model->rule_count; i++) {
		struct model_rule *rule = &model->rules[i];

		rule->record = (struct mux_rule_record){
			.source = resolve_name(model, rule, rule->source, report),
			.destination = resolve_name(model, rule, rule->destination, report),
			.port_first = rule->port_first,
			.port_last = rule->port_last,
		};
		check_repeated(model, rule, report);
	}
}

/* Ring 0 starts the partitions in the order of their records. Equal ones stay in the text's order,
 * so qsort is not for this. */
static void sort_by_start_order(struct model *model)
{
	static struct model_partition moved; /* large for a stack */

	for (uint32_t i = 1; i < model->partition_count; i++) {
		uint32_t j = i;

		moved = model->partitions[i];
		for (; j > 0 && model->partitions[j - 1].start_order > moved.start_order; j--) {
			model->partitions[j] = model->partitions[j - 1];
		}
		model->partitions[j] = moved;
	}
}

void resolve_model(struct model *model, struct report *report)
{
	if (model->partition_count == 0) {
		report_error(report, 0, "it has no [partition NAME] section");
	}
	for (uint32_t i = 0; i < model->partition_count; i++) {
		check_required(&model->partitions[i], report);
		check_kind(&model->partitions[i], report);
	}
	check_cids(model, report);
	choose_cids(model);
	resolve_cpus(model, report);
	resolve_rules(model, report);
	sort_by_start_order(model);
}
