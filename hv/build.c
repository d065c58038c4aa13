/* SPDX-License-Identifier: MIT */
/*
 * Building of the partitions at boot: memory, nested page tables, vCPUs, devices, switch port. All
 * that ring 0 will ever need is taken here. What is lacking is told with numbers, and stops the
 * machine.
 */
#include "arch/x86_64/fpu.h"
#include "arch/x86_64/percpu.h"
#include "hv/console.h"
#include "hv/exit.h"
#include "hv/format.h"
#include "hv/log.h"
#include "hv/machine.h"
#include "hv/manifest.h"
#include "hv/mem.h"
#include "hv/partition.h"
#include "hv/sched.h"
#include "hv/vsock/switch.h"

#include <string.h>

#define VSOCK_DEVICE	  1U
#define VSOCK_CLASS	  0x078000U
#define VSOCK_IO_BASE	  0x2000U
#define VSOCK_MEMORY_BASE 0xe0000000U

static void build_region(struct partition *p, uint64_t address, uint64_t size)
{
	struct guest_region *region = &p->mem.region[p->mem.count];
	hpa_t memory;

	if (size == 0) {
		return;
	}
	if (!mem_alloc_pieces(size, &memory)) {
		panic("partition %s: no %lu MiB of contiguous memory left (%lu MiB free in all); "
		      "give it "
		      "less memory in the manifest",
		      p->name, (unsigned long)(size >> 20), (unsigned long)(mem_free() >> 20));
	}
	*region = (struct guest_region){.gpa = address, .size = size, .base = phys_to_virt(memory)};
	p->mem.count++;
}

static void build_line(void *owner, const char *text, uint32_t length)
{
	const struct partition *p = owner;
	char line[MUX_NAME_SIZE + VUART_LINE_MAX + 8];
	size_t used;

	if ((p->record->flags & MUX_PARTITION_CONSOLE) != 0) {
		used = format_text(line, sizeof(line), "%-8s| %.*s\n", p->name, (int)length, text);
		console_write(line, used);
	}
}

static void build_vsock(struct partition *p)
{
	struct vsock_port_config config = {
		.name = p->name,
		.cid = p->cid,
		.weight = p->record->weight,
		.mem = &p->mem,
		.transport = &p->transport,
	};
	struct virtio_pci_settings settings = {
		.ops = &vsock_device_ops,
		.class_code = VSOCK_CLASS,
		.io_base = VSOCK_IO_BASE,
		.memory_base = VSOCK_MEMORY_BASE,
		.send = io_send_msi,
		.send_owner = p,
	};

	config.memory = mem_alloc(vsock_port_memory_size());
	if (vsock_port_attach(&config, &p->port) != 0) {
		panic("partition %s: the switch does not take CID %u", p->name, p->cid);
	}
	settings.device = p->port;
	virtio_pci_init(&p->transport, &settings);
	vpci_add(&p->vpci, VSOCK_DEVICE, &p->transport.function);
}

static void build_devices(struct partition *p)
{
	vpci_init(&p->vpci);
	vuart_init(&p->vuart, build_line, p);
	if ((p->record->flags & MUX_PARTITION_VSOCK) != 0) {
		build_vsock(p);
	}
	vpci_reset(&p->vpci);
}

/* The CPU of a pin. A machine with fewer CPUs than the manifest counts on still runs everything,
 * more slowly: the pins wrap around, past the CPU that polls. */
static struct cpu *build_cpu(uint32_t pin)
{
	uint32_t polling = machine_poll_cpu();
	uint32_t usable = cpu_count() - (polling < cpu_count() ? 1 : 0);

	if (pin < cpu_count() && pin != polling) {
		return cpu_get(pin);
	}
	pin %= usable;
	return cpu_get(pin >= polling ? pin + 1 : pin);
}

static void build_vcpu(struct partition *p, uint32_t index)
{
	struct cpu *cpu = build_cpu(p->record->vcpu_cpu[index]);
	struct vcpu *vcpu = mem_alloc(sizeof(*vcpu));

	vcpu->partition = p;
	vcpu->index = index;
	vcpu->xsave = mem_alloc(FPU_AREA_SIZE);
	vlapic_init(&vcpu->lapic, mem_alloc(PAGE_SIZE), index, index == 0);
	if (sched_add(cpu, vcpu) != 0) {
		panic("partition %s: more than %u vCPUs on CPU %u", p->name, SCHED_VCPUS_MAX,
		      cpu->index);
	}
	virt->vcpu_create(vcpu);
	p->vcpu[index] = vcpu;
}

static void build_partition(const struct mux_partition_record *record)
{
	struct partition *p = partition_add(record);

	build_region(p, 0, manifest_memory_low(p->record));
	build_region(p, MUX_MEMORY_HIGH_BASE, manifest_memory_high(p->record));
	virt->partition_create(p);
	build_devices(p);
	for (uint32_t i = 0; i < p->vcpu_count; i++) {
		build_vcpu(p, i);
	}
}

void partition_build_all(const void *blob)
{
	const struct mux_blob_header *header = manifest_header(blob);

	vsock_switch_init();
	for (uint32_t i = 0; i < header->partition_count; i++) {
		build_partition(manifest_partition(blob, i));
	}
	for (uint32_t i = 0; i < header->rule_count; i++) {
		int error = vsock_policy_add(manifest_rule(blob, i));

		if (error != 0) {
			panic("policy rule %u of the manifest: error %d", i, error);
		}
	}
}

void partition_log_all(void)
{
	for (uint32_t i = 0; i < partition_count(); i++) {
		const struct partition *p = partition_get(i);

		log_info("partition %-12s CID %3u, %4lu MiB at 0x%lx, %u vCPU on CPU %u%s", p->name,
			 p->cid, (unsigned long)(p->record->memory_size >> 20),
			 (unsigned long)virt_to_phys(p->mem.region[0].base).value, p->vcpu_count,
			 p->vcpu[0]->cpu->index,
			 (p->record->rights & MUX_RIGHT_MANAGER) != 0 ? ", manager" : "");
	}
}
