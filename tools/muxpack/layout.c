/* SPDX-License-Identifier: MIT */
/* Lays out each partition's memory: see layout.h. */
#include "tools/muxpack/layout.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tools/muxpack/elf_image.h"
#include "tools/muxpack/keys.h"
#include "tools/muxpack/linux_kernel.h"

#define PAGE_SIZE    0x1000ULL
#define PAGE_SIZE_2M UINT64_C(0x200000)
#define PTE_TABLE    UINT64_C(0x3)  /* present, writable (Intel SDM 3A 4.5) */
#define PTE_LEAF_2M  UINT64_C(0x83) /* present, writable, page size */
#define MIB	     UINT64_C(0x100000)

_Static_assert(MUX_GUEST_BOOT_GPA + sizeof(struct mux_guest_boot) <= LAYOUT_PAGE_TABLES_GPA,
	       "boot information and page tables overlap");

static uint64_t page_align(uint64_t value)
{
	return (value + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
}

static void build_page_tables(struct layout *layout)
{
	uint64_t pdpt = LAYOUT_PAGE_TABLES_GPA + PAGE_SIZE;

	layout->page_tables[0][0] = pdpt | PTE_TABLE;
	for (uint64_t i = 0; i < 4; i++) {
		layout->page_tables[1][i] = (pdpt + (i + 1) * PAGE_SIZE) | PTE_TABLE;
		for (uint64_t j = 0; j < 512; j++) {
			layout->page_tables[2 + i][j] = (i * 512 + j) * PAGE_SIZE_2M | PTE_LEAF_2M;
		}
	}
}

/* Segments come in ascending order of their address. Empty ones are left out. */
static void add_segment(struct layout *layout, struct layout_partition *partition, uint64_t gpa,
			const void *data, uint64_t size)
{
	if (size == 0) {
		return;
	}
	/* 32 partitions of at most 2 + 16 + 32 segments stay below the limit; those with a kernel
	 * have fewer. */
	layout->segments[layout->segment_count++] = (struct layout_segment){gpa, data, size};
	partition->segment_count++;
}

_Static_assert(MUX_PARTITIONS_MAX *(2 + ELF_IMAGE_PARTS_MAX + MUX_GUEST_MODULES_MAX) <=
		       MUX_SEGMENTS_MAX,
	       "segments of a full manifest");

/* Returns the first address after the image, or 0 after a message. */
static uint64_t add_image(struct layout *layout, struct layout_partition *partition,
			  const struct model_partition *model, struct report *report)
{
	struct memory_file file;
	struct elf_image image;
	const char *why;
	int error = files_get(&layout->files, model->image, &file);

	if (error != 0) {
		report_error(report, keys_line_of(model, "image"), "can't read %s: %s",
			     model->image, strerror(-error));
		return 0;
	}
	if (elf_image_read(&file, &image, &why) != 0) {
		report_error(report, keys_line_of(model, "image"), "%s can't be an image: %s",
			     model->image, why);
		return 0;
	}
	for (uint32_t i = 0; i < image.part_count; i++) {
		add_segment(layout, partition, image.parts[i].gpa, image.parts[i].data,
			    image.parts[i].size);
	}
	partition->entry = image.entry;
	return image.end;
}

/* `end`: first free address. Returns the new one. */
static uint64_t add_module(struct layout *layout, struct layout_partition *partition,
			   const struct model_module *model, uint64_t end, struct report *report)
{
	struct mux_guest_module *module = &partition->boot.module[partition->boot.module_count++];
	struct memory_file file;
	int error = files_get(&layout->files, model->path, &file);

	if (error != 0) {
		report_error(report, model->line, "can't read %s: %s", model->path,
			     strerror(-error));
		return end;
	}
	strcpy(module->name, model->name);
	module->gpa = page_align(end);
	module->size = file.size;
	add_segment(layout, partition, module->gpa, file.data, module->size);
	return module->gpa + module->size;
}

static void fill_boot(struct layout_partition *partition, const struct model_partition *model,
		      uint64_t end)
{
	struct mux_guest_boot *boot = &partition->boot;

	boot->magic = MUX_GUEST_BOOT_MAGIC;
	boot->version = MUX_GUEST_BOOT_VERSION;
	boot->size = sizeof(*boot);
	memcpy(boot->name, model->name, sizeof(boot->name));
	boot->cid = model->cid;
	boot->vcpu_count = model->vcpus;
	boot->memory_low = model->memory < MUX_MEMORY_LOW_MAX ? model->memory : MUX_MEMORY_LOW_MAX;
	boot->memory_high = model->memory - boot->memory_low;
	boot->free_start = page_align(end);
	boot->free_end = boot->memory_low;
	memcpy(boot->args, model->args, sizeof(boot->args));
}

/* `what` ends at `end`, and must end below `limit`, which is the end of its memory or less. */
static void check_memory(const struct model_partition *model, const char *what, uint64_t end,
			 uint64_t limit, struct report *report)
{
	uint64_t end_mib = (end + MIB - 1) / MIB;

	if (model->memory == 0 || end <= limit) {
		return;
	}
	if (limit < model->memory) {
		report_error(report, model->line,
			     "%s end at %" PRIu64 "M, and must end below %" PRIu64 "M", what,
			     end_mib, limit / MIB);
	} else {
		report_error(report, keys_line_of(model, "memory"),
			     "memory = %" PRIu64 "M is too small: %s end at %" PRIu64 "M",
			     model->memory / MIB, what, end_mib);
	}
}

static void lay_out_image(struct layout *layout, struct layout_partition *partition,
			  const struct model_partition *model, struct report *report)
{
	uint64_t end;

	add_segment(layout, partition, MUX_GUEST_BOOT_GPA, &partition->boot,
		    sizeof(partition->boot));
	add_segment(layout, partition, LAYOUT_PAGE_TABLES_GPA, layout->page_tables,
		    sizeof(layout->page_tables));
	end = model->image == NULL ? 0 : add_image(layout, partition, model, report);
	for (uint32_t i = 0; i < model->module_count; i++) {
		end = add_module(layout, partition, &model->modules[i], end, report);
	}
	fill_boot(partition, model, end);
	check_memory(model, "image and modules", end, partition->boot.memory_low, report);
}

/* False after a message. */
static bool read_kernel(struct layout *layout, const struct model_partition *model,
			struct linux_kernel *kernel, struct report *report)
{
	struct memory_file file;
	const char *why;
	int error = files_get(&layout->files, model->kernel, &file);

	if (error != 0) {
		report_error(report, keys_line_of(model, "kernel"), "can't read %s: %s",
			     model->kernel, strerror(-error));
		return false;
	}
	if (linux_kernel_read(&file, kernel, &why) != 0) {
		report_error(report, keys_line_of(model, "kernel"), "%s can't be a kernel: %s",
			     model->kernel, why);
		return false;
	}
	return true;
}

static struct memory_file read_initrd(struct layout *layout, const struct model_partition *model,
				      struct report *report)
{
	struct memory_file file = {0};
	int error = model->initrd == NULL ? 0 : files_get(&layout->files, model->initrd, &file);

	if (error != 0) {
		report_error(report, keys_line_of(model, "initrd"), "can't read %s: %s",
			     model->initrd, strerror(-error));
	}
	return file;
}

static void add_kernel(struct layout *layout, struct layout_partition *partition,
		       const struct elf_image *image)
{
	struct linux_boot *boot = &partition->kernel_boot;

	add_segment(layout, partition, MUX_GUEST_BOOT_GPA, &boot->params, sizeof(boot->params));
	add_segment(layout, partition, LAYOUT_PAGE_TABLES_GPA, layout->page_tables,
		    sizeof(layout->page_tables));
	add_segment(layout, partition, LINUX_COMMAND_LINE_GPA, boot->command_line,
		    strlen(boot->command_line));
	add_segment(layout, partition, ACPI_TABLES_GPA, boot->acpi, sizeof(boot->acpi));
	add_segment(layout, partition, LINUX_RESET_GPA, boot->reset_code, sizeof(boot->reset_code));
	for (uint32_t i = 0; i < image->part_count; i++) {
		add_segment(layout, partition, image->parts[i].gpa, image->parts[i].data,
			    image->parts[i].size);
	}
	partition->entry = image->entry;
}

static void lay_out_kernel(struct layout *layout, struct layout_partition *partition,
			   const struct model_partition *model, struct report *report)
{
	struct memory_file initrd = read_initrd(layout, model, report);
	struct linux_boot_input input = {
		.command_line = model->command_line == NULL ? "" : model->command_line,
		.initrd_size = initrd.size,
		.memory_low =
			model->memory < MUX_MEMORY_LOW_MAX ? model->memory : MUX_MEMORY_LOW_MAX,
		.vcpu_count = model->vcpus,
	};
	struct linux_kernel kernel;
	uint64_t limit;

	if (!read_kernel(layout, model, &kernel, report)) {
		return;
	}
	input.setup = &kernel.setup;
	input.memory_high = model->memory - input.memory_low;
	input.initrd_gpa = page_align(kernel.image.end);
	linux_boot_fill(&partition->kernel_boot, &input);
	add_kernel(layout, partition, &kernel.image);
	add_segment(layout, partition, input.initrd_gpa, initrd.data, initrd.size);
	limit = kernel.setup.initrd_addr_max + 1ULL;
	check_memory(model, "kernel and initrd", input.initrd_gpa + initrd.size,
		     limit < input.memory_low ? limit : input.memory_low, report);
}

static void lay_out_partition(struct layout *layout, uint32_t index,
			      const struct model_partition *model, struct report *report)
{
	struct layout_partition *partition = &layout->partitions[index];

	partition->segment_first = layout->segment_count;
	if (model->kernel != NULL) {
		lay_out_kernel(layout, partition, model, report);
	} else {
		lay_out_image(layout, partition, model, report);
	}
}

struct layout *layout_create(const struct model *model, struct report *report)
{
	struct layout *layout = memory_alloc(sizeof(*layout));

	build_page_tables(layout);
	for (uint32_t i = 0; i < model->partition_count; i++) {
		lay_out_partition(layout, i, &model->partitions[i], report);
	}
	return layout;
}

void layout_destroy(struct layout *layout)
{
	files_clear(&layout->files);
	free(layout);
}
