/* SPDX-License-Identifier: MIT */
/*
 * muxpack from text to blob: what a manifest says arrives in the records and in the partitions'
 * memory; every kind of mistake is reported with its line, all of them in one run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "hv/manifest.h"
#include "tests/unit/sample_elf.h"
#include "tools/muxpack/layout.h"
#include "tools/muxpack/pack.h"

static char folder[] = "/tmp/muxpack-test-XXXXXX";
static char manifest_path[64];
static char *messages; /* of the last pack() */

static void write_file(const char *name, const void *data, size_t size)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	assert_int_equal(memory_write_file(path, data, size), 0);
}

static int set_up(void **state)
{
	struct sample_elf elf;
	static uint8_t module[5000];

	(void)state;
	if (mkdtemp(folder) == NULL) {
		return -1;
	}
	snprintf(manifest_path, sizeof(manifest_path), "%s/test.mux", folder);
	sample_elf_fill(&elf);
	memset(module, 0x77, sizeof(module));
	write_file("image.elf", &elf, sizeof(elf));
	write_file("a module", module, sizeof(module));
	write_file("empty", module, 0);
	return 0;
}

static int tear_down(void **state)
{
	static const char *const names[] = {"image.elf", "a module", "empty"};
	char path[128];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		unlink(path);
	}
	free(messages);
	return rmdir(folder);
}

static struct pack_result pack(const char *text)
{
	static const struct parse_variable items[] = {
		{"IMAGE", "image.elf"}, {"PORT", "7000"}, {"ODD", "$(x)#"}};
	const struct parse_variables variables = {items, 3};
	const struct memory_file file = {.data = (uint8_t *)(uintptr_t)text, .size = strlen(text)};
	struct report report = {0};
	size_t size;
	FILE *out;
	struct pack_result result =
		pack_manifest(manifest_path, &file, &variables, "out.blob", &report);

	free(messages);
	messages = NULL;
	out = open_memstream(&messages, &size);
	report_write(&report, out, "t.mux");
	fclose(out);
	return result;
}

static void expect_messages(const char *text, const char *expected)
{
	struct pack_result result = pack(text);

	assert_string_equal(messages, expected);
	assert_null(result.blob.data);
	assert_null(result.depends);
}

/* `lines` follow a valid partition "a" on lines 1 to 3; the message is about line 4. */
static void expect_line_4(const char *lines, const char *message)
{
	char text[512];
	char expected[512];

	snprintf(text, sizeof(text), "[partition a]\nimage=image.elf\nmemory=2M\n%s\n", lines);
	snprintf(expected, sizeof(expected), "t.mux:4: %s\n", message);
	expect_messages(text, expected);
}

static const char full_text[] = "# everything\n"
				"[machine]\n"
				"time-slice = 2ms # a comment\n"
				"poll-cpu = 3\n"
				"\n"
				"[partition manager]\n"
				"image = ${IMAGE}\n"
				"memory = 8M\n"
				"cid = 2\n"
				"rights = manager\n"
				"restart = on-failure max 3\n"
				"start-order = 5\n"
				"[partition web]\n"
				"\timage=image.elf\r\n"
				"memory = 4G\n"
				"vcpus = 3\n"
				"cpus = 0, 1 2\n"
				"console = no\n"
				"vsock = yes\n"
				"start = manual\n"
				"stops-machine = yes\n"
				"weight = 16\n"
				"restart = always\n"
				"args = \"say \\\"#1\\\" \\\\\"\n"
				"module = first a module\n"
				"module = none empty\n"
				"module = second a module\n"
				"[policy]\n"
				"allow web -> manager : ${PORT}\n"
				"allow manager->web:1 - 9\n"
				"allow web -> web : *\n";

static const struct mux_guest_boot *boot_of(const void *blob,
					    const struct mux_partition_record *record)
{
	const struct mux_segment_record *segment = manifest_segment(blob, record->segment_first);

	assert_int_equal(segment->gpa, MUX_GUEST_BOOT_GPA);
	assert_int_equal(segment->size, sizeof(struct mux_guest_boot));
	return manifest_segment_data(blob, segment);
}

static void check_web_record(const void *blob)
{
	const struct mux_partition_record *web = manifest_partition(blob, 0);

	assert_string_equal(web->name, "web");
	assert_int_equal(web->cid, 3);
	assert_int_equal(web->rights, 0);
	assert_int_equal(web->flags, MUX_PARTITION_VSOCK | MUX_PARTITION_START_OFF |
					     MUX_PARTITION_STOPS_MACHINE);
	assert_int_equal(web->restart, MUX_RESTART_ALWAYS);
	assert_int_equal(web->restart_max, 0);
	assert_int_equal(web->vcpu_count, 3);
	assert_int_equal(web->vcpu_cpu[2], 2);
	assert_int_equal(web->weight, 16);
	assert_int_equal(web->memory_size, 4ULL << 30);
	assert_int_equal(web->entry, 0x100010);
	assert_int_equal(web->cr3, LAYOUT_PAGE_TABLES_GPA);
	assert_int_equal(web->argument, MUX_GUEST_BOOT_GPA);
	/* Boot information, page tables, text, data, two modules; the empty one needs none. */
	assert_int_equal(web->segment_count, 6);
}

static void check_web_boot(const void *blob)
{
	const struct mux_guest_boot *boot = boot_of(blob, manifest_partition(blob, 0));

	assert_int_equal(boot->magic, MUX_GUEST_BOOT_MAGIC);
	assert_int_equal(boot->size, sizeof(*boot));
	assert_string_equal(boot->name, "web");
	assert_int_equal(boot->cid, 3);
	assert_int_equal(boot->vcpu_count, 3);
	assert_int_equal(boot->memory_low, MUX_MEMORY_LOW_MAX);
	assert_int_equal(boot->memory_high, 1ULL << 30);
	assert_string_equal(boot->args, "say \"#1\" \\");
	assert_int_equal(boot->module_count, 3);
	assert_string_equal(boot->module[0].name, "first");
	assert_int_equal(boot->module[0].gpa, 0x105000);
	assert_int_equal(boot->module[0].size, 5000);
	assert_string_equal(boot->module[1].name, "none");
	assert_int_equal(boot->module[1].size, 0);
	assert_int_equal(boot->module[2].gpa, 0x107000);
	assert_int_equal(boot->free_start, 0x109000);
	assert_int_equal(boot->free_end, MUX_MEMORY_LOW_MAX);
}

static void full_manifest_arrives(void **state)
{
	struct pack_result result = pack(full_text);
	const struct mux_blob_header *header = (const void *)result.blob.data;
	const struct mux_partition_record *manager;
	const char *why;

	(void)state;
	assert_string_equal(messages, "");
	assert_int_equal(manifest_check(header, result.blob.size, &why), 0);
	assert_int_equal(header->time_slice_us, 2000);
	assert_int_equal(header->poll_cpu, 3);
	assert_int_equal(header->cpu_count_min, 4);
	manager = manifest_partition(header, 1);
	assert_int_equal(manager->cid, 2);
	assert_int_equal(manager->rights, MUX_RIGHT_MANAGER);
	assert_int_equal(manager->restart, MUX_RESTART_ON_FAIL);
	assert_int_equal(manager->restart_max, 3);
	assert_int_equal(manager->start_order, 5);
	assert_int_equal(manager->flags, MUX_PARTITION_CONSOLE | MUX_PARTITION_VSOCK);
	check_web_record(header);
	check_web_boot(header);
	assert_int_equal(header->rule_count, 3);
	assert_memory_equal(manifest_rule(header, 0), (&(struct mux_rule_record){3, 2, 7000, 7000}),
			    16);
	assert_memory_equal(manifest_rule(header, 1), (&(struct mux_rule_record){2, 3, 1, 9}), 16);
	assert_memory_equal(manifest_rule(header, 2),
			    (&(struct mux_rule_record){3, 3, 0, UINT32_MAX}), 16);
	free(result.blob.data);
	free(result.depends);
}

static void same_bytes_are_stored_once(void **state)
{
	struct pack_result result = pack(full_text);
	const void *blob = result.blob.data;
	const struct mux_partition_record *web = manifest_partition(blob, 0);

	(void)state;
	/* Page tables of both partitions; text of both; two modules of one file. */
	assert_int_equal(manifest_segment(blob, 1)->offset,
			 manifest_segment(blob, web->segment_first + 1)->offset);
	assert_int_equal(manifest_segment(blob, 2)->offset,
			 manifest_segment(blob, web->segment_first + 2)->offset);
	assert_int_equal(manifest_segment(blob, web->segment_first + 4)->offset,
			 manifest_segment(blob, web->segment_first + 5)->offset);
	free(result.blob.data);
	free(result.depends);
}

/* Walks the tables as the CPU does (SDM 3A 4.5): every address of the first 4 GiB maps to itself.
 */
static void page_tables_map_4_gib_one_to_one(void **state)
{
	struct pack_result result = pack("[partition a]\nimage=image.elf\nmemory=2M\n");
	const uint8_t *tables =
		manifest_segment_data(result.blob.data, manifest_segment(result.blob.data, 1));

	(void)state;
	for (uint64_t address = 0; address < 1ULL << 32; address += 2 << 20) {
		uint64_t table = LAYOUT_PAGE_TABLES_GPA;

		for (unsigned int shift = 39; shift >= 21; shift -= 9) {
			uint64_t entry;

			memcpy(&entry,
			       tables + (table - LAYOUT_PAGE_TABLES_GPA) +
				       (address >> shift & 511) * 8,
			       sizeof(entry));
			assert_int_equal(entry & 0x83, shift == 21 ? 0x83 : 3);
			table = entry & ~0xfffULL;
		}
		assert_int_equal(table, address);
	}
	free(result.blob.data);
	free(result.depends);
}

static void depends_names_every_file(void **state)
{
	struct pack_result result = pack(full_text);
	char expected[512];

	(void)state;
	snprintf(expected, sizeof(expected),
		 "out.blob: \\\n  %s/empty \\\n  %s/a\\ module \\\n  %s/image.elf\n"
		 "%s/empty:\n%s/a\\ module:\n%s/image.elf:\n",
		 folder, folder, folder, folder, folder, folder);
	assert_string_equal(result.depends, expected);
	free(result.blob.data);
	free(result.depends);
}

/* What make would replace or take for a comment. */
static void depends_escapes_names(void **state)
{
	struct pack_result result;
	char path[128];

	(void)state;
	write_file("$(x)#", "", 0);
	result = pack("[partition a]\nimage=image.elf\nmemory=2M\nmodule=m ${ODD}\n");
	assert_string_equal(messages, "");
	assert_non_null(strstr(result.depends, "/$$(x)\\#:\n"));
	free(result.blob.data);
	free(result.depends);
	snprintf(path, sizeof(path), "%s/$(x)#", folder);
	unlink(path);
}

static void auto_cids_take_the_gaps(void **state)
{
	struct pack_result result = pack("[partition a]\nimage=image.elf\nmemory=2M\n"
					 "[partition b]\nimage=image.elf\nmemory=2M\ncid=3\n"
					 "[partition c]\nimage=image.elf\nmemory=2M\ncid=auto\n");

	(void)state;
	assert_string_equal(messages, "");
	assert_int_equal(manifest_partition(result.blob.data, 0)->cid, 4);
	assert_int_equal(manifest_partition(result.blob.data, 1)->cid, 3);
	assert_int_equal(manifest_partition(result.blob.data, 2)->cid, 5);
	free(result.blob.data);
	free(result.depends);
}

static void bad_values_are_named(void **state)
{
	(void)state;
	expect_line_4("memroy = 16M",
		      "unknown key \"memroy\"; keys here are: image memory vcpus cpus cid rights "
		      "console vsock start start-order restart stops-machine weight args module "
		      "kernel initrd cmdline");
	expect_line_4("memory = 4M", "\"memory\" is given already, on line 3");
	expect_line_4("vcpus = 0", "vcpus is a number from 1 to 8, not \"0\"");
	expect_line_4("vcpus = 1x", "vcpus is a number from 1 to 8, not \"1x\"");
	expect_line_4("cpus = 64", "a CPU is a number from 0 to 63, not \"64\"");
	expect_line_4("cpus =", "cpus is a list of CPU numbers, such as 0 1");
	expect_line_4("cpus = 0 1", "cpus names 2 CPUs for 1 vCPUs; name one, or one for each");
	expect_line_4("cid = 1024", "cid is a number from 2 to 1023, or auto, not \"1024\"");
	expect_line_4("cid = 18446744073709551618",
		      "cid is a number from 2 to 1023, or auto, not \"18446744073709551618\"");
	expect_line_4("rights = root", "rights is manager or none, not \"root\"");
	expect_line_4("console = maybe", "console is yes or no, not \"maybe\"");
	expect_line_4("start = never", "start is manual or boot, not \"never\"");
	expect_line_4("start-order = -1", "start-order is a number from 0 to 1000, not \"-1\"");
	expect_line_4("restart = often", "restart is never, on-failure or always, not \"often\"");
	expect_line_4("restart = never max 3",
		      "after the restart policy only \"max N\" may stand, not after never");
	expect_line_4("restart = always max 0",
		      "restart max is a number from 1 to 1000000, not \"0\"");
	expect_line_4("weight = 17", "weight is a number from 1 to 16, not \"17\"");
	expect_line_4("args = text", "args is text in double quotes, up to 1023 bytes");
	expect_line_4("args = \"text", "args is text in double quotes, up to 1023 bytes");
	expect_line_4("args = \"a\" b", "args is text in double quotes, up to 1023 bytes");
	expect_line_4("module = name", "module is a name and a path");
	expect_line_4("weight", "expected \"key = value\", found \"weight\"");
	expect_line_4("args = \"${NOBODY}\"",
		      "unknown variable \"NOBODY\"; give it with -D NOBODY=VALUE");
	expect_line_4("args = \"${IMAGE\"", "\"${\" without \"}\"\nt.mux:4: args is text in double "
					    "quotes, up to 1023 bytes");
}

static void bad_sections_are_named(void **state)
{
	static const char sections[] = "sections are: [machine] [partition NAME] [policy]";
	char expected[256];

	(void)state;
	snprintf(expected, sizeof(expected), "unknown section \"polcy\"; %s", sections);
	expect_line_4("[polcy]\nallow x", expected);
	snprintf(expected, sizeof(expected), "unknown section \"machine x\"; %s", sections);
	expect_line_4("[machine x]", expected);
	expect_line_4("[machine", "a section ends with \"]\"");
	expect_line_4("[partition a]", "partition \"a\" is there already, on line 1");
	expect_line_4("[partition A]", "a partition's name has 1 to 15 characters out of a-z 0-9 - "
				       "_ ., not \"A\"");
	expect_line_4("[partition]", "a partition's name has 1 to 15 characters out of a-z 0-9 - "
				     "_ ., not \"\"");
}

static void bad_machines_are_named(void **state)
{
	static const char partition[] = "[partition a]\nimage=image.elf\nmemory=2M\n";
	char text[256];

	(void)state;
	snprintf(text, sizeof(text), "[machine]\ntime-slice=99us\npoll-cpu=64\n[machine]\n%s",
		 partition);
	expect_messages(text,
			"t.mux:2: time-slice is a time from 100us to 100ms, not \"99us\"\n"
			"t.mux:3: poll-cpu is a CPU number from 0 to 63, or none, not \"64\"\n"
			"t.mux:4: [machine] is there already, on line 1\n");
	snprintf(text, sizeof(text), "[machine]\npoll-cpu=0\n%s", partition);
	expect_messages(text, "t.mux:3: CPU 0 is the polling CPU (poll-cpu) and runs no vCPU\n");
}

static void bad_rules_are_named(void **state)
{
	static const char ports[] = "ports are N, FIRST-LAST with FIRST <= LAST, or *";
	static const char form[] = "expected \"allow SOURCE -> DESTINATION : PORTS\"";
	char expected[512];

	(void)state;
	snprintf(expected, sizeof(expected),
		 "t.mux:5: %s\nt.mux:6: %s\nt.mux:7: %s\nt.mux:8: %s\n"
		 "t.mux:9: there is no partition \"b\"\nt.mux:10: \"B\" is no partition's name\n"
		 "t.mux:12: this rule is there already, on line 11\n",
		 ports, ports, form, form);
	expect_messages("[partition a]\nimage=image.elf\nmemory=2M\n[policy]\n"
			"allow a -> a : 9-3\n"
			"allow a -> a : 4294967296\n"
			"allow a -> a\n"
			"deny a -> a : 1\n"
			"allow a -> b : 1\n"
			"allow a -> B : 1\n"
			"allow a -> a : 1\n"
			"allow a -> a : 1-1\n",
			expected);
	expect_messages("[partition a]\nimage=image.elf\nmemory=2M\nvsock=no\n[policy]\n"
			"allow a -> a : 1\n",
			"t.mux:6: partition \"a\" has vsock = no\n"
			"t.mux:6: partition \"a\" has vsock = no\n");
}

static void missing_things_are_named(void **state)
{
	char expected[512];

	(void)state;
	expect_messages("", "t.mux: it has no [partition NAME] section\n");
	expect_messages("x = 1\n[partition a]\n",
			"t.mux:1: the first statement must be a section\n"
			"t.mux:2: partition \"a\" has neither image nor kernel\n"
			"t.mux:2: partition \"a\" has no memory\n");
	snprintf(expected, sizeof(expected),
		 "t.mux:2: can't read %s/nothing: No such file or directory\n"
		 "t.mux:3: memory is a multiple of 2M up to 1024G, such as 64M, not \"3M\"\n"
		 "t.mux:5: %s/empty can't be an image: it is too short for an ELF file\n"
		 "t.mux:7: can't read /nowhere: No such file or directory\n",
		 folder, folder);
	expect_messages("[partition a]\nimage=nothing\nmemory=3M\n"
			"[partition b]\nimage=empty\nmemory=2M\nmodule=x /nowhere\n",
			expected);
	expect_messages("[partition a]\nimage=image.elf\nmemory=2M\ncid=7\n"
			"[partition b]\nimage=image.elf\nmemory=2M\ncid=7\n",
			"t.mux:8: CID 7 is partition \"a\"'s already\n");
}

static void too_small_memory_is_named(void **state)
{
	static uint8_t big[2 << 20];
	char path[128];

	(void)state;
	write_file("big", big, sizeof(big));
	expect_messages("[partition a]\nimage=image.elf\nmemory=2M\nmodule=m big\n",
			"t.mux:3: memory = 2M is too small: image and modules end at 4M\n");
	snprintf(path, sizeof(path), "%s/big", folder);
	unlink(path);
}

/* A bzImage that takes 1 MiB from 1 MiB on, and wants its initrd below 2 MiB. */
static void write_bzimage(const char *name)
{
	static uint8_t image[8192];
	struct setup_header setup = {
		.setup_sects = 1,
		.boot_flag = 0xaa55,
		.header = 0x53726448,
		.version = 0x020f,
		.xloadflags = XLF_KERNEL_64,
		.pref_address = 1 << 20,
		.init_size = 1 << 20,
		.initrd_addr_max = (2 << 20) - 1,
	};

	memcpy(image + 0x1f1, &setup, sizeof(setup));
	image[0x201] = 0x6c;
	write_file(name, image, sizeof(image));
}

static void initrd_too_high_is_named(void **state)
{
	static uint8_t initrd[1 << 20];
	char path[128];

	(void)state;
	write_bzimage("kernel");
	write_file("big", initrd, sizeof(initrd));
	expect_messages("[partition a]\nkernel=kernel\nmemory=4M\ninitrd=big\n",
			"t.mux:1: kernel and initrd end at 3M, and must end below 2M\n");
	expect_messages("[partition a]\nkernel=kernel\nmemory=2M\ninitrd=big\n",
			"t.mux:3: memory = 2M is too small: kernel and initrd end at 3M\n");
	snprintf(path, sizeof(path), "%s/big", folder);
	unlink(path);
	snprintf(path, sizeof(path), "%s/kernel", folder);
	unlink(path);
}

static void kernels_and_images_do_not_mix(void **state)
{
	char expected[512];

	(void)state;
	expect_messages("[partition a]\nimage=image.elf\nmemory=2M\ninitrd=x\ncmdline=\"y\"\n",
			"t.mux:4: initrd is only for a partition with a kernel\n"
			"t.mux:5: cmdline is only for a partition with a kernel\n");
	snprintf(expected, sizeof(expected),
		 "t.mux:2: %s/empty can't be a kernel: it is neither a bzImage nor an ELF vmlinux\n"
		 "t.mux:4: can't read %s/nothing: No such file or directory\n"
		 "t.mux:5: args is not for a partition with a kernel\n"
		 "t.mux:6: cmdline is text in double quotes, up to 2047 bytes\n",
		 folder, folder);
	expect_messages("[partition a]\nkernel=empty\nmemory=2M\ninitrd=nothing\nargs=\"x\"\n"
			"cmdline=quiet\n",
			expected);
}

static void kernel_and_initrd_arrive(void **state)
{
	struct pack_result result =
		pack("[partition a]\nkernel=image.elf\nmemory=4M\ninitrd=a module\n"
		     "cmdline=\"quiet\"\n");
	const struct mux_partition_record *record;
	const struct mux_segment_record *segment;

	(void)state;
	assert_string_equal(messages, "");
	record = manifest_partition(result.blob.data, 0);
	/* Boot parameters, page tables, command line, ACPI, reset code, two parts, initrd. */
	assert_int_equal(record->segment_count, 8);
	segment = manifest_segment(result.blob.data, record->segment_first + 2);
	assert_int_equal(segment->size, 5);
	assert_memory_equal(result.blob.data + segment->offset, "quiet", 5);
	segment = manifest_segment(result.blob.data, record->segment_first + 7);
	assert_int_equal(segment->size, 5000);
	assert_int_equal(segment->gpa % 0x1000, 0);
	free(result.depends);
	free(result.blob.data);
}

static void nul_bytes_are_refused(void **state)
{
	static const char text[] = "[partition a]\0";
	const struct memory_file file = {.data = (uint8_t *)(uintptr_t)text, .size = sizeof(text)};
	const struct parse_variables none = {NULL, 0};
	struct report report = {0};

	(void)state;
	pack_manifest(manifest_path, &file, &none, NULL, &report);
	assert_int_equal(report.error_count, 2);
	assert_string_equal(report.messages[0].text, "this is no text: it has a NUL byte");
	report_write(&report, fopen("/dev/null", "w"), "t.mux");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(full_manifest_arrives),
		cmocka_unit_test(same_bytes_are_stored_once),
		cmocka_unit_test(page_tables_map_4_gib_one_to_one),
		cmocka_unit_test(depends_names_every_file),
		cmocka_unit_test(depends_escapes_names),
		cmocka_unit_test(auto_cids_take_the_gaps),
		cmocka_unit_test(bad_values_are_named),
		cmocka_unit_test(bad_sections_are_named),
		cmocka_unit_test(bad_machines_are_named),
		cmocka_unit_test(bad_rules_are_named),
		cmocka_unit_test(missing_things_are_named),
		cmocka_unit_test(too_small_memory_is_named),
		cmocka_unit_test(initrd_too_high_is_named),
		cmocka_unit_test(kernels_and_images_do_not_mix),
		cmocka_unit_test(kernel_and_initrd_arrive),
		cmocka_unit_test(nul_bytes_are_refused),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
